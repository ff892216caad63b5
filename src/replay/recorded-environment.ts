// What the trace language asks of the world, answered by a recording: its probes exist, with the fields that its events
// (or its header) show. Nothing is asked of the machine at hand, so that a recording means the same everywhere.

import { type Btf, BtfWriter } from "../btf/index.ts";
import type { EventValue } from "../machine/index.ts";
import {
  isPattern,
  type ProbeEnvironment,
  patternRegExp,
  type TracepointField,
  type UsdtSite,
  type UserFunction,
} from "../probes/index.ts";
import type { Recording } from "./recording.ts";

export interface RecordedOptions {
  /** Positional parameters, `$1` first. */
  readonly params?: readonly string[];
  /** Which tests, by their names; absent: all. */
  readonly wanted?: (name: string) => boolean;
  /** Named parameters. */
  readonly named?: ReadonlyMap<string, string>;
  readonly pid?: number;
  readonly unsafe?: boolean;
  /** The script: what it asks of probes without events is taken to be numbers. */
  readonly script?: string;
  /** Probes of `test` are wanted: and of the others only those that need no events, where there are none. */
  readonly test?: boolean;
}

/** What the values of a field have been. */
interface Seen {
  text: boolean;
  negative: boolean;
  large: boolean;
  texts: boolean;
  /** Elements of the longest list of numbers. */
  list: number;
}

export class RecordedProbes {
  readonly recording: Recording;
  /** Fields of each probe's events, in the order in which they first came. */
  readonly #fields = new Map<string, Map<string, Seen>>();

