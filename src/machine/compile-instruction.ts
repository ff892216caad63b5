// One instruction to Wasm. Branches are in `compile-branch.ts`, calls in `compile-call.ts`.

import { emitCallX, emitHelperCall, emitLocalCall, emitPacketLoad } from "./compile-call.ts";
import type { FunctionCompiler } from "./compile-function.ts";
import { Op, WORDS } from "./decoded.ts";
import { FRAME_BYTES } from "./memory.ts";
import { Access, I32, I64, Wasm } from "./wasm-module.ts";

/** Pushes a register, 64 bits. */
export function pushRegister(fn: FunctionCompiler, register: number): void {
  const { code, frame } = fn;
  if (register < 10) code.get(fn.registers[register] as number);
  else if (frame.local === undefined) code.i64(frame.offset);
  else {
    code.get(frame.local);
    if (frame.offset !== 0) code.i32(frame.offset).op(Wasm.i32_add);
    code.op(Wasm.i64_extend_i32_u);
  }
}

/** Takes what is on the stack into a register. One that cannot be written (r10) loses it. */
export function popRegister(fn: FunctionCompiler, register: number): void {
  if (register < 10) fn.code.set(fn.registers[register] as number);
  else fn.code.op(Wasm.drop);
}

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

export function emitInstruction(fn: FunctionCompiler, slot: number): void {
  const { code, facts } = fn;
  const words = fn.module.program.code;
  const at = slot * WORDS;
  const op = words[at] as number;
  const dst = words[at + 1] as number;
  const src = words[at + 2] as number;
  const off = words[at + 3] as number;
  const imm = words[at + 4] as number;

  const keep = facts.keep.get(slot);
  if (keep !== undefined) {
    const local = (fn.kept[keep] = fn.take(I64));
    pushRegister(fn, dst);
    code.set(local);
  }
  const rotation = facts.rotate.get(slot);
  if (rotation !== undefined) {
    code.get(fn.kept[rotation.kept] as number);
    if (rotation.width === 64) code.i64(rotation.bits).op(Wasm.i64_rotl);
    else code.op(Wasm.i32_wrap).i32(rotation.bits).op(Wasm.i32_rotl, Wasm.i64_extend_i32_u);
    popRegister(fn, dst);
    return;
  }

  switch (op) {
    case 0x18:
      code.i64(imm, words[at + 5] as number);
      popRegister(fn, dst);
      return;
    case 0xb7:
      code.i64(imm);
      popRegister(fn, dst);
      return;
    case 0xbf:
      pushRegister(fn, src);
      popRegister(fn, dst);
      return;
    case 0xb4:
      code.i64(imm, 0);
      popRegister(fn, dst);
      return;
    case 0xbc:
      pushRegister(fn, src);
      code.op(Wasm.i32_wrap, Wasm.i64_extend_i32_u);
      popRegister(fn, dst);
      return;
    case 0x87:
      code.i64(0);
      pushRegister(fn, dst);
      code.op(Wasm.i64_sub);
      popRegister(fn, dst);
      return;
    case 0x84:
      code.i32(0);
      pushRegister(fn, dst);
      code.op(Wasm.i32_wrap, Wasm.i32_sub, Wasm.i64_extend_i32_u);
      popRegister(fn, dst);
      return;
    case Op.NOP:
      return;
    case Op.MOVSX64_8:
    case Op.MOVSX64_16:
    case Op.MOVSX64_32:
      pushRegister(fn, src);
      code.op(
        op === Op.MOVSX64_8 ? Wasm.i64_extend8_s : op === Op.MOVSX64_16 ? Wasm.i64_extend16_s : Wasm.i64_extend32_s,
      );
      popRegister(fn, dst);
      return;
    case Op.MOVSX32_8:
    case Op.MOVSX32_16:
      pushRegister(fn, src);
      code.op(Wasm.i32_wrap, op === Op.MOVSX32_8 ? Wasm.i32_extend8_s : Wasm.i32_extend16_s, Wasm.i64_extend_i32_u);
      popRegister(fn, dst);
      return;
    case Op.ZEXT16:
      pushRegister(fn, dst);
      code.i64(0xffff, 0).op(Wasm.i64_and);
      popRegister(fn, dst);
      return;
    case Op.ZEXT32:
      pushRegister(fn, dst);
      code.op(Wasm.i32_wrap, Wasm.i64_extend_i32_u);
      popRegister(fn, dst);
      return;
    case Op.SWAP16:
    case Op.SWAP32:
    case Op.SWAP64:
      emitSwap(fn, op, dst);
      return;
    case 0x37:
    case 0x3f:
    case 0x97:
    case 0x9f:
    case Op.SDIV64_IMM:
    case Op.SDIV64_REG:
    case Op.SMOD64_IMM:
    case Op.SMOD64_REG:
    case 0x34:
    case 0x3c:
    case 0x94:
    case 0x9c:
    case Op.SDIV32_IMM:
    case Op.SDIV32_REG:
    case Op.SMOD32_IMM:
    case Op.SMOD32_REG:
      emitDivision(fn, op, dst, src, imm);
      return;
    case 0x85:
      emitHelperCall(fn, slot, imm);
      return;
    case 0x8d:
      emitCallX(fn, slot, dst);
      return;
    case Op.CALL_LOCAL:
      emitLocalCall(fn, slot, off);
      return;
    case 0x20:
    case 0x28:
    case 0x30:
    case 0x40:
    case 0x48:
    case 0x50:
      emitPacketLoad(fn, op, src, imm);
      return;
    case 0xc3:
    case 0xdb:
      emitAtomic(fn, slot, op === 0xdb, dst, src, off, imm);
      return;
  }
  const type = op & 7;
  if (type === 7 || type === 4) {
    const plain = PLAIN.get(op & 0xf0);
    if (plain === undefined) throw new Error(`opcode ${op}`);
    pushRegister(fn, dst);
    if (type === 7) {
      if ((op & 8) !== 0) pushRegister(fn, src);
      else code.i64(imm);
      code.op(plain[0]);
    } else {
      code.op(Wasm.i32_wrap);
      if ((op & 8) !== 0) {
        pushRegister(fn, src);
        code.op(Wasm.i32_wrap);
      } else code.i32(imm);
      code.op(plain[1], Wasm.i64_extend_i32_u);
    }
    popRegister(fn, dst);
    return;
  }
  emitAccess(fn, slot, op, dst, src, off, imm);
}

