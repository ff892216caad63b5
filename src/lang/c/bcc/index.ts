// BCC's dialect of C: maps with methods, programs by their names, pointers of the kernel followed as they are written.
import type { SourceText } from "../../../source/index.ts";
import type { Dialect } from "../dialect.ts";
import type { Machine } from "../headers/index.ts";
import { followPointers } from "./follow.ts";
import { BCC_HEADER } from "./header.ts";
import { KERNEL_MACROS, kernelHeader } from "./kernel-macros.ts";
import { MAP_METHODS } from "./methods.ts";
import { entryOf, programSection } from "./programs.ts";
import { namedTracepoints, type TracepointFields } from "./tracepoints.ts";
import { READER, type UsdtForms, usdtReaders } from "./usdt.ts";

export { followPointers } from "./follow.ts";
export { registerOf } from "./programs.ts";
export type { TracepointField, TracepointFields } from "./tracepoints.ts";
export type { UsdtForms } from "./usdt.ts";

export interface BccOptions {
  /** The layout of a tracepoint's records, for `struct tracepoint__…`; undefined: there is no such tracepoint. */
  readonly tracepoint?: TracepointFields;
  /** Of each function that static probes run: where their arguments are. */
  readonly usdt?: ReadonlyMap<string, UsdtForms>;
  readonly machine?: Machine;
}

/** What `BPF_TABLE("hash", …)` says its kind with. */
const TABLE = /\b(BPF_\w*TABLE\w*\s*\(\s*)"(\w+)"/g;
/** The name of a map in another one's declaration: BCC has it as a text. */
const INNER = /\b(BPF_(?:ARRAY|HASH)_OF_MAPS\s*\([^"()]*)"(\w+)"/g;
/** Programs whose contexts lead to memory that may be read as it is. */
const NEAR = /^(?:fentry|fexit|fmod_ret|lsm|iter|xdp|tc|socket|classifier|action|cgroup|sk_|sockops|lwt|flow)/;

/** The dialect for this text. */
export function bccDialect(source: SourceText, options: BccOptions = {}): Dialect {
  const machine = options.machine ?? "x86";
  const tracepoints = namedTracepoints(source.text, options.tracepoint ?? (() => undefined));
  return {
    before: [
      { name: "bcc.h", text: BCC_HEADER },
      { name: "kernel macros", text: KERNEL_MACROS },
      { name: "tracepoints", text: tracepoints.structs },
      { name: "static probes", text: usdtReaders(options.usdt ?? new Map()) },
    ],
    license: "GPL",
    plain: (text) =>
      text
        .replace(TABLE, (_, before: string, kind: string) => `${before}_${kind}_`)
        .replace(INNER, (_, before: string, inner: string) => `${before} ${inner} `),
    header: (name) => {
      const text = kernelHeader(name);
      return text === undefined ? undefined : { name, text };
    },
    methods: ({ section }) => (section === ".maps" ? MAP_METHODS : undefined),
    alias: (name, within) => {
      const n = /^bpf_usdt_readarg_(\d+)$/.exec(name)?.[1];
      return n === undefined || within === undefined ? undefined : `${READER}${within}_${n}`;
    },
    section: (fn, typing) => programSection(fn, typing, tracepoints.names),
    entry: (fn, section, typing) => entryOf(fn, section, typing, machine),
    prepare: (fn, section) => {
      // A function that is only said to have registers may be of the kernel or of a program.
      const named = section.includes("/") && !section.startsWith("kprobe/syscall__");
      followPointers(fn, { contextIsNear: NEAR.test(section), helper: named ? "probe_read_kernel" : "probe_read" });
    },
  };
}
