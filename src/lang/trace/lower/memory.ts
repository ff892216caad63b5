// Values that do not fit a register: strings, tuples, arrays, structs. Two ways to have one: where it already lies
// (`operand`), or written to a place that the caller chose (`into`), which is how a record is built in the ring buffer
// and a key on the stack without a copy.

import {
  copyInto,
  type IntoOptions,
  type Lengths,
  NONE_LONG,
  type Operand,
  padGaps,
  scoped,
  storeSize,
  writeText,
} from "../../../codegen/index.ts";
import { INT, type Value, type Variable } from "../../../compiler/index.ts";
import {
  elementOffsets,
  elementPlaces,
  isAggregate,
  isScalar,
  SHORT_STRING,
  sizeOf,
  type Type,
  utf8,
} from "../../../schema/index.ts";
import { builtinOf, constantText, userSpace } from "../check/index.ts";
import type { Expression } from "../parse/index.ts";
import { fieldOperand, indexOperand } from "./fields.ts";
import { mapOperand } from "./maps.ts";
import { materialise } from "./own-memory.ts";
import { condition, into, type LowerState, operand, statement, typeOf, value } from "./state.ts";
import { infoOf, memoryPlace, placeOf } from "./variables.ts";

/** See `operand`. */
export function lowerOperand(l: LowerState, e: Expression): Operand {
  const type = typeOf(l, e);
  switch (e.kind) {
    case "variable": {
      const info = infoOf(l, e);
      const pair = l.pairs.get(info);
      if (pair !== undefined) return materialise(l, e);
      const place = placeOf(l, info);
      if (place.kind === "value") return { kind: "value", type: info.type, value: l.b.read(place.variable) };
      return { kind: "memory", type: info.type, ...memoryPlace(l, place), space: "own" };
    }
    case "map":
      return mapOperand(l, e);
    case "field":
      return fieldOperand(l, e);
    case "index":
      return indexOperand(l, e);
    case "identifier":
    case "call": {
      const builtin = builtinOf(l.builtins, e);
      if (builtin?.lower !== undefined) return builtin.lower(l, e);
      break;
    }
    case "unary":
      if (e.operator === "*") {
        const target = typeOf(l, e.operand);
        const address = value(l, e.operand);
        const space = target.kind === "pointer" ? target.space : userSpace(l.check) ? "user" : "kernel";
        return { kind: "memory", type, pointer: address, offset: 0, space };
      }
      break;
    case "cast": {
      if (type.kind === "array" && typeOf(l, e.operand).kind === "array") {
        const inner = operand(l, e.operand);
        return inner.kind === "memory" ? { ...inner, type } : inner;
      }
      break;
    }
    case "block": {
      return scoped(l, () => {
        for (const s of e.statements) statement(l, s);
        return operand(l, e.value);
      });
    }
  }
  if (isScalar(type) || isAggregate(type)) return { kind: "value", type, value: value(l, e) };
  if (type.kind === "none") {
    value(l, e);
    return { kind: "none" };
  }
  return materialise(l, e);
}

/** See `into`. */
export function lowerInto(
  l: LowerState,
  e: Expression,
  type: Type,
  to: Value,
  offset: number,
  options: IntoOptions,
): Lengths {
  const b = l.b;
  if (isScalar(type)) {
    b.store(storeSize(type), to, offset, value(l, e));
    return NONE_LONG;
  }
  if (type.kind === "tuple" || type.kind === "record") {
    const parts = e.kind === "tuple" ? e.elements : e.kind === "record" ? e.fields.map((f) => f.value) : undefined;
    if (parts !== undefined) {
      const offsets = elementOffsets(type.elements);
      if (options.pad) padGaps(l, type, to, offset);
      // In the order in which they are written, each where its name has it.
      const places = elementPlaces(type, typeOf(l, e) as typeof type);
      return parts.flatMap((part, i) => {
        const place = places[i] as number;
        return into(l, part, type.elements[place] as Type, to, offset + (offsets[place] as number), options);
      });
    }
    if (e.kind === "variable") {
      const pair = l.pairs.get(infoOf(l, e));
      if (pair !== undefined) {
        const [keyType, valueType] = type.elements as [Type, Type];
        const [keyAt, valueAt] = elementOffsets(type.elements) as [number, number];
        if (options.pad) padGaps(l, type, to, offset);
        const first = copyInto(l, pair.key(), keyType, to, offset + keyAt, options);
        return [...first, ...copyInto(l, pair.value(), valueType, to, offset + valueAt, options)];
      }
    }
  }
  if (type.kind === "array" && e.kind === "cast" && typeOf(l, e.operand).kind === "int") {
    // The bytes of a number, in pieces that are aligned wherever it is written to.
    const number = value(l, e.operand);
    for (let i = 0; i < sizeOf(type); i++) b.store(8, to, offset + i, b.binary("shr", number, i * 8));
    return NONE_LONG;
  }
  if (type.kind === "string") {
    const text = constantText(l.check, e);
    if (text !== undefined) {
      writeText(l, text, type.size, to, offset, options);
      // A text that the short form cuts is as long as one that was read and did not fit.
      return options.short === true && utf8(text).length >= SHORT_STRING ? [l.b.const(SHORT_STRING)] : NONE_LONG;
    }
    if (e.kind === "cast") return into(l, e.operand, type, to, offset, options);
  }
  if (e.kind === "call" || e.kind === "identifier") {
    const builtin = builtinOf(l.builtins, e);
    if (builtin?.into !== undefined) return builtin.into(l, e, type, to, offset, options);
  }
  if (e.kind === "ternary") return intoTernary(l, e, type, to, offset, options);
  if (e.kind === "block") {
    return scoped(l, () => {
      for (const s of e.statements) statement(l, s);
      return into(l, e.value, type, to, offset, options);
    });
  }
  return copyInto(l, operand(l, e), type, to, offset, options);
}

function intoTernary(
  l: LowerState,
  e: Expression & { kind: "ternary" },
  type: Type,
  to: Value,
  offset: number,
  options: IntoOptions,
): Lengths {
  const b = l.b;
  const then = b.block("then");
  const otherwise = b.block("else");
  const after = b.block("after");
  const lengths: Variable[] = [];
  scoped(l, () => condition(l, e.condition, then, otherwise));
  for (const [block, side] of [
    [then, e.then ?? e.condition],
    [otherwise, e.otherwise],
  ] as const) {
    b.enter(block);
    // A side that is not taken leaves its lengths at zero: surely short.
    for (const length of scoped(l, () => into(l, side, type, to, offset, options))) {
      const variable: Variable = { name: "length", type: INT };
      lengths.push(variable);
      b.write(variable, length);
    }
    b.jump(after);
  }
  b.enter(after);
  return lengths.map((v) => b.read(v));
}
