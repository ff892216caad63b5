// Hashes: of texts, for places in a ring and the stamps of servers; and of flows, as the data plane has them
// (plane/servers.bpf.ts).

/** FNV-1a over the text's bytes, with the last turns of MurmurHash3: 0 to 2^32-1. */
export function textHash(text: string, seed = 0): number {
  let hash = (0x811c_9dc5 ^ seed) >>> 0;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x0100_0193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** One more word into a flow's hash. */
export function mixed(hash: number, word: number): number {
  const all = Math.imul(hash ^ word, 0x9e37_79b1) >>> 0;
  return (all ^ (all >>> 15)) >>> 0;
}

/** The last turns of it. */
export function finished(hash: number): number {
  const all = Math.imul(hash, 0x85eb_ca6b) >>> 0;
  return Math.imul(all ^ (all >>> 13), 0xc2b2_ae35) >>> 0;
}

/** The place in a ring of so many slots. */
export const ringPlace = (hash: number, slots: number): number => Number((BigInt(hash) * BigInt(slots)) >> 32n);
