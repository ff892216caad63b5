// Expressions whose value is in a register: arithmetic, steps, casts.

import {
  copyInto,
  either,
  eitherNumber,
  emitRecord,
  fail,
  floatMagnitude,
  increment,
  loadScalar,
  loadSize,
  type Operand,
  scoped,
  scriptMap,
  truncateFloat,
  widenFloat,
} from "../../../codegen/index.ts";
import type { BinaryOp, Value } from "../../../compiler/index.ts";
import { BOOL, GLOBALS, HEADER, isScalar, typeName } from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import { builtinOf, constant, floatBits } from "../check/index.ts";
import type { Expression } from "../parse/index.ts";
import { comparesSigned, isTruth, signedOf, truth } from "./conditions.ts";
import { changeMap, mapValue } from "./maps.ts";
import { materialise, ownMemory } from "./own-memory.ts";
import { condition, type LowerState, operand, statement, typed, typeOf, value } from "./state.ts";
import { scaled, stride } from "./strides.ts";
import { infoOf, memoryPlace, placeOf, setVariable } from "./variables.ts";

/** See `value`. */
export function lowerValue(l: LowerState, e: Expression, unused: boolean): Value {
  const b = l.b;
  const known = constant(l.check, e);
  if (known !== undefined) return b.const(known);
  switch (e.kind) {
    case "string":
      return b.const(1);
    case "variable": {
      const info = infoOf(l, e);
      const place = placeOf(l, info);
      if (place.kind === "value") return b.read(place.variable);
      const { pointer, offset } = memoryPlace(l, place);
      return isScalar(info.type) ? b.load("u64", pointer, offset) : b.add(pointer, offset);
    }
    case "map":
      return mapValue(l, e);
    case "identifier":
    case "call": {
      const builtin = builtinOf(l.builtins, e);
      if (builtin?.lower !== undefined) return scalar(l, builtin.lower(l, e));
      if (builtin?.into !== undefined && e.kind === "call") return b.add(materialise(l, e).pointer, 0);
      const enumerator =
        builtin === undefined && e.kind === "identifier" ? l.check.env.btf()?.enumerator(e.name) : undefined;
      if (enumerator !== undefined) return b.const(enumerator.value);
      break;
    }
    case "field":
    case "index":
      return scalar(l, operand(l, e));
    case "unary":
      return unary(l, e);
    case "increment":
      return step(l, e, unused);
    case "binary":
      if (isTruth(e)) return truth(l, e);
      return arithmetic(l, e);
    case "ternary":
      return ternary(l, e);
    case "cast":
      return cast(l, e);
    case "block":
      return scoped(l, () => {
        for (const s of e.statements) statement(l, s);
        return value(l, e.value);
      });
    case "tuple":
    case "record":
      return materialise(l, e).pointer;
  }
  return fail(l, "SCRY1300", `an expression of type '${typeName(typeOf(l, e))}' cannot be used here`, e.span);
}

function scalar(l: LowerState, op: Operand): Value {
  if (op.kind === "value") return op.value;
  if (op.kind === "none") return l.b.const(0);
  if (isScalar(op.type)) return loadScalar(l, op);
  // A struct or array stands for its address.
  return op.offset === 0 ? op.pointer : l.b.add(op.pointer, op.offset);
}

function unary(l: LowerState, e: Expression & { kind: "unary" }): Value {
  const b = l.b;
  switch (e.operator) {
    case "!":
      return truth(l, e);
    case "-":
      return b.neg(value(l, e.operand));
    case "&":
      return addressOf(l, e.operand);
    case "~":
      return b.binary("xor", value(l, e.operand), -1n);
    default:
      return scalar(l, operand(l, e));
  }
}

/** `&$x`, `&@m` */
function addressOf(l: LowerState, e: Expression): Value {
  if (e.kind === "map") {
    const { storage } = scriptMap(l, e.name);
    if ("map" in storage) return l.b.map(storage.map);
    return l.b.mapValue(GLOBALS, storage.offset);
  }
  const place = e.kind === "variable" ? placeOf(l, infoOf(l, e)) : undefined;
  if (place === undefined || place.kind === "value") return fail(l, "SCRY1300", "this has no address", e.span);
  const { pointer, offset } = memoryPlace(l, place);
  return l.b.add(pointer, offset);
}

/** `x++`, `--x` */
function step(l: LowerState, e: Expression & { kind: "increment" }, unused: boolean): Value {
  const b = l.b;
  const by = b.const(e.by * stride(l, typeOf(l, e.target)));
  if (e.target.kind === "map") return changeMap(l, e.target, by, e.prefix, unused);
  const before = value(l, e.target);
  const after = b.add(before, by);
  setVariable(l, infoOf(l, e.target), after);
  return e.prefix ? after : before;
}

