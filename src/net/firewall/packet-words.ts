// Packets in words, as tests and questions have them:
//
//     packets  := words { "then" words }
//     words    := "vlan" N … protocol [address] [">" address] { option }
//     protocol := "tcp" | "udp" | "sctp" | "icmp" | "icmp6" | "arp" | "ip" | "ip6"
//     address  := IPv4 [":" port] | "[" IPv6 "]" [":" port] | IPv6
//     option   := flag of TCP | "ttl" N | "dscp" N | "type" N | "code" N | "protocol" N | "length" BYTES | "from" MAC | "to" MAC
//               | "first" | "later" | "sequence" N | "payload" ( "0x" DIGITS | "\"" TEXT "\"" )
//
//     tcp 192.0.2.1:5000 > 198.51.100.2:22 syn

import { type Wrong, wrong } from "../../config/index.ts";
import { packet } from "../../packets/index.ts";
import { parseIpv4, parseIpv6, parseMac } from "../../source/index.ts";
import { FLAG_NAMES } from "./rules-text.ts";

interface Place {
  readonly address?: string;
  readonly port?: number;
  readonly six: boolean;
}

const PROTOCOLS = ["tcp", "udp", "sctp", "icmp", "icmp6", "arp", "ip", "ip6"] as const;
const NUMBERS = ["ttl", "dscp", "type", "code", "protocol", "length"] as const;

/** The frame that words tell of. */
export function packetOfWords(text: string): Uint8Array | Wrong {
  const words = wordsOf(text);
  if ("wrong" in words) return words;
  let at = 0;
  const vlans: number[] = [];
  while (words[at] === "vlan") {
    const id = Number(words[at + 1]);
    if (!Number.isInteger(id) || id < 0 || id > 4095) return wrong(`'${words[at + 1] ?? ""}' is no VLAN`);
    vlans.push(id);
    at += 2;
  }
  const protocol = PROTOCOLS.find((one) => one === words[at]);
  if (protocol === undefined)
    return wrong(
      `'${words[at] ?? ""}' is no protocol of a packet`,
      `There are ${PROTOCOLS.join(", ")}: tcp 192.0.2.1:5000 > 198.51.100.2:22 syn`,
    );
  at++;
  const flags: Record<string, boolean> = {};
  const numbers: Partial<Record<(typeof NUMBERS)[number], number>> = {};
  const macs: { from?: string; to?: string } = {};
  let fragment: "first" | "later" | undefined;
  let payload: Uint8Array | undefined;
  let sequence: number | undefined;
  const places: Place[] = [];
  for (; at < words.length; at++) {
    const word = words[at] as string;
    if (word === ">" || word === "") continue;
    if (word === "first" || word === "later") fragment = word;
    else if ((FLAG_NAMES as readonly string[]).includes(word)) flags[word] = true;
    else if (word === "payload") {
      const bytes = payloadOfWord(words[++at] ?? "");
      if ("wrong" in bytes) return bytes;
      payload = bytes;
    } else if (word === "sequence") {
      sequence = Number(words[++at]);
      if (!Number.isInteger(sequence) || sequence < 0 || sequence > 0xffff_ffff)
        return wrong(`'${words[at] ?? ""}' is no number for 'sequence'`);
    } else if (word === "from" || word === "to") {
      const mac = words[++at] ?? "";
      if (parseMac(mac) === undefined) return wrong(`'${mac}' is no MAC address`);
      macs[word] = mac;
    } else if ((NUMBERS as readonly string[]).includes(word)) {
      const value = Number(words[++at]);
      if (!Number.isInteger(value) || value < 0 || value > 65_535)
        return wrong(`'${words[at] ?? ""}' is no number for '${word}'`);
      numbers[word as (typeof NUMBERS)[number]] = value;
    } else {
      const place = placeOf(word);
      if (place === undefined) return wrong(`'${word}' is no address and no option of a packet`);
      places.push(place);
    }
  }
  if (places.length > 2) return wrong("A packet has one source and one destination");
  const six = protocol === "ip6" || protocol === "icmp6" || places.some((place) => place.six);
  if (six && places.some((place) => place.address !== undefined && !place.six)) return wrong("IPv4 and IPv6 are mixed");
  const [source, destination] = places;
  let made = packet().eth({
    ...(macs.from === undefined ? {} : { source: macs.from }),
    ...(macs.to === undefined ? {} : { destination: macs.to }),
  });
  for (const id of vlans) made = made.vlan({ id });
  if (protocol === "arp") return filled(made.arp({}).bytes(), numbers.length);
  const addresses = {
    ...(source?.address === undefined ? {} : { source: source.address }),
    ...(destination?.address === undefined ? {} : { destination: destination.address }),
  };
  try {
    made = six
      ? made.ipv6({
          ...addresses,
          ...(numbers.ttl === undefined ? {} : { hopLimit: numbers.ttl }),
          ...(numbers.dscp === undefined ? {} : { trafficClass: numbers.dscp << 2 }),
          ...(numbers.protocol === undefined ? {} : { nextHeader: numbers.protocol }),
        })
      : made.ipv4({
          ...addresses,
          ...(numbers.ttl === undefined ? {} : { ttl: numbers.ttl }),
          ...(numbers.dscp === undefined ? {} : { dscp: numbers.dscp }),
          ...(numbers.protocol === undefined ? {} : { protocol: numbers.protocol }),
          ...(fragment === "first" ? { moreFragments: true } : fragment === "later" ? { fragmentOffset: 100 } : {}),
        });
    const ports = { source: source?.port ?? 40_000, destination: destination?.port ?? 0 };
    const icmp = {
      ...(numbers.type === undefined ? {} : { type: numbers.type }),
      ...(numbers.code === undefined ? {} : { code: numbers.code }),
    };
    if (protocol === "tcp") made = made.tcp({ ...ports, ...flags, ...(sequence === undefined ? {} : { sequence }) });
    else if (protocol === "udp") made = made.udp(ports);
    else if (protocol === "sctp") made = made.sctp(ports);
    else if (protocol === "icmp") made = made.icmp({ type: 8, ...icmp });
    else if (protocol === "icmp6") made = made.icmp6({ type: 128, ...icmp });
    if (payload !== undefined) made = made.payload(payload);
    return filled(made.bytes(), numbers.length);
  } catch (error) {
    if (error instanceof RangeError) return wrong(error.message);
    throw error;
  }
}

