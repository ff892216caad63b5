// Numbers and truth: expressions whose value is in a register, conditions, fields, arguments of the probe.

import type { Value } from "../../compiler/index.ts";
import type { Expression } from "./ast.ts";
import { builtinFunctions } from "./builtin-functions.ts";
import { builtinVariables } from "./builtin-variables.ts";
import { sizeOf } from "./layout.ts";
import { either } from "./lower-choice.ts";
import { comparesSigned, condition, isTruth, signedOf, truth } from "./lower-conditions.ts";
import { changeMap, mapValue } from "./lower-maps.ts";
import { loadScalar, materialise, type Operand, operand } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import { HEADER } from "./storage.ts";
import { isScalar, type Type, typeName } from "./types.ts";

/** The number that an expression stands for. With `unused`, only what it does matters. */
export function value(l: Lowering, e: Expression, unused = false): Value {
  const b = l.b;
  const known = l.script.checker.constant(e);
  if (known !== undefined) return b.const(known);
  switch (e.kind) {
    case "string":
      return b.const(1);
    case "variable": {
      const info = l.info(e);
      const home = l.home(info);
      if (home.kind === "value") return b.read(home.variable);
      const place = l.place(home);
      return isScalar(info.type) ? b.load("u64", place.pointer, place.offset) : b.add(place.pointer, place.offset);
    }
    case "map":
      return mapValue(l, e);
    case "identifier": {
      const numbered = /^(s?)arg(\d+)$/.exec(e.name);
      const entry = builtinVariables[numbered === null ? e.name : "argN"];
      if (entry?.lower !== undefined) return scalar(l, entry.lower(l, e));
      const call = builtinFunctions[e.name];
      if (entry === undefined && call?.lower !== undefined)
        return scalar(l, call.lower(l, { kind: "call", name: e.name, nameSpan: e.span, args: [], span: e.span }));
      const enumerator = l.script.checker.env.btf()?.enumerator(e.name);
      if (enumerator !== undefined) return b.const(enumerator.value);
      break;
    }
    case "call": {
      const entry = builtinFunctions[e.name];
      if (entry?.lower !== undefined) return scalar(l, entry.lower(l, e));
      const variable = builtinVariables[e.name];
      if (variable?.lower !== undefined)
        return scalar(
          l,
          variable.lower(l, {
            kind: "identifier",
            name: e.name,
            span: e.span,
            ...(e.type === undefined ? {} : { type: e.type }),
          }),
        );
      if (entry?.into !== undefined) return b.add(materialise(l, e).pointer, 0);
      break;
    }
    case "field":
    case "index":
      return scalar(l, operand(l, e));
    case "unary":
      return unary(l, e);
    case "increment":
      return increment(l, e, unused);
    case "binary":
      if (isTruth(e)) return truth(l, e);
      return arithmetic(l, e);
    case "ternary":
      return ternary(l, e);
    case "cast":
      return cast(l, e);
    case "block":
      return l.scoped(() => {
        for (const s of e.statements) l.statement(s);
        return value(l, e.value);
      });
    case "tuple":
    case "record":
      return materialise(l, e).pointer;
  }
  return l.fail(
    "SCRY1300",
    `an expression of type '${typeName(e.type ?? { kind: "none" })}' cannot be used here`,
    e.span,
  );
}

function scalar(l: Lowering, op: Operand): Value {
  if (op.kind === "value") return op.value;
  if (op.kind === "none") return l.b.const(0);
  if (isScalar(op.type)) return loadScalar(l, op);
  // A struct or array stands for its address.
  return op.offset === 0 ? op.pointer : l.b.add(op.pointer, op.offset);
}

function unary(l: Lowering, e: Expression & { kind: "unary" }): Value {
  const b = l.b;
  switch (e.operator) {
    case "!":
      return truth(l, e);
    case "-":
      return b.neg(value(l, e.operand));
    case "~":
      return b.binary("xor", value(l, e.operand), -1n);
    default:
      return scalar(l, operand(l, e));
  }
}

function increment(l: Lowering, e: Expression & { kind: "increment" }, unused: boolean): Value {
  const b = l.b;
  const step =
    e.target.type?.kind === "pointer" && e.target.type.to !== undefined ? elementSize(l, e.target.type.to) : 1;
  const by = b.const(e.by * step);
  if (e.target.kind === "map") return changeMap(l, e.target, by, e.prefix, unused);
  const before = value(l, e.target);
  const after = b.add(before, by);
  l.setHome(l.info(e.target), after);
  return e.prefix ? after : before;
}

const OPERATIONS: Readonly<Record<string, { readonly unsigned: "add"; readonly signed: "add" }>> = {
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
} as never;

function arithmetic(l: Lowering, e: Expression & { kind: "binary" }): Value {
  const b = l.b;
  let left = value(l, e.left);
  let right = value(l, e.right);
  // Steps of a pointer are elements.
  if (e.operator === "+" || e.operator === "-") {
    if (e.left.type?.kind === "pointer" && e.right.type?.kind !== "pointer") right = scaled(l, right, e.left.type);
    else if (e.right.type?.kind === "pointer" && e.left.type?.kind !== "pointer") left = scaled(l, left, e.right.type);
  }
  const operation = OPERATIONS[e.operator] as { unsigned: "add"; signed: "add" };
  if (e.operator === "/" || e.operator === "%") return divide(l, e, left, right);
  const signed = e.operator === ">>" ? signedOf(e.left.type) : signedOf(e.type);
  return b.binary(signed ? operation.signed : operation.unsigned, left, right);
}

/** x / 0 and x % 0 give 1, and are counted. */
function divide(l: Lowering, e: Expression & { kind: "binary" }, left: Value, right: Value): Value {
  const b = l.b;
  const signed = signedOf(e.type) && comparesSigned(e.left, e.right);
  const op = e.operator === "/" ? (signed ? "sdiv" : "div") : signed ? "smod" : "mod";
  const known = l.script.checker.constant(e.right);
  if (known !== undefined && known !== 0n) return b.binary(op, left, right);
  return either(
    l,
    (zero, fine) => b.branch("eq", right, 0, zero, fine, { unlikely: "then" }),
    () => {
      l.count(HEADER.divisions);
      return b.const(1);
    },
    () => b.binary(op, left, right),
  );
}

export function elementSize(l: Lowering, type: Type): number {
  if (type.kind === "struct") return l.script.checker.env.btf()?.sizeof(type.btf.id) ?? 1;
  return Math.max(1, type.kind === "pointer" ? 8 : sizeOf(type));
}

function scaled(l: Lowering, n: Value, pointer: Type & { kind: "pointer" }): Value {
  const size = pointer.to === undefined ? 1 : elementSize(l, pointer.to);
  return size === 1 ? n : l.b.binary("mul", n, size);
}

function ternary(l: Lowering, e: Expression & { kind: "ternary" }): Value {
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

function cast(l: Lowering, e: Expression & { kind: "cast" }): Value {
  const b = l.b;
  const type = e.type as Type;
  const from = e.operand.type;
  if (type.kind === "bool")
    return truth(l, {
      kind: "unary",
      operator: "!",
      operand: { kind: "unary", operator: "!", operand: e.operand, span: e.span, type },
      span: e.span,
      type,
    });
  const v = value(l, e.operand);
  if (type.kind !== "int" || type.bits === 64) return v;
  if (from?.kind === "int" && from.bits <= type.bits && from.signed === type.signed) return v;
  return type.signed ? b.sext(v, type.bits) : b.zext(v, type.bits);
}
