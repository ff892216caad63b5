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
  for (const step of steps(code, machine)) {
    if (step.kind === "unreadable") return { returns, tailJumps, unreadable: step.at };
    if (step.kind === "return") returns.push(step.at);
    if (step.kind === "jump" && (step.target < 0 || step.target >= code.length)) tailJumps++;
  }
  return { returns, tailJumps };
}

/** So many instructions may stand before the branch of a stack check. */
const CHECK_WITHIN = 8;

/**
 * Bytes from the entry of a Go function to the first instruction behind its check for enough stack; 0 where it has
 * none. With too little stack the function calls the runtime and then starts again from its entry, so that a probe at
 * the entry would see one call twice. Arguments and the stack pointer are still as at the entry.
 *
 *         cmp  0x10(%r14), %rsp         entry:
 *         jbe  more
 *         …                             the probe's place
 *     more:
 *         mov  %rax, 0x8(%rsp)          spills
 *         call runtime.morestack_noctxt
 *         mov  0x8(%rsp), %rax
 *         jmp  entry
 */
export function goStackCheck(code: Uint8Array, machine: RegisterMachine): number {
  let seen = 0;
  let behind = 0;
  for (const step of steps(code, machine)) {
    if (++seen > CHECK_WITHIN || (step.kind !== "plain" && step.kind !== "below")) return behind;
    if (step.kind === "below" && step.target > step.at && startsAgain(code, step.target, machine))
      behind = step.at + step.length;
  }
  return behind;
}

/** Does the code from `at` call something once and then jump back to the entry? */
function startsAgain(code: Uint8Array, at: number, machine: RegisterMachine): boolean {
  let calls = 0;
  for (const step of steps(code, machine, at)) {
    if (step.kind === "call") calls++;
    else if (step.kind === "jump") return step.target === 0 && calls === 1;
    else if (step.kind !== "plain" || calls > 1) return false;
  }
  return false;
}

type Step =
  | { readonly kind: "plain" | "return" | "call" | "unreadable"; readonly at: number; readonly length: number }
  /** A jump, and one taken where an unsigned comparison says below or equal; targets as bytes from the entry. */
  | { readonly kind: "jump" | "below"; readonly at: number; readonly length: number; readonly target: number };

function steps(code: Uint8Array, machine: RegisterMachine, from = 0): Generator<Step> {
  return machine === "x86_64" ? x86Steps(code, from) : armSteps(code, from);
}

function* x86Steps(code: Uint8Array, from: number): Generator<Step> {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = from; at < code.length; ) {
    const length = x86Length(code, at);
    if (length === 0) {
      yield { kind: "unreadable", at, length };
      return;
    }
    const next = at + length;
    // `rep ret` and `bnd jmp` are what they are without their prefix.
    const first = code[at] === 0xf2 || code[at] === 0xf3 ? at + 1 : at;
    const opcode = code[first] as number;
    const second = code[first + 1] ?? 0;
    if (opcode === 0xc3 || opcode === 0xc2) yield { kind: "return", at, length };
    else if (opcode === 0xe8 || (opcode === 0xff && (second & 0x38) === 0x10)) yield { kind: "call", at, length };
    else if (opcode === 0xe9) yield { kind: "jump", at, length, target: next + view.getInt32(next - 4, true) };
    else if (opcode === 0xeb) yield { kind: "jump", at, length, target: next + view.getInt8(next - 1) };
    else if (opcode === 0x72 || opcode === 0x76)
      yield { kind: "below", at, length, target: next + view.getInt8(next - 1) };
    else if (opcode === 0x0f && (second === 0x82 || second === 0x86))
      yield { kind: "below", at, length, target: next + view.getInt32(next - 4, true) };
    else yield { kind: "plain", at, length };
    at = next;
  }
}

/** Arm's manual for the A-profile architecture, C4.1.65: branches. */
function* armSteps(code: Uint8Array, from: number): Generator<Step> {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const length = 4;
  for (let at = from; at + 4 <= code.length; at += 4) {
    const word = view.getUint32(at, true);
    // ret xN
    if ((word & 0xffff_fc1f) >>> 0 === 0xd65f_0000) yield { kind: "return", at, length };
    else if (word >>> 26 === 0b000101) yield { kind: "jump", at, length, target: at + ((word << 6) >> 4) };
    else if (word >>> 26 === 0b100101 || (word & 0xffff_fc1f) >>> 0 === 0xd63f_0000) yield { kind: "call", at, length };
    // b.lo, b.ls
    else if ((word & 0xff00_001f) >>> 0 === 0x5400_0003 || (word & 0xff00_001f) >>> 0 === 0x5400_0009)
      yield { kind: "below", at, length, target: at + (((word << 8) >> 13) << 2) };
    else yield { kind: "plain", at, length };
  }
}