/** Several packets, one after another: in words, or as hexadecimal digits. */
export function packetsOfText(text: string): readonly Uint8Array[] | Wrong {
  const words = wordsOf(text);
  if ("wrong" in words) return words;
  const made: Uint8Array[] = [];
  for (let from = 0; from <= words.length; ) {
    const then = words.indexOf("then", from);
    const to = then < 0 ? words.length : then;
    const one = words.slice(from, to).join(" ");
    const frame = /^([\da-f]{2}[\s:]*){14,}$/i.test(one) ? packetOfHex(one) : packetOfWords(one);
    if ("wrong" in frame) return frame;
    made.push(frame);
    from = to + 1;
  }
  return made;
}

/** Words, and texts in quotes with them. */
function wordsOf(text: string): readonly string[] | Wrong {
  const words: string[] = [];
  const word = /\s*("(?:[^"\\]|\\[\s\S])*"(?!\S)|[^\s"]+(?!\S))/y;
  for (let at = 0; at < text.trimEnd().length; at = word.lastIndex) {
    word.lastIndex = at;
    const [, one] = word.exec(text) ?? [];
    if (one === undefined)
      return wrong("A quote does not end, or stands within a word", 'payload "GET / HTTP/1.1\\r\\n"');
    words.push(one);
  }
  return words;
}

const ESCAPES: ReadonlyMap<string, number> = new Map([
  ["r", 13],
  ["n", 10],
  ["t", 9],
  ["0", 0],
]);

/** Bytes in hexadecimal digits, or as text with \\r, \\n, \\t, \\0 and \\xHH. */
function payloadOfWord(word: string): Uint8Array | Wrong {
  if (word.startsWith("0x")) return packetOfHex(word.slice(2));
  if (!word.startsWith('"')) return wrong(`'${word}' is no payload`, 'payload "text", payload 0x160301');
  const bytes: number[] = [];
  for (const [part, hex, escaped] of word.slice(1, -1).matchAll(/\\x([\da-f]{2})|\\([\s\S])|[^\\]+/gi)) {
    const known = ESCAPES.get(escaped ?? "");
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (known !== undefined) bytes.push(known);
    else bytes.push(...new TextEncoder().encode(escaped ?? part));
  }
  return Uint8Array.from(bytes);
}

/** Filled up to a length with zeros; of a shorter one cut. */
function filled(bytes: Uint8Array, length: number | undefined): Uint8Array {
  if (length === undefined || length === bytes.length) return bytes;
  const made = new Uint8Array(length);
  made.set(bytes.subarray(0, length));
  return made;
}

function placeOf(word: string): Place | undefined {
  const [, bracketed, port6] = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(word) ?? [];
  if (bracketed !== undefined) return parseIpv6(bracketed) === undefined ? undefined : placed(bracketed, port6, true);
  const [, address, port] = /^(\d+\.\d+\.\d+\.\d+)(?::(\d{1,5}))?$/.exec(word) ?? [];
  if (address !== undefined) return parseIpv4(address) === undefined ? undefined : placed(address, port, false);
  if (/^:\d{1,5}$/.test(word)) return placed(undefined, word.slice(1), false);
  return parseIpv6(word) === undefined ? undefined : { address: word, six: true };
}

function placed(address: string | undefined, port: string | undefined, six: boolean): Place | undefined {
  if (port !== undefined && Number(port) > 65_535) return undefined;
  return { six, ...(address === undefined ? {} : { address }), ...(port === undefined ? {} : { port: Number(port) }) };
}

/** A frame as hexadecimal digits, blanks between them as one likes. */
export function packetOfHex(text: string): Uint8Array | Wrong {
  const digits = text.replace(/[\s:]/g, "");
  if (!/^([\da-f]{2})+$/i.test(digits)) return wrong("A packet's bytes are pairs of hexadecimal digits");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
