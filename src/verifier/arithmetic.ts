// Arithmetic instructions, on numbers and on pointers.

import { Alu, type Instruction } from "../isa/index.ts";
import type { Checker } from "./checker.ts";
import { pointerArithmetic } from "./pointer-arithmetic.ts";
import { refuse } from "./refusal.ts";
import { isNeeded, type Known, linked, read, write } from "./registers.ts";
import { describe, isConstant, type Scalar, signExtended, UNKNOWN, withLink, zeroExtended } from "./scalar.ts";
import { binary, negated, shiftedBack, shiftedLeft, swapped } from "./scalar-alu.ts";
import type { State } from "./state.ts";

/** One arithmetic instruction. */
export function stepArithmetic(checker: Checker, state: State, i: Instruction): void {
  const width: 32 | 64 = (i.op & 7) === 4 ? 32 : 64;
  const code = i.op & 0xf0;
  const byRegister = (i.op & 8) !== 0;
  const needed = isNeeded(checker, state.pc, i.dst);
  if (code === Alu.END || code === Alu.NEG) {
    const value = read(state, i.dst);
    if (value.kind !== "scalar" || !needed) write(state, i.dst, UNKNOWN);
    else if (code === Alu.NEG) write(state, i.dst, negated(value, width));
    else write(state, i.dst, swapped(value, i.imm, width === 64 || byRegister));
    return;
  }
  if (code === Alu.MOV) {
    move(checker, state, i, width, byRegister);
    return;
  }
  const left = read(state, i.dst);
  const right: Known = byRegister ? read(state, i.src) : checker.immediate(state.pc, i);
  if (code === Alu.DIV || code === Alu.MOD) checkDivisor(checker, i, right, width, byRegister);
  const shifts = code === Alu.LSH || code === Alu.RSH || code === Alu.ARSH;
  if (shifts && !byRegister && (i.imm < 0 || i.imm >= width)) {
    refuse("arithmetic", `A shift by ${i.imm} of ${width} bits`, []);
  }
  if (left.kind === "pointer" || right.kind === "pointer") {
    write(state, i.dst, pointerArithmetic(checker, state.pc, code, width, left, right, i.dst, byRegister ? i.src : -1));
    return;
  }
  if (!needed) {
    write(state, i.dst, UNKNOWN);
    return;
  }
  const slot = state.pc;
  const result =
    checker.recall(slot, left, right) ?? checker.remember(slot, left, right, resultOf(checker, i, left, right, width));
  write(state, i.dst, result);
}

/** The result of an operation on two numbers, with its link to others. */
function resultOf(checker: Checker, i: Instruction, left: Scalar, right: Scalar, width: 32 | 64): Scalar {
  const code = i.op & 0xf0;
  const options = { width, signed: i.off === 1, asKernel: !checker.strict };
  if ((i.op & 8) === 0 && width === 64) {
    if (code === Alu.LSH) return shiftedLeft(left, i.imm, options);
    if (code === Alu.RSH || code === Alu.ARSH) {
      const back = shiftedBack(left, i.imm, code === Alu.ARSH);
      if (back !== undefined) return back;
    }
  }
  const result = binary(code, left, right, options);
  // A known distance to the registers that it is linked with.
  const keeps = width === 64 && (code === Alu.ADD || code === Alu.SUB) && left.id !== 0 && isConstant(right);
  return keeps && !isConstant(result)
    ? withLink(result, left.id, left.plus + (code === Alu.ADD ? right.smin : -right.smin))
    : unlinked(result);
}

const unlinked = (s: Scalar): Scalar => (s.id === 0 ? s : withLink(s, 0, 0n));

function checkDivisor(checker: Checker, i: Instruction, right: Known, width: 32 | 64, byRegister: boolean): void {
  if (!byRegister) {
    if (i.imm === 0) refuse("division", "A division by zero", []);
    return;
  }
  if (!checker.strict || right.kind !== "scalar") return;
  const maybeZero = width === 64 ? right.umin === 0n : right.u32min === 0;
  if (maybeZero) {
    refuse(
      "division",
      `The divisor in r${i.src} may be 0 (${describe(right)})`,
      [i.src],
      `check that r${i.src} is not 0 first`,
    );
  }
}

function move(checker: Checker, state: State, i: Instruction, width: 32 | 64, byRegister: boolean): void {
  if (!byRegister) {
    write(state, i.dst, checker.immediate(state.pc, i));
    return;
  }
  if (i.off === 1) refuse("unsupported", "Casts between address spaces are not supported", []);
  const before = read(state, i.src);
  if (before.kind === "scalar" && !isNeeded(checker, state.pc, i.dst)) {
    write(state, i.dst, UNKNOWN);
    return;
  }
  if (i.off !== 0) {
    const value = before;
    write(state, i.dst, value.kind === "scalar" ? unlinked(signExtended(value, i.off / 8, width)) : UNKNOWN);
    return;
  }
  const value = linked(checker, state, i.src);
  if (width === 64) write(state, i.dst, value);
  else write(state, i.dst, value.kind === "scalar" ? zeroExtended(value) : zeroExtended(UNKNOWN));
}
