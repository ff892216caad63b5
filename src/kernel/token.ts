// BPF tokens (Linux 6.9): in a user namespace, whose root has no capabilities of the system's, a BPF file system that was
// mounted for it may delegate what bpf(2) does (`delegate_cmds`, `delegate_maps`, `delegate_progs`, `delegate_attachs`). A
// token of that file system then goes with the calls that make maps, programs and types.

import type { Kernel } from "./kernel.ts";
import { checked, O_CLOEXEC, O_RDONLY } from "./system-calls.ts";

/** By custom; `LIBBPF_BPF_TOKEN_PATH` names another, as for libbpf. */
const CUSTOM = "/sys/fs/bpf";
const VARIABLE = "LIBBPF_BPF_TOKEN_PATH";

/** A descriptor of a token of a BPF file system. Throws a SystemCallError where it delegates nothing to this process. */
export function openToken(kernel: Kernel, path: string): number {
  const { calls } = kernel;
  const folder = checked(calls.open(path, O_RDONLY | O_CLOEXEC), "open", path);
  const token = kernel.bpf("TOKEN_CREATE", { bpffs_fd: folder });
  calls.close(folder);
  return checked(token, "bpf(BPF_TOKEN_CREATE)", `the BPF file system ${path}`);
}

/**
 * The token that a process uses without being told: of the file system that the environment names, which must have one, or
 * in a user namespace of that at the usual place, where there is one.
 */
export function findToken(kernel: Kernel): number | undefined {
  const named = process.env[VARIABLE];
  if (named !== undefined) return named === "" ? undefined : openToken(kernel, named);
  if (!inUserNamespace(kernel)) return undefined;
  try {
    return openToken(kernel, CUSTOM);
  } catch {
    return undefined;
  }
}

/** The system's own namespace has all numbers as they are. */
function inUserNamespace(kernel: Kernel): boolean {
  try {
    return !/^\s*0\s+0\s+4294967295\s*$/.test(kernel.text("/proc/self/uid_map"));
  } catch {
    return false;
  }
}
