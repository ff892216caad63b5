// What covers two states: joining, and widening, which jumps to the next number that a loop compares with, so that a
// loop's head settles after a few visits.

import { S32_MAX, S32_MIN, S64_MAX, S64_MIN, settle, unboundedDraft } from "./bounds.ts";
import type { Checker } from "./checker.ts";
import { continuation, isNumber, linkName, linkPlus, liveIn } from "./compare.ts";
import {
  contains,
  type Drift,
  fromDraft,
  hull,
  isConstant,
  relinked,
  type Scalar,
  UNKNOWN,
  withDrift,
} from "./scalar.ts";
import { Byte, byteOf, EMPTY_SLOT, type Frame, type StackSlot, type State, withByte } from "./state.ts";
import { type Tnum, U64_MAX } from "./tnum.ts";
import { changed, isKernelWord, type Pointer, UNINIT, type Value } from "./value.ts";

/** Can the two be joined at all, that is, do they stand in the same calls with the same debts? */
export function comparable(a: State, b: State): boolean {
  return (
    a.frames.length === b.frames.length &&
    (a.locked === 0) === (b.locked === 0) &&
    a.regions === b.regions &&
    a.refs.length === b.refs.length &&
    a.refs.every((ref, i) => ref.slot === b.refs[i]?.slot) &&
    a.frames.every((frame, i) => {
      const other = b.frames[i] as Frame;
      return frame.callSite === other.callSite && frame.callback?.helper === other.callback?.helper;
    })
  );
}

/** Would a join of the two forget no pointer that may still be used? */
export function sameShape(checker: Checker, a: State, b: State): boolean {
  for (let depth = 0; depth < a.frames.length; depth++) {
    const frame = a.frames[depth] as Frame;
    const other = b.frames[depth] as Frame;
    const live = liveIn(checker, a, depth);
    for (let r = 0; r < 10; r++) {
      if ((live & (1 << r)) !== 0 && !isJoinable(frame.regs[r] as Value, other.regs[r] as Value)) return false;
    }
    if (frame.stack === other.stack) continue;
    for (let word = 0; word < frame.stack.length; word++) {
      const slot = frame.stack[word] as StackSlot;
      if (slot.value?.kind !== "pointer") continue;
      const value = other.stack[word]?.value;
      if (value === undefined || !isJoinable(slot.value, value)) return false;
    }
  }
  return true;
}

function isJoinable(a: Value, b: Value): boolean {
  if (a.kind !== "pointer" && b.kind !== "pointer") return true;
  if (a.kind === "uninit" || b.kind === "uninit") return true;
  if (a.kind !== "pointer" || b.kind !== "pointer") return isNumber(a) && isNumber(b);
  return (
    a.to === b.to &&
    a.map === b.map &&
    a.frame === b.frame &&
    a.record === b.record &&
    a.nullable === b.nullable &&
    (a.ref === 0) === (b.ref === 0) &&
    (a.off === b.off || !FIXED.has(a.to)) &&
    (a.size === b.size || a.to === "packet" || a.to === "packet-meta")
  );
}

/** Pointers whose offset is not made variable by a join. */
const FIXED: ReadonlySet<string> = new Set([
  "stack",
  "packet",
  "packet-meta",
  "context",
  "map",
  "function",
  "dynptr",
  "iterator",
]);

/** How far a bound that moved may go: the next threshold, or all the way. */
type Thresholds = readonly bigint[] | undefined;

function below(value: bigint, least: bigint, thresholds: Thresholds): bigint {
  for (let i = (thresholds?.length ?? 0) - 1; i >= 0; i--) {
    const limit = (thresholds as readonly bigint[])[i] as bigint;
    if (limit <= value && limit > least) return limit;
  }
  return least;
}

function above(value: bigint, most: bigint, thresholds: Thresholds): bigint {
  for (const limit of thresholds ?? []) if (limit >= value && limit < most) return limit;
  return most;
}

const minBig = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const maxBig = (a: bigint, b: bigint): bigint => (a > b ? a : b);

