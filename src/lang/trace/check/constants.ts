// What is known of an expression before the script runs.

import type { Expression } from "../parse/index.ts";
import { headerConstant } from "./header-constants.ts";
import { type BuiltinUse, builtinOf, type CheckedBuiltin, type CheckState } from "./state.ts";

/** With fewer or more arguments than it takes, nothing is known of a use but that it is wrong. */
function folded(c: CheckState, use: BuiltinUse): CheckedBuiltin | undefined {
  const builtin = builtinOf(c.builtins, use);
  const [least, most] = builtin?.arity ?? [0, 0];
  return use.args.length < least || use.args.length > most ? undefined : builtin;
}

/** Decimal, `0x…`, or octal with a leading 0, as strtoull(3) takes it. */
export const isInteger = (text: string): boolean => /^-?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.test(text);

export function parseInteger(text: string): bigint {
  if (text.startsWith("-")) return -parseInteger(text.slice(1));
  return BigInt(/^0[0-7]+$/.test(text) ? `0o${text.slice(1)}` : text);
}

/** What arithmetic gives, in 64 bits as the running script has it; undefined for what is none. */
export function arithmetic(operator: string, a: bigint, b: bigint): bigint | undefined {
  const wide = (n: bigint): bigint => BigInt.asIntN(64, n);
  switch (operator) {
    case "+":
      return wide(a + b);
    case "-":
      return wide(a - b);
    case "*":
      return wide(a * b);
    case "/":
      return b === 0n ? 1n : wide(a / b);
    case "%":
      return b === 0n ? 1n : wide(a % b);
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "<<":
      return wide(a << (b & 63n));
    case ">>":
      return a >> (b & 63n);
    default:
      return undefined;
  }
}

/** The number of an expression; undefined where only the running script knows it. */
export function constant(c: CheckState, e: Expression): bigint | undefined {
  switch (e.kind) {
    case "integer":
      return e.value;
    case "boolean":
      return e.value ? 1n : 0n;
    case "parameter": {
      if (e.index === 0) return BigInt(c.env.params.length);
      const text = c.env.params[e.index - 1];
      if (text === undefined) return 0n;
      return isInteger(text) ? parseInteger(text) : undefined;
    }
    case "identifier":
    case "call": {
      if (builtinOf(c.builtins, e) !== undefined) return folded(c, e)?.fold?.(c, e);
      // An enumerator of the kernel comes before a macro of the headers.
      return e.kind === "call" || c.env.btf()?.enumerator(e.name) !== undefined ? undefined : headerConstant(e.name);
    }
    case "unary": {
      if (e.operator !== "-") return undefined;
      const value = constant(c, e.operand);
      return value === undefined ? undefined : -value;
    }
    case "binary": {
      const left = constant(c, e.left);
      const right = left === undefined ? undefined : constant(c, e.right);
      return left === undefined || right === undefined ? undefined : arithmetic(e.operator, left, right);
    }
    default:
      return undefined;
  }
}

/** The text of an expression; undefined where only the running script knows it. */
export function constantText(c: CheckState, e: Expression): string | undefined {
  switch (e.kind) {
    case "string":
      return e.value;
    case "parameter":
      return e.index === 0 ? undefined : (c.env.params[e.index - 1] ?? "");
    case "identifier":
    case "call":
      return folded(c, e)?.foldText?.(c, e);
    default:
      return undefined;
  }
}
