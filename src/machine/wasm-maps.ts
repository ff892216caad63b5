// The maps' hot paths as Wasm: the same hash tables and ring buffers as `map-hash.ts` and `map-sequence.ts`, with the
// map's sizes and addresses written in as constants. A function is made when a program first asks for it.

import { Access, type Code, I32, Wasm, type WasmFunctionBuilder, type WasmModule } from "../wasm/index.ts";
import { ENTRY_KEY, Header, type MapLayout, RING_BUSY, RING_HEADER } from "./map-header.ts";
import type { Memory } from "./memory.ts";
import type { Runtime } from "./runtime.ts";

/** What an update gives when it needs the helper in JavaScript: to evict, or to fill the values of other CPUs. */
export const ASK_JAVASCRIPT = -1000;
/** Keys and values up to so many bytes are compared and copied word by word. */
const UNROLLED = 128;

export interface MapFunctions {
  /** The layout of the map with that handle. */
  readonly layout: (handle: number) => MapLayout | undefined;
  /** `(key) → entry`, 0 where there is none. */
  readonly find: (map: MapLayout) => number;
  /** `(key, value, flags) → errno`; flags are 0 to 3. `value` is copied to the CPU at work. */
  readonly update: (map: MapLayout) => number;
  /** `(key) → errno` */
  readonly remove: (map: MapLayout) => number;
  /** `(size) → data`, 0 where there is no room. */
  readonly reserve: (map: MapLayout) => number;
  /** `(data, bits)`: hands a record in, `bits` being RING_DISCARD or 0. */
  readonly commit: () => number;
}

export function createMapFunctions(wasm: WasmModule, memory: Memory, runtime: Runtime): MapFunctions {
  const made = new Map<string, number>();
  const once = (name: string, make: () => WasmFunctionBuilder): number => {
    let index = made.get(name);
    if (index === undefined) made.set(name, (index = make().index));
    return index;
  };
  const layouts = new Map(runtime.maps.map((map) => [map.handle, map.layout]));
  const hash = (map: MapLayout): number => once(`hash ${map.keySize}`, () => makeHash(wasm, map.keySize));
  const find = (map: MapLayout): number => once(`find ${map.header}`, () => makeFind(wasm, map, hash(map)));
  return {
    layout: (handle) => layouts.get(handle),
    find,
    update: (map) => once(`update ${map.header}`, () => makeUpdate(wasm, map, memory.limit, find(map), hash(map))),
    remove: (map) => once(`remove ${map.header}`, () => makeRemove(wasm, map, hash(map))),
    reserve: (map) => once(`reserve ${map.header}`, () => makeReserve(wasm, map, memory.limit)),
    commit: () => once("commit", () => makeCommit(wasm, memory.limit)),
  };
}

/** `local = local + constant` */
const step = (code: Code, local: number, by: number): Code => code.get(local).i32(by).op(Wasm.i32_add).set(local);

function makeHash(wasm: WasmModule, size: number): WasmFunctionBuilder {
  const fn = wasm.function([I32], [I32]);
  const { code } = fn;
  const key = 0;
  const h = fn.local(I32);
  const mix = (): void => {
    code.op(Wasm.i32_xor).i32(0x9e3779b1).op(Wasm.i32_mul).set(h);
  };
  code.i32(size).set(h);
  const words = size >>> 2;
  if (words <= UNROLLED / 4) {
    for (let i = 0; i < words; i++) {
      code
        .get(h)
        .i32(5)
        .op(Wasm.i32_rotl)
        .get(key)
        .access(Access.i32_load, i * 4);
      mix();
    }
  } else {
    const end = fn.local(I32);
    code
      .get(key)
      .i32(words * 4)
      .op(Wasm.i32_add)
      .set(end)
      .loop();
    code.get(h).i32(5).op(Wasm.i32_rotl).get(key).access(Access.i32_load, 0);
    mix();
    step(code, key, 4).get(key).get(end).op(Wasm.i32_ne).brIf(0).end();
  }
  const rest = words <= UNROLLED / 4 ? words * 4 : 0;
  for (let i = 0; i < (size & 3); i++) {
    code
      .get(h)
      .i32(5)
      .op(Wasm.i32_rotl)
      .get(key)
      .access(Access.i32_load8_u, rest + i);
    mix();
  }
  code.get(h).get(h).i32(15).op(Wasm.i32_shr_u, Wasm.i32_xor).i32(0x85ebca6b).op(Wasm.i32_mul).set(h);
  code.get(h).get(h).i32(13).op(Wasm.i32_shr_u, Wasm.i32_xor);
  return fn;
}

