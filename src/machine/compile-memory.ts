// Loads, stores and atomics to Wasm, and the checks of their addresses.

import { Atomic } from "../isa/index.ts";
import { Access, I32, I64, Wasm } from "../wasm/index.ts";
import { type FunctionState, popNarrow, popWide, pushNarrow, pushWide, writesNarrow } from "./compile-state.ts";
import { FRAME_BYTES } from "./memory.ts";

type AccessOpcodes = readonly [wide: number, narrow: number, size: number];

/** For a register that is an i64, and for one that is an i32. */
const LOADS: ReadonlyMap<number, AccessOpcodes> = new Map([
  [0x71, [Access.i64_load8_u, Access.i32_load8_u, 1]],
  [0x69, [Access.i64_load16_u, Access.i32_load16_u, 2]],
  [0x61, [Access.i64_load32_u, Access.i32_load, 4]],
  [0x79, [Access.i64_load, Access.i32_load, 8]],
  [0x91, [Access.i64_load8_s, Access.i32_load8_s, 1]],
  [0x89, [Access.i64_load16_s, Access.i32_load16_s, 2]],
  [0x81, [Access.i64_load32_s, Access.i32_load, 4]],
]);
const STORES: ReadonlyMap<number, AccessOpcodes> = new Map([
  [0x70, [Access.i64_store8, Access.i32_store8, 1]],
  [0x68, [Access.i64_store16, Access.i32_store16, 2]],
  [0x60, [Access.i64_store32, Access.i32_store, 4]],
  [0x78, [Access.i64_store, Access.i64_store, 8]],
]);

export function emitAccess(
  fn: FunctionState,
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
    const offset = pushAddress(fn, slot, src, off, load[2], false);
    if (writesNarrow(fn, dst)) {
      code.access(load[1], offset);
      popNarrow(fn, dst);
    } else {
      code.access(load[0], offset);
      popWide(fn, dst);
    }
    return;
  }
  const store = STORES.get(op & 0xf8);
  if (store === undefined) throw new Error(`opcode ${op}`);
  const [wide, narrow, size] = store;
  const offset = pushAddress(fn, slot, dst, off, size, true);
  const register = (op & 7) === 3;
  if (size < 8 && (!register || fn.isNarrow(src))) {
    if (register) pushNarrow(fn, src);
    else code.i32(imm);
    code.access(narrow, offset);
  } else {
    if (register) pushWide(fn, src);
    else code.i64(imm);
    code.access(wide, offset);
  }
}

/** Pushes an address, checked where the program is not trusted, and answers the constant that is to be added to it. */
function pushAddress(
  fn: FunctionState,
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
    pushChecked(fn, slot, register, off, size, write);
    return 0;
  }
  pushNarrow(fn, register);
  if (off >= 0) return off;
  code.i32(off).op(Wasm.i32_add);
  return 0;
}

/** Leaves a register and `off` as an i32 address, if the program may touch `size` bytes there; else it is a trap. */
export function pushChecked(
  fn: FunctionState,
  slot: number,
  register: number,
  off: number,
  size: number,
  write: boolean,
): void {
  const { code, module } = fn;
  const address = fn.take(I32);
  // Fast: the whole access lies in one word of the shadow that lets at enough of it.
  code.block().block();
  if (fn.isNarrow(register)) {
    // What `off` adds leads at most some way beyond the limit, where the shadow says no; what it takes away may wrap.
    pushNarrow(fn, register);
    if (off > 0) code.tee(address).i32(module.limit).op(Wasm.i32_ge_u).brIf(0).get(address);
    if (off !== 0) code.i32(off).op(Wasm.i32_add);
    code.tee(address);
    if (off <= 0) code.i32(module.limit).op(Wasm.i32_ge_u).brIf(0).get(address);
  } else {
    const wide = fn.take(I64);
    pushWide(fn, register);
    if (off !== 0) code.i64(off).op(Wasm.i64_add);
    code.tee(wide).op(Wasm.i32_wrap).set(address);
    code.get(wide).i64(module.limit, 0).op(Wasm.i64_ge_u).brIf(0).get(address);
    fn.release(I64, wide);
  }
  code.i32(7).op(Wasm.i32_and).i32(size).op(Wasm.i32_add);
  code.get(address).i32(3).op(Wasm.i32_shr_u).access(Access.i32_load8_u, module.limit);
  if (write) code.i32(15).op(Wasm.i32_and);
  else code.i32(4).op(Wasm.i32_shr_u);
  code.op(Wasm.i32_le_u).brIf(1);
  code.end();
  pushWide(fn, register);
  if (off !== 0) code.i64(off).op(Wasm.i64_add);
  code
    .i32(size)
    .i32(write ? 1 : 0)
    .i32(slot)
    .call(module.checkFunction);
  code.end();
  code.get(address);
  fn.release(I32, address);
}

/** One thread runs at a time, so that a load and a store are as good. */
export function emitAtomic(
  fn: FunctionState,
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
  if (kind === Atomic.CMPXCHG) {
    code.get(old);
    pushWide(fn, 0);
    if (!wide) code.op(Wasm.i32_wrap, Wasm.i64_extend_i32_u);
    code.op(Wasm.i64_eq).if().get(address);
    pushWide(fn, src);
    code.access(store, offset).end();
    code.get(old);
    popWide(fn, 0);
  } else {
    code.get(address);
    if (kind !== Atomic.XCHG) code.get(old);
    pushWide(fn, src);
    if (kind !== Atomic.XCHG) {
      const how = kind & 0xf0;
      code.op(
        how === Atomic.ADD
          ? Wasm.i64_add
          : how === Atomic.OR
            ? Wasm.i64_or
            : how === Atomic.AND
              ? Wasm.i64_and
              : Wasm.i64_xor,
      );
    }
    code.access(store, offset);
    if ((kind & Atomic.FETCH) !== 0) {
      code.get(old);
      popWide(fn, src);
    }
  }
  fn.release(I32, address);
  fn.release(I64, old);
}
