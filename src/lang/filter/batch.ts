// Many packets at once: a memory that they lie in, and filters that are compiled for it.

import { compileWasm, createWasmMemory, instantiateWasm, type WasmMemory } from "../../wasm/index.ts";
import type { CompiledFilter } from "./compile-filter.ts";
import { ENTRY_BYTES, filterModule } from "./wasm-filter.ts";
import { SLACK } from "./wasm-values.ts";

const PAGE = 65536;

export interface PacketRoom {
  /** Bytes of all packets; 4 MiB by default. */
  readonly bytes?: number;
  /** Packets at once; 8192 by default. */
  readonly packets?: number;
}

/** Where packets lie for filters that are compiled to WebAssembly, and the table of them: four words for each. */
export class PacketMemory {
  /** The whole memory; the room for packets is from `start` to `end`. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly start: number;
  readonly end: number;
  /** Packets that the table holds. */
  readonly most: number;
  /** Where the table is and where the list of those that matched, in words. */
  readonly table: number;
  readonly list: number;
  readonly #memory: WasmMemory;
  readonly #pages: number;

  constructor({ bytes = 4 << 20, packets = 8192 }: PacketRoom = {}) {
    this.most = packets;
    // The list has room for one more, which is written but not counted.
    const head = packets * ENTRY_BYTES + (packets + 1) * 4;
    this.start = (head + 63) & ~63;
    this.end = this.start + bytes;
    this.#pages = Math.ceil((this.end + SLACK) / PAGE);
    this.#memory = createWasmMemory(this.#pages);
    this.bytes = new Uint8Array(this.#memory.buffer);
    this.words = new Uint32Array(this.#memory.buffer);
    this.table = 0;
    this.list = (packets * ENTRY_BYTES) / 4;
  }

  /**
   * Describes a packet of the table: where its record begins (which nobody asks but the caller), where the packet does, both
   * from the memory's start, how many of its bytes are there, and how long it was.
   */
  describe(index: number, record: number, at: number, kept: number, length: number): void {
    const word = this.table + index * 4;
    this.words[word] = record;
    this.words[word + 1] = at;
    this.words[word + 2] = kept;
    this.words[word + 3] = length;
  }

  /**
   * A function that filters the first packets of the table. It answers how many match; `words` from `list` on then hold where
   * in the memory their entries of the table are.
   */
  compile(filter: Pick<CompiledFilter, "graph">): (count: number) => number {
    const module = compileWasm(filterModule(filter.graph, this.#pages));
    const { filter: run } = instantiateWasm(module, { env: { memory: this.#memory } });
    if (run === undefined) throw new Error("the module has no function");
    return (count) => run(this.table * 4, count, this.list * 4);
  }
}
