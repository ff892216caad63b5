// The BTF that goes with programs: a function type for each function, and the source lines, by which the kernel's
// verifier, `bpftool` and our own diagnostics speak in the user's lines.

import {
  type Btf,
  type BtfFunctionRecord,
  type BtfLineRecord,
  BtfWriter,
  encodeFunctionInfo,
  encodeLineInfo,
  FUNCTION_RECORD_SIZE,
  LINE_RECORD_SIZE,
  plainTypes,
} from "../btf/index.ts";
import {
  type FunctionSpec,
  type LinkedProgram,
  type ProgramType,
  pointerToMemory,
  xdpFunction,
} from "../object/index.ts";
import { lineColumn, lineText, type SourceText } from "../source/index.ts";
import { SystemCallError } from "./errors.ts";
import type { BpfAttr, Kernel } from "./kernel.ts";
import { textOf } from "./struct.ts";
import { checked } from "./system-calls.ts";

const EINVAL = 22;

/** Records of one program, as BPF_PROG_LOAD takes them. */
export interface ProgramRecords {
  readonly functions: Uint8Array;
  readonly functionCount: number;
  readonly lines: Uint8Array;
  readonly lineCount: number;
}

const identifier = (name: string): string => name.replace(/^[^A-Za-z_]|[^A-Za-z0-9_]/g, "_");

/** The struct of a program's context, which the kernel knows by its name alone (kernel/bpf/btf.c, btf_get_prog_ctx_type). */
const CONTEXT_STRUCTS: Readonly<Partial<Record<string, string>>> = {
  xdp: "xdp_md",
  sched_cls: "__sk_buff",
  sched_act: "__sk_buff",
  socket_filter: "__sk_buff",
  cgroup_skb: "__sk_buff",
};

/** Gathers the types and lines of all programs of an object into one BTF. */
export class ProgramTypes {
  readonly #writer: BtfWriter;
  readonly #source: SourceText | undefined;
  readonly #prototypes = new Map<number, number>();
  readonly #lines = new Map<number | string, number>();

  /** `own`: the object's types, where functions are known by these. */
  constructor(source: SourceText | undefined, own?: Btf) {
    this.#writer = new BtfWriter(own);
    this.#source = source;
  }

  /** `type`: the program's, whose context global functions are given. `standsIn`: the entry is to stand in for a function of an XDP program, as which it has to be typed. */
  records(program: LinkedProgram, type?: ProgramType, standsIn = false): ProgramRecords {
    const functions: BtfFunctionRecord[] = program.functions.map(
      ({ name, slot, parameters, global, type: own }, i) => ({
        slot,
        // The kernel demands static linkage of callbacks; a static function is verified at each call, with no types.
        type:
          standsIn && i === 0
            ? this.#writer.func(identifier(name), xdpFunction(this.#writer), "global")
            : own !== undefined
              ? own
              : global === undefined
                ? this.#writer.func(identifier(name), this.#prototype(i === 0 ? -1 : parameters), "static")
                : this.#global(
                    identifier(name),
                    parameters,
                    global,
                    type === undefined ? undefined : CONTEXT_STRUCTS[type],
                  ),
      }),
    );
    const lines = this.#source === undefined ? [] : this.#lineRecords(program, this.#source);
    return {
      functions: encodeFunctionInfo(functions),
      functionCount: functions.length,
      lines: encodeLineInfo(lines),
      lineCount: lines.length,
    };
  }

  /** Loads what was gathered; answers its descriptor. */
  load(kernel: Kernel): number {
    return loadBtf(kernel, this.#writer.encode(), "types of the programs");
  }

  #lineRecords(program: LinkedProgram, source: SourceText): BtfLineRecord[] {
    return program.lines.map(({ slot, span }) => {
      const own = span.file ?? source;
      const file = this.#writer.string(own.name);
      const { line, column } = lineColumn(own, span.start);
      const key = own === source ? line : `${own.name}:${line}`;
      let text = this.#lines.get(key);
      if (text === undefined)
        this.#lines.set(key, (text = this.#writer.string(lineText(own, line).replaceAll("\0", " "))));
      return { slot, file, text, line, column };
    });
  }

  /**
   * A function that is verified by its types alone: `int f(struct xdp_md *ctx, u64 a, …)`; where contexts of such programs have no
   * struct, `void *`, marked as one (Linux 6.8).
   */
  #global(
    name: string,
    parameters: number,
    { context, memory }: NonNullable<FunctionSpec["global"]>,
    struct: string | undefined,
  ): number {
    const writer = this.#writer;
    const first = (): number => {
      if (context) return writer.ptr(struct === undefined ? 0 : writer.struct(struct, 4, []));
      return memory === undefined ? writer.int("u64", 8) : pointerToMemory(writer, memory);
    };
    const params = Array.from({ length: parameters }, (_, i) => ({
      name: `a${i + 1}`,
      type: i === 0 ? first() : writer.int("u64", 8),
    }));
    const id = writer.func(name, writer.funcProto(writer.int("int", 4, { signed: true }), params), "global");
    if (context && struct === undefined) writer.declTag("arg:ctx", id, 0);
    return id;
  }

  /** `int f(u64 a, …)`; for -1, the entry: `int f(void *ctx)`. */
  #prototype(parameters: number): number {
    let id = this.#prototypes.get(parameters);
    if (id === undefined) {
      const writer = this.#writer;
      const int = writer.int("int", 4, { signed: true });
      const params =
        parameters === -1
          ? [{ name: "ctx", type: writer.ptr(0) }]
          : Array.from({ length: parameters }, (_, i) => ({ name: `a${i + 1}`, type: writer.int("u64", 8) }));
      this.#prototypes.set(parameters, (id = writer.funcProto(int, params)));
    }
    return id;
  }
}

/** Loads BTF into the kernel (BPF_BTF_LOAD); answers its descriptor. The error carries the kernel's log. */
export function loadBtf(kernel: Kernel, bytes: Uint8Array, purpose: string): number {
  const attr = kernel.bpfAttr("BTF_LOAD", { btf: bytes, btf_size: bytes.length });
  let result = kernel.bpf("BTF_LOAD", attr);
  if (result >= 0) return result;
  // An older kernel may lack a kind.
  const plain = result === -EINVAL ? plainTypes(bytes) : undefined;
  if (plain !== undefined) {
    attr.set({ btf: plain, btf_size: plain.length });
    result = kernel.bpf("BTF_LOAD", attr);
    if (result >= 0) return result;
  }
  if (result === -1 || result === -13) return checked(result, "bpf(BPF_BTF_LOAD)", purpose);
  const log = new Uint8Array(65536);
  attr.set({ btf_log_buf: log, btf_log_size: log.length, btf_log_level: 1 });
  const again = kernel.bpf("BTF_LOAD", attr);
  if (again >= 0) return again;
  throw new SystemCallError("bpf(BPF_BTF_LOAD)", -again, purpose, textOf(log).trim().split("\n").at(-1));
}

/** Adds the records of a program to its load attribute. */
export function addRecords(attr: BpfAttr<"PROG_LOAD">, btfFd: number, records: ProgramRecords): void {
  attr.set({
    prog_btf_fd: btfFd,
    func_info_rec_size: FUNCTION_RECORD_SIZE,
    func_info: records.functions,
    func_info_cnt: records.functionCount,
  });
  if (records.lineCount > 0)
    attr.set({ line_info_rec_size: LINE_RECORD_SIZE, line_info: records.lines, line_info_cnt: records.lineCount });
}
