// Instructions by the operations of Wasm that do the same.

import { Access, Wasm } from "../wasm/index.ts";
import { Op } from "./decoded.ts";

export const ARITHMETIC: readonly (readonly [kind: number, wide: number, narrow: number])[] = [
  [0x00, Wasm.i64_add, Wasm.i32_add],
  [0x10, Wasm.i64_sub, Wasm.i32_sub],
  [0x20, Wasm.i64_mul, Wasm.i32_mul],
  [0x40, Wasm.i64_or, Wasm.i32_or],
  [0x50, Wasm.i64_and, Wasm.i32_and],
  [0x60, Wasm.i64_shl, Wasm.i32_shl],
  [0x70, Wasm.i64_shr_u, Wasm.i32_shr_u],
  [0xa0, Wasm.i64_xor, Wasm.i32_xor],
  [0xc0, Wasm.i64_shr_s, Wasm.i32_shr_s],
];

/** With an immediate; the form with a register has bit 3 set. */
export const DIVISIONS: readonly number[] = [
  0x37,
  0x97,
  0x34,
  0x94,
  Op.SDIV32_IMM,
  Op.SDIV64_IMM,
  Op.SMOD32_IMM,
  Op.SMOD64_IMM,
];

export const BRANCHES: readonly (readonly [kind: number, wide: readonly number[], narrow: readonly number[]])[] = [
  [0x10, [Wasm.i64_eq], [Wasm.i32_eq]],
  [0x50, [Wasm.i64_ne], [Wasm.i32_ne]],
  [0x40, [Wasm.i64_and, Wasm.i64_eqz, Wasm.i32_eqz], [Wasm.i32_and]],
  [0x20, [Wasm.i64_gt_u], [Wasm.i32_gt_u]],
  [0x30, [Wasm.i64_ge_u], [Wasm.i32_ge_u]],
  [0xa0, [Wasm.i64_lt_u], [Wasm.i32_lt_u]],
  [0xb0, [Wasm.i64_le_u], [Wasm.i32_le_u]],
  [0x60, [Wasm.i64_gt_s], [Wasm.i32_gt_s]],
  [0x70, [Wasm.i64_ge_s], [Wasm.i32_ge_s]],
  [0xc0, [Wasm.i64_lt_s], [Wasm.i32_lt_s]],
  [0xd0, [Wasm.i64_le_s], [Wasm.i32_le_s]],
];

export const LOADS: readonly (readonly [op: number, load: number, size: number])[] = [
  [0x71, Access.i64_load8_u, 1],
  [0x69, Access.i64_load16_u, 2],
  [0x61, Access.i64_load32_u, 4],
  [0x79, Access.i64_load, 8],
  [0x91, Access.i64_load8_s, 1],
  [0x89, Access.i64_load16_s, 2],
  [0x81, Access.i64_load32_s, 4],
];

/** By size; class 2 stores an immediate, class 3 a register. */
export const STORES: readonly (readonly [op: number, store: number, size: number])[] = [
  [0x70, Access.i64_store8, 1],
  [0x68, Access.i64_store16, 2],
  [0x60, Access.i64_store32, 4],
  [0x78, Access.i64_store, 8],
];
