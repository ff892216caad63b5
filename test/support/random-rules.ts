// Rules of a firewall, and packets that come near to them, from a seed.

import type { ContentData, RuleData, RulesData } from "../../src/net/firewall/index.ts";
import { packet } from "../../src/packets/index.ts";
import { Random } from "./random-words.ts";

/** Numbers from 0 up to below `n`, the same for the same seed. */
export type Dice = (n: number) => number;
export function seeded(seed: number): Dice {
  const random = new Random(seed);
  return (n) => random.below(n);
}
const pick = <T>(roll: Dice, of: readonly T[]): T => of[roll(of.length)] as T;

const ADDRESSES = [
  "10.0.0.1",
  "10.0.0.2",
  "10.1.2.3",
  "192.0.2.7",
  "192.0.2.200",
  "198.51.100.1",
  "203.0.113.9",
  "255.255.255.255",
  "0.0.0.0",
];
const NETWORKS = [
  "10.0.0.0/8",
  "10.0.0.0/24",
  "192.0.2.0/25",
  "192.0.2.128/25",
  "198.51.100.0/24",
  "0.0.0.0/0",
  "203.0.113.8/31",
  "10.1.2.3",
];
const ADDRESSES6 = ["2001:db8::1", "2001:db8:0:1::2", "2001:db8:1::3", "fe80::1", "::1", "2001:db9::"];
const NETWORKS6 = [
  "2001:db8::/32",
  "2001:db8::/48",
  "2001:db8:0:1::/64",
  "fe80::/10",
  "::/0",
  "2001:db8:1::3",
  "2001:db8::/127",
];
const PORTS = [0, 22, 53, 80, 443, 1023, 1024, 5353, 8080, 65535];
const FLAGS = ["syn", "syn,!ack", "ack", "rst", "fin,psh,urg", "!syn", "syn,ack", "!syn,!ack,!rst"];

const CONTENTS: readonly ContentData[] = [
  { bytes: "evil" },
  { bytes: "0x0d0a0d0a" },
  { regex: "GET /[a-m]+" },
  { dns: "evil.example" },
  { dns: "*.example" },
  { http: { host: "www.evil.example" } },
  { http: { method: "GET", path: "/adm" } },
];
const question = (...labels: string[]): string =>
  `\x12\x34\x01\0\0\x01\0\0\0\0\0\0${labels.map((label) => String.fromCharCode(label.length) + label).join("")}\0\0\x01\0\x01`;
const PAYLOADS: readonly string[] = [
  "GET /admin HTTP/1.1\r\nHost: www.evil.example\r\n\r\n",
  "POST /zoo HTTP/1.1\r\nhost: good.example\r\n\r\n",
  "nothing evil",
  question("www", "evil", "example"),
  question("good", "example"),
];

export interface RandomRulesOptions {
  /** Rates and flows: what a packet meets then depends on those before it. */
  readonly stateful?: boolean;
  /** Nothing that is not about fields. */
  readonly plain?: boolean;
  readonly actions?: readonly RuleData["action"][];
}

