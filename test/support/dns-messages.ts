// DNS messages as tests want them: right ones, and ones with damage.

import type { Random } from "./random-words.ts";

export interface MessageOptions {
  /** Seconds. */
  readonly ttl?: number;
  readonly id?: number;
  /** A name that the question's is another name of: it stands before the addresses. */
  readonly alias?: string;
  /** RCODE */
  readonly code?: number;
  /** Names of records are written out, not pointed at. */
  readonly plain?: boolean;
}

export const wireName = (name: string): number[] => [
  ...name.split(".").flatMap((label) => [label.length, ...new TextEncoder().encode(label)]),
  0,
];
const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value)];

/** An answer to a question for addresses of a name. */
export function message(name: string, addresses: readonly Uint8Array[], options: MessageOptions = {}): Uint8Array {
  const { ttl = 300, id = 1, alias, code = 0, plain = false } = options;
  const owner = plain ? wireName(alias ?? name) : [0xc0, 12];
  const records = addresses.map((address) => [
    ...owner,
    ...u16(address.length === 4 ? 1 : 28),
    ...u16(1),
    ...u32(ttl),
    ...u16(address.length),
    ...address,
  ]);
  const target = alias === undefined ? [] : wireName(alias);
  const cname =
    alias === undefined ? [] : [[0xc0, 12, ...u16(5), ...u16(1), ...u32(ttl), ...u16(target.length), ...target]];
  const answers = [...cname, ...records];
  const head = [...u16(id), ...u16(0x8180 | code), ...u16(1), ...u16(answers.length), ...u16(0), ...u16(0)];
  return Uint8Array.from([...head, ...wireName(name), ...u16(1), ...u16(1), ...answers.flat()]);
}

/** Right ones of all kinds, and some with damage. */
export function randomMessage(random: Random, names: readonly string[], addresses: readonly Uint8Array[]): Uint8Array {
  const name = [...random.pick(names)].map((c) => (random.chance(20) ? c.toUpperCase() : c)).join("");
  const bytes = message(
    name,
    addresses.filter(() => random.chance(25)),
    {
      ttl: random.pick([0, 1, 300, 86_400 * 30, 0xffff_ffff]),
      plain: random.chance(30),
      ...(random.chance(30) ? { alias: random.pick(names) } : {}),
      ...(random.chance(5) ? { code: 3 } : {}),
    },
  );
  if (random.chance(30))
    for (let n = random.below(4); n >= 0; n--) bytes[random.below(bytes.length)] = random.below(256);
  return random.chance(15) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}
