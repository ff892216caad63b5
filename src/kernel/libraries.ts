// Where programs and shared libraries lie: PATH, the dynamic linker's cache, the maps of a process.

import { accessSync, constants, readFileSync, readlinkSync, statSync } from "node:fs";
import { SystemCallError } from "./errors.ts";

/** The path of a program along PATH, or the name itself where it has a slash and exists; undefined where there is none. */
export function which(name: string): string | undefined {
  if (name.includes("/")) return isFile(name) ? name : undefined;
  for (const folder of (process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin").split(":")) {
    const path = `${folder === "" ? "." : folder}/${name}`;
    if (isExecutable(path)) return path;
  }
  return undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}

/** One library of the dynamic linker's cache. */
export interface CachedLibrary {
  readonly soname: string;
  readonly path: string;
  /** FLAG_* of glibc's dl-cache.h: the low byte is the kind (3: ELF libc6), the next the architecture (3: x86_64, 0xa: aarch64). */
  readonly flags: number;
}

const MAGIC = "glibc-ld.so.cache1.1";

/**
 * Reads /etc/ld.so.cache in its new form (glibc elf/cache.c): after the magic (also where it follows the old form)
 *
 *     u32 count | u32 string bytes | 20 bytes | count × ( i32 flags | u32 key | u32 value | u32 os | u64 hwcap ) | strings
 *
 * with `key` (soname) and `value` (path) as offsets from the magic. Empty for bytes that are no such cache.
 */
export function parseLibraryCache(bytes: Uint8Array): CachedLibrary[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = buffer.indexOf(MAGIC, 0, "latin1");
  if (start < 0 || start + 48 > buffer.length) return [];
  const count = buffer.readUInt32LE(start + 20);
  const text = (offset: number): string => {
    const end = buffer.indexOf(0, start + offset);
    return buffer.toString("utf8", start + offset, end < 0 ? buffer.length : end);
  };
  const libraries: CachedLibrary[] = [];
  for (let i = 0, at = start + 48; i < count && at + 24 <= buffer.length; i++, at += 24) {
    libraries.push({
      flags: buffer.readInt32LE(at),
      soname: text(buffer.readUInt32LE(at + 4)),
      path: text(buffer.readUInt32LE(at + 8)),
    });
  }
  return libraries;
}

let cache: readonly CachedLibrary[] | undefined;

function libraryCache(): readonly CachedLibrary[] {
  if (cache === undefined) {
    let bytes: Uint8Array = new Uint8Array(0);
    try {
      bytes = readFileSync("/etc/ld.so.cache");
    } catch {
      // musl has no such cache.
    }
    const architecture = process.arch === "arm64" ? 0x0a : 0x03;
    cache = parseLibraryCache(bytes).filter(({ flags }) => ((flags >> 8) & 0xff) === architecture);
  }
  return cache;
}

/** `libc`, `libc.so.6` or `c` → `/lib/x86_64-linux-gnu/libc.so.6`; undefined where the linker knows none. */
export function libraryPath(name: string): string | undefined {
  const names = name.startsWith("lib") ? [name] : [name, `lib${name}`];
  const libraries = libraryCache();
  for (const wanted of names) {
    const exact = libraries.find(({ soname }) => soname === wanted);
    const found = exact ?? libraries.find(({ soname }) => soname.startsWith(`${wanted}.so`));
    if (found !== undefined) return found.path;
  }
  return undefined;
}

/** A program along PATH, a library by the linker's cache, or a path: what a probe's target names. */
export function binaryPath(name: string): string | undefined {
  return which(name) ?? (name.includes("/") ? undefined : libraryPath(name));
}

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
export function processMaps(pid: number): Mapping[] {
  return parseMaps(readProcess(pid, "maps"));
}

/** The files that a process has mapped as code: its executable and its libraries, each once. */
export function mappedLibraries(pid: number): string[] {
  const paths = new Set<string>();
  for (const { path, permissions } of processMaps(pid))
    if (permissions.includes("x") && path.startsWith("/")) paths.add(path);
  return [...paths];
}

/** The path of a process's executable. Throws a SystemCallError where there is no such process. */
export function executableOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
  } catch (error) {
    throw processError(pid, error);
  }
}

/** True while there is a process with this id. */
export function processExists(pid: number): boolean {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined;
}

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    throw processError(pid, error);
  }
}

function processError(pid: number, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ESRCH") return new SystemCallError("open", 3, `process ${pid}`);
  return new SystemCallError("open", 13, `process ${pid}`, "not ours to look into: run as root");
}
