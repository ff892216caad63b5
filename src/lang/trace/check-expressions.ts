// Types of expressions.

import type { Span } from "../../source/index.ts";
import type { CallExpression, Expression, FieldExpression, IdentifierExpression } from "./ast.ts";
import { typeOfBtf } from "./btf-types.ts";
import { builtinFunctions } from "./builtin-functions.ts";
import { builtinVariables } from "./builtin-variables.ts";
import type { Checker } from "./checker.ts";
import { headerConstant } from "./header-constants.ts";
import { nearest } from "./nearest.ts";
import type { ProbeForm, ResolvedProbe } from "./probes.ts";
import { intResult, isInteger, joinTypes, laterFunctions, storable, storedType, utf8Length } from "./type-rules.ts";
import {
  BOOL,
  INT64,
  isAggregate,
  isNumeric,
  isReadableAggregate,
  NONE,
  sameType,
  type Type,
  typeName,
  UINT64,
} from "./types.ts";

export function check(c: Checker, e: Expression): Type {
  const type = typeOf(c, e);
  e.type = type;
  return type;
}

export function typeOf(c: Checker, e: Expression): Type {
  switch (e.kind) {
    case "integer":
      return e.value > 0x7fff_ffff_ffff_ffffn ? UINT64 : INT64;
    case "boolean":
      return BOOL;
    case "string":
      return { kind: "string", size: utf8Length(e.value) + 1 };
    case "parameter":
      return parameterType(c, e.index);
    case "variable": {
      const info = c.lookup(e.name);
      if (info === undefined) return c.error("SCRY1216", `Undefined or undeclared variable: ${e.name}`, e.span);
      c.bind(e, info);
      return info.type;
    }
    case "map": {
      const use = c.useKey(e);
      if (use.valueType === undefined && c.final && !c.diagnostics.some((d) => d.message.endsWith(e.name)))
        return c.error("SCRY1205", `Undefined map: ${e.name}`, e.span);
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
      const object = c.check(e.object);
      const index = c.check(e.index);
      if (object.kind === "none" || index.kind === "none") return NONE;
      if (object.kind === "tuple") {
        const at = c.constant(e.index);
        if (at === undefined) return c.error("SCRY1217", "A tuple can only be indexed by a constant", e.index.span);
        return (
          object.elements[Number(at)] ??
          c.error("SCRY1218", `Invalid tuple index: ${at}. Found ${object.elements.length} elements in tuple.`, e.span)
        );
      }
      if (index.kind !== "int" && index.kind !== "bool")
        return c.error(
          "SCRY1217",
          `The array index operator [] only accepts integer (literal or variable) indices, got ${typeName(index)}`,
          e.index.span,
        );
      if (object.kind === "array") {
        const at = c.constant(e.index);
        if (at !== undefined && (at < 0n || at >= BigInt(object.count)))
          return c.error("SCRY1219", `the index ${at} is out of bounds for array of size ${object.count}`, e.span);
        return object.of;
      }
      if (object.kind === "pointer")
        return object.to ?? c.error("SCRY1220", "A void pointer cannot be indexed", e.span);
      if (object.kind === "string") return { kind: "int", bits: 8, signed: true };
      return c.error(
        "SCRY1220",
        `The array index operator [] can only be used on arrays and pointers, found ${typeName(object)}.`,
        e.span,
      );
    }
    case "unary":
      return unaryType(c, e.operator, e.operand, e.span);
    case "increment": {
      if (e.target.kind === "map") {
        c.useKey(e.target);
        c.setValue(e.target, INT64, e.span);
        const held = c.mapUse(e.target.name).valueType ?? INT64;
        if (held.kind !== "int" && held.kind !== "pointer")
          return c.error(
            "SCRY1210",
            `The ${e.by === 1 ? "++" : "--"} operator can not be used on a map of type ${typeName(held)}`,
            e.span,
          );
        e.target.type = held;
        return held;
      }
      const info = c.lookup(e.target.name);
      if (info === undefined)
        return c.error("SCRY1216", `Undefined or undeclared variable: ${e.target.name}`, e.target.span);
      c.bind(e.target, info);
      if (info.type.kind !== "int" && info.type.kind !== "pointer" && info.type.kind !== "none")
        return c.error(
          "SCRY1210",
          `The ${e.by === 1 ? "++" : "--"} operator can not be used on ${typeName(info.type)}`,
          e.span,
        );
      return info.type;
    }
    case "binary":
      return binaryType(c, e);
    case "ternary": {
      const condition = c.check(e.condition);
      if (condition.kind !== "none" && !isNumeric(condition) && condition.kind !== "string")
        c.error("SCRY1201", `Invalid condition in ternary: ${typeName(condition)}`, e.condition.span);
      const then = e.then === undefined ? condition : c.check(e.then);
      const otherwise = c.check(e.otherwise);
      if (then.kind === "none" && otherwise.kind === "none") return NONE;
      if (then.kind === "none" || otherwise.kind === "none") {
        return then.kind === "none" && (e.then ?? e.condition).kind !== "call"
          ? otherwise
          : otherwise.kind === "none"
            ? then
            : otherwise;
      }
      return (
        joinTypes(storedType(then), storedType(otherwise)) ??
        c.error(
          "SCRY1221",
          `Ternary operator must return the same type: have '${typeName(then)}' and '${typeName(otherwise)}'`,
          e.span,
        )
      );
    }
    case "cast":
      return castType(c, c.typeFrom(e.to, e.operand), e.operand, e.span);
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
      c.enter();
      for (const s of e.statements) c.statement(s);
      const type = c.check(e.value);
      c.leave();
      return type;
    }
  }
}

