// What a row of a table for unwinding says: how to get from a frame to its caller's, in one word of 32 bits.

import { ByteReader } from "../source/index.ts";

/** How the canonical frame address (CFA) is had; the return address is 8 bytes below it. */
export const UnwindKind = {
  /** Nothing is known here. */
  NONE: 0,
  /** rsp + offset */
  STACK: 1,
  /** rbp + offset */
  FRAME: 2,
  /** rsp + offset, and 8 more from the byte `saved` of each 16 on: linkage tables (.plt) */
  LINKAGE: 3,
  /** what is at rsp + displacement, + addend */
  AT_STACK: 4,
  /** what is at rbp + displacement, + addend */
  AT_FRAME: 5,
  /** rsp points to the kernel's ucontext_t: all registers are in it */
  SIGNAL: 6,
  /** The outermost frame. */
  END: 7,
} as const;

/** Where the caller's rbp is. */
export const SavedFrame = {
  /** still in rbp */
  SAME: 0,
  /** `saved` words below the CFA */
  BELOW: 1,
  /** where rbp points to */
  AT_FRAME: 2,
} as const;

/**
 * Bits of a row's second word. All distances are in words of 8 bytes. `displacement` and `addend` share the place of
 * `offset`; a displacement is kept with DISPLACEMENT_ZERO added.
 */
export const UnwindBits = {
  kind: { shift: 0, bits: 3 },
  savedKind: { shift: 3, bits: 2 },
  saved: { shift: 5, bits: 12 },
  offset: { shift: 17, bits: 15 },
  displacement: { shift: 17, bits: 10 },
  addend: { shift: 27, bits: 5 },
} as const;

export const DISPLACEMENT_ZERO = 512;

/** In struct ucontext_t, from where rsp points to in a signal's frame (x86-64: sysdeps/unix/sysv/linux/x86_64/sigaction.c). */
export const SignalFrame = { rbp: 120, rsp: 160, rip: 168 } as const;

/** DWARF's numbers of registers (System V ABI for x86-64, figure 3.36). */
export const RBP = 6;
const RSP = 7;

/** What is followed of a frame. Registers other than rbp and the return address are not looked at. */
export interface State {
  /** The register that the CFA is counted from; -1: an expression says it, which `rule` stands for. */
  register: number;
  offset: number;
  rule: number;
  saved: number;
  /** Bytes from the CFA, where `saved` is BELOW. */
  savedOffset: number;
  /** 0: below the CFA, as a call leaves it; 1: there is no caller; 2: anything else. */
  returns: 0 | 1 | 2;
}

/** As a function begins, the return address on top of the stack. */
export const start = (): State => ({
  register: RSP,
  offset: 8,
  rule: UnwindKind.NONE,
  saved: SavedFrame.SAME,
  savedOffset: 0,
  returns: 0,
});

/** A row's second word. */
export function ruleOf(state: State, signal: boolean): number {
  if (state.returns === 1) return UnwindKind.END;
  const { register } = state;
  if (register < 0 && signal)
    return state.rule === deref(UnwindKind.AT_STACK, SignalFrame.rsp, 0) ? UnwindKind.SIGNAL : UnwindKind.NONE;
  if (state.returns !== 0) return UnwindKind.NONE;
  let rule: number;
  if (register < 0) rule = state.rule;
  else if (register === RSP || register === RBP) {
    const words = state.offset / 8;
    if (!fits(words, UnwindBits.offset.bits)) return UnwindKind.NONE;
    rule = (register === RSP ? UnwindKind.STACK : UnwindKind.FRAME) | (words << UnwindBits.offset.shift);
  } else return UnwindKind.NONE;
  if (rule === UnwindKind.NONE || (rule & 7) === UnwindKind.LINKAGE) return rule;
  if (state.saved === SavedFrame.BELOW) {
    const words = -state.savedOffset / 8;
    if (!fits(words, UnwindBits.saved.bits)) return UnwindKind.NONE;
    rule |= words << UnwindBits.saved.shift;
  }
  return rule | (state.saved << UnwindBits.savedKind.shift);
}

const fits = (words: number, bits: number): boolean => Number.isInteger(words) && words >= 0 && words < 2 ** bits;

function deref(kind: number, displacement: number, addend: number): number {
  const at = displacement / 8 + DISPLACEMENT_ZERO;
  if (!fits(at, UnwindBits.displacement.bits) || !fits(addend / 8, UnwindBits.addend.bits)) return UnwindKind.NONE;
  return kind | (at << UnwindBits.displacement.shift) | ((addend / 8) << UnwindBits.addend.shift);
}

/** DW_OP_* of linkage tables after their `DW_OP_breg7 n; DW_OP_breg16 0; DW_OP_lit15; DW_OP_and`: `>= litN` times 8, added. */
const LINKAGE_TAIL = [0x2a, 0x33, 0x24, 0x22];

/** The expressions for a CFA that linkers and compilers write; NONE for any other. */
export function expressionRule(bytes: Uint8Array, from: number, end: number): number {
  const cursor = new ByteReader(bytes, ".eh_frame", from, end);
  const op = cursor.u8();
  if (op !== 0x76 && op !== 0x77) return UnwindKind.NONE;
  const distance = cursor.sleb();
  const next = cursor.at < end ? cursor.u8() : -1;
  if (next === 0x06) {
    let addend = 0;
    if (cursor.at < end) {
      if (cursor.u8() !== 0x23) return UnwindKind.NONE;
      addend = cursor.uleb();
    }
    if (cursor.at !== end) return UnwindKind.NONE;
    return deref(op === 0x77 ? UnwindKind.AT_STACK : UnwindKind.AT_FRAME, distance, addend);
  }
  if (op === 0x77 && next === 0x80 && end - cursor.at === 8) {
    const [zero, lit15, and, limit, ...tail] = [...bytes.subarray(cursor.at, end)];
    if (zero !== 0 || lit15 !== 0x3f || and !== 0x1a || limit === undefined || limit < 0x30 || limit > 0x4f)
      return UnwindKind.NONE;
    if (tail.some((byte, i) => byte !== LINKAGE_TAIL[i]) || !fits(distance / 8, UnwindBits.offset.bits))
      return UnwindKind.NONE;
    return (
      UnwindKind.LINKAGE | ((limit - 0x30) << UnwindBits.saved.shift) | ((distance / 8) << UnwindBits.offset.shift)
    );
  }
  return UnwindKind.NONE;
}
