// Numbers and truth: expressions whose value is in a register, conditions, fields, arguments of the probe.

import type { Block, Condition, StoreSize, Value, Variable } from "../../compiler/index.ts";
import { INT } from "../../compiler/index.ts";
import type { UsdtArgument } from "../../elf/index.ts";
import type { Expression, FieldExpression, IndexExpression } from "./ast.ts";
import { typeOfBtf } from "./btf-types.ts";
import { builtinFunctions } from "./builtin-functions.ts";
import { builtinVariables } from "./builtin-variables.ts";
import { joinTypes } from "./checker.ts";
import { elementOffsets, sizeOf } from "./layout.ts";
import { changeMap, mapValue } from "./lower-maps.ts";
import {
  loadScalar,
  loadSize,
  materialise,
  type Operand,
  operand,
  ownMemory,
  readForeign,
  utf8,
} from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import type { ArgumentAccess, ProbeArgument } from "./probes.ts";
import { registerOffsets } from "./registers.ts";
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

const TRUTH: ReadonlySet<string> = new Set(["==", "!=", "<", ">", "<=", ">=", "&&", "||"]);
const isTruth = (e: Expression): boolean => e.kind === "binary" && TRUTH.has(e.operator);

/** 1 or 0. */
function truth(l: Lowering, e: Expression): Value {
  const b = l.b;
  const yes = b.block("yes");
  const no = b.block("no");
  const after = b.block("after");
  const result: Variable = { name: "truth", type: INT };
  l.scoped(() => condition(l, e, yes, no));
  for (const [block, v] of [
    [yes, 1],
    [no, 0],
  ] as const) {
    b.seal(block);
    b.at(block);
    b.write(result, b.const(v));
    b.jump(after);
  }
  b.seal(after);
  b.at(after);
  return b.read(result);
}

const CONDITIONS: Readonly<Record<string, { readonly signed: Condition; readonly unsigned: Condition }>> = {
  "==": { signed: "eq", unsigned: "eq" },
  "!=": { signed: "ne", unsigned: "ne" },
  "<": { signed: "slt", unsigned: "ult" },
  "<=": { signed: "sle", unsigned: "ule" },
  ">": { signed: "sgt", unsigned: "ugt" },
  ">=": { signed: "sge", unsigned: "uge" },
};

const signedOf = (type: Type | undefined): boolean =>
  type?.kind === "int"
    ? type.signed
    : type?.kind === "bool"
      ? true
      : type !== undefined && "signed" in type
        ? (type as { signed: boolean }).signed
        : false;

/** Is a comparison (or a division) of these two one of signed numbers? A plain number takes the other side's sign. */
function comparesSigned(left: Expression, right: Expression): boolean {
  const literal = (e: Expression): boolean =>
    (e.kind === "integer" ||
      e.kind === "parameter" ||
      e.kind === "boolean" ||
      (e.kind === "unary" && e.operand.kind === "integer")) &&
    e.type?.kind === "int" &&
    e.type.signed;
  const narrow = (t: Type | undefined): boolean => (t?.kind === "int" && t.bits < 64) || t?.kind === "bool";
  if (literal(left)) return signedOf(right.type) || narrow(right.type);
  if (literal(right)) return signedOf(left.type) || narrow(left.type);
  return (signedOf(left.type) || narrow(left.type)) && (signedOf(right.type) || narrow(right.type));
}

