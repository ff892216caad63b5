// Addresses and ports as the data plane's tables have them: words of the machine (little-endian) as they lie in packets.

import { parseIpv4, parseIpv6 } from "../../source/index.ts";

/** The words of an address: one, and three zeros, or four. Throws RangeError for what is none. */
export function addressWords(address: string): readonly [number, number, number, number] {
  const bytes = parseIpv4(address) ?? parseIpv6(address);
  if (bytes === undefined) throw new RangeError(`${address} is no address`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number): number => (at < bytes.length ? view.getUint32(at, true) : 0);
  return [word(0), word(4), word(8), word(12)];
}

/** A number of 16 bits as it lies in the network's order, or back. */
export const swapped16 = (number: number): number => ((number & 255) << 8) | ((number >> 8) & 255);

/** The sum of a word's halves. */
export const halves = (word: number): number => (word & 0xffff) + (word >>> 16);
