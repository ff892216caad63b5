// The stack frame: 512 bytes below r10 for the whole run, callers and callbacks together.

import type { FrameArea } from "./machine.ts";

/** What the kernel gives all frames of a run together (`MAX_BPF_STACK`). */
export const FRAME_BYTES = 512;

const aligned = (size: number): number => (size + 7) & ~7;

/** Gives every area its offset from r10, 8-aligned; the size of the whole frame in bytes. */
export function layOut(areas: readonly FrameArea[]): number {
  let used = 0;
  for (const area of areas) {
    used += aligned(area.size);
    area.offset = -used;
  }
  return used;
}

/** What the kernel adds to the frame of a function with may_goto (its counter and time stamp, Linux 6.15). */
export const MAY_GOTO_BYTES = 16;

/** A frame as the kernel counts it when functions call one another (`round_up(depth, 32)` in check_max_stack_depth). */
export function roundFrame(bytes: number): number {
  return (Math.max(bytes, 1) + 31) & ~31;
}