function widenScalar(old: Scalar, now: Scalar, thresholds: Thresholds): Scalar {
  const all = hull(old, now);
  if (contains(old, all)) return all;
  const d = unboundedDraft();
  d.smin =
    all.smin < old.smin ? below(all.smin, old.smin >= 0n && all.smin >= 0n ? 0n : S64_MIN, thresholds) : all.smin;
  d.smax = all.smax > old.smax ? above(all.smax, S64_MAX, thresholds) : all.smax;
  d.umin = all.umin < old.umin ? minBig(maxBig(below(all.umin, 0n, thresholds), 0n), all.umin) : all.umin;
  d.umax = all.umax > old.umax ? above(all.umax, U64_MAX, thresholds) : all.umax;
  d.u32min = all.u32min < old.u32min ? 0 : all.u32min;
  d.u32max = all.u32max > old.u32max ? Number(above(BigInt(all.u32max), 0xffff_ffffn, thresholds)) : all.u32max;
  d.s32min = all.s32min < old.s32min ? S32_MIN : all.s32min;
  d.s32max = all.s32max > old.s32max ? Number(above(BigInt(all.s32max), BigInt(S32_MAX), thresholds)) : all.s32max;
  d.bits = all.bits.mask === old.bits.mask ? all.bits : alignment(all.bits);
  settle(d);
  return fromDraft(d);
}

/** Only the known bits below the first unknown one: the others would go one at a time. */
function alignment({ value, mask }: Tnum): Tnum {
  const known = (mask & -mask) - 1n;
  return { value: value & known, mask: U64_MAX ^ known };
}

function commonDrift(a: readonly Drift[] | undefined, b: readonly Drift[] | undefined): readonly Drift[] | undefined {
  if (a === undefined || b === undefined) return undefined;
  const common = a.filter((x) => b.some((y) => x.head === y.head && x.loc === y.loc && x.delta === y.delta));
  return common.length === 0 ? undefined : common;
}

/** The count of turns only grows: what is said of it is by how much at least. */
function leastTurns(a: readonly Drift[] | undefined, b: readonly Drift[] | undefined): readonly Drift[] | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a.flatMap((x) => {
    const y = b.find((one) => one.head === x.head && one.loc === x.loc);
    return y === undefined ? [] : [x.delta <= y.delta ? x : y];
  });
}

export interface JoinOptions {
  readonly widen: boolean;
  readonly thresholds: Thresholds;
}

class Joiner {
  readonly #options: JoinOptions;
  /** Pairs of ids that mean the same in both states, and the id of the result. */
  readonly #ids: { readonly a: number; readonly b: number; readonly behind: bigint; readonly id: number }[] = [];
  readonly #newId: () => number;
  /** What the first state's references are called in the second one, and in the result. */
  readonly #refs: ReadonlyMap<number, number>;

  constructor(options: JoinOptions, newId: () => number, refs: ReadonlyMap<number, number>) {
    this.#options = options;
    this.#newId = newId;
    this.#refs = refs;
  }

  id(a: number, b: number): number {
    return this.#link(a, b, 0n);
  }

  #link(a: number, b: number, behind: bigint): number {
    if (a === 0 || b === 0) return 0;
    for (const one of this.#ids) if (one.a === a && one.b === b && one.behind === behind) return one.id;
    const id = this.#newId();
    this.#ids.push({ a, b, behind, id });
    return id;
  }

  scalar(a: Scalar, b: Scalar): Scalar {
    const drift = commonDrift(a.drift, b.drift);
    const joined = a === b ? a : this.#options.widen ? widenScalar(a, b, this.#options.thresholds) : hull(a, b);
    if (isConstant(joined)) return joined.drift === drift ? joined : withDrift(joined, drift);
    // What is as far apart in the one state as in the other stays linked.
    const plus = linkPlus(b);
    const id = this.#link(linkName(a), linkName(b), linkPlus(a) - plus);
    if (joined.id === id && joined.drift === drift) return joined;
    return relinked(joined, id, id === 0 ? 0n : plus, drift);
  }

