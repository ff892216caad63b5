// Conditional jumps: which ways they can go, and what is known on each.

import { type Instruction, Jmp } from "../isa/index.ts";
import type { Checker } from "./checker.ts";
import { release } from "./references.ts";
import { refuse } from "./refusal.ts";
import { constant, isConstant, isZero, relinked, type Scalar, UNKNOWN, withLink } from "./scalar.ts";
import { shiftedBy } from "./scalar-alu.ts";
import { decided, refine } from "./scalar-branch.ts";
import { copyState, mapValues, ownStack, type StackSlot, type State, topFrame } from "./state.ts";
import { AT_END, BEYOND_END, changed, isKernelWord, type Pointer, type Value } from "./value.ts";

/** Both sides of a conditional jump; undefined where it cannot go that way. */
export interface Ways {
  readonly taken: State | undefined;
  readonly fallen: State | undefined;
}

/** Registers that are linked with one that a branch said something of learn it too. */
function spread(checker: Checker, state: State, register: number, value: Scalar): void {
  const top = topFrame(state);
  top.regs[register] = value;
  if (value.id === 0) return;
  let registers = 0;
  let elsewhere = false;
  const learnt = (other: Value | undefined): Scalar | undefined => {
    if (other?.kind !== "scalar" || other.id !== value.id || other === value) return undefined;
    const moved = shiftedBy(value, other.plus - value.plus);
    return relinked(moved, other.id, other.plus, other.drift);
  };
  for (const frame of state.frames) {
    const { regs } = frame;
    for (let r = 0; r < 10; r++) {
      const next = learnt(regs[r]);
      if (next === undefined) continue;
      regs[r] = next;
      if (frame === top) registers |= 1 << r;
      else elsewhere = true;
    }
    const words = frame === top ? checker.needed.stack(checker.graph.functionOf[state.pc]?.start ?? 0) : undefined;
    for (let word = 0; word < frame.stack.length; word++) {
      const slot = frame.stack[word] as StackSlot;
      const next = learnt(slot.value);
      if (next === undefined) continue;
      ownStack(frame)[word] = { value: next, spilled: slot.spilled, bytes: slot.bytes };
      elsewhere ||= words === undefined || words[word] === 1;
    }
  }
  // What is compared decides of something else that may matter.
  if (elsewhere) checker.decides(state.pc);
  if (registers !== 0) checker.links(state.pc, registers);
}

/** A word of the kernel's is taken for a number, and all of its copies with it. */
function asNumber(checker: Checker, state: State, word: Pointer): Scalar {
  if (word.id === 0) return UNKNOWN;
  const number = withLink(UNKNOWN, checker.newId(), 0n);
  mapValues(state, (value) => (value.kind === "pointer" && value.id === word.id ? number : value));
  return number;
}

/** A comparison with null settles what shares the pointer's id. */
function settleNull(state: State, id: number, isNull: boolean): void {
  let ref = 0;
  mapValues(state, (value) => {
    if (value.kind !== "pointer" || !value.nullable || value.id !== id) return value;
    // A reference that was taken here is not held where there was none to take; a pointer derived from it says nothing.
    if (value.ref !== 0 && value.ref === value.id) ref = value.ref;
    return isNull ? constant(0n) : changed(value, { nullable: false, id: value.to === "kernel" ? 0 : id });
  });
  if (isNull && ref !== 0) release(state, ref);
}

const NEVER_NULL: ReadonlySet<string> = new Set(["map-value", "map-key", "memory", "map", "sock-common", "socket"]);

const isPacket = (v: Value): v is Pointer => v.kind === "pointer" && (v.to === "packet" || v.to === "packet-meta");
const isEnd = (v: Value, of: Pointer): boolean =>
  v.kind === "pointer" &&
  (of.to === "packet" ? v.to === "packet-end" : v.to === "packet" && v.off === 0 && v.id === 0 && isZero(v.index));

const MAX_PACKET = 0xffff;

/** Where `pointer` is known to be at most the end (or below it), all of its kin gain the bytes up to it. */
function extendPacket(state: State, pointer: Pointer, below: boolean): void {
  if (pointer.off < 0 || (pointer.off === 0 && below)) return;
  if (pointer.index.umax > BigInt(MAX_PACKET) || pointer.index.umax + BigInt(pointer.off) > BigInt(MAX_PACKET)) return;
  const reach = pointer.off + (below ? 1 : 0);
  mapValues(state, (value) =>
    value.kind === "pointer" &&
    value.to === pointer.to &&
    value.id === pointer.id &&
    value.size >= 0 &&
    value.size < reach
      ? changed(value, { size: reach })
      : value,
  );
}

/** For `packet OP end`: on which side the packet is known to reach, and whether it is strictly below the end there. */
interface PacketRule {
  readonly onTaken: boolean;
  readonly below: boolean;
}

const PACKET_RULES: { readonly [code: number]: PacketRule } = {
  [Jmp.JGT]: { onTaken: false, below: false },
  [Jmp.JLT]: { onTaken: true, below: true },
  [Jmp.JGE]: { onTaken: false, below: true },
  [Jmp.JLE]: { onTaken: true, below: false },
};
/** Which way a comparison with the end goes where an earlier one has told; undefined where it has not. */
function knownBeyond({ to, size }: Pointer, { onTaken, below }: PacketRule): boolean | undefined {
  if (to !== "packet" || size >= 0) return undefined;
  // At the end: it is not below it, but that it is at most there is open to what was asked.
  if (size === AT_END && !below) return undefined;
  return !onTaken;
}

