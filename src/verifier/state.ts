// One state of the machine, as far as it is known: the frames of the calls that are open, with registers and stack, and
// what must be given back. A state belongs to whoever explores it and is changed in place; values in it are shared.

import { constant, isZero, ofSize, type Scalar, UNKNOWN } from "./scalar.ts";
import { UNINIT, type Value } from "./value.ts";

/** A stack byte: never written, written with something, written with zero, part of the spilled value. */
export const Byte = { INVALID: 0, MISC: 1, ZERO: 2, SPILL: 3 } as const;

/** Eight bytes of stack. */
export interface StackSlot {
  /** A whole register, or its low `spilled` bytes. */
  readonly value: Value | undefined;
  /** Bytes of `value` at the start of the slot: 0 (none), 1, 2, 4 or 8. */
  readonly spilled: number;
  /** Two bits a byte, values of `Byte`; the lowest address in the lowest bits. */
  readonly bytes: number;
}

const ALL_INVALID = 0x0000;
export const ALL_MISC = 0x5555;

export const EMPTY_SLOT: StackSlot = { value: undefined, spilled: 0, bytes: ALL_INVALID };

export const byteOf = (slot: StackSlot, index: number): number => (slot.bytes >> (2 * index)) & 3;

export const withByte = (bytes: number, index: number, kind: number): number =>
  (bytes & ~(3 << (2 * index))) | (kind << (2 * index));

/** A callback that runs in this frame. */
export interface CallbackInfo {
  /** The slot of the call of the helper that runs it. */
  readonly helper: number;
  /** What it may return: 0 up to this. */
  readonly resultMax: bigint;
  /** References held, and regions open, when it was entered. */
  readonly refs: number;
  readonly regions: number;
}

export interface Frame {
  readonly regs: Value[];
  /** The slot at index i holds the bytes from `fp - 8 * (i + 1)`. Written only through `ownStack`. */
  stack: readonly StackSlot[];
  /** No other state has this array. */
  ownsStack: boolean;
  /** Where the call stands that opened this frame; -1 for the entry. */
  readonly callSite: number;
  readonly callback: CallbackInfo | undefined;
}

export interface Reference {
  readonly id: number;
  /** Where it was taken. */
  readonly slot: number;
}

/** The way that led to a state: the last decision, and the way to that one. */
export interface Trail {
  readonly parent: Trail | undefined;
  readonly slot: number;
  readonly taken: boolean;
  /** Where it led. */
  readonly to: number;
  /** It could not have gone otherwise. */
  readonly forced: boolean;
}

export interface State {
  pc: number;
  frames: Frame[];
  refs: readonly Reference[];
  /** The spin lock that is held, by the id of the value that it is in; 0: none. */
  locked: number;
  /** Regions that are open: in the low byte of RCU, above of no preemption. */
  regions: number;
  /** Turns through may_goto and callbacks: a counter whose end the machine guarantees. */
  turns: Scalar;
  trail: Trail | undefined;
  /** The slot that was run before, to tell how a loop's head was come to. */
  from: number;
  /** Widening or joining has lost something on the way here. */
  blurred: boolean;
  /** The saved state that this one continues, for exploration without widening. */
  origin: SavedNode | undefined;
}

/** A saved state in the tree of exploration: done when nothing that continues it is open. */
export interface SavedNode {
  readonly parent: SavedNode | undefined;
  open: number;
}

export function newFrame(callSite: number, callback?: CallbackInfo): Frame {
  return { regs: new Array(11).fill(UNINIT), stack: NO_STACK, ownsStack: false, callSite, callback };
}

const NO_STACK: readonly StackSlot[] = [];

/** The frame's stack, to be written: copied first where another state has it too. */
export function ownStack(frame: Frame): StackSlot[] {
  if (!frame.ownsStack) {
    frame.stack = frame.stack.slice();
    frame.ownsStack = true;
  }
  return frame.stack as StackSlot[];
}

export const topFrame = (state: State): Frame => state.frames[state.frames.length - 1] as Frame;

/** Copies that share the stacks until one of them writes. */
export function copyFrames(frames: readonly Frame[]): Frame[] {
  return frames.map((frame) => {
    frame.ownsStack = false;
    const { regs, stack, callSite, callback } = frame;
    return { regs: regs.slice(), stack, ownsStack: false, callSite, callback };
  });
}

export const copyState = (state: State): State => ({
  pc: state.pc,
  frames: copyFrames(state.frames),
  refs: state.refs,
  locked: state.locked,
  regions: state.regions,
  turns: state.turns,
  trail: state.trail,
  from: state.from,
  blurred: state.blurred,
  origin: state.origin,
});

/** Applies a change to every register and spilled value of every frame; it gives the same value for no change. */
export function mapValues(state: State, change: (value: Value) => Value): void {
  for (const frame of state.frames) {
    const { regs } = frame;
    for (let i = 0; i < 10; i++) {
      const value = regs[i] as Value;
      if (value.kind !== "uninit") regs[i] = change(value);
    }
    for (let i = 0; i < frame.stack.length; i++) {
      const slot = frame.stack[i] as StackSlot;
      if (slot.value === undefined) continue;
      const changed = change(slot.value);
      if (changed !== slot.value) {
        ownStack(frame)[i] = { value: changed, spilled: slot.spilled, bytes: slot.bytes };
      }
    }
  }
}

/** What a read of stack bytes that hold no whole value gives. */
export function bytesValue(zero: boolean, size: number): Scalar {
  return zero ? constant(0n) : size === 8 ? UNKNOWN : ofSize(size);
}

export const spillsZero = (slot: StackSlot): boolean =>
  slot.value !== undefined && slot.value.kind === "scalar" && isZero(slot.value);