const LOADS: ReadonlyMap<number, readonly [opcode: number, size: number]> = new Map([
  [0x71, [Access.i64_load8_u, 1]],
  [0x69, [Access.i64_load16_u, 2]],
  [0x61, [Access.i64_load32_u, 4]],
  [0x79, [Access.i64_load, 8]],
  [0x91, [Access.i64_load8_s, 1]],
  [0x89, [Access.i64_load16_s, 2]],
  [0x81, [Access.i64_load32_s, 4]],
]);
const STORES: ReadonlyMap<number, readonly [opcode: number, size: number]> = new Map([
  [0x70, [Access.i64_store8, 1]],
  [0x68, [Access.i64_store16, 2]],
  [0x60, [Access.i64_store32, 4]],
  [0x78, [Access.i64_store, 8]],
]);

function emitAccess(
  fn: FunctionCompiler,
  slot: number,
  op: number,
  dst: number,
  src: number,
  off: number,
  imm: number,
): void {
  const { code } = fn;
  const load = LOADS.get(op);
  if (load !== undefined) {
    const offset = pushAddress(fn, slot, src, off, load[1], false);
    code.access(load[0], offset);
    popRegister(fn, dst);
    return;
  }
  const store = STORES.get(op & 0xf8);
  if (store === undefined) throw new Error(`opcode ${op}`);
  const offset = pushAddress(fn, slot, dst, off, store[1], true);
  if ((op & 7) === 3) pushRegister(fn, src);
  else code.i64(imm);
  code.access(store[0], offset);
}

/** Pushes an address, checked where the program is not trusted, and answers the constant that is to be added to it. */
export function pushAddress(
  fn: FunctionCompiler,
  slot: number,
  register: number,
  off: number,
  size: number,
  write: boolean,
): number {
  const { code, frame } = fn;
  const distance = fn.facts.frame.get(slot);
  // Within the function's own frame nothing can go wrong.
  if (distance !== undefined && distance >= -FRAME_BYTES && distance + size <= 0) {
    if (frame.local === undefined) {
      code.i32(0);
      return frame.offset + distance;
    }
    code
      .get(frame.local)
      .i32(frame.offset + distance)
      .op(Wasm.i32_add);
    return 0;
  }
  if (fn.module.checked) {
    pushRegister(fn, register);
    if (off !== 0) code.i64(off).op(Wasm.i64_add);
    pushChecked(fn, slot, size, write);
    return 0;
  }
  pushRegister(fn, register);
  code.op(Wasm.i32_wrap);
  if (off >= 0) return off;
  code.i32(off).op(Wasm.i32_add);
  return 0;
}

