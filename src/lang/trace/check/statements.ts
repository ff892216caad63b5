// Statements: the types of variables, scopes, loops.

import { INT64, isAggregate, isNumeric, NONE, type Type, typeName } from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import type { Expression, Statement, StatementBlock, VariableExpression } from "../parse/index.ts";
import { comptimeValue, truthOf } from "./comptime.ts";
import { constant } from "./constants.ts";
import { refuseFloats } from "./floats.ts";
import { isHeavy } from "./heavy-loops.ts";
import { assignMap, mapUse } from "./maps.ts";
import { checkStatements } from "./reachability.ts";
import {
  alreadySaid,
  bind,
  type CheckState,
  check,
  error,
  lookup,
  note,
  type Unit,
  type VariableInfo,
  warn,
} from "./state.ts";
import { assignable, joinTypes, storedType } from "./type-rules.ts";
import { typeFrom, valued } from "./types.ts";
import { assignVariable, compound, declare, widen } from "./variables.ts";
import { narrowType, shownType } from "./widths.ts";

export function checkUnit(c: CheckState, unit: Unit): void {
  c.unit = unit;
  unit.variables.clear();
  unit.outlined.clear();
  c.scopes = [new Map()];
  c.level = 0;
  c.walks = 0;
  c.loops = 0;
  if (unit.probe.predicate !== undefined) {
    const type = check(c, unit.probe.predicate);
    if (
      refuseFloats(c, "A condition", [type], unit.probe.predicate.span) === undefined &&
      type.kind !== "none" &&
      !isNumeric(type) &&
      type.kind !== "string"
    )
      error(c, "SCRY1201", `Invalid type for predicate: ${typeName(type)}`, unit.probe.predicate.span);
  }
  checkBlock(c, unit.probe.body);
  let remembered = c.remembered.get(unit);
  if (remembered === undefined) c.remembered.set(unit, (remembered = new Map()));
  for (const [node, info] of unit.variables) remembered.set(node, info.type);
}

// --- statements -----------------------------------------------------------------------------------------------

export function checkBlock(c: CheckState, block: StatementBlock): void {
  c.scopes.push(new Map());
  checkStatements(c, block.statements);
  const scope = c.scopes.pop();
  for (const info of scope?.values() ?? [])
    if (info.declaredAt !== undefined && info.assigned !== true)
      warn(c, "SCRY1298", `Variable ${info.name} was never assigned to.`, info.declaredAt);
}

/** The body of a loop, which may become a function of its own. */
function loopBody(c: CheckState, s: Statement & { kind: "while" | "for-range" }): void {
  // In a callback there is no context to hand on, and what is walked is its own.
  if (c.walks > 0 || c.env.lacks?.("mayGoto") === true || !isHeavy(s.body)) {
    checkBlock(c, s.body);
    return;
  }
  c.unit.outlined.add(s);
  c.level++;
  checkBlock(c, s.body);
  c.level--;
}

