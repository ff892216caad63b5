// Packets for tests of filters: those of the fixtures, and bent and cut ones of them, by a seed.

import { existsSync, readFileSync } from "node:fs";
import type { ClassicInstruction } from "../../src/isa/index.ts";
import { classicFunction } from "../../src/lang/filter/index.ts";

const folder = new URL("../../../shared/fixtures/pcap-filter/", import.meta.url);

export const filterFixtures: boolean = existsSync(folder);
if (!filterFixtures) console.warn("skipped: the fixtures of pcap-filter are not here");

/** A table of the fixtures. */
export const filterTable = <T>(name: string): T[] => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as T[];

export interface Packet {
  readonly data: Uint8Array;
  readonly length: number;
}

/** The packets of the fixtures' trace: a pcap file of little-endian records. */
export function tracePackets(): Packet[] {
  const bytes = readFileSync(new URL("trace1k.pcap", folder));
  const packets: Packet[] = [];
  for (let at = 24; at < bytes.length; ) {
    const [kept, length] = [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12)];
    packets.push({ data: new Uint8Array(bytes.subarray(at + 16, at + 16 + kept)), length });
    at += 16 + kept;
  }
  return packets;
}

export type Random = () => number;

/** Numbers from 0 to below 1, the same for the same seed. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

const BYTES = [
  0, 1, 2, 4, 6, 8, 17, 0x28, 0x2c, 0x33, 0x3a, 0x40, 0x45, 0x4f, 0x60, 0x80, 0x84, 0x86, 0x88, 0xa8, 0xdd, 255,
];

/** A packet with some bytes of its headers changed for such as headers have. */
export function bent({ data, length }: Packet, random: Random): Packet {
  const copy = Uint8Array.from(data);
  for (let i = 0; i < 4; i++) copy[Math.floor(random() * Math.min(64, copy.length))] = pick(random, BYTES);
  return { data: copy, length };
}

/** Runs a program that libpcap made. */
export function reference(code: readonly (readonly number[])[]): ReturnType<typeof classicFunction> {
  const program = code.map(([op, jt, jf, k]) => ({ code: op, jt, jf, k: (k as number) >>> 0 }) as ClassicInstruction);
  return classicFunction(program);
}
