// getopt: parameters of a script by their names, which are known before it runs.

import { BOOL, INT64, type Type, utf8Length } from "../../../schema/index.ts";
import {
  type BuiltinUse,
  type CheckState,
  check,
  constantText,
  error,
  isInteger,
  parseInteger,
} from "../check/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtins } from "./builtin.ts";

type ParameterValue = string | bigint | boolean;

/** A literal's value; undefined for any other expression. */
function literalOf(e: Expression | undefined): ParameterValue | undefined {
  if (e === undefined) return false;
  if (e.kind === "string" || e.kind === "boolean" || e.kind === "integer") return e.value;
  if (e.kind === "unary" && e.operator === "-" && e.operand.kind === "integer") return -e.operand.value;
  return undefined;
}

/** What the parameter is: as given, or as it is without being given; a text instead says what is wrong with it. */
function given(c: CheckState, use: BuiltinUse): { readonly value: ParameterValue } | { readonly wrong: string } {
  const name = constantText(c, use.args[0] as Expression) ?? "";
  const otherwise = literalOf(use.args[1]) ?? false;
  const text = c.env.named?.get(name);
  if (text === undefined) return { value: otherwise };
  const wrong = (what: string): { readonly wrong: string } => ({
    wrong: `program command line option --${name} ${what} (value: ${text})`,
  });
  if (typeof otherwise === "string") return text === "true" ? wrong("expects a string") : { value: text };
  if (typeof otherwise === "bigint") {
    if (isInteger(text)) return { value: parseInteger(text) };
    return wrong(text === "true" ? "expects an integer" : "invalid integer");
  }
  if (/^(?:true|1)$/i.test(text)) return { value: true };
  if (/^(?:false|0)$/i.test(text)) return { value: false };
  return wrong("expects a boolean (e.g. 'true')");
}

const parameterValue = (c: CheckState, use: BuiltinUse): ParameterValue => {
  const found = given(c, use);
  return "value" in found ? found.value : false;
};

export const parameterBuiltins: Builtins = {
  getopt: {
    doc: "A parameter of the script by its name: --name=value behind --. What it is without being given says its type; without that it is a switch. --help behind -- shows all.",
    signature: 'getopt("name"[, default[, "help"]])',
    types: "string literal, literal, string literal → its type",
    example: 'begin { print(getopt("count", 10, "how many")); exit(); }',
    arity: [1, 3],
    cost: 0,
    check: (c, use): Type => {
      const [nameArgument, otherwise, help] = use.args;
      if (nameArgument?.kind !== "string")
        return error(
          c,
          "SCRY1255",
          "First argument to 'getopt' must be a string literal.",
          nameArgument?.span ?? use.span,
        );
      for (const e of use.args) check(c, e);
      const value = literalOf(otherwise);
      if (value === undefined)
        return error(
          c,
          "SCRY1255",
          "Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal.",
          otherwise?.span ?? use.span,
        );
      if (help !== undefined && help.kind !== "string")
        return error(c, "SCRY1255", "Third argument to 'getopt' must be a string literal.", help.span);
      const name = nameArgument.value;
      const before = c.parameters.get(name);
      if (before !== undefined && before.otherwise !== value)
        return error(
          c,
          "SCRY1255",
          `Command line option '${name}' needs to have the same default value in all places it is used. Previous default value: ${before.otherwise}`,
          use.span,
        );
      if (before === undefined || help !== undefined)
        c.parameters.set(name, { otherwise: value, help: help?.kind === "string" ? help.value : "" });
      const found = given(c, use);
      if ("wrong" in found) return error(c, "SCRY1256", found.wrong, use.span);
      if (typeof found.value === "string") return { kind: "string", size: utf8Length(found.value) + 1 };
      return typeof found.value === "boolean" ? BOOL : INT64;
    },
    fold: (c, use) => {
      const value = parameterValue(c, use);
      return typeof value === "string" ? undefined : BigInt(value);
    },
    foldText: (c, use) => {
      const value = parameterValue(c, use);
      return typeof value === "string" ? value : undefined;
    },
  },
};
