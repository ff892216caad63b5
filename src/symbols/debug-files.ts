// Where a distribution keeps the symbols that it has stripped from a file, in the order in which gdb looks
// ("Debugging Information in Separate Files" in its manual):
//
//     /usr/lib/debug/.build-id/ab/cdef….debug          by the build id, which the file found must have too
//     DIR/NAME, DIR/.debug/NAME, /usr/lib/debug/DIR/NAME    by .gnu_debuglink, whose checksum it must have
//
// A file of a container is looked for below its own root first. Symbols within the stripped file itself, in its
// .gnu_debugdata (Fedora's "MiniDebugInfo"), are compressed by xz, and are not read.

import { realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { buildId, crc32, debugLink, type ElfFile } from "../elf/index.ts";
import { FormatError } from "../source/index.ts";

const STORE = "/usr/lib/debug";

/** The debug file of a file at `path`; undefined where there is none that fits. `open` opens an ELF file. */
export function findDebugFile(
  path: string,
  elf: ElfFile,
  open: (path: string) => ElfFile,
  more: readonly string[] = [],
): ElfFile | undefined {
  const tryOpen = (place: string): ElfFile | undefined => openIfThere(place, open);
  const root = /^\/proc\/\d+\/root(?=\/)/.exec(path)?.[0];
  const roots = root === undefined ? [""] : [root, ""];
  const id = buildId(elf);
  if (id !== undefined) {
    for (const folder of more) {
      const found = tryOpen(`${folder}/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`);
      if (found !== undefined && buildId(found) === id) return found;
    }
    for (const place of roots) {
      const found = tryOpen(`${place}${STORE}/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`);
      if (found !== undefined && buildId(found) === id) return found;
    }
  }
  const link = debugLink(elf);
  if (link === undefined || link.name.includes("/")) return undefined;
  const inside = root === undefined ? dirname(real(path)) : dirname(path.slice(root.length));
  for (const folder of more) {
    const found = tryOpen(join(folder, link.name));
    if (found !== undefined) return found;
  }
  for (const place of roots) {
    for (const folder of [inside, join(inside, ".debug"), join(STORE, inside)]) {
      const candidate = join(`${place}/`, folder, link.name);
      if (candidate === path || candidate === real(path)) continue;
      const found = tryOpen(candidate);
      if (found !== undefined && crc32(found.bytes) === link.crc) return found;
    }
  }
  return undefined;
}

function openIfThere(place: string, open: (path: string) => ElfFile): ElfFile | undefined {
  try {
    return open(place);
  } catch (error) {
    if (error instanceof FormatError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

/**
 * Where the debug information that stands apart from a program lies (gcc -gsplit-dwarf): PROGRAM.dwp beside it, and each
 * file where it was compiled, beside the program, or in one of `more`. Whether it is the program's, its reader sees.
 */
export function splitFiles(
  path: string,
  open: (path: string) => ElfFile,
  more: readonly string[] = [],
): {
  readonly unit: (name: string, folder: string) => ElfFile | undefined;
  readonly package: () => ElfFile | undefined;
} {
  const first = (places: readonly string[]): ElfFile | undefined => {
    for (const place of places) {
      const found = openIfThere(place, open);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const root = /^\/proc\/\d+\/root(?=\/)/.exec(path)?.[0] ?? "";
  const folders = [dirname(path), dirname(real(path)), ...more];
  return {
    unit: (name, folder) => {
      const compiled = isAbsolute(name) ? name : join(folder, name);
      const places = isAbsolute(compiled) ? [`${root}${compiled}`] : [];
      return first([...places, ...folders.map((f) => join(f, basename(name)))]);
    },
    package: () => first([`${path}.dwp`, `${real(path)}.dwp`, ...more.map((f) => join(f, `${basename(path)}.dwp`))]),
  };
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
