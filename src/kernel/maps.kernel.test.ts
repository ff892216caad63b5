import { describe, expect, it } from "vitest";
import { createMap, type KernelMap, possibleCpus, SystemCallError } from "./index.ts";

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);

function fill(map: KernelMap, count: number): void {
  for (let i = 0; i < count; i++) map.update(u32(i), u64(i * 3));
}

describe("maps", () => {
  it("look up, update and delete", () => {
    using map = createMap({ name: "test hash", type: "hash", keySize: 4, valueSize: 8, maxEntries: 10 });
    expect(map.lookup(u32(1))).toBeUndefined();
    map.update(u32(1), u64(42));
    expect(map.lookup(u32(1))).toEqual(u64(42));
    expect(() => map.update(u32(1), u64(1), "no_exist")).toThrow(/EEXIST/);
    expect(map.delete(u32(1))).toBe(true);
    expect(map.delete(u32(1))).toBe(false);
    expect(() => map.lookup(u64(1))).toThrow(RangeError);
  });

  it("say which map is full", () => {
    using map = createMap({ name: "small", type: "hash", keySize: 4, valueSize: 8, maxEntries: 2 });
    expect(() => fill(map, 1000)).toThrow(/map "small".*E2BIG/);
  });

  for (const type of ["hash", "array", "lru_hash"] as const) {
    it(`dump a ${type} of 5000 entries, each once`, () => {
      using map = createMap({
        name: "dump",
        type,
        keySize: 4,
        valueSize: 8,
        maxEntries: type === "lru_hash" ? 20000 : 5000,
      });
      fill(map, 5000);
      const { count, keys, values } = map.dump();
      expect(count).toBe(5000);
      const keyWords = new Uint32Array(keys.slice().buffer);
      const valueWords = new BigUint64Array(values.slice().buffer);
      expect(new Set(keyWords).size).toBe(5000);
      keyWords.forEach((key, i) => {
        expect(valueWords[i]).toBe(BigInt(key) * 3n);
      });
      expect(map.clear()).toBe(5000);
      const after = map.dump();
      expect(type === "array" ? new Set(after.values) : after.count).toEqual(type === "array" ? new Set([0]) : 0);
    });
  }

  it("dump an empty map and one without batches", () => {
    using empty = createMap({ name: "empty", type: "hash", keySize: 4, valueSize: 8, maxEntries: 10 });
    expect(empty.dump().count).toBe(0);
    using stacks = createMap({ name: "stacks", type: "stack_trace", keySize: 4, valueSize: 64, maxEntries: 16 });
    expect(stacks.dump().count).toBe(0);
  });

  it("have a value for each CPU", () => {
    using map = createMap({ name: "cpus", type: "percpu_hash", keySize: 4, valueSize: 4, maxEntries: 10 });
    expect(map.valueBytes).toBe(8 * possibleCpus().length);
    const value = new Uint8Array(map.valueBytes).fill(0);
    value[0] = 5;
    map.update(u32(9), value);
    expect(map.lookup(u32(9))).toEqual(value);
    expect(map.dump().values).toEqual(value);
  });

  it("share their memory", () => {
    using map = createMap({
      name: "pages",
      type: "array",
      keySize: 4,
      valueSize: 8,
      maxEntries: 3,
      flags: 1 << 10,
      initial: u64(7),
    });
    const words = new BigUint64Array(map.mapped());
    expect(words[0]).toBe(7n);
    words[2] = 9n;
    expect(map.lookup(u32(2))).toEqual(u64(9));
  });

  it("can be opened and closed many times", () => {
    for (let i = 0; i < 200; i++) {
      using map = createMap({ name: "again", type: "array", keySize: 4, valueSize: 8, maxEntries: 1, flags: 1 << 10 });
      new Uint8Array(map.mapped())[0] = i & 255;
    }
  });

  it("say what is wrong with a spec", () => {
    expect(() => createMap({ name: "bad", type: "array", keySize: 3, valueSize: 8, maxEntries: 1 })).toThrow(
      SystemCallError,
    );
  });
});
