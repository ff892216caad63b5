// What a pass is.

import type { IrFunction } from "../ir.ts";
import type { Cpu } from "../select.ts";

export interface PassContext {
  readonly cpu: Cpu;
  /** Whether the kernel has atomic operations that answer the old value, and others than addition (Linux 5.12). */
  readonly atomicFetch: boolean;
  /** Whether the kernel has may_goto (Linux 6.9). */
  readonly mayGoto: boolean;
  /** Which numbers that a comparison bounds become values of their own (keep-bounds.ts). */
  readonly bounds: "all" | "addresses" | "none";
  /** Bytes of stack that this function may use. */
  readonly stack: number;
  /** The per-CPU array map for what the stack has no room for. */
  readonly scratchMap: string | undefined;
  /** Bytes of scratch given out so far, over all functions of the program. */
  scratchSize: number;
}

export interface Pass {
  readonly name: string;
  run(fn: IrFunction, context: PassContext): void;
}
