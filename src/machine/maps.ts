// A map from outside: bytes in, bytes out, with the same methods as a map of the live kernel.

import { type BpfMap, type MapDump, type MapSpec, UPDATE_FLAGS, type UpdateMode } from "../object/index.ts";
import { Header, type MapKind, type MapLayout, MOST_KEY_BYTES } from "./map-header.ts";
import { entries, headerWord, lookup, remove, update } from "./map-operations.ts";
import { bloomAdd, bloomHas, pop, push, ringConsume } from "./map-sequence.ts";
import type { Memory } from "./memory.ts";

/** What `perf_event_output` wrote. */
export interface PerfRecord {
  readonly cpu: number;
  readonly data: Uint8Array;
}

/** An operation on a map that failed, with the errno that the kernel would give. */
export class MapError extends Error {
  readonly errno: number;
  constructor(map: string, what: string, errno: number) {
    super(`map "${map}": ${what} failed with errno ${errno}`);
    this.name = "MapError";
    this.errno = errno;
  }
}

export class EmbeddedMap implements BpfMap {
  readonly spec: MapSpec;
  readonly name: string;
  readonly kind: MapKind;
  /** Its address in the machine's memory, which is what programs hold of it. */
  readonly handle: number;
  /** True: every value holds one for each CPU of the machine. */
  readonly perCpu: boolean;
  /** Bytes from one CPU's value to the next; for other maps the size of the value. */
  readonly valueStride: number;
  /** Bytes that one entry's value takes in `lookup`, `update` and `dump`. */
  readonly valueBytes: number;
  /** Of a perf event array, oldest first; whoever reads takes them out. */
  readonly events: PerfRecord[] = [];
  /** Of a program array: the names of programs by index. */
  readonly programs: Map<number, string> = new Map();
  /** Where it lies in the machine's memory. */
  readonly layout: MapLayout;
  readonly #memory: Memory;
  /** Room for a key and a value. */
  readonly #scratch: number;
  readonly #find: (name: string) => EmbeddedMap | undefined;

  constructor(memory: Memory, layout: MapLayout, scratch: number, find: (name: string) => EmbeddedMap | undefined) {
    this.spec = layout.spec;
    this.name = layout.spec.name;
    this.kind = layout.kind;
    this.handle = layout.header;
    this.perCpu = layout.kind.perCpu;
    this.valueStride = this.perCpu ? layout.stride : layout.spec.valueSize;
    this.valueBytes = this.perCpu ? layout.stride * layout.cpus : layout.spec.valueSize;
    this.#memory = memory;
    this.layout = layout;
    this.#scratch = scratch;
    this.#find = find;
  }

