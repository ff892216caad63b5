// What the kernel keeps on a program's stack: dynptrs (16 bytes) and iterators. Their words hold marks, pointers to what they
// are; nothing may read them, and what must be given back may not be written over (mark_stack_slots_dynptr,
// mark_stack_slots_iter, process_dynptr_func and process_iter_arg of kernel/bpf/verifier.c).

import type { DynptrKind } from "../object/index.ts";
import type { Checker } from "./checker.ts";
import { refuse } from "./refusal.ts";
import { isConstant, UNKNOWN } from "./scalar.ts";
import { Byte, EMPTY_SLOT, type Frame, mapValues, ownStack, type StackSlot, type State, withByte } from "./state.ts";
import { type Pointer, pointer, title, type Value } from "./value.ts";

const KINDS: readonly DynptrKind[] = ["local", "ringbuf", "skb", "xdp"];
/** States of an iterator. */
const ACTIVE = 0;
const DRAINED = 1;

/** What a mark says of its dynptr. */
export const dynptrKind = (mark: Pointer): DynptrKind => KINDS[mark.size] as DynptrKind;

/** A dynptr that is not on the stack: what a callback is given. */
export const givenDynptr = (checker: Checker): Pointer => {
  checker.marksStack();
  return pointer("dynptr", { size: KINDS.indexOf("local"), id: checker.newId() });
};

const isMark = (value: Value | undefined): value is Pointer =>
  value?.kind === "pointer" && (value.to === "dynptr" || value.to === "iterator");

let written = 0;
for (let i = 0; i < 8; i++) written = withByte(written, i, Byte.SPILL);
const slotOf = (value: Pointer): StackSlot => ({ value, spilled: 8, bytes: written });

/** The words of the stack that a pointer names, for what has so many of them. */
function place(
  state: State,
  p: Pointer,
  words: number,
  what: string,
  register: number,
): { frame: Frame; index: number } {
  if (p.to !== "stack")
    refuse("argument", `r${register} must point to ${what} on the stack, and is ${title(p)}`, [register]);
  const off = p.off + Number(p.index.smin);
  if (!isConstant(p.index) || off % 8 !== 0 || off < -512 || off + 8 * words > 0) {
    refuse("argument", `r${register} must point to ${what}, at an aligned place of the stack that is known`, [
      register,
    ]);
  }
  return { frame: state.frames[p.frame] as Frame, index: -off / 8 - 1 };
}

/** Writes over what is there, and what it was made of is gone. */
function claim(
  checker: Checker,
  state: State,
  frame: Frame,
  index: number,
  words: number,
  register: number,
): StackSlot[] {
  const from = -8 * (index + 1);
  overwriteMarks(state, frame, from, from + 8 * words, register);
  checker.marksStack();
  checker.usesStack(state.pc, -from);
  const stack = ownStack(frame);
  while (stack.length <= index) stack.push(EMPTY_SLOT);
  return stack;
}

/** Makes a dynptr on the stack; `ref`: what must be given back. */
export function makeDynptr(
  checker: Checker,
  state: State,
  p: Pointer,
  facts: { readonly kind: DynptrKind; readonly ref: number },
  register: number,
): void {
  const { frame, index } = place(state, p, 2, "room for a dynptr", register);
  const stack = claim(checker, state, frame, index, 2, register);
  const mark = { size: KINDS.indexOf(facts.kind), ref: facts.ref, id: checker.newId() };
  stack[index] = slotOf(pointer("dynptr", mark));
  stack[index - 1] = slotOf(pointer("dynptr", { ...mark, off: 8 }));
}

/** The dynptr that an argument is. */
export function dynptrArgument(state: State, p: Pointer, register: number, name: string): Pointer {
  if (p.to === "dynptr") return p;
  const { frame, index } = place(state, p, 2, "a dynptr", register);
  const mark = frame.stack[index]?.value;
  const second = frame.stack[index - 1]?.value;
  if (!isMark(mark) || mark.to !== "dynptr" || mark.off !== 0 || !isMark(second) || second.id !== mark.id) {
    refuse("argument", `${name} needs a dynptr in r${register}, and there is none at fp${-8 * (index + 1)}`, [
      register,
    ]);
  }
  return mark;
}

/** Makes an iterator, which must be done with. */
export function makeIterator(checker: Checker, state: State, p: Pointer, register: number): void {
  const { frame, index } = place(state, p, 1, "room for an iterator", register);
  const before = frame.stack[index]?.value;
  if (isMark(before) && before.to === "iterator")
    refuse("argument", `r${register} points to an iterator that is in use`, [register]);
  const stack = claim(checker, state, frame, index, 1, register);
  const ref = checker.newId();
  state.refs = [...state.refs, { id: ref, slot: state.pc }];
  stack[index] = slotOf(pointer("iterator", { ref, size: ACTIVE }));
}

export interface Iterator {
  readonly mark: Pointer;
  readonly active: boolean;
  /** It has come to its end, in a state that has its own stack. */
  drain(state: State): void;
}

/** The iterator that an argument is. */
export function iteratorArgument(state: State, p: Pointer, register: number, name: string): Iterator {
  const { frame, index } = place(state, p, 1, "an iterator", register);
  const mark = frame.stack[index]?.value;
  if (!isMark(mark) || mark.to !== "iterator") {
    refuse("argument", `${name} needs an iterator in r${register}, and there is none at fp${-8 * (index + 1)}`, [
      register,
    ]);
  }
  return {
    mark,
    active: mark.size === ACTIVE,
    drain: (other) => {
      const stack = ownStack(other.frames[p.frame] as Frame);
      stack[index] = slotOf(pointer("iterator", { ref: mark.ref, size: DRAINED }));
    },
  };
}

function eachMark(frame: Frame, from: number, to: number, found: (mark: Pointer, index: number) => void): void {
  for (let index = -to >> 3; index <= (-from - 1) >> 3; index++) {
    const value = index < 0 ? undefined : frame.stack[index]?.value;
    if (isMark(value)) found(value, index);
  }
}

/** Nothing may look into a dynptr or an iterator, nor be handed it as memory. */
export function refuseMarks(frame: Frame, from: number, to: number, register: number): void {
  eachMark(frame, from, to, (mark) => {
    refuse(
      "pointer",
      `The stack from fp${from} to fp${to - 1} holds ${title(mark)}, which only functions for it may touch`,
      [register],
    );
  });
}

/** A write over marks: of a dynptr that need not be given back only what was made of it is lost. */
export function overwriteMarks(state: State, frame: Frame, from: number, to: number, register: number): void {
  eachMark(frame, from, to, (mark, index) => {
    if (mark.to === "iterator") {
      (ownStack(frame) as StackSlot[])[index] = { value: undefined, spilled: 0, bytes: 0x5555 };
      return;
    }
    if (mark.ref !== 0) {
      refuse("reference", `This writes over a dynptr that was not given back yet`, [register]);
    }
    const stack = ownStack(frame);
    for (const at of [index - 1, index, index + 1]) {
      const value = stack[at]?.value;
      if (isMark(value) && value.to === "dynptr" && value.id === mark.id)
        stack[at] = { value: undefined, spilled: 0, bytes: 0x5555 };
    }
    dropSlices(state);
  });
}

/** What was made of dynptrs that need not be given back is not to be used any more. */
export function dropSlices(state: State): void {
  mapValues(state, (value) =>
    value.kind === "pointer" && (value.to === "slice" || value.to === "slice-readonly") && value.ref === 0
      ? UNKNOWN
      : value,
  );
}
