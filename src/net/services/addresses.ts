// Prefixes of addresses, and the tables that answer which of many lists have an address: one look-up of the longest prefix.
//
//     key of tables:  ┌ family 4 or 6, u32 ┬ address, 16 bytes; of IPv4 the first four ┐

import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "../../source/index.ts";

export interface AddressPrefix {
  readonly family: 4 | 6;
  /** Four bytes or sixteen; those behind `bits` are zero. */
  readonly address: Uint8Array;
  readonly bits: number;
}

/** Bytes of an address with its family. */
export const ADDRESS_BYTES = 20;
/** Bits of a key before the address. */
export const FAMILY_BITS = 32;

/** An address alone, or with `/bits`; undefined: it is none. Bits behind the prefix are cleared. */
export function parsePrefix(text: string): AddressPrefix | undefined {
  const [, word = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const v4 = parseIpv4(word);
  const address = v4 ?? parseIpv6(word);
  if (address === undefined) return undefined;
  const most = address.length * 8;
  const length = bits === undefined ? most : Number(bits);
  if (length > most) return undefined;
  return { family: v4 === undefined ? 6 : 4, address: masked(address, length), bits: length };
}

function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff);
}

export const formatPrefix = ({ family, address, bits }: AddressPrefix): string => {
  const text = family === 4 ? formatIpv4(address) : formatIpv6(address);
  return bits === address.length * 8 ? text : `${text}/${bits}`;
};

export const LOCALHOST: readonly AddressPrefix[] = ["127.0.0.0/8", "::1"].map(
  (text) => parsePrefix(text) as AddressPrefix,
);

/** Does every address of `inner` belong to `outer`? */
export function contains(outer: AddressPrefix, inner: AddressPrefix): boolean {
  if (outer.family !== inner.family || outer.bits > inner.bits) return false;
  return masked(inner.address, outer.bits).every((byte, i) => byte === outer.address[i]);
}

/** An address as tables have it. */
export function addressKey(family: 4 | 6, address: Uint8Array): Uint8Array {
  const key = new Uint8Array(ADDRESS_BYTES);
  key[0] = family;
  key.set(address, 4);
  return key;
}

/** IPv4 within IPv6 (::ffff:a.b.c.d) is what it stands for: connections to it go by IPv4. */
export function plainAddress(address: Uint8Array): { readonly family: 4 | 6; readonly address: Uint8Array } {
  if (address.length === 4) return { family: 4, address };
  const mapped = address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff && address[11] === 0xff;
  return mapped ? { family: 4, address: address.slice(12) } : { family: 6, address };
}

const textOf = ({ family, address, bits }: AddressPrefix): string => `${family}/${address.join(".")}/${bits}`;

export interface PrefixEntry {
  readonly prefix: AddressPrefix;
  /** Lists that have every address of it, whichever of their prefixes that is by. */
  readonly lists: ReadonlySet<number>;
}

/** Lists of prefixes as one table, in which the longest prefix of an address answers for all lists. */
export function mergedPrefixes(lists: readonly (readonly AddressPrefix[])[]): readonly PrefixEntry[] {
  const found = new Map<string, { prefix: AddressPrefix; lists: Set<number> }>();
  lists.forEach((prefixes, list) => {
    for (const prefix of prefixes) {
      const key = textOf(prefix);
      const entry = found.get(key) ?? { prefix, lists: new Set<number>() };
      entry.lists.add(list);
      found.set(key, entry);
    }
  });
  // Shorter ones first: what a prefix lies in has all of its own lists by then.
  const ordered = [...found.values()].sort((a, b) => a.prefix.bits - b.prefix.bits);
  for (const entry of ordered) {
    const { family, address } = entry.prefix;
    for (let bits = entry.prefix.bits - 1; bits >= 0; bits--) {
      const outer = found.get(textOf({ family, address: masked(address, bits), bits }));
      if (outer === undefined) continue;
      for (const list of outer.lists) entry.lists.add(list);
      break;
    }
  }
  return ordered;
}
