// One instruction on one state: what it needs, and what is known after it.

import { Atomic, type Instruction, Opcode, slotsOf } from "../isa/index.ts";
import { type MachineReference, PROGRAM_TYPES } from "../object/index.ts";
import type { Access } from "./access.ts";
import { stepArithmetic } from "./arithmetic.ts";
import type { Push } from "./callbacks.ts";
import type { Checker } from "./checker.ts";
import { KERNEL_WORD } from "./contexts.ts";
import { stepJump } from "./control.ts";
import { atomicAccess, load, requirePointer, store } from "./memory.ts";
import { clobber, requireNoRegion } from "./references.ts";
import { refuse } from "./refusal.ts";
import { isNeeded, linked, read, write } from "./registers.ts";
import { constant, isZero, signExtended, UNKNOWN } from "./scalar.ts";
import { type State, topFrame } from "./state.ts";
import { changed, isSocketTarget, pointer, title } from "./value.ts";

const sizes: readonly number[] = [4, 2, 1, 8];
const sizeOf = (op: number): number => sizes[(op >> 3) & 3] as number;

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
      const kept = isNeeded(checker, slot, i.dst);
      const access: Access = { register: i.src, pointer: base, off: i.off, size, write: false, kept };
      const value = load(checker, state, access);
      // Copies of a word of the kernel's are one number, whatever it turns out to be.
      if (value === KERNEL_WORD && kept) write(state, i.dst, changed(KERNEL_WORD, { id: checker.newId() }));
      else if ((i.op & 0xe0) !== 0x80) write(state, i.dst, value);
      else if (value.kind === "scalar" && kept) {
        write(state, i.dst, signExtended(value, size, 64));
      } else write(state, i.dst, UNKNOWN);
      break;
    }
    case 2: {
      const base = requirePointer(read(state, i.dst), i.dst, "This writes through");
      store(
        checker,
        state,
        { register: i.dst, pointer: base, off: i.off, size: sizeOf(i.op), write: true },
        checker.immediate(slot, i),
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
  state.pc = slot + slotsOf(i.op);
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
  if (PROGRAM_TYPES[checker.program.type].packetLoads !== true) {
    refuse("helper", `A program of type ${checker.program.type} has no packet loads`, []);
  }
  const context = requirePointer(read(state, 6), 6, "A packet load needs the context in");
  if (context.to !== "context" || context.off !== 0 || !isZero(context.index)) {
    refuse("context", `A packet load needs the context in r6, which is ${title(context)}`, [6]);
  }
  if (state.refs.length > 0)
    refuse("reference", "A packet load may end the program before what was taken is given back", []);
  if (state.locked !== 0) refuse("reference", "A packet load may end the program while a lock is held", []);
  requireNoRegion(state, "A packet load may end the program");
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
  if (base.to === "context" || base.to === "packet" || base.to === "packet-meta" || isSocketTarget(base.to)) {
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
