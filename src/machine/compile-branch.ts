// The condition of a branch, left on Wasm's stack as an i32.

import { Wasm } from "../wasm/index.ts";
import { type FunctionState, pushNarrow, pushWide } from "./compile-state.ts";
import { WORDS } from "./decoded.ts";
import { State } from "./memory.ts";

/** By the upper half of the opcode: the comparison of 64 bits, of 32, and of each the opposite. */
const CONDITIONS: ReadonlyMap<number, readonly [number, number, number, number]> = new Map([
  [0x10, [Wasm.i64_eq, Wasm.i32_eq, Wasm.i64_ne, Wasm.i32_ne]],
  [0x50, [Wasm.i64_ne, Wasm.i32_ne, Wasm.i64_eq, Wasm.i32_eq]],
  [0x20, [Wasm.i64_gt_u, Wasm.i32_gt_u, Wasm.i64_le_u, Wasm.i32_le_u]],
  [0x30, [Wasm.i64_ge_u, Wasm.i32_ge_u, Wasm.i64_lt_u, Wasm.i32_lt_u]],
  [0xa0, [Wasm.i64_lt_u, Wasm.i32_lt_u, Wasm.i64_ge_u, Wasm.i32_ge_u]],
  [0xb0, [Wasm.i64_le_u, Wasm.i32_le_u, Wasm.i64_gt_u, Wasm.i32_gt_u]],
  [0x60, [Wasm.i64_gt_s, Wasm.i32_gt_s, Wasm.i64_le_s, Wasm.i32_le_s]],
  [0x70, [Wasm.i64_ge_s, Wasm.i32_ge_s, Wasm.i64_lt_s, Wasm.i32_lt_s]],
  [0xc0, [Wasm.i64_lt_s, Wasm.i32_lt_s, Wasm.i64_ge_s, Wasm.i32_ge_s]],
  [0xd0, [Wasm.i64_le_s, Wasm.i32_le_s, Wasm.i64_gt_s, Wasm.i32_gt_s]],
]);

/** Of a signed comparison the same without sign. */
const UNSIGNED: ReadonlyMap<number, number> = new Map([
  [0x60, 0x20],
  [0x70, 0x30],
  [0xc0, 0xa0],
  [0xd0, 0xb0],
]);

const JSET = 0x40;
const MAY_GOTO = 0xe5;

/** Pushes whether the branch is taken; with `inverted`, whether it is not. */
export function branchCondition(fn: FunctionState, slot: number, inverted: boolean): void {
  const { code } = fn;
  const at = slot * WORDS;
  const words = fn.module.program.code;
  const op = words[at] as number;
  if (op === MAY_GOTO) {
    const left = fn.take(0x7f);
    code.i32(0).access(0x28, State.MAY_GOTO).set(left);
    code.i32(0).get(left).get(left).i32(0).op(Wasm.i32_ne, Wasm.i32_sub).access(0x36, State.MAY_GOTO);
    code.get(left);
    if (!inverted) code.op(Wasm.i32_eqz);
    fn.release(0x7f, left);
    return;
  }
  const imm = words[at + 4] as number;
  const dst = words[at + 1] as number;
  const src = words[at + 2] as number;
  const register = (op & 8) !== 0;
  // Of two numbers below 2^32 the halves compare alike, as numbers without sign.
  const halves = (op & 7) === 5 && fn.isNarrow(dst) && (register ? fn.isNarrow(src) : imm >= 0);
  const narrow = (op & 7) === 6 || halves;
  const push = narrow ? pushNarrow : pushWide;
  const operand = (): void => {
    if (register) push(fn, src);
    else if (narrow) code.i32(imm);
    else code.i64(imm);
  };
  push(fn, dst);
  if ((op & 0xf0) === JSET) {
    operand();
    code.op(narrow ? Wasm.i32_and : Wasm.i64_and, narrow ? Wasm.i32_eqz : Wasm.i64_eqz);
    if (!inverted) code.op(Wasm.i32_eqz);
    return;
  }
  operand();
  const what = op & 0xf0;
  const condition = CONDITIONS.get(halves ? (UNSIGNED.get(what) ?? what) : what) as readonly [
    number,
    number,
    number,
    number,
  ];
  code.op(condition[(narrow ? 1 : 0) + (inverted ? 2 : 0)] as number);
}
