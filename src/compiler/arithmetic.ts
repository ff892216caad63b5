// What the operations compute, on 64-bit numbers kept as signed BigInts: for folding constants and for the reference
// interpreter of the tests. RFC 9669 section 4.1: division by zero gives 0, modulo by zero the dividend; shifts use
// the low 5 or 6 bits of the amount; a 32-bit operation takes the low halves and zero-extends its result.

import type { BinaryOp, Condition, Width } from "./ir.ts";

/** The result of a binary operation, as a signed 64-bit number. */
export function computeBinary(op: BinaryOp, width: Width, left: bigint, right: bigint): bigint {
  const ua = BigInt.asUintN(width, left);
  const ub = BigInt.asUintN(width, right);
  const sa = BigInt.asIntN(width, left);
  const sb = BigInt.asIntN(width, right);
  const shift = ub & BigInt(width - 1);
  const result = ((): bigint => {
    switch (op) {
      case "add":
        return ua + ub;
      case "sub":
        return ua - ub;
      case "mul":
        return ua * ub;
      case "div":
        return ub === 0n ? 0n : ua / ub;
      case "mod":
        return ub === 0n ? ua : ua % ub;
      case "sdiv":
        return sb === 0n ? 0n : sa / sb;
      case "smod":
        return sb === 0n ? sa : sa % sb;
      case "and":
        return ua & ub;
      case "or":
        return ua | ub;
      case "xor":
        return ua ^ ub;
      case "shl":
        return ua << shift;
      case "shr":
        return ua >> shift;
      case "sar":
        return sa >> shift;
    }
  })();
  return BigInt.asIntN(64, BigInt.asUintN(width, result));
}

/** Whether the condition holds between the low `width` bits. */
export function computeCondition(condition: Condition, width: Width, left: bigint, right: bigint): boolean {
  const ua = BigInt.asUintN(width, left);
  const ub = BigInt.asUintN(width, right);
  const sa = BigInt.asIntN(width, left);
  const sb = BigInt.asIntN(width, right);
  switch (condition) {
    case "eq":
      return ua === ub;
    case "ne":
      return ua !== ub;
    case "ult":
      return ua < ub;
    case "ule":
      return ua <= ub;
    case "ugt":
      return ua > ub;
    case "uge":
      return ua >= ub;
    case "slt":
      return sa < sb;
    case "sle":
      return sa <= sb;
    case "sgt":
      return sa > sb;
    case "sge":
      return sa >= sb;
    case "set":
      return (ua & ub) !== 0n;
  }
}

/** The low `bits` bits, their bytes in reverse. */
export function swapBytes(value: bigint, bits: 16 | 32 | 64): bigint {
  let out = 0n;
  for (let i = 0; i < bits; i += 8) out = (out << 8n) | ((value >> BigInt(i)) & 0xffn);
  return BigInt.asIntN(64, out);
}

const NEGATED: Partial<Record<Condition, Condition>> = {
  eq: "ne",
  ne: "eq",
  ult: "uge",
  uge: "ult",
  ugt: "ule",
  ule: "ugt",
  slt: "sge",
  sge: "slt",
  sgt: "sle",
  sle: "sgt",
};
const SWAPPED: Partial<Record<Condition, Condition>> = {
  eq: "eq",
  ne: "ne",
  set: "set",
  ult: "ugt",
  ugt: "ult",
  ule: "uge",
  uge: "ule",
  slt: "sgt",
  sgt: "slt",
  sle: "sge",
  sge: "sle",
};

/** The condition that holds when this one does not; `set` has none. */
export function negated(condition: Condition): Condition | undefined {
  return NEGATED[condition];
}

/** The condition that holds with the operands exchanged. */
export function swapped(condition: Condition): Condition {
  return SWAPPED[condition] as Condition;
}

/** True for the operations whose operands may be exchanged. */
export function commutes(op: BinaryOp): boolean {
  return op === "add" || op === "mul" || op === "and" || op === "or" || op === "xor";
}