export function statement(c: CheckState, s: Statement): void {
  switch (s.kind) {
    case "expression":
      if (check(c, s.expression).kind !== "none" && s.expression.kind !== "increment")
        warn(c, "SCRY1290", "Return value discarded.", s.span);
      return;
    case "discard":
      check(c, s.expression);
      return;
    case "assign":
      if (s.target.kind === "variable")
        assignVariable(
          c,
          s.target,
          s.operator === "=" ? check(c, s.value) : compound(c, s.target, s.value),
          s.value,
          s.span,
        );
      else assignMap(c, s.target, s.operator, s.value, s.span);
      return;
    case "let": {
      const scope = c.scopes.at(-1) as Map<string, VariableInfo>;
      const before = lookup(c, s.variable.name);
      if (before !== undefined) {
        error(
          c,
          "SCRY1202",
          `Variable ${s.variable.name} was already declared. Variable shadowing is not allowed.`,
          declarationSpan(s),
        );
        if (before.declaration !== undefined)
          error(c, "SCRY1202", "This is the initial declaration.", before.declaration);
      }
      const declared = s.declared === undefined ? undefined : valued(c, typeFrom(c, s.declared));
      const value = s.value === undefined ? undefined : check(c, s.value);
      if (value?.kind === "none" && s.value !== undefined && !alreadySaid(c, s.value))
        error(c, "SCRY1246", "Cannot assign a value of no type", s.value.span);
      const info = declare(
        c,
        scope,
        s.variable,
        declared ?? (value === undefined ? undefined : storedType(valued(c, value))),
      );
      if (
        declared !== undefined &&
        value !== undefined &&
        (!assignable(declared, value) || isTooWide(c, declared, s.value))
      )
        error(
          c,
          "SCRY1203",
          `Type mismatch for ${s.variable.name}: trying to assign value of type '${shownType(c, value, s.value)}' when variable already has a type '${typeName(declared)}'`,
          { ...s.span, end: s.value?.span.end ?? s.span.end },
        );
      if (declared !== undefined) info.narrow = declared;
      info.declaration ??= declarationSpan(s);
      info.declaredAt = { ...s.span, end: s.value === undefined ? s.variable.span.end : s.span.end };
      if (s.value !== undefined) {
        info.assigned = true;
        if (declared === undefined) widen(c, info, s.value);
      }
      bind(c, s.variable, info);
      return;
    }
    case "if":
      condition(c, s.condition, "if");
      // Of what is settled before the script runs only the side that is taken is looked at.
      if (isComptime(s.condition)) {
        const known = comptimeValue(c, s.condition);
        if (known !== undefined) {
          const side = truthOf(known) ? s.then : s.otherwise;
          if (side !== undefined) checkBlock(c, side);
          return;
        }
      }
      checkBlock(c, s.then);
      if (s.otherwise !== undefined) checkBlock(c, s.otherwise);
      return;
    case "while":
      warn(c, "SCRY1257", "While loops are deprecated and may be removed in the future.", s.span, [
        "For loops support ranges (e.g. `for ($x : $start..$end) { ... }`), and can be used in place of while. These are more easily proven to be bounded by the verifier.",
      ]);
      condition(c, s.condition, "while");
      loop(c, () => loopBody(c, s));
      return;
    case "for-range": {
      for (const bound of [s.from, s.to]) {
        const type = check(c, bound);
        if (type.kind !== "none" && type.kind !== "int" && type.kind !== "bool")
          error(c, "SCRY1204", "Loop range requires an integer for the bounds", bound.span);
      }
      const ends = [s.from, s.to].map((bound) => narrowType(c, bound) ?? INT64);
      const narrow = ends.reduce((a, b) => joinTypes(a, b) ?? INT64);
      scoped(c, s.variable, INT64, () => loop(c, () => loopBody(c, s)), narrow);
      return;
    }
    case "for-map": {
      const use = mapUse(c, s.map.name);
      use.walked = true;
      if (c.final && use.valueType === undefined) {
        error(c, "SCRY1205", `Undefined map: ${s.map.name}`, s.map.span);
        return;
      }
      if (c.final && use.keyType === undefined) {
        error(
          c,
          "SCRY1206",
          `${s.map.name} has no explicit keys (scalar map), and cannot be used for iteration`,
          s.map.span,
        );
        return;
      }
      const value = use.valueType ?? NONE;
      if (value.kind === "hist" || value.kind === "lhist" || value.kind === "tseries") {
        error(c, "SCRY1206", `Loop expression does not support type: ${typeName(value)}`, s.map.span);
        return;
      }
      note(c, s.map, NONE);
      c.level++;
      c.walks++;
      const pair: Type & { readonly kind: "tuple" } = {
        kind: "tuple",
        elements: [
          use.keyType ?? NONE,
          isAggregate(value) ? { kind: "int", bits: 64, signed: "signed" in value && value.signed } : value,
        ],
      };
      const seen = c.narrowMaps.get(s.map.name);
      const narrow: Type = {
        kind: "tuple",
        elements: [seen?.key ?? (pair.elements[0] as Type), seen?.value ?? (pair.elements[1] as Type)],
      };
      scoped(c, s.variable, pair, () => loop(c, () => checkBlock(c, s.body)), narrow);
      c.level--;
      c.walks--;
      return;
    }
    case "unroll": {
      const count = constant(c, s.count);
      check(c, s.count);
      if (count === undefined) error(c, "SCRY1207", "invalid unroll value", s.span);
      else if (count < 1n || count > 100n)
        error(c, "SCRY1207", count < 1n ? "unroll minimum value is 1" : "unroll maximum value is 100", s.span);
      checkBlock(c, s.body);
      return;
    }
    case "break":
    case "continue":
      if (c.loops === 0)
        error(
          c,
          "SCRY1208",
          `'${s.kind}' statement is not allowed in a ${c.returns === undefined ? "probe" : "function"}`,
          s.span,
        );
      return;
    case "inline": {
      const { loops, returns } = c;
      c.loops = 0;
      c.returns = s;
      checkBlock(c, s.body);
      c.loops = loops;
      c.returns = returns;
      return;
    }
    case "return":
      if (c.returns !== undefined) {
        checkReturn(c, s, c.returns);
        return;
      }
      if (s.value !== undefined) {
        const type = check(c, s.value);
        if (type.kind !== "none" && type.kind !== "int" && type.kind !== "bool")
          error(c, "SCRY1209", `return must be given an integer, got ${typeName(type)}`, s.value.span);
      }
      return;
    case "block":
      checkBlock(c, s.block);
      return;
  }
}