/** Takes a 64-bit address and leaves it as an i32, if the program may touch `size` bytes there; else it is a trap. */
export function pushChecked(fn: FunctionCompiler, slot: number, size: number, write: boolean): void {
  const { code, module } = fn;
  const wide = fn.take(I64);
  const narrow = fn.take(I32);
  code.tee(wide).op(Wasm.i32_wrap).set(narrow);
  // Fast: the whole access lies in one word of the shadow that lets at enough of it.
  code.block().block();
  code.get(wide).i64(module.limit, 0).op(Wasm.i64_ge_u).brIf(0);
  code.get(narrow).i32(7).op(Wasm.i32_and).i32(size).op(Wasm.i32_add);
  code.get(narrow).i32(3).op(Wasm.i32_shr_u).access(Access.i32_load8_u, module.limit);
  if (write) code.i32(15).op(Wasm.i32_and);
  else code.i32(4).op(Wasm.i32_shr_u);
  code.op(Wasm.i32_le_u).brIf(1);
  code.end();
  code
    .get(wide)
    .i32(size)
    .i32(write ? 1 : 0)
    .i32(slot)
    .call(module.checkFunction);
  code.end();
  code.get(narrow);
  fn.release(I64, wide);
  fn.release(I32, narrow);
}

/** Pushes the bytes of an i32 local the other way round, as an i32. */
function pushSwapped(fn: FunctionCompiler, local: number): void {
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

function emitSwap(fn: FunctionCompiler, op: number, dst: number): void {
  const { code } = fn;
  const half = fn.take(I32);
  pushRegister(fn, dst);
  code.op(Wasm.i32_wrap).set(half);
  pushSwapped(fn, half);
  if (op === Op.SWAP16) code.i32(16).op(Wasm.i32_shr_u);
  code.op(Wasm.i64_extend_i32_u);
  if (op === Op.SWAP64) {
    code.i64(32).op(Wasm.i64_shl);
    pushRegister(fn, dst);
    code.i64(32).op(Wasm.i64_shr_u, Wasm.i32_wrap).set(half);
    pushSwapped(fn, half);
    code.op(Wasm.i64_extend_i32_u, Wasm.i64_or);
  }
  fn.release(I32, half);
  popRegister(fn, dst);
}

/** Wasm traps where a division by zero, or of the least number by -1, has an answer here. */
function emitDivision(fn: FunctionCompiler, op: number, dst: number, src: number, imm: number): void {
  const { code } = fn;
  const own = op < 0x20;
  const wide = own ? (op & 1) !== 0 : (op & 7) === 7;
  const signed = own;
  const modulo = own ? (op & 2) !== 0 : (op & 0xf0) === 0x90;
  const type = wide ? I64 : I32;
  const register = (op & 8) !== 0;
  const dividend = (): void => {
    pushRegister(fn, dst);
    if (!wide) code.op(Wasm.i32_wrap);
  };
  const constant = (value: number): void => {
    if (wide) code.i64(value);
    else code.i32(value);
  };
  const done = (): void => {
    if (!wide) code.op(Wasm.i64_extend_i32_u);
    popRegister(fn, dst);
  };
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
  pushRegister(fn, src);
  if (!wide) code.op(Wasm.i32_wrap);
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

/** One thread runs at a time, so that a load and a store are as good. */
function emitAtomic(
  fn: FunctionCompiler,
  slot: number,
  wide: boolean,
  dst: number,
  src: number,
  off: number,
  kind: number,
): void {
  const { code } = fn;
  const load = wide ? Access.i64_load : Access.i64_load32_u;
  const store = wide ? Access.i64_store : Access.i64_store32;
  const address = fn.take(I32);
  const old = fn.take(I64);
  const offset = pushAddress(fn, slot, dst, off, wide ? 8 : 4, true);
  code.tee(address).access(load, offset).set(old);
  if (kind === 0xf1) {
    code.get(old);
    pushRegister(fn, 0);
    if (!wide) code.op(Wasm.i32_wrap, Wasm.i64_extend_i32_u);
    code.op(Wasm.i64_eq).if().get(address);
    pushRegister(fn, src);
    code.access(store, offset).end();
    code.get(old);
    popRegister(fn, 0);
  } else {
    code.get(address);
    if (kind !== 0xe1) code.get(old);
    pushRegister(fn, src);
    if (kind !== 0xe1) {
      const how = kind & 0xf0;
      code.op(how === 0 ? Wasm.i64_add : how === 0x40 ? Wasm.i64_or : how === 0x50 ? Wasm.i64_and : Wasm.i64_xor);
    }
    code.access(store, offset);
    if ((kind & 1) !== 0) {
      code.get(old);
      popRegister(fn, src);
    }
  }
  fn.release(I32, address);
  fn.release(I64, old);
}
