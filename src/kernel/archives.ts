// Paths into archives, `x.zip!/lib/y.so`: which bytes of which file they mean. A probe goes to a place of the archive, since
// that is what the kernel maps.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type ArchiveMember, archiveMembers } from "../elf/index.ts";
import { FormatError } from "../source/index.ts";

export interface ArchivedFile extends ArchiveMember {
  /** The archive's own path. */
  readonly archive: string;
}

/** What a path into an archive means; undefined for other paths, and where the archive has no such member, or only a compressed one. */
export function archivedFile(path: string): ArchivedFile | undefined {
  const mark = path.indexOf("!/");
  if (mark < 0) return undefined;
  const [archive, name] = [path.slice(0, mark), path.slice(mark + 2)];
  const member = membersOf(archive)?.find((m) => m.name === name);
  return member === undefined ? undefined : { ...member, archive };
}

/** The members of an archive that are stored as they are; undefined where the file is no archive, or cannot be read. */
export function membersOf(archive: string): readonly ArchiveMember[] | undefined {
  let fd: number;
  try {
    fd = openSync(archive, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    return archiveMembers((offset, size) => {
      const bytes = new Uint8Array(size);
      return bytes.subarray(0, readSync(fd, bytes, 0, size, offset));
    }, stat.size);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Where in which file a byte of a program or library is: elsewhere than it says only for those within archives. */
export function placeInFile(path: string, offset: number): { readonly path: string; readonly offset: number } {
  const inside = archivedFile(path);
  return inside === undefined ? { path, offset } : { path: inside.archive, offset: inside.offset + offset };
}
