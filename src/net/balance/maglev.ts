// Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, 3.4): a ring of slots,
// each a server's. Every server has an order of its own in which it would like the slots; in turns each takes the first that is
// free. Weights as Envoy has them: in each turn a server takes as many as its weight has grown by, in parts of the largest one.

import { textHash } from "./hash.ts";

export interface RingMember {
  /** Who it is: the same text gives the same order, on every machine. */
  readonly key: string;
  /** Above zero, relative to the others'. */
  readonly weight: number;
}

/** Primes that rings are large by. */
export const RING_SIZES: readonly number[] = [251, 1021, 4093, 16_381, 65_537, 131_071];

/** No server. */
export const NO_SLOT = 0xffff_ffff;

/**
 * The ring: for each slot the index of its member. Members of weight 0 get none; without any others all slots are `NO_SLOT`.
 * `size` is a prime. The order of members does not matter.
 */
export function maglev(members: readonly RingMember[], size: number): Uint32Array {
  const ring = new Uint32Array(size).fill(NO_SLOT);
  const taking = members
    .map(({ key, weight }, index) => ({ key, weight, index }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index));
  if (taking.length === 0) return ring;
  const most = Math.max(...taking.map(({ weight }) => weight));
  const next = new Uint32Array(taking.length);
  const step = new Uint32Array(taking.length);
  for (const [i, { key }] of taking.entries()) {
    next[i] = textHash(key, 0x5bd1_e995) % size;
    step[i] = (textHash(key, 0x1b87_3593) % (size - 1)) + 1;
  }
  const due = new Float64Array(taking.length);
  for (let filled = 0; filled < size; ) {
    for (const [i, { weight, index }] of taking.entries()) {
      due[i] = (due[i] as number) + weight / most;
      if ((due[i] as number) < 1) continue;
      due[i] = (due[i] as number) - 1;
      let at = next[i] as number;
      const by = step[i] as number;
      while (ring[at] !== NO_SLOT) at = (at + by) % size;
      ring[at] = index;
      next[i] = (at + by) % size;
      if (++filled === size) break;
    }
  }
  return ring;
}

/** What share of the slots of those who are in both rings go to another one now: members are compared by their keys. */
export function disruption(
  before: { readonly members: readonly RingMember[]; readonly ring: Uint32Array },
  after: { readonly members: readonly RingMember[]; readonly ring: Uint32Array },
): number {
  const staying = new Set(after.members.filter(({ weight }) => weight > 0).map(({ key }) => key));
  let kept = 0;
  let moved = 0;
  for (const [slot, index] of before.ring.entries()) {
    const key = before.members[index]?.key;
    if (key === undefined || !staying.has(key)) continue;
    kept++;
    if (after.members[after.ring[slot] as number]?.key !== key) moved++;
  }
  return kept === 0 ? 0 : moved / kept;
}
