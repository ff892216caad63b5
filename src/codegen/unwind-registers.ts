// What unwinding begins with, the registers of the process; and the return addresses that return probes have taken.

import { type Block, INT, type Value, type Variable } from "../compiler/index.ts";
import { register } from "../elf/index.ts";
import { contextOf, once, type ProgramState } from "./state.ts";

/** CS of 64-bit code in user mode (arch/x86/include/asm/segment.h: __USER_CS). */
const USER_CS = 0x33;
const X86_CS = 136;
/** Linux before 5.15 has no bpf_task_pt_regs: the registers are at the end of the task's stack (x86-64: THREAD_SIZE, sizeof(struct pt_regs)). */
const REGISTERS_ON_STACK = 16384 - 168;

export interface Registers {
  readonly ip: Variable;
  readonly sp: Variable;
  readonly bp: Variable;
}

/** How the present frame was come by. */
export const FrameKind = {
  /** The code was interrupted here. */
  INTERRUPTED: 0,
  /** It called: its address is the one behind the call. */
  CALLING: 1,
  /** The same, and frame pointers have led here: whether they are right shows in the address. */
  GUESSED: 3,
} as const;

export const variable = (name: string): Variable => ({ name, type: INT });

/** The registers of the process: those of the context, or those that it came into the kernel with. */
export function userRegisters(p: ProgramState, none: Block): Registers {
  const b = p.b;
  const registers: Registers = { ip: variable("ip"), sp: variable("sp"), bp: variable("bp") };
  const got = b.block("registers");
  const offsets = { ip: offsetOf("rip"), sp: offsetOf("rsp"), bp: offsetOf("rbp") } as const;
  const take = (from: Value): void => {
    for (const name of ["ip", "sp", "bp"] as const) b.write(registers[name], b.load("u64", from, offsets[name]));
    b.jump(got);
  };
  const { context, attach } = p.variant;
  if (context === "registers" && attach.kind === "uprobe") {
    p.b.must("eq", b.load("u64", contextOf(p), X86_CS), USER_CS, none);
    take(contextOf(p));
  } else {
    if (context === "perf") {
      const user = b.block("user");
      const kernel = b.block("kernel");
      b.branch("eq", b.load("u64", contextOf(p), X86_CS), USER_CS, user, kernel);
      p.b.enter(user);
      take(contextOf(p));
      p.b.enter(kernel);
    }
    taskRegisters(p, none, take);
  }
  p.b.enter(got);
  return registers;
}

const offsetOf = (name: string): number => register(name, "x86_64")?.offset ?? 0;

function taskRegisters(p: ProgramState, none: Block, take: (from: Value) => void): void {
  const b = p.b;
  const { target } = p.object;
  if (target.lacks?.("currentTaskBtf") !== true) {
    const task = once(p, "task", () => b.helper("get_current_task_btf", [], { kind: "kernel", type: "task_struct" }));
    const from = b.helper("task_pt_regs", [task], { kind: "kernel", type: "pt_regs" });
    // Threads of the kernel's own have zeros there.
    p.b.must("eq", b.load("u64", from, X86_CS), USER_CS, none);
    take(from);
    return;
  }
  const btf = target.btf();
  const id = btf?.find("task_struct", "struct");
  const stack = id === undefined ? undefined : btf?.field(id, ["stack"]);
  if (stack === undefined) {
    b.jump(none);
    p.b.enter(b.block("unreached"));
    return;
  }
  const copy = b.slot(168);
  const read = (size: number, address: Value): void => {
    p.b.must("eq", b.helper("probe_read_kernel", [copy, b.const(size), address]), 0, none);
  };
  read(8, b.add(b.helper("get_current_task", []), stack.bitOffset / 8));
  read(168, b.add(b.load("u64", copy, 0), REGISTERS_ON_STACK));
  p.b.must("eq", b.load("u64", copy, X86_CS), USER_CS, none);
  take(copy);
}

/** Where the kernel keeps what return addresses were that its return probes have replaced (kernel/events/uprobes.c). */
export interface ReturnProbes {
  /** In task_struct, and in what that points to. */
  readonly path: readonly [number, number];
  /** In each of the list's entries: where on the stack the address was, and what it was. */
  readonly stack: number;
  readonly address: number;
  readonly next: number;
}

const MOST_RETURNS = 64;

/** Where these lists are on this kernel; undefined where its types do not say it. */
export function returnProbes(p: ProgramState): ReturnProbes | undefined {
  const btf = p.object.target.btf();
  const offset = (struct: string, name: string): number => {
    const id = btf?.find(struct, "struct");
    const field = id === undefined ? undefined : btf?.field(id, [name]);
    return field === undefined ? Number.NaN : field.bitOffset / 8;
  };
  const found: ReturnProbes = {
    path: [offset("task_struct", "utask"), offset("uprobe_task", "return_instances")],
    stack: offset("return_instance", "stack"),
    address: offset("return_instance", "orig_ret_vaddr"),
    next: offset("return_instance", "next"),
  };
  return [...found.path, found.stack, found.address, found.next].some(Number.isNaN) ? undefined : found;
}

/** Writes the return address that was at a place of the stack before a return probe took it. */
export function replacedReturn(
  p: ProgramState,
  probes: ReturnProbes,
  place: Value,
  ip: Variable,
  words: Value,
  none: Block,
): void {
  const b = p.b;
  const entry = variable("return-probe");
  const found = b.block("replaced");
  const read = (address: Value): Value => {
    p.b.must("eq", b.helper("probe_read_kernel", [words, b.const(8), address]), 0, none);
    return b.load("u64", words, 0);
  };
  const task = read(b.add(b.helper("get_current_task", []), probes.path[0]));
  p.b.must("ne", task, 0, none);
  b.write(entry, read(b.add(task, probes.path[1])));
  p.b.loop(MOST_RETURNS, (_turn, leave) => {
    p.b.must("ne", b.read(entry), 0, leave);
    const other = b.block("other");
    b.branch("eq", read(b.add(b.read(entry), probes.stack)), place, found, other);
    p.b.enter(other);
    b.write(entry, read(b.add(b.read(entry), probes.next)));
  });
  b.jump(none);
  p.b.enter(found);
  b.write(ip, read(b.add(b.read(entry), probes.address)));
}
