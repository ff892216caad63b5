// What the machine is asked, and what it answers.

import type { Span } from "../source/index.ts";
import type { PacketFields } from "./packet.ts";
import type { Effect, ForeignMemory, HelperFunction } from "./runtime.ts";
import type { Trap } from "./trap.ts";

/** What runs a program: the reference interpreter, the same as Wasm, compiled to Wasm; or whichever pays. */
export type Tier = "auto" | "interpreter" | "wasm-interpreter" | "jit";

export interface MachineOptions {
  /** CPUs with values of their own in per-CPU maps, 1 to 1024; 1 by default. */
  readonly cpus?: number;
  /** Instructions that one run may take before it is stopped; 1,000,000,000 by default, 2^53 - 1 at most. */
  readonly budget?: number;
  /** Bytes that maps and packets may take in all; 1 GiB by default, 3 GiB at most. */
  readonly memoryLimit?: number;
  /** Bytes for the packets of a batch; 1 MiB by default. */
  readonly batchBytes?: number;
  /**
   * Programs that the verifier accepts are compiled without checks, and only turns of loops are counted. "linux", the
   * default: it is asked when a program is to be compiled, for at most about a tenth of a second, and those that it does
   * not accept are checked. "strict": all programs are judged when they are loaded, by the strict profile, and one that
   * is refused is a DiagnosticError. False: everything is checked. Raw programs always are.
   */
  readonly verify?: "linux" | "strict" | false;
  /**
   * Programs that the caller vouches for are compiled without checks (Wasm still confines them to the machine's memory)
   * and without counting anything, and no verifier is asked.
   */
  readonly verified?: boolean | ((program: string) => boolean);
  readonly tier?: Tier;
  /** Helpers of one's own, or in place of the machine's, by number. */
  readonly helpers?: ReadonlyMap<number, HelperFunction>;
  /** Nanoseconds, for `ktime_get_*`; the time since the process started by default. */
  readonly clock?: () => bigint;
  /** 32 random bits. */
  readonly random?: () => number;
  /** What `probe_read` finds outside of the machine's memory; nothing by default. */
  readonly foreign?: ForeignMemory;
}

/** What one run gets. At most one of `context`, `packet` and `memory`. */
export interface RunInput extends PacketFields {
  /** The context: bytes, or 64-bit words as raw tracepoints have them. At most 65,536 bytes. */
  readonly context?: Uint8Array | readonly bigint[];
  /** A packet, from its link-layer header. */
  readonly packet?: Uint8Array;
  /** Memory that r1 points to, with its length in r2: programs of other machines. */
  readonly memory?: Uint8Array;
  /** Runs so often, one after another, on the same context and packet; what is answered is the last run's. */
  readonly repeat?: number;
  readonly tier?: Tier;
  readonly cpu?: number;
  readonly pid?: number;
  readonly tid?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly comm?: string;
  /** The address of the task: any number that stands for it. */
  readonly task?: bigint;
  readonly cookie?: bigint;
  readonly kernelStack?: readonly bigint[];
  readonly userStack?: readonly bigint[];
  /** Counts how often each slot was run, up to 255, in this array; the interpreter runs it then. */
  readonly coverage?: Uint8Array;
}

export interface RunResult {
  /** What the program returned, 0..2^32-1, as the kernel gives it; 0 after a trap. */
  readonly value: number;
  /** All of r0. */
  readonly r0: bigint;
  readonly trap?: Trap;
  /** Instructions run, where an interpreter counted them; compiled code counts only roughly, and verified code not. */
  readonly instructions: number;
  /** The packet afterwards. */
  readonly packet?: Uint8Array;
  /** What the program asked of the world. */
  readonly effects: readonly Effect[];
}

/** What one of the programs did that an event ran. */
export interface Fired extends RunResult {
  readonly program: string;
}

/** One stop of a program that is run step by step. */
export interface Step {
  /** The slot that comes next. */
  readonly slot: number;
  readonly span?: Span;
  /** r0 to r10. */
  readonly registers: readonly bigint[];
  readonly depth: number;
}

/** Packets that lie in the machine's memory, to be run over again and again. */
export interface Batch {
  readonly count: number;
  /** Of the table of addresses and lengths. */
  readonly table: number;
  readonly kind: "xdp" | "skb" | "memory";
}

export interface BatchResult {
  /** What each run returned, 64 bits; 0 for one that trapped. Good until the next batch. */
  readonly values: BigUint64Array;
  readonly traps: ReadonlyMap<number, Trap>;
}