export function elementType(c: Checker, e: Expression): Type {
  const type = c.check(e);
  if (isAggregate(type))
    return isReadableAggregate(type)
      ? { kind: "int", bits: 64, signed: "signed" in type && type.signed }
      : c.error("SCRY1222", `Map type ${typeName(type)} cannot exist inside a tuple.`, e.span);
  if (type.kind !== "none" && !storable(type))
    return c.error("SCRY1222", `${typeName(type)} cannot exist inside a tuple`, e.span);
  return type;
}

export function parameterType(c: Checker, index: number): Type {
  if (index === 0) return INT64;
  const text = c.env.params[index - 1];
  if (text === undefined || isInteger(text)) return INT64;
  return { kind: "string", size: utf8Length(text) + 1 };
}

export function identifierType(c: Checker, e: IdentifierExpression): Type {
  const numbered = /^(s?)arg(\d+)$/.exec(e.name);
  const builtin = builtinVariables[numbered === null ? e.name : "argN"];
  if (builtin !== undefined) return builtin.check(c, e);
  const named = builtinFunctions[e.name];
  if (named !== undefined && named.arity[0] > 0)
    return c.error("SCRY1223", `Unknown identifier: '${e.name}'`, e.span, [`It is a function: ${named.signature}`]);
  if (named !== undefined)
    return (
      named.check(c, {
        kind: "call",
        name: e.name,
        nameSpan: e.span,
        args: [],
        span: e.span,
      }) ?? NONE
    );
  const enumerator = c.env.btf()?.enumerator(e.name);
  if (enumerator !== undefined) {
    const btf = c.env.btf();
    return btf === undefined ? NONE : typeOfBtf(btf, enumerator.type, "kernel");
  }
  if (headerConstant(e.name) !== undefined) return INT64;
  return c.error("SCRY1223", `Unknown identifier: '${e.name}'`, e.span, nearest(e.name, Object.keys(builtinVariables)));
}

export function callType(c: Checker, e: CallExpression): Type {
  const builtin = builtinFunctions[e.name];
  if (builtin === undefined) {
    const variable = builtinVariables[e.name];
    if (variable !== undefined && e.args.length === 0)
      return variable.check(c, { kind: "identifier", name: e.name, span: e.span });
    for (const a of e.args) c.check(a);
    if (laterFunctions.has(e.name)) return c.error("SCRY1911", `${e.name}() is not supported yet`, e.nameSpan);
    return c.error(
      "SCRY1224",
      `Unknown function: '${e.name}'`,
      e.nameSpan,
      nearest(e.name, Object.keys(builtinFunctions)),
    );
  }
  const [least, most] = builtin.arity;
  if (builtin.unsafe === true && !c.env.unsafe)
    c.error("SCRY1225", `${e.name}() is an unsafe function being used in safe mode`, e.nameSpan, [
      "Use --unsafe to allow functions with side effects on the system",
    ]);
  if (e.args.length < least || e.args.length > most) {
    const wanted =
      least === most
        ? `${least} argument${least === 1 ? "" : "s"}`
        : e.args.length < least
          ? `at least ${least} argument${least === 1 ? "" : "s"}`
          : most === 0
            ? "no arguments"
            : `up to ${most} arguments`;
    return c.error("SCRY1226", `${e.name}() requires ${wanted} (${e.args.length} provided)`, e.span, [
      `${builtin.signature}`,
    ]);
  }
  return builtin.check(c, e);
}

