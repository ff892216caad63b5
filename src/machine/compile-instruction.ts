// One instruction to Wasm. Branches are in `compile-branch.ts`, calls in `compile-call.ts`, loads and stores in
// `compile-memory.ts`.

import { Alu, Opcode } from "../isa/index.ts";
import { I32, I64, Wasm } from "../wasm/index.ts";
import { emitCallX, emitHelperCall, emitLocalCall, emitPacketLoad } from "./compile-call.ts";
import { emitAccess, emitAtomic } from "./compile-memory.ts";
import { type FunctionState, popNarrow, popWide, pushNarrow, pushWide, writesNarrow } from "./compile-state.ts";
import { Op, WORDS } from "./decoded.ts";

/** Operations by the upper half of the opcode, 64 bits and 32. */
const PLAIN: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0x00, [Wasm.i64_add, Wasm.i32_add]],
  [0x10, [Wasm.i64_sub, Wasm.i32_sub]],
  [0x20, [Wasm.i64_mul, Wasm.i32_mul]],
  [0x40, [Wasm.i64_or, Wasm.i32_or]],
  [0x50, [Wasm.i64_and, Wasm.i32_and]],
  [0x60, [Wasm.i64_shl, Wasm.i32_shl]],
  [0x70, [Wasm.i64_shr_u, Wasm.i32_shr_u]],
  [0xa0, [Wasm.i64_xor, Wasm.i32_xor]],
  [0xc0, [Wasm.i64_shr_s, Wasm.i32_shr_s]],
]);

