// What a process is made of, as /proc shows it: its executable, and what it has mapped.

import { statSync } from "node:fs";
import { refusal } from "./capabilities.ts";
import { SystemCallError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";

/** One line of /proc/PID/maps. */
export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  /** `r-xp` */
  readonly permissions: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** `major:minor` of the file's device. */
  readonly device: string;
  readonly inode: number;
  /** Empty for anonymous memory; `[vdso]` and its like. Without the ` (deleted)` of a file that is gone. */
  readonly path: string;
  readonly deleted: boolean;
}

/** Reads the text of a maps file (proc_pid_maps(5)). */
export function parseMaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const match of text.matchAll(/^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) (\S+) (\d+) *(.*)$/gm)) {
    const [, start, end, permissions, offset, device, inode, name] = match as unknown as string[] as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    // The kernel writes a newline in a name as \012.
    const path = name.replaceAll("\\012", "\n");
    const deleted = path.endsWith(" (deleted)");
    mappings.push({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      permissions,
      offset: Number.parseInt(offset, 16),
      device,
      inode: Number(inode),
      path: deleted ? path.slice(0, -10) : path,
      deleted,
    });
  }
  return mappings;
}

/** The memory of a process. Throws a SystemCallError where it is gone or not ours to see. */
export function processMaps(pid: number, kernel: Kernel = liveKernel()): Mapping[] {
  return parseMaps(readProcess(kernel, pid, "maps"));
}

/** The files that a process has mapped as code: its executable and its libraries, each once. */
export function mappedLibraries(pid: number, kernel: Kernel = liveKernel()): string[] {
  const paths = new Set<string>();
  for (const { path, permissions } of processMaps(pid, kernel))
    if (permissions.includes("x") && path.startsWith("/")) paths.add(path);
  return [...paths];
}

/** The path of a process's executable. Throws a SystemCallError where there is no such process. */
export function executableOf(pid: number, kernel: Kernel = liveKernel()): string {
  try {
    return kernel.files.link(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
  } catch (error) {
    throw processError(pid, error);
  }
}

/** Number of the first namespace of processes (`PROC_PID_INIT_INO` of linux/proc_ns.h). */
const FIRST_PROCESS_NAMESPACE = 0xefff_fffcn;

/** The namespace in which this process counts processes; undefined for the system's first. */
export function processNamespace(): { readonly device: bigint; readonly inode: bigint } | undefined {
  const { dev: device, ino: inode } = statSync("/proc/self/ns/pid", { bigint: true });
  return inode === FIRST_PROCESS_NAMESPACE ? undefined : { device, inode };
}

/**
 * Where the files of a process are for us: `/proc/PID/root` for one that sees others (a container), else nothing. Throws
 * a SystemCallError where there is no such process.
 */
export function rootOf(pid: number, kernel: Kernel = liveKernel()): string {
  const { files } = kernel;
  try {
    const same = (what: string): boolean => files.link(`/proc/${pid}/${what}`) === files.link(`/proc/self/${what}`);
    return same("ns/mnt") && same("root") ? "" : `/proc/${pid}/root`;
  } catch (error) {
    throw processError(pid, error);
  }
}

/** True while there is a process with this id. */
export function processExists(pid: number, kernel: Kernel = liveKernel()): boolean {
  return kernel.files.exists(`/proc/${pid}`);
}

/** All processes there are, and who has started each, or taken it over from who did. */
export function processParents(kernel: Kernel = liveKernel()): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of kernel.files.list("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    let text: string;
    try {
      text = kernel.text(`/proc/${name}/stat`);
    } catch {
      continue; // it has ended
    }
    // `PID (NAME) STATE PARENT …`, where a name may have parentheses, too.
    const parent = /^ \S (\d+) /.exec(text.slice(text.lastIndexOf(")") + 1))?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  return parents;
}

function readProcess(kernel: Kernel, pid: number, file: string): string {
  try {
    return Buffer.from(kernel.files.read(`/proc/${pid}/${file}`)).toString();
  } catch (error) {
    throw processError(pid, error);
  }
}

function processError(pid: number, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ESRCH") return new SystemCallError("open", 3, `process ${pid}`);
  return new SystemCallError("open", 13, `process ${pid}`, refusal("ptrace"));
}
