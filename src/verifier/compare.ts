// Does one state cover another (states_equal of kernel/bpf/verifier.c)? Then what is safe from the one on is safe from
// the other on too.

import type { Checker } from "./checker.ts";
import { structHeld } from "./references.ts";
import type { Relevance } from "./relevance.ts";
import { contains, type Drift, isConstant, isUnbounded, type Scalar, UNKNOWN } from "./scalar.ts";
import { Byte, byteOf, EMPTY_SLOT, type Frame, type Reference, type StackSlot, type State } from "./state.ts";
import { isKernelWord, type Pointer, type Value } from "./value.ts";

/** Known numbers are linked by what they are: of two of them the difference is known. */
const KNOWN = -1;
export const linkName = (s: Scalar): number => (isConstant(s) ? KNOWN : s.id);
export const linkPlus = (s: Scalar): bigint => (isConstant(s) ? s.smin : s.plus);

/** Old id, new id, and how far the new number is ahead. */
interface Link {
  readonly old: number;
  readonly now: number;
  readonly ahead: bigint;
}

/** What the old state's ids and references are called in the new one. Most comparisons end before there is any. */
class Names {
  readonly #checker: Checker;
  /** One after another: they are few. */
  #links: Link[] | undefined;
  #refs: number[] | undefined;

  constructor(checker: Checker) {
    this.#checker = checker;
  }

