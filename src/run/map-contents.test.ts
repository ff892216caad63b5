// What is asked of maps while programs go on changing them.

import { expect, test } from "vitest";
import type { CompiledScript, ScriptMap } from "../schema/index.ts";
import { zeroMap } from "./map-contents.ts";
import type { StoredMap, Stores } from "./stores.ts";

const map = { name: "@", storage: { kind: "hash", map: "m" } } as ScriptMap;

/** A map of one-byte keys 1 to 3; those of `refused` answer an update with an errno. */
function stores(refused: ReadonlyMap<number, number>, written: number[]): Stores {
  const stored = {
    spec: { keySize: 1 },
    valueBytes: 8,
    dump: () => ({ count: 3, keys: Uint8Array.of(1, 2, 3), values: new Uint8Array(24) }),
    update: ([key]: Uint8Array) => {
      const errno = refused.get(key as number);
      if (errno !== undefined) throw Object.assign(new Error(`errno ${errno}`), { errno });
      written.push(key as number);
    },
  };
  return {
    map: () => stored as unknown as StoredMap,
    ring: () => undefined,
    globals: new DataView(new ArrayBuffer(8)),
  };
}

const script = {} as CompiledScript;

test("zero() passes over an entry that a program has deleted meanwhile", () => {
  const written: number[] = [];
  zeroMap(script, stores(new Map([[2, 2]]), written), map);
  expect(written).toEqual([1, 3]);
});

test("zero() tells of anything else", () => {
  expect(() => zeroMap(script, stores(new Map([[2, 12]]), []), map)).toThrow("errno 12");
});
