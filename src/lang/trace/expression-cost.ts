// What it costs to evaluate an expression, roughly, where doing so has no effect: of two conditions that must both hold,
// the cheaper one is asked first.

import type { Expression } from "./ast.ts";
import type { Lowering } from "./lowering.ts";

/** Loads from the context or the current task are near; everything that calls a helper is not. */
const BUILTINS: Readonly<Record<string, number>> = {
  pid: 3,
  tid: 3,
  cpu: 2,
  ncpus: 0,
  cpid: 0,
  uid: 8,
  gid: 8,
  retval: 1,
  curtask: 2,
};

/** Undefined: the expression has effects, or what it costs is not known. */
export function costOf(l: Lowering, e: Expression): number | undefined {
  if (l.script.checker.constant(e) !== undefined || l.script.checker.constantText(e) !== undefined) return 0;
  switch (e.kind) {
    case "variable":
      return 0;
    case "identifier":
      return /^arg\d+$/.test(e.name) ? 1 : BUILTINS[e.name];
    case "field":
      if (e.object.kind !== "identifier" || e.object.type?.kind !== "args") return undefined;
      return l.form.args?.get(e.name)?.access.kind === "usdt" ? undefined : 1;
    case "unary":
      return e.operator === "*" || e.operator === "&" ? undefined : costOf(l, e.operand);
    case "cast":
      return costOf(l, e.operand);
    case "binary": {
      if (e.operator === "/" || e.operator === "%" || e.left.type?.kind === "string") return undefined;
      const left = costOf(l, e.left);
      const right = costOf(l, e.right);
      return left === undefined || right === undefined ? undefined : left + right + 1;
    }
    default:
      return undefined;
  }
}

/** The two sides of `&&` or `||` in the order in which to ask them. */
export function cheaperFirst(l: Lowering, left: Expression, right: Expression): readonly [Expression, Expression] {
  const a = costOf(l, left);
  const b = costOf(l, right);
  return a !== undefined && b !== undefined && b < a ? [right, left] : [left, right];
}
