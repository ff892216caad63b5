// Where output goes: a descriptor that is written whole, however slow its other end is.

import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { DiagnosticError, type Looks } from "../source/index.ts";
import { ByteSink, escapeControls } from "../views/index.ts";
import { looksOf } from "./color.ts";
import { LiveArea } from "./live-area.ts";
import type { CommandLine } from "./options.ts";

/** The other end of a pipe is gone: there is nobody to print for. */
export class ClosedOutput extends Error {}

const nap = new Int32Array(new SharedArrayBuffer(4));

/** What keeps output from being written, by the code of write(2). */
const WHY: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the device",
  EDQUOT: "the quota of this user is used up",
  EFBIG: "the file would be too large",
  EIO: "the device failed",
  EBADF: "it is closed",
};

/**
 * Writes all bytes, waiting where a pipe is full. Throws ClosedOutput where nobody reads any more, DiagnosticError where
 * there is no room.
 */
export function writeAll(fd: number, bytes: Uint8Array, name: string | undefined = NAMES[fd]): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (code === "EPIPE") throw new ClosedOutput();
      if (code !== "EAGAIN")
        throw new DiagnosticError([
          { code: "SCRY1125", severity: "error", message: `${name} cannot be written: ${WHY[code] ?? code}` },
        ]);
      Atomics.wait(nap, 0, 0, 1);
    }
  }
}

const NAMES: Readonly<Record<number, string>> = { 1: "standard output", 2: "standard error" };

/** Writes a text to standard output (1) or standard error (2). Throws as `writeAll`. */
export const printText = (fd: 1 | 2, text: string): void => writeAll(fd, new TextEncoder().encode(text));

/** Major numbers of consoles, terminals and the terminals of windows and ssh (Documentation/admin-guide/devices.txt). */
const isTerminalMajor = (major: number): boolean => major === 4 || major === 5 || (major >= 136 && major <= 143);

/** Is it a terminal? node:tty would say so too, and loads half of Node for it: six milliseconds of each start. */
function isTerminal(fd: number): boolean {
  if (process.platform !== "linux") return process.getBuiltinModule("node:tty").isatty(fd);
  try {
    const stat = fstatSync(fd);
    return stat.isCharacterDevice() && isTerminalMajor((stat.rdev >> 8) & 0xfff);
  } catch {
    // It is closed.
    return false;
  }
}

/** Columns of the terminal that a descriptor is; undefined where it is none. */
export function terminalWidth(fd: number): number | undefined {
  if (!isTerminal(fd)) return undefined;
  const { columns } = new (process.getBuiltinModule("node:tty").WriteStream)(fd);
  return columns > 0 ? columns : 80;
}

/** Rows of the terminal that a descriptor is. */
function rowsOf(fd: number): number {
  const { rows } = new (process.getBuiltinModule("node:tty").WriteStream)(fd);
  return rows > 0 ? rows : 24;
}

/** Rows of the terminal that a descriptor is; undefined where it is none. */
export const terminalHeight = (fd: number): number | undefined => (isTerminal(fd) ? rowsOf(fd) : undefined);

/** How what is printed to a descriptor looks. */
export const looksOn = (fd: 1 | 2, given: CommandLine["given"]): Looks | undefined =>
  looksOf(isTerminal(fd) ? "terminal" : fd === 2 ? "messages" : "data", given.get("color"));

export interface Streams {
  readonly out: ByteSink;
  readonly messages: ByteSink;
  /** Where maps are drawn while the script runs; absent: nowhere. */
  readonly live?: LiveArea;
}

function openOutput(file: string): number {
  try {
    return openSync(file, "w");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const why =
      { ENOENT: "its folder does not exist", EACCES: "permission denied", EISDIR: "it is a folder" }[code] ??
      WHY[code] ??
      code;
    throw new DiagnosticError([
      { code: "SCRY1116", severity: "error", message: `failed to open the output '${file}': ${why}` },
    ]);
  }
}

/** A file that a command makes, whole. Throws DiagnosticError where it cannot be opened or has no room. */
export function writeOutput(file: string, bytes: Uint8Array): void {
  const fd = openOutput(file);
  try {
    writeAll(fd, bytes, `the output '${file}'`);
  } finally {
    closeSync(fd);
  }
}

/**
 * The sinks of a run: data to standard output or a file (`-o`), everything else to standard error. On a terminal control
 * bytes of what is traced are shown, not obeyed, but with `--raw`.
 */
export function openStreams(given: CommandLine["given"]): Streams {
  const file = given.get("output");
  const fd = file === undefined ? 1 : openOutput(file);
  const live =
    given.has("live") && isTerminal(fd)
      ? new LiveArea(
          (bytes) => writeAll(fd, bytes),
          () => rowsOf(fd),
        )
      : undefined;
  const sink = (to: number, name?: string): ByteSink => {
    const terminal = isTerminal(to);
    const write = (bytes: Uint8Array): void => {
      if (terminal) live?.erase();
      writeAll(to, bytes, name);
    };
    const looks = looksOf(terminal ? "terminal" : to === 2 ? "messages" : "data", given.get("color"));
    // Colours in a pipe are for a terminal behind it.
    return (terminal || looks !== undefined) && !given.has("raw")
      ? new ByteSink((bytes, own) => write(escapeControls(bytes, own)), undefined, looks)
      : new ByteSink(write, undefined, looks);
  };
  return {
    out: sink(fd, file === undefined ? "standard output" : `the output '${file}'`),
    messages: sink(2),
    ...(live === undefined ? {} : { live }),
  };
}
