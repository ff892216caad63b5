// The functions of a JIT, as it lists them itself in /tmp/perf-PID.map (Node with --perf-basic-prof, Java, Python 3.12):
//
//     START SIZE NAME       one a line, numbers in hexadecimal (tools/perf/Documentation/jit-interface.txt)
//
// The list grows as the JIT goes on; only what is new is read.

import { FormatError } from "../source/index.ts";
import { type ForeignFile, openForeign, readPieces } from "./foreign-file.ts";

export interface JitSymbol {
  readonly name: string;
  readonly offset: number;
}

interface Entry {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/** A line that is longer is no function's. */
const LONGEST_LINE = 1 << 16;

/** The functions of one such list. Where code was moved over old code, the later line counts. */
export class PerfMap {
  readonly #entries: Entry[] = [];
  #sorted: readonly Entry[] | undefined;
  #rest = "";

  constructor(text = "") {
    this.add(text);
    this.add("\n");
  }

  /** Takes more of the list; a line may come in pieces. */
  add(text: string): void {
    const whole = this.#rest + text;
    const end = whole.lastIndexOf("\n") + 1;
    this.#rest = whole.length - end > LONGEST_LINE ? "" : whole.slice(end);
    for (const match of whole.slice(0, end).matchAll(/^(?:0x)?([0-9a-fA-F]+) (?:0x)?([0-9a-fA-F]+) (.*)$/gm)) {
      const start = Number.parseInt(match[1] as string, 16);
      this.#entries.push({ start, end: start + Number.parseInt(match[2] as string, 16), name: match[3] as string });
    }
    this.#sorted = undefined;
  }

  lookup(address: number): JitSymbol | undefined {
    // Sorting keeps the order of lines with the same start.
    const entries = (this.#sorted ??= this.#entries.toSorted((a, b) => a.start - b.start));
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[middle] as Entry).start <= address) low = middle + 1;
      else high = middle;
    }
    // An older, longer function may start further down; a few steps back find it.
    for (let at = low - 1; at >= 0 && at >= low - 16; at--) {
      const { start, end, name } = entries[at] as Entry;
      if (address < end) return { name, offset: address - start };
    }
    return undefined;
  }
}

/** Bytes that are read of a process's list. */
const MOST = 64 << 20;

/** The list of a process in its file, read on as it grows. */
export class PerfMapFile {
  readonly #path: string;
  readonly #owner: number;
  readonly #warn: (message: string) => void;
  readonly #decoder = new TextDecoder();
  #map = new PerfMap();
  #inode = 0;
  #read = 0;
  #warned = false;

  /** `owner` is the user of the process: another's file (but root's) is not its list. */
  constructor(path: string, owner: number, warn: (message: string) => void) {
    this.#path = path;
    this.#owner = owner;
    this.#warn = warn;
  }

  lookup(address: number): JitSymbol | undefined {
    this.#readOn();
    return this.#map.lookup(address);
  }

  #readOn(): void {
    let file: ForeignFile;
    try {
      file = openForeign(this.#path);
    } catch (error) {
      if (error instanceof FormatError) this.#say(error.message);
      // Most processes have none.
      return;
    }
    try {
      this.#take(file);
    } finally {
      file.close();
    }
  }

  #take(file: ForeignFile): void {
    const { uid, size, ino } = file.stat;
    if (uid !== this.#owner && uid !== 0) {
      this.#say(`${this.#path}: it belongs to another user than the process`);
      return;
    }
    if (ino !== this.#inode || size < this.#read) {
      this.#map = new PerfMap();
      this.#inode = ino;
      this.#read = 0;
    }
    if (size === this.#read || this.#read >= MOST) return;
    this.#read += readPieces(file, this.#read, MOST - this.#read, (piece) =>
      this.#map.add(this.#decoder.decode(piece, { stream: true })),
    );
    if (this.#read >= MOST && size > MOST)
      this.#say(`${this.#path}: only the first ${MOST >> 20} MiB of ${Math.floor(size / 2 ** 20)} are read`);
  }

  #say(message: string): void {
    if (!this.#warned) this.#warn(message);
    this.#warned = true;
  }
}
