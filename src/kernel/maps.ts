// Maps of the live kernel: created, read, written and closed by their file descriptors.
//
// Values of a per-CPU map are `cpus` copies one after another, each rounded up to 8 bytes (`valueStride`).

import {
  BPF_F_MMAPABLE,
  BPF_F_NO_PREALLOC,
  BPF_F_RDONLY_PROG,
  type BpfMap,
  MAP_TYPES,
  type MapDump,
  type MapSpec,
  UPDATE_FLAGS,
  type UpdateMode,
} from "../object/index.ts";
import { possibleCpus } from "./cpus.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import type { BpfAttr, Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { chargedBpf } from "./memory-limit.ts";
import { PAGE_SIZE } from "./numbers.ts";
import { objectName } from "./struct.ts";
import { checked, MAP_SHARED, PROT_READ, PROT_WRITE } from "./system-calls.ts";

const ENOENT = 2;
const EINVAL = 22;
const ENOSPC = 28;
const EOPNOTSUPP = 95;
const ENOTSUPP = 524;
/** Entries that are read by one call where not all are. */
const CHUNK = 4096;

/** The commands that take one element. */
type ElementCommand = "MAP_LOOKUP_ELEM" | "MAP_UPDATE_ELEM" | "MAP_DELETE_ELEM" | "MAP_LOOKUP_AND_DELETE_ELEM";

export interface KernelMapOptions {
  /** BTF of the object, for `keyType` and `valueType`. */
  readonly btfFd?: number;
  /** The number of an interface whose card has the map (LoadOptions.offload). */
  readonly offload?: number;
}

/** One map. It closes with `close()` or by `using`; the kernel keeps it while a program uses it. */
export class KernelMap implements BpfMap {
  readonly fd: number;
  readonly spec: MapSpec;
  readonly kernel: Kernel;
  /** True: every value holds one for each possible CPU. */
  readonly perCpu: boolean;
  /** Bytes from one CPU's value to the next; for other maps the size of the value. */
  readonly valueStride: number;
  /** Bytes that one entry's value takes in `lookup`, `update` and `dump`. */
  readonly valueBytes: number;
  #pages: ArrayBuffer | undefined;
  #element: BpfAttr<ElementCommand> | undefined;
  #keyIn: Uint8Array | undefined;
  #open = true;

  constructor(fd: number, spec: MapSpec, kernel: Kernel = liveKernel()) {
    this.fd = fd;
    this.kernel = kernel;
    this.spec = spec;
    this.perCpu = spec.type.includes("percpu");
    this.valueStride = this.perCpu ? (spec.valueSize + 7) & ~7 : spec.valueSize;
    this.valueBytes = this.perCpu ? this.valueStride * possibleCpus(kernel).length : spec.valueSize;
  }

