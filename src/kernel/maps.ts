// Maps of the live kernel: created, read, written and closed by their file descriptors.
//
// Values of a per-CPU map are `cpus` copies one after another, each rounded up to 8 bytes (`valueStride`).

import { MAP_TYPES, type MapSpec } from "../object/index.ts";
import { Struct } from "./attributes.ts";
import { possibleCpus } from "./cpus.ts";
import { UnsupportedError } from "./errors.ts";
import { chargedBpf } from "./memory-limit.ts";
import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_F_RDONLY_PROG, Command, PAGE_SIZE } from "./numbers.ts";
import { checked, MAP_SHARED, PROT_READ, PROT_WRITE, systemCalls } from "./system-calls.ts";

const ENOENT = 2;
const EINVAL = 22;
const ENOSPC = 28;
const ENOTSUPP = 524;

/** `flags` of `update`: create or replace; only create; only replace. */
export type UpdateMode = "any" | "no_exist" | "exist";
const updateModes: Readonly<Record<UpdateMode, number>> = { any: 0, no_exist: 1, exist: 2 };

/** All entries at once, flat: entry i has its key at `i * keySize` and its value at `i * valueBytes`. */
export interface MapDump {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

export interface KernelMapOptions {
  /** BTF of the object, for `keyType` and `valueType`. */
  readonly btfFd?: number;
}

/** One map. It closes with `close()` or by `using`; the kernel keeps it while a program uses it. */
export class KernelMap {
  readonly fd: number;
  readonly spec: MapSpec;
  /** True: every value holds one for each possible CPU. */
  readonly perCpu: boolean;
  /** Bytes from one CPU's value to the next; for other maps the size of the value. */
  readonly valueStride: number;
  /** Bytes that one entry's value takes in `lookup`, `update` and `dump`. */
  readonly valueBytes: number;
  #pages: ArrayBuffer | undefined;
  #element: Struct | undefined;
  #keyIn: Uint8Array | undefined;
  #open = true;

  constructor(fd: number, spec: MapSpec) {
    this.fd = fd;
    this.spec = spec;
    this.perCpu = spec.type.includes("percpu");
    this.valueStride = this.perCpu ? (spec.valueSize + 7) & ~7 : spec.valueSize;
    this.valueBytes = this.perCpu ? this.valueStride * possibleCpus().length : spec.valueSize;
  }

  /** The value of a key, or undefined where there is none. With `into`, it is written there and no memory is taken. */
  lookup(key: Uint8Array, into?: Uint8Array): Uint8Array | undefined {
    const value = into ?? new Uint8Array(this.valueBytes);
    const result = this.#call(Command.mapLookup, key, value, 0);
    if (result === -ENOENT) return undefined;
    checked(result, "bpf(BPF_MAP_LOOKUP_ELEM)", `map "${this.spec.name}"`);
    return value;
  }

  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = "any"): void {
    if (value.length !== this.valueBytes) {
      throw new RangeError(`map "${this.spec.name}": a value has ${this.valueBytes} bytes, not ${value.length}`);
    }
    checked(
      this.#call(Command.mapUpdate, key, value, updateModes[mode]),
      "bpf(BPF_MAP_UPDATE_ELEM)",
      `map "${this.spec.name}"`,
    );
  }

  /** True when there was such a key. */
  delete(key: Uint8Array): boolean {
    const result = this.#call(Command.mapDelete, key, undefined, 0);
    if (result === -ENOENT) return false;
    checked(result, "bpf(BPF_MAP_DELETE_ELEM)", `map "${this.spec.name}"`);
    return true;
  }

  /**
   * Every entry, by batches (about 0.3 µs an entry), or one by one where the kernel has no batches for this type.
   * While programs write, it is no snapshot: entries that come or go meanwhile may be in it or not, none is in it twice.
   */
  dump(): MapDump {
    return this.#dumpByBatch() ?? this.#dumpOneByOne();
  }

