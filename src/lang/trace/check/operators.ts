// Operators and casts: which types they take, and what they give.

import { BOOL, INT64, isNumeric, NONE, sameType, sizeOf, type Type, typeName, UINT64 } from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import type { Expression } from "../parse/index.ts";
import { constant, constantText } from "./constants.ts";
import { castToFloat, refuseFloats } from "./floats.ts";
import { mapUse } from "./maps.ts";
import { alreadySaid, type CheckState, check, error, lookup, note, warn } from "./state.ts";
import { intResult, joinTypes } from "./type-rules.ts";
import { castsToItself, shownType } from "./widths.ts";

export function unaryType(c: CheckState, operator: string, operand: Expression, span: Span): Type {
  if (operator === "&") return addressType(c, operand);
  const type = check(c, operand);
  if (type.kind === "none") return NONE;
  if (operator === "*") {
    if (type.kind === "pointer") return type.to ?? error(c, "SCRY1233", "Can not dereference a void pointer", span);
    if (type.kind === "int") return { kind: "int", bits: 64, signed: false };
    return error(
      c,
      "SCRY1233",
      `Can not dereference type '${typeName(type)}'. It needs to be a pointer or an integer.`,
      span,
    );
  }
  const refused = operator === "*" ? undefined : refuseFloats(c, `'${operator}'`, [type], span);
  if (refused !== undefined) return refused;
  if (operator === "!")
    return isNumeric(type) || type.kind === "string"
      ? BOOL
      : error(c, "SCRY1234", `The ! operator can not be used on expressions of type '${typeName(type)}'`, span);
  if (!isNumeric(type))
    return error(
      c,
      "SCRY1234",
      `The ${operator} operator can not be used on expressions of type '${typeName(type)}'`,
      span,
    );
  if (operator === "-") return INT64;
  return type.kind === "int" ? { kind: "int", bits: 64, signed: type.signed } : UINT64;
}

/** `&$x`: where a variable is kept; `&@m`: the map. */
function addressType(c: CheckState, operand: Expression): Type {
  if (operand.kind === "map" && operand.key === undefined) {
    const { valueType } = mapUse(c, operand.name);
    if (valueType === undefined && c.final) return error(c, "SCRY1205", `Undefined map: ${operand.name}`, operand.span);
    note(c, operand, valueType ?? NONE);
    return { kind: "pointer", space: "kernel" };
  }
  if (operand.kind !== "variable")
    return error(c, "SCRY1034", "syntax: address-of operator (&) can only be used on a map or variable", operand.span);
  const type = check(c, operand);
  const info = lookup(c, operand.name);
  // It must lie in memory for as long as the program runs.
  if (info !== undefined) info.captured = true;
  return type.kind === "none" ? NONE : { kind: "pointer", to: type, space: "kernel" };
}

/** Kinds of values that are equal where all their bytes are. */
const COMPARED_WHOLE: ReadonlySet<Type["kind"]> = new Set([
  "kstack",
  "ustack",
  "ksym",
  "usym",
  "inet",
  "mac",
  "username",
  "cgroup_path",
]);

