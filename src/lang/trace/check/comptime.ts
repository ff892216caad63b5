// The value of an expression that is known before the script runs, whole: what `comptime`, `if comptime` and assertions
// are settled by. Numbers are of 64 bits, and divided by as the running script divides.

import { isAggregate, type Type } from "../../../schema/index.ts";
import type { Expression } from "../parse/index.ts";
import { arithmetic, constant, constantText } from "./constants.ts";
import { builtinOf, type CheckState, noted } from "./state.ts";

export type Known = bigint | boolean | string;

/** Undefined where only the running script knows it. */
export function comptimeValue(c: CheckState, e: Expression): Known | undefined {
  switch (e.kind) {
    case "boolean":
      return e.value;
    case "unary": {
      const inner = comptimeValue(c, e.operand);
      if (inner === undefined) return undefined;
      if (e.operator === "!") return !truthOf(inner);
      if (typeof inner === "string") return undefined;
      const n = BigInt(inner);
      return e.operator === "-" ? BigInt.asIntN(64, -n) : e.operator === "~" ? ~n : undefined;
    }
    case "binary": {
      const left = comptimeValue(c, e.left);
      if (e.operator === "&&" && left !== undefined && !truthOf(left)) return false;
      if (e.operator === "||" && left !== undefined && truthOf(left)) return true;
      const right = comptimeValue(c, e.right);
      return left === undefined || right === undefined ? undefined : binary(e.operator, left, right);
    }
    case "ternary": {
      const condition = comptimeValue(c, e.condition);
      if (condition === undefined) return undefined;
      return truthOf(condition) ? comptimeValue(c, e.then ?? e.condition) : comptimeValue(c, e.otherwise);
    }
    case "field": {
      const { object } = e;
      return object.kind === "call" ? builtinOf(c.builtins, object)?.foldFields?.(c, object)[e.name] : undefined;
    }
    case "cast":
      return noted(c, e)?.kind === "int" ? comptimeValue(c, e.operand) : undefined;
    default: {
      const text = constantText(c, e);
      if (text !== undefined) return text;
      const n = constant(c, e);
      if (n === undefined) return undefined;
      const type: Type | undefined = noted(c, e);
      return type?.kind === "bool" && !isAggregate(type) ? n !== 0n : n;
    }
  }
}

export const truthOf = (known: Known): boolean =>
  typeof known === "bigint" ? known !== 0n : typeof known === "string" ? known !== "" : known;

function binary(operator: string, left: Known, right: Known): Known | undefined {
  if (operator === "&&") return truthOf(left) && truthOf(right);
  if (operator === "||") return truthOf(left) || truthOf(right);
  if (typeof left === "string" || typeof right === "string") {
    if (typeof left !== typeof right) return undefined;
    return operator === "==" ? left === right : operator === "!=" ? left !== right : undefined;
  }
  const a = BigInt(left);
  const b = BigInt(right);
  switch (operator) {
    case "==":
      return a === b;
    case "!=":
      return a !== b;
    case "<":
      return a < b;
    case ">":
      return a > b;
    case "<=":
      return a <= b;
    case ">=":
      return a >= b;
  }
  return arithmetic(operator, a, b);
}
