// Truth: conditions as ways through the program, comparisons of numbers, strings, tuples and probes.

import {
  compareStrings,
  compareText,
  eitherNumber,
  fail,
  loadScalar,
  type Operand,
  scoped,
} from "../../../codegen/index.ts";
import type { Block, Condition, Value } from "../../../compiler/index.ts";
import { elementOffsets, isScalar, sizeOf, type Type, typeName } from "../../../schema/index.ts";
import { constant, constantText, joinTypes } from "../check/index.ts";
import type { Expression } from "../parse/index.ts";
import { cheaperFirst } from "./expression-cost.ts";
import { ownMemory } from "./own-memory.ts";
import { condition, type LowerState, typeOf, value } from "./state.ts";

const TRUTH: ReadonlySet<string> = new Set(["==", "!=", "<", ">", "<=", ">=", "&&", "||"]);
export const isTruth = (e: Expression): boolean => e.kind === "binary" && TRUTH.has(e.operator);

/** 1 or 0. */
export function truth(l: LowerState, e: Expression): Value {
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

const isSignedInt = (type: Type): boolean => type.kind === "int" && type.signed;

export const signedOf = (type: Type): boolean => type.kind === "bool" || ("signed" in type && type.signed);

/** Is a comparison (or a division) of these two one of signed numbers? A plain number takes the other side's sign. */
export function comparesSigned(l: LowerState, left: Expression, right: Expression): boolean {
  const literal = (e: Expression): boolean =>
    (e.kind === "integer" ||
      e.kind === "parameter" ||
      e.kind === "boolean" ||
      (e.kind === "unary" && e.operand.kind === "integer")) &&
    isSignedInt(typeOf(l, e));
  const narrow = (t: Type): boolean => (t.kind === "int" && t.bits < 64) || t.kind === "bool";
  const takesSign = (e: Expression): boolean => signedOf(typeOf(l, e)) || narrow(typeOf(l, e));
  if (literal(left)) return takesSign(right);
  if (literal(right)) return takesSign(left);
  return takesSign(left) && takesSign(right);
}

/** Goes to `yes` or to `no`. */
export function lowerCondition(l: LowerState, e: Expression, yes: Block, no: Block): void {
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
      b.enter(more);
      // The right side is not always reached: what it makes is known only within.
      scoped(l, () => condition(l, second, yes, no));
      return;
    }
    const pair = CONDITIONS[e.operator];
    if (pair !== undefined) {
      const type = typeOf(l, e.left);
      if ((type.kind === "probe") !== (typeOf(l, e.right).kind === "probe")) {
        compareProbe(
          l,
          type.kind === "probe" ? e.left : e.right,
          type.kind === "probe" ? e.right : e.left,
          e.operator === "==" ? yes : no,
          e.operator === "==" ? no : yes,
        );
        return;
      }
      if (type.kind === "string" || type.kind === "tuple" || type.kind === "array") {
        compareMemory(l, e.left, e.right, e.operator === "==" ? yes : no, e.operator === "==" ? no : yes);
        return;
      }
      const right = constant(l.check, e.right);
      const left = value(l, e.left);
      b.branch(
        comparesSigned(l, e.left, e.right) ? pair.signed : pair.unsigned,
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
  const known = constant(l.check, e);
  if (known !== undefined) {
    b.jump(known === 0n ? no : yes);
    return;
  }
  if (typeOf(l, e).kind === "string") {
    const text = constantText(l.check, e);
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

const isFunctionName = (type: Type): boolean => type.kind === "probe" && type.function === true;

/** The name of the probe that fired against a text: the numbers of the probes that are called so. */
function compareProbe(l: LowerState, probe: Expression, other: Expression, equal: Block, different: Block): void {
  const b = l.b;
  const text = constantText(l.check, other);
  const byFunction = isFunctionName(typeOf(l, probe));
  const numbers = l.unit.resolved.flatMap((r, i) =>
    (byFunction ? r.func : r.name) === text ? [l.unit.numbers[i] as bigint] : [],
  );
  if (l.unit.resolved.length === 1 && probe.kind === "identifier") {
    b.jump(numbers.length > 0 ? equal : different);
    return;
  }
  const v = value(l, probe);
  for (const n of numbers) {
    const next = b.block("next");
    b.branch("eq", v, n, equal, next);
    b.enter(next);
  }
  b.jump(different);
}

/** Two strings, tuples or arrays. */
function compareMemory(l: LowerState, left: Expression, right: Expression, equal: Block, different: Block): void {
  const leftText = constantText(l.check, left);
  const rightText = constantText(l.check, right);
  if (leftText !== undefined && rightText !== undefined) {
    l.b.jump(leftText === rightText ? equal : different);
    return;
  }
  if (typeOf(l, left).kind === "string") {
    const text = leftText ?? rightText;
    const other = leftText === undefined ? left : right;
    if (text !== undefined) {
      compareText(l, ownMemory(l, other), text, Number.MAX_SAFE_INTEGER, equal, different);
      return;
    }
    compareStrings(l, ownMemory(l, left), ownMemory(l, right), undefined, equal, different);
    return;
  }
  if (typeOf(l, left).kind === "tuple" && typeOf(l, right).kind === "tuple") {
    const joined = joinTypes(typeOf(l, left), typeOf(l, right)) as Type & { kind: "tuple" };
    const sides = [left, right].map((e) => {
      const slot = l.b.slot(Math.max(8, sizeOf(joined)));
      l.b.zero(slot, 0, Math.max(8, Math.ceil(sizeOf(joined) / 8) * 8));
      const op = ownMemory(l, e);
      const { elements } = typeOf(l, e) as Type & { kind: "tuple" };
      return { op, from: elementOffsets(elements), elements };
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
      else fail(l, "SCRY1904", `comparing '${typeName(x.type)}' within a tuple is not supported yet`, left.span);
      l.b.enter(next);
    }
    l.b.jump(equal);
    return;
  }
  const a = ownMemory(l, left);
  const c = ownMemory(l, right);
  const size = sizeOf(a.type);
  if (size > 512) fail(l, "SCRY1904", `comparing '${typeName(a.type)}' is not supported yet`, left.span);
  for (let at = 0; at < size; at++) {
    l.b.must("eq", l.b.load("u8", a.pointer, a.offset + at), l.b.load("u8", c.pointer, c.offset + at), different);
  }
  l.b.jump(equal);
}
