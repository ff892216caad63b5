// Addresses as the tables of policies have them: one look-up of the longest prefix answers which of many lists have an address.
//
//     key of tables:  ┌ family 4 or 6, u32 ┬ address, 16 bytes; of IPv4 the first four ┐

import { type Prefix, parsePrefix } from "../../source/index.ts";

/** Bytes of an address with its family. */
export const ADDRESS_BYTES = 20;
/** Bits of a key before the address. */
export const FAMILY_BITS = 32;

export const familyOf = (bytes: Uint8Array): 4 | 6 => (bytes.length === 4 ? 4 : 6);

export const LOCALHOST: readonly Prefix[] = ["127.0.0.0/8", "::1"].map((text) => parsePrefix(text) as Prefix);

/** An address as tables have it. */
export function addressKey(address: Uint8Array): Uint8Array {
  const key = new Uint8Array(ADDRESS_BYTES);
  key[0] = familyOf(address);
  key.set(address, 4);
  return key;
}

/** IPv4 within IPv6 (::ffff:a.b.c.d) is what it stands for: connections to it go by IPv4. */
export function plainAddress(address: Uint8Array): Uint8Array {
  const mapped =
    address.length === 16 &&
    address.subarray(0, 10).every((byte) => byte === 0) &&
    address[10] === 0xff &&
    address[11] === 0xff;
  return mapped ? address.slice(12) : address;
}
