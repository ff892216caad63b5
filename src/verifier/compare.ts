// Does one state cover another (states_equal of kernel/bpf/verifier.c)? And what covers both: joining, and widening,
// which jumps to the next number that the loop compares with, so that a loop's head settles after a few visits.

import {
  contains,
  type Drift,
  fromDraft,
  hull,
  S32_MAX,
  S32_MIN,
  S64_MAX,
  S64_MIN,
  type Scalar,
  settle,
  UNKNOWN,
  unboundedDraft,
} from "./scalar.ts";
import { Byte, byteOf, EMPTY_SLOT, type Frame, type StackSlot, type State, withByte } from "./state.ts";
import { type Tnum, U64_MAX } from "./tnum.ts";
import { type Pointer, UNINIT, type Value } from "./value.ts";

/** Which id of the one state stands for which of the other. */
class IdPairs {
  readonly #pairs = new Map<number, number>();
  /** An id that the old state never gave to two is free to match anything. */
  match(old: number, now: number): boolean {
    if ((old === 0) !== (now === 0)) return false;
    if (old === 0) return true;
    const known = this.#pairs.get(old);
    if (known !== undefined) return known === now;
    for (const other of this.#pairs.values()) if (other === now) return false;
    this.#pairs.set(old, now);
    return true;
  }
}

/** Every drift that the old state counted on holds in the new one too. */
function driftCovers(old: readonly Drift[] | undefined, now: readonly Drift[] | undefined): boolean {
  if (old === undefined || old.length === 0 || old === now) return true;
  return old.every((a) => now?.some((b) => a.head === b.head && a.loc === b.loc && a.delta === b.delta) === true);
}

function valueCovers(old: Value, now: Value, ids: IdPairs): boolean {
  if (old.kind === "uninit") return true;
  if (old.kind === "scalar") {
    if (now.kind !== "scalar") return false;
    if (old === now && old.id === 0) return true;
    if (!contains(old, now) || !driftCovers(old.drift, now.drift)) return false;
    // Linked registers of the old state must be linked in the new one; links of the new one may be forgotten.
    return old.id === 0 || (ids.match(old.id, now.id) && old.plus === now.plus);
  }
  if (now.kind !== "pointer") return false;
  return pointerCovers(old, now, ids);
}

function pointerCovers(old: Pointer, now: Pointer, ids: IdPairs): boolean {
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
    return old.size <= now.size && ids.match(old.id, now.id);
  }
  if (old.size !== now.size) return false;
  if (old.ref !== 0 || now.ref !== 0) {
    if (!ids.match(old.ref, now.ref)) return false;
  }
  return old.nullable ? ids.match(old.id, now.id) : true;
}

function slotCovers(old: StackSlot, now: StackSlot, ids: IdPairs, strict: boolean): boolean {
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
  }
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

/** Whatever is safe from the old state on is safe from the new one on. `strict`: unwritten bytes must not be read. */
export function covers(old: State, now: State, strict: boolean): boolean {
  if (old.frames.length !== now.frames.length || old.locked !== now.locked) return false;
  if (old.refs.length !== now.refs.length) return false;
  if (!driftCovers(old.turns.drift, now.turns.drift)) return false;
  const ids = new IdPairs();
  for (let depth = old.frames.length - 1; depth >= 0; depth--) {
    const a = old.frames[depth] as Frame;
    const b = now.frames[depth] as Frame;
    if (a.callSite !== b.callSite || a.callback?.helper !== b.callback?.helper) return false;
    for (let i = 0; i < 10; i++) if (!valueCovers(a.regs[i] as Value, b.regs[i] as Value, ids)) return false;
    for (let i = 0; i < a.stack.length; i++) {
      const slot = a.stack[i] ?? EMPTY_SLOT;
      if (slot !== EMPTY_SLOT && !slotCovers(slot, b.stack[i] ?? EMPTY_SLOT, ids, strict)) return false;
    }
  }
  return old.refs.every((ref, i) => ids.match(ref.id, (now.refs[i] as { id: number }).id));
}

