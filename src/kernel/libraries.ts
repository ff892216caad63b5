// Where programs and shared libraries lie: PATH, the dynamic linker's cache.

import { accessSync, constants, statSync } from "node:fs";
import { archivedFile } from "./archives.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { offsetOf, sizeOf } from "./struct.ts";

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

/** `struct cache_file_new` of glibc's elf/cache.c, and one of the entries that follow it. */
const CACHE = {
  magic: "char[20]",
  nlibs: "u32",
  len_strings: "u32",
  flags: "u8",
  padding: "u8[3]",
  extension_offset: "u32",
  unused: "u8[12]",
} as const;
const ENTRY = { flags: "s32", key: "u32", value: "u32", osversion: "u32", hwcap: "u64" } as const;

/**
 * Reads /etc/ld.so.cache in its new form, which may follow the old one: a head, entries with `key` (soname) and `value`
 * (path) as offsets from the magic, text. Empty for bytes that are no such cache.
 */
export function parseLibraryCache(bytes: Uint8Array): CachedLibrary[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = buffer.indexOf(MAGIC, 0, "latin1");
  if (start < 0 || start + sizeOf(CACHE) > buffer.length) return [];
  const count = buffer.readUInt32LE(start + offsetOf(CACHE, "nlibs"));
  const text = (offset: number): string => {
    const end = buffer.indexOf(0, start + offset);
    return buffer.toString("utf8", start + offset, end < 0 ? buffer.length : end);
  };
  const libraries: CachedLibrary[] = [];
  const size = sizeOf(ENTRY);
  for (let i = 0, at = start + sizeOf(CACHE); i < count && at + size <= buffer.length; i++, at += size) {
    libraries.push({
      flags: buffer.readInt32LE(at + offsetOf(ENTRY, "flags")),
      soname: text(buffer.readUInt32LE(at + offsetOf(ENTRY, "key"))),
      path: text(buffer.readUInt32LE(at + offsetOf(ENTRY, "value"))),
    });
  }
  return libraries;
}

function libraryCache(kernel: Kernel): readonly CachedLibrary[] {
  let bytes: Uint8Array = new Uint8Array(0);
  try {
    bytes = kernel.files.read("/etc/ld.so.cache");
  } catch {
    // musl has no such cache.
  }
  const architecture = process.arch === "arm64" ? 0x0a : 0x03;
  return parseLibraryCache(bytes).filter(({ flags }) => ((flags >> 8) & 0xff) === architecture);
}

/** `libc`, `libc.so.6` or `c` → `/lib/x86_64-linux-gnu/libc.so.6`; undefined where the linker knows none. */
export function libraryPath(name: string, kernel: Kernel = liveKernel()): string | undefined {
  const names = name.startsWith("lib") ? [name] : [name, `lib${name}`];
  const libraries = kernel.once(libraryCache);
  for (const wanted of names) {
    const exact = libraries.find(({ soname }) => soname === wanted);
    const found = exact ?? libraries.find(({ soname }) => soname.startsWith(`${wanted}.so`));
    if (found !== undefined) return found.path;
  }
  return undefined;
}

/** A program along PATH, a library by the linker's cache, or a path, into an archive too (`x.zip!/y.so`): what a probe's target names. */
export function binaryPath(name: string): string | undefined {
  if (archivedFile(name) !== undefined) return name;
  return which(name) ?? (name.includes("/") ? undefined : libraryPath(name));
}
