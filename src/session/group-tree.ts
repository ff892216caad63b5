// The folders of the cgroup2 file system, and what is said where none is the one that was asked for.

import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DiagnosticError, nearest } from "../source/index.ts";

/** Where things are on a system. */
export interface GroupPlaces {
  /** Where the cgroup2 file system is mounted; absent: nowhere. */
  readonly root?: string;
  /** Folders with a folder for each container of docker. */
  readonly docker: readonly string[];
  /** Lists of containers, as podman and cri-o keep them (containers/storage). */
  readonly storage: readonly string[];
}

/** Folders that are looked at; more are not searched for a name. */
const MOST_FOLDERS = 100_000;
const MOST_DEEP = 64;
/** Names that an error lists. */
export const MOST_LISTED = 10;

/** Those of this machine. */
export function livePlaces(): GroupPlaces {
  const storage = "containers/storage/overlay-containers";
  const home = join(homedir(), ".local/share");
  const root = mountOf(readable("/proc/self/mounts") ?? "");
  return {
    ...(root === undefined ? {} : { root }),
    docker: ["/var/lib/docker/containers"],
    storage: ["/var/lib", home].flatMap((folder) =>
      ["containers.json", "volatile-containers.json"].map((file) => join(folder, storage, file)),
    ),
  };
}

/** The first cgroup2 file system of a list of mounts (proc_mounts(5)). */
export function mountOf(mounts: string): string | undefined {
  const place = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
  return place?.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
}

export function refusal(code: `SCRY${number}`, message: string, hints: readonly string[] = []): DiagnosticError {
  return new DiagnosticError([
    { code, severity: "error", message: text(message), ...(hints.length === 0 ? {} : { hints: hints.map(text) }) },
  ]);
}

/** Folders may have names that move a terminal's cursor. */
const text = (words: string): string =>
  words.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** The folders of the cgroup2 file system. */
export class GroupTree {
  readonly root: string;
  #folders: string[] | undefined;

  constructor({ root }: GroupPlaces) {
    if (root === undefined)
      throw refusal("SCRY1143", "no cgroup2 file system is mounted here, by which tasks could be told apart", [
        "mount -t cgroup2 none /sys/fs/cgroup/unified, as root",
        "-p PID --follow traces a process and all that it starts",
      ]);
    this.root = root;
  }

  /** Every folder, those further up first. */
  get folders(): readonly string[] {
    if (this.#folders !== undefined) return this.#folders;
    const found: string[] = [];
    let level = [this.root];
    for (let deep = 0; level.length > 0 && deep < MOST_DEEP && found.length < MOST_FOLDERS; deep++) {
      level = level.flatMap(foldersIn).slice(0, MOST_FOLDERS - found.length);
      found.push(...level);
    }
    this.#folders = found;
    return found;
  }

  /** As messages call a folder: from the root. */
  shown(folder: string): string {
    return folder === this.root
      ? "/"
      : folder.startsWith(join(this.root, "/"))
        ? folder.slice(this.root.length)
        : folder;
  }
}

export function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? [join(folder, e.name)] : []));
  } catch {
    return []; // it is gone by now
  }
}

/** The one folder of several that are called alike. */
export function only(
  folders: readonly string[],
  several: string,
  tree: GroupTree,
  none: () => DiagnosticError,
): string {
  const [one, ...others] = folders;
  if (one === undefined) throw none();
  if (others.length === 0) return one;
  throw refusal("SCRY1141", `${folders.length} ${several}`, [
    ...folders.slice(0, MOST_LISTED).map((f) => `--cgroup ${tree.shown(f)}`),
    ...(folders.length > MOST_LISTED ? [`… and ${folders.length - MOST_LISTED} more`] : []),
  ]);
}

/** Says what there is: what is called most like it, and the first ones. */
export function unknown(message: string, name: string, names: readonly string[]): DiagnosticError {
  const all = [...new Set(names)];
  const listed = all.slice(0, MOST_LISTED).join(", ");
  const more = all.length > MOST_LISTED ? `, … ${all.length} in all` : "";
  return refusal("SCRY1140", message, [
    ...nearest(name, all),
    all.length === 0 ? "There are none at all" : `There are: ${listed}${more}`,
  ]);
}

function readable(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
