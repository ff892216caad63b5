// Functions that send something to the reader: printf and its kin, time, join, cat, system.

import { joinInto } from "../../../codegen/index.ts";
import {
  type EventAction,
  type FormatPart,
  type FormatSpec,
  isAggregate,
  isNumeric,
  isReadableAggregate,
  NONE,
  parseFormat,
  type Type,
  typeName,
} from "../../../schema/index.ts";
import { type BuiltinUse, type CheckState, check, constantText, error } from "../check/index.ts";
import { emitEvent, formatEvent, typeOf, value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtin, Builtins } from "./builtin.ts";

const NUMERIC = "diouxXcp";

/** Checks a format and its arguments; gives the format's parts. */
function checkFormat(c: CheckState, call: BuiltinUse): FormatPart[] | undefined {
  const e = call.args[0] as Expression;
  check(c, e);
  const format = constantText(c, e);
  if (format === undefined) {
    error(c, "SCRY1270", `${call.name}() requires a string literal for its format`, e.span);
    for (const a of call.args.slice(1)) check(c, a);
    return undefined;
  }
  const parts = parseFormat(format, (spec) =>
    error(c, "SCRY1271", `${call.name}: unsupported format specifier: ${spec}`, e.span, [
      "There are no floating point numbers in BPF",
    ]),
  );
  const specs = parts.filter((p): p is FormatSpec => typeof p !== "string");
  const wanted = specs.length;
  const args = call.args.slice(1);
  const types = args.map((a) => check(c, a));
  if (args.length !== wanted) {
    error(
      c,
      "SCRY1272",
      args.length < wanted
        ? `not enough arguments for format string (${args.length} supplied, ${wanted} expected)`
        : `too many arguments for format string (${args.length} supplied, ${wanted} expected)`,
      call.span,
    );
    return undefined;
  }
  let next = 0;
  for (const spec of specs) {
    const type = types[next] as Type;
    const place = (args[next] as Expression).span;
    next++;
    if (type.kind === "none") {
      if (c.final && !c.diagnostics.some((d) => d.severity === "error"))
        error(c, "SCRY1273", `${call.name}: ${spec.text} has no value to print`, place);
      continue;
    }
    const mismatch = (): Type =>
      error(c, "SCRY1273", `unsupported format specifier for type '${typeName(type)}': ${spec.conversion}`, call.span);
    if (NUMERIC.includes(spec.conversion)) {
      if (!isNumeric(type) && type.kind !== "username" && type.kind !== "ksym") mismatch();
    } else if (spec.conversion.startsWith("r")) {
      if (type.kind !== "buffer") mismatch();
    } else if (isAggregate(type) && !isReadableAggregate(type)) mismatch();
    else if (type.kind === "args" || type.kind === "ctx" || type.kind === "struct") mismatch();
  }
  return parts;
}

function formatted(
  name: string,
  doc: string,
  action: (format: readonly FormatPart[]) => EventAction,
  unsafe = false,
): Builtin {
  return {
    doc,
    signature: `${name}(format, …)`,
    arity: [1, 129],
    ...(unsafe ? { unsafe } : {}),
    check: (c, call) => {
      checkFormat(c, call);
      return NONE;
    },
    lower: (l, call) => {
      const text = constantText(l.check, call.args[0] as Expression) ?? "";
      formatEvent(
        l,
        parseFormat(text, () => {}),
        call.args.slice(1),
        action,
      );
      return { kind: "none" };
    },
  };
}

function located(name: "errorf" | "warnf", doc: string): Builtin {
  const stream = name === "errorf" ? "error" : "warn";
  const base = formatted(name, doc, (format) => ({ kind: "printf", format, stream }));
  return {
    ...base,
    lower: (l, call) => {
      const text = constantText(l.check, call.args[0] as Expression) ?? "";
      formatEvent(
        l,
        parseFormat(text, () => {}),
        call.args.slice(1),
        (format) => ({ kind: "printf", format, stream, span: call.span }),
      );
      return { kind: "none" };
    },
  };
}

export const outputBuiltins: Builtins = {
  printf: formatted("printf", "Prints by a format.", (format) => ({ kind: "printf", format, stream: "out" })),
  errorf: located("errorf", "Prints an error by a format, with the place in the script."),
  warnf: located("warnf", "Prints a warning by a format, with the place in the script."),
  cat: formatted("cat", "Prints a file.", (format) => ({ kind: "cat", format })),
  system: formatted("system", "Runs a shell command.", (format) => ({ kind: "system", format }), true),
  time: {
    doc: "Prints the time of day by a format of strftime(3).",
    signature: "time([format])",
    arity: [0, 1],
    check: (c, call) => {
      const e = call.args[0];
      if (e !== undefined) {
        check(c, e);
        if (constantText(c, e) === undefined)
          error(c, "SCRY1270", "time() requires a string literal for its format", e.span);
      }
      return NONE;
    },
    lower: (l, call) => {
      const e = call.args[0];
      const format = e === undefined ? "%H:%M:%S\n" : (constantText(l.check, e) ?? "");
      emitEvent(l, { kind: "time", format }, [], "events");
      return { kind: "none" };
    },
  },
  join: {
    doc: "Prints an array of strings (char **), such as argv.",
    signature: "join(array[, separator])",
    arity: [1, 2],
    check: (c, call) => {
      const type = check(c, call.args[0] as Expression);
      if (type.kind !== "none" && type.kind !== "int" && type.kind !== "pointer")
        error(c, "SCRY1274", `join() only supports int or pointer arguments (${typeName(type)} provided)`, call.span);
      const separator = call.args[1];
      if (separator !== undefined) {
        check(c, separator);
        if (constantText(c, separator) === undefined)
          error(c, "SCRY1270", "join() requires a string literal for its separator", separator.span);
      }
      return NONE;
    },
    lower: (l, call) => {
      const separator = call.args[1];
      const e = call.args[0] as Expression;
      const array = typeOf(l, e);
      joinInto(
        l,
        value(l, e),
        array.kind === "pointer" ? array.space : "user",
        separator === undefined ? " " : (constantText(l.check, separator) ?? " "),
      );
      return { kind: "none" };
    },
  },
};
