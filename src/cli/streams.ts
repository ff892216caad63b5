// Where output goes: a descriptor that is written whole, however slow its other end is.

import { openSync, writeSync } from "node:fs";
import { DiagnosticError } from "../source/index.ts";
import { ByteSink } from "../views/index.ts";

/** The other end of a pipe is gone: there is nobody to print for. */
export class ClosedOutput extends Error {}

const nap = new Int32Array(new SharedArrayBuffer(4));

/** Writes all bytes, waiting where a pipe is full. Throws ClosedOutput where nobody reads any more. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") throw new ClosedOutput();
      if (code !== "EAGAIN") throw error;
      Atomics.wait(nap, 0, 0, 1);
    }
  }
}

export interface Streams {
  readonly out: ByteSink;
  readonly messages: ByteSink;
}

function openOutput(file: string): number {
  try {
    return openSync(file, "w");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const why =
      { ENOENT: "its folder does not exist", EACCES: "permission denied", EISDIR: "it is a folder" }[code] ?? code;
    throw new DiagnosticError([
      { code: "SCRY1116", severity: "error", message: `failed to open the output '${file}': ${why}` },
    ]);
  }
}

/** The sinks of a run: data to standard output or a file, everything else to standard error. */
export function openStreams(file: string | undefined): Streams {
  const fd = file === undefined ? 1 : openOutput(file);
  return { out: new ByteSink((bytes) => writeAll(fd, bytes)), messages: new ByteSink((bytes) => writeAll(2, bytes)) };
}
