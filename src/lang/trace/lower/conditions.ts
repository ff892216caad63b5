// Truth: conditions as ways through the program, comparisons of numbers, strings, tuples and probes.

import {
  compareBuffers,
  compareStrings,
  compareText,
  eitherNumber,
  fail,
  loadScalar,
  type Operand,
  scoped,
} from "../../../codegen/index.ts";
import type { Block, Condition, Value } from "../../../compiler/index.ts";
import type { ResolvedProbe } from "../../../probes/index.ts";
import {
  elementOffsets,
  elementPlaces,
  isNumeric,
  isScalar,
  sizeOf,
  type Type,
  typeName,
} from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import { constant, constantText } from "../check/index.ts";
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
      if (!isScalar(type) && !isNumeric(type) && type.kind !== "probe") {
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
  const text = constantText(l.check, other);
  const byFunction = isFunctionName(typeOf(l, probe));
  branchByProbe(l, probe, (r) => (byFunction ? r.func : r.name) === text, equal, different);
}

/** Where the probe that fired is one for which something holds that is known of each. */
export function branchByProbe(
  l: LowerState,
  probe: Expression,
  holds: (probe: ResolvedProbe) => boolean,
  equal: Block,
  different: Block,
): void {
  const b = l.b;
  const numbers = l.unit.resolved.flatMap((r, i) => (holds(r) ? [l.unit.numbers[i] as bigint] : []));
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
  branchUnlessEqual(l, ownMemory(l, left), ownMemory(l, right), left.span, different);
  l.b.jump(equal);
}

type InMemory = Operand & { kind: "memory" };

/** Goes on where two values of our own memory are equal, part by part. */
function branchUnlessEqual(l: LowerState, a: InMemory, c: InMemory, span: Span, different: Block): void {
  const { b } = l;
  if (isScalar(a.type)) {
    b.must("eq", loadScalar(l, a), loadScalar(l, c), different);
    return;
  }
  if (a.type.kind === "string") {
    const next = b.block("same");
    compareStrings(l, a, c, undefined, next, different);
    b.enter(next);
    return;
  }
  if (a.type.kind === "buffer" && c.type.kind === "buffer") {
    compareBuffers(l, a, c, different);
    return;
  }
  if ((a.type.kind === "tuple" || a.type.kind === "record") && (c.type.kind === "tuple" || c.type.kind === "record")) {
    const [from, other] = [a.type.elements, c.type.elements];
    const [fromAt, otherAt] = [elementOffsets(from), elementOffsets(other)];
    const part = (op: InMemory, type: Type, at: number): InMemory => ({ ...op, type, offset: op.offset + at });
    const places = elementPlaces(c.type, a.type);
    for (const [i, type] of from.entries()) {
      const place = places[i] as number;
      branchUnlessEqual(
        l,
        part(a, type, fromAt[i] as number),
        part(c, other[place] as Type, otherAt[place] as number),
        span,
        different,
      );
    }
    return;
  }
  const size = sizeOf(a.type);
  if (size > 512) fail(l, "SCRY1904", `comparing '${typeName(a.type)}' is not supported yet`, span);
  const aligned = (a.offset | c.offset | size) % 8 === 0;
  const step = aligned ? 8 : 1;
  for (let at = 0; at < size; at += step) {
    const load = (op: InMemory): Value => b.load(aligned ? "u64" : "u8", op.pointer, op.offset + at);
    b.must("eq", load(a), load(c), different);
  }
}
