// What the running kernel's verifier says when it is asked by small programs: which helpers a kind of program may call,
// what of its context it may read and write, what it may return. Needs root and a kernel with BPF.

import { encode, type Instruction, Opcode } from "../../src/isa/index.ts";
import { liveKernel } from "../../src/kernel/live-kernel.ts";
import { typeId } from "../../src/kernel/relocate.ts";
import { attachType, helperCount, PROGRAM_TYPES, type ProgramType } from "../../src/object/index.ts";

export interface ProgramKind {
  /** The type, and after a `/` the attach type. */
  readonly name: string;
  readonly type: ProgramType;
  readonly attachType?: string;
  /** Of the kernel's types: what a tracing program is for. */
  readonly of?: readonly [name: string, kind: "typedef" | "func"];
  readonly sleepable?: boolean;
}

/** Every kind of program that a section can ask for, as far as this kernel can be asked about it. */
export function programKinds(): readonly ProgramKind[] {
  const kinds: ProgramKind[] = [];
  for (const type of Object.keys(PROGRAM_TYPES) as ProgramType[]) {
    if (type === "ext" || type === "struct_ops" || type === "lsm") continue;
    if (type === "tracing") {
      kinds.push({
        name: "tracing/trace_raw_tp",
        type,
        attachType: "trace_raw_tp",
        of: ["btf_trace_sched_process_exit", "typedef"],
      });
      kinds.push({ name: "tracing/trace_iter", type, attachType: "trace_iter", of: ["bpf_iter_task", "func"] });
      continue;
    }
    const names = new Set(PROGRAM_TYPES[type].sections.map((section) => section.attachType));
    for (const name of names)
      kinds.push(
        name === undefined
          ? { name: type, type, sleepable: type === "syscall" }
          : { name: `${type}/${name}`, type, attachType: name },
      );
  }
  return kinds;
}

/** Asks for a program: what the verifier says against it, "" where it says nothing, undefined where it takes it. */
export function ask(kind: ProgramKind, code: readonly Instruction[], license = "GPL"): string | undefined {
  const kernel = liveKernel();
  const log = new Uint8Array(4096);
  const attr = kernel.bpfAttr("PROG_LOAD", {
    prog_type: PROGRAM_TYPES[kind.type].number,
    insn_cnt: code.reduce((sum, i) => sum + (i.op === Opcode.LDDW ? 2 : 1), 0),
    insns: encode(code),
    license,
    prog_flags: kind.sleepable === true ? 1 << 4 : 0,
    expected_attach_type: kind.attachType === undefined ? 0 : attachType(kind.attachType),
    log_level: 1,
    log_size: log.length,
    log_buf: log,
    ...(kind.of === undefined ? {} : { attach_btf_id: typeId(kernel, ...kind.of) }),
  });
  let fd = kernel.bpf("PROG_LOAD", attr);
  for (let i = 0; fd === -11 && i < 5; i++) fd = kernel.bpf("PROG_LOAD", attr);
  if (fd >= 0) {
    kernel.calls.close(fd);
    return undefined;
  }
  const end = log.indexOf(0);
  return new TextDecoder().decode(log.subarray(0, end < 0 ? log.length : end));
}

const i = (op: number, dst: number, src: number, off: number, imm: number): Instruction => ({ op, dst, src, off, imm });
const exit = i(0x95, 0, 0, 0, 0);
const setResult = (value: number): Instruction => i(0xb7, 0, 0, 0, value);

export interface HelperAnswer {
  readonly allowed: ReadonlySet<number>;
  /** Of these: only in programs that may sleep. */
  readonly sleeping: ReadonlySet<number>;
}

/** Helpers that a kind of program may call, by number. */
export function askHelpers(kind: ProgramKind): HelperAnswer | undefined {
  if (answerOf(kind) === undefined) return undefined;
  const allowed = new Set<number>();
  const sleeping = new Set<number>();
  for (let id = 1; id < helperCount(); id++) {
    const said = ask(kind, [i(0x85, 0, 0, 0, id), setResult(0), exit]);
    if (said !== undefined && /unknown func|cannot use helper|invalid func/.test(said)) continue;
    allowed.add(id);
    if (said !== undefined && /might sleep/.test(said)) sleeping.add(id);
  }
  return { allowed, sleeping };
}

/** A result that the kernel takes of this kind of program; undefined where it takes no such program at all. */
export function answerOf(kind: ProgramKind): number | undefined {
  return [0, 1].find((value) => ask(kind, [setResult(value), exit]) === undefined);
}

const LOADS: Readonly<Record<number, number>> = { 1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79 };
const STORES: Readonly<Record<number, number>> = { 1: 0x73, 2: 0x6b, 4: 0x63, 8: 0x7b };

/** Whether this kernel lets this kind of program read or write so many bytes of the context there. */
export function askContext(kind: ProgramKind, result: number, off: number, size: number, write: boolean): boolean {
  const access = write ? i(STORES[size] as number, 1, 2, off, 0) : i(LOADS[size] as number, 2, 1, off, 0);
  const said = ask(kind, [i(0xb7, 2, 0, 0, 0), access, setResult(result), exit]);
  return said === undefined;
}

/** The least and the greatest of -1..5 and a few more that may be returned; undefined: all of them. */
export function askResults(kind: ProgramKind): readonly number[] {
  return [-2, -1, 0, 1, 2, 3, 4, 7, 127, 128, 255, 1000].filter(
    (value) => ask(kind, [setResult(value), exit]) === undefined,
  );
}