  /** Deletes every entry of a hash; fills an array with zeros. Answers how many entries were deleted or zeroed. */
  clear(): number {
    const { type, maxEntries } = this.spec;
    if (type === "array" || type === "percpu_array") {
      const key = new Uint32Array(1);
      const zero = new Uint8Array(this.valueBytes);
      for (let i = 0; i < maxEntries; i++) {
        key[0] = i;
        this.update(new Uint8Array(key.buffer), zero);
      }
      return maxEntries;
    }
    const { count, keys } = this.#keys();
    const struct = new Struct(64).pointer(16, keys).u32(36, this.fd);
    let at = 0;
    while (at < count) {
      struct.u64(16, systemCalls().addressOf(keys) + BigInt(at * this.spec.keySize)).u32(32, count - at);
      const result = systemCalls().bpf(Command.mapDeleteBatch, struct.bytes);
      if (result === -EINVAL || result === -ENOTSUPP) {
        for (; at < count; at++) this.delete(keys.subarray(at * this.spec.keySize, (at + 1) * this.spec.keySize));
        break;
      }
      at += struct.readU32(32);
      // Somebody else was faster: that key is gone, which is all we want.
      if (result === -ENOENT) at++;
      else checked(result, "bpf(BPF_MAP_DELETE_BATCH)", `map "${this.spec.name}"`);
    }
    return count;
  }

  /** The memory of an array that was created with BPF_F_MMAPABLE: element i at `i * roundup(valueSize, 8)`. */
  mapped(): ArrayBuffer {
    if (this.#pages === undefined) {
      if (this.spec.type !== "array" || !((this.spec.flags ?? 0) & BPF_F_MMAPABLE)) {
        throw new UnsupportedError(`map "${this.spec.name}" cannot be mapped: only an array with BPF_F_MMAPABLE can`);
      }
      const bytes = ((this.spec.valueSize + 7) & ~7) * this.spec.maxEntries;
      const length = Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
      const pages = systemCalls().mmap(length, PROT_READ | PROT_WRITE, MAP_SHARED, this.fd, 0);
      if (typeof pages === "number") checked(pages, "mmap", `map "${this.spec.name}"`);
      else this.#pages = pages;
    }
    return this.#pages as ArrayBuffer;
  }

  /** Closes the descriptor and unmaps its memory: what `mapped()` gave must not be touched any more. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#pages !== undefined) systemCalls().munmap(this.#pages);
    this.#pages = undefined;
    systemCalls().close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #call(command: number, key: Uint8Array, value: Uint8Array | undefined, flags: number): number {
    if (key.length !== this.spec.keySize) {
      throw new RangeError(`map "${this.spec.name}": a key has ${this.spec.keySize} bytes, not ${key.length}`);
    }
    const calls = systemCalls();
    this.#element ??= new Struct(32).u32(0, this.fd);
    const element = this.#element;
    if (this.spec.keySize > 0) {
      // The key is copied to a place whose address is known: two fewer address look-ups on the hot path.
      if (this.#keyIn === undefined) element.pointer(8, (this.#keyIn = new Uint8Array(this.spec.keySize)));
      this.#keyIn.set(key);
    }
    element.u64(16, value === undefined ? 0 : calls.addressOf(value)).u64(24, flags);
    return calls.bpf(command, element.bytes);
  }

  #dumpByBatch(): MapDump | undefined {
    const { keySize, maxEntries } = this.spec;
    const calls = systemCalls();
    let capacity = Math.max(1, Math.min(maxEntries, 1024));
    let keys: Uint8Array = new Uint8Array(capacity * keySize);
    let values: Uint8Array = new Uint8Array(capacity * this.valueBytes);
    // Positions are opaque: a hash writes a bucket number of 4 bytes, other types a key.
    const from = new Uint8Array(Math.max(keySize, 8));
    const to = new Uint8Array(Math.max(keySize, 8));
    const batch = new Struct(64).u32(36, this.fd).pointer(8, to);
    let started = false;
    let count = 0;
    for (;;) {
      batch
        .u64(0, started ? calls.addressOf(from) : 0)
        .u64(16, calls.addressOf(keys) + BigInt(count * keySize))
        .u64(24, calls.addressOf(values) + BigInt(count * this.valueBytes))
        .u32(32, capacity - count);
      const result = calls.bpf(Command.mapLookupBatch, batch.bytes);
      if (result === -EINVAL || result === -ENOTSUPP) return undefined;
      if (result === 0 || result === -ENOENT) count += batch.readU32(32);
      else if (result !== -ENOSPC) checked(result, "bpf(BPF_MAP_LOOKUP_BATCH)", `map "${this.spec.name}"`);
      if (result === -ENOENT) break;
      if (result === 0) {
        from.set(to);
        started = true;
      }
      // ENOSPC: the next bucket alone has more entries than there is room; the same position goes on with more.
      if (result === -ENOSPC || count === capacity) {
        capacity *= 2;
        keys = grown(keys, capacity * keySize);
        values = grown(values, capacity * this.valueBytes);
      }
    }
    return { count, keys: keys.subarray(0, count * keySize), values: values.subarray(0, count * this.valueBytes) };
  }

  /** All keys, and room for as many values. An entry that goes away meanwhile is left out. */
  #dumpOneByOne(): MapDump {
    const { keySize } = this.spec;
    let { count, keys } = this.#keys();
    const values = new Uint8Array(count * this.valueBytes);
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const key = keys.slice(i * keySize, (i + 1) * keySize);
      if (this.lookup(key, values.subarray(kept * this.valueBytes, (kept + 1) * this.valueBytes)) === undefined)
        continue;
      keys.set(key, kept++ * keySize);
    }
    count = kept;
    return { count, keys: keys.subarray(0, count * keySize), values: values.subarray(0, count * this.valueBytes) };
  }

  /** Every key by BPF_MAP_GET_NEXT_KEY. */
  #keys(): { count: number; keys: Uint8Array } {
    const { keySize, maxEntries } = this.spec;
    const calls = systemCalls();
    let keys: Uint8Array = new Uint8Array(Math.max(1, Math.min(maxEntries, 1024)) * keySize);
    let count = 0;
    const current = new Uint8Array(keySize);
    const next = new Uint8Array(keySize);
    const element = new Struct(32).u32(0, this.fd).pointer(16, next);
    for (;;) {
      const result = calls.bpf(Command.mapNextKey, element.bytes);
      // A key that is deleted under our feet makes the kernel start over; the bound ends that.
      if (result === -ENOENT || count > maxEntries * 2) break;
      checked(result, "bpf(BPF_MAP_GET_NEXT_KEY)", `map "${this.spec.name}"`);
      current.set(next);
      if ((count + 1) * keySize > keys.length) keys = grown(keys, keys.length * 2);
      keys.set(current, count++ * keySize);
      if (count === 1) element.pointer(8, current);
    }
    return { count, keys: keys.subarray(0, count * keySize) };
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}

