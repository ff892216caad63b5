// What must hold before anything of a probe's body runs: this system call, this process, an object to look at.

import type { Block } from "../compiler/index.ts";
import { providerOf } from "../probes/index.ts";
import { Follow, GLOBALS, SELECTION } from "../schema/index.ts";
import { syscallNumber } from "./arguments.ts";
import { currentId, globalId } from "./current-task.ts";
import { followedByte } from "./follow-programs.ts";
import { contextOf, type ProgramState } from "./state.ts";

/** Bits of a table of system calls; numbers of all machines are below. */
export const SYSCALL_BITS = 1024;
/** So many system calls are compared one by one; more are looked up in a table of bits. */
export const MOST_COMPARED = 6;

/**
 * Goes to `leave` where something of it does not hold. `calls` are the numbers of the system calls that are meant, where
 * they are many looked up in a table of bits, the `table`-th of the storage plan.
 */
export function guards(p: ProgramState, calls: readonly number[], table: number | undefined, leave: Block): void {
  const b = p.b;
  b.span = p.span;
  if (calls.length > 0) {
    const number = syscallNumber(p, p.variant.syscall?.exit === true);
    const mine = b.block("mine");
    if (table === undefined) {
      for (const [i, n] of calls.entries()) {
        if (i === calls.length - 1) b.branch("eq", number, n, mine, leave);
        else {
          const next = b.block("next");
          b.branch("eq", number, n, mine, next);
          b.enter(next);
        }
      }
    } else {
      b.must("ult", number, SYSCALL_BITS, leave);
      const byte = b.load(
        "u8",
        b.add(b.mapValue(GLOBALS, p.object.plan.tableOffsets[table] as number), b.binary("shr", number, 3)),
        0,
      );
      b.branch("set", b.binary("shr", byte, b.and(number, 7)), 1, mine, leave);
    }
    b.enter(mine);
  }
  if (providerOf(p.probe.provider)?.anyProcess !== true) whose(p, leave);
  const { unless } = p.variant;
  if (unless !== undefined) {
    const event = b.block("event");
    b.branch("set", b.load("u64", contextOf(p), unless.offset), unless.bits, leave, event);
    b.enter(event);
  }
  if (p.probe.provider === "iter") {
    // The walk ends with a call that has no object.
    const object = [...(p.variant.args?.values() ?? [])].find((a) => a.name !== "meta");
    if (object?.access.kind === "context-field" && object.type.kind === "pointer") {
      b.must("ne", b.load("u64", contextOf(p), object.access.offset), 0, leave);
    }
  }
}

/** Only what the traced processes do. */
function whose(p: ProgramState, leave: Block): void {
  const b = p.b;
  const { pid, follow, cgroup } = p.object;
  const attach = p.variant.attach;
  const already = (attach.kind === "uprobe" || attach.kind === "watchpoint") && attach.pid !== undefined;
  if (pid !== undefined && !already) b.must("eq", currentId(p, "process"), pid, leave);
  if (follow) b.must("ne", b.load("u8", followedByte(b, globalId(p, "process")), 0), Follow.no, leave);
  if (cgroup) {
    // Negative where there is no such group.
    const within = b.helper("current_task_under_cgroup", [b.map(SELECTION.cgroup), b.const(0)]);
    b.must("eq", within, 1, leave);
  }
}
