// Files that a live capture is written to: one, or one after another by size or time.

import { closeSync, openSync, rmSync } from "node:fs";
import { extname } from "node:path";
import { BlockWriter } from "../../capture/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { UsageError } from "../options.ts";
import { writeAll } from "../streams.ts";

export interface Rotation {
  /** A file ends when it has so many bytes, or so many seconds have passed. */
  readonly bytes?: number;
  readonly seconds?: number;
}

const UNITS: Readonly<Record<string, { readonly kind: keyof Rotation; readonly factor: number }>> = {
  B: { kind: "bytes", factor: 1 },
  KB: { kind: "bytes", factor: 1e3 },
  MB: { kind: "bytes", factor: 1e6 },
  GB: { kind: "bytes", factor: 1e9 },
  s: { kind: "seconds", factor: 1 },
  m: { kind: "seconds", factor: 60 },
  h: { kind: "seconds", factor: 3600 },
  d: { kind: "seconds", factor: 86400 },
};

/** `100MB`, `10m`, or both with a comma. Throws UsageError. */
export function parseRotation(text: string): Rotation {
  const rotation: { bytes?: number; seconds?: number } = {};
  for (const part of text.split(",")) {
    const [, number = "", unit = ""] = /^(\d+)([A-Za-z]+)$/.exec(part.trim()) ?? [];
    const known = UNITS[unit];
    const value = Number(number) * (known?.factor ?? 0);
    if (known === undefined || value <= 0)
      throw new UsageError(`--rotate takes a size or a time (100MB, 10m), not '${part}'`);
    rotation[known.kind] = value;
  }
  return rotation;
}

export interface CaptureFilesOptions {
  readonly path: string;
  readonly rotation?: Rotation;
  /** Of files that were written, so many are kept: the last ones. */
  readonly keep?: number;
  /** What each file begins and ends with. */
  readonly head: () => readonly Uint8Array[];
  readonly tail: () => readonly Uint8Array[];
}

/** The name of a file in a row: `out.pcapng` is `out-00001.pcapng`. */
export function numberedName(path: string, number: number): string {
  const extension = extname(path);
  return `${path.slice(0, path.length - extension.length)}-${`${number}`.padStart(5, "0")}${extension}`;
}

export class CaptureFiles {
  readonly #options: CaptureFilesOptions;
  readonly blocks: BlockWriter;
  #fd = -1;
  #name = "";
  #number = 0;
  #from = 0;
  #until = Number.POSITIVE_INFINITY;

  constructor(options: CaptureFilesOptions) {
    this.#options = options;
    this.blocks = new BlockWriter((bytes) => writeAll(this.#fd, bytes, this.#name));
    this.#begin();
  }

  #begin(): void {
    const { path, rotation, keep, head } = this.#options;
    this.#number++;
    this.#name = rotation === undefined ? path : numberedName(path, this.#number);
    try {
      this.#fd = path === "-" ? 1 : openSync(this.#name, "w");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const message = `failed to open the output '${this.#name}': ${code}`;
      throw new DiagnosticError([{ code: "SCRY1116", severity: "error", message }]);
    }
    if (keep !== undefined && this.#number > keep) rmSync(numberedName(path, this.#number - keep), { force: true });
    this.#from = this.blocks.written;
    if (rotation?.seconds !== undefined) this.#until = Math.floor(Date.now() / 1000) + rotation.seconds;
    for (const block of head()) this.blocks.add(block);
  }

  #end(): void {
    for (const block of this.#options.tail()) this.blocks.add(block);
    this.blocks.flush();
    if (this.#fd > 2) closeSync(this.#fd);
  }

  /** What the file has room for: bytes, and up to which second. */
  room(): { readonly bytes?: number; readonly until?: number } {
    const { rotation } = this.#options;
    return {
      ...(rotation?.bytes === undefined
        ? {}
        : { bytes: Math.max(0, rotation.bytes - (this.blocks.written - this.#from)) }),
      ...(rotation?.seconds === undefined ? {} : { until: this.#until }),
    };
  }

  /** Goes on to the next file. */
  next(): void {
    this.#end();
    this.#begin();
  }

  /** Goes on to the next file where this one is full or old enough; `seconds`: of the packet that comes. */
  turn(seconds: number): void {
    const { rotation } = this.#options;
    if (rotation === undefined) return;
    const full = rotation.bytes !== undefined && this.blocks.written - this.#from >= rotation.bytes;
    if (full || seconds >= this.#until) this.next();
  }

  close(): void {
    this.#end();
  }
}