export function randomRules(
  roll: Dice,
  { stateful = false, plain = false, actions = ["allow", "deny", "count"] }: RandomRulesOptions = {},
): RulesData {
  const maybe = <T>(chance: number, make: () => T): T | undefined => (roll(100) < chance ? make() : undefined);
  const several = <T>(make: () => T): T[] => Array.from({ length: 1 + roll(3) }, make);
  const range = (of: readonly number[]): string | number => {
    if (roll(3) > 0) return pick(roll, of);
    const [a, b] = [pick(roll, of), pick(roll, of)];
    return `${Math.min(a, b)}-${Math.max(a, b)}`;
  };
  const addresses = (): string[] => {
    const not = roll(6) === 0 ? "!" : "";
    return several(
      () =>
        `${not}${roll(4) === 0 ? pick(roll, ["$one", "$two", "$big"]) : roll(3) === 0 ? pick(roll, NETWORKS6) : pick(roll, NETWORKS)}`,
    );
  };
  const rules = Array.from({ length: roll(14) }, (): RuleData => {
    const protocol = maybe(55, () =>
      several(() => pick<string | number>(roll, ["tcp", "udp", "icmp", "icmp6", "sctp", 47, "1-17", "gre"])),
    );
    const takes = (...names: readonly (string | number)[]): boolean =>
      protocol === undefined || protocol.some((one) => names.includes(one) || one === "1-17");
    const made = {
      action: pick(roll, actions),
      protocol,
      source: maybe(40, addresses),
      destination: maybe(40, addresses),
      "source-port": takes("tcp", "udp", "sctp") ? maybe(15, () => several(() => range(PORTS))) : undefined,
      "destination-port": takes("tcp", "udp", "sctp") ? maybe(40, () => several(() => range(PORTS))) : undefined,
      flags: takes("tcp") ? maybe(15, () => several(() => pick(roll, FLAGS))) : undefined,
      "icmp-type": takes("icmp", "icmp6")
        ? maybe(8, () => several(() => pick<string | number>(roll, ["echo", "echo-reply", 3, "echo6"])))
        : undefined,
      "ether-type": maybe(6, () => several(() => pick<string | number>(roll, ["ipv4", "ipv6", "arp", "0x88cc"]))),
      length: maybe(8, () => range([0, 42, 60, 64, 100, 1514])),
      ttl: maybe(5, () => range([0, 1, 63, 64, 255])),
      dscp: maybe(4, () => range([0, 8, 46, 63])),
      vlan: maybe(5, () => pick<string | number>(roll, ["none", 5, "1-100", 4095])),
      fragment: maybe(6, () => pick(roll, ["none", "first", "later"] as const)),
      "source-mac": maybe(4, () => several(() => pick(roll, ["02:00:00:00:00:01", "02:00:00:00:00:03"]))),
      filter: maybe(plain ? 0 : 5, () =>
        pick(roll, [
          "greater 80",
          "ip[8] > 63",
          "tcp[13] & 2 != 0 or udp",
          "ether[14] & 0xf = 5",
          "icmp or ip6",
          "portrange 50-90",
          "vlan 5",
        ]),
      ),
      content: takes("tcp", "udp", "sctp")
        ? maybe(plain ? 0 : 4, () => several(() => pick(roll, CONTENTS)))
        : undefined,
      bytes: maybe(plain ? 0 : 4, () => [
        { offset: pick(roll, [0, 14, 30, 47, 90]), equal: pick(roll, ["0x02", "0x4500", "0x0a000001", "0x00"]) },
      ]),
      ...(stateful
        ? {
            state:
              takes("tcp", "udp") && protocol?.includes("icmp") !== true
                ? maybe(20, () => pick(roll, ["new", "established"] as const))
                : undefined,
            ...(roll(4) === 0
              ? {
                  [pick(roll, ["within", "over"])]: {
                    rate: pick(roll, ["1/s", "1000/s", "100kB/s", "3/m"]),
                    burst: pick(roll, [1, 5, 100, 2000]),
                    ...(roll(2) === 0 ? { per: pick(roll, ["source", "destination/24", "source/8/32"]) } : {}),
                  },
                }
              : {}),
          }
        : {}),
    };
    if (made.action === "count" && "state" in made) made.state = undefined;
    const cleaned = Object.fromEntries(
      Object.entries(made).filter(([, value]) => value !== undefined),
    ) as unknown as RuleData;
    return stateful && cleaned.action === "deny" && cleaned.over !== undefined && roll(2) === 0
      ? { ...cleaned, block: "30s" }
      : cleaned;
  });
  return {
    default: pick(roll, ["allow", "deny"]),
    sets: {
      one: several(() => pick(roll, NETWORKS)),
      two: several(() => pick(roll, [...NETWORKS6, ...NETWORKS])),
      big: { dynamic: true, networks: several(() => pick(roll, [...NETWORKS6, ...NETWORKS])) },
    },
    rules,
  };
}

/** The same rules, of what packets of a control group have. */
export const ofNetworks = (data: RulesData): RulesData => ({
  ...data,
  rules: data.rules.map(({ vlan: _vlan, "source-mac": _mac, content: _content, filter, ...rule }) => ({
    ...rule,
    ...(filter === undefined || filter.includes("vlan") ? {} : { filter }),
  })),
});

