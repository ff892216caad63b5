// What is asked of types and settled before the script runs: is_str and its like, comptime, assertions, errors of one's own.

import { eitherNumber } from "../../../codegen/index.ts";
import { BOOL, INT64, NONE, sizeOf, type Type, typeName } from "../../../schema/index.ts";
import {
  type BuiltinUse,
  type CheckState,
  check,
  comptimeValue,
  constantText,
  error,
  settled,
  truthOf,
  typeGiven,
} from "../check/index.ts";
import { operand, value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtin, Builtins, Said } from "./builtin.ts";

/** A question to a type. */
function asks(name: string, said: Said, holds: (type: Type, e: Expression, c: CheckState) => boolean): Builtin {
  const answer = (c: CheckState, use: BuiltinUse): bigint => {
    const e = use.args[0] as Expression;
    return holds(typeGiven(c, e), e, c) ? 1n : 0n;
  };
  return {
    ...said,
    signature: `${name}(expression)`,
    types: "any → bool",
    arity: [1, 1],
    cost: 0,
    check: (c, use) => {
      typeGiven(c, use.args[0] as Expression);
      return BOOL;
    },
    fold: answer,
    lower: (l, use) => ({ kind: "value", type: BOOL, value: l.b.const(answer(l.check, use)) }),
  };
}

const LITERALS: ReadonlySet<string> = new Set(["integer", "string", "boolean", "parameter"]);

/** The text of a format whose arguments are known now. */
function knownText(c: CheckState, use: BuiltinUse): string {
  let next = 1;
  return (constantText(c, use.args[0] as Expression) ?? "").replace(/%[-+ #0-9.]*(?:hh|h|ll|l)?[a-zA-Z%]/g, (spec) => {
    if (spec === "%%") return "%";
    const e = use.args[next++];
    const known = e === undefined ? undefined : comptimeValue(c, e);
    return known === undefined ? spec : String(known);
  });
}

const fails = (c: CheckState, use: BuiltinUse, text: string): Type => {
  if (c.final) error(c, "SCRY1296", text === "" ? `${use.name}() without a message` : text, use.span);
  return NONE;
};

