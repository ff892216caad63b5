// What must hold before anything of a probe's body runs: this system call, this process, an object to look at.

import { currentIdValue } from "./builtin-variables.ts";
import { syscallNumber } from "./lower-arguments.ts";
import type { Lowering } from "./lowering.ts";
import { GLOBALS } from "./storage.ts";

/** Bits of a table of system calls; numbers of all machines are below. */
export const SYSCALL_BITS = 1024;
/** So many system calls are compared one by one; more are looked up in a table of bits. */
export const MOST_COMPARED = 6;

/** What must hold before anything of the script runs: this system call, this process. */
export function guards(l: Lowering, table: number | undefined, leave: ReturnType<Lowering["b"]["block"]>): void {
  const b = l.b;
  b.span = l.unit.probe.span;
  const calls = l.unit.forms.flatMap((f) => (f.syscall === undefined ? [] : [f.syscall.number]));
  if (calls.length > 0) {
    const number = syscallNumber(l, l.form.syscall?.exit === true);
    const mine = b.block("mine");
    if (table === undefined) {
      for (const [i, n] of calls.entries()) {
        if (i === calls.length - 1) b.branch("eq", number, n, mine, leave);
        else {
          const next = b.block("next");
          b.branch("eq", number, n, mine, next);
          b.seal(next);
          b.at(next);
        }
      }
    } else {
      const inside = b.block("inside");
      b.branch("ult", number, SYSCALL_BITS, inside, leave);
      b.seal(inside);
      b.at(inside);
      const byte = b.load(
        "u8",
        b.add(b.mapValue(GLOBALS, l.script.plan.tableOffsets[table] as number), b.binary("shr", number, 3)),
        0,
      );
      b.branch("set", b.binary("shr", byte, b.and(number, 7)), 1, mine, leave);
    }
    b.seal(mine);
    b.at(mine);
  }
  const env = l.script.checker.env;
  const attach = l.form.attach;
  const already = (attach.kind === "uprobe" || attach.kind === "watchpoint") && attach.pid !== undefined;
  if (
    env.pid !== undefined &&
    l.probe.special !== true &&
    l.probe.provider !== "iter" &&
    l.probe.provider !== "interval" &&
    !already
  ) {
    const mine = b.block("mine");
    b.branch("eq", currentIdValue(l, "tgid", "high"), env.pid, mine, leave);
    b.seal(mine);
    b.at(mine);
  }
  const { unless } = l.form;
  if (unless !== undefined) {
    const here = b.block("here");
    const word = b.load("u64", l.context as NonNullable<typeof l.context>, unless.offset);
    b.branch("set", word, unless.bits, leave, here);
    b.seal(here);
    b.at(here);
  }
  if (l.probe.provider === "iter") {
    // The walk ends with a call that has no object.
    const object = [...(l.form.args?.values() ?? [])].find((a) => a.name !== "meta");
    if (object?.access.kind === "context-field" && object.type.kind === "pointer") {
      const some = b.block("some");
      b.branch("ne", b.load("u64", l.context as NonNullable<typeof l.context>, object.access.offset), 0, some, leave);
      b.seal(some);
      b.at(some);
    }
  }
}