/** A frame: one that is as it should be, and one time in three then damaged. */
export function randomPacket(roll: Dice): Uint8Array {
  let made = packet().eth({
    source: pick(roll, ["02:00:00:00:00:01", "02:00:00:00:00:03"]),
    destination: pick(roll, ["02:00:00:00:00:02", "ff:ff:ff:ff:ff:ff"]),
  });
  const tags = pick(roll, [0, 0, 0, 0, 1, 2, 3]);
  for (let i = 0; i < tags; i++) made = made.vlan({ id: pick(roll, [0, 5, 7, 4095]) });
  const kind = roll(10);
  if (kind === 0) return damaged(roll, made.arp({}).bytes());
  if (kind < 6) {
    const fragment = roll(8);
    const options = roll(10) === 0 ? { options: new Uint8Array(4 * (1 + roll(10))).fill(1) } : {};
    made = made.ipv4({
      source: pick(roll, ADDRESSES),
      destination: pick(roll, ADDRESSES),
      ttl: pick(roll, [0, 1, 63, 64, 255]),
      dscp: pick(roll, [0, 0, 8, 46, 63]),
      ...(fragment === 0 ? { moreFragments: true } : fragment === 1 ? { fragmentOffset: 1 + roll(100) } : {}),
      ...(roll(12) === 0 ? { protocol: pick(roll, [47, 50, 2, 255, 136, 33]) } : {}),
      ...options,
    });
  } else {
    const chain: Uint8Array[] = [];
    made = made.ipv6({
      source: pick(roll, ADDRESSES6),
      destination: pick(roll, ADDRESSES6),
      hopLimit: pick(roll, [1, 63, 64, 255]),
      trafficClass: pick(roll, [0, 32, 184]),
    });
    if (roll(4) === 0) return damaged(roll, extended(roll, made, chain));
  }
  const ports = { source: pick(roll, PORTS), destination: pick(roll, PORTS) };
  const bit = (): boolean => roll(3) === 0;
  switch (roll(7)) {
    case 0:
    case 1:
    case 2:
      made = made.tcp({
        ...ports,
        syn: bit(),
        ack: bit(),
        rst: bit(),
        fin: bit(),
        psh: bit(),
        urg: roll(9) === 0,
        sequence: roll(2 ** 31),
      });
      break;
    case 3:
      made = made.icmp({ type: pick(roll, [0, 3, 8]), code: roll(4) });
      break;
    case 4:
      made = made.icmp6({ type: pick(roll, [1, 128, 135]), code: roll(2) });
      break;
    case 5:
      made = made.sctp(ports);
      break;
    default:
      made = made.udp(ports);
  }
  if (roll(3) === 0) return damaged(roll, made.payload(pick(roll, PAYLOADS)).bytes());
  return damaged(roll, made.payload(new Uint8Array(roll(4) === 0 ? roll(1400) : roll(40)).fill(roll(256))).bytes());
}

/** IPv6 with extension headers before UDP or TCP: their lengths and kinds may be wrong. */
function extended(roll: Dice, base: ReturnType<typeof packet>, headers: Uint8Array[]): Uint8Array {
  const kinds = Array.from({ length: 1 + roll(8) }, () => pick(roll, [0, 43, 44, 44, 51, 60]));
  const last = pick(roll, [6, 17, 58, 47]);
  kinds.forEach((kind, i) => {
    const units = roll(3);
    const bytes = kind === 44 ? 8 : kind === 51 ? (units + 2) * 4 : (units + 1) * 8;
    const header = new Uint8Array(bytes);
    header[0] = kinds[i + 1] ?? last;
    header[1] = kind === 44 ? 0 : units;
    if (kind === 44) header[3] = pick(roll, [0, 1, 0, 8, 9]);
    headers.push(header);
  });
  const inner = new Uint8Array(20 + roll(20));
  new DataView(inner.buffer).setUint16(0, pick(roll, PORTS));
  new DataView(inner.buffer).setUint16(2, pick(roll, PORTS));
  inner[12] = 0x50;
  inner[13] = roll(256);
  const whole = base.payload(Uint8Array.from([...headers.flatMap((header) => [...header]), ...inner])).bytes();
  const network = whole.length - inner.length - headers.reduce((sum, { length }) => sum + length, 0) - 40;
  whole[network + 6] = kinds[0] as number;
  return whole;
}

function damaged(roll: Dice, bytes: Uint8Array): Uint8Array {
  const kind = roll(9);
  if (kind === 0) return bytes.slice(0, 14 + roll(bytes.length - 14));
  if (kind === 1) {
    const copy = bytes.slice();
    for (let i = 0; i <= roll(4); i++) copy[roll(Math.min(80, copy.length))] = roll(256);
    return copy;
  }
  return bytes;
}

/** Frames that have at least an Ethernet header. */
export const packetsOf = (roll: Dice, count: number): Uint8Array[] =>
  Array.from({ length: count }, () => randomPacket(roll)).filter(({ length }) => length >= 14);
