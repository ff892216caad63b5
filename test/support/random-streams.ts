// Streams of TCP in segments of all kinds, from a seed: cut anywhere, in any order, again and with other bytes, behind a second SYN,
// as fragments; and rules that ask what they say.

import type { RuleData, RulesData } from "../../src/net/firewall/index.ts";
import { packet } from "../../src/packets/index.ts";
import { clientHello, httpRequest } from "./content-cases.ts";
import type { Random } from "./random-words.ts";

const NAMES = ["evil.example", "www.evil.example", "good.example", "x.org"];
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

const CONTENT: readonly NonNullable<RuleData["content"]>[] = [
  { tls: "evil.example" },
  { http: { host: "evil.example" } },
  { http: { path: "/admin", method: "GET" } },
  { bytes: "needle" },
  { regex: "^SSH-1\\.", "ignore-case": true },
  [{ bytes: "haystack" }, { tls: "x.org" }],
  { dns: "evil.example" },
];

/** One to five rules that ask for content, and others around them. */
export function contentRules(random: Random): RulesData {
  const rules: RuleData[] = [];
  const port = random.chance(50) ? {} : { "destination-port": random.pick(["443", "80-90", "400-500"]) };
  for (let n = 1 + random.below(4); n > 0; n--)
    rules.push({
      action: random.pick(["deny", "deny", "allow", "reject", "count"]),
      ...(random.chance(70) ? { protocol: "tcp" } : {}),
      ...port,
      ...(random.chance(10) ? { flags: "psh" } : {}),
      ...(random.chance(10) ? { length: "60-400" } : {}),
      content: random.pick(CONTENT),
    });
  if (random.chance(20)) rules.unshift({ action: "allow", protocol: "tcp", length: "0-70" });
  if (random.chance(20)) rules.push({ action: "allow", protocol: "tcp", flags: "syn" });
  return { default: random.pick(["allow", "deny"]), rules };
}

function said(random: Random): Uint8Array {
  switch (random.below(5)) {
    case 0:
    case 1: {
      const hello = clientHello(random.pick(NAMES), random.pick([2, 5, 20, 33, 38, 45]), random.below(33));
      // Another record's length: the greeting goes on in a second one.
      if (random.chance(10)) hello[4] = random.below(256);
      return hello;
    }
    case 2:
      return httpRequest(
        random.pick(["GET", "POST"]),
        random.pick(["/", "/admin/x"]),
        random.pick(NAMES),
        random.below(30),
      );
    case 3:
      return text(`${"hay ".repeat(random.below(80))}${random.pick(["needle", "haystack", "nothing"])} hay`);
    default:
      return text(
        random.pick(["SSH-1.99-old\r\n", "SSH-2.0-new\r\n", "\0\x20\0\0\x01\0\0\x01\0\0\0\0\0\0\x04evil\x07example\0"]),
      );
  }
}

/** The frames of some streams, in the order in which they come in. */
export function streamFrames(random: Random): Uint8Array[] {
  const flows = Array.from({ length: 1 + random.below(3) }, (_, i) => framesOf(random, 1000 + i));
  const mixed: Uint8Array[] = [];
  while (flows.some((one) => one.length > 0)) {
    const next = random.pick(flows).shift();
    if (next !== undefined) mixed.push(next);
  }
  return mixed;
}

interface Segment {
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly syn?: boolean;
  readonly other?: Readonly<Record<string, boolean>>;
  readonly fragment?: boolean;
}

function framesOf(random: Random, source: number): Uint8Array[] {
  const six = random.chance(30);
  const destination = random.pick([443, 443, 80, 53]);
  const framed = ({ sequence, payload, syn = false, other = {}, fragment = false }: Segment): Uint8Array => {
    let made = packet().eth();
    if (random.chance(10)) made = made.vlan({ id: 7 });
    const network = six ? made.ipv6({}) : made.ipv4({ ...(fragment ? { moreFragments: true } : {}) });
    const options = new Uint8Array(4 * random.below(4)).fill(1);
    const flags = { syn, ack: !syn, psh: random.chance(50), ...other };
    const bytes = network
      .tcp({ source, destination, sequence: sequence >>> 0, options, ...flags })
      .payload(payload)
      .bytes();
    // What Ethernet fills up with is no payload.
    const filled = new Uint8Array(Math.max(random.pick([0, 60, 200]), bytes.length)).fill(random.pick([0, 0x41]));
    filled.set(bytes);
    return filled;
  };
  const segments: Segment[] = [];
  let begin = random.pick([1000, 0xffff_ffff, 0xffff_ff00, random.below(2 ** 32)]);
  for (let n = random.chance(25) ? 2 : 1; n > 0; n--) {
    const bytes = Uint8Array.from([...said(random), ...new Uint8Array(random.pick([0, 40, 3000])).fill(0x78)]);
    const own = random.chance(80) ? [{ sequence: begin, payload: new Uint8Array(), syn: true }] : [];
    const data: Segment[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = random.pick([1, 2, 7, 8, 9, 60, 64, 300, 1000, 1400]);
      const back = random.chance(15) ? random.below(20) : 0;
      const from = Math.max(0, at - back);
      const one = { sequence: begin + 1 + from, payload: bytes.subarray(from, at + size) };
      // What it says again may be another thing.
      data.push(from < at && random.chance(20) ? damaged(random, one, at - from) : one);
      at += size;
      if (data.length > 60) break;
    }
    if (random.chance(40)) for (let i = 0; i < 3; i++) swap(data, random.below(data.length), random.below(data.length));
    for (let i = random.below(4); i > 0; i--) data.splice(random.below(data.length), 0, random.pick(data));
    if (random.chance(30)) data.splice(random.below(data.length), 0, damaged(random, random.pick(data)));
    const strange = random.below(13);
    const at = random.below(data.length);
    const some = text("evil needle");
    if (strange === 0) data.splice(at, 0, { sequence: begin + 77, payload: new Uint8Array(), syn: true });
    if (strange === 1) data.splice(at, 0, { sequence: begin - 5, payload: some });
    if (strange === 2) data.splice(at, 0, { sequence: begin + 2 ** 30 + 50, payload: some });
    if (strange === 3) data.splice(at, 0, { sequence: begin + 2 ** 31 + 50, payload: some });
    if (strange === 4) data.splice(at, 0, { ...random.pick(data), fragment: true });
    if (strange === 5) data.splice(at, 0, { sequence: begin, payload: new Uint8Array(), other: { rst: true } });
    if (strange === 7) data.splice(at, 0, { ...random.pick(data), other: { urg: true } });
    if (strange === 6)
      data.push(
        { sequence: begin + 2 ** 30 + 50, payload: some },
        ...data.slice(0, 2),
        damaged(random, data[0] as Segment),
      );
    segments.push(...own, ...data, {
      sequence: begin + 1 + bytes.length,
      payload: new Uint8Array(),
      other: { fin: true },
    });
    if (random.chance(20)) segments.push({ ...(own[0] ?? (data[0] as Segment)) });
    begin = random.below(2 ** 32);
  }
  return segments.map(framed);
}

function swap<T>(list: T[], a: number, b: number): void {
  [list[a], list[b]] = [list[b] as T, list[a] as T];
}

/** With one byte that is another, among so many first ones. */
function damaged(random: Random, one: Segment, among = one.payload.length): Segment {
  const payload = one.payload.slice();
  if (among > 0) payload[random.below(among)] = random.below(256);
  return { ...one, payload };
}
