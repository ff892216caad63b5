// Types of expressions.

import { typeOfBtf } from "../../../probes/index.ts";
import {
  BOOL,
  INT64,
  isAggregate,
  isNumeric,
  isReadableAggregate,
  NONE,
  type Type,
  typeName,
  UINT64,
  utf8Length,
} from "../../../schema/index.ts";
import { nearest } from "../../../source/index.ts";
import type { CallExpression, Expression, IdentifierExpression } from "../parse/index.ts";
import { constant, isInteger } from "./constants.ts";
import { fieldType } from "./fields.ts";
import { refuseFloats } from "./floats.ts";
import { headerConstant } from "./header-constants.ts";
import { mapUse, setValue, useKey } from "./maps.ts";
import { binaryType, castType, unaryType } from "./operators.ts";
import { checkStatements } from "./reachability.ts";
import {
  type BuiltinUse,
  bind,
  builtinOf,
  type CheckedBuiltin,
  type CheckState,
  check,
  enterScope,
  error,
  firstProbe,
  firstVariant,
  leaveScope,
  lookup,
  note,
  warn,
} from "./state.ts";
import { joinTypes, storable, storedType } from "./type-rules.ts";
import { typeFrom, valued } from "./types.ts";
import { narrowMap } from "./widths.ts";

/** Characters of a text that a message shows. */
const MOST_SHOWN = 200;
const beginning = (text: string): string => (text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text);

