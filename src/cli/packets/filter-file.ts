// A capture through a filter: bytes are read into the filter's memory, packets found and filtered there, and what matches is
// moved together and written from there; no packet is an object on the way.

import { CaptureScanner, LARGEST, type PacketRecord } from "../../capture/index.ts";
import { type CompiledFilter, PacketMemory } from "../../lang/filter/index.ts";
import { FormatError } from "../../source/index.ts";
import type { CaptureBytes } from "./capture-bytes.ts";

/** Read at once: more goes beyond the processor's caches. */
const PIECE = 1 << 20;

export interface FilterCounts {
  readonly packets: number;
  readonly matched: number;
  /** Where the capture ends early, or is damaged. */
  readonly damage?: FormatError;
}

export interface FilterJob {
  readonly name: string;
  readonly input: CaptureBytes;
  /** By the number of a link type, as capture files have it. */
  filterOf(linkType: number): CompiledFilter;
  /** Takes bytes that are to be written; they are others when it is back. */
  readonly write?: (bytes: Uint8Array) => void;
  /** Takes a packet that matches; its bytes are others when it is back. `number`: of all packets, from 1 on. */
  readonly packet?: (packet: PacketRecord, number: number) => void;
  /** Ends behind so many packets that match. */
  readonly most?: number;
  /** Asked between pieces; false ends it. */
  readonly goesOn?: (packets: number, matched: number) => boolean;
}

/** Runs a job to the end of its input. */
export async function filterCapture(job: FilterJob): Promise<FilterCounts> {
  // A packet of the largest size fits behind what was read with it.
  const memory = new PacketMemory({ bytes: LARGEST + 2 * PIECE });
  const filters = new Map<number, (count: number) => number>();
  const filterOf = (linkType: number): ((count: number) => number) => {
    let run = filters.get(linkType);
    if (run === undefined) filters.set(linkType, (run = memory.compile(job.filterOf(linkType))));
    return run;
  };
  const scanner = new CaptureScanner(job.name);
  const output = new Output(memory.bytes, memory.start, job.write);
  let packets = 0;
  let matched = 0;
  let end = memory.start;
  const { most = Number.POSITIVE_INFINITY } = job;
  try {
    for (;;) {
      const more = job.input.fill(memory.bytes, end, Math.min(PIECE, memory.end - end));
      const got = typeof more === "number" ? more : await more;
      if (got === 0) break;
      end += got;
      let at = memory.start;
      try {
        for (;;) {
          const stretch = scanner.scan(memory.bytes, at, end, memory);
          if (stretch === undefined) break;
          at = stretch.end;
          if (stretch.kind === "other") {
            output.keep(stretch.start, stretch.end);
            continue;
          }
          const count = Math.min(filterOf(stretch.linkType)(stretch.count), most - matched);
          if (job.write !== undefined) keepMatching(memory, output, count, stretch.count, stretch.end);
          if (job.packet !== undefined) {
            for (let i = 0; i < count; i++) {
              const entry = memory.words[memory.list + i] as number;
              const record = memory.words[entry >>> 2] as number;
              job.packet(scanner.packet(record), packets + 1 + (entry - memory.table * 4) / 16);
            }
          }
          matched += count;
          packets += stretch.count;
          if (matched >= most) return { packets, matched };
        }
      } finally {
        output.flush();
      }
      memory.bytes.copyWithin(memory.start, at, end);
      end = memory.start + (end - at);
      if (job.goesOn?.(packets, matched) === false) return { packets, matched };
    }
    scanner.end(end - memory.start);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { packets, matched, damage: error };
  }
  return { packets, matched };
}

/** Keeps the records of a list: each goes to where the next one of the table begins. */
function keepMatching(memory: PacketMemory, output: Output, matching: number, count: number, end: number): void {
  const { words, list, table } = memory;
  const last = (table + (count - 1) * 4) * 4;
  for (let i = 0; i < matching; i++) {
    const entry = words[list + i] as number;
    const word = entry >>> 2;
    output.keep(words[word] as number, entry === last ? end : (words[word + 4] as number));
  }
}

/** Moves what is kept together, at the start of the room, and writes it. */
class Output {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #write: ((bytes: Uint8Array) => void) | undefined;
  /** Where what is kept ends, and a piece of it that lies elsewhere yet. */
  #end: number;
  #from: number;
  #to: number;

  constructor(bytes: Uint8Array, start: number, write: ((bytes: Uint8Array) => void) | undefined) {
    this.#bytes = bytes;
    this.#start = start;
    this.#write = write;
    this.#end = this.#from = this.#to = start;
  }

  keep(from: number, to: number): void {
    if (from === this.#to) {
      this.#to = to;
      return;
    }
    this.#move();
    this.#from = from;
    this.#to = to;
  }

  #move(): void {
    const size = this.#to - this.#from;
    if (size > 0 && this.#from !== this.#end) this.#bytes.copyWithin(this.#end, this.#from, this.#to);
    this.#end += size;
    this.#from = this.#to = -1;
  }

  flush(): void {
    this.#move();
    if (this.#end > this.#start) this.#write?.(this.#bytes.subarray(this.#start, this.#end));
    this.#end = this.#from = this.#to = this.#start;
  }
}