const OPERATIONS: Readonly<Record<string, { readonly unsigned: BinaryOp; readonly signed: BinaryOp }>> = {
  "+": { unsigned: "add", signed: "add" },
  "-": { unsigned: "sub", signed: "sub" },
  "*": { unsigned: "mul", signed: "mul" },
  "/": { unsigned: "div", signed: "sdiv" },
  "%": { unsigned: "mod", signed: "smod" },
  "&": { unsigned: "and", signed: "and" },
  "|": { unsigned: "or", signed: "or" },
  "^": { unsigned: "xor", signed: "xor" },
  "<<": { unsigned: "shl", signed: "shl" },
  ">>": { unsigned: "shr", signed: "sar" },
};

function arithmetic(l: LowerState, e: Expression & { kind: "binary" }): Value {
  const b = l.b;
  let left = value(l, e.left);
  let right = value(l, e.right);
  // Steps of a pointer are elements.
  if (e.operator === "+" || e.operator === "-") {
    const leftType = typeOf(l, e.left);
    const rightType = typeOf(l, e.right);
    if (rightType.kind !== "pointer") right = scaled(l, right, leftType);
    else if (leftType.kind !== "pointer") left = scaled(l, left, rightType);
  }
  if (e.operator === "/" || e.operator === "%") return divide(l, e, left, right);
  const signed = e.operator === ">>" ? signedOf(typeOf(l, e.left)) : signedOf(typeOf(l, e));
  const operation = OPERATIONS[e.operator] as (typeof OPERATIONS)[string];
  return b.binary(signed ? operation.signed : operation.unsigned, left, right);
}

/** x / 0 and x % 0 give 1, and are counted. */
function divide(l: LowerState, e: Expression & { kind: "binary" }, left: Value, right: Value): Value {
  const b = l.b;
  const signed = signedOf(typeOf(l, e)) && comparesSigned(l, e.left, e.right);
  const op = (OPERATIONS[e.operator] as (typeof OPERATIONS)[string])[signed ? "signed" : "unsigned"];
  const known = constant(l.check, e.right);
  if (known !== undefined && known !== 0n) return b.binary(op, left, right);
  return either(
    l,
    (zero, fine) => b.branch("eq", right, 0, zero, fine, { unlikely: "then" }),
    () => {
      tellDivision(l, e.span);
      increment(l, HEADER.divisions);
      return b.const(1);
    },
    () => b.binary(op, left, right),
  );
}

function ternary(l: LowerState, e: Expression & { kind: "ternary" }): Value {
  const otherwise = (): Value => value(l, e.otherwise);
  if (e.then !== undefined) {
    const then = e.then;
    return either(
      l,
      (yes, no) => condition(l, e.condition, yes, no),
      () => value(l, then),
      otherwise,
    );
  }
  // `a ?: b`: what was asked for is the answer.
  const first = value(l, e.condition);
  return either(
    l,
    (yes, no) => l.b.branch("ne", first, 0, yes, no),
    () => first,
    otherwise,
  );
}

/** The first division by zero of a run is told with its place; all are counted. */
function tellDivision(l: LowerState, span: Span): void {
  const b = l.b;
  const seen = b.load("u64", b.mapValue(GLOBALS, HEADER.divisions), 0);
  const text = "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.";
  b.when("eq", seen, 0, () => emitRecord(l, { kind: "printf", format: [text], stream: "fault", span }, [], "events"), {
    unlikely: "then",
  });
}

/** `!e` */
const not = (l: LowerState, operand: Expression): Expression =>
  typed(l, { kind: "unary", operator: "!", operand, span: operand.span }, BOOL);

function cast(l: LowerState, e: Expression & { kind: "cast" }): Value {
  const b = l.b;
  const type = typeOf(l, e);
  const from = typeOf(l, e.operand);
  if (from.kind === "float") {
    const bits = value(l, e.operand);
    if (type.kind === "int") return truncateFloat(l, bits, from, type);
    if (type.kind === "float") return from.bits < type.bits ? widenFloat(l, bits) : bits;
    return eitherNumber(l, (yes, no) => b.branch("ne", floatMagnitude(l, bits, from), 0, yes, no));
  }
  if (type.kind === "float") return b.const(floatBits(l.check, e.operand, type.bits) ?? 0n);
  if (type.kind === "bool") return truth(l, not(l, not(l, e.operand)));
  if (from.kind === "array") {
    const slot = b.slot(8);
    b.store(64, slot, 0, 0);
    copyInto(l, ownMemory(l, e.operand), from, slot, 0, { pad: false });
    return b.load(loadSize(type), slot, 0);
  }
  const v = value(l, e.operand);
  if (type.kind !== "int" || type.bits === 64) return v;
  if (from.kind === "int" && from.bits <= type.bits && from.signed === type.signed) return v;
  return type.signed ? b.sext(v, type.bits) : b.zext(v, type.bits);
}
