// The maps of a firewall's large and changing sets, in the kernel: filled, changed while packets ask them, carried over.

import { type KernelMap, UnsupportedError } from "../../kernel/index.ts";
import type { Prefix } from "../../source/index.ts";
import { type CompiledFirewall, NETWORKS4, NETWORKS6, NetworkTable } from "../firewall/index.ts";

const ENTRY = 4;
/** `struct bpf_lpm_trie_key`: the length, then the address. */
const KEY = { bits: 0, address: 4, bytes: 20 } as const;

type Maps = ReadonlyMap<string, KernelMap>;

const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const numberOf = (bytes: Uint8Array, at = 0): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);

/** Puts the networks of IPv6 into their trie. Those of IPv4 come with the map. */
export function fillTrie(maps: Maps, { trie }: CompiledFirewall): void {
  const map = maps.get(NETWORKS6);
  if (map === undefined || trie.length === 0) return;
  const keys = new Uint8Array(trie.length * KEY.bytes);
  const values = new Uint32Array(trie.length);
  trie.forEach(({ key, bits }, i) => {
    keys.set(key, i * KEY.bytes);
    values[i] = bits;
  });
  map.updateMany(keys, new Uint8Array(values.buffer), trie.length);
}

function keyOf({ bytes, bits }: Prefix): Uint8Array {
  const key = new Uint8Array(KEY.bytes);
  new DataView(key.buffer).setUint32(KEY.bits, bits, true);
  key.set(bytes, KEY.address);
  return key;
}

/** A copy of the table that a map holds. Throws an UnsupportedError for what is none. */
function tableOf(memory: Uint8Array): NetworkTable {
  try {
    return new NetworkTable(memory.slice());
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UnsupportedError(
      "the networks of the firewall that stays there are damaged: remove it, and apply it anew",
    );
  }
}

/** Is the address or prefix of `key` within that of `outer`? */
function within(key: Uint8Array, outer: Uint8Array): boolean {
  const bits = numberOf(outer);
  if (numberOf(key) < bits) return false;
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff00 >> (bits - bit)) & 0xff;
    const at = KEY.address + bit / 8;
    if ((((key[at] as number) ^ (outer[at] as number)) & mask) !== 0) return false;
  }
  return true;
}

function changeTrie(map: KernelMap, prefix: Prefix, bit: number, present: boolean): void {
  const key = keyOf(prefix);
  const changed = (bits: number): number => (present ? bits | (1 << bit) : bits & ~(1 << bit)) >>> 0;
  // What holds there now: the kernel answers an address by its longest prefix, and a prefix by what is not longer.
  const around = new Uint8Array(key);
  const now = map.lookup(around);
  map.update(key, word(changed(now === undefined ? 0 : numberOf(now))));
  const { count, keys, values } = map.dump();
  for (let i = 0; i < count; i++) {
    const own = keys.subarray(i * KEY.bytes, (i + 1) * KEY.bytes);
    const bits = numberOf(values, i * ENTRY);
    if (within(own, key) && changed(bits) !== bits) map.update(own, word(changed(bits)));
  }
}

/**
 * Puts networks into a set, or takes all of their addresses out of it, while packets ask. False: there is no room for more of
 * IPv4's; those before the one that found none are in.
 */
export function changeNetworks(maps: Maps, bit: number, prefixes: readonly Prefix[], present: boolean): boolean {
  const four = maps.get(NETWORKS4);
  const six = maps.get(NETWORKS6);
  if (four === undefined || six === undefined) return false;
  const memory = new Uint8Array(four.mapped(), 0, four.spec.valueSize);
  // What is worked out in a copy is then written in the order that packets need.
  const table = tableOf(memory);
  for (const prefix of prefixes) {
    if (prefix.bytes.length === 16) {
      changeTrie(six, prefix, bit, present);
      continue;
    }
    const pieces = table.change(prefix, bit, present);
    if (pieces === undefined) return false;
    for (const { at, bytes } of pieces) memory.set(table.bytes.subarray(at, at + bytes), at);
  }
  return true;
}

/** Puts what is in a set of one firewall into one of another that no packet asks yet. False: there is no room. */
export function carryNetworks(from: Maps, bit: number, to: CompiledFirewall, toMaps: Maps, toBit: number): boolean {
  const four = from.get(NETWORKS4);
  const newFour = toMaps.get(NETWORKS4);
  if (four === undefined || newFour === undefined || to.table === undefined) return true;
  const old = tableOf(new Uint8Array(four.mapped(), 0, four.spec.valueSize));
  for (const range of old.rangesOf(bit)) if (to.table.changeRange(range, toBit, true) === undefined) return false;
  newFour.update(new Uint8Array(4), to.table.bytes);
  const six = from.get(NETWORKS6);
  const newSix = toMaps.get(NETWORKS6);
  if (six === undefined || newSix === undefined) return true;
  const { count, keys, values } = six.dump();
  for (let i = 0; i < count; i++) {
    if (((numberOf(values, i * ENTRY) >>> bit) & 1) === 0) continue;
    const key = keys.subarray(i * KEY.bytes, (i + 1) * KEY.bytes);
    changeTrie(newSix, { bytes: key.slice(KEY.address), bits: numberOf(key) }, toBit, true);
  }
  return true;
}