/** `let $x` with its type, without its value. */
const declarationSpan = (s: Statement & { kind: "let" }): Span => ({
  ...s.span,
  end: s.declared?.span.end ?? s.variable.span.end,
});

/** A literal that the declared type does not hold. */
function isTooWide(c: CheckState, declared: Type, value: Expression | undefined): boolean {
  const n = value?.kind === "integer" ? constant(c, value) : undefined;
  return (
    n !== undefined &&
    declared.kind === "int" &&
    (declared.signed ? BigInt.asIntN(declared.bits, n) : BigInt.asUintN(declared.bits, n)) !== n
  );
}

/** What a function gives. */
function checkReturn(
  c: CheckState,
  s: Statement & { kind: "return" },
  { result }: Statement & { kind: "inline" },
): void {
  if (result === undefined) {
    if (s.value !== undefined) {
      check(c, s.value);
      error(c, "SCRY1209", "this function gives nothing (void)", s.value.span);
    }
    return;
  }
  const info = lookup(c, result.name) as VariableInfo;
  const wanted = info.type;
  info.assigned = true;
  bind(c, result, info);
  if (s.value === undefined) {
    error(c, "SCRY1209", `return must be given a value of type '${typeName(wanted)}'`, s.span);
    return;
  }
  const type = check(c, s.value);
  if (type.kind !== "none" && !assignable(wanted, type))
    error(
      c,
      "SCRY1209",
      `return must be given a value of type '${typeName(wanted)}', got '${shownType(c, type, s.value)}'`,
      s.value.span,
    );
}

/** `comptime …`: known before the script runs. */
export const isComptime = (e: Expression): boolean => e.kind === "call" && e.name === "comptime";

function condition(c: CheckState, e: Expression, what: string): void {
  const type = check(c, e);
  if (refuseFloats(c, "A condition", [type], e.span) !== undefined) return;
  if (type.kind !== "none" && !isNumeric(type) && type.kind !== "string")
    error(c, "SCRY1201", `Invalid condition in ${what}(): ${typeName(type)}`, e.span);
}

function loop(c: CheckState, body: () => void): void {
  c.loops++;
  body();
  c.loops--;
}

function scoped(c: CheckState, variable: VariableExpression, type: Type, body: () => void, narrow?: Type): void {
  if (lookup(c, variable.name) !== undefined)
    error(
      c,
      "SCRY1202",
      `Variable ${variable.name} was already declared. Variable shadowing is not allowed.`,
      variable.span,
    );
  const scope = new Map<string, VariableInfo>();
  c.scopes.push(scope);
  const info = declare(c, scope, variable, type);
  if (narrow !== undefined) {
    info.type = type;
    info.narrow = narrow;
  }
  bind(c, variable, info);
  body();
  c.scopes.pop();
}
