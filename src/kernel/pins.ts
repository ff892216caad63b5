// Names of maps, programs and links in a BPF file system: what is pinned stays when its last descriptor is closed.

import { unlinkSync } from "node:fs";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";

/** Where a BPF file system is mounted by custom. */
export const BPF_FILES = "/sys/fs/bpf";
const EPERM = 1;
const ENOENT = 2;
const EACCES = 13;

/** The mount points of BPF file systems. */
export function bpfFileSystems(kernel: Kernel = liveKernel()): readonly string[] {
  try {
    return [...kernel.text("/proc/mounts").matchAll(/^\S+ (\S+) bpf /gm)].map((m) => m[1] as string);
  } catch {
    return [];
  }
}

/** What a person is told where a path is in no BPF file system; undefined where it is. */
export function notThere(path: string, kernel: Kernel): string | undefined {
  const places = bpfFileSystems(kernel);
  if (places.some((place) => path.startsWith(`${place}/`))) return undefined;
  return places.length === 0
    ? `no BPF file system is mounted: \`mount -t bpf bpf ${BPF_FILES}\`, once, as root`
    : `this path is in no BPF file system; ${places[0]} is one`;
}

/** Pins an object (a map, a program, a link) at a path. Throws a SystemCallError or an UnsupportedError. */
export function pin(fd: number, path: string, kernel: Kernel = liveKernel()): void {
  const result = kernel.bpf("OBJ_PIN", { pathname: path, bpf_fd: fd });
  if (result >= 0) return;
  const missing = result === -EPERM || result === -EACCES || result === -ENOENT ? notThere(path, kernel) : undefined;
  if (missing !== undefined) throw new UnsupportedError(`${path}: ${missing}`);
  throw new SystemCallError("bpf(BPF_OBJ_PIN)", -result, path);
}

/** A descriptor of what is pinned at a path, to be closed by the caller; undefined where nothing is. Throws as `pin` does. */
export function openPinned(path: string, kernel: Kernel = liveKernel()): number | undefined {
  const result = kernel.bpf("OBJ_GET", { pathname: path });
  if (result >= 0) return result;
  if (result === -ENOENT && kernel.files.exists(path.slice(0, path.lastIndexOf("/")) || "/")) return undefined;
  const missing = result === -EACCES || result === -ENOENT || result === -EPERM ? notThere(path, kernel) : undefined;
  if (missing !== undefined) throw new UnsupportedError(`${path}: ${missing}`);
  if (result === -ENOENT) return undefined;
  throw new SystemCallError("bpf(BPF_OBJ_GET)", -result, path);
}

/** Takes a name away again. Errors are those of `node:fs`. */
export const unpin = (path: string): void => unlinkSync(path);

/**
 * Detaches what a pinned link attaches, at once, and takes its name away. Without this the kernel detaches it a little later
 * (bpf_link_put of kernel/bpf/syscall.c leaves that to a worker). Whatever else has that name only loses it.
 */
export function unpinLink(path: string, kernel: Kernel = liveKernel()): void {
  const fd = kernel.bpf("OBJ_GET", { pathname: path });
  if (fd >= 0) {
    kernel.bpf("LINK_DETACH", { link_fd: fd });
    kernel.calls.close(fd);
  }
  unpin(path);
}