export function emitInstruction(fn: FunctionState, slot: number): void {
  const { code, facts } = fn;
  const words = fn.module.program.code;
  const at = slot * WORDS;
  const op = words[at] as number;
  const dst = words[at + 1] as number;
  const src = words[at + 2] as number;
  const off = words[at + 3] as number;
  const imm = words[at + 4] as number;

  const keep = facts.keep.get(slot);
  const type = (op & 7) === 7 ? I64 : I32;
  // The upper half of a narrow register may be lost, which a shift to the left does not need but a rotation does.
  if (keep !== undefined && (type === I32 || !fn.isNarrow(dst))) {
    const local = fn.take(type);
    fn.kept[keep] = { type, local };
    if (type === I64) pushWide(fn, dst);
    else pushNarrow(fn, dst);
    code.set(local);
  }
  const rotation = facts.rotate.get(slot);
  const kept = rotation && fn.kept[rotation.kept];
  if (rotation !== undefined && kept !== undefined) {
    code.get(kept.local);
    if (rotation.width === 64) {
      code.i64(rotation.bits).op(Wasm.i64_rotl);
      popWide(fn, dst);
    } else {
      code.i32(rotation.bits).op(Wasm.i32_rotl);
      popNarrow(fn, dst);
    }
    return;
  }

  switch (op) {
    case Opcode.LDDW:
      if (writesNarrow(fn, dst)) {
        code.i32(imm);
        popNarrow(fn, dst);
      } else {
        code.i64(imm, words[at + 5] as number);
        popWide(fn, dst);
      }
      return;
    case Opcode.MOV64_IMM:
      if (writesNarrow(fn, dst)) {
        code.i32(imm);
        popNarrow(fn, dst);
      } else {
        code.i64(imm);
        popWide(fn, dst);
      }
      return;
    case Opcode.MOV32_IMM:
      code.i32(imm);
      popNarrow(fn, dst);
      return;
    case Opcode.MOV64_REG:
    case Op.MOVSX64_32:
      if (writesNarrow(fn, dst)) {
        pushNarrow(fn, src);
        popNarrow(fn, dst);
      } else {
        pushWide(fn, src);
        if (op !== Opcode.MOV64_REG) code.op(Wasm.i64_extend32_s);
        popWide(fn, dst);
      }
      return;
    case Opcode.MOV32_REG:
      pushNarrow(fn, src);
      popNarrow(fn, dst);
      return;
    case Opcode.NEG64:
    case Opcode.NEG32:
      if (op === Opcode.NEG32 || writesNarrow(fn, dst)) {
        code.i32(0);
        pushNarrow(fn, dst);
        code.op(Wasm.i32_sub);
        popNarrow(fn, dst);
      } else {
        code.i64(0);
        pushWide(fn, dst);
        code.op(Wasm.i64_sub);
        popWide(fn, dst);
      }
      return;
    case Op.NOP:
      // The value goes on under another name, which may be of another width.
      if (writesNarrow(fn, dst)) {
        pushNarrow(fn, dst);
        popNarrow(fn, dst);
      } else {
        pushWide(fn, dst);
        popWide(fn, dst);
      }
      return;
    case Op.MOVSX64_8:
    case Op.MOVSX64_16:
      if (!writesNarrow(fn, dst)) {
        pushWide(fn, src);
        code.op(op === Op.MOVSX64_8 ? Wasm.i64_extend8_s : Wasm.i64_extend16_s);
        popWide(fn, dst);
        return;
      }
      pushNarrow(fn, src);
      code.op(op === Op.MOVSX64_8 ? Wasm.i32_extend8_s : Wasm.i32_extend16_s);
      popNarrow(fn, dst);
      return;
    case Op.MOVSX32_8:
    case Op.MOVSX32_16:
      pushNarrow(fn, src);
      code.op(op === Op.MOVSX32_8 ? Wasm.i32_extend8_s : Wasm.i32_extend16_s);
      popNarrow(fn, dst);
      return;
    case Op.ZEXT16:
      pushNarrow(fn, dst);
      code.i32(0xffff).op(Wasm.i32_and);
      popNarrow(fn, dst);
      return;
    case Op.ZEXT32:
      pushNarrow(fn, dst);
      popNarrow(fn, dst);
      return;
    case Op.SWAP16:
    case Op.SWAP32:
    case Op.SWAP64:
      emitSwap(fn, op, dst);
      return;
    case Opcode.DIV64_IMM:
    case Opcode.DIV64_REG:
    case Opcode.MOD64_IMM:
    case Opcode.MOD64_REG:
    case Op.SDIV64_IMM:
    case Op.SDIV64_REG:
    case Op.SMOD64_IMM:
    case Op.SMOD64_REG:
    case Opcode.DIV32_IMM:
    case Opcode.DIV32_REG:
    case Opcode.MOD32_IMM:
    case Opcode.MOD32_REG:
    case Op.SDIV32_IMM:
    case Op.SDIV32_REG:
    case Op.SMOD32_IMM:
    case Op.SMOD32_REG:
      emitDivision(fn, op, dst, src, imm);
      return;
    case Opcode.CALL:
      emitHelperCall(fn, slot, imm);
      return;
    case Opcode.CALLX:
      emitCallX(fn, slot, dst);
      return;
    case Op.CALL_LOCAL:
      emitLocalCall(fn, slot, off);
      return;
    case Opcode.LD_ABS_W:
    case Opcode.LD_ABS_H:
    case Opcode.LD_ABS_B:
    case Opcode.LD_IND_W:
    case Opcode.LD_IND_H:
    case Opcode.LD_IND_B:
      emitPacketLoad(fn, op, src, imm);
      return;
    case Opcode.ATOMIC32:
    case Opcode.ATOMIC64:
      emitAtomic(fn, slot, op === Opcode.ATOMIC64, dst, src, off, imm);
      return;
  }
  if ((op & 7) === 7 || (op & 7) === 4) emitArithmetic(fn, op, dst, src, imm);
  else emitAccess(fn, slot, op, dst, src, off, imm);
}

/** Operations whose low half comes from the low halves of their operands alone: add, sub, mul, or, and, xor. */
const LOW: ReadonlySet<number> = new Set([0x00, 0x10, 0x20, 0x40, 0x50, 0xa0]);