  value(a: Value, b: Value): Value {
    if (a.kind === "scalar" && b.kind === "scalar") return this.scalar(a, b);
    if (a.kind !== "pointer" || b.kind !== "pointer") {
      const words = (a.kind === "scalar" && isKernelWord(b)) || (b.kind === "scalar" && isKernelWord(a));
      return words ? UNKNOWN : UNINIT;
    }
    if (
      a.to !== b.to ||
      a.map !== b.map ||
      a.frame !== b.frame ||
      a.record !== b.record ||
      (this.#refs.get(a.ref) ?? a.ref) !== b.ref ||
      a.nullable !== b.nullable ||
      (a.off !== b.off && a.to === "stack")
    ) {
      return UNINIT;
    }
    const packet = a.to === "packet" || a.to === "packet-meta";
    if (!packet && a.size !== b.size) return UNINIT;
    if (a.off !== b.off) {
      // The difference becomes part of the variable offset.
      if (FIXED.has(a.to)) return UNINIT;
      const index = this.scalar(shifted(a), shifted(b));
      return changed(b, { off: 0, index, id: a.nullable ? this.id(a.id, b.id) : 0 });
    }
    const id = this.id(a.id, b.id);
    if (a === b && id === a.id) return a;
    const size = packet ? commonReach(a.size, b.size) : a.size;
    return changed(b, { id, size, index: a.index === b.index ? a.index : this.scalar(a.index, b.index) });
  }

  slot(a: StackSlot, b: StackSlot): StackSlot {
    if (a === b && a.value === undefined) return a;
    if (a.spilled > 0 && a.spilled === b.spilled && a.value !== undefined && b.value !== undefined) {
      const value = this.value(a.value, b.value);
      if (value.kind !== "uninit") return { value, spilled: a.spilled, bytes: this.#bytes(a, b, a.spilled) };
    }
    return { value: undefined, spilled: 0, bytes: this.#bytes(a, b, 0) };
  }

  #bytes(a: StackSlot, b: StackSlot, kept: number): number {
    // Nothing spilled in either, and the same written.
    if (a.bytes === b.bytes && a.spilled === 0 && b.spilled === 0) return a.bytes;
    let bytes = a.bytes & ((1 << (2 * kept)) - 1);
    for (let i = kept; i < 8; i++) bytes = withByte(bytes, i, this.#byte(a, b, i));
    return bytes;
  }

  #byte(a: StackSlot, b: StackSlot, i: number): number {
    const x = plain(a, i);
    const y = plain(b, i);
    if (x === Byte.INVALID || y === Byte.INVALID) return Byte.INVALID;
    return x === y ? x : Byte.MISC;
  }
}

/** Bytes of a packet that were checked in both; that it lies behind the end is known only where it is in both. */
const commonReach = (a: number, b: number): number => (a === b ? a : Math.max(0, Math.min(a, b)));

/** A byte as if nothing were spilled: a pointer's bytes are not to be read. */
function plain(slot: StackSlot, i: number): number {
  const kind = byteOf(slot, i);
  if (kind !== Byte.SPILL) return kind;
  return slot.value?.kind === "scalar" ? Byte.MISC : Byte.INVALID;
}

function shifted(p: Pointer): Scalar {
  const by = BigInt(p.off);
  const { index } = p;
  if (index.smin + by < S64_MIN || index.smax + by > S64_MAX) return UNKNOWN;
  const d = unboundedDraft();
  d.smin = index.smin + by;
  d.smax = index.smax + by;
  settle(d);
  return fromDraft(d);
}

/** A state that covers both; `now` gives what belongs to the way there. */
export function join(checker: Checker, old: State, now: State, options: JoinOptions): State {
  const names = new Map(old.refs.map(({ id }, i) => [id, now.refs[i]?.id ?? id]));
  const joiner = new Joiner(options, () => checker.newId(), names);
  const strict = checker.wholeStack;
  const frames = now.frames.map((frame, depth): Frame => {
    const other = old.frames[depth] as Frame;
    const at = continuation(now, depth);
    const live = liveIn(checker, now, depth);
    const needed = checker.needed.registers[at] ?? 0x3ff;
    const regs = frame.regs.map((value, r) => {
      if (r === 10) return value;
      if ((live & (1 << r)) === 0) return UNINIT;
      const before = other.regs[r] as Value;
      if ((needed & (1 << r)) === 0 && before.kind === "scalar" && value.kind === "scalar") return UNKNOWN;
      return joiner.value(before, value);
    });
    const stack: StackSlot[] = [];
    const size = (strict ? Math.min : Math.max)(frame.stack.length, other.stack.length);
    for (let i = 0; i < size; i++) stack.push(joiner.slot(other.stack[i] ?? EMPTY_SLOT, frame.stack[i] ?? EMPTY_SLOT));
    return { regs, stack, ownsStack: true, callSite: frame.callSite, callback: frame.callback };
  });
  const turns = withDrift(joiner.scalar(old.turns, now.turns), leastTurns(old.turns.drift, now.turns.drift));
  const { pc, refs, regions, trail, from, origin } = now;
  // A lock that is not the same value's in both is nobody's: it cannot be given back.
  const locked = old.locked === now.locked ? now.locked : joiner.id(old.locked, now.locked);
  return { pc, frames, refs, locked, regions, turns, trail, from, blurred: true, origin };
}