  constructor(recording: Recording) {
    this.recording = recording;
    for (const name of Object.keys(recording.header.probes ?? {})) this.#fields.set(name, new Map());
    for (const event of recording.events) {
      let fields = this.#fields.get(event.probe);
      if (fields === undefined) this.#fields.set(event.probe, (fields = new Map()));
      for (const [name, value] of Object.entries(event.args ?? {})) {
        let seen = fields.get(name);
        if (seen === undefined) fields.set(name, (seen = { ...NOTHING }));
        see(seen, value);
      }
    }
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  /** Names of probes that begin with the prefix, without it. */
  below(prefix: string): string[] {
    return [...this.#fields.keys()].filter((n) => n.startsWith(prefix)).map((n) => n.slice(prefix.length));
  }

  fields(name: string): ReadonlyMap<string, Readonly<Seen>> {
    return this.#fields.get(name) ?? new Map();
  }
}

const NOTHING: Seen = { text: false, negative: false, large: false, texts: false, list: 0 };

function see(seen: Seen, value: EventValue): void {
  if (typeof value === "string") seen.text = true;
  else if (Array.isArray(value)) {
    if (value.some((v) => typeof v === "string")) seen.texts = true;
    else seen.list = Math.max(seen.list, value.length);
  } else if (typeof value === "number" || typeof value === "bigint") {
    if (value < 0) seen.negative = true;
    if (value > 0x7fff_ffff_ffff_ffffn) seen.large = true;
  }
}

/** Bytes of the fields that every record begins with (`common_type` and its like). */
const COMMON = 8;

/** The record that events without a known format are put into: a word for each number, addresses for text. */
function inferredFields(category: string, fields: ReadonlyMap<string, Readonly<Seen>>): TracepointField[] {
  let offset = COMMON;
  return [...fields].map(([name, seen]) => {
    const [type, size] = seen.texts
      ? ["const char *const *", 8]
      : seen.text
        ? category === "syscalls"
          ? ["const char *", 8]
          : ["__data_loc char[]", 4]
        : seen.list > 0
          ? [`unsigned long[${seen.list}]`, 8 * seen.list]
          : [seen.large && !seen.negative ? "unsigned long" : "long", 8];
    offset = Math.ceil(offset / 8) * 8;
    const field: TracepointField = {
      name,
      type: type as string,
      offset,
      size: size as number,
      signed: type === "long",
    };
    offset += size as number;
    return field;
  });
}

/** Registers that a static probe's arguments are put into, in order. */
const USDT_REGISTERS = "rdi rsi rdx rcx r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

/** The environment of a recording. */
export function recordedEnvironment(probes: RecordedProbes, options: RecordedOptions = {}): ProbeEnvironment {
  const { header, events } = probes.recording;
  let btf: Btf | undefined | null;
  const files = new Map<string, string>();
  for (const name of [...probes.below("uprobe:"), ...probes.below("uretprobe:"), ...probes.below("usdt:")]) {
    const path = name.slice(0, name.indexOf(":"));
    files.set(path, path);
    files.set(path.slice(path.lastIndexOf("/") + 1), path);
  }
  const matching = (prefix: string, pattern: string): string[] => {
    if (!isPattern(pattern)) return [pattern];
    const wanted = patternRegExp(pattern);
    return probes.below(prefix).filter((n) => wanted.test(n));
  };
  let asked: ReadonlyMap<string, Readonly<Seen>> | undefined;
  const askedFields = (): ReadonlyMap<string, Readonly<Seen>> =>
    (asked ??= new Map(
      [...(options.script ?? "").matchAll(/\bargs\s*(?:\.|->)\s*(\w+)/g)].map((m) => [m[1] as string, NOTHING]),
    ));
  const unique = (names: readonly string[]): string[] => [...new Set(names)];
  return {
    params: options.params ?? [],
    ...(options.named === undefined ? {} : { named: options.named }),
    ...(options.pid === undefined ? {} : { pid: options.pid }),
    ...(header.child === undefined ? {} : { childPid: header.child }),
    cpus: header.cpus ?? events.reduce((most, e) => Math.max(most, (e.cpu ?? 0) + 1), 1),
    machine: "x86_64",
    unsafe: options.unsafe ?? false,
    wants: (provider, name) =>
      options.test === true
        ? provider === "test"
          ? (options.wanted?.(name) ?? true)
          : provider !== "bench" && (events.length > 0 || provider === "begin" || provider === "end")
        : provider !== "test" && provider !== "bench",
    btf: () => {
      if (btf === undefined) btf = argumentTypes(probes) ?? null;
      return btf ?? undefined;
    },
    tracepoints: (category, name) =>
      (isPattern(category + name) ? matching("tracepoint:", `${category}:${name}`) : [`${category}:${name}`]).map(
        (whole) => ({ category: whole.slice(0, whole.indexOf(":")), name: whole.slice(whole.indexOf(":") + 1) }),
      ),
    tracepointFormat: (category, name) => {
      const whole = `tracepoint:${category}:${name}`;
      const fields = probes.fields(whole);
      return header.probes?.[whole]?.fields ?? inferredFields(category, fields.size === 0 ? askedFields() : fields);
    },
    rawTracepoints: (pattern) => matching("rawtracepoint:", pattern),
    kernelFunctions: (pattern) =>
      unique(["kprobe:", "kretprobe:", "fentry:", "fexit:"].flatMap((kind) => matching(kind, pattern))),
    recordsOnly: true,
    syscallNumber: () => undefined,
    binary: (name) => (name === "" ? undefined : (files.get(name) ?? name)),
    functions: (path, pattern): UserFunction[] =>
      unique(["uprobe:", "uretprobe:"].flatMap((kind) => matching(`${kind}${path}:`, pattern))).map((name, i) => ({
        name,
        offset: (i + 1) * 16,
        size: 0,
      })),
    usdt: (path, provider, name): UsdtSite[] => {
      const wanted = patternRegExp(`${provider}:${name}`);
      const known = probes.below(`usdt:${path}:`).filter((n) => wanted.test(n));
      const exact = known.length === 0 && !isPattern(provider + name) ? [`${provider}:${name}`] : known;
      return exact.map((whole, i) => {
        const [owner, own] = [whole.slice(0, whole.indexOf(":")), whole.slice(whole.indexOf(":") + 1)];
        const count = [...probes.fields(`usdt:${path}:${whole}`).keys()].reduce(
          (most, field) => Math.max(most, Number(/^arg(\d+)$/.exec(field)?.[1] ?? -1) + 1),
          0,
        );
        const args = USDT_REGISTERS.slice(0, count).map((r) => `8@%${r}`);
        return { provider: owner, name: own, offset: (i + 1) * 16, args: args.join(" ") };
      });
    },
    kernelAddress: () => undefined,
    userSymbol: () => undefined,
    cgroupId: () => undefined,
  };
}

/** Types that say how the arguments of raw tracepoints and functions are called: words all of them. */
function argumentTypes(probes: RecordedProbes): Btf | undefined {
  const wanted = [
    // __probestub_X has the tracepoint's own data before its arguments (include/linux/tracepoint.h).
    ...probes.below("rawtracepoint:").map((n) => ({ fn: `__probestub_${n}`, probe: `rawtracepoint:${n}`, skip: true })),
    ...["fentry:", "fexit:"].flatMap((kind) =>
      probes.below(kind).map((n) => ({ fn: n, probe: `${kind}${n}`, skip: false })),
    ),
  ];
  if (wanted.length === 0) return undefined;
  const writer = new BtfWriter();
  const long = writer.int("long", 8, { signed: true });
  const made = new Set<string>();
  for (const { fn, probe, skip } of wanted) {
    if (made.has(fn)) continue;
    made.add(fn);
    const names = [...probes.fields(probe).keys()].filter((n) => !/^arg\d+$/.test(n) && n !== "retval");
    const params = [...(skip ? ["__data"] : []), ...names].map((name) => ({ name, type: long }));
    writer.func(fn, writer.funcProto(long, params), "static");
  }
  return writer.btf();
}
