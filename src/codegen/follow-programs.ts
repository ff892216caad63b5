// Programs that keep the table of followed processes true (schema/selection.ts).
//
// Whoever is started gets the byte of who starts it, before it runs for the first time. So does everybody else, and what a
// number's last owner was is forgotten. Threads have numbers of the same kind: their bytes are of no meaning.

import { type Block, FunctionBuilder, INT, type IrProgram, type Value } from "../compiler/index.ts";
import { FOLLOW_PROGRAMS, Follow, PID_LIMIT, SELECTION } from "../schema/index.ts";

/** How a program on sched_process_fork learns the child's number: from its task, or from the event's record (bytes). */
export type ChildId = { readonly taskField: number } | { readonly recordField: number };

/** How a program on sched_process_exit learns whether others of the process live on: task_struct.signal, its `live` (bytes). */
export interface LiveThreads {
  readonly signal: number;
  readonly live: number;
}

export interface FollowProgram {
  readonly ir: IrProgram;
  readonly on: "fork" | "exit";
}

/** The byte of a process. */
export const followedByte = (b: FunctionBuilder, process: Value): Value =>
  b.add(b.mapValue(SELECTION.followed, 0), b.and(process, PID_LIMIT - 1));

/** The programs; with `log`, the one that tells who has started whom. Without `threads`, a process ends with its first one. */
export function followPrograms(child: ChildId, threads: LiveThreads | undefined, log: boolean): FollowProgram[] {
  const programs: FollowProgram[] = [
    { ir: program(FOLLOW_PROGRAMS.fork, (b) => forked(b, child)), on: "fork" },
    { ir: program(FOLLOW_PROGRAMS.exit, (b, leave) => exited(b, threads, leave)), on: "exit" },
  ];
  if (log) programs.push({ ir: program(FOLLOW_PROGRAMS.log, (b) => logged(b, child)), on: "fork" });
  return programs;
}

function program(name: string, body: (b: FunctionBuilder, leave: Block) => void): IrProgram {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
  const leave = b.block("leave");
  body(b, leave);
  b.jump(leave);
  b.enter(leave);
  b.return(0);
  return { name, functions: [b.finish()] };
}

const current = (b: FunctionBuilder): Value => b.binary("shr", b.helper("get_current_pid_tgid", [], INT), 32);

function childNumber(b: FunctionBuilder, child: ChildId): Value {
  return "recordField" in child
    ? b.load("u32", b.param(0), child.recordField)
    : readWord(b, b.load("u64", b.param(0), 8), child.taskField, 4);
}

/** A word of the kernel's memory; 0 where there is none. */
function readWord(b: FunctionBuilder, from: Value, offset: number, size: 4 | 8): Value {
  const word = b.slot(8);
  b.store(64, word, 0, 0);
  b.helper("probe_read_kernel", [word, b.const(size), b.add(from, offset)]);
  return b.load(size === 4 ? "u32" : "u64", word, 0);
}

function forked(b: FunctionBuilder, child: ChildId): void {
  const parent = followedByte(b, current(b));
  const own = followedByte(b, childNumber(b, child));
  // In this order: where the parent is found to be followed in between, whoever found it sees the child, too.
  b.store(8, own, 0, Follow.no);
  b.when("ne", b.load("u8", parent, 0), Follow.no, () => b.store(8, own, 0, Follow.lives));
}

function exited(b: FunctionBuilder, threads: LiveThreads | undefined, leave: Block): void {
  const both = b.helper("get_current_pid_tgid", [], INT);
  const process = b.binary("shr", both, 32);
  const own = followedByte(b, process);
  b.must("ne", b.load("u8", own, 0), Follow.no, leave);
  if (threads === undefined) b.must("eq", b.binary("sub", process, b.zext(both, 32)), 0, leave);
  else {
    // Who ends is who runs here, whatever kind of program this is.
    const signal = readWord(b, b.helper("get_current_task", [], INT), threads.signal, 8);
    b.must("eq", readWord(b, signal, threads.live, 4), 0, leave);
  }
  b.store(8, own, 0, Follow.ended);
}

function logged(b: FunctionBuilder, child: ChildId): void {
  const key = b.slot(8);
  const value = b.slot(8);
  b.store(32, key, 0, childNumber(b, child));
  b.store(32, value, 0, current(b));
  b.helper("map_update_elem", [b.map(SELECTION.forks), key, value, b.const(0)]);
}