/** Goes to `yes` or to `no`. */
export function condition(l: Lowering, e: Expression, yes: Block, no: Block): void {
  const b = l.b;
  if (e.kind === "unary" && e.operator === "!") {
    condition(l, e.operand, no, yes);
    return;
  }
  if (e.kind === "binary") {
    if (e.operator === "&&" || e.operator === "||") {
      const more = b.block("more");
      if (e.operator === "&&") condition(l, e.left, more, no);
      else condition(l, e.left, yes, more);
      b.seal(more);
      b.at(more);
      // The right side is not always reached: what it makes is known only within.
      l.scoped(() => condition(l, e.right, yes, no));
      return;
    }
    const pair = CONDITIONS[e.operator];
    if (pair !== undefined) {
      const type = e.left.type;
      if ((type?.kind === "probe") !== (e.right.type?.kind === "probe")) {
        compareProbe(
          l,
          type?.kind === "probe" ? e.left : e.right,
          type?.kind === "probe" ? e.right : e.left,
          e.operator === "==" ? yes : no,
          e.operator === "==" ? no : yes,
        );
        return;
      }
      if (type?.kind === "string" || type?.kind === "tuple" || type?.kind === "array") {
        compareMemory(l, e.left, e.right, e.operator === "==" ? yes : no, e.operator === "==" ? no : yes);
        return;
      }
      const right = l.script.checker.constant(e.right);
      const left = value(l, e.left);
      b.branch(
        comparesSigned(e.left, e.right) ? pair.signed : pair.unsigned,
        left,
        right === undefined ? value(l, e.right) : right,
        yes,
        no,
      );
      return;
    }
    if (e.operator === "&") {
      b.branch("set", value(l, e.left), value(l, e.right), yes, no);
      return;
    }
  }
  const known = l.script.checker.constant(e);
  if (known !== undefined) {
    b.jump(known === 0n ? no : yes);
    return;
  }
  if (e.type?.kind === "string") {
    const text = l.script.checker.constantText(e);
    if (text !== undefined) {
      b.jump(text === "" ? no : yes);
      return;
    }
    const op = ownMemory(l, e);
    b.branch("ne", b.load("u8", op.pointer, op.offset), 0, yes, no);
    return;
  }
  b.branch("ne", value(l, e), 0, yes, no);
}

/** The name of the probe that fired against a text: the numbers of the probes that are called so. */
function compareProbe(l: Lowering, probe: Expression, other: Expression, equal: Block, different: Block): void {
  const b = l.b;
  const text = l.script.checker.constantText(other);
  const function_ = probe.type?.kind === "probe" && probe.type.function === true;
  const numbers = l.unit.resolved.flatMap((r, i) =>
    (function_ ? r.func : r.name) === text ? [l.unit.numbers[i] as bigint] : [],
  );
  if (l.unit.resolved.length === 1 && probe.kind === "identifier") {
    b.jump(numbers.length > 0 ? equal : different);
    return;
  }
  const v = value(l, probe);
  for (const n of numbers) {
    const next = b.block("next");
    b.branch("eq", v, n, equal, next);
    b.seal(next);
    b.at(next);
  }
  b.jump(different);
}