/** The widest pieces that fill `size` bytes: offset, load, store, and how two are compared. */
function* pieces(size: number): Generator<{ at: number; load: number; store: number; differ: number }> {
  let at = 0;
  for (; at + 8 <= size; at += 8) yield { at, load: Access.i64_load, store: Access.i64_store, differ: Wasm.i64_ne };
  if (at + 4 <= size) {
    yield { at, load: Access.i32_load, store: Access.i32_store, differ: Wasm.i32_ne };
    at += 4;
  }
  if (at + 2 <= size) {
    yield { at, load: Access.i32_load16_u, store: Access.i32_store16, differ: Wasm.i32_ne };
    at += 2;
  }
  if (at < size) yield { at, load: Access.i32_load8_u, store: Access.i32_store8, differ: Wasm.i32_ne };
}

/** Copies `size` bytes between two addresses in locals. */
export function emitCopy(code: Code, to: number, toOffset: number, from: number, size: number): void {
  if (size > UNROLLED) {
    code.get(to).i32(toOffset).op(Wasm.i32_add).get(from).i32(size).copy();
    return;
  }
  for (const { at, load, store } of pieces(size))
    code
      .get(to)
      .get(from)
      .access(load, at)
      .access(store, toOffset + at);
}

/** Jumps `depth` levels out when the key at `key` is not that of `entry`. */
function emitKeyDiffers(fn: WasmFunctionBuilder, map: MapLayout, entry: number, key: number, depth: number): void {
  const { code } = fn;
  if (map.keySize <= UNROLLED) {
    for (const { at, load, differ } of pieces(map.keySize)) {
      code
        .get(entry)
        .access(load, ENTRY_KEY + at)
        .get(key)
        .access(load, at)
        .op(differ)
        .brIf(depth);
    }
    return;
  }
  const i = fn.local(I32);
  code.i32(0).set(i).loop();
  code.get(entry).get(i).op(Wasm.i32_add).access(Access.i32_load8_u, ENTRY_KEY);
  code
    .get(key)
    .get(i)
    .op(Wasm.i32_add)
    .access(Access.i32_load8_u, 0)
    .op(Wasm.i32_ne)
    .brIf(depth + 1);
  step(code, i, 1).get(i).i32(map.keySize).op(Wasm.i32_ne).brIf(0).end();
}

/** Pushes the address of a hash's bucket. */
function emitBucket(code: Code, map: MapLayout, hash: number): void {
  code
    .get(hash)
    .i32(map.bucketCount - 1)
    .op(Wasm.i32_and)
    .i32(2)
    .op(Wasm.i32_shl)
    .i32(map.buckets)
    .op(Wasm.i32_add);
}

function makeFind(wasm: WasmModule, map: MapLayout, hashIndex: number): WasmFunctionBuilder {
  const fn = wasm.function([I32], [I32]);
  const { code } = fn;
  const key = 0;
  const hash = fn.local(I32);
  const entry = fn.local(I32);
  code.get(key).call(hashIndex).set(hash);
  emitBucket(code, map, hash);
  code.access(Access.i32_load, 0).set(entry);
  code.loop();
  code.get(entry).op(Wasm.i32_eqz).if().i32(0).op(Wasm.return).end();
  code.block();
  code.get(entry).access(Access.i32_load, 4).get(hash).op(Wasm.i32_ne).brIf(0);
  emitKeyDiffers(fn, map, entry, key, 0);
  code.get(entry).op(Wasm.return);
  code.end();
  code.get(entry).access(Access.i32_load, 0).set(entry).br(0);
  code.end().op(Wasm.unreachable);
  return fn;
}

/** Lets programs at `size` bytes from the address in a local on (or bars them), in the shadow. */
export function emitAllowConstant(
  fn: WasmFunctionBuilder,
  address: number,
  offset: number,
  size: number,
  limit: number,
): void {
  const { code } = fn;
  const shadow = fn.local(I32);
  code.get(address).i32(offset).op(Wasm.i32_add).i32(3).op(Wasm.i32_shr_u).set(shadow);
  const whole = size >>> 3;
  if (whole > 16) code.get(shadow).i32(limit).op(Wasm.i32_add).i32(0x88).i32(whole).fill();
  else
    for (let i = 0; i < whole; i++)
      code
        .get(shadow)
        .i32(0x88)
        .access(Access.i32_store8, limit + i);
  if ((size & 7) !== 0)
    code
      .get(shadow)
      .i32((size & 7) * 0x11)
      .access(Access.i32_store8, limit + whole);
}

