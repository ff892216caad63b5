// Words of iptables and nft that mean numbers, and how the two write addresses and ports.

import { maskedTo, type Prefix, parseIpv4, parseIpv6 } from "../../../source/index.ts";

import { complement, type Intervals, normalised } from "../intervals.ts";
import { PROTOCOL_NUMBERS } from "../rules-text.ts";
import { type AddressList, MOST, maskBits, type NumberField, prefixesOf } from "./draft.ts";

type Names = Readonly<Record<string, number>>;
const found = (names: Names, word: string): number | undefined =>
  Object.hasOwn(names, word) ? names[word] : undefined;

const PROTOCOLS: Names = { ...PROTOCOL_NUMBERS, "ipv6-icmp": 58, icmpv6: 58, ipencap: 4, "mobility-header": 135 };

/** Types of ICMP: iptables-save writes numbers, nft names. */
export const ICMP_NAMES: Names = {
  "echo-reply": 0,
  "destination-unreachable": 3,
  "source-quench": 4,
  redirect: 5,
  "echo-request": 8,
  "router-advertisement": 9,
  "router-solicitation": 10,
  "time-exceeded": 11,
  "parameter-problem": 12,
  "timestamp-request": 13,
  "timestamp-reply": 14,
  "info-request": 15,
  "info-reply": 16,
  "address-mask-request": 17,
  "address-mask-reply": 18,
};
export const ICMP6_NAMES: Names = {
  "destination-unreachable": 1,
  "packet-too-big": 2,
  "time-exceeded": 3,
  "parameter-problem": 4,
  "echo-request": 128,
  "echo-reply": 129,
  "mld-listener-query": 130,
  "mld-listener-report": 131,
  "mld-listener-done": 132,
  "mld-listener-reduction": 132,
  "nd-router-solicit": 133,
  "nd-router-advert": 134,
  "nd-neighbor-solicit": 135,
  "nd-neighbor-advert": 136,
  "nd-redirect": 137,
  "router-renumbering": 138,
  "mld2-listener-report": 143,
};
/** Names of DSCP (RFC 2474, 2597, 3246). */
const DSCP_NAMES: Names = {
  be: 0,
  ef: 46,
  ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`cs${i}`, 8 * i])),
  ...Object.fromEntries([1, 2, 3, 4].flatMap((c) => [1, 2, 3].map((drop) => [`af${c}${drop}`, 8 * c + 2 * drop]))),
};
/** Services that texts name though they could write numbers. */
const SERVICES: Names = {
  ssh: 22,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  http: 80,
  ntp: 123,
  snmp: 161,
  https: 443,
  "dhcpv6-client": 546,
  "dhcpv6-server": 547,
  mdns: 5353,
};
const ETHER_TYPES: Names = { ip: 0x0800, ip6: 0x86dd, arp: 0x0806, vlan: 0x8100 };
const NAMES: Readonly<Partial<Record<NumberField, Names>>> = {
  protocol: PROTOCOLS,
  "source-port": SERVICES,
  "destination-port": SERVICES,
  dscp: DSCP_NAMES,
  "ether-type": ETHER_TYPES,
};

/** A number, or the name of one; undefined: it is none that the field can have. */
export function numberOf(field: NumberField, word: string, names: Names = NAMES[field] ?? {}): number | undefined {
  const value =
    found(names, word.toLowerCase()) ?? (/^(?:0x[\da-f]{1,8}|\d{1,10})$/i.test(word) ? Number(word) : undefined);
  return value === undefined || value > MOST[field] ? undefined : value;
}

/** `80`, `80:90` or `80-90`; of lists with commas all. `not`: all others. */
export function rangesOf(field: NumberField, text: string, not = false, names?: Names): Intervals | undefined {
  const pairs: (readonly [number, number])[] = [];
  for (const word of text.split(",")) {
    const whole = numberOf(field, word, names);
    const [low = "", high = "", more] = word.split(/[:-]/);
    const ends =
      whole !== undefined
        ? [whole, whole]
        : [low === "" ? 0 : numberOf(field, low, names), high === "" ? MOST[field] : numberOf(field, high, names)];
    const [from, to] = ends;
    if (
      from === undefined ||
      to === undefined ||
      from > to ||
      (whole === undefined && (more !== undefined || !/[:-]/.test(word)))
    )
      return undefined;
    pairs.push([from, to]);
  }
  const set = normalised(pairs);
  return not ? complement(set, MOST[field]) : set;
}

/** `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1-10.0.0.9`; undefined: it is none. */
export function prefixesIn(word: string): readonly Prefix[] | undefined {
  const dash = word.indexOf("-");
  const address = (text: string): Uint8Array | undefined => parseIpv4(text) ?? parseIpv6(text);
  if (dash > 0) {
    const [from, to] = [address(word.slice(0, dash)), address(word.slice(dash + 1))];
    return from === undefined || to === undefined ? undefined : prefixesOf(from, to);
  }
  const [text = "", size, more] = word.split("/");
  const bytes = address(text);
  if (bytes === undefined || more !== undefined) return undefined;
  const most = bytes.length * 8;
  const mask = size === undefined ? undefined : parseIpv4(size);
  const bits =
    size === undefined
      ? most
      : mask !== undefined && most === 32
        ? maskBits(mask)
        : /^\d{1,3}$/.test(size)
          ? Number(size)
          : undefined;
  return bits === undefined || bits > most ? undefined : [{ bytes: maskedTo(bytes, bits), bits }];
}

/** A list with commas. */
export function addressesOf(text: string, not: boolean): AddressList | undefined {
  const prefixes: Prefix[] = [];
  for (const word of text.split(",")) {
    const own = prefixesIn(word);
    if (own === undefined) return undefined;
    prefixes.push(...own);
  }
  return { not, prefixes, sets: [] };
}
