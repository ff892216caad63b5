// Prefixes of addresses: the networks of IPv4 and IPv6, and lists of them in which the longest prefix answers for all.

import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./addresses.ts";

/** The addresses that begin with `bits` bits of these 4 or 16 bytes; the bits behind them are zero. */
export interface Prefix {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

export function maskedTo(bytes: Uint8Array, bits: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))));
}

/** `10.0.0.0/8`, `2001:db8::/32`, or an address alone; undefined: it is none. Bits behind the prefix are cleared. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, word = "", size] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = parseIpv4(word) ?? parseIpv6(word);
  if (bytes === undefined) return undefined;
  const bits = size === undefined ? bytes.length * 8 : Number(size);
  return bits > bytes.length * 8 ? undefined : { bytes: maskedTo(bytes, bits), bits };
}

export function formatPrefix({ bytes, bits }: Prefix): string {
  const address = bytes.length === 4 ? formatIpv4(bytes) : formatIpv6(bytes);
  return bits === bytes.length * 8 ? address : `${address}/${bits}`;
}

/** An address as the prefix of itself. */
export const wholeAddress = (bytes: Uint8Array): Prefix => ({ bytes, bits: bytes.length * 8 });

/** Does every address of `inner` belong to `outer`? */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  if (outer.bytes.length !== inner.bytes.length || outer.bits > inner.bits) return false;
  return maskedTo(inner.bytes, outer.bits).every((byte, i) => byte === outer.bytes[i]);
}

export interface MergedPrefix {
  readonly prefix: Prefix;
  /** Lists that have every address of it, whichever of their prefixes that is by. */
  readonly lists: ReadonlySet<number>;
}

/** Lists of prefixes as one table, in which the longest prefix of an address answers for all lists. */
export function mergedPrefixes(lists: readonly (readonly Prefix[])[]): readonly MergedPrefix[] {
  const keyOf = (bytes: Uint8Array, bits: number): string => `${bits}/${bytes.join(".")}`;
  const found = new Map<string, { prefix: Prefix; lists: Set<number> }>();
  lists.forEach((prefixes, list) => {
    for (const prefix of prefixes) {
      const key = keyOf(prefix.bytes, prefix.bits);
      const entry = found.get(key);
      if (entry === undefined) found.set(key, { prefix, lists: new Set([list]) });
      else entry.lists.add(list);
    }
  });
  // Shorter ones first: what a prefix lies in has all of its own lists by then.
  const ordered = [...found.values()].sort((a, b) => a.prefix.bits - b.prefix.bits);
  const lengths = [...new Set(ordered.map(({ prefix }) => prefix.bits))].reverse();
  for (const { prefix, lists: own } of ordered)
    for (const bits of lengths) {
      if (bits >= prefix.bits) continue;
      const outer = found.get(keyOf(maskedTo(prefix.bytes, bits), bits));
      if (outer === undefined) continue;
      for (const list of outer.lists) own.add(list);
      break;
    }
  return ordered;
}