/** The same comparison with its sides exchanged. */
const EXCHANGED: { readonly [code: number]: number } = {
  [Jmp.JGT]: Jmp.JLT,
  [Jmp.JLT]: Jmp.JGT,
  [Jmp.JGE]: Jmp.JLE,
  [Jmp.JLE]: Jmp.JGE,
};

function comparePacket(code: number, left: Value, right: Value): { pointer: Pointer; code: number } | undefined {
  if (isPacket(left) && isEnd(right, left)) return { pointer: left, code };
  const other = EXCHANGED[code];
  if (other !== undefined && isPacket(right) && isEnd(left, right)) return { pointer: right, code: other };
  return undefined;
}

/** The state is used up: it becomes one of the ways. */
export function branch(checker: Checker, state: State, i: Instruction): Ways {
  const regs = topFrame(state).regs;
  const code = i.op & 0xf0;
  const width: 32 | 64 = (i.op & 7) === 6 ? 32 : 64;
  const byRegister = (i.op & 8) !== 0;
  const left = regs[i.dst] as Value;
  const right: Value = byRegister ? (regs[i.src] as Value) : checker.immediate(state.pc, i);
  if (left.kind === "uninit")
    refuse("uninitialised", `r${i.dst} is compared, but was never written`, [i.dst], `set r${i.dst} first`);
  if (right.kind === "uninit")
    refuse("uninitialised", `r${i.src} is compared, but was never written`, [i.src], `set r${i.src} first`);
  if (left.kind === "scalar" && right.kind === "scalar")
    return compareScalars(checker, state, i, left, right, width, byRegister);
  if (
    code !== Jmp.JEQ &&
    code !== Jmp.JNE &&
    (left.kind === "scalar" || isKernelWord(left)) &&
    (right.kind === "scalar" || isKernelWord(right))
  ) {
    // Whoever asks which is greater has a number.
    const a = left.kind === "scalar" ? left : asNumber(checker, state, left as Pointer);
    const b = right.kind === "scalar" ? right : right === left ? a : asNumber(checker, state, right as Pointer);
    if (a !== left) regs[i.dst] = a;
    if (byRegister && b !== right) regs[i.src] = b;
    return compareScalars(checker, state, i, a, b, width, byRegister);
  }
  const pointer = left.kind === "pointer" ? left : (right as Pointer);
  const other = left.kind === "pointer" ? right : left;
  const equality = code === Jmp.JEQ || code === Jmp.JNE;
  if (width === 64 && equality && other.kind === "scalar" && isZero(other)) {
    if (pointer.nullable && pointer.off === 0) {
      const taken = copyState(state);
      settleNull(taken, pointer.id, code === Jmp.JEQ);
      settleNull(state, pointer.id, code === Jmp.JNE);
      return { taken, fallen: state };
    }
    if (NEVER_NULL.has(pointer.to) && !pointer.nullable) {
      return code === Jmp.JEQ ? { taken: undefined, fallen: state } : { taken: state, fallen: undefined };
    }
  }
  const packet = width === 64 ? comparePacket(code, left, right) : undefined;
  const rule = packet === undefined ? undefined : PACKET_RULES[packet.code];
  if (packet !== undefined && rule !== undefined) {
    const goes = knownBeyond(packet.pointer, rule);
    if (goes !== undefined) {
      checker.decides(state.pc);
      return goes ? { taken: state, fallen: undefined } : { taken: undefined, fallen: state };
    }
  }
  const taken = copyState(state);
  if (packet !== undefined && rule !== undefined) {
    extendPacket(rule.onTaken ? taken : state, packet.pointer, rule.below);
    const other = topFrame(rule.onTaken ? state : taken).regs;
    const register = left === packet.pointer ? i.dst : i.src;
    // Where it is not below the end it is at least there; where it is not at most there, it is behind.
    if (packet.pointer.to === "packet")
      other[register] = changed(packet.pointer, { size: rule.below ? AT_END : BEYOND_END });
  }
  return { taken, fallen: state };
}

function compareScalars(
  checker: Checker,
  state: State,
  i: Instruction,
  left: Scalar,
  right: Scalar,
  width: 32 | 64,
  byRegister: boolean,
): Ways {
  const code = i.op & 0xf0;
  const known = decided(code, left, right, width);
  if (known !== undefined) {
    checker.decides(state.pc);
    return known ? { taken: state, fallen: undefined } : { taken: undefined, fallen: state };
  }
  if (byRegister && i.dst === i.src) {
    // Nothing is learnt, but an order of a number with itself is known.
    return { taken: copyState(state), fallen: state };
  }
  const whenTaken = refine(code, left, right, width, true);
  const whenFallen = refine(code, left, right, width, false);
  const learn = (to: State, what: { left: Scalar; right: Scalar }): State => {
    if (what.left !== left) spread(checker, to, i.dst, what.left);
    if (byRegister && what.right !== right && !isConstant(right)) spread(checker, to, i.src, what.right);
    return to;
  };
  if (whenTaken === undefined && whenFallen === undefined) return { taken: copyState(state), fallen: state };
  if (whenTaken === undefined || whenFallen === undefined) checker.decides(state.pc);
  const taken =
    whenTaken === undefined ? undefined : learn(whenFallen === undefined ? state : copyState(state), whenTaken);
  return { taken, fallen: whenFallen === undefined ? undefined : learn(state, whenFallen) };
}