/** Can the two be joined at all, that is, do they stand in the same calls with the same debts? */
export function comparable(a: State, b: State): boolean {
  return (
    a.frames.length === b.frames.length &&
    a.locked === b.locked &&
    a.refs.length === b.refs.length &&
    a.refs.every((ref, i) => ref.id === b.refs[i]?.id) &&
    a.frames.every((frame, i) => {
      const other = b.frames[i] as Frame;
      return frame.callSite === other.callSite && frame.callback?.helper === other.callback?.helper;
    })
  );
}

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

export interface JoinOptions {
  readonly widen: boolean;
  readonly thresholds: Thresholds;
  readonly strict: boolean;
}

class Joiner {
  readonly #options: JoinOptions;
  /** Pairs of ids that mean the same in both states, and the id of the result. */
  readonly #ids = new Map<string, number>();
  readonly #newId: () => number;

  constructor(options: JoinOptions, newId: () => number) {
    this.#options = options;
    this.#newId = newId;
  }

  id(a: number, b: number): number {
    if (a === 0 || b === 0) return 0;
    const key = `${a}/${b}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#newId();
    this.#ids.set(key, id);
    return id;
  }

  scalar(a: Scalar, b: Scalar): Scalar {
    const drift = commonDrift(a.drift, b.drift);
    const id = a.plus === b.plus ? this.id(a.id, b.id) : 0;
    const joined = a === b ? a : this.#options.widen ? widenScalar(a, b, this.#options.thresholds) : hull(a, b);
    if (joined.id === id && joined.drift === drift) return joined;
    return { ...joined, id, plus: id === 0 ? 0n : a.plus, drift };
  }

  value(a: Value, b: Value): Value {
    if (a.kind === "scalar" && b.kind === "scalar") return this.scalar(a, b);
    if (a.kind !== "pointer" || b.kind !== "pointer") return UNINIT;
    if (
      a.to !== b.to ||
      a.map !== b.map ||
      a.frame !== b.frame ||
      a.record !== b.record ||
      a.ref !== b.ref ||
      a.nullable !== b.nullable ||
      (a.off !== b.off && a.to === "stack")
    ) {
      return UNINIT;
    }
    const packet = a.to === "packet" || a.to === "packet-meta";
    if (!packet && a.size !== b.size) return UNINIT;
    if (a.off !== b.off) {
      // The difference becomes part of the variable offset.
      if (packet || a.to === "context" || a.to === "map" || a.to === "function") return UNINIT;
      return { ...a, off: 0, index: this.scalar(shifted(a), shifted(b)), id: a.nullable ? this.id(a.id, b.id) : 0 };
    }
    const id = this.id(a.id, b.id);
    if (a === b && id === a.id) return a;
    const size = packet ? Math.min(a.size, b.size) : a.size;
    return { ...a, id, size, index: a.index === b.index ? a.index : this.scalar(a.index, b.index) };
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
export function join(old: State, now: State, options: JoinOptions, newId: () => number): State {
  const joiner = new Joiner(options, newId);
  const frames = now.frames.map((frame, depth): Frame => {
    const other = old.frames[depth] as Frame;
    const regs = frame.regs.map((value, i) => (i === 10 ? value : joiner.value(other.regs[i] as Value, value)));
    const stack: StackSlot[] = [];
    const size = options.strict
      ? Math.min(frame.stack.length, other.stack.length)
      : Math.max(frame.stack.length, other.stack.length);
    for (let i = 0; i < size; i++) stack.push(joiner.slot(other.stack[i] ?? EMPTY_SLOT, frame.stack[i] ?? EMPTY_SLOT));
    return { regs, stack, callSite: frame.callSite, callback: frame.callback };
  });
  return { ...now, frames, turns: joiner.scalar(old.turns, now.turns), blurred: true };
}