const EEXIST = -17;
const ENOENT = -2;
const E2BIG = -7;
const EINVAL = -22;

function makeUpdate(
  wasm: WasmModule,
  map: MapLayout,
  limit: number,
  find: number,
  hashIndex: number,
): WasmFunctionBuilder {
  const fn = wasm.function([I32, I32, I32], [I32]);
  const { code } = fn;
  const [key, value, flags] = [0, 1, 2];
  const entry = fn.local(I32);
  const hash = fn.local(I32);
  const bucket = fn.local(I32);
  const header = (field: number): void => {
    code.i32(0).access(Access.i32_load, map.header + field);
  };
  const setHeader = (field: number, push: () => void): void => {
    code.i32(0);
    push();
    code.access(Access.i32_store, map.header + field);
  };
  const answer = (errno: number): void => {
    code.i32(errno).op(Wasm.return);
  };
  code.get(flags).i32(2).op(Wasm.i32_gt_u).if();
  answer(EINVAL);
  code.end();
  code.get(key).call(find).tee(entry).if();
  code.get(flags).i32(1).op(Wasm.i32_eq).if();
  answer(EEXIST);
  code.end();
  if (map.cpus > 1) answer(ASK_JAVASCRIPT);
  else {
    emitCopy(code, entry, map.valueOffset, value, map.spec.valueSize);
    answer(0);
  }
  code.end();
  code.get(flags).i32(2).op(Wasm.i32_eq).if();
  answer(ENOENT);
  code.end();
  if (map.cpus > 1) {
    code.i32(ASK_JAVASCRIPT);
    return fn;
  }
  header(Header.FREE);
  code.tee(entry).if();
  setHeader(Header.FREE, () => code.get(entry).access(Access.i32_load, 0));
  code.else();
  header(Header.FRESH);
  code.tee(bucket).i32(map.maxEntries).op(Wasm.i32_ge_u).if();
  answer(map.kind.lru ? ASK_JAVASCRIPT : E2BIG);
  code.end();
  setHeader(Header.FRESH, () => code.get(bucket).i32(1).op(Wasm.i32_add));
  code.get(bucket).i32(map.entryBytes).op(Wasm.i32_mul).i32(map.data).op(Wasm.i32_add).set(entry);
  emitAllowConstant(fn, entry, map.valueOffset, map.spec.valueSize, limit);
  code.end();
  code.get(key).call(hashIndex).set(hash);
  emitBucket(code, map, hash);
  code.set(bucket);
  emitCopy(code, entry, ENTRY_KEY, key, map.keySize);
  emitCopy(code, entry, map.valueOffset, value, map.spec.valueSize);
  code.get(entry).get(bucket).access(Access.i32_load, 0).access(Access.i32_store, 0);
  code.get(entry).get(hash).access(Access.i32_store, 4);
  code.get(entry).i32(1).access(Access.i32_store, 8);
  code.get(entry).i32(1).access(Access.i32_store, 12);
  code.get(bucket).get(entry).access(Access.i32_store, 0);
  setHeader(Header.COUNT, () => {
    header(Header.COUNT);
    code.i32(1).op(Wasm.i32_add);
  });
  code.i32(0);
  return fn;
}

function makeRemove(wasm: WasmModule, map: MapLayout, hashIndex: number): WasmFunctionBuilder {
  const fn = wasm.function([I32], [I32]);
  const { code } = fn;
  const key = 0;
  const hash = fn.local(I32);
  const entry = fn.local(I32);
  const link = fn.local(I32);
  code.get(key).call(hashIndex).set(hash);
  emitBucket(code, map, hash);
  code.set(link).loop();
  code.get(link).access(Access.i32_load, 0).tee(entry).op(Wasm.i32_eqz).if().i32(ENOENT).op(Wasm.return).end();
  code.block();
  code.get(entry).access(Access.i32_load, 4).get(hash).op(Wasm.i32_ne).brIf(0);
  emitKeyDiffers(fn, map, entry, key, 0);
  code.get(link).get(entry).access(Access.i32_load, 0).access(Access.i32_store, 0);
  code
    .get(entry)
    .i32(0)
    .access(Access.i32_load, map.header + Header.FREE)
    .access(Access.i32_store, 0);
  code.get(entry).i32(0).access(Access.i32_store, 12);
  code
    .i32(0)
    .get(entry)
    .access(Access.i32_store, map.header + Header.FREE);
  code
    .i32(0)
    .i32(0)
    .access(Access.i32_load, map.header + Header.COUNT)
    .i32(1)
    .op(Wasm.i32_sub);
  code.access(Access.i32_store, map.header + Header.COUNT);
  code.i32(0).op(Wasm.return);
  code.end();
  code.get(entry).set(link).br(0).end().op(Wasm.unreachable);
  return fn;
}