export function binaryType(c: CheckState, e: Expression & { kind: "binary" }): Type {
  const left = check(c, e.left);
  const right = check(c, e.right);
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
  const mismatch = (): Type => {
    const [a, b] = [shownType(c, left, e.left), shownType(c, right, e.right)];
    error(c, "SCRY1235", `Type mismatch for '${e.operator}': comparing ${a} with ${b}`, e.span);
    error(c, "SCRY1235", `left (${a})`, e.left.span);
    return error(c, "SCRY1235", `right (${b})`, e.right.span);
  };
  const refused = refuseFloats(c, `'${e.operator}'`, [left, right], e.span);
  if (refused !== undefined) return refused;
  switch (e.operator) {
    case "&&":
    case "||":
      for (const [side, type] of [
        [e.left, left],
        [e.right, right],
      ] as const) {
        if (!isNumeric(type) && type.kind !== "string")
          error(
            c,
            "SCRY1234",
            `The ${e.operator} operator can not be used on expressions of type '${typeName(type)}'`,
            side.span,
          );
      }
      return BOOL;
    case "==":
    case "!=":
      if (left.kind === "string" && right.kind === "string") return BOOL;
      if (left.kind === "buffer" && right.kind === "buffer") return BOOL;
      if ((left.kind === "tuple" || left.kind === "record") && left.kind === right.kind)
        return joinTypes(left, right) === undefined ? mismatch() : BOOL;
      if (left.kind === "array" && right.kind === "array")
        return sameType(left.of, right.of) && left.count === right.count ? BOOL : mismatch();
      if ((left.kind === "probe") !== (right.kind === "probe")) {
        const text = constantText(c, left.kind === "probe" ? e.right : e.left);
        return text === undefined
          ? error(c, "SCRY1902", "the name of a probe can only be compared with a string literal", e.span)
          : BOOL;
      }
      if ((left.kind === "string") !== (right.kind === "string")) return mismatch();
      if (COMPARED_WHOLE.has(left.kind) && sameType(left, right)) return BOOL;
      return isNumeric(left) && isNumeric(right) ? BOOL : mismatch();
    case "<":
    case ">":
    case "<=":
    case ">=":
      return isNumeric(left) && isNumeric(right) ? BOOL : mismatch();
    default: {
      if (!isNumeric(left) || !isNumeric(right))
        return error(
          c,
          "SCRY1236",
          `The ${e.operator} operator can not be used on expressions of types '${typeName(left)}', '${typeName(right)}'`,
          e.span,
        );
      if ((left.kind === "pointer" || right.kind === "pointer") && (e.operator === "+" || e.operator === "-")) {
        if (left.kind === "pointer" && right.kind === "pointer")
          return e.operator === "-" ? INT64 : error(c, "SCRY1236", "Two pointers cannot be added", e.span);
        return left.kind === "pointer" ? left : right;
      }
      if ((e.operator === "/" || e.operator === "%") && constant(c, e.right) === 0n)
        warn(
          c,
          "SCRY1237",
          "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.",
          e.span,
        );
      if (e.operator === "-") return intResult(left, right, e) === UINT64 && e.left.kind !== "integer" ? UINT64 : INT64;
      return intResult(left, right, e);
    }
  }
}

/** `span`: of the whole cast, `castSpan` of the type in its parentheses. */
export function castType(c: CheckState, to: Type, operand: Expression, span: Span, castSpan: Span): Type {
  const from = check(c, operand);
  if (from.kind === "none" && c.final && !alreadySaid(c, operand))
    return error(c, "SCRY1246", "Cannot cast a value of no type", operand.span);
  if (from.kind === "none" || to.kind === "none") return to;
  const bad = (): Type => error(c, "SCRY1238", `Cannot cast from "${typeName(from)}" to "${typeName(to)}"`, castSpan);
  if (c.final && castsToItself(c, to, operand))
    warn(c, "SCRY1276", `Unnecessary cast: expression is already of type ${typeName(to)}`, castSpan);
  if (to.kind === "float") return castToFloat(c, to, from, operand, span);
  if (to.kind === "int" || to.kind === "bool") {
    // The bytes of an array as a number.
    if (to.kind === "int" && from.kind === "array" && sizeOf(from) <= 8) return to;
    if (
      isNumeric(from) ||
      from.kind === "float" ||
      from.kind === "ksym" ||
      from.kind === "username" ||
      from.kind === "cgroup_path" ||
      (to.kind === "bool" && from.kind === "string")
    )
      return to;
    return bad();
  }
  if (to.kind === "pointer")
    return from.kind === "int" || from.kind === "pointer" || from.kind === "struct" ? to : bad();
  if (to.kind === "string") return from.kind === "string" ? to : bad();
  if (to.kind === "struct")
    return error(c, "SCRY1239", `Cannot cast to struct "${typeName(to)}"`, span, [
      `Cast to a pointer: (${typeName(to)} *)`,
    ]);
  if (to.kind === "array") {
    if (from.kind === "array") return to;
    if (from.kind !== "int") return bad();
    const known = constant(c, operand);
    // A literal is as wide as it must be.
    const bytes = known === undefined ? from.bits / 8 : 8;
    const count = to.count < 0 ? Math.floor(bytes / sizeOf(to.of)) : to.count;
    if (count * sizeOf(to.of) > 8 || (known === undefined && count * sizeOf(to.of) !== bytes)) return bad();
    return { ...to, count, space: "kernel" };
  }
  return bad();
}