/** Map types that share the entries of one hash, and take no BPF_F_NO_PREALLOC by themselves. */
const withoutPreallocation: ReadonlySet<string> = new Set([
  "task_storage",
  "sk_storage",
  "inode_storage",
  "cgrp_storage",
  "lpm_trie",
]);

/**
 * Creates a map. What `spec.initial` says is written into element 0. Throws a SystemCallError.
 */
export function createMap(spec: MapSpec, options: KernelMapOptions = {}): KernelMap {
  const flags = (spec.flags ?? 0) | (withoutPreallocation.has(spec.type) ? BPF_F_NO_PREALLOC : 0);
  const attribute = new Struct(80)
    .u32(0, MAP_TYPES[spec.type])
    .u32(4, spec.keySize)
    .u32(8, spec.valueSize)
    .u32(12, spec.maxEntries)
    .u32(16, flags)
    .name(28, spec.name);
  if (options.btfFd !== undefined && (spec.keyType !== undefined || spec.valueType !== undefined)) {
    attribute
      .u32(48, options.btfFd)
      .u32(52, spec.keyType ?? 0)
      .u32(56, spec.valueType ?? 0);
  }
  const fd = checked(
    chargedBpf(Command.mapCreate, attribute.bytes),
    "bpf(BPF_MAP_CREATE)",
    `map "${spec.name}" (${spec.type})`,
  );
  const map = new KernelMap(fd, spec);
  try {
    if (spec.initial !== undefined) writeInitial(map, spec.initial);
    // What programs may only read is then known to the verifier as constants.
    if (flags & BPF_F_RDONLY_PROG) {
      checked(
        systemCalls().bpf(Command.mapFreeze, new Struct(4).u32(0, fd).bytes),
        "bpf(BPF_MAP_FREEZE)",
        `map "${spec.name}"`,
      );
    }
  } catch (error) {
    map.close();
    throw error;
  }
  return map;
}

function writeInitial(map: KernelMap, initial: Uint8Array): void {
  const value = new Uint8Array(map.valueBytes);
  for (let at = 0; at < value.length; at += map.valueStride) value.set(initial.subarray(0, map.spec.valueSize), at);
  map.update(new Uint8Array(map.spec.keySize), value);
}
