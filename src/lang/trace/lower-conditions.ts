// Truth: conditions as ways through the program, comparisons of numbers, strings, tuples and probes.

import { type Block, type Condition, INT, type Value, type Variable } from "../../compiler/index.ts";
import type { Expression } from "./ast.ts";
import { cheaperFirst } from "./expression-cost.ts";
import { elementOffsets, sizeOf } from "./layout.ts";
import { eitherNumber } from "./lower-choice.ts";
import { value } from "./lower-expressions.ts";
import { loadScalar, type Operand, ownMemory, utf8 } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import { joinTypes } from "./type-rules.ts";
import { isScalar, type Type, typeName } from "./types.ts";

const TRUTH: ReadonlySet<string> = new Set(["==", "!=", "<", ">", "<=", ">=", "&&", "||"]);
export const isTruth = (e: Expression): boolean => e.kind === "binary" && TRUTH.has(e.operator);

/** 1 or 0. */
export function truth(l: Lowering, e: Expression): Value {
  return eitherNumber(l, (yes, no) => condition(l, e, yes, no));
}

const CONDITIONS: Readonly<Record<string, { readonly signed: Condition; readonly unsigned: Condition }>> = {
  "==": { signed: "eq", unsigned: "eq" },
  "!=": { signed: "ne", unsigned: "ne" },
  "<": { signed: "slt", unsigned: "ult" },
  "<=": { signed: "sle", unsigned: "ule" },
  ">": { signed: "sgt", unsigned: "ugt" },
  ">=": { signed: "sge", unsigned: "uge" },
};

export const signedOf = (type: Type | undefined): boolean =>
  type?.kind === "int"
    ? type.signed
    : type?.kind === "bool"
      ? true
      : type !== undefined && "signed" in type
        ? (type as { signed: boolean }).signed
        : false;

/** Is a comparison (or a division) of these two one of signed numbers? A plain number takes the other side's sign. */
export function comparesSigned(left: Expression, right: Expression): boolean {
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
      const [first, second] = cheaperFirst(l, e.left, e.right);
      if (e.operator === "&&") condition(l, first, more, no);
      else condition(l, first, yes, more);
      b.seal(more);
      b.at(more);
      // The right side is not always reached: what it makes is known only within.
      l.scoped(() => condition(l, second, yes, no));
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