  /** Values with a lock are told apart, and each is the same wherever a pointer to it is. */
  value(old: Pointer, now: Pointer): boolean {
    if (old.map === undefined || old.to !== "map-value" || !this.#checker.hasLock(old.map)) return true;
    return this.reference(old.id, now.id);
  }

  #known(old: number): Link | undefined {
    if (this.#links === undefined) return undefined;
    for (const one of this.#links) if (one.old === old) return one;
    return undefined;
  }

  #add(old: number, now: number, ahead: bigint): true {
    if (this.#links === undefined) this.#links = [{ old, now, ahead }];
    else this.#links.push({ old, now, ahead });
    return true;
  }

  /** Numbers that the old state links must be linked in the new one, at the same distance; that may link more. */
  link(old: Scalar, now: Scalar): boolean {
    const name = linkName(now);
    const ahead = linkPlus(now) - old.plus;
    const one = this.#known(old.id);
    if (one !== undefined) return name !== 0 && one.now === name && one.ahead === ahead;
    // A link has two ends: the first may be anything.
    return this.#add(old.id, name, ahead);
  }

  /** The same for pointers that are null together, or as far from the packet's end. */
  pointer(old: number, now: number): boolean {
    if (old === 0) return true;
    if (now === 0) return false;
    const one = this.#known(old);
    return one === undefined ? this.#add(old, now, 0n) : one.now === now;
  }

  /** The same for words of the kernel's: that of which there is but one may be anything. */
  word(old: number, now: number): boolean {
    if (old === 0) return true;
    const one = this.#known(old);
    return one === undefined ? this.#add(old, now, 0n) : now !== 0 && one.now === now;
  }

  /** References are told apart in both: to release one must not be to release another. */
  reference(old: number, now: number): boolean {
    if (old === 0 || now === 0) return old === now;
    this.#refs ??= [];
    const pairs = this.#refs;
    for (let i = 0; i < pairs.length; i += 2) {
      if (pairs[i] === old || pairs[i + 1] === now) return pairs[i] === old && pairs[i + 1] === now;
    }
    pairs.push(old, now);
    return true;
  }
}

/** Every drift that the old state counted on holds in the new one too. */
function driftCovers(old: readonly Drift[] | undefined, now: readonly Drift[] | undefined): boolean {
  if (old === undefined || old.length === 0 || old === now) return true;
  return old.every((a) => now?.some((b) => a.head === b.head && a.loc === b.loc && a.delta === b.delta) === true);
}

const isAnyNumber = (s: Scalar): boolean => s === UNKNOWN || (s.id === 0 && s.drift === undefined && isUnbounded(s));

function valueCovers(old: Value, now: Value, ids: Names): boolean {
  if (old.kind === "uninit") return true;
  if (old.kind === "scalar") {
    // A word of the kernel's is as good as any number.
    if (now.kind !== "scalar") return isKernelWord(now) && isAnyNumber(old);
    if (old === now && old.id === 0) return true;
    if (!contains(old, now) || !driftCovers(old.drift, now.drift)) return false;
    return old.id === 0 || ids.link(old, now);
  }
  if (now.kind !== "pointer") return false;
  return pointerCovers(old, now, ids);
}

/** The count of turns only grows: it is enough that it has grown by as much. */
function turnsCover(old: readonly Drift[] | undefined, now: readonly Drift[] | undefined): boolean {
  if (old === undefined || old.length === 0 || old === now) return true;
  return old.every((a) => now?.some((b) => a.head === b.head && a.loc === b.loc && a.delta <= b.delta) === true);
}

function pointerCovers(old: Pointer, now: Pointer, ids: Names): boolean {
  if (
    old.to !== now.to ||
    old.nullable !== now.nullable ||
    old.off !== now.off ||
    old.map !== now.map ||
    old.frame !== now.frame ||
    old.record !== now.record
  ) {
    return false;
  }
  if (!contains(old.index, now.index)) return false;
  if (old.to === "packet" || old.to === "packet-meta") {
    // Which way a comparison with the end goes may rest on it.
    const reaches = old.size < 0 ? old.size === now.size : old.size <= now.size;
    return reaches && ids.pointer(old.id, now.id);
  }
  if (old.size !== now.size) return false;
  if (!ids.reference(old.ref, now.ref)) return false;
  if (isKernelWord(old)) return ids.word(old.id, now.id);
  if (old.to === "dynptr" && !ids.pointer(old.id, now.id)) return false;
  if (!ids.value(old, now)) return false;
  return old.nullable ? ids.pointer(old.id, now.id) : true;
}

function slotCovers(old: StackSlot, now: StackSlot, ids: Names, strict: boolean): boolean {
  if (old === now && old.value === undefined) return true;
  if (old.spilled > 0 && old.value !== undefined) {
    if (now.spilled === old.spilled && now.value !== undefined) {
      if (!valueCovers(old.value, now.value, ids)) return false;
    } else if (old.value.kind === "scalar" && contains(old.value, UNKNOWN) && old.value.drift === undefined) {
      // Any number at all: any written bytes will do.
      for (let i = 0; i < old.spilled; i++) {
        if (strict && byteOf(now, i) === Byte.INVALID) return false;
        if (byteOf(now, i) === Byte.SPILL && now.value?.kind !== "scalar") return false;
      }
    } else {
      return false;
    }
    if (old.spilled === 8) return true;
  } else if (old.bytes === now.bytes && !hasSpilled(now)) return true;
  for (let i = old.spilled; i < 8; i++) {
    const a = byteOf(old, i);
    if (a === Byte.INVALID) continue;
    const b = byteOf(now, i);
    if (b === Byte.SPILL) {
      // A spilled number is as good as written bytes, a pointer is not.
      if (now.value?.kind !== "scalar" || a === Byte.ZERO) return false;
    } else if (b === Byte.INVALID) {
      if (strict || a !== Byte.MISC) return false;
    } else if (a === Byte.ZERO && b !== Byte.ZERO) return false;
  }
  return true;
}

/** Is a byte of it `Byte.SPILL`, that is, both bits 1? */
const hasSpilled = ({ bytes }: StackSlot): boolean => (bytes & (bytes >> 1) & 0x5555) !== 0;

/** What the kernel keeps there must be where it was, whoever reads it. */
const isMark = (value: Value | undefined): boolean =>
  value?.kind === "pointer" && (value.to === "dynptr" || value.to === "iterator");

/** A slot whose number does not matter: only that it is one. */
function numberCovers(old: StackSlot, now: StackSlot, strict: boolean): boolean {
  if (!strict && (!hasSpilled(now) || isNumber(now.value))) return true;
  for (let i = 0; i < 8; i++) {
    if (byteOf(old, i) === Byte.INVALID) continue;
    const b = byteOf(now, i);
    if (b === Byte.INVALID ? strict : b === Byte.SPILL && !isNumber(now.value)) return false;
  }
  return true;
}

export const isNumber = (value: Value | undefined): boolean =>
  value !== undefined && (value.kind === "scalar" || isKernelWord(value));

/** Where a frame goes on: a caller behind its call, or at the call itself where it waits for callbacks. */
export function continuation(state: State, depth: number): number {
  const above = state.frames[depth + 1];
  if (above === undefined) return state.pc;
  return above.callback === undefined ? above.callSite + 1 : above.callSite;
}

/** Registers of a frame that may still be read, as bits. */
export function liveIn(checker: Checker, state: State, depth: number): number {
  const at = continuation(state, depth);
  const live = at < 0 ? 0x3ff : (checker.graph.live[at] ?? 0x3ff) & 0x3ff;
  // What a call gives is not there before it is over.
  return state.frames[depth + 1]?.callback === undefined && depth < state.frames.length - 1 ? live & ~1 : live;
}

/**
 * Whatever is safe from the old state on is safe from the new one on, as far as it may still be read. Of numbers that
 * do not matter only counts that they are numbers. Both stand at the same slot.
 */
export function covers(checker: Checker, relevance: Relevance, old: State, now: State): boolean {
  if (old.frames.length !== now.frames.length || old.regions !== now.regions) return false;
  if ((old.locked === 0) !== (now.locked === 0)) return false;
  if (old.refs.length !== now.refs.length) return false;
  if (!turnsCover(old.turns.drift, now.turns.drift)) return false;
  const strict = checker.wholeStack;
  const names = new Names(checker);
  if (!names.reference(old.locked, now.locked)) return false;
  for (let depth = old.frames.length - 1; depth >= 0; depth--) {
    const a = old.frames[depth] as Frame;
    const b = now.frames[depth] as Frame;
    if (a.callSite !== b.callSite || a.callback?.helper !== b.callback?.helper) return false;
    const at = continuation(old, depth);
    const live = liveIn(checker, old, depth);
    const matter = relevance.registers[at] ?? 0x3ff;
    for (let r = 0; r < 10; r++) {
      if ((live & (1 << r)) === 0) continue;
      const x = a.regs[r] as Value;
      const y = b.regs[r] as Value;
      if (x.kind === "scalar" && (matter & (1 << r)) === 0 ? !isNumber(y) : !valueCovers(x, y, names)) return false;
    }
    if (a.stack === b.stack) continue;
    const words = relevance.stack(checker.graph.functionOf[at]?.start ?? 0);
    const { stackLiveness } = checker;
    // Of a caller also what the called function may read.
    const reads = depth === old.frames.length - 1 ? at : (old.frames[depth + 1] as Frame).callSite;
    for (let word = 0; word < a.stack.length; word++) {
      const x = a.stack[word] as StackSlot;
      if (x === EMPTY_SLOT) continue;
      const y = b.stack[word] ?? EMPTY_SLOT;
      if (x === y && x.value === undefined) continue;
      if (stackLiveness?.isLive(reads, word) === false && !isMark(x.value) && !isMark(y.value)) continue;
      const plain = words[word] !== 1 && x.value?.kind !== "pointer";
      if (plain ? !numberCovers(x, y, strict) : !slotCovers(x, y, names, strict)) return false;
    }
  }
  for (let i = 0; i < old.refs.length; i++) {
    const a = old.refs[i] as Reference;
    const b = now.refs[i] as Reference;
    if (!names.reference(a.id, b.id)) return false;
    if (a.slot !== b.slot && structHeld(checker, a) !== structHeld(checker, b)) return false;
  }
  return true;
}
