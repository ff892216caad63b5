// What every map does, whoever keeps it: the kernel, the embedded machine seen from outside, and its WebAssembly as
// programs use it. Each case is run on a fresh map.

import { deepEqual, equal, throws } from "node:assert/strict";
import type { BpfMap, MapSpec } from "../../src/object/index.ts";

export interface MapCase {
  readonly name: string;
  readonly spec: MapSpec;
  readonly run: (map: BpfMap) => void;
}

/** EEXIST, E2BIG, ENOENT, EINVAL of errno(3). */
const [ENOENT, E2BIG, EEXIST, EINVAL] = [2, 7, 17, 22];
const refused =
  (errno: number) =>
  (error: unknown): boolean =>
    (error as { errno?: number }).errno === errno;

const bytes = (size: number, number: number): Uint8Array => {
  const all = new Uint8Array(size);
  new DataView(all.buffer).setUint32(0, number, true);
  return all;
};
const number = (value: Uint8Array | undefined): number | undefined =>
  value === undefined ? undefined : new DataView(value.buffer, value.byteOffset).getUint32(0, true);
const key = (n: number): Uint8Array => bytes(8, n);
const value = (map: BpfMap, n: number): Uint8Array => bytes(map.valueBytes, n);

const spec = (type: MapSpec["type"], maxEntries: number): MapSpec => ({
  name: "m",
  type,
  keySize: type.includes("array") ? 4 : 8,
  valueSize: 16,
  maxEntries,
});

const hashes = (["hash", "percpu_hash"] as const).flatMap((type): MapCase[] => [
  {
    name: `${type}: takes, gives, refuses and forgets`,
    spec: spec(type, 3),
    run: (map) => {
      equal(map.lookup(key(1)), undefined);
      for (const n of [1, 2, 3]) map.update(key(n), value(map, n * 10));
      throws(() => map.update(key(4), value(map, 0)), refused(E2BIG));
      map.update(key(2), value(map, 21), "exist");
      throws(() => map.update(key(2), value(map, 0), "no_exist"), refused(EEXIST));
      equal(number(map.lookup(key(2))), 21);
      equal(map.delete(key(1)), true);
      equal(map.delete(key(1)), false);
      throws(() => map.update(key(9), value(map, 0), "exist"), refused(ENOENT));
      map.update(key(4), value(map, 40), "no_exist");
      equal(number(map.lookup(key(4))), 40);
      equal(map.lookup(key(1)), undefined);
    },
  },
  {
    name: `${type}: many keys that are alike`,
    spec: spec(type, 500),
    run: (map) => {
      for (let n = 0; n < 500; n++) map.update(key(n << 8), value(map, n));
      for (let n = 0; n < 500; n += 2) equal(map.delete(key(n << 8)), true);
      for (let n = 0; n < 500; n++) equal(number(map.lookup(key(n << 8))), n % 2 === 0 ? undefined : n);
    },
  },
]);

const arrays = (["array", "percpu_array"] as const).map(
  (type): MapCase => ({
    name: `${type}: has all its elements from the start`,
    spec: spec(type, 4),
    run: (map) => {
      const at = (n: number): Uint8Array => bytes(4, n);
      equal(number(map.lookup(at(3))), 0);
      map.update(at(3), value(map, 7));
      equal(number(map.lookup(at(3))), 7);
      equal(map.lookup(at(4)), undefined);
      throws(() => map.update(at(4), value(map, 1)), refused(E2BIG));
      throws(() => map.update(at(0), value(map, 1), "no_exist"), refused(EEXIST));
      throws(() => map.delete(at(0)), refused(EINVAL));
    },
  }),
);

const lru: MapCase = {
  name: "lru_hash: lets go of old entries rather than refuse",
  spec: spec("lru_hash", 64),
  run: (map) => {
    for (let n = 0; n < 1000; n++) map.update(key(n), value(map, n));
    equal(number(map.lookup(key(999))), 999);
  },
};

/** Cases of what programs can do too. */
export const mapCases: readonly MapCase[] = [...hashes, ...arrays, lru];

/** Cases of walking over whole maps, which programs do by callbacks. */
export const walkCases: readonly MapCase[] = [
  {
    name: "a hash: all entries, and none after clear",
    spec: spec("hash", 100),
    run: (map) => {
      for (let n = 0; n < 60; n++) map.update(key(n), value(map, n * 3));
      const { count, keys, values } = map.dump();
      equal(count, 60);
      const entries = Array.from({ length: count }, (_, i) => [
        number(keys.subarray(i * 8)) as number,
        number(values.subarray(i * map.valueBytes)) as number,
      ]);
      deepEqual(
        entries.sort((a, b) => (a[0] as number) - (b[0] as number)),
        Array.from({ length: 60 }, (_, n) => [n, n * 3]),
      );
      equal(map.clear(), 60);
      equal(map.dump().count, 0);
    },
  },
  {
    name: "an array: cleared it is zero",
    spec: spec("array", 5),
    run: (map) => {
      for (let n = 0; n < 5; n++) map.update(bytes(4, n), value(map, n + 1));
      equal(map.dump().count, 5);
      equal(map.clear(), 5);
      equal(number(map.lookup(bytes(4, 4))), 0);
    },
  },
];
