// Lowers the checked body of a unit to the IR: what must hold before it runs, then the body.

import { cpuPart, guards, increment, type ObjectState, programState } from "../../../codegen/index.ts";
import type { IrFunction } from "../../../compiler/index.ts";
import type { ProbeVariant, ResolvedProbe } from "../../../probes/index.ts";
import { HEADER } from "../../../schema/index.ts";
import type { CheckState, Unit } from "../check/index.ts";
import { lowerCondition } from "./conditions.ts";
import { lowerValue } from "./expressions.ts";
import { lowerInto, lowerOperand } from "./memory.ts";
import { condition, type LoweredBuiltin, type LowerRules, type LowerState, leave, lowerBlock } from "./state.ts";
import { lowerStatement } from "./statements.ts";
/** Bytes of memory that the functions need for themselves. */
export interface SlotBytes {
  readonly total: number;
  readonly largest: number;
}

/**
 * The functions of a unit's program, its own first. A program that another task's run of it may interrupt on the same CPU
 * must not share the CPU's scratch memory with it: with `exclusive`, the second run gives up and is counted.
 */
export function lowerUnit(
  object: ObjectState,
  check: CheckState,
  unit: Unit,
  builtins: ReadonlyMap<string, LoweredBuiltin>,
  name: string,
  table: number | undefined,
  exclusive = false,
): readonly IrFunction[] {
  check.unit = unit;
  let busy: number | undefined;
  if (exclusive) {
    busy = object.frameBytes;
    object.frameBytes += 8;
  }
  const probe = unit.resolved[0] as ResolvedProbe;
  const variant = unit.variants[0] as ProbeVariant;
  const l: LowerState = {
    ...programState(object, probe, variant, unit.probe.span, name),
    check,
    unit,
    builtins,
    rules,
    places: new Map(),
    loops: [],
    leaveFunction: undefined,
    inlined: undefined,
    pairs: new Map(),
    busy,
  };
  const b = l.b;
  const done = b.block("done");
  const calls = unit.variants.flatMap((f) => (f.syscall === undefined ? [] : [f.syscall.number]));
  guards(l, calls, table, done);
  if (busy !== undefined) takeScratch(l, busy);
  const { predicate } = unit.probe;
  if (predicate !== undefined) {
    b.span = predicate.span;
    const body = b.block("body");
    const skip = busy === undefined ? done : b.block("skip");
    condition(l, predicate, body, skip);
    if (skip !== done) {
      b.enter(skip);
      leave(l, 0);
    }
    b.enter(body);
  }
  lowerBlock(l, unit.probe.body);
  leave(l, 0);
  b.enter(done);
  b.return(0);
  return [b.finish(), ...l.functions];
}

const rules: LowerRules = {
  value: lowerValue,
  operand: lowerOperand,
  into: lowerInto,
  condition: lowerCondition,
  statement: lowerStatement,
};

/** Says that scratch memory is in use; a run that finds it so gives up. */
function takeScratch(l: LowerState, busy: number): void {
  const b = l.b;
  const free = b.block("free");
  const taken = b.block("taken");
  b.branch("eq", b.atomic("xchg", 64, cpuPart(l), busy, b.const(1), true), 0, free, taken, { unlikely: "else" });
  b.enter(taken);
  increment(l, HEADER.missed);
  b.return(0);
  b.enter(free);
}

export function slotBytes(functions: readonly IrFunction[]): SlotBytes {
  const sizes = functions.flatMap((f) =>
    f.blocks.flatMap((x) => x.instrs.flatMap((i) => (i.operation.op === "slot" ? [i.operation.size] : []))),
  );
  return { total: sizes.reduce((n, s) => n + s, 0), largest: Math.max(0, ...sizes) };
}
