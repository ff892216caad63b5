import { expect, test } from "vitest";
import { map, objectOf, UDP } from "../../test/data/machine-cases.ts";
import type { MapSpec } from "../object/index.ts";
import { embedded, type Machine } from "./machine.ts";
import { type EmbeddedMap, MapError } from "./maps.ts";

const machineOf = (maps: readonly MapSpec[], cpus = 1, code = "r0 = 0\nexit"): Machine =>
  embedded(objectOf({ code, maps }), { cpus, batchBytes: 64 });
const only = (spec: MapSpec, cpus = 1): EmbeddedMap => machineOf([spec], cpus).maps.get(spec.name) as EmbeddedMap;
const u32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
const number = (bytes: Uint8Array | undefined): number | undefined =>
  bytes === undefined ? undefined : new DataView(bytes.buffer).getUint32(0, true);

test("a hash takes, gives, counts, refuses and forgets", () => {
  const hash = only(map("m", "hash", 4, 4, 3));
  for (const i of [1, 2, 3]) hash.update(u32(i), u32(i * 10));
  expect(hash.size).toBe(3);
  expect(() => hash.update(u32(4), u32(0))).toThrow(MapError);
  hash.update(u32(2), u32(21), "exist");
  expect(() => hash.update(u32(2), u32(0), "no_exist")).toThrow(/errno 17/);
  expect(() => hash.update(u32(9), u32(0), "exist")).toThrow(/errno 2/);
  expect(number(hash.lookup(u32(2)))).toBe(21);
  expect(hash.delete(u32(1))).toBe(true);
  expect(hash.delete(u32(1))).toBe(false);
  hash.update(u32(4), u32(40));
  const { count, keys } = hash.dump();
  expect([count, [...keys].filter((_, i) => i % 4 === 0).sort()]).toEqual([3, [2, 3, 4]]);
  expect(hash.clear()).toBe(3);
  expect(hash.size).toBe(0);
});

test("a hash against a Map, many times over", () => {
  const hash = only(map("m", "hash", 7, 3, 50));
  const model = new Map<string, string>();
  let seed = 1;
  const next = (n: number): number => ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16) % n;
  for (let i = 0; i < 5000; i++) {
    const key = Uint8Array.of(next(9), 0, 0, 0, next(9), 0, next(2));
    const name = key.join();
    if (next(3) === 0) expect(hash.delete(key)).toBe(model.delete(name));
    else {
      const value = Uint8Array.of(next(256), next(256), next(256));
      if (model.has(name) || model.size < 50) {
        hash.update(key, value);
        model.set(name, value.join());
      } else expect(() => hash.update(key, value)).toThrow(/errno 7/);
    }
    expect(hash.lookup(key)?.join()).toBe(model.get(name));
    expect(hash.size).toBe(model.size);
  }
});

test("an LRU hash lets go of what was not used", () => {
  const lru = only(map("m", "lru_hash", 4, 4, 4));
  for (let i = 0; i < 100; i++) {
    lru.update(u32(i), u32(i));
    lru.lookup(u32(0));
  }
  expect(lru.size).toBe(4);
  expect(number(lru.lookup(u32(99)))).toBe(99);
});

test("per-CPU values stand side by side", () => {
  const code =
    "*(u32 *)(r10 - 4) = 1\nr2 = r10\nr2 += -4\nr1 = map[m] ll\ncall map_lookup_elem\nif r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\nr1 += 1\n*(u64 *)(r0 + 0) = r1\nout: r0 = 0\nexit";
  for (const type of ["percpu_array", "percpu_hash"] as const) {
    for (const tier of ["interpreter", "jit"] as const) {
      const machine = machineOf([map("m", type, 4, 8, 2)], 3, code);
      const values = machine.maps.get("m") as EmbeddedMap;
      if (type === "percpu_hash") values.update(u32(1), new Uint8Array(24));
      for (const cpu of [0, 2, 2]) machine.run(undefined, { packet: UDP, cpu, tier });
      expect(new BigUint64Array((values.lookup(u32(1)) as Uint8Array).buffer)).toEqual(BigUint64Array.of(1n, 0n, 2n));
    }
  }
});

