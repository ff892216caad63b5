// Where a distribution keeps the symbols that it has stripped from a file, in the order in which gdb looks
// ("Debugging Information in Separate Files" in its manual):
//
//     /usr/lib/debug/.build-id/ab/cdef….debug          by the build id, which the file found must have too
//     DIR/NAME, DIR/.debug/NAME, /usr/lib/debug/DIR/NAME    by .gnu_debuglink, whose checksum it must have
//
// A file of a container is looked for below its own root first. Symbols within the stripped file itself, in its
// .gnu_debugdata (Fedora's "MiniDebugInfo"), are compressed by xz, and are not read.

import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
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
  const tryOpen = (place: string): ElfFile | undefined => {
    try {
      return open(place);
    } catch (error) {
      if (error instanceof FormatError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
      throw error;
    }
  };
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

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
