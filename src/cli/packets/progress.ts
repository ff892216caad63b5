// How far a capture is read, on a terminal, in one line that is drawn again and again.

import { printText, terminalWidth } from "../streams.ts";
import type { CaptureBytes } from "./capture-bytes.ts";

const MILLISECONDS = 200;
/** Of ECMA-48: the line is empty behind the cursor. */
const ERASE = "\r\x1b[K";

const grouped = (number: number): string => `${number}`.replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
const megabytes = (bytes: number): string => `${grouped(Math.round(bytes / 1e6))} MB`;

/** One line of it: `312 MB of 1,000 MB (31 %), 56,789 packets, 1,234 match`. */
export function progressText({ read, size }: CaptureBytes["progress"], packets: number, matched: number): string {
  const of = size === undefined || size === 0 ? "" : ` of ${megabytes(size)} (${Math.floor((100 * read) / size)} %)`;
  return `${megabytes(read)}${of}, ${grouped(packets)} packets, ${grouped(matched)} match`;
}

export class Progress {
  readonly #of: CaptureBytes["progress"];
  readonly #width: number | undefined;
  #next: number = performance.now() + MILLISECONDS;
  #shown = false;

  constructor(of: CaptureBytes["progress"]) {
    this.#of = of;
    this.#width = terminalWidth(2);
  }

  show(packets: number, matched: number): void {
    if (this.#width === undefined || performance.now() < this.#next) return;
    this.#next = performance.now() + MILLISECONDS;
    printText(2, `${ERASE}${progressText(this.#of, packets, matched).slice(0, this.#width - 1)}`);
    this.#shown = true;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown) printText(2, ERASE);
    this.#shown = false;
  }
}
