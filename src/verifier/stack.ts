// Reads and writes of a frame's 512 bytes. A whole register spilled to an aligned place keeps all that is known of it.
// Source: check_stack_{read,write}_{fixed,var}_off of kernel/bpf/verifier.c. Places are offsets from the frame pointer.

import { refuse } from "./refusal.ts";
import { isConstant, isZero, type Scalar, truncated, withLink } from "./scalar.ts";
import {
  Byte,
  byteOf,
  bytesValue,
  EMPTY_SLOT,
  type Frame,
  ownStack,
  type StackSlot,
  spillsZero,
  withByte,
} from "./state.ts";
import { isKernelWord, type Value } from "./value.ts";

const slotIndex = (off: number): number => (-off - 1) >> 3;
/** The byte of its slot, 0 the lowest address. */
const byteIndex = (off: number): number => ((off % 8) + 8) % 8;

/** The frame's stack, to be written, with a slot at `index`. */
function ensure(frame: Frame, index: number): StackSlot[] {
  const stack = ownStack(frame);
  while (stack.length <= index) stack.push(EMPTY_SLOT);
  return stack;
}

/** Bytes of a slot after what was spilled there is no longer kept as a value. */
function scrubbed(slot: StackSlot): number {
  let bytes = slot.bytes;
  for (let i = 0; i < slot.spilled; i++) bytes = withByte(bytes, i, Byte.MISC);
  return bytes;
}

export function readStack(frame: Frame, off: number, size: number, strict: boolean, base: number): Value {
  const index = slotIndex(off);
  const slot = frame.stack[index] ?? EMPTY_SLOT;
  const start = byteIndex(off);
  if (slot.value !== undefined && slot.value.kind === "pointer") {
    if (start === 0 && size === 8) return slot.value;
    if (isKernelWord(slot.value)) return bytesValue(false, size);
    refuse("pointer", `Only part of a pointer that was kept on the stack at fp${off - start} is read`, [base]);
  }
  if (slot.value !== undefined && slot.value.kind === "scalar" && start === 0 && size <= slot.spilled) {
    return size === slot.spilled ? slot.value : truncated(slot.value, size);
  }
  let zero = true;
  for (let i = 0; i < size; i++) {
    const at = off + i;
    const one = frame.stack[slotIndex(at)] ?? EMPTY_SLOT;
    const kind = byteOf(one, byteIndex(at));
    if (kind === Byte.SPILL && one.value?.kind === "pointer" && !isKernelWord(one.value)) {
      refuse("pointer", `Only part of a pointer that was kept on the stack at fp${at} is read`, [base]);
    }
    if (kind === Byte.INVALID && strict) {
      refuse("uninitialised", `The stack at fp${at} is read, but was never written`, [base], `write fp${at} first`);
    }
    zero &&= kind === Byte.ZERO || (kind === Byte.SPILL && spillsZero(one));
  }
  return bytesValue(zero, size);
}

/** Gives the number that lies here an id, so that what is learnt of the one that was read is known of it too. */
export function linkStack(frame: Frame, off: number, read: Scalar, newId: () => number): Scalar {
  const slot = frame.stack[slotIndex(off)];
  if (slot?.value !== read || read.id !== 0 || isConstant(read)) return read;
  const marked = withLink(read, newId(), 0n);
  ownStack(frame)[slotIndex(off)] = { value: marked, spilled: slot.spilled, bytes: slot.bytes };
  return marked;
}

export function writeStack(frame: Frame, off: number, size: number, value: Value): void {
  const index = slotIndex(off);
  const stack = ensure(frame, index);
  const start = byteIndex(off);
  const before = stack[index] as StackSlot;
  if (start === 0 && (value.kind === "scalar" || size === 8)) {
    let bytes = scrubbed(before);
    for (let i = 0; i < size; i++) bytes = withByte(bytes, i, Byte.SPILL);
    const kept = value.kind === "scalar" && size < 8 ? truncated(value, size) : value;
    stack[index] = { value: kept, spilled: size, bytes };
    return;
  }
  const kind = value.kind === "scalar" && isZero(value) ? Byte.ZERO : Byte.MISC;
  for (let i = 0; i < size; i++) writeByte(frame, off + i, kind);
}

function writeByte(frame: Frame, off: number, kind: number): void {
  const index = slotIndex(off);
  const stack = ensure(frame, index);
  const slot = stack[index] as StackSlot;
  stack[index] = { value: undefined, spilled: 0, bytes: withByte(scrubbed(slot), byteIndex(off), kind) };
}

/** A write that lands somewhere from `from` to `to` (not including it). */
export function smearStack(frame: Frame, from: number, to: number, value: Value): void {
  const zero = value.kind === "scalar" && isZero(value);
  for (let at = from; at < to; at++) {
    const index = slotIndex(at);
    const stack = ensure(frame, index);
    const slot = stack[index] as StackSlot;
    const kind = byteOf(slot, byteIndex(at));
    const stays = zero && (kind === Byte.ZERO || (kind === Byte.SPILL && spillsZero(slot)));
    // What was never written stays so: the write may land elsewhere.
    const next = stays ? Byte.ZERO : kind === Byte.INVALID ? Byte.INVALID : Byte.MISC;
    stack[index] = { value: undefined, spilled: 0, bytes: withByte(scrubbed(slot), byteIndex(at), next) };
  }
}

/** A read from somewhere from `from` to `to`: a number, which is zero where all of it is. */
export function gatherStack(
  frame: Frame,
  from: number,
  to: number,
  size: number,
  strict: boolean,
  base: number,
): Scalar {
  let zero = true;
  for (let at = from; at < to; at++) {
    const slot = frame.stack[slotIndex(at)] ?? EMPTY_SLOT;
    const kind = byteOf(slot, byteIndex(at));
    if (kind === Byte.INVALID && strict) {
      refuse("uninitialised", `The stack at fp${at} may be read, but was never written`, [base], `write fp${at} first`);
    }
    zero &&= kind === Byte.ZERO;
  }
  return bytesValue(zero, size);
}

/** Memory given to a helper to write: afterwards it holds anything. */
export function overwriteStack(frame: Frame, from: number, to: number): void {
  for (let at = from; at < to; at++) writeByte(frame, at, Byte.MISC);
}

/** Refuses bytes that were never written, where the profile does not let them be read. */
export function requireStack(frame: Frame, from: number, to: number, strict: boolean, base: number): void {
  if (!strict) return;
  for (let at = from; at < to; at++) {
    const slot = frame.stack[slotIndex(at)] ?? EMPTY_SLOT;
    if (byteOf(slot, byteIndex(at)) === Byte.INVALID) {
      refuse(
        "uninitialised",
        `The stack from fp${from} to fp${to} is handed to a function, but fp${at} was never written`,
        [base],
        `write all ${to - from} bytes first`,
      );
    }
  }
}

/** A known number at a place on the stack, as an array's key of 4 bytes. */
export function knownOnStack(frame: Frame, off: number): bigint | undefined {
  const value = ((): Value | undefined => {
    const slot = frame.stack[slotIndex(off)] ?? EMPTY_SLOT;
    if (slot.value?.kind === "pointer") return undefined;
    return readStack(frame, off, 4, false, 0);
  })();
  return value?.kind === "scalar" && value.bits.mask === 0n ? value.bits.value : undefined;
}
