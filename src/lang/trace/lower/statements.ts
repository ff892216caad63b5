// Statements and control flow.

import { deadEnd, increment, scoped } from "../../../codegen/index.ts";
import { type Block, FunctionBuilder, INT, type Variable } from "../../../compiler/index.ts";
import { HEADER, sizeOf } from "../../../schema/index.ts";
import { comptimeValue, constant, isComptime, truthOf } from "../check/index.ts";
import type { Expression, Statement } from "../parse/index.ts";
import { lowerApart } from "./apart.ts";
import { lowerMapLoop } from "./map-loops.ts";
import { assignMap, combined } from "./maps.ts";
import { condition, type LoopTargets, type LowerState, leaveProbe, lowerBlock, typeOf, value } from "./state.ts";
import { assignVariable, infoOf, memoryPlace, placeOf, setVariable } from "./variables.ts";
/** One statement. */
export function lowerStatement(l: LowerState, s: Statement): void {
  const b = l.b;
  b.span = s.span;
  switch (s.kind) {
    case "expression":
    case "discard":
      effect(l, s.expression);
      return;
    case "assign":
      if (s.target.kind === "map") {
        assignMap(l, s.target, s.operator, s.value);
        return;
      }
      assignVariable(l, s.target, s.operator === "=" ? s.value : combined(l, s.target, s.operator, s.value));
      return;
    case "let":
      if (s.value !== undefined) assignVariable(l, s.variable, s.value);
      else {
        const info = infoOf(l, s.variable);
        const place = placeOf(l, info);
        if (place.kind === "value") b.write(place.variable, b.const(0));
        else if (info.type.kind !== "none") {
          const { pointer, offset } = memoryPlace(l, place);
          b.zero(pointer, offset, Math.ceil(sizeOf(info.type) / 8) * 8);
        }
      }
      return;
    case "if": {
      const known = isComptime(s.condition) ? comptimeValue(l.check, s.condition) : undefined;
      if (known !== undefined) {
        const side = truthOf(known) ? s.then : s.otherwise;
        if (side !== undefined) scoped(l, () => lowerBlock(l, side));
        return;
      }
      const then = b.block("then");
      const after = b.block("after");
      const otherwise = s.otherwise === undefined ? after : b.block("else");
      scoped(l, () => condition(l, s.condition, then, otherwise));
      b.enter(then);
      scoped(l, () => lowerBlock(l, s.then));
      b.jump(after);
      if (s.otherwise !== undefined) {
        b.enter(otherwise);
        const body = s.otherwise;
        scoped(l, () => lowerBlock(l, body));
        b.jump(after);
      }
      b.enter(after);
      return;
    }
    case "while":
      lowerWhile(
        l,
        (body, leave) => condition(l, s.condition, body, leave),
        () => lowerLoopBody(l, s),
        () => {},
      );
      return;
    case "for-range": {
      const from = value(l, s.from);
      const to = value(l, s.to);
      const info = infoOf(l, s.variable);
      // The loop counts in a variable of its own: the body may write to the one it sees.
      const counter: Variable = { name: `${s.variable.name} counter`, type: INT };
      b.write(counter, from);
      lowerWhile(
        l,
        (body, leave) => b.branch("slt", b.read(counter), to, body, leave),
        () => {
          setVariable(l, info, b.read(counter));
          lowerLoopBody(l, s);
        },
        () => b.write(counter, b.add(b.read(counter), 1)),
      );
      return;
    }
    case "for-map":
      lowerMapLoop(l, s);
      return;
    case "unroll": {
      const times = Number(constant(l.check, s.count) ?? 0n);
      const leave = b.block("unrolled");
      for (let i = 0; i < times; i++) {
        const next = b.block("unroll");
        l.loops.push({ next: () => b.jump(next), leave: () => b.jump(leave) });
        scoped(l, () => lowerBlock(l, s.body));
        l.loops.pop();
        b.jump(next);
        b.enter(next);
        // What each turn declares is new in the next one.
      }
      b.jump(leave);
      b.enter(leave);
      return;
    }
    case "break":
      (l.loops.at(-1) as LoopTargets).leave();
      deadEnd(l);
      return;
    case "continue":
      (l.loops.at(-1) as LoopTargets).next();
      deadEnd(l);
      return;
    case "inline": {
      const leave = b.block("returned");
      const { loops, inlined } = l;
      l.loops = [];
      l.inlined = { leave: () => l.b.jump(leave), result: s.result };
      scoped(l, () => lowerBlock(l, s.body));
      l.loops = loops;
      l.inlined = inlined;
      b.jump(leave);
      b.enter(leave);
      return;
    }
    case "return": {
      if (l.inlined !== undefined) {
        const { leave, result } = l.inlined;
        if (s.value !== undefined && result !== undefined) assignVariable(l, result, s.value);
        leave();
        deadEnd(l);
        return;
      }
      const result = s.value === undefined ? b.const(0) : value(l, s.value);
      leaveProbe(l, result);
      deadEnd(l);
      return;
    }
    case "block":
      lowerBlock(l, s.block);
      return;
  }
}

