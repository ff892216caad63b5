// One instruction on one state: what it needs, and what is known after it.

import { Alu, Atomic, type Instruction, jumpDistance, Opcode } from "../isa/index.ts";
import type { MachineReference } from "../object/index.ts";
import { branch } from "./branch.ts";
import { callHelper, callKernelFunction, clobber, MAX_FRAMES, type Push } from "./calls.ts";
import type { Checker } from "./checker.ts";
import { hasPacketLoads, KERNEL_WORD, resultRange } from "./contexts.ts";
import { type Access, atomicAccess, load, requirePointer, store } from "./memory.ts";
import { pointerArithmetic } from "./pointer-arithmetic.ts";
import { refuse } from "./refusal.ts";
import {
  constant,
  describe,
  isConstant,
  isZero,
  type Scalar,
  signExtended,
  UNKNOWN,
  withDrift,
  withLink,
  zeroExtended,
} from "./scalar.ts";
import { binary, negated, swapped } from "./scalar-alu.ts";
import { copyState, newFrame, type State, topFrame } from "./state.ts";
import { pointer, title, type Value } from "./value.ts";

type Known = Exclude<Value, { kind: "uninit" }>;

const sizes: readonly number[] = [4, 2, 1, 8];
const sizeOf = (op: number): number => sizes[(op >> 3) & 3] as number;

function read(state: State, register: number): Known {
  const value = topFrame(state).regs[register] as Value;
  if (value.kind === "uninit") {
    refuse("uninitialised", `r${register} is used, but was never written`, [register], `set r${register} first`);
  }
  return value;
}

function write(state: State, register: number, value: Value): void {
  if (register === 10) refuse("arithmetic", "The frame pointer r10 cannot be written", []);
  topFrame(state).regs[register] = value;
}

/** Gives a number an id before it is copied, so that what is learnt of the one is known of the other. */
function linked(checker: Checker, state: State, register: number): Known {
  const value = read(state, register);
  if (value.kind !== "scalar" || value.id !== 0 || isConstant(value) || register === 10) return value;
  const marked = withLink(value, checker.newId(), 0n);
  topFrame(state).regs[register] = marked;
  return marked;
}

/** Takes the state one instruction on; false: this path has ended. Other paths are pushed. */
export function step(checker: Checker, state: State, push: Push): boolean {
  const slot = state.pc;
  const i = checker.graph.code[slot] as Instruction;
  switch (i.op & 7) {
    case 0:
      stepWide(checker, state, i, checker.graph.references[slot]);
      break;
    case 1: {
      const base = requirePointer(read(state, i.src), i.src, "This reads through");
      const size = sizeOf(i.op);
      const access: Access = { register: i.src, pointer: base, off: i.off, size, write: false };
      const value = load(checker, state, access);
      if ((i.op & 0xe0) !== 0x80) write(state, i.dst, value);
      else write(state, i.dst, value.kind === "scalar" ? signExtended(value, size, 64) : UNKNOWN);
      break;
    }
    case 2: {
      const base = requirePointer(read(state, i.dst), i.dst, "This writes through");
      store(
        checker,
        state,
        { register: i.dst, pointer: base, off: i.off, size: sizeOf(i.op), write: true },
        constant(BigInt(i.imm)),
      );
      break;
    }
    case 3:
      stepStore(checker, state, i);
      break;
    case 4:
    case 7:
      stepArithmetic(checker, state, i);
      break;
    default:
      return stepJump(checker, state, i, push);
  }
  state.from = slot;
  state.pc = slot + (i.op === Opcode.LDDW ? 2 : 1);
  return true;
}