/** `args.x`, `task.pid`, `$kv.0`, `$r.name` */
export function fieldType(c: Checker, e: FieldExpression): Type {
  if (e.object.kind === "identifier" && ["args", "vars", "ctx"].includes(e.object.name))
    return argumentType(c, e, e.object);
  const object = c.check(e.object);
  if (object.kind === "none") return NONE;
  if (object.kind === "tuple") {
    if (!/^\d+$/.test(e.name))
      return c.error("SCRY1218", `A tuple has no field named '${e.name}'`, e.nameSpan, ["Its elements are .0, .1, …"]);
    return (
      object.elements[Number(e.name)] ??
      c.error(
        "SCRY1218",
        `Invalid tuple index: ${e.name}. Found ${object.elements.length} elements in tuple.`,
        e.nameSpan,
      )
    );
  }
  if (object.kind === "record") {
    const at = object.names.indexOf(e.name);
    return at >= 0
      ? (object.elements[at] as Type)
      : c.error("SCRY1227", `The record has no field named '${e.name}'`, e.nameSpan, nearest(e.name, object.names));
  }
  const struct = object.kind === "pointer" ? object.to : object;
  if (struct?.kind !== "struct")
    return c.error("SCRY1228", `Can not access field '${e.name}' on expression of type '${typeName(object)}'`, e.span);
  const btf = c.env.btf();
  if (btf === undefined)
    return c.error("SCRY1229", "The kernel's type information (BTF) is needed here and is not available", e.span);
  const field = btf.field(struct.btf.id, [e.name]);
  if (field === undefined)
    return c.error(
      "SCRY1230",
      `Struct/union of type '${struct.btf.name}' does not contain a field named '${e.name}'`,
      e.nameSpan,
      nearest(
        e.name,
        btf
          .members(struct.btf.id)
          .map((m) => m.name)
          .filter((n) => n !== ""),
      ),
    );
  const type = typeOfBtf(btf, field.type, struct.space);
  return field.bitfieldSize > 0 && type.kind === "int" ? { kind: "int", bits: 64, signed: type.signed } : type;
}

export function argumentType(c: Checker, e: FieldExpression, object: IdentifierExpression): Type {
  object.type = { kind: "args" };
  const form = c.unit.forms[0] as ProbeForm;
  const name = (c.unit.resolved[0] as ResolvedProbe).name;
  const args = form.args;
  const atLine = (c.unit.resolved[0] as ResolvedProbe).variables === true;
  if (object.name === "vars" && !atLine)
    return c.error("SCRY1234", "vars are the variables at a line of source: uprobe:BINARY@FILE:LINE", object.span);
  if (args === undefined) {
    return c.error(
      "SCRY1231",
      `The ${object.name} builtin can only be used with tracepoint, rawtracepoint, fentry, fexit, usdt and iter probes${name === "" ? "" : ` (${name} used here)`}`,
      object.span,
    );
  }
  if (e.name === "0" || /^\d+$/.test(e.name))
    return c.error("SCRY1232", "The arguments of a probe are read by name", e.nameSpan);
  const argument = args.get(e.name);
  if (argument === undefined && atLine)
    return c.error(
      "SCRY1203",
      `There is no variable '${e.name}' at ${name.slice(name.lastIndexOf("@") + 1)}`,
      e.nameSpan,
      nearest(e.name, [...args.keys()]),
    );
  if (argument?.access.kind === "lost") {
    const { why, lines } = argument.access;
    return c.error(
      "SCRY1233",
      `'${e.name}' cannot be read here: ${why}`,
      e.nameSpan,
      lines.length === 0 ? [] : [`It can be read at line${lines.length === 1 ? "" : "s"} ${lines.join(", ")}`],
    );
  }
  if (argument === undefined)
    return c.error(
      "SCRY1203",
      `The arguments of '${name}' have no field named '${e.name}'`,
      { start: e.object.span.start, end: e.nameSpan.end },
      nearest(e.name, [...args.keys()]),
    );
  return argument.type;
}

export function unaryType(c: Checker, operator: string, operand: Expression, span: Span): Type {
  if (operator === "&") return c.error("SCRY1901", "taking an address with '&' is not supported yet", span);
  const type = c.check(operand);
  if (type.kind === "none") return NONE;
  if (operator === "*") {
    if (type.kind === "pointer") return type.to ?? c.error("SCRY1233", "Can not dereference a void pointer", span);
    if (type.kind === "int") return { kind: "int", bits: 64, signed: false };
    return c.error(
      "SCRY1233",
      `Can not dereference type '${typeName(type)}'. It needs to be a pointer or an integer.`,
      span,
    );
  }
  if (operator === "!")
    return isNumeric(type) || type.kind === "string"
      ? BOOL
      : c.error("SCRY1234", `The ! operator can not be used on expressions of type '${typeName(type)}'`, span);
  if (!isNumeric(type))
    return c.error(
      "SCRY1234",
      `The ${operator} operator can not be used on expressions of type '${typeName(type)}'`,
      span,
    );
  if (operator === "-") return INT64;
  return type.kind === "int" ? { kind: "int", bits: 64, signed: type.signed } : UINT64;
}

