// How the maps of a policy lie: what programs write and read, and so does the user's side.

import type { MapSpec } from "../../object/index.ts";
import { ADDRESS_BYTES, familyOf } from "./addresses.ts";
import { MOST_OF_ONE_NAME, NAME_BYTES } from "./name-patterns.ts";
import type { Plan } from "./plan.ts";

type MapName = "prefixes" | "addresses" | "names" | "asked" | "scratch" | "blank" | "counts" | "refusals" | "answers";
export const MAPS: Readonly<Record<MapName, string>> = {
  /** Prefixes of addresses: which lists have them, a bit each. */
  prefixes: "prefixes",
  /** Addresses that names have: for each pattern, until which second of the boot clock. */
  addresses: "addresses",
  /** Patterns of names, backwards. */
  names: "names",
  /** Questions that have no answer yet. */
  asked: "asked",
  scratch: "scratch",
  /** Zeros: what is read where a table has nothing. */
  blank: "blank",
  /** How often each rule decided; the last: records that found no room. */
  counts: "counts",
  refusals: "refusals",
  /** Answers of resolvers, whole, for the user's side. */
  answers: "answers",
};

const BPF_F_NO_PREALLOC = 1;
const BPF_F_MMAPABLE = 0x400;
const RING_BYTES = 256 * 1024;
/** Bytes that the table of addresses may take. */
const ADDRESS_TABLE_BYTES = 16 << 20;
const MOST_ADDRESSES = 65_536;
const LEAST_ADDRESSES = 4096;
const MOST_ASKED = 16_384;

/** Of a message that is looked at; and of its records and the labels of their names, together. */
export const MESSAGE_BYTES = 1024;
export const MOST_STEPS = 64;
/** Seconds that an address is a name's at least, whatever the answer says: who asked may use it a little later. */
export const LEAST_SECONDS = 60;
export const MOST_SECONDS: number = 7 * 86_400;

/** Bytes from the start of the scratch value; behind the message is room that reads may touch. */
const NAME_AT = 2048;
export const Scratch: Readonly<Record<"message" | "name" | "position" | "size", number>> = {
  message: 0,
  name: NAME_AT,
  /** Behind the two names' room that a key may reach over. */
  position: NAME_AT + 8 + 2 * NAME_BYTES,
  size: NAME_AT + 16 + 2 * NAME_BYTES,
};
/** A pattern's entry: how many patterns its names have, and their numbers. */
export const NameEntry: Readonly<Record<"count" | "slots" | "size", number>> = {
  count: 0,
  slots: 4,
  size: 4 + 2 * (MOST_OF_ONE_NAME + 1),
};

/** The key of `prefixes`: bits of the prefix before the key of `addresses`. */
export const PREFIX_KEY: number = 4 + ADDRESS_BYTES;
export const NAME_KEY: number = 4 + NAME_BYTES;

/** A record of what was refused. */
export const Refused = {
  time: 0,
  pid: 8,
  uid: 12,
  service: 16,
  rule: 18,
  operation: 20,
  family: 21,
  protocol: 22,
  dryRun: 23,
  port: 24,
  /** Of which policy: numbers of services and rules are its own. */
  generation: 28,
  address: 32,
  command: 48,
  size: 64,
} as const;
/** In place of a rule's number: no rule matched; a socket of another protocol. */
export const NO_RULE = 0xffff;
export const OTHER_SOCKET = 0xfffe;

export const listBytes = ({ lists }: Plan): number => Math.max(4, Math.ceil(lists / 32) * 4);

export function mapsOf(plan: Plan): readonly MapSpec[] {
  const { capacity } = plan;
  const addresses = Math.max(
    LEAST_ADDRESSES,
    Math.min(MOST_ADDRESSES, Math.floor(ADDRESS_TABLE_BYTES / (4 * capacity))),
  );
  const maps: MapSpec[] = [
    { name: MAPS.blank, type: "array", keySize: 4, valueSize: Math.max(listBytes(plan), capacity * 4), maxEntries: 1 },
    {
      name: MAPS.counts,
      type: "array",
      keySize: 4,
      valueSize: 8 * (plan.counters + 1),
      maxEntries: 1,
      flags: BPF_F_MMAPABLE,
    },
    { name: MAPS.refusals, type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: RING_BYTES },
  ];
  if (plan.lists > 0)
    maps.push({
      name: MAPS.prefixes,
      type: "lpm_trie",
      keySize: PREFIX_KEY,
      valueSize: listBytes(plan),
      maxEntries: Math.max(1, plan.prefixes.length),
      flags: BPF_F_NO_PREALLOC,
    });
  if (plan.names.length > 0)
    maps.push(
      {
        name: MAPS.addresses,
        type: "lru_hash",
        keySize: ADDRESS_BYTES,
        valueSize: capacity * 4,
        maxEntries: addresses,
      },
      {
        name: MAPS.names,
        type: "lpm_trie",
        keySize: NAME_KEY,
        valueSize: NameEntry.size,
        maxEntries: plan.names.length,
        flags: BPF_F_NO_PREALLOC,
      },
      { name: MAPS.asked, type: "lru_hash", keySize: 16, valueSize: 8, maxEntries: MOST_ASKED },
      { name: MAPS.scratch, type: "percpu_array", keySize: 4, valueSize: Scratch.size, maxEntries: 1 },
      { name: MAPS.answers, type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: RING_BYTES },
    );
  return maps;
}

/** An entry that a map begins with. */
export interface MapEntry {
  readonly map: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What the tables hold before any program runs. */
export function entriesOf(plan: Plan): readonly MapEntry[] {
  const prefixes = plan.prefixes.map(({ prefix, lists }): MapEntry => {
    const key = new Uint8Array(PREFIX_KEY);
    new DataView(key.buffer).setUint32(0, 32 + prefix.bits, true);
    key[4] = familyOf(prefix.bytes);
    key.set(prefix.bytes, 8);
    const value = new Uint8Array(listBytes(plan));
    for (const list of lists) value[list >> 3] = (value[list >> 3] ?? 0) | (1 << (list & 7));
    return { map: MAPS.prefixes, key, value };
  });
  const names = plan.names.map(({ key: text, slots }): MapEntry => {
    const key = new Uint8Array(NAME_KEY);
    new DataView(key.buffer).setUint32(0, text.length * 8, true);
    key.set(
      Uint8Array.from(text, (char) => char.charCodeAt(0)),
      4,
    );
    const value = new Uint8Array(NameEntry.size);
    const view = new DataView(value.buffer);
    view.setUint32(NameEntry.count, slots.length, true);
    for (const [i, slot] of slots.entries()) view.setUint16(NameEntry.slots + 2 * i, slot, true);
    return { map: MAPS.names, key, value };
  });
  return [...prefixes, ...names];
}