function stepWide(checker: Checker, state: State, i: Instruction, ref: MachineReference | undefined): void {
  if (i.op !== Opcode.LDDW) {
    packetLoad(checker, state, i);
    return;
  }
  if (ref?.kind === "map" || ref?.kind === "map-value") {
    const map = checker.map(ref.map);
    const off = ref.kind === "map-value" ? ref.offset : 0;
    write(state, i.dst, pointer(ref.kind, { map, off }));
    return;
  }
  if (ref !== undefined) {
    write(state, i.dst, UNKNOWN);
    return;
  }
  switch (i.src) {
    case 0:
      write(state, i.dst, constant(i.imm64 ?? BigInt(i.imm)));
      return;
    case 3:
      write(state, i.dst, KERNEL_WORD);
      return;
    case 4:
      write(state, i.dst, pointer("function", { frame: state.pc + i.imm + 1 }));
      return;
    default:
      refuse("unsupported", "A map is named by a number that only a kernel knows", []);
  }
}

/** Classic loads: the context is in r6, and a load outside of the packet ends the program. */
function packetLoad(checker: Checker, state: State, i: Instruction): void {
  if (!hasPacketLoads(checker.program.type)) {
    refuse("helper", `A program of type ${checker.program.type} has no packet loads`, []);
  }
  const context = requirePointer(read(state, 6), 6, "A packet load needs the context in");
  if (context.to !== "context" || context.off !== 0 || !isZero(context.index)) {
    refuse("context", `A packet load needs the context in r6, which is ${title(context)}`, [6]);
  }
  if (state.refs.length > 0)
    refuse("reference", "A packet load may end the program before what was taken is given back", []);
  if (state.locked) refuse("reference", "A packet load may end the program while a lock is held", []);
  if ((i.op & 0xe0) === 0x40) read(state, i.src);
  const frame = topFrame(state);
  clobber(frame);
  frame.regs[0] = UNKNOWN;
}

function stepStore(checker: Checker, state: State, i: Instruction): void {
  const size = sizeOf(i.op);
  const isLoad = (i.op & 0xe0) === 0xc0 && i.imm === Atomic.LOAD_ACQ;
  const register = isLoad ? i.src : i.dst;
  const base = requirePointer(read(state, register), register, isLoad ? "This reads through" : "This writes through");
  const access: Access = { register, pointer: base, off: i.off, size, write: !isLoad };
  if ((i.op & 0xe0) !== 0xc0) {
    const value = base.to === "stack" && size === 8 ? linked(checker, state, i.src) : read(state, i.src);
    if (base.to === "stack" && value.kind === "pointer" && value.to === "stack" && value.frame > base.frame) {
      refuse(
        "pointer",
        "The address of a called function's stack is stored in its caller's, where it would outlive it",
        [i.src],
      );
    }
    store(checker, state, access, value);
    return;
  }
  if (base.to === "context" || base.to === "packet" || base.to === "packet-meta" || base.to === "socket") {
    refuse("pointer", `An atomic operation is not possible on ${title(base)}`, [register]);
  }
  if (i.imm === Atomic.LOAD_ACQ) {
    write(state, i.dst, load(checker, state, access));
    return;
  }
  const value = read(state, i.src);
  if (i.imm === Atomic.STORE_REL) {
    store(checker, state, access, value);
    return;
  }
  if (value.kind === "pointer") refuse("pointer", "An atomic operation with a pointer as its operand", [i.src]);
  if (i.imm === Atomic.CMPXCHG) {
    const expected = read(state, 0);
    if (expected.kind === "pointer") refuse("pointer", "An exchange compares with r0, which is a pointer", [0]);
  }
  const before = atomicAccess(checker, state, access);
  if (i.imm === Atomic.CMPXCHG) write(state, 0, before);
  else if ((i.imm & Atomic.FETCH) !== 0) write(state, i.src, before);
}