/** Two strings, tuples or arrays. */
function compareMemory(l: Lowering, left: Expression, right: Expression, equal: Block, different: Block): void {
  const checker = l.script.checker;
  const leftText = checker.constantText(left);
  const rightText = checker.constantText(right);
  if (leftText !== undefined && rightText !== undefined) {
    l.b.jump(leftText === rightText ? equal : different);
    return;
  }
  if (left.type?.kind === "string") {
    const text = leftText ?? rightText;
    const other = leftText === undefined ? left : right;
    if (text !== undefined) {
      compareText(l, ownMemory(l, other), text, Number.MAX_SAFE_INTEGER, equal, different);
      return;
    }
    compareStrings(l, ownMemory(l, left), ownMemory(l, right), undefined, equal, different);
    return;
  }
  if (left.type?.kind === "tuple" && right.type?.kind === "tuple") {
    const joined = joinTypes(left.type, right.type) as Type & { kind: "tuple" };
    const sides = [left, right].map((e) => {
      const slot = l.b.slot(Math.max(8, sizeOf(joined)));
      l.b.zero(slot, 0, Math.max(8, Math.ceil(sizeOf(joined) / 8) * 8));
      const op = ownMemory(l, e);
      const from = elementOffsets((e.type as Type & { kind: "tuple" }).elements);
      const goal = elementOffsets(joined.elements);
      return { op, from, goal, elements: (e.type as Type & { kind: "tuple" }).elements };
    });
    const [a, c] = sides as [(typeof sides)[0], (typeof sides)[0]];
    for (const i of joined.elements.keys()) {
      const next = l.b.block("same");
      const x: Operand & { kind: "memory" } = {
        ...a.op,
        type: a.elements[i] as Type,
        offset: a.op.offset + (a.from[i] as number),
      };
      const y: Operand & { kind: "memory" } = {
        ...c.op,
        type: c.elements[i] as Type,
        offset: c.op.offset + (c.from[i] as number),
      };
      if (isScalar(x.type)) l.b.branch("eq", loadScalar(l, x), loadScalar(l, y), next, different);
      else if (x.type.kind === "string") compareStrings(l, x, y, undefined, next, different);
      else l.fail("SCRY1904", `comparing '${typeName(x.type)}' within a tuple is not supported yet`, left.span);
      l.b.seal(next);
      l.b.at(next);
    }
    l.b.jump(equal);
    return;
  }
  const a = ownMemory(l, left);
  const c = ownMemory(l, right);
  const size = sizeOf(a.type);
  if (size > 512) l.fail("SCRY1904", `comparing '${typeName(a.type)}' is not supported yet`, left.span);
  for (let at = 0; at < size; at++) {
    const next = l.b.block("same");
    l.b.branch(
      "eq",
      l.b.load("u8", a.pointer, a.offset + at),
      l.b.load("u8", c.pointer, c.offset + at),
      next,
      different,
    );
    l.b.seal(next);
    l.b.at(next);
  }
  l.b.jump(equal);
}

/** A string of our own memory against a text, by whole words; `limit` bytes at the most (strncmp). */
export function compareText(
  l: Lowering,
  op: Operand & { kind: "memory" },
  text: string,
  limit: number,
  equal: Block,
  different: Block,
): void {
  const b = l.b;
  const bytes = [...utf8(text), 0].slice(0, limit);
  const room = op.type.kind === "string" ? op.type.size : sizeOf(op.type);
  if (bytes.length > room) {
    // It can be equal only where the string was cut; a cut string ends in its last byte.
    b.jump(different);
    return;
  }
  // Where the rest is known to be zero, whole words can be compared.
  if (op.padded === true && limit > bytes.length) while (bytes.length % 8 !== 0 && bytes.length < room) bytes.push(0);
  for (let at = 0; at < bytes.length; ) {
    const place = op.offset + at;
    const left = bytes.length - at;
    const step =
      place % 8 === 0 && left >= 8 ? 8 : place % 4 === 0 && left >= 4 ? 4 : place % 2 === 0 && left >= 2 ? 2 : 1;
    let word = 0n;
    for (let i = step - 1; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i] as number);
    const next = b.block("same");
    b.branch("eq", b.load(`u${step * 8}` as "u8", op.pointer, place), b.const(word), next, different);
    b.seal(next);
    b.at(next);
    at += step;
  }
  b.jump(equal);
}

