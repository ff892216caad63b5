// The addresses of stacks that programs have put into their maps.

import { DISPLACED, stackMaps } from "../schema/index.ts";
import type { StoredMap } from "./stores.ts";

/** Reads stacks by their numbers (see lower-stacks.ts); each is read once. */
export function stackReader(
  map: (name: string) => Pick<StoredMap, "lookup"> | undefined,
): (id: number, limit: number) => readonly bigint[] {
  const stacks = new Map<string, readonly bigint[]>();
  return (id, limit) => {
    const key = `${limit}:${id}`;
    let found = stacks.get(key);
    if (found === undefined) {
      const names = stackMaps(limit);
      const bytes =
        id < DISPLACED
          ? map(names.table)?.lookup(new Uint8Array(Uint32Array.of(id).buffer))
          : map(names.displaced)?.lookup(new Uint8Array(BigUint64Array.of(BigInt(id)).buffer));
      const addresses: bigint[] = [];
      if (bytes !== undefined) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        for (let at = 0; at + 8 <= bytes.length; at += 8) {
          const address = view.getBigUint64(at, true);
          if (address === 0n) break;
          addresses.push(address);
        }
      }
      stacks.set(key, (found = addresses));
    }
    return found;
  };
}
