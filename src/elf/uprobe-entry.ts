// What a uprobe at a function's entry will cost. The kernel emulates a few instructions in the trap itself; any other it
// must single-step out of line, which takes a second trap and some twenty times as long. An `endbr64` at the entry is
// stepped although it does nothing there, so a probe may stand behind it when what follows is emulated.
//
// Source: arch/x86/kernel/uprobes.c, branch_setup_xol_ops and push_setup_xol_ops.

export type EntryKind =
  /** `nop` in any length, or a jump to the next instruction. */
  | "nop"
  /** `push` of a general register. */
  | "push"
  /** Relative `jmp`, conditional jump or `call`. */
  | "branch"
  /** Anything else: single-stepped. */
  | "stepped";

export interface UprobeEntry {
  /** Bytes that the probe may move on from the entry without missing a call or seeing other arguments: 0 or 4. */
  readonly skip: number;
  /** What stands there. */
  readonly kind: EntryKind;
  readonly emulated: boolean;
}

/** Judges the first bytes of an x86-64 function; 16 are enough. */
export function uprobeEntry(bytes: Uint8Array): UprobeEntry {
  const endbr = bytes[0] === 0xf3 && bytes[1] === 0x0f && bytes[2] === 0x1e && bytes[3] === 0xfa;
  if (endbr) {
    const kind = entryKind(bytes.subarray(4));
    if (kind !== "stepped") return { skip: 4, kind, emulated: true };
    return { skip: 0, kind: "stepped", emulated: false };
  }
  const kind = entryKind(bytes);
  return { skip: 0, kind, emulated: kind !== "stepped" };
}

function entryKind(bytes: Uint8Array): EntryKind {
  const first = bytes[0];
  if (first === undefined) return "stepped";
  // push rax…rdi; with REX.B alone, push r8…r15
  if ((first & 0xf8) === 0x50) return "push";
  if (first === 0x41 && bytes[1] !== undefined && (bytes[1] & 0xf8) === 0x50) return "push";
  // Operand-size prefixes only lengthen a nop; a jump with one is refused by the kernel.
  let at = 0;
  while (bytes[at] === 0x66) at++;
  const opcode = bytes[at];
  const second = bytes[at + 1];
  // The long form, 0f 1f /0, is emulated since Linux 6.18; before, a probe on it costs what one on `endbr64` does.
  if (opcode === 0x90 || (opcode === 0x0f && second === 0x1f)) return "nop";
  if (at === 0) {
    if (opcode === 0xeb || opcode === 0xe9 || opcode === 0xe8) return "branch";
    if (opcode !== undefined && (opcode & 0xf0) === 0x70) return "branch";
    if (opcode === 0x0f && second !== undefined && (second & 0xf0) === 0x80) return "branch";
  }
  return "stepped";
}

/**
 * True for the five-byte `nop` (0f 1f 44 00 00) that Linux 6.18 turns into a call to a trampoline, cheaper than a trap.
 */
export function isOptimizableNop(bytes: Uint8Array): boolean {
  return bytes[0] === 0x0f && bytes[1] === 0x1f && bytes[2] === 0x44 && bytes[3] === 0 && bytes[4] === 0;
}
