// Variables: what they are declared as and given.

import { isAggregate, isNumeric, NONE, sameType, type Type, typeName } from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import type { Expression, VariableExpression } from "../parse/index.ts";
import { refuseFloats } from "./floats.ts";
import { alreadySaid, bind, type CheckState, check, error, lookup, type VariableInfo } from "./state.ts";
import { joinTypes, storedType } from "./type-rules.ts";
import { valued } from "./types.ts";
import { narrowed, shownName, shownType } from "./widths.ts";

export function declare(
  c: CheckState,
  scope: Map<string, VariableInfo>,
  node: VariableExpression,
  type: Type | undefined,
): VariableInfo {
  const before = c.remembered.get(c.unit)?.get(node);
  const joined = type === undefined ? before : before === undefined ? type : (joinTypes(before, type) ?? type);
  const info: VariableInfo = {
    name: node.name,
    type: joined ?? NONE,
    level: c.level,
    captured: false,
    ...(joined === undefined ? { untyped: true } : {}),
  };
  scope.set(node.name, info);
  return info;
}

/** Notes what the variable is given, as the language sees it. */
export function widen(c: CheckState, info: VariableInfo, value: Expression): void {
  const narrow = narrowed(c, info.narrow, value, info.type);
  if (narrow !== undefined) info.narrow = narrow;
}

export function compound(c: CheckState, target: VariableExpression, value: Expression): Type {
  const left = check(c, target);
  const right = check(c, value);
  const refused = refuseFloats(c, "Arithmetic", [left, right], value.span);
  if (refused !== undefined) return refused;
  if (left.kind !== "none" && right.kind !== "none" && !(isNumeric(left) && isNumeric(right)))
    return error(
      c,
      "SCRY1210",
      `Type mismatch for an arithmetic assignment: '${typeName(left)}' and '${typeName(right)}'`,
      value.span,
    );
  const info = lookup(c, target.name);
  if (info !== undefined) info.narrow = info.type;
  return left.kind === "none" ? right : left;
}

export function assignVariable(
  c: CheckState,
  target: VariableExpression,
  value: Type,
  expression: Expression,
  span: Span,
): void {
  if (value.kind === "none") {
    if (c.final && !alreadySaid(c, expression))
      error(c, "SCRY1246", "Cannot assign a value of no type", expression.span);
  }
  if (isAggregate(value) && expression.kind === "call")
    error(c, "SCRY1211", `${expression.name}() must be assigned directly to a map`, expression.span);
  const stored = storedType(valued(c, value));
  let info = lookup(c, target.name);
  if (info === undefined) {
    info = declare(c, c.scopes.at(-1) as Map<string, VariableInfo>, target, stored);
  } else if (info.untyped === true) {
    info.type = stored;
    delete info.untyped;
  } else if (stored.kind !== "none") {
    const joined = joinTypes(info.type, stored);
    if (joined === undefined) {
      const have = shownName(info.narrow ?? info.type);
      error(
        c,
        "SCRY1203",
        `Type mismatch for ${target.name}: trying to assign value of type '${shownType(c, value, expression)}' when variable already has a type '${have}'`,
        span,
      );
    } else if (!sameType(joined, info.type)) {
      info.type = joined;
      c.changed = true;
    }
  }
  info.assigned = true;
  widen(c, info, expression);
  bind(c, target, info);
}
