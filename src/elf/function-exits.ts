// Where a function is left, and where it begins its work: for probes at returns that must not touch the return address,
// as Go's movable stacks demand, and for entry probes that a function restarted by the runtime must not run twice.

import type { RegisterMachine } from "./registers.ts";
import { x86Length } from "./x86-length.ts";

export interface FunctionExits {
  /** Bytes from the function's entry to each of its return instructions, ascending. */
  readonly returns: readonly number[];
  /** Direct jumps out of the function: each ends it without a return of its own. */
  readonly tailJumps: number;
  /** Where the code could not be read any further, in bytes from the entry; nothing is known of what follows. */
  readonly unreadable?: number;
}

/** Steps through a function's code, from its entry to its end. */
export function functionExits(code: Uint8Array, machine: RegisterMachine): FunctionExits {
  const returns: number[] = [];
  let tailJumps = 0;
  let unreadable: number | undefined;
  walk(code, machine, 0, (kind, at, _next, target) => {
    if (kind === "return") returns.push(at);
    else if (kind === "jump" && (target < 0 || target >= code.length)) tailJumps++;
    else if (kind === "unreadable") unreadable = at;
    return true;
  });
  return { returns, tailJumps, ...(unreadable === undefined ? {} : { unreadable }) };
}

export interface StackCheck {
  /** Bytes from the entry to the first instruction behind the check. */
  readonly behind: number;
  /** Bytes from the entry to the branch of the check (the last one of two), which is taken where the stack is too small. */
  readonly branch: number;
  /** On x86-64: the branch is taken when one of these bits of the flags register is set (carry 1, zero 0x40). */
  readonly flags?: number;
}

/** So many instructions may stand before the branch of a stack check. */
const CHECK_WITHIN = 8;

/**
 * The check for enough stack at the entry of a Go function; undefined where it has none. With too little stack the
 * function calls the runtime and then starts again from its entry, so that a probe at the entry would see one call
 * twice. Arguments and the stack pointer are still as at the entry.
 *
 *         cmp  0x10(%r14), %rsp         entry:
 *         jbe  more
 *         …
 *     more:
 *         mov  %rax, 0x8(%rsp)          spills
 *         call runtime.morestack_noctxt
 *         mov  0x8(%rsp), %rax
 *         jmp  entry
 */
export function goStackCheck(code: Uint8Array, machine: RegisterMachine): StackCheck | undefined {
  let seen = 0;
  let found: StackCheck | undefined;
  walk(code, machine, 0, (kind, at, behind, target, flags) => {
    if (++seen > CHECK_WITHIN || (kind !== "plain" && kind !== "below")) return false;
    if (kind === "below" && target > at && startsAgain(code, target, machine))
      found = { branch: at, behind, ...(machine === "x86_64" ? { flags } : {}) };
    return true;
  });
  return found;
}

/** Does the code from `from` call something once and then jump back to the entry? */
function startsAgain(code: Uint8Array, from: number, machine: RegisterMachine): boolean {
  let calls = 0;
  let again = false;
  walk(code, machine, from, (kind, _at, _next, target) => {
    if (kind === "call") return ++calls === 1;
    again = kind === "jump" && target === 0 && calls === 1;
    return kind === "plain";
  });
  return again;
}

/** `below`: a jump where an unsigned comparison says below, or below or equal. */
type Kind = "plain" | "return" | "call" | "jump" | "below" | "unreadable";

/**
 * Is told of each instruction: where it is, where the next one is, where a jump leads (all in bytes from the entry), and
 * which flags make x86 take it; answers whether to go on. Called very often: no object is made for it.
 */
type Visit = (kind: Kind, at: number, next: number, target: number, flags: number) => boolean;

function walk(code: Uint8Array, machine: RegisterMachine, from: number, visit: Visit): void {
  if (machine === "x86_64") walkX86(code, from, visit);
  else walkArm(code, from, visit);
}

/** Of x86's flags register. */
const CARRY = 1;
const ZERO = 0x40;

function walkX86(code: Uint8Array, from: number, visit: Visit): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const told = (at: number, next: number): boolean => {
    // `rep ret` and `bnd jmp` are what they are without their prefix.
    const first = code[at] === 0xf2 || code[at] === 0xf3 ? at + 1 : at;
    const second = code[first + 1] ?? 0;
    switch (code[first]) {
      case 0xc2:
      case 0xc3:
        return visit("return", at, next, 0, 0);
      case 0xe8:
        return visit("call", at, next, 0, 0);
      case 0xff:
        return visit((second & 0x38) === 0x10 ? "call" : "plain", at, next, 0, 0);
      case 0xe9:
        return visit("jump", at, next, next + view.getInt32(next - 4, true), 0);
      case 0xeb:
        return visit("jump", at, next, next + view.getInt8(next - 1), 0);
      case 0x72:
        return visit("below", at, next, next + view.getInt8(next - 1), CARRY);
      case 0x76:
        return visit("below", at, next, next + view.getInt8(next - 1), CARRY | ZERO);
      case 0x0f:
        if (second !== 0x82 && second !== 0x86) break;
        return visit("below", at, next, next + view.getInt32(next - 4, true), second === 0x82 ? CARRY : CARRY | ZERO);
    }
    return visit("plain", at, next, 0, 0);
  };
  for (let at = from; at < code.length; ) {
    const length = x86Length(code, at);
    if (length === 0) {
      visit("unreadable", at, at, 0, 0);
      return;
    }
    if (!told(at, at + length)) return;
    at += length;
  }
}

/** Arm's manual for the A-profile architecture, C4.1.65: branches. */
function walkArm(code: Uint8Array, from: number, visit: Visit): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = from; at + 4 <= code.length; at += 4) {
    const word = view.getUint32(at, true);
    const byRegister = (word & 0xffff_fc1f) >>> 0;
    const conditional = (word & 0xff00_001f) >>> 0;
    let kind: Kind = "plain";
    let target = 0;
    if (byRegister === 0xd65f_0000) kind = "return";
    else if (word >>> 26 === 0b100101 || byRegister === 0xd63f_0000) kind = "call";
    else if (word >>> 26 === 0b000101) {
      kind = "jump";
      target = at + ((word << 6) >> 4);
    } else if (conditional === 0x5400_0003 || conditional === 0x5400_0009) {
      // b.lo, b.ls
      kind = "below";
      target = at + (((word << 8) >> 13) << 2);
    }
    if (!visit(kind, at, at + 4, target, 0)) return;
  }
}