export const typeQuestions: Builtins = {
  is_str: asks(
    "is_str",
    {
      doc: "True when it is a string. It is known before the script runs: for macros, with if comptime.",
      example:
        'macro show(x) { if comptime is_str(x) { printf("%s\\n", x); } else { printf("%d\\n", x); } } begin { show(comm); show(pid); exit(); }',
    },
    (t) => t.kind === "string",
  ),
  is_ptr: asks(
    "is_ptr",
    {
      doc: "True when it is a pointer. It is known before the script runs.",
      example: "tracepoint:syscalls:sys_enter_openat { print(is_ptr(args.filename)); exit(); }",
    },
    (t) => t.kind === "pointer",
  ),
  is_array: asks(
    "is_array",
    {
      doc: "True when it is an array. It is known before the script runs.",
      example: 'begin { print(is_array(pton("::1"))); exit(); }',
    },
    (t) => t.kind === "array",
  ),
  is_integer: asks(
    "is_integer",
    {
      doc: "True when it is an integer. It is known before the script runs.",
      example: "begin { print(is_integer(pid)); exit(); }",
    },
    (t) => t.kind === "int",
  ),
  is_unsigned_integer: asks(
    "is_unsigned_integer",
    {
      doc: "True when it is an integer without a sign. It is known before the script runs.",
      example: "begin { print(is_unsigned_integer(pid)); exit(); }",
    },
    (t) => t.kind === "int" && !t.signed,
  ),
  is_literal: asks(
    "is_literal",
    {
      doc: "True when it is a literal. It is known before the script runs.",
      example: "begin { print(is_literal(5)); exit(); }",
    },
    (_t, e) => LITERALS.has(e.kind),
  ),
  strcap: {
    doc: "Bytes that a string may have, its end included. It is known before the script runs.",
    signature: "strcap(string)",
    types: "string → int64",
    example: "begin { print(strcap(comm)); exit(); }",
    arity: [1, 1],
    cost: 0,
    check: (c, use) => {
      const type = check(c, use.args[0] as Expression);
      if (type.kind !== "string" && type.kind !== "none")
        error(c, "SCRY1280", `strcap() expects a string argument (${typeName(type)} provided)`, use.span);
      return INT64;
    },
    fold: (c, use) => {
      const type = check(c, use.args[0] as Expression);
      return type.kind === "string" ? BigInt(sizeOf(type)) : undefined;
    },
  },
  comptime: {
    doc: "The value of an expression that is known before the script runs; one that is not is refused. With `if comptime` the other side is not compiled.",
    signature: "comptime expression",
    types: "any → its type",
    example: 'begin { print(comptime getopt("count", 3)); exit(); }',
    arity: [1, 1],
    cost: 0,
    check: (c, use) => {
      const e = use.args[0] as Expression;
      const type = check(c, e);
      if (settled(c) && comptimeValue(c, e) === undefined)
        return error(c, "SCRY1297", "Unable to resolve comptime expression", use.span);
      return type;
    },
    fold: (c, use) => {
      const known = comptimeValue(c, use.args[0] as Expression);
      return typeof known === "boolean" ? (known ? 1n : 0n) : typeof known === "bigint" ? known : undefined;
    },
    foldText: (c, use) => {
      const known = comptimeValue(c, use.args[0] as Expression);
      return typeof known === "string" ? known : undefined;
    },
    lower: (l, use) => operand(l, use.args[0] as Expression),
  },
  static_assert: {
    doc: "Refuses the script, with this message, where a condition that is known before it runs does not hold.",
    signature: 'static_assert(condition, "message")',
    types: "int or bool, string literal → none",
    example:
      'macro named(x) { static_assert(strcap(x) > 8, "a longer string is needed"); print(x); } begin { named(comm); exit(); }',
    arity: [2, 2],
    check: (c, use) => {
      const [condition, message] = use.args as [Expression, Expression];
      check(c, condition);
      check(c, message);
      const known = comptimeValue(c, condition);
      if (known === undefined && settled(c))
        return error(c, "SCRY1297", "Unable to resolve comptime expression", condition.span);
      return known === undefined || truthOf(known) ? NONE : fails(c, use, constantText(c, message) ?? "");
    },
    lower: () => ({ kind: "none" }),
  },
  fail: {
    doc: "Refuses the script with an error of its own, where it is reached by what is known before it runs.",
    signature: 'fail("format", …)',
    types: "string literal, … → none",
    example:
      'macro text(x) { if comptime (!is_str(x)) { fail("a string is needed"); } else { print(x); } } begin { text(comm); exit(); }',
    arity: [1, 129],
    check: (c, use) => {
      for (const e of use.args) check(c, e);
      const format = use.args[0] as Expression;
      if (constantText(c, format) === undefined)
        return error(c, "SCRY1270", "fail() requires a string literal for its format", format.span);
      return fails(c, use, knownText(c, use));
    },
    lower: () => ({ kind: "none" }),
  },
  is_err: {
    doc: "True when it is an error of the kernel in place of an address (IS_ERR of linux/err.h).",
    signature: "is_err(pointer)",
    types: "pointer or int → bool",
    example: "kretprobe:filp_open /is_err(retval)/ { @failed[comm] = count(); }",
    arity: [1, 1],
    check: (c, use) => {
      check(c, use.args[0] as Expression);
      return BOOL;
    },
    lower: (l, use) => {
      const v = value(l, use.args[0] as Expression);
      // The last 4095 addresses are none.
      const answer = eitherNumber(l, (yes, no) => l.b.branch("uge", v, -4095n, yes, no), 1, 0);
      return { kind: "value", type: BOOL, value: answer };
    },
  },
};