function makeReserve(wasm: WasmModule, map: MapLayout, limit: number): WasmFunctionBuilder {
  const fn = wasm.function([I32], [I32]);
  const { code } = fn;
  const size = 0;
  const head = fn.local(I32);
  const bytes = fn.local(I32);
  const record = fn.local(I32);
  const capacity = map.maxEntries;
  const full = (): void => {
    code.if();
    code
      .i32(0)
      .i32(0)
      .access(Access.i32_load, map.header + Header.LOST)
      .i32(1)
      .op(Wasm.i32_add);
    code
      .access(Access.i32_store, map.header + Header.LOST)
      .i32(0)
      .op(Wasm.return)
      .end();
  };
  code.get(size).i32(capacity).op(Wasm.i32_gt_u);
  full();
  code
    .get(size)
    .i32(RING_HEADER + 7)
    .op(Wasm.i32_add)
    .i32(-8)
    .op(Wasm.i32_and)
    .set(bytes);
  code
    .i32(0)
    .access(Access.i32_load, map.header + Header.HEAD)
    .tee(head);
  code
    .i32(0)
    .access(Access.i32_load, map.header + Header.TAIL)
    .op(Wasm.i32_sub)
    .get(bytes)
    .op(Wasm.i32_add);
  code.i32(capacity - 1).op(Wasm.i32_gt_u);
  full();
  code
    .get(head)
    .i32(capacity - 1)
    .op(Wasm.i32_and)
    .i32(map.data)
    .op(Wasm.i32_add)
    .set(record);
  code.get(record).get(size).i32(RING_BUSY).op(Wasm.i32_or).access(Access.i32_store, 0);
  code
    .i32(0)
    .get(head)
    .get(bytes)
    .op(Wasm.i32_add)
    .access(Access.i32_store, map.header + Header.HEAD);
  step(code, record, RING_HEADER);
  emitShadow(fn, record, size, limit, true);
  code.get(record);
  return fn;
}

/** The shadow of a record whose size is in a local: all of it, or none. */
function emitShadow(fn: WasmFunctionBuilder, data: number, size: number, limit: number, allow: boolean): void {
  const { code } = fn;
  const at = fn.local(I32);
  const end = fn.local(I32);
  code.get(data).i32(3).op(Wasm.i32_shr_u).tee(at).get(size).i32(3).op(Wasm.i32_shr_u, Wasm.i32_add).set(end);
  code.block().loop();
  code.get(at).get(end).op(Wasm.i32_ge_u).brIf(1);
  code
    .get(at)
    .i32(allow ? 0x88 : 0)
    .access(Access.i32_store8, limit);
  step(code, at, 1).br(0).end().end();
  code.get(size).i32(7).op(Wasm.i32_and).if();
  code.get(end);
  if (allow) code.get(size).i32(7).op(Wasm.i32_and).i32(0x11).op(Wasm.i32_mul);
  else code.i32(0);
  code.access(Access.i32_store8, limit).end();
}

function makeCommit(wasm: WasmModule, limit: number): WasmFunctionBuilder {
  const fn = wasm.function([I32, I32], []);
  const { code } = fn;
  const [data, bits] = [0, 1];
  const size = fn.local(I32);
  code
    .get(data)
    .i32(RING_HEADER)
    .op(Wasm.i32_sub)
    .access(Access.i32_load, 0)
    .i32(~RING_BUSY)
    .op(Wasm.i32_and)
    .set(size);
  code.get(data).i32(RING_HEADER).op(Wasm.i32_sub).get(size).get(bits).op(Wasm.i32_or).access(Access.i32_store, 0);
  emitShadow(fn, data, size, limit, false);
  return fn;
}
