// The kernel that this process runs on. Only this file chooses how system calls are made.

import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { SystemCallError } from "./errors.ts";
import { Kernel, type KernelFiles } from "./kernel.ts";
import { koffiCalls } from "./koffi-calls.ts";
import type { SystemCalls } from "./system-calls.ts";
import { findToken, openToken } from "./token.ts";

let live: Kernel | undefined;

/** The kernel that this process runs on. The foreign-function library is loaded at its first system call (about 7 ms). */
export function liveKernel(): Kernel {
  live ??= new Kernel(loadCalls, files, findToken);
  return live;
}

/**
 * The same, by the token of a BPF file system at this path. What is wrong with that is said at the first map or program.
 */
export function kernelWithToken(path: string): Kernel {
  return new Kernel(systemCalls, files, (kernel) => openToken(kernel, path));
}

const files: KernelFiles = {
  read: (path) => readFileSync(path),
  exists: existsSync,
  link: (path) => readlinkSync(path),
  list: (path) => readdirSync(path),
};

/** The system calls of this process. */
export const systemCalls = (): SystemCalls => liveKernel().calls;

function loadCalls(): SystemCalls {
  if (process.platform !== "linux") {
    throw new SystemCallError("bpf", 38, `the live kernel is reached on Linux only, and this is ${process.platform}`);
  }
  return koffiCalls(createRequire(import.meta.url));
}