function lowerWhile(l: LowerState, test: (body: Block, leave: Block) => void, run: () => void, step: () => void): void {
  const b = l.b;
  const head = b.block("head");
  const check = b.block("check");
  const body = b.block("body");
  const next = b.block("next");
  const tooLong = b.block("too-long");
  const leave = b.block("leave");
  b.jump(head);
  b.at(head);
  b.mayGoto(check, tooLong);
  b.enter(check);
  scoped(l, () => test(body, leave));
  b.enter(body);
  l.loops.push({ next: () => b.jump(next), leave: () => b.jump(leave) });
  scoped(l, run);
  l.loops.pop();
  b.jump(next);
  b.enter(next);
  step();
  b.jump(head);
  b.seal(head);
  b.enter(tooLong);
  increment(l, HEADER.loops);
  b.jump(leave);
  b.enter(leave);
}

/** A turn of a loop: where its body is a function of its own, a call that answers how it goes on. */
function lowerLoopBody(l: LowerState, s: Statement & { kind: "while" | "for-range" }): void {
  // What the kernel calls back sees entries of a map, which a function that is verified by itself does not.
  if (!l.unit.outlined.has(s) || l.pairs.size > 0) {
    lowerBlock(l, s.body);
    return;
  }
  const name = `turn_${l.callbacks++}`;
  const b = new FunctionBuilder(name, [{ kind: "ctx" }], true);
  const apart = {
    loop: { next: () => b.return(0), leave: () => b.return(LEAVES) },
    leave: () => b.return(GONE),
    returned: () => b.return(RETURNED),
    context: () => b.param(0),
    pairs: new Map(),
  };
  lowerApart(l, b, apart, () => {
    lowerBlock(l, s.body);
    b.return(0);
  });
  const outer = l.b;
  const went = outer.call(name, [l.context()]);
  outer.when("eq", went, GONE, () => leaveProbe(l, 0), { unlikely: "then" });
  const { inlined } = l;
  if (inlined !== undefined) outer.when("eq", went, RETURNED, inlined.leave, { unlikely: "then" });
  outer.when("ne", went, 0, () => (l.loops.at(-1) as LoopTargets).leave(), { unlikely: "then" });
}

/** What a turn answers: 0 where the loop goes on. */
const LEAVES = 1;
const GONE = 2;
const RETURNED = 3;

/** An expression for what it does, not for its value. */
export function effect(l: LowerState, e: Expression): void {
  if (e.kind === "ternary") {
    const then = l.b.block("then");
    const otherwise = l.b.block("else");
    const after = l.b.block("after");
    scoped(l, () => condition(l, e.condition, then, otherwise));
    for (const [block, side] of [
      [then, e.then ?? e.condition],
      [otherwise, e.otherwise],
    ] as const) {
      l.b.enter(block);
      scoped(l, () => effect(l, side));
      l.b.jump(after);
    }
    l.b.enter(after);
    return;
  }
  if (
    e.kind === "identifier" ||
    e.kind === "integer" ||
    e.kind === "string" ||
    e.kind === "variable" ||
    e.kind === "parameter"
  ) {
    if (e.kind === "identifier" && typeOf(l, e).kind === "none") value(l, e);
    return;
  }
  if (e.kind === "tuple" || e.kind === "record") {
    for (const x of e.kind === "tuple" ? e.elements : e.fields.map((f) => f.value)) effect(l, x);
    return;
  }
  value(l, e, true);
}
