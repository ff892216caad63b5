// Programs that keep what is known of processes' mappings true (see lower-unwind.ts).
//
// A process that becomes another program, or ends, is forgotten; one that another has split off has what that one has.
// The command of `-c` is moreover stopped for a moment
// whenever code is mapped into it, until its tables are there: no stack of it is cut, however short it lives.

import { FunctionBuilder, INT, type IrProgram, type Value } from "../compiler/index.ts";
import { ProcessEntry, UNWIND } from "../schema/index.ts";
import { request } from "./unwind-tables.ts";

/** asm-generic/signal.h, asm-generic/mman-common.h; arch/x86/entry/syscalls/syscall_64.tbl */
const SIGSTOP = 19;
const PROT_EXEC = 4;
const MAP_ANONYMOUS = 0x20;
const MMAP = 9;
/** struct pt_regs of x86-64: number of the system call, third and fourth argument. */
const PT_REGS = { number: 120, protection: 96, flags: 56 } as const;

export interface UnwindProgram {
  readonly ir: IrProgram;
  readonly tracepoint: string;
}

/** Where struct task_struct has the ids of the thread and of its process (bytes). */
export interface TaskIds {
  readonly pid: number;
  readonly tgid: number;
}

/** The programs; `child` is the process of `-c`. */
export function unwindPrograms(child: number | undefined, ids: TaskIds | undefined): UnwindProgram[] {
  const programs = [
    { ir: program("scry_unwind_exec", (b) => changed(b, child)), tracepoint: "sched_process_exec" },
    { ir: program("scry_unwind_exit", (b) => ended(b)), tracepoint: "sched_process_exit" },
  ];
  if (ids !== undefined)
    programs.push({ ir: program("scry_unwind_fork", (b) => forked(b, ids)), tracepoint: "sched_process_fork" });
  if (child !== undefined)
    programs.push({ ir: program("scry_unwind_mmap", (b) => mapped(b, child)), tracepoint: "sys_exit" });
  return programs;
}

function program(name: string, body: (b: FunctionBuilder) => void): IrProgram {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
  body(b);
  b.return(0);
  return { name, functions: [b.finish()] };
}

function forget(b: FunctionBuilder, process: Value): void {
  const key = b.slot(8);
  b.store(32, key, 0, process);
  b.helper("map_delete_elem", [b.map(UNWIND.processes), key]);
}

/** Goes on where the condition holds; elsewhere the program ends. */
function only(b: FunctionBuilder, condition: "eq" | "ne" | "sge" | "set", left: Value, right: number): void {
  const yes = b.block("yes");
  const no = b.block("no");
  b.branch(condition, left, right, yes, no);
  b.enter(no);
  b.return(0);
  b.enter(yes);
}

function hold(b: FunctionBuilder, process: Value): void {
  b.helper("send_signal", [b.const(SIGSTOP)]);
  request(b, process, 0, b.slot(16));
}

function changed(b: FunctionBuilder, child: number | undefined): void {
  const process = b.binary("shr", b.helper("get_current_pid_tgid", [], INT), 32);
  forget(b, process);
  if (child === undefined) return;
  only(b, "eq", process, child);
  hold(b, process);
}

function ended(b: FunctionBuilder): void {
  const both = b.helper("get_current_pid_tgid", [], INT);
  const process = b.binary("shr", both, 32);
  // The first thread; where others live on, they are seen as a process that is not known.
  only(b, "eq", b.binary("sub", process, b.zext(both, 32)), 0);
  forget(b, process);
}

/** Arguments: the parent's task, the child's. */
function forked(b: FunctionBuilder, ids: TaskIds): void {
  const parent = b.binary("shr", b.helper("get_current_pid_tgid", [], INT), 32);
  const key = b.slot(8);
  b.store(32, key, 0, parent);
  const entry = b.helper("map_lookup_elem", [b.map(UNWIND.processes), key], {
    kind: "map-value",
    map: UNWIND.processes,
    nullable: true,
  });
  only(b, "ne", entry, 0);
  const copy = b.slot(ProcessEntry.size);
  b.copy(copy, 0, entry, 0, ProcessEntry.size);
  const task = b.load("u64", b.param(0), 8);
  const word = b.slot(8);
  const read = (offset: number): Value => {
    b.store(64, word, 0, 0);
    b.helper("probe_read_kernel", [word, b.const(4), b.add(task, offset)]);
    return b.load("u32", word, 0);
  };
  const thread = read(ids.pid);
  const process = read(ids.tgid);
  // A thread of the same process has what the process has.
  only(b, "eq", b.binary("sub", thread, process), 0);
  b.store(32, key, 0, process);
  b.helper("map_update_elem", [b.map(UNWIND.processes), key, copy, b.const(0)]);
}

function mapped(b: FunctionBuilder, child: number): void {
  const process = b.binary("shr", b.helper("get_current_pid_tgid", [], INT), 32);
  only(b, "eq", process, child);
  only(b, "sge", b.load("u64", b.param(0), 8), 0);
  const word = b.slot(8);
  const registers = b.load("u64", b.param(0), 0);
  const read = (offset: number): Value => {
    b.store(64, word, 0, 0);
    b.helper("probe_read_kernel", [word, b.const(8), b.add(registers, offset)]);
    return b.load("u64", word, 0);
  };
  only(b, "eq", read(PT_REGS.number), MMAP);
  only(b, "set", read(PT_REGS.protection), PROT_EXEC);
  only(b, "eq", b.and(read(PT_REGS.flags), MAP_ANONYMOUS), 0);
  hold(b, process);
}