/** The type of an expression; those within it are noted. */
export function expressionType(c: CheckState, e: Expression): Type {
  switch (e.kind) {
    case "integer":
      return e.value > 0x7fff_ffff_ffff_ffffn ? UINT64 : INT64;
    case "boolean":
      return BOOL;
    case "string":
      if (utf8Length(e.value) >= c.options.maxStrlen && !c.literals.has(e))
        error(c, "SCRY1277", `String is too long (over ${c.options.maxStrlen} bytes): ${beginning(e.value)}`, e.span);
      return { kind: "string", size: utf8Length(e.value) + 1 };
    case "parameter":
      if (e.index > 0 && (c.env.params[e.index - 1] ?? "") === "")
        warn(c, "SCRY1254", `Positional parameter $${e.index} is empty or not provided.`, e.span);
      return parameterType(c, e.index);
    case "variable": {
      const info = lookup(c, e.name);
      if (info === undefined) return error(c, "SCRY1216", `Undefined or undeclared variable: ${e.name}`, e.span);
      bind(c, e, info);
      if (info.declaredAt !== undefined && info.assigned !== true) {
        warn(c, "SCRY1298", `Variable used before it was assigned: ${e.name}`, e.span);
        if (info.untyped === true && c.final)
          return error(c, "SCRY1246", "Could not resolve the type of this variable", e.span);
      }
      return info.type;
    }
    case "map": {
      const use = useKey(c, e);
      if (use.valueType === undefined && c.final && !c.diagnostics.some((d) => d.message.endsWith(e.name)))
        return error(c, "SCRY1205", `Undefined map: ${e.name}`, e.span);
      if (e.key === undefined && use.keyType !== undefined) return NONE;
      return use.valueType ?? NONE;
    }
    case "identifier":
      return identifierType(c, e);
    case "call":
      return callType(c, e);
    case "field":
      return fieldType(c, e);
    case "index": {
      const object = check(c, e.object);
      const index = check(c, e.index);
      if (object.kind === "none" || index.kind === "none") return NONE;
      if (object.kind === "tuple") {
        const at = constant(c, e.index);
        if (at === undefined) return error(c, "SCRY1217", "A tuple can only be indexed by a constant", e.index.span);
        return (
          object.elements[Number(at)] ??
          error(c, "SCRY1218", `Invalid tuple index: ${at}. Found ${object.elements.length} elements in tuple.`, e.span)
        );
      }
      if (index.kind !== "int" && index.kind !== "bool")
        return error(
          c,
          "SCRY1217",
          `The array index operator [] only accepts integer (literal or variable) indices, got ${typeName(index)}`,
          e.index.span,
        );
      if (object.kind === "array") {
        const at = constant(c, e.index);
        if (at !== undefined && (at < 0n || at >= BigInt(object.count)))
          return error(c, "SCRY1219", `the index ${at} is out of bounds for array of size ${object.count}`, e.span);
        return object.of;
      }
      if (object.kind === "pointer")
        return object.to ?? error(c, "SCRY1220", "A void pointer cannot be indexed", e.span);
      if (object.kind === "string") return { kind: "int", bits: 8, signed: true };
      return error(
        c,
        "SCRY1220",
        `The array index operator [] can only be used on arrays and pointers, found ${typeName(object)}.`,
        e.span,
      );
    }
    case "unary":
      return unaryType(c, e.operator, e.operand, e.span);
    case "increment": {
      if (e.target.kind === "map") {
        useKey(c, e.target);
        setValue(c, e.target, INT64, e.span);
        const held = mapUse(c, e.target.name).valueType ?? INT64;
        if (refuseFloats(c, `'${e.by === 1 ? "++" : "--"}'`, [held], e.span) !== undefined) return NONE;
        if (held.kind !== "int" && held.kind !== "pointer")
          return error(
            c,
            "SCRY1210",
            `The ${e.by === 1 ? "++" : "--"} operator can not be used on a map of type ${typeName(held)}`,
            e.span,
          );
        narrowMap(c, e.target.name, "value", undefined, held);
        note(c, e.target, held);
        return held;
      }
      const info = lookup(c, e.target.name);
      if (info === undefined)
        return error(c, "SCRY1216", `Undefined or undeclared variable: ${e.target.name}`, e.target.span);
      bind(c, e.target, info);
      if (refuseFloats(c, `'${e.by === 1 ? "++" : "--"}'`, [info.type], e.span) !== undefined) return NONE;
      if (info.type.kind !== "int" && info.type.kind !== "pointer" && info.type.kind !== "none")
        return error(
          c,
          "SCRY1210",
          `The ${e.by === 1 ? "++" : "--"} operator can not be used on ${typeName(info.type)}`,
          e.span,
        );
      info.narrow = info.type;
      return info.type;
    }
    case "binary":
      return binaryType(c, e);
    case "ternary": {
      const condition = check(c, e.condition);
      if (refuseFloats(c, "A condition", [condition], e.condition.span) !== undefined) return NONE;
      if (condition.kind !== "none" && !isNumeric(condition) && condition.kind !== "string")
        error(c, "SCRY1201", `Invalid condition in ternary: ${typeName(condition)}`, e.condition.span);
      const then = e.then === undefined ? condition : check(c, e.then);
      const otherwise = check(c, e.otherwise);
      if (then.kind === "none" && otherwise.kind === "none") return NONE;
      if (then.kind === "none" || otherwise.kind === "none") {
        return then.kind === "none" && (e.then ?? e.condition).kind !== "call"
          ? otherwise
          : otherwise.kind === "none"
            ? then
            : otherwise;
      }
      return (
        joinTypes(storedType(valued(c, then)), storedType(valued(c, otherwise))) ??
        error(
          c,
          "SCRY1221",
          `Ternary operator must return the same type: have '${typeName(then)}' and '${typeName(otherwise)}'`,
          e.span,
        )
      );
    }
    case "cast":
      return castType(c, typeFrom(c, e.to, e.operand), e.operand, e.span, {
        start: e.span.start,
        end: e.to.span.end + ")".length,
      });
    case "tuple": {
      const elements = e.elements.map((x) => storedType(elementType(c, x)));
      return elements.some((t) => t.kind === "none") ? NONE : { kind: "tuple", elements };
    }
    case "record": {
      const elements = e.fields.map((f) => storedType(elementType(c, f.value)));
      return elements.some((t) => t.kind === "none")
        ? NONE
        : { kind: "record", names: e.fields.map((f) => f.name), elements };
    }
    case "block": {
      enterScope(c);
      checkStatements(c, e.statements);
      const type = check(c, e.value);
      leaveScope(c);
      return type;
    }
  }
}

