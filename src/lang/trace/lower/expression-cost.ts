// What it costs to evaluate an expression, roughly, where doing so has no effect: of two conditions that must both hold,
// the cheaper one is asked first.

import { builtinOf, constant, constantText } from "../check/index.ts";
import type { Expression } from "../parse/index.ts";
import { type LowerState, typeOf } from "./state.ts";

/** Undefined: the expression has effects, or what it costs is not known. */
export function costOf(l: LowerState, e: Expression): number | undefined {
  if (constant(l.check, e) !== undefined || constantText(l.check, e) !== undefined) return 0;
  switch (e.kind) {
    case "variable":
      return 0;
    case "identifier":
      return builtinOf(l.builtins, e)?.cost;
    case "field":
      if (e.object.kind !== "identifier" || typeOf(l, e.object).kind !== "args") return undefined;
      return l.variant.args?.get(e.name)?.access.kind === "usdt" ? undefined : 1;
    case "unary":
      return e.operator === "*" || e.operator === "&" ? undefined : costOf(l, e.operand);
    case "cast":
      return costOf(l, e.operand);
    case "binary": {
      if (e.operator === "/" || e.operator === "%" || typeOf(l, e.left).kind === "string") return undefined;
      const left = costOf(l, e.left);
      const right = costOf(l, e.right);
      return left === undefined || right === undefined ? undefined : left + right + 1;
    }
    default:
      return undefined;
  }
}

/** The two sides of `&&` or `||` in the order in which to ask them. */
export function cheaperFirst(l: LowerState, left: Expression, right: Expression): readonly [Expression, Expression] {
  const a = costOf(l, left);
  const b = costOf(l, right);
  return a !== undefined && b !== undefined && b < a ? [right, left] : [left, right];
}
