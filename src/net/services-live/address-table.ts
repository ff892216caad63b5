// The table of addresses that names have, when one policy takes the place of another.

import type { KernelMap } from "../../kernel/index.ts";
import type { Plan } from "../services/index.ts";

/** Do patterns of both have the same numbers, in a table of the same size? */
export function sameNumbers(before: Plan, after: Plan): boolean {
  if (before.capacity !== after.capacity) return false;
  return [...before.slots].every(([pattern, slot]) => after.slots.get(pattern) === slot);
}

/** Addresses of names that both have. */
export function copyAddresses(from: KernelMap, before: Plan, to: KernelMap, after: Plan): void {
  const { count, keys, values } = from.dump();
  const moves = [...before.slots].flatMap(([pattern, slot]) => {
    const own = after.slots.get(pattern);
    return own === undefined ? [] : [{ from: slot, to: own }];
  });
  const keySize = from.spec.keySize;
  for (let i = 0; i < count; i++) {
    const key = keys.slice(i * keySize, (i + 1) * keySize);
    const old = new Uint32Array(values.slice(i * before.capacity * 4, (i + 1) * before.capacity * 4).buffer);
    const known = to.lookup(key);
    const value = known === undefined ? new Uint32Array(after.capacity) : new Uint32Array(known.slice().buffer);
    let changed = false;
    for (const move of moves) {
      const until = old[move.from] ?? 0;
      if (until <= (value[move.to] ?? 0)) continue;
      value[move.to] = until;
      changed = true;
    }
    if (changed) to.update(key, new Uint8Array(value.buffer));
  }
}
