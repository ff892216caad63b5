// Files that other processes have put where we look: their programs and libraries, their debug files, a JIT's list of
// functions. Such a file may be a FIFO that nobody writes, three gigabytes of nothing, or a link to what only root may
// read. It is opened without waiting, must be a regular file, and below the root of a process no link leads out of that
// root, as the process itself would see it (openat2(2), RESOLVE_IN_ROOT, which Linux has since 5.6 and Node has not).

import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type Stats } from "node:fs";
import { FormatError } from "../source/index.ts";

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_DIRECTORY } = constants;
const FLAGS: number = O_RDONLY | O_NONBLOCK;

/** As many links as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

export interface ForeignFile {
  readonly fd: number;
  readonly stat: Stats;
  close(): void;
}

/**
 * Opens a regular file to read. Throws a FormatError for what is none, a system error for what is not there or closed to
 * us.
 */
export function openForeign(path: string): ForeignFile {
  const root = /^\/proc\/\d+\/root(?=\/)/.exec(path)?.[0];
  const fd = root === undefined ? openSync(path, FLAGS) : openBelow(root, path.slice(root.length));
  const close = (): void => closeSync(fd);
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    close();
    throw new FormatError(path, "it is not a regular file");
  }
  return { fd, stat, close };
}

/** Opens a path as it is seen from a root, one part after the other, each without following a link. */
function openBelow(root: string, path: string): number {
  const open: number[] = [];
  const rest = parts(path).reverse();
  let links = 0;
  const openHere = (name: string, flags: number): number =>
    openSync(`/proc/self/fd/${open.at(-1)}/${name}`, flags | FLAGS | O_NOFOLLOW);
  try {
    open.push(openSync(`${root}/`, FLAGS | O_DIRECTORY));
    while (rest.length > 0) {
      const name = rest.pop() as string;
      if (name === "..") {
        // The root's parent is the root.
        if (open.length > 1) closeSync(open.pop() as number);
        continue;
      }
      try {
        open.push(openHere(name, rest.length > 0 ? O_DIRECTORY : 0));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // A link: ELOOP by O_NOFOLLOW alone, ENOTDIR with O_DIRECTORY.
        if ((code !== "ELOOP" && code !== "ENOTDIR") || links++ === MOST_LINKS) throw error;
        const target = linkTarget(`/proc/self/fd/${open.at(-1)}/${name}`);
        if (target === undefined) throw error;
        if (target.startsWith("/")) while (open.length > 1) closeSync(open.pop() as number);
        rest.push(...parts(target).reverse());
      }
    }
    return open.pop() as number;
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

const parts = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // It is none: then it is what it seems, a file where a folder is needed.
    return undefined;
  }
}

/** Reads pieces of a file from `offset` on, `most` bytes altogether at most; gives how many there were. */
export function readPieces(file: ForeignFile, offset: number, most: number, take: (piece: Uint8Array) => void): number {
  const buffer = Buffer.allocUnsafe(Math.min(1 << 20, Math.max(1, most)));
  let at = 0;
  while (at < most) {
    const count = readSync(file.fd, buffer, 0, Math.min(buffer.length, most - at), offset + at);
    if (count === 0) break;
    take(buffer.subarray(0, count));
    at += count;
  }
  return at;
}