/** Two strings of our own memory, byte by byte, `limit` bytes at the most. */
export function compareStrings(
  l: Lowering,
  a: Operand & { kind: "memory" },
  c: Operand & { kind: "memory" },
  limit: number | undefined,
  equal: Block,
  different: Block,
): void {
  const b = l.b;
  const room = Math.min(
    a.type.kind === "string" ? a.type.size : 1,
    c.type.kind === "string" ? c.type.size : 1,
    limit ?? Number.MAX_SAFE_INTEGER,
  );
  const index: Variable = { name: "index", type: INT };
  const head = b.block("head");
  const check = b.block("check");
  const body = b.block("body");
  const next = b.block("next");
  b.write(index, b.const(0));
  b.jump(head);
  b.at(head);
  b.mayGoto(check, equal);
  b.seal(check);
  b.at(check);
  const at = b.read(index);
  b.branch("ult", at, room, body, equal);
  b.seal(body);
  b.at(body);
  const x = b.load("u8", b.add(b.add(a.pointer, a.offset), at), 0);
  const y = b.load("u8", b.add(b.add(c.pointer, c.offset), at), 0);
  const same = b.block("same");
  b.branch("eq", x, y, same, different);
  b.seal(same);
  b.at(same);
  b.branch("eq", x, 0, equal, next);
  b.seal(next);
  b.at(next);
  b.write(index, b.add(at, 1));
  b.jump(head);
  b.seal(head);
  // Leaves the builder where nothing more follows: both ends are the caller's.
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
  const result: Variable = { name: "quotient", type: INT };
  const zero = b.block("by-zero");
  const fine = b.block("divide");
  const after = b.block("divided");
  b.branch("eq", right, 0, zero, fine, { unlikely: "then" });
  b.seal(zero);
  b.at(zero);
  l.count(HEADER.divisions);
  b.write(result, b.const(1));
  b.jump(after);
  b.seal(fine);
  b.at(fine);
  b.write(result, b.binary(op, left, right));
  b.jump(after);
  b.seal(after);
  b.at(after);
  return b.read(result);
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
  const b = l.b;
  const result: Variable = { name: "choice", type: INT };
  const then = b.block("then");
  const otherwise = b.block("else");
  const after = b.block("after");
  if (e.then === undefined) {
    const first = value(l, e.condition);
    b.write(result, first);
    b.branch("ne", first, 0, after, otherwise);
    b.seal(then);
  } else {
    l.scoped(() => condition(l, e.condition, then, otherwise));
    b.seal(then);
    b.at(then);
    const side = e.then;
    b.write(
      result,
      l.scoped(() => value(l, side)),
    );
    b.jump(after);
  }
  b.seal(otherwise);
  b.at(otherwise);
  b.write(
    result,
    l.scoped(() => value(l, e.otherwise)),
  );
  b.jump(after);
  b.seal(after);
  b.at(after);
  return b.read(result);
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

// --- fields and elements ---------------------------------------------------------------------------------------------

/** `args.x`, `task.pid`, `$kv.0`: where it lies. */
export function fieldOperand(l: Lowering, e: FieldExpression): Operand {
  const b = l.b;
  const type = e.type as Type;
  if (e.object.kind === "identifier" && e.object.type?.kind === "args") {
    const found = l.form.args?.get(e.name) as ProbeArgument;
    return argument(l, found);
  }
  const object = e.object.type as Type;
  if (object.kind === "tuple" || object.kind === "record") {
    const at = object.kind === "tuple" ? Number(e.name) : object.names.indexOf(e.name);
    if (e.object.kind === "variable") {
      const pair = l.pairs.get(l.info(e.object));
      if (pair !== undefined) return at === 0 ? pair.key : pair.value();
    }
    const op = ownMemory(l, e.object);
    return {
      kind: "memory",
      type: (op.type as Type & { kind: "tuple" }).elements[at] as Type,
      pointer: op.pointer,
      offset: op.offset + (elementOffsets((op.type as Type & { kind: "tuple" }).elements)[at] as number),
      space: "own",
    };
  }
  const btf = l.script.checker.env.btf();
  const struct = object.kind === "pointer" ? object.to : object;
  if (btf === undefined || struct?.kind !== "struct")
    return l.fail("SCRY1300", `the field '${e.name}' cannot be reached`, e.span);
  const field = btf.field(struct.btf.id, [e.name]);
  if (field === undefined) return l.fail("SCRY1300", `the field '${e.name}' cannot be reached`, e.span);
  const base = operand(l, e.object);
  const pointer =
    base.kind === "value"
      ? base.value
      : base.kind === "memory"
        ? object.kind === "pointer"
          ? loadScalar(l, base)
          : base.pointer
        : b.const(0);
  const start = base.kind === "memory" && object.kind !== "pointer" ? base.offset : 0;
  const space = struct.space;
  if (field.bitfieldSize > 0) {
    const first = field.bitOffset >> 3;
    const shift = field.bitOffset & 7;
    const bytes = Math.ceil((shift + field.bitfieldSize) / 8);
    const slot = b.slot(8);
    b.store(64, slot, 0, 0);
    readForeign(l, slot, 0, bytes, pointer, start + first, space);
    const word = b.load("u64", slot, 0);
    const up = b.binary("shl", word, 64 - shift - field.bitfieldSize);
    return { kind: "value", type, value: b.binary(signedOf(type) ? "sar" : "shr", up, 64 - field.bitfieldSize) };
  }
  return {
    kind: "memory",
    type: typeOfBtf(btf, field.type, space),
    pointer,
    offset: start + field.bitOffset / 8,
    space,
  };
}

/** `a[i]` of arrays, pointers, strings and tuples. */
export function indexOperand(l: Lowering, e: IndexExpression): Operand {
  const b = l.b;
  const object = e.object.type as Type;
  const at = l.script.checker.constant(e.index);
  if (object.kind === "tuple") {
    return fieldOperand(l, {
      kind: "field",
      object: e.object,
      name: String(at),
      nameSpan: e.index.span,
      span: e.span,
      type: e.type as Type,
    });
  }
  const type: Type =
    object.kind === "array"
      ? object.of
      : object.kind === "pointer"
        ? (object.to as Type)
        : { kind: "int", bits: 8, signed: true };
  const size = elementSize(l, type);
  const base =
    object.kind === "pointer"
      ? ({ kind: "memory", type, pointer: value(l, e.object), offset: 0, space: object.space } as const)
      : operand(l, e.object);
  if (base.kind !== "memory") return l.fail("SCRY1300", "this value has no elements", e.span);
  if (at !== undefined && (base.space !== "own" || object.kind === "array" || Number(at) < sizeOf(object)))
    return { ...base, type, offset: base.offset + Number(at) * size };
  const index = value(l, e.index);
  if (base.space === "kernel" || base.space === "user")
    return { ...base, type, pointer: b.add(base.pointer, b.binary("mul", index, size)) };
  // Own memory: the index must be within bounds, else the element is 0.
  const count = object.kind === "array" ? object.count : sizeOf(object);
  const slot = b.slot(8);
  b.store(64, slot, 0, 0);
  const inside = b.block("inside");
  const after = b.block("after");
  b.branch("ult", index, count, inside, after);
  b.seal(inside);
  b.at(inside);
  if (base.space === "ctx")
    readForeign(l, slot, 0, size, b.add(b.add(base.pointer, base.offset), b.binary("mul", index, size)), 0, "kernel");
  else
    b.store(
      (Math.min(8, size) * 8) as StoreSize,
      slot,
      0,
      b.load(loadSize(type), b.add(b.add(base.pointer, base.offset), b.binary("mul", index, size)), 0),
    );
  b.jump(after);
  b.seal(after);
  b.at(after);
  return { kind: "memory", type, pointer: slot, offset: 0, space: "own" };
}

// --- the probe's arguments -------------------------------------------------------------------------------------------

/** The program's context; a callback has none. */
export function contextOf(l: Lowering): Value {
  return (
    l.context ??
    l.fail(
      "SCRY1905",
      "the probe's arguments cannot be read inside a for loop over a map yet",
      l.b.span ?? l.unit.probe.span,
    )
  );
}

export function argument(l: Lowering, found: ProbeArgument): Operand {
  return accessOperand(l, found.access, found.type);
}

export function accessOperand(l: Lowering, access: ArgumentAccess, type: Type): Operand {
  const b = l.b;
  const context = contextOf(l);
  const number = (v: Value): Operand => ({ kind: "value", type, value: v });
  switch (access.kind) {
    case "record": {
      const kind =
        type.kind === "pointer" || type.kind === "bool"
          ? `u${access.size * 8}`
          : `${access.signed ? "s" : "u"}${access.size * 8}`;
      return number(b.load((kind === "s64" ? "u64" : kind) as "u8", context, access.offset));
    }
    case "record-array":
      return { kind: "memory", type, pointer: context, offset: access.offset, space: "ctx" };
    case "data-loc": {
      const word = b.load("u32", context, access.offset);
      const place = b.and(word, 0xffff);
      const start = access.relative ? b.add(place, access.offset + 4) : place;
      return number(b.add(context, start));
    }
    case "raw":
      return number(narrow(l, b.load("u64", context, access.index * 8), type));
    case "syscall": {
      const registers = l.once("registers", () => b.load("u64", context, 0, { kind: "kernel", type: "pt_regs" }));
      const offset = registerOffsets(l.script.checker.env.machine).syscallArguments[access.index] as number;
      return number(narrow(l, b.load("u64", registers, offset), type));
    }
    case "syscall-number":
      return number(syscallNumber(l, l.form.target?.name === "sys_exit"));
    case "register": {
      const offset = registerOffsets(l.script.checker.env.machine).arguments[access.index];
      if (offset === undefined)
        return l.fail("SCRY1302", `arg${access.index} is not passed in a register`, l.b.span ?? l.unit.probe.span);
      return number(b.load("u64", context, offset));
    }
    case "return-register":
      return number(b.load("u64", context, registerOffsets(l.script.checker.env.machine).returns));
    case "usdt":
      return number(usdtArgument(l, context, access.argument));
    case "context-field":
      return number(b.load("u64", context, access.offset));
  }
}

/** Cuts a 64-bit register down to the type that the kernel's code means. */
function narrow(l: Lowering, v: Value, type: Type): Value {
  if (type.kind === "bool") return l.b.zext(v, 8);
  if (type.kind !== "int" || type.bits === 64) return v;
  return type.signed ? l.b.sext(v, type.bits) : l.b.zext(v, type.bits);
}

/** The number of the system call at hand, in a program on the raw tracepoints. */
export function syscallNumber(l: Lowering, exit: boolean): Value {
  const b = l.b;
  const context = contextOf(l);
  if (!exit) return l.once("syscall number", () => b.load("u64", context, 8));
  const registers = l.once("registers", () => b.load("u64", context, 0, { kind: "kernel", type: "pt_regs" }));
  return l.once("syscall number", () =>
    b.load("u64", registers, registerOffsets(l.script.checker.env.machine).syscallNumber),
  );
}

function usdtArgument(l: Lowering, context: Value, a: UsdtArgument): Value {
  const b = l.b;
  const here = l.b.span ?? l.unit.probe.span;
  const cut = (v: Value): Value =>
    a.size === 8 ? v : a.signed ? b.sext(v, (a.size * 8) as 8) : b.zext(v, (a.size * 8) as 8);
  switch (a.kind) {
    case "constant":
      return b.const(a.value);
    case "register": {
      const whole = b.load("u64", context, a.register.offset);
      return cut(a.register.shift === 0 ? whole : b.binary("shr", whole, a.register.shift));
    }
    case "memory": {
      if (a.segment !== undefined)
        return l.fail("SCRY1303", "the probe's argument is in thread-local memory, which cannot be read yet", here);
      let address = a.base === undefined ? b.const(a.offset) : b.add(b.load("u64", context, a.base.offset), a.offset);
      if (a.index !== undefined)
        address = b.add(address, b.binary("mul", b.load("u64", context, a.index.offset), a.scale));
      const slot = b.slot(8);
      b.store(64, slot, 0, 0);
      readForeign(l, slot, 0, a.size, address, 0, "user");
      return cut(b.load("u64", slot, 0));
    }
    case "symbol":
      return l.fail("SCRY1303", `the probe's argument is at the symbol '${a.symbol}', which cannot be read yet`, here);
    case "unreadable":
      return l.fail("SCRY1303", `the probe's argument cannot be read: ${a.text}`, here);
  }
}
