// The maps of a running script below what it has printed, drawn again and again in the same place of a terminal (`--live`).

import { ByteSink, escapeControls } from "../views/index.ts";

/** Between two looks at the maps. */
export const LIVE_MILLISECONDS = 250;

const NEWLINE = 10;
// Of ECMA-48 and of xterm's control sequences: lines are cut and not wrapped while it is drawn, and it is shown at once.
const BEGIN = "\x1b[?2026h\x1b[?7l";
const END = "\x1b[?7h\x1b[?2026l";

const encoder = new TextEncoder();

/** The last so many lines. */
function lastLines(bytes: Uint8Array, most: number): { readonly kept: Uint8Array; readonly lines: number } {
  let lines = 0;
  for (let at = bytes.length - 1; at >= 0; at--) {
    if (bytes[at] !== NEWLINE) continue;
    if (lines === most) return { kept: bytes.subarray(at + 1), lines };
    lines++;
  }
  return { kept: bytes, lines };
}

export class LiveArea {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #rows: () => number;
  #drawn = 0;

  /** `rows`: how many the terminal has now. */
  constructor(write: (bytes: Uint8Array) => void, rows: () => number) {
    this.#write = write;
    this.#rows = rows;
  }

  /** Draws what `print` writes in place of what was drawn before. */
  draw(looks: ByteSink["looks"], print: (out: ByteSink) => void): void {
    const parts: Uint8Array[] = [];
    const out = new ByteSink((bytes, own) => parts.push(escapeControls(bytes, own).slice()), undefined, looks);
    print(out);
    out.flush();
    const { kept, lines } = lastLines(Buffer.concat(parts), Math.max(1, this.#rows() - 1));
    this.#write(Buffer.concat([encoder.encode(BEGIN + this.#erasure()), kept, encoder.encode(END)]));
    this.#drawn = lines;
  }

  /** Takes it away, for what is printed above it. */
  erase(): void {
    if (this.#drawn === 0) return;
    this.#write(encoder.encode(this.#erasure()));
    this.#drawn = 0;
  }

  #erasure(): string {
    return this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A\r\x1b[J`;
  }
}