export function elementType(c: CheckState, e: Expression): Type {
  const type = valued(c, check(c, e));
  if (isAggregate(type))
    return isReadableAggregate(type) && e.kind !== "call"
      ? { kind: "int", bits: 64, signed: "signed" in type && type.signed }
      : error(c, "SCRY1222", `Map type ${typeName(type)} cannot exist inside a tuple.`, e.span);
  if (type.kind !== "none" && !storable(type))
    return error(c, "SCRY1222", `${typeName(type)} cannot exist inside a tuple`, e.span);
  return type;
}

export function parameterType(c: CheckState, index: number): Type {
  if (index === 0) return INT64;
  const text = c.env.params[index - 1];
  if (text === undefined || isInteger(text)) return INT64;
  return { kind: "string", size: utf8Length(text) + 1 };
}

function identifierType(c: CheckState, e: IdentifierExpression): Type {
  const builtin = builtinOf(c.builtins, e);
  if (builtin !== undefined) {
    if ((builtin.arity?.[0] ?? 0) > 0)
      return error(c, "SCRY1223", `Unknown identifier: '${e.name}'`, e.span, [
        `It is a function: ${builtin.signature}`,
      ]);
    return builtinType(c, builtin, e);
  }
  const btf = c.env.btf();
  const enumerator = btf?.enumerator(e.name);
  if (btf !== undefined && enumerator !== undefined) return typeOfBtf(btf, enumerator.type, "kernel");
  if (headerConstant(e.name) !== undefined) return INT64;
  // The probe has it, but by its field.
  const own =
    c.unit.variants[0]?.args?.has(e.name) === true ? (c.unit.resolved[0]?.variables ? "vars" : "args") : undefined;
  const hints = own === undefined ? nearest(e.name, names(c, "variable")) : [`Did you mean '${own}.${e.name}'?`];
  return error(c, "SCRY1223", `Unknown identifier: '${e.name}'`, e.span, hints);
}

const UNSAFE = {
  function: "an unsafe function being used in safe mode",
  macro: "unsafe. To use you need the --unsafe flag",
} as const;

function callType(c: CheckState, e: CallExpression): Type {
  // Formats, names and messages; what is printed is a text of its own.
  if (e.name !== "print") for (const argument of e.args) if (argument.kind === "string") c.literals.add(argument);
  const builtin = builtinOf(c.builtins, e);
  const callable = builtin !== undefined && (builtin.arity !== undefined || e.args.length === 0);
  if (builtin === undefined || !callable) {
    for (const a of e.args) check(c, a);
    return error(c, "SCRY1224", `Unknown function: '${e.name}'`, e.span, nearest(e.name, names(c, "function")));
  }
  if (builtin.unsafe !== undefined && !c.env.unsafe)
    error(c, "SCRY1225", `${e.name}() is ${UNSAFE[builtin.unsafe]}`, e.span, [
      "Use --unsafe to allow functions with side effects on the system",
    ]);
  const [least, most] = builtin.arity ?? [0, 0];
  if (e.args.length < least || e.args.length > most)
    return error(c, "SCRY1226", `${e.name}() ${arity(least, most, e.args.length)}`, e.span, [builtin.signature]);
  return builtinType(c, builtin, e);
}

const arity = (least: number, most: number, given: number): string => {
  const some = (n: number): string => (n === 1 ? "one argument" : `${n} arguments`);
  const wanted =
    least === most
      ? `requires ${least === 0 ? "no arguments" : least === 1 ? "1 argument" : some(least)}`
      : given < least
        ? `requires at least ${some(least)}`
        : `takes up to ${some(most)}`;
  return `${wanted} (${given} provided)`;
};

function builtinType(c: CheckState, builtin: CheckedBuiltin, use: BuiltinUse): Type {
  const { where } = builtin;
  if (where !== undefined && !where.allows(firstVariant(c), firstProbe(c)))
    return error(c, "SCRY1241", where.message(use, firstProbe(c)), use.span);
  return builtin.check(c, use);
}

/** Names to suggest, in the table's order. */
export const names = (c: CheckState, kind: "variable" | "function"): string[] =>
  [...c.builtins]
    .filter(([, b]) => (kind === "function" ? b.arity !== undefined : b.arity === undefined || b.alsoVariable === true))
    .map(([name]) => name);