function stepArithmetic(checker: Checker, state: State, i: Instruction): void {
  const width: 32 | 64 = (i.op & 7) === 4 ? 32 : 64;
  const code = i.op & 0xf0;
  const byRegister = (i.op & 8) !== 0;
  if (code === Alu.END) {
    const value = read(state, i.dst);
    const swaps = width === 64 || byRegister;
    write(state, i.dst, value.kind === "scalar" ? swapped(value, i.imm, swaps) : UNKNOWN);
    return;
  }
  if (code === Alu.NEG) {
    const value = read(state, i.dst);
    write(state, i.dst, value.kind === "scalar" ? negated(value, width) : UNKNOWN);
    return;
  }
  if (code === Alu.MOV) {
    move(checker, state, i, width, byRegister);
    return;
  }
  const left = read(state, i.dst);
  const right: Known = byRegister ? read(state, i.src) : constant(BigInt(i.imm));
  const signed = i.off === 1;
  if (code === Alu.DIV || code === Alu.MOD) checkDivisor(checker, i, right, width, byRegister);
  const shifts = code === Alu.LSH || code === Alu.RSH || code === Alu.ARSH;
  if (shifts && !byRegister && (i.imm < 0 || i.imm >= width)) {
    refuse("arithmetic", `A shift by ${i.imm} of ${width} bits`, []);
  }
  if (left.kind === "pointer" || right.kind === "pointer") {
    write(state, i.dst, pointerArithmetic(checker, code, width, left, right, i.dst, byRegister ? i.src : -1));
    return;
  }
  const result = binary(code, left, right, { width, signed, asKernel: !checker.strict });
  // A known distance to the registers that it is linked with.
  const keeps = width === 64 && (code === Alu.ADD || code === Alu.SUB) && left.id !== 0 && isConstant(right);
  write(
    state,
    i.dst,
    keeps && !isConstant(result)
      ? withLink(result, left.id, left.plus + (code === Alu.ADD ? right.smin : -right.smin))
      : unlinked(result),
  );
}

const unlinked = (s: Scalar): Scalar => (s.id === 0 ? s : withLink(s, 0, 0n));

function checkDivisor(checker: Checker, i: Instruction, right: Known, width: 32 | 64, byRegister: boolean): void {
  if (!byRegister) {
    if (i.imm === 0) refuse("division", "A division by zero", []);
    return;
  }
  if (!checker.strict || right.kind !== "scalar") return;
  const maybeZero = width === 64 ? right.umin === 0n : right.u32min === 0;
  if (maybeZero) {
    refuse(
      "division",
      `The divisor in r${i.src} may be 0 (${describe(right)})`,
      [i.src],
      `check that r${i.src} is not 0 first`,
    );
  }
}

function move(checker: Checker, state: State, i: Instruction, width: 32 | 64, byRegister: boolean): void {
  if (!byRegister) {
    write(state, i.dst, constant(width === 64 ? BigInt(i.imm) : BigInt(i.imm >>> 0)));
    return;
  }
  if (i.off === 1) refuse("unsupported", "Casts between address spaces are not supported", []);
  if (i.off !== 0) {
    const value = read(state, i.src);
    write(state, i.dst, value.kind === "scalar" ? unlinked(signExtended(value, i.off / 8, width)) : UNKNOWN);
    return;
  }
  const value = linked(checker, state, i.src);
  if (width === 64) write(state, i.dst, value);
  else write(state, i.dst, value.kind === "scalar" ? zeroExtended(value) : zeroExtended(UNKNOWN));
}

function stepJump(checker: Checker, state: State, i: Instruction, push: Push): boolean {
  const slot = state.pc;
  switch (i.op) {
    case Opcode.JA:
    case Opcode.GOTOL:
      state.pc = slot + 1 + (jumpDistance(i) ?? 0);
      state.from = slot;
      return true;
    case Opcode.EXIT:
      return leave(checker, state);
    case Opcode.CALL:
      return call(checker, state, i, push);
    case Opcode.CALLX:
      return refuse("unsupported", "A call through a register is not supported by Linux", [i.dst]);
    case Opcode.MAY_GOTO: {
      const out = copyState(state);
      out.from = slot;
      out.pc = slot + 1 + i.off;
      out.trail = { parent: state.trail, slot, taken: true, to: out.pc, forced: false };
      push(out);
      state.turns = nextTurn(state.turns);
      state.from = slot;
      state.pc = slot + 1;
      state.trail = { parent: state.trail, slot, taken: false, to: slot + 1, forced: false };
      return true;
    }
  }
  const { trail } = state;
  const { taken, fallen } = branch(state, i);
  const forced = taken === undefined || fallen === undefined;
  if (taken !== undefined) {
    taken.from = slot;
    taken.pc = slot + 1 + i.off;
    taken.trail = { parent: trail, slot, taken: true, to: taken.pc, forced };
  }
  if (fallen !== undefined) {
    fallen.from = slot;
    fallen.pc = slot + 1;
    fallen.trail = { parent: trail, slot, taken: false, to: fallen.pc, forced };
  }
  // The state itself goes on on one side.
  if (fallen === state) {
    if (taken !== undefined) push(taken);
    return true;
  }
  return true;
}

