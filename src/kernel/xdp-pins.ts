// The names by which XDP programs that share an interface stay attached, and others find them: libxdp's, in a BPF file system.
// Whoever reads or changes them holds the lock of their folder.
//
//     $LIBXDP_BPFFS (/sys/fs/bpf)/xdp/dispatch-INTERFACE-DISPATCHER/progN-prog, progN-link
//
// Source: xdp-tools, lib/libxdp/protocol.org, "Locking and pinning".

import { mkdirSync, rmdirSync } from "node:fs";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { BPF_FILES, notThere, openPinned, pin, unpin } from "./pins.ts";
import { checked, LOCK_EX, LOCK_NB, O_CLOEXEC, O_RDONLY } from "./system-calls.ts";
import { DISPATCHER_SLOTS, slotFunction } from "./xdp-dispatcher.ts";

const O_DIRECTORY = 0o200000;
const EAGAIN = 11;
/** Milliseconds to wait for others, who hold it for some ten. */
const PATIENCE = 5000;

/** The folder of all of them. */
export const dispatcherFolder = (): string => `${process.env["LIBXDP_BPFFS"] ?? BPF_FILES}/xdp`;

/** That of one dispatcher. */
export const pinFolder = (index: number, dispatcher: number): string =>
  `${dispatcherFolder()}/dispatch-${index}-${dispatcher}`;

/**
 * Does `work` while nobody else changes what is pinned. Throws an UnsupportedError where no BPF file system is there, or
 * another process keeps the lock.
 */
export function withPins<T>(kernel: Kernel, work: () => T): T {
  const folder = dispatcherFolder();
  const missing = notThere(folder, kernel);
  if (missing !== undefined) throw new UnsupportedError(`${folder}: ${missing}`);
  made(folder);
  const { calls } = kernel;
  const fd = checked(calls.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", folder);
  try {
    for (let waited = 0, pause = 1; ; waited += pause, pause = Math.min(pause * 2, 50)) {
      const result = calls.flock(fd, LOCK_EX | LOCK_NB);
      if (result >= 0) break;
      if (result !== -EAGAIN) throw new SystemCallError("flock", -result, folder);
      if (waited >= PATIENCE)
        throw new UnsupportedError(
          `${folder}: another process holds the lock of it for more than ${PATIENCE / 1000} s`,
        );
      nap(pause);
    }
    return work();
  } finally {
    // The lock goes with its descriptor.
    calls.close(fd);
  }
}

/** Waits so many milliseconds. */
export const nap = (milliseconds: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

function made(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Pins the programs and links of a dispatcher, by their slots. Where it throws, nothing stays pinned. */
export function pinSlots(
  folder: string,
  slots: readonly { readonly program: number; readonly link: number }[],
  kernel: Kernel,
): void {
  made(folder);
  try {
    slots.forEach(({ program, link }, slot) => {
      pin(link, `${folder}/${slotFunction(slot)}-link`, kernel);
      pin(program, `${folder}/${slotFunction(slot)}-prog`, kernel);
    });
  } catch (error) {
    unpinSlots(folder, kernel);
    throw error;
  }
}

/** The descriptor of a slot's program, to be closed by the caller; undefined where none is pinned. */
export const openSlot = (folder: string, slot: number, kernel: Kernel): number | undefined =>
  openPinned(`${folder}/${slotFunction(slot)}-prog`, kernel);

/** Takes away all names of a dispatcher, and its folder. */
export function unpinSlots(folder: string, kernel: Kernel): void {
  for (let slot = 0; slot < DISPATCHER_SLOTS; slot++)
    for (const what of ["link", "prog"]) {
      const path = `${folder}/${slotFunction(slot)}-${what}`;
      if (kernel.files.exists(path)) unpin(path);
    }
  if (kernel.files.exists(folder)) rmdirSync(folder);
}

/** The dispatchers of an interface that are pinned, by their ids. */
export function pinnedDispatchers(index: number, kernel: Kernel): readonly number[] {
  const folder = dispatcherFolder();
  if (!kernel.files.exists(folder)) return [];
  return kernel.files.list(folder).flatMap((name) => {
    const [, of, id] = /^dispatch-(\d{1,10})-(\d{1,10})$/.exec(name) ?? [];
    return Number(of) === index ? [Number(id)] : [];
  });
}
