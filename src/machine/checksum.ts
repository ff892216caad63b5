// Internet checksums as the kernel's helpers compute them (RFC 1071, RFC 1624, lib/checksum.c).

/** Folds a sum of 16-bit words to 16 bits. */
export function fold(sum: number): number {
  let folded = sum >>> 0;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** 32-bit addition with the carry put back. */
export function add32(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0);
  return sum > 0xffffffff ? (sum - 0xffffffff) >>> 0 : sum;
}

/** The sum of bytes as little-endian 32-bit words (what is missing of the last is zero), from `seed`. */
export function partialSum(bytes: Uint8Array, seed: number): number {
  let sum = seed >>> 0;
  for (let i = 0; i < bytes.length; i += 4) {
    const word =
      (bytes[i] as number) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24);
    sum = add32(sum, word);
  }
  return sum;
}

/** `bpf_csum_diff`: the checksum's change when `from` becomes `to`, folded to 16 bits (as since Linux 6.13). */
export function checksumDifference(from: Uint8Array, to: Uint8Array, seed: number): number {
  if (from.length > 0 && to.length > 0) return fold(add32(partialSum(to, seed), ~partialSum(from, 0)));
  if (to.length > 0) return fold(partialSum(to, seed));
  if (from.length > 0) return fold(~partialSum(from, ~seed));
  return fold(seed);
}

/** A 16-bit checksum (as it stands in the packet, little endian) after a sum changed by `difference`. */
export function replaceByDifference(checksum: number, difference: number): number {
  return ~fold(add32(difference, ~checksum & 0xffff)) & 0xffff;
}

/** … after a value `from` that it covers became `to`. */
export function replaceValue(checksum: number, from: number, to: number): number {
  return ~fold(add32(add32(~checksum & 0xffff, ~from), to)) & 0xffff;
}