export function binaryType(c: Checker, e: Expression & { kind: "binary" }): Type {
  const left = c.check(e.left);
  const right = c.check(e.right);
  if (left.kind === "none" || right.kind === "none") {
    // Unknown so far, or an error that was already told.
    return ["==", "!=", "<", ">", "<=", ">=", "&&", "||"].includes(e.operator)
      ? BOOL
      : left.kind === "int" || left.kind === "pointer"
        ? left
        : right.kind === "int"
          ? right
          : NONE;
  }
  const mismatch = (): Type =>
    c.error(
      "SCRY1235",
      `Type mismatch for '${e.operator}': comparing '${typeName(left)}' with '${typeName(right)}'`,
      e.span,
    );
  switch (e.operator) {
    case "&&":
    case "||":
      for (const [side, type] of [
        [e.left, left],
        [e.right, right],
      ] as const) {
        if (!isNumeric(type) && type.kind !== "string")
          c.error(
            "SCRY1234",
            `The ${e.operator} operator can not be used on expressions of type '${typeName(type)}'`,
            side.span,
          );
      }
      return BOOL;
    case "==":
    case "!=":
      if (left.kind === "string" && right.kind === "string") return BOOL;
      if (left.kind === "tuple" && right.kind === "tuple")
        return joinTypes(left, right) === undefined ? mismatch() : BOOL;
      if (left.kind === "array" && right.kind === "array")
        return sameType(left.of, right.of) && left.count === right.count ? BOOL : mismatch();
      if ((left.kind === "probe") !== (right.kind === "probe")) {
        const text = c.constantText(left.kind === "probe" ? e.right : e.left);
        return text === undefined
          ? c.error("SCRY1902", "the name of a probe can only be compared with a string literal", e.span)
          : BOOL;
      }
      if ((left.kind === "string") !== (right.kind === "string")) return mismatch();
      return isNumeric(left) && isNumeric(right) ? BOOL : mismatch();
    case "<":
    case ">":
    case "<=":
    case ">=":
      return isNumeric(left) && isNumeric(right) ? BOOL : mismatch();
    default: {
      if (!isNumeric(left) || !isNumeric(right))
        return c.error(
          "SCRY1236",
          `The ${e.operator} operator can not be used on expressions of types '${typeName(left)}', '${typeName(right)}'`,
          e.span,
        );
      if ((left.kind === "pointer" || right.kind === "pointer") && (e.operator === "+" || e.operator === "-")) {
        if (left.kind === "pointer" && right.kind === "pointer")
          return e.operator === "-" ? INT64 : c.error("SCRY1236", "Two pointers cannot be added", e.span);
        return left.kind === "pointer" ? left : right;
      }
      if ((e.operator === "/" || e.operator === "%") && c.constant(e.right) === 0n)
        c.warn("SCRY1237", `${e.operator === "/" ? "Division" : "Modulo"} by zero: the result will be 1`, e.span);
      if (e.operator === "-") return intResult(left, right, e) === UINT64 && e.left.kind !== "integer" ? UINT64 : INT64;
      return intResult(left, right, e);
    }
  }
}

export function castType(c: Checker, to: Type, operand: Expression, span: Span): Type {
  const from = c.check(operand);
  if (from.kind === "none" || to.kind === "none") return to;
  const bad = (): Type => c.error("SCRY1238", `Cannot cast from "${typeName(from)}" to "${typeName(to)}"`, span);
  if (to.kind === "int" || to.kind === "bool") {
    if (isNumeric(from) || from.kind === "ksym" || from.kind === "username" || from.kind === "cgroup_path") return to;
    return bad();
  }
  if (to.kind === "pointer")
    return from.kind === "int" || from.kind === "pointer" || from.kind === "struct" ? to : bad();
  if (to.kind === "string") return from.kind === "string" ? to : bad();
  if (to.kind === "struct")
    return c.error("SCRY1239", `Cannot cast to struct "${typeName(to)}"`, span, [
      `Cast to a pointer: (${typeName(to)} *)`,
    ]);
  if (to.kind === "array")
    return from.kind === "array" ? to : c.error("SCRY1903", "casts to an array are not supported yet", span);
  return bad();
}
