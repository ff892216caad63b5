// Helpers that work on maps.

import type { HelperTable } from "./helper-table.ts";
import { Header } from "./map-header.ts";
import { Errno, entries, headerWord, kindOf, lookup, remove, update } from "./map-operations.ts";
import { bloomAdd, bloomHas, pop, push, ringCommit, ringQuery, ringReserve } from "./map-sequence.ts";
import { State } from "./memory.ts";
import type { Runtime } from "./runtime.ts";
import { TrapSignal } from "./trap.ts";

/** `BPF_LOCAL_STORAGE_GET_F_CREATE` */
const CREATE = 1n;
/** How many programs may follow one another (MAX_TAIL_CALL_CNT). */
const TAIL_CALLS = 33;
/** `bpf_loop` goes round at most so often (BPF_MAX_LOOPS). */
const LOOPS = 8 * 1024 * 1024;
/** The greatest record of a ring buffer (RINGBUF_MAX_RECORD_SZ). */
const RECORD_BYTES = 0x3fffffff;

const keyPointer = (runtime: Runtime, map: number, n: number): number =>
  runtime.pointer(n, headerWord(runtime.memory, map, Header.KEY_SIZE));
const valuePointer = (runtime: Runtime, map: number, n: number, write = false): number =>
  runtime.pointer(n, headerWord(runtime.memory, map, Header.VALUE_SIZE), write);

/** One CPU's value of a key. */
function lookupFor(runtime: Runtime, map: number, key: number, cpu: number): number {
  const { memory } = runtime;
  const kind = kindOf(memory, map);
  const value = lookup(memory, map, key);
  if (value === 0) return 0;
  // A map in a map is its handle.
  if (kind.ofMaps) return memory.u32[value >>> 2] as number;
  return kind.perCpu ? value + cpu * headerWord(memory, map, Header.STRIDE) : value;
}

const cpuOf = (runtime: Runtime): number => runtime.memory.u32[State.CPU >>> 2] as number;

/** A stack of addresses as get_stackid keys it, and the same bytes. */
function stackWords(runtime: Runtime, flags: number): readonly bigint[] {
  const stack = (flags & 256) !== 0 ? runtime.userStack : runtime.kernelStack;
  return stack.slice(flags & 255);
}

function ringOutput(runtime: Runtime): number {
  const map = runtime.handle(1);
  requireShape(runtime, map, "ring");
  const size = runtime.size(3);
  const from = runtime.pointer(2, size);
  const to = ringReserve(runtime.memory, map, size);
  if (to === 0) return Errno.EAGAIN;
  runtime.memory.u8.copyWithin(to, from, from + size);
  ringCommit(runtime.memory, to, false);
  return 0;
}

function requireShape(runtime: Runtime, map: number, shape: string): void {
  if (kindOf(runtime.memory, map).shape !== shape) throw new TrapSignal("helper", `the map is no ${shape}`);
}

function commit(runtime: Runtime, discard: boolean): number {
  const record = runtime.arg(1);
  if (!runtime.memory.allows(record, 1, true) || !ringCommit(runtime.memory, record, discard)) {
    throw new TrapSignal("helper", "argument 1 is no reserved record of a ring buffer");
  }
  return 0;
}

function storageGet(runtime: Runtime): number {
  const map = runtime.handle(1);
  const { memory } = runtime;
  if (!kindOf(memory, map).storage || runtime.arg64(2) === 0n) return 0;
  memory.i64[runtime.scratch >>> 3] = runtime.arg64(2);
  const found = lookup(memory, map, runtime.scratch);
  if (found !== 0 || (runtime.arg64(4) & CREATE) === 0n) return found;
  const size = headerWord(memory, map, Header.VALUE_SIZE);
  let initial = runtime.scratch + 8;
  if (runtime.arg64(3) !== 0n) initial = runtime.pointer(3, size);
  else memory.u8.fill(0, initial, initial + size);
  return update(memory, map, runtime.scratch, initial, 0, 0) === 0 ? lookup(memory, map, runtime.scratch) : 0;
}

