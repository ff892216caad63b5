// What may be added to or taken from a pointer (adjust_ptr_min_max_vals of kernel/bpf/verifier.c).

import { Alu } from "../isa/index.ts";
import { S64_MIN } from "./bounds.ts";
import type { Checker } from "./checker.ts";
import { MAX_OFFSET } from "./memory.ts";
import { refuse } from "./refusal.ts";
import { constant, describe, isConstant, isZero, type Scalar, UNKNOWN, withDrift, withLink } from "./scalar.ts";
import { binary } from "./scalar-alu.ts";
import { changed, isKernelWord, type Pointer, title, type Value } from "./value.ts";

const NAMES: { readonly [code: number]: string } = {
  [Alu.MUL]: "multiplied",
  [Alu.DIV]: "divided",
  [Alu.MOD]: "divided",
  [Alu.OR]: "combined by or",
  [Alu.AND]: "masked",
  [Alu.XOR]: "combined by xor",
  [Alu.LSH]: "shifted",
  [Alu.RSH]: "shifted",
  [Alu.ARSH]: "shifted",
};

const LIMIT = BigInt(MAX_OFFSET);
const OPTIONS = { width: 64, signed: false, asKernel: false } as const;

/** Where a wild offset ends the matter, before it is known whether anything is accessed. */
function requireSane(s: Scalar, pointer: Pointer, register: number): void {
  if (isConstant(s) ? s.smin >= LIMIT || s.smin <= -LIMIT : s.smin === S64_MIN || s.smin >= LIMIT || s.smin <= -LIMIT) {
    refuse(
      "arithmetic",
      `What is added to r${register}, ${title(pointer)}, is out of all bounds (${describe(s)})`,
      [register],
      "check that it is not negative and not too large first",
    );
  }
}

/** `left OP right` where at least one is a pointer; `dst` and `src` are their registers, src -1 for an immediate. */
export function pointerArithmetic(
  checker: Checker,
  slot: number,
  code: number,
  width: 32 | 64,
  left: Exclude<Value, { kind: "uninit" }>,
  right: Exclude<Value, { kind: "uninit" }>,
  dst: number,
  src: number,
): Value {
  const blame = src < 0 ? [dst] : [dst, src];
  // Without the kernel's types such a word may as well be a number.
  const loose = isKernelWord;
  if (left.kind === "pointer" && right.kind === "pointer") {
    if (code === Alu.SUB || loose(left) || loose(right)) return UNKNOWN;
    refuse(
      "arithmetic",
      `Two pointers cannot be ${NAMES[code] ?? "added"}: r${dst} is ${title(left)}, r${src} is ${title(right)}`,
      blame,
    );
  }
  if (left.kind === "scalar" && right.kind === "scalar") return UNKNOWN;
  const pointer = (left.kind === "pointer" ? left : right) as Pointer;
  const offset = (left.kind === "pointer" ? right : left) as Scalar;
  const register = left.kind === "pointer" ? dst : src;
  if (loose(pointer)) {
    return (code === Alu.ADD || code === Alu.SUB) && width === 64 && left.kind === "pointer"
      ? changed(pointer, { id: 0 })
      : UNKNOWN;
  }
  if (width === 32) {
    if (code === Alu.SUB) return UNKNOWN;
    refuse("arithmetic", `32-bit arithmetic on r${register}, which is ${title(pointer)}`, blame);
  }
  if (code !== Alu.ADD && code !== Alu.SUB) {
    refuse("arithmetic", `A pointer cannot be ${NAMES[code] ?? "used so"}: r${register} is ${title(pointer)}`, blame);
  }
  if (pointer.nullable) {
    refuse(
      "null",
      `Something is added to r${register}, which is ${title(pointer)}`,
      blame,
      `compare r${register} with 0 first, and go on only where it is not`,
    );
  }
  if (code === Alu.SUB && left.kind === "scalar") {
    refuse("arithmetic", `A pointer cannot be subtracted from a number: r${src} is ${title(pointer)}`, blame);
  }
  if (code === Alu.SUB && pointer.to === "stack") {
    refuse(
      "arithmetic",
      `Nothing can be subtracted from a stack pointer (r${register})`,
      blame,
      "add the negative number instead",
    );
  }
  switch (pointer.to) {
    case "map":
      if (code === Alu.ADD && isZero(offset)) return pointer;
      refuse("arithmetic", `Nothing can be added to r${register}, which is ${title(pointer)}`, blame);
      break;
    case "packet-end":
    case "sock-common":
    case "socket":
    case "tcp-socket":
    case "xdp-socket":
    case "dynptr":
    case "iterator":
    case "function":
      refuse("arithmetic", `Nothing can be added to r${register}, which is ${title(pointer)}`, blame);
  }
  if (src >= 0) checker.decides(slot);
  requireSane(offset, pointer, register);
  if (isConstant(offset)) {
    const off = pointer.off + Number(code === Alu.ADD ? offset.smin : -offset.smin);
    if (off >= MAX_OFFSET || off <= -MAX_OFFSET) requireSane(constant(off), pointer, register);
    // At the end, or behind it, is the pointer that was compared, not what is made of it.
    const moved = pointer.size < 0 && off !== pointer.off;
    return moved ? changed(pointer, { off, size: 0 }) : changed(pointer, { off });
  }
  const index = binary(code, pointer.index, offset, OPTIONS);
  requireSane(index, pointer, register);
  const next = changed(pointer, {
    index: index.id === 0 && index.drift === undefined ? index : withDrift(withLink(index, 0, 0n), undefined),
  });
  if (pointer.to !== "packet" && pointer.to !== "packet-meta") return next;
  // A new place in the packet: nothing is known of how far it is from the end, unless it can only have moved back.
  const size = code === Alu.SUB && offset.smin >= 0n ? Math.max(0, pointer.size) : 0;
  return changed(next, { id: checker.newId(), size });
}