/** One more turn that the machine itself counts. It cannot overflow: the machine ends it long before. */
export function nextTurn(turns: Scalar): Scalar {
  if (turns.drift === undefined) return constant(turns.umin + 1n);
  return withDrift(
    turns,
    turns.drift.map(({ head, loc, delta }) => ({ head, loc, delta: delta + 1n })),
  );
}

function call(checker: Checker, state: State, i: Instruction, push: Push): boolean {
  const slot = state.pc;
  if (i.src === 1) {
    if (state.frames.length >= MAX_FRAMES) refuse("stack", `More than ${MAX_FRAMES} calls are open at once`, []);
    const caller = topFrame(state);
    const frame = newFrame(slot, undefined);
    for (let r = 1; r <= 5; r++) frame.regs[r] = caller.regs[r] as Value;
    clobber(caller);
    frame.regs[10] = pointer("stack", { frame: state.frames.length });
    state.frames.push(frame);
    state.from = -1;
    state.pc = slot + i.imm + 1;
    return true;
  }
  if (i.src === 2) {
    const ref = checker.graph.references[slot];
    if (ref?.kind !== "kfunc")
      refuse("unsupported", "A kernel function is called by a number that only a kernel knows", []);
    callKernelFunction(checker, state, ref.name);
  } else {
    callHelper(checker, state, i.imm, (inside) => {
      inside.trail = { parent: state.trail, slot, taken: true, to: inside.pc, forced: false };
      push(inside);
    });
  }
  state.from = slot;
  state.pc = slot + 1;
  return true;
}

function leave(checker: Checker, state: State): boolean {
  const frame = topFrame(state);
  const result = frame.regs[0] as Value;
  const { callback } = frame;
  if (state.frames.length > 1 && callback === undefined) {
    if (result.kind === "pointer" && result.to === "stack") {
      refuse("pointer", "A function returns the address of a stack", [0]);
    }
    state.frames.pop();
    topFrame(state).regs[0] = result;
    state.from = frame.callSite;
    state.pc = frame.callSite + 1;
    return true;
  }
  if (result.kind === "uninit") {
    refuse("uninitialised", "r0, the result, was never written", [0], "set r0 before exit");
  }
  if (callback !== undefined) {
    if (result.kind !== "scalar" || result.smin < 0n || result.smax > callback.resultMax) {
      const range = callback.resultMax === 0n ? "0" : `0 to ${callback.resultMax}`;
      refuse(
        "result",
        `A callback must return ${range}, and this one returns ${result.kind === "scalar" ? describe(result) : title(result)}`,
        [0],
      );
    }
    if (state.refs.length !== callback.refs) {
      refuse("reference", "A callback must give back what it takes", [], "release it before exit");
    }
    if (callback.helper < 0) return false;
    state.frames.pop();
    state.turns = nextTurn(state.turns);
    state.from = -1;
    state.pc = callback.helper;
    return true;
  }
  const [lost] = state.refs;
  if (lost !== undefined) {
    refuse(
      "reference",
      `What was taken at slot ${lost.slot} is not given back on this path`,
      [],
      "submit, discard or release it before exit",
    );
  }
  if (state.locked) refuse("reference", "A spin lock is still held at the end", [], "give it back before exit");
  const range = resultRange(checker.program.type, checker.program.target?.kind);
  if (range !== undefined && (result.kind !== "scalar" || result.smin < range[0] || result.smax > range[1])) {
    refuse(
      "result",
      `A program of type ${checker.program.type} must return ${range[0]} to ${range[1]}, and this one returns ${result.kind === "scalar" ? describe(result) : title(result)}`,
      [0],
    );
  }
  return false;
}