test("longest prefixes match", () => {
  const trie = only(map("m", "lpm_trie", 8, 4, 10));
  const key = (bits: number, ...address: number[]): Uint8Array => Uint8Array.of(bits, 0, 0, 0, ...address);
  trie.update(key(8, 10, 0, 0, 0), u32(1));
  trie.update(key(16, 10, 1, 0, 0), u32(2));
  trie.update(key(0, 0, 0, 0, 0), u32(3));
  trie.update(key(32, 10, 1, 2, 3), u32(4));
  const find = (...address: number[]) => number(trie.lookup(key(32, ...address)));
  expect([find(10, 9, 9, 9), find(10, 1, 9, 9), find(1, 1, 1, 1), find(10, 1, 2, 3)]).toEqual([1, 2, 3, 4]);
  expect(trie.delete(key(16, 10, 1, 0, 0))).toBe(true);
  expect(find(10, 1, 9, 9)).toBe(1);
  expect(() => trie.update(key(33, 1, 1, 1, 1), u32(0))).toThrow(/errno 22/);
});

test("queues give the oldest, stacks the newest", () => {
  for (const [type, order] of [
    ["queue", [1, 2, 3]],
    ["stack", [3, 2, 1]],
  ] as const) {
    const list = only(map("m", type, 0, 4, 3));
    for (let round = 0; round < 5; round++) {
      for (const i of [1, 2, 3]) list.push(u32(i));
      expect(() => list.push(u32(4))).toThrow(/errno 7/);
      expect([list.pop(), list.pop(), list.pop(), list.pop()].map(number)).toEqual([...order, undefined]);
    }
  }
});

test("a bloom filter never denies what was added", () => {
  const bloom = only(map("m", "bloom_filter", 0, 4, 100));
  for (let i = 0; i < 100; i++) bloom.push(u32(i * 7));
  for (let i = 0; i < 100; i++) expect(bloom.mayHave(u32(i * 7))).toBe(true);
  let wrong = 0;
  for (let i = 0; i < 1000; i++) if (bloom.mayHave(u32(100_000 + i))) wrong++;
  expect(wrong).toBeLessThan(200);
});

test("maps in maps, but no deeper", () => {
  const code =
    "*(u32 *)(r10 - 4) = 1\nr2 = r10\nr2 += -4\nr1 = map[outer] ll\ncall map_lookup_elem\nif r0 == 0 goto out\nr1 = r0\nr2 = r10\nr2 += -4\ncall map_lookup_elem\nif r0 == 0 goto out\nr0 = *(u32 *)(r0 + 0)\nout: exit";
  const maps = [map("outer", "array_of_maps", 4, 4, 2), map("inner", "array", 4, 4, 2)];
  for (const tier of ["interpreter", "wasm-interpreter", "jit"] as const) {
    const machine = machineOf(maps, 1, code);
    expect(machine.run(undefined, { packet: UDP, tier }).r0).toBe(0n);
    machine.maps.get("outer")?.setMap(u32(1), "inner");
    machine.maps.get("inner")?.update(u32(1), u32(99));
    expect(machine.run(undefined, { packet: UDP, tier }).r0).toBe(99n);
    expect(() => machine.maps.get("outer")?.setMap(u32(0), "outer")).toThrow(MapError);
  }
});

test("huge maps are refused, large ones with small values made in no time", () => {
  expect(() => machineOf([map("huge", "array", 4, 8, 2 ** 31)])).toThrow(/map "huge"/);
  expect(() => machineOf([map("huge", "hash", 4, 2 ** 20, 2 ** 20)])).toThrow(/map "huge"/);
  const large = only(map("large", "array", 4, 4, 5_000_000));
  large.update(u32(4_999_999), u32(7));
  expect(number(large.lookup(u32(4_999_999)))).toBe(7);
});

test("sizes that no map has are refused by name", () => {
  for (const spec of [map("bad", "ringbuf", 0, 0, 5000), map("bad", "hash", 0, 4, 4), map("bad", "array", 4, 4, 0)]) {
    expect(() => machineOf([spec])).toThrow(/map "bad"/);
  }
});
