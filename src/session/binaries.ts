// Which files names of programs and libraries mean: to this machine, and to a process that sees other files than we.

import { existsSync } from "node:fs";
import { basename } from "node:path";
import { binaryPath, executableOf, libraryPath, mappedLibraries, rootOf } from "../kernel/index.ts";
import { matchingFiles } from "./matching-files.ts";

/** What a name means to the process that is traced, where it sees other files than we, and then to us. */
export function binaryNamed(name: string, pid: number | undefined): string | undefined {
  if (pid === undefined) return name === "" ? undefined : (binaryPath(name) ?? libraryPath(name));
  const root = rootOf(pid);
  if (name === "") return root + executableOf(pid);
  const inside = root === "" ? undefined : foundInside(root, name, pid);
  return inside ?? binaryPath(name) ?? libraryPath(name) ?? filesOf(pid).find((path) => path.includes(name));
}

/** A path below the root of a process, or a name of what it has mapped: `libc` for `libc.so.6`. */
function foundInside(root: string, name: string, pid: number): string | undefined {
  if (name.startsWith(`${root}/`)) return name;
  if (name.startsWith("/")) return existsSync(root + name) ? root + name : undefined;
  return name.includes("/") ? undefined : filesOf(pid).find((path) => basename(path).split(".so")[0] === name);
}

/** Files by a pattern; `*` are those of the process. */
export function matchingBinaries(pattern: string, pid: number | undefined): readonly string[] {
  if (pid === undefined) return matchingFiles(pattern);
  return pattern === "*" ? filesOf(pid) : matchingFiles((pattern.startsWith("/") ? rootOf(pid) : "") + pattern);
}

/** The files whose code a process has mapped, its executable first, as we can open them. */
function filesOf(pid: number): string[] {
  const root = rootOf(pid);
  return [...new Set([executableOf(pid), ...mappedLibraries(pid)])].map((path) => root + path);
}