  /** Entries in use; of an array all that it has. */
  get size(): number {
    return this.kind.shape === "array" ? this.layout.maxEntries : headerWord(this.#memory, this.handle, Header.COUNT);
  }

  /** Ring-buffer records that found no room. */
  get lost(): number {
    return headerWord(this.#memory, this.handle, Header.LOST);
  }

  /** A copy of the value of a key, or undefined where there is none; of a queue or a stack, which have no keys, the next one. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    if (this.kind.shape === "queue") return this.#next(true);
    const value = lookup(this.#memory, this.handle, this.#key(key));
    return value === 0 ? undefined : this.#memory.u8.slice(value, value + this.valueBytes);
  }

  /** The value of a key, which is deleted; of a queue or a stack the next one. Undefined where there is none. */
  take(key: Uint8Array): Uint8Array | undefined {
    if (this.kind.shape === "queue") return this.pop();
    const value = this.lookup(key);
    if (value !== undefined) this.delete(key);
    return value;
  }

  /** Throws RangeError for sizes that do not fit, MapError for what the kernel would refuse. */
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = "any"): void {
    if (value.length !== this.valueBytes) {
      throw new RangeError(`map "${this.name}": a value has ${this.valueBytes} bytes, not ${value.length}`);
    }
    if (this.kind.shape === "queue" || this.kind.shape === "bloom") {
      this.push(value, mode === "exist");
      return;
    }
    const at = this.#key(key);
    const memory = this.#memory;
    const size = this.spec.valueSize;
    const from = this.#scratch + MOST_KEY_BYTES;
    for (let cpu = 0; cpu < this.layout.cpus; cpu++) {
      const part = value.subarray(cpu * this.valueStride, cpu * this.valueStride + size);
      memory.u8.set(part, from);
      const result = update(memory, this.handle, at, from, cpu === 0 ? UPDATE_FLAGS[mode] : 0, cpu);
      if (result !== 0) throw new MapError(this.name, "update", -result);
    }
  }

  /** True when there was such a key. */
  delete(key: Uint8Array): boolean {
    const result = remove(this.#memory, this.handle, this.#key(key));
    if (result === -2) return false;
    if (result !== 0) throw new MapError(this.name, "delete", -result);
    return true;
  }

  dump(): MapDump {
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    const { u8 } = this.#memory;
    const keySize = this.layout.keySize;
    for (const { key, value } of entries(this.#memory, this.handle, this.#scratch)) {
      keys.push(u8.slice(key, key + keySize));
      values.push(u8.slice(value, value + this.valueBytes));
    }
    return { count: keys.length, keys: joined(keys, keySize), values: joined(values, this.valueBytes) };
  }

  /** Deletes every entry of a hash; fills an array with zeros. Answers how many entries were deleted or zeroed. */
  clear(): number {
    if (this.kind.shape === "array") {
      const { data, entryBytes, maxEntries } = this.layout;
      this.#memory.u8.fill(0, data, data + entryBytes * maxEntries);
      return maxEntries;
    }
    const { count, keys } = this.dump();
    const keySize = this.layout.keySize;
    for (let i = 0; i < count; i++) this.delete(keys.slice(i * keySize, (i + 1) * keySize));
    return count;
  }

  /** Appends to a queue, a stack or a bloom filter. Throws MapError when it is full. */
  push(value: Uint8Array, replaceOldest = false): void {
    const at = this.#scratch;
    this.#memory.u8.set(this.#value(value), at);
    const result =
      this.kind.shape === "bloom"
        ? bloomAdd(this.#memory, this.handle, at)
        : push(this.#memory, this.handle, at, replaceOldest ? 2 : 0);
    if (result !== 0) throw new MapError(this.name, "push", -result);
  }

  /** Takes the next element of a queue or a stack out; undefined where it is empty. */
  pop(): Uint8Array | undefined {
    return this.#next(false);
  }

  #next(stays: boolean): Uint8Array | undefined {
    const at = this.#scratch;
    if (pop(this.#memory, this.handle, at, stays) !== 0) return undefined;
    return this.#memory.u8.slice(at, at + this.spec.valueSize);
  }

  /** False: certainly never added to the bloom filter. */
  mayHave(value: Uint8Array): boolean {
    this.#memory.u8.set(this.#value(value), this.#scratch);
    return bloomHas(this.#memory, this.handle, this.#scratch) === 0;
  }

  /**
   * Takes every finished record of a ring buffer, oldest first; the bytes are good only during the call. `position` is
   * where in the ring it began, in bytes since the ring was made, modulo 2^32.
   */
  consume(take: (record: Uint8Array, position: number) => void): number {
    if (this.kind.shape === "events") {
      const taken = this.events.splice(0);
      for (const record of taken) take(record.data, 0);
      return taken.length;
    }
    return ringConsume(this.#memory, this.handle, take);
  }

  /** Puts a program of the object (or none) at an index of a program array. */
  setProgram(index: number, program: string | undefined): void {
    if (this.spec.type !== "prog_array") throw new MapError(this.name, "setProgram", 22);
    if (!(index >= 0 && index < this.layout.maxEntries)) throw new MapError(this.name, "setProgram", 7);
    if (program === undefined) this.programs.delete(index);
    else this.programs.set(index, program);
  }

  /** Puts a map of the object into a map of maps. A map of maps in another is refused, as the kernel does. */
  setMap(key: Uint8Array, name: string): void {
    const inner = this.#find(name);
    if (!this.kind.ofMaps || inner === undefined || inner.kind.ofMaps) throw new MapError(this.name, "setMap", 22);
    const at = this.#key(key);
    this.#memory.u32[(this.#scratch + MOST_KEY_BYTES) >>> 2] = inner.handle;
    const result = update(this.#memory, this.handle, at, this.#scratch + MOST_KEY_BYTES, 0, 0);
    if (result !== 0) throw new MapError(this.name, "setMap", -result);
  }

  /** The memory of an array, element i at `i * roundup(valueSize, 8)`: what programs write is seen at once. */
  mapped(): Uint8Array {
    if (this.kind.shape !== "array") throw new MapError(this.name, "mapped", 22);
    return this.#memory.bytes(this.layout.data, this.layout.entryBytes * this.layout.maxEntries);
  }

  #key(key: Uint8Array): number {
    if (key.length !== this.layout.keySize) {
      throw new RangeError(`map "${this.name}": a key has ${this.layout.keySize} bytes, not ${key.length}`);
    }
    this.#memory.u8.set(key, this.#scratch);
    return this.#scratch;
  }

  #value(value: Uint8Array): Uint8Array {
    if (value.length !== this.spec.valueSize) {
      throw new RangeError(`map "${this.name}": a value has ${this.spec.valueSize} bytes, not ${value.length}`);
    }
    return value;
  }
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(parts.length * size);
  parts.forEach((part, i) => {
    bytes.set(part, i * size);
  });
  return bytes;
}