  /** The value of a key, or undefined where there is none. With `into`, it is written there and no memory is taken. */
  lookup(key: Uint8Array, into?: Uint8Array): Uint8Array | undefined {
    const value = into ?? new Uint8Array(this.valueBytes);
    const result = this.#call("MAP_LOOKUP_ELEM", key, value, 0);
    if (result === -ENOENT) return undefined;
    checked(result, "bpf(BPF_MAP_LOOKUP_ELEM)", `map "${this.spec.name}"`);
    return value;
  }

  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = "any"): void {
    if (value.length !== this.valueBytes) {
      throw new RangeError(`map "${this.spec.name}": a value has ${this.valueBytes} bytes, not ${value.length}`);
    }
    checked(
      this.#call("MAP_UPDATE_ELEM", key, value, UPDATE_FLAGS[mode]),
      "bpf(BPF_MAP_UPDATE_ELEM)",
      `map "${this.spec.name}"`,
    );
  }

  /** True when there was such a key. */
  delete(key: Uint8Array): boolean {
    const result = this.#call("MAP_DELETE_ELEM", key, undefined, 0);
    if (result === -ENOENT) return false;
    checked(result, "bpf(BPF_MAP_DELETE_ELEM)", `map "${this.spec.name}"`);
    return true;
  }

  /**
   * The value of a key, which is deleted: in one step where the kernel can (hashes since Linux 5.14), else by two. Undefined
   * where there is none. Of queues and stacks, whose keys are empty, it is the next one.
   */
  take(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.valueBytes);
    const result = this.#call("MAP_LOOKUP_AND_DELETE_ELEM", key, value, 0);
    if (result === -ENOENT) return undefined;
    if ((result === -EINVAL || result === -ENOTSUPP || result === -EOPNOTSUPP) && key.length > 0) {
      const found = this.lookup(key, value);
      return found !== undefined && this.delete(key) ? found : undefined;
    }
    checked(result, "bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM)", `map "${this.spec.name}"`);
    return value;
  }

  /**
   * Writes `count` entries that lie one after the other, by one call where the kernel has batches for this type (Linux 5.6).
   * Throws a SystemCallError; those before the one that was refused stay.
   */
  updateMany(keys: Uint8Array, values: Uint8Array, count: number, mode: UpdateMode = "any"): void {
    const { keySize, name } = this.spec;
    const each = this.valueBytes;
    if (count === 0) return;
    const batch = this.kernel.bpfAttr("MAP_UPDATE_BATCH", { map_fd: this.fd, keys, values, count });
    batch.set({ elem_flags: UPDATE_FLAGS[mode] });
    const result = this.kernel.bpf("MAP_UPDATE_BATCH", batch);
    if (result !== -EINVAL && result !== -ENOTSUPP) {
      checked(result, "bpf(BPF_MAP_UPDATE_BATCH)", `map "${name}"`);
      return;
    }
    for (let i = 0; i < count; i++)
      this.update(keys.subarray(i * keySize, (i + 1) * keySize), values.subarray(i * each, (i + 1) * each), mode);
  }

  /** Deletes those of `count` keys that there are, by batches where the kernel has them; answers how many these were. */
  deleteMany(keys: Uint8Array, count: number): number {
    const { keySize, name } = this.spec;
    if (count === 0) return 0;
    const first = this.kernel.calls.addressOf(keys);
    const batch = this.kernel.bpfAttr("MAP_DELETE_BATCH", { map_fd: this.fd, keys });
    let deleted = 0;
    for (let at = 0; at < count; ) {
      batch.set({ keys: first + BigInt(at * keySize), count: count - at });
      const result = this.kernel.bpf("MAP_DELETE_BATCH", batch);
      if (result === -EINVAL || result === -ENOTSUPP) {
        for (; at < count; at++) if (this.delete(keys.subarray(at * keySize, (at + 1) * keySize))) deleted++;
        break;
      }
      deleted += batch.get("count");
      at += batch.get("count");
      // There is no such key: the next ones are still to be deleted.
      if (result === -ENOENT) at++;
      else checked(result, "bpf(BPF_MAP_DELETE_BATCH)", `map "${name}"`);
    }
    return deleted;
  }

  /** Every entry, some thousand at a time; where the kernel has no batches for this type, all at once. As `dump`, no snapshot. */
  *chunks(): Generator<MapDump, void> {
    const { keySize, maxEntries, name } = this.spec;
    const position = new Uint8Array(Math.max(keySize, 8));
    let capacity = Math.max(1, Math.min(maxEntries, CHUNK));
    for (let started = false; ; ) {
      const keys = new Uint8Array(capacity * keySize);
      const values = new Uint8Array(capacity * this.valueBytes);
      const next = new Uint8Array(position.length);
      const batch = this.kernel.bpfAttr("MAP_LOOKUP_BATCH", { map_fd: this.fd, keys, values, out_batch: next });
      batch.set({ in_batch: started ? position : 0, count: capacity });
      const result = this.kernel.bpf("MAP_LOOKUP_BATCH", batch);
      if ((result === -EINVAL || result === -ENOTSUPP) && !started) {
        yield this.#dumpOneByOne();
        return;
      }
      // One bucket alone has more entries than there is room for.
      if (result === -ENOSPC) {
        capacity *= 2;
        continue;
      }
      if (result !== -ENOENT) checked(result, "bpf(BPF_MAP_LOOKUP_BATCH)", `map "${name}"`);
      const count = batch.get("count");
      if (count > 0)
        yield { count, keys: keys.subarray(0, count * keySize), values: values.subarray(0, count * this.valueBytes) };
      if (result === -ENOENT) return;
      position.set(next);
      started = true;
    }
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
    // What somebody else has deleted meanwhile is gone, which is all we want.
    this.deleteMany(keys, count);
    return count;
  }

  /** Was it created so that its memory can be had here? */
  get mappable(): boolean {
    return this.spec.type === "array" && ((this.spec.flags ?? 0) & BPF_F_MMAPABLE) !== 0;
  }

  /** The memory of an array that was created with BPF_F_MMAPABLE: element i at `i * roundup(valueSize, 8)`. */
  mapped(): ArrayBuffer {
    if (this.#pages === undefined) {
      if (!this.mappable) {
        throw new UnsupportedError(`map "${this.spec.name}" cannot be mapped: only an array with BPF_F_MMAPABLE can`);
      }
      const bytes = ((this.spec.valueSize + 7) & ~7) * this.spec.maxEntries;
      const length = Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
      const pages = this.kernel.calls.mmap(length, PROT_READ | PROT_WRITE, MAP_SHARED, this.fd, 0);
      if (typeof pages === "number") checked(pages, "mmap", `map "${this.spec.name}"`);
      else this.#pages = pages;
    }
    return this.#pages as ArrayBuffer;
  }

  /** Closes the descriptor and unmaps its memory: what `mapped()` gave must not be touched any more. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#pages !== undefined) this.kernel.calls.munmap(this.#pages);
    this.#pages = undefined;
    this.kernel.calls.close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #call(command: ElementCommand, key: Uint8Array, value: Uint8Array | undefined, flags: number): number {
    if (key.length !== this.spec.keySize) {
      throw new RangeError(`map "${this.spec.name}": a key has ${this.spec.keySize} bytes, not ${key.length}`);
    }
    const { kernel } = this;
    this.#element ??= kernel.bpfAttr<ElementCommand>("MAP_LOOKUP_ELEM", { map_fd: this.fd });
    const element = this.#element;
    if (this.spec.keySize > 0) {
      // The key is copied to a place whose address is known: two fewer address look-ups on the hot path.
      if (this.#keyIn === undefined) element.put("key", (this.#keyIn = new Uint8Array(this.spec.keySize)));
      this.#keyIn.set(key);
    }
    element.put("value", value === undefined ? 0 : kernel.calls.addressOf(value)).put("flags", flags);
    return kernel.bpf(command, element);
  }

  #dumpByBatch(): MapDump | undefined {
    const { keySize, maxEntries } = this.spec;
    const { kernel } = this;
    const { calls } = kernel;
    let capacity = Math.max(1, Math.min(maxEntries, 1024));
    let keys: Uint8Array = new Uint8Array(capacity * keySize);
    let values: Uint8Array = new Uint8Array(capacity * this.valueBytes);
    // Positions are opaque: a hash writes a bucket number of 4 bytes, other types a key.
    const from = new Uint8Array(Math.max(keySize, 8));
    const to = new Uint8Array(Math.max(keySize, 8));
    const batch = kernel.bpfAttr("MAP_LOOKUP_BATCH", { map_fd: this.fd, out_batch: to });
    let started = false;
    let count = 0;
    for (;;) {
      batch.set({
        in_batch: started ? from : 0,
        keys: calls.addressOf(keys) + BigInt(count * keySize),
        values: calls.addressOf(values) + BigInt(count * this.valueBytes),
        count: capacity - count,
      });
      const result = kernel.bpf("MAP_LOOKUP_BATCH", batch);
      if (result === -EINVAL || result === -ENOTSUPP) return undefined;
      if (result === 0 || result === -ENOENT) count += batch.get("count");
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
    const { kernel } = this;
    let keys: Uint8Array = new Uint8Array(Math.max(1, Math.min(maxEntries, 1024)) * keySize);
    let count = 0;
    const current = new Uint8Array(keySize);
    const next = new Uint8Array(keySize);
    const element = kernel.bpfAttr("MAP_GET_NEXT_KEY", { map_fd: this.fd, next_key: next });
    for (;;) {
      const result = kernel.bpf("MAP_GET_NEXT_KEY", element);
      // A key that is deleted under our feet makes the kernel start over; the bound ends that.
      if (result === -ENOENT || count > maxEntries * 2) break;
      checked(result, "bpf(BPF_MAP_GET_NEXT_KEY)", `map "${this.spec.name}"`);
      current.set(next);
      if ((count + 1) * keySize > keys.length) keys = grown(keys, keys.length * 2);
      keys.set(current, count++ * keySize);
      if (count === 1) element.put("key", current);
    }
    return { count, keys: keys.subarray(0, count * keySize) };
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}

/** Map types that cannot be without types of their values. */
const NEED_TYPES: ReadonlySet<string> = new Set([
  "task_storage",
  "sk_storage",
  "inode_storage",
  "cgrp_storage",
  "struct_ops",
]);

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
export function createMap(plan: MapSpec, options: KernelMapOptions = {}, kernel: Kernel = liveKernel()): KernelMap {
  const spec =
    plan.type === "perf_event_array" && plan.maxEntries === 0
      ? { ...plan, maxEntries: possibleCpus(kernel).length }
      : plan;
  const flags = (spec.flags ?? 0) | (withoutPreallocation.has(spec.type) ? BPF_F_NO_PREALLOC : 0);
  const attr = kernel.bpfAttr("MAP_CREATE", {
    map_type: MAP_TYPES[spec.type].number,
    key_size: spec.keySize,
    value_size: spec.valueSize,
    max_entries: spec.maxEntries,
    map_flags: flags,
    map_name: objectName(spec.name),
    map_extra: spec.extra,
    numa_node: spec.numaNode,
    map_ifindex: options.offload,
  });
  // Cards take no types (map_check_no_btf of kernel/bpf/offload.c).
  const typed = options.btfFd !== undefined && options.offload === undefined && hasTypes(spec);
  if (typed) attr.set({ btf_fd: options.btfFd, btf_key_type_id: spec.keyType, btf_value_type_id: spec.valueType });
  using inner = spec.inner === undefined ? undefined : createMap(spec.inner, {}, kernel);
  if (inner !== undefined) attr.set({ inner_map_fd: inner.fd });
  let result = chargedBpf(kernel, "MAP_CREATE", attr);
  // Some kinds of map, on some kernels, take no types; only what is in their values needs them.
  if (result === -EINVAL && typed && !NEED_TYPES.has(spec.type)) {
    attr.set({ btf_fd: 0, btf_key_type_id: 0, btf_value_type_id: 0 });
    result = chargedBpf(kernel, "MAP_CREATE", attr);
  }
  const purpose = `map "${spec.name}" (${spec.type})`;
  if (result === -EINVAL) throw new SystemCallError("bpf(BPF_MAP_CREATE)", EINVAL, purpose, unsaid(spec));
  const fd = checked(result, "bpf(BPF_MAP_CREATE)", purpose);
  const map = new KernelMap(fd, spec, kernel);
  try {
    if (spec.initial !== undefined) writeInitial(map, spec.initial);
    // What programs may only read is then known to the verifier as constants.
    if (flags & BPF_F_RDONLY_PROG) {
      checked(kernel.bpf("MAP_FREEZE", { map_fd: fd }), "bpf(BPF_MAP_FREEZE)", `map "${spec.name}"`);
    }
  } catch (error) {
    map.close();
    throw error;
  }
  return map;
}

/** Is the kernel told the types of its keys and values? */
export const hasTypes = (spec: MapSpec): boolean =>
  MAP_TYPES[spec.type].untyped !== true && (spec.keyType !== undefined || spec.valueType !== undefined);

/** What a map's declaration leaves to whoever loads it. */
function unsaid({ type, maxEntries, valueSize }: MapSpec): string | undefined {
  if (maxEntries === 0 && !NEED_TYPES.has(type)) return "it has no number of entries: whoever loads it has to say one";
  return valueSize === 0 && !/ringbuf|arena/.test(type)
    ? "its values have no size: whoever loads it has to say one"
    : undefined;
}

function writeInitial(map: KernelMap, initial: Uint8Array): void {
  const value = new Uint8Array(map.valueBytes);
  for (let at = 0; at < value.length; at += map.valueStride) value.set(initial.subarray(0, map.spec.valueSize), at);
  map.update(new Uint8Array(map.spec.keySize), value);
}
