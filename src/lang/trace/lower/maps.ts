// Maps in expressions and assignments: their keys, and what is written to them.

import {
  addToNumber,
  aggregates,
  changeAggregate,
  contextOf,
  type KeySource,
  mapNumber,
  mapOperandAt,
  type Operand,
  scoped,
  scriptMap,
  storeMemory,
  storeNumber,
} from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import { type AggregateType, isAggregate, isScalar } from "../../../schema/index.ts";
import { constant } from "../check/index.ts";
import type { AssignOperator, CallExpression, Expression, MapExpression } from "../parse/index.ts";
import { into, type LowerState, statement, typed, typeOf, value } from "./state.ts";
import { scaled } from "./strides.ts";

/** A key of the script as the maps of the kernel take it. */
export function keyOf(l: LowerState, e: Expression | undefined): KeySource | undefined {
  if (e === undefined) return undefined;
  const same = sameInRun(l, e);
  return {
    ...(same === undefined ? {} : { constant: same }),
    number: () => value(l, e),
    write: (to, type, options) => into(l, e, type, to, 0, options),
  };
}

/** A key in words, where its numbers are the same in the whole run of a program. */
function sameInRun(l: LowerState, e: Expression): string | undefined {
  const known = constant(l.check, e);
  if (known !== undefined) return String(known);
  if (e.kind === "identifier" && l.builtins.get(e.name)?.sameInRun === true) return e.name;
  if (e.kind === "tuple") {
    const parts = e.elements.map((x) => sameInRun(l, x));
    return parts.includes(undefined) ? undefined : `(${parts.join()})`;
  }
  return undefined;
}

/** The number that a map holds; 0 where it holds none. */
export const mapValue = (l: LowerState, e: MapExpression): Value => mapNumber(l, scriptMap(l, e.name), keyOf(l, e.key));

export const mapOperand = (l: LowerState, e: MapExpression): Operand =>
  mapOperandAt(l, scriptMap(l, e.name), keyOf(l, e.key));

/** `@x++`, `@x[k] += n`. Gives the value before or after. */
export const changeMap = (l: LowerState, target: MapExpression, by: Value, after: boolean, unused: boolean): Value =>
  addToNumber(l, scriptMap(l, target.name), keyOf(l, target.key), by, after, unused);

export function assignMap(l: LowerState, target: MapExpression, operator: AssignOperator, e: Expression): void {
  const map = scriptMap(l, target.name);
  const type = map.valueType;
  if (isAggregate(type)) {
    aggregated(l, target, type, e);
    return;
  }
  if (operator === "+=" || operator === "-=") {
    const by = scaled(l, value(l, e), type);
    changeMap(l, target, operator === "+=" ? by : l.b.neg(by), true, true);
    return;
  }
  const result = operator === "=" ? e : combined(l, target, operator, e);
  const key = keyOf(l, target.key);
  if (type.kind === "ksym" && typeOf(l, result).kind === "probe") storeNumber(l, map, key, () => functionAddress(l));
  else if (isScalar(type)) storeNumber(l, map, key, () => value(l, result));
  else storeMemory(l, map, key, (to) => into(l, result, type, to, 0, { pad: true }));
}

/** The address of the probed kernel function; 0 where the probe stands on none. */
function functionAddress(l: LowerState): Value {
  const [only, ...others] = l.unit.resolved;
  const known = others.length === 0 ? l.check.env.kernelAddress(only?.func ?? "") : undefined;
  if (known !== undefined) return l.b.const(known);
  return l.variant.attach.kind === "kprobe" ? l.b.helper("get_func_ip", [contextOf(l)]) : l.b.const(0);
}

/** `@x = count()`, or a block that ends with it. */
function aggregated(l: LowerState, target: MapExpression, type: AggregateType, e: Expression): void {
  if (e.kind === "block")
    scoped(l, () => {
      for (const s of e.statements) statement(l, s);
      aggregated(l, target, type, e.value);
    });
  else if (e.kind === "call" && isAggregate(typeOf(l, e))) aggregate(l, target, type, e);
}

/** `@x = count()`, `@x[k] = hist(n)`: the call says what the map's value is changed by. */
function aggregate(l: LowerState, target: MapExpression, type: AggregateType, call: CallExpression): void {
  const { prepare, update } = aggregates[type.kind];
  const [first] = call.args;
  const number = first === undefined ? undefined : value(l, first);
  const prepared = number === undefined ? undefined : (prepare?.(l, type, number) ?? number);
  changeAggregate(l, scriptMap(l, target.name), keyOf(l, target.key), (pointer, offset) =>
    update(l, type, prepared, pointer, offset),
  );
}

/** `x OP= y` as `x OP y`. */
export function combined(
  l: LowerState,
  target: Expression,
  operator: AssignOperator,
  e: Expression,
): Expression & { kind: "binary" } {
  const span = { start: target.span.start, end: e.span.end };
  const node = { kind: "binary", operator: operator.slice(0, -1) as "+", left: target, right: e, span } as const;
  return typed(l, node, typeOf(l, target));
}
