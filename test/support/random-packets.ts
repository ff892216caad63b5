// Random packets, and mutated ones: with VLAN tags, extension headers, fragments, options, ICMP errors, wrong lengths, cut off, too long.

import { Random } from "./random-words.ts";

/** Random numbers from 0 to below 1, by a seed. */
export function seeded(seed: number): () => number {
  const random = new Random(seed);
  return () => random.below(2 ** 32) / 2 ** 32;
}

export interface PacketPool {
  /** Addresses that packets are from and to, four or sixteen bytes each. */
  readonly addresses: readonly Uint8Array[];
  readonly ports: readonly number[];
  /** What most of them are for; protocol 6 or 17. */
  readonly targets: readonly {
    readonly address: Uint8Array;
    readonly port: number;
    readonly protocol: number;
    /** Who sends to it; anybody unless said otherwise. */
    readonly from?: { readonly address: Uint8Array; readonly port: number };
  }[];
}

const TYPES = { four: 0x0800, six: 0x86dd };

/** A generator of packets by a pool; the same numbers give the same packets. */
export function randomPackets(random: () => number, pool: PacketPool): () => Uint8Array {
  const int = (below: number): number => Math.floor(random() * below);
  const chance = (p: number): boolean => random() < p;
  const one = <T>(list: readonly T[]): T => list[int(list.length)] as T;
  const bytes = (count: number): number[] => Array.from({ length: count }, () => int(256));
  const be16 = (n: number): number[] => [(n >> 8) & 255, n & 255];
  const fours = pool.addresses.filter(({ length }) => length === 4);
  const sixes = pool.addresses.filter(({ length }) => length === 16);
  const port = (): number => (chance(0.05) ? int(65_536) : one(pool.ports));

  /** Of a payload: seldom about as many as a network carries, and more. */
  const size = (): number => (chance(0.05) ? 1150 + int(450) : int(60));

  const tcp = (payload: number, from = port(), to = port()): number[] => {
    const flags = chance(0.8) ? one([2, 16, 16, 24, 17, 4, 18]) : int(256);
    return [...be16(from), ...be16(to), ...bytes(8), 0x50, flags, ...bytes(6), ...bytes(payload)];
  };
  const udp = (payload: number, from = port(), to = port()): number[] => {
    const sum = chance(0.2) ? [0, 0] : bytes(2);
    const body = bytes(payload);
    // Short headers of QUIC, often with a number that a server has.
    if (payload > 4 && chance(0.4)) body.splice(0, 4, 0x40 | int(64), int(256), 0, int(4));
    return [...be16(from), ...be16(to), ...be16(8 + payload), ...sum, ...body];
  };
  const transport = (): { protocol: number; body: number[] } => {
    const payload = size();
    if (chance(0.45)) return { protocol: 6, body: tcp(payload) };
    if (chance(0.85)) return { protocol: 17, body: udp(payload) };
    return { protocol: one([1, 2, 4, 41, 47, 58, 132, 255]), body: bytes(payload) };
  };
  const ip4 = (protocol: number, body: readonly number[], source = one(fours), destination = one(fours)): number[] => {
    const options = chance(0.1) ? bytes(4 * int(11)) : [];
    const piece = chance(0.12) ? one([0x2000, 1, 0x2001, 0x1fff, 0x3fff, 0x8000]) : one([0, 0x4000]);
    const words = (20 + options.length) / 4;
    const length = 20 + options.length + body.length;
    const said = chance(0.03) ? int(200) : chance(0.02) ? int(65_536) : length;
    const first = chance(0.02) ? int(256) : 0x40 | words;
    return [
      first,
      int(256),
      ...be16(said),
      ...be16(int(4)),
      ...be16(piece),
      int(256),
      protocol,
      ...bytes(2),
      ...source,
      ...destination,
      ...options,
      ...body,
    ];
  };
  const ip6 = (protocol: number, body: readonly number[], source = one(sixes), destination = one(sixes)): number[] => {
    const extensions: number[][] = [];
    let next = protocol;
    if (chance(0.2))
      for (let left = 1 + int(5); left > 0; left--) {
        const kind = one([0, 43, 60, 44, 44]);
        const place = one([0, 1, 8, 9, 0xfff8]);
        extensions.unshift(
          kind === 44 ? [next, 0, ...be16(place), 0, 0, 0, int(3)] : [next, chance(0.1) ? int(256) : 0, ...bytes(6)],
        );
        next = kind;
      }
    const rest = [...extensions.flat(), ...body];
    const said = chance(0.03) ? int(300) : rest.length;
    const first = chance(0.02) ? int(256) : 0x60 | int(16);
    return [first, int(256), ...bytes(2), ...be16(said), next, int(256), ...source, ...destination, ...rest];
  };
  /** An error about a packet that went from a service to a client, or about anything. */
  const error = (four: boolean): number[] => {
    const target = aimed(four);
    const { protocol, body } =
      target === undefined
        ? transport()
        : { protocol: target.protocol, body: segment(target.protocol, target.port, target.from?.port ?? port()) };
    const cut = body.slice(0, 4 + int(30));
    const inner = four
      ? ip4(protocol, cut, target?.address, target?.from?.address)
      : ip6(protocol, cut, target?.address, target?.from?.address);
    const types = four ? [3, 3, 11, 12, 0, 8, 5] : [1, 2, 3, 4, 128, 135];
    const message = [one(types), int(16), ...bytes(6), ...inner];
    return four ? ip4(1, message) : ip6(58, message);
  };
  const segment = (protocol: number, from: number, to: number): number[] =>
    protocol === 6 ? tcp(size(), from, to) : udp(size(), from, to);
  const aimed = (four: boolean): PacketPool["targets"][number] | undefined => {
    const fit = pool.targets.filter(({ address }) => (address.length === 4) === four);
    return fit.length > 0 && chance(0.75) ? one(fit) : undefined;
  };
  const share = pool.targets.filter(({ address }) => address.length === 4).length / pool.targets.length;
  const make = (): number[] => {
    const four = chance(0.05) ? chance(0.5) : chance(share);
    const target = aimed(four);
    const { protocol, body } =
      target === undefined
        ? transport()
        : { protocol: target.protocol, body: segment(target.protocol, target.from?.port ?? port(), target.port) };
    const whole = four
      ? ip4(protocol, body, target?.from?.address ?? one(fours), target?.address)
      : ip6(protocol, body, target?.from?.address ?? one(sixes), target?.address);
    const packet = chance(0.12) ? error(four) : whole;
    const tag = (): number[] => [
      ...one([be16(0x8100), be16(0x8100), be16(0x88a8), be16(0x9100)]),
      ...be16(int(65_536)),
    ];
    const tags = chance(0.1) ? Array.from({ length: 1 + int(3) }, tag).flat() : [];
    const type = chance(0.02) ? int(65_536) : four ? TYPES.four : TYPES.six;
    return [2, 0, 0, 0, 0, 1 + int(2), 2, 0, 0, 0, 1, int(4), ...tags, ...be16(type), ...packet];
  };
  return () => {
    let packet = make();
    if (chance(0.1)) for (let n = 1 + int(4); n > 0; n--) packet[int(packet.length)] = int(256);
    if (chance(0.06)) packet = packet.slice(0, int(packet.length));
    if (chance(0.06)) packet.push(...bytes(int(40)));
    // The kernel's test run takes none that is shorter than an Ethernet header.
    while (packet.length < 14) packet.push(int(256));
    return Uint8Array.from(packet);
  };
}