function emitArithmetic(fn: FunctionState, op: number, dst: number, src: number, imm: number): void {
  const { code } = fn;
  const what = op & 0xf0;
  const plain = PLAIN.get(what);
  if (plain === undefined) throw new Error(`opcode ${op}`);
  const register = (op & 8) !== 0;
  const push32 = (opcode: number): void => {
    pushNarrow(fn, dst);
    if (register) pushNarrow(fn, src);
    else code.i32(imm);
    code.op(opcode);
    popNarrow(fn, dst);
  };
  if ((op & 7) === 4 || (LOW.has(what) && writesNarrow(fn, dst))) {
    push32(plain[1]);
    return;
  }
  const left = what === Alu.LSH;
  const shift = left || what === Alu.RSH || what === Alu.ARSH;
  // Shifted right, a number below 2^32 is one without sign.
  if (shift && !register && (left ? writesNarrow(fn, dst) : fn.isNarrow(dst))) {
    if ((imm & 63) < 32) push32(left ? Wasm.i32_shl : Wasm.i32_shr_u);
    else {
      code.i32(0);
      popNarrow(fn, dst);
    }
    return;
  }
  pushWide(fn, dst);
  if (register) pushWide(fn, src);
  else code.i64(imm);
  code.op(plain[0]);
  popWide(fn, dst);
}

/** Pushes the bytes of an i32 local the other way round, as an i32. */
function pushSwapped(fn: FunctionState, local: number): void {
  fn.code
    .get(local)
    .i32(8)
    .op(Wasm.i32_rotl)
    .i32(0x00ff00ff)
    .op(Wasm.i32_and)
    .get(local)
    .i32(24)
    .op(Wasm.i32_rotl)
    .i32(0xff00ff00)
    .op(Wasm.i32_and, Wasm.i32_or);
}

function emitSwap(fn: FunctionState, op: number, dst: number): void {
  const { code } = fn;
  const half = fn.take(I32);
  pushNarrow(fn, dst);
  code.set(half);
  pushSwapped(fn, half);
  if (op === Op.SWAP16) code.i32(16).op(Wasm.i32_shr_u);
  if (op !== Op.SWAP64) popNarrow(fn, dst);
  else {
    code.op(Wasm.i64_extend_i32_u).i64(32).op(Wasm.i64_shl);
    pushWide(fn, dst);
    code.i64(32).op(Wasm.i64_shr_u, Wasm.i32_wrap).set(half);
    pushSwapped(fn, half);
    code.op(Wasm.i64_extend_i32_u, Wasm.i64_or);
    popWide(fn, dst);
  }
  fn.release(I32, half);
}

/** Wasm traps where a division by zero, or of the least number by -1, has an answer here. */
function emitDivision(fn: FunctionState, op: number, dst: number, src: number, imm: number): void {
  const { code } = fn;
  const own = op < 0x20;
  const register = (op & 8) !== 0;
  const full = own ? (op & 1) !== 0 : (op & 7) === 7;
  // Two numbers below 2^32 are divided as such, signed or not.
  const halves = full && fn.isNarrow(dst) && (register ? fn.isNarrow(src) : imm >= 0);
  const wide = full && !halves;
  const signed = own && !halves;
  const modulo = own ? (op & 2) !== 0 : (op & 0xf0) === 0x90;
  const type = wide ? I64 : I32;
  const push = wide ? pushWide : pushNarrow;
  const dividend = (): void => push(fn, dst);
  const constant = (value: number): void => {
    if (wide) code.i64(value);
    else code.i32(value);
  };
  const done = (): void => (wide ? popWide : popNarrow)(fn, dst);
  // div_s, div_u, rem_s, rem_u stand side by side.
  const opcode = (wide ? Wasm.i64_div_s : Wasm.i32_div_s) + (modulo ? 2 : 0) + (signed ? 0 : 1);
  const minus = (): void => {
    constant(0);
    dividend();
    code.op(wide ? Wasm.i64_sub : Wasm.i32_sub);
  };
  if (!register) {
    if (imm === 0) {
      if (modulo) dividend();
      else constant(0);
    } else if (signed && !modulo && imm === -1) minus();
    else {
      dividend();
      constant(imm);
      code.op(opcode);
    }
    done();
    return;
  }
  const divisor = fn.take(type);
  push(fn, src);
  code
    .tee(divisor)
    .op(wide ? Wasm.i64_eqz : Wasm.i32_eqz)
    .ifValue(type);
  if (modulo) dividend();
  else constant(0);
  code.else();
  if (signed && !modulo) {
    code.get(divisor);
    constant(-1);
    code.op(wide ? Wasm.i64_eq : Wasm.i32_eq).ifValue(type);
    minus();
    code.else();
  }
  dividend();
  code.get(divisor).op(opcode);
  if (signed && !modulo) code.end();
  code.end();
  fn.release(type, divisor);
  done();
}