function storageDelete(runtime: Runtime): number {
  const map = runtime.handle(1);
  runtime.memory.i64[runtime.scratch >>> 3] = runtime.arg64(2);
  return remove(runtime.memory, map, runtime.scratch);
}

export const mapHelpers: HelperTable = {
  map_lookup_elem: (runtime) => {
    const map = runtime.handle(1);
    return lookupFor(runtime, map, keyPointer(runtime, map, 2), cpuOf(runtime));
  },
  map_lookup_percpu_elem: (runtime) => {
    const map = runtime.handle(1);
    const cpu = runtime.arg(3);
    if (cpu >= headerWord(runtime.memory, map, Header.CPUS)) return 0;
    return lookupFor(runtime, map, keyPointer(runtime, map, 2), cpu);
  },
  map_update_elem: (runtime) => {
    const map = runtime.handle(1);
    const flags = runtime.arg64(4);
    if (flags < 0n || flags > 2n) return Errno.EINVAL;
    return update(
      runtime.memory,
      map,
      keyPointer(runtime, map, 2),
      valuePointer(runtime, map, 3),
      Number(flags),
      cpuOf(runtime),
    );
  },
  map_delete_elem: (runtime) => {
    const map = runtime.handle(1);
    return remove(runtime.memory, map, keyPointer(runtime, map, 2));
  },
  map_push_elem: (runtime) => {
    const map = runtime.handle(1);
    const value = valuePointer(runtime, map, 2);
    const { shape } = kindOf(runtime.memory, map);
    if (shape === "bloom") return runtime.arg(3) === 0 ? bloomAdd(runtime.memory, map, value) : Errno.EINVAL;
    return shape === "queue" ? push(runtime.memory, map, value, runtime.arg(3)) : Errno.EOPNOTSUPP;
  },
  map_pop_elem: (runtime) => {
    const map = runtime.handle(1);
    if (kindOf(runtime.memory, map).shape !== "queue") return Errno.EOPNOTSUPP;
    return pop(runtime.memory, map, valuePointer(runtime, map, 2, true), false);
  },
  map_peek_elem: (runtime) => {
    const map = runtime.handle(1);
    const { shape } = kindOf(runtime.memory, map);
    if (shape === "bloom") return bloomHas(runtime.memory, map, valuePointer(runtime, map, 2));
    return shape === "queue" ? pop(runtime.memory, map, valuePointer(runtime, map, 2, true), true) : Errno.EOPNOTSUPP;
  },
  for_each_map_elem: (runtime) => {
    const map = runtime.handle(1);
    const callback = runtime.functionSlot(2);
    const context = runtime.arg64(3);
    if (runtime.arg64(4) !== 0n) return Errno.EINVAL;
    const { memory } = runtime;
    const kind = kindOf(memory, map);
    const offset = kind.perCpu ? cpuOf(runtime) * headerWord(memory, map, Header.STRIDE) : 0;
    let count = 0;
    const bytes = headerWord(memory, map, Header.KEY_SIZE);
    const shown = runtime.shownKey;
    runtime.shownKey += (bytes + 7) & ~7;
    try {
      for (const { key, value } of entries(memory, map, shown)) {
        memory.u8.copyWithin(shown, key, key + bytes);
        memory.allow(shown, bytes, "read");
        runtime.setArgument(1, map);
        runtime.setArgument(2, shown);
        runtime.setArgument(3, value + offset);
        runtime.setArgument64(4, context);
        count++;
        if (runtime.call(callback) === 1) break;
      }
    } finally {
      memory.allow(shown, bytes, "none");
      runtime.shownKey = shown;
    }
    return count;
  },
  loop: (runtime) => {
    const turns = runtime.arg(1);
    const callback = runtime.functionSlot(2);
    const context = runtime.arg64(3);
    if (runtime.arg64(4) !== 0n) return Errno.EINVAL;
    if (turns > LOOPS) return Errno.E2BIG;
    for (let i = 0; i < turns; i++) {
      runtime.setArgument(1, i);
      runtime.setArgument64(2, context);
      if (runtime.call(callback) === 1) return i + 1;
    }
    return turns;
  },
  tail_call: (runtime) => {
    const map = runtime.map(2);
    const made = runtime.memory.u32[State.TAIL_CALLS >>> 2] as number;
    if (made >= TAIL_CALLS) return Errno.E2BIG;
    runtime.memory.u32[State.TAIL_CALLS >>> 2] = made + 1;
    if (runtime.tailCall(map, runtime.arg(3), runtime.memory.u32[State.FRAME >>> 2] as number)) return "end";
    runtime.memory.u32[State.TAIL_CALLS >>> 2] = made;
    return Errno.ENOENT;
  },
  spin_lock: () => 0,
  spin_unlock: () => 0,
  task_storage_get: storageGet,
  task_storage_delete: storageDelete,
  sk_storage_get: storageGet,
  sk_storage_delete: storageDelete,
  inode_storage_get: storageGet,
  inode_storage_delete: storageDelete,
  cgrp_storage_get: storageGet,
  cgrp_storage_delete: storageDelete,

  ringbuf_output: ringOutput,
  ringbuf_reserve: (runtime) => {
    const map = runtime.handle(1);
    requireShape(runtime, map, "ring");
    if (runtime.arg64(3) !== 0n || BigInt.asUintN(64, runtime.arg64(2)) > BigInt(RECORD_BYTES)) return 0;
    return ringReserve(runtime.memory, map, runtime.arg(2));
  },
  ringbuf_submit: (runtime) => commit(runtime, false),
  ringbuf_discard: (runtime) => commit(runtime, true),
  ringbuf_query: (runtime) => {
    const map = runtime.handle(1);
    requireShape(runtime, map, "ring");
    return ringQuery(runtime.memory, map, runtime.arg(2));
  },
  perf_event_output: (runtime) => {
    const map = runtime.map(2);
    if (map.kind.shape !== "events") throw new TrapSignal("helper", "the map is no perf_event_array");
    const size = runtime.size(5);
    const from = runtime.pointer(4, size);
    const cpu = runtime.arg(3) === 0xffffffff ? cpuOf(runtime) : runtime.arg(3);
    map.events.push({ cpu, data: runtime.memory.u8.slice(from, from + size) });
    return 0;
  },
  get_stackid: (runtime) => {
    const map = runtime.handle(2);
    const { memory } = runtime;
    const depth = headerWord(memory, map, Header.VALUE_SIZE) >>> 3;
    const words = stackWords(runtime, runtime.arg(3)).slice(0, depth);
    if (words.length === 0) return Errno.EFAULT;
    let hash = words.length;
    for (const word of words)
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ Number(BigInt.asIntN(32, word)), 0x9e3779b1);
    const size = depth * 8;
    const value = runtime.scratch + 8;
    if (size + 8 > runtime.scratchBytes) return Errno.EINVAL;
    memory.u8.fill(0, value, value + size);
    words.forEach((word, i) => {
      memory.view.setBigInt64(value + i * 8, word, true);
    });
    // The same stack has the same number; another one that hashes alike takes the next.
    const buckets = headerWord(memory, map, Header.BUCKET_MASK) + 1;
    for (let turn = 0; turn < 16; turn++) {
      const id = ((hash >>> 0) + turn) % buckets;
      memory.u32[runtime.scratch >>> 2] = id;
      const found = lookup(memory, map, runtime.scratch);
      if (found === 0) {
        const result = update(memory, map, runtime.scratch, value, 0, 0);
        return result === 0 ? id : result;
      }
      if (memory.u8.subarray(found, found + size).every((byte, i) => byte === memory.u8[value + i])) return id;
    }
    return Errno.EEXIST;
  },
  get_stack: (runtime) => {
    const size = runtime.size(3);
    const to = runtime.pointer(2, size, true);
    const words = stackWords(runtime, runtime.arg(4)).slice(0, size >>> 3);
    runtime.memory.u8.fill(0, to, to + size);
    words.forEach((word, i) => {
      runtime.memory.view.setBigInt64(to + i * 8, word, true);
    });
    return words.length * 8;
  },
};
