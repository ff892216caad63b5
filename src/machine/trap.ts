// What a program did that no program may do. A trap is data, never an exception that reaches the caller.

import type { Span } from "../source/index.ts";

/** Numbers are what compiled code writes into the state page (`State.TRAP_KIND`); 0 means none. */
export const TRAP_KINDS = [
  "none",
  /** A read outside of what the program may read. */
  "read",
  /** A write outside of what the program may write. */
  "write",
  /** More instructions than the run was given. */
  "budget",
  /** More than eight frames. */
  "call-depth",
  /** The end of a function without `exit`, an instruction that does not exist, a jump into nowhere. */
  "instruction",
  /** A helper that does not exist, or that was given what it cannot work on. */
  "helper",
  /** Anything else: a bug of this machine, reported rather than thrown. */
  "internal",
] as const;

export type TrapKind = Exclude<(typeof TRAP_KINDS)[number], "none">;

export interface Trap {
  readonly kind: TrapKind;
  /** Of the instruction at fault, counted over all functions of the program; -1 where compiled code cannot tell. */
  readonly slot: number;
  /** The place in the object's source that the instruction came from. */
  readonly span?: Span;
  readonly message: string;
}

/** Carries a trap out of nested calls to `run`, which makes data of it. */
export class TrapSignal {
  readonly kind: TrapKind;
  readonly message: string;
  slot: number;

  constructor(kind: TrapKind, message: string, slot = -1) {
    this.kind = kind;
    this.message = message;
    this.slot = slot;
  }
}

/** An address as people read it. */
export function hexAddress(low: number, high = 0): string {
  return high === 0
    ? `0x${(low >>> 0).toString(16)}`
    : `0x${(high >>> 0).toString(16)}${(low >>> 0).toString(16).padStart(8, "0")}`;
}

/** The message of a refused access. */
export function accessMessage(write: boolean, size: number, low: number, high: number): string {
  const bytes = size === 1 ? "1 byte" : `${size} bytes`;
  const where = high === 0 && low >>> 0 < 4096 ? ", which is a null pointer" : "";
  return `${write ? "a write" : "a read"} of ${bytes} at ${hexAddress(low, high)}${where} is outside of the memory that the program may use`;
}
