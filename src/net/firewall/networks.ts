// Sets of networks that are too large to be code, or change: what an address is in, as one bit for each set.
//
// IPv4. A table in one array element that user space has mapped. The first half of an address says where its edges begin and how
// many there are (2^levels); an edge has the lowest second half from which on its bits hold. The last edge that is not above the
// address is found by halving: no step where a /16 lies in one set or none, sixteen at most. Prefixes within prefixes are merged
// ahead, so one answer has the bits of all sets that hold the address, however long their prefixes.
//
//     root  65,536 words: first edge * 32 | levels
//     edge  8 bytes: second half of the address in the upper word (0x10000: filler), bits of sets in the lower one
//
// A change writes new edges behind those in use and then the root's word, at once: a packet sees the old ones or the new ones.
//
// IPv6. The kernel's longest-prefix trie, merged ahead as well.

import type { FunctionBuilder, IrFunction, Value, Variable } from "../../compiler/index.ts";
import { FunctionBuilder as Builder } from "../../compiler/index.ts";
import type { MapSpec } from "../../object/index.ts";
import { maskedTo, type Prefix, range4 } from "./addresses.ts";
import type { FirewallSet } from "./sets.ts";

export const NETWORKS4 = "networks4";
export const NETWORKS6 = "networks6";
const ROOTS = 65_536;
const ROOT_BYTES = ROOTS * 4;
/** BPF_F_MMAPABLE and BPF_F_NO_PREALLOC (linux/bpf.h). */
const MMAPABLE = 1 << 10;
const NO_PREALLOC = 1;
const FILLER = 0x10000;

/** Networks of one family, each with the bits of the sets that have it. */
interface Merged {
  readonly prefix: Prefix;
  bits: number;
}

/** The table of IPv4, as it lies in memory. Addresses are numbers. */
export class NetworkTable {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Edges of the map: a power of two. */
  readonly capacity: number;
  /** Where the next edges go: those before are in use, or have been. */
  #next: number;
  /** First edge of those that a whole /16 shares, by their bits. */
  readonly #shared = new Map<number, number>();
  readonly #networks: Map<number, number>[];

  /** `networks`: for each length from 0 to 32, bits of sets by address. */
  private constructor(networks: Map<number, number>[], capacity: number) {
    this.#networks = networks;
    this.capacity = capacity;
    this.bytes = new Uint8Array(ROOT_BYTES + capacity * 8);
    this.#words = new Uint32Array(this.bytes.buffer);
    this.#next = 0;
  }

  static of(sets: Iterable<FirewallSet>): NetworkTable {
    const networks = Array.from({ length: 33 }, () => new Map<number, number>());
    for (const { bit, prefixes } of sets) {
      if (bit === undefined) continue;
      for (const prefix of prefixes) if (prefix.bytes.length === 4) add(networks, prefix, bit);
    }
    // As much as is needed and the same again for changes, and at least a /16 of single addresses.
    let capacity = FILLER * 2;
    for (;;) {
      const table = new NetworkTable(networks, capacity);
      if (table.#fill() && table.#next * 2 <= capacity) return table;
      capacity *= 2;
    }
  }

  /** Bits of the sets that hold an address. */
  bitsOf(address: number): number {
    const root = this.#words[address >>> 16] as number;
    let at = root >>> 5;
    const low = address & 0xffff;
    for (let step = (1 << (root & 31)) >> 1; step > 0; step >>= 1)
      if ((this.#words[ROOTS + (at + step) * 2 + 1] as number) <= low) at += step;
    return this.#words[ROOTS + at * 2] as number;
  }

  #fill(): boolean {
    for (let top = 0; top < ROOTS; ) {
      const same = this.#sameUntil(top);
      const word = this.#write(this.#edgesOf(top));
      if (word === undefined) return false;
      for (; top < same; top++) this.#words[top] = word;
    }
    return true;
  }

  #starts: Int32Array | undefined;
  /** The next first half, behind this one, whose edges differ. */
  #sameUntil(top: number): number {
    this.#starts ??= this.#changes();
    return this.#starts[top] as number;
  }

  #changes(): Int32Array {
    const marks = new Uint8Array(ROOTS + 1);
    this.#networks.forEach((byAddress, bits) => {
      for (const address of byAddress.keys()) {
        const first = address >>> 16;
        marks[first] = 1;
        const last = bits >= 16 ? first + 1 : first + 2 ** (16 - bits);
        marks[Math.min(last, ROOTS)] = 1;
      }
    });
    const next = new Int32Array(ROOTS);
    for (let top = ROOTS - 1, end = ROOTS; top >= 0; top--) {
      next[top] = end;
      if (marks[top] === 1) end = top;
    }
    return next;
  }

  #longBy: Map<number, { readonly from: number; readonly to: number; readonly bits: number }[]> | undefined;

  /** Edges of a first half: from where on which bits hold. */
  #edgesOf(top: number): { readonly low: number; readonly bits: number }[] {
    let base = 0;
    for (let bits = 0; bits <= 16; bits++)
      base |= this.#networks[bits]?.get(((top << 16) & (bits === 0 ? 0 : -1 << (32 - bits))) >>> 0) ?? 0;
    this.#longBy ??= this.#longer();
    const inside = this.#longBy.get(top);
    if (inside === undefined) return [{ low: 0, bits: base }];
    const bounds = new Set([0]);
    for (const { from, to } of inside) {
      bounds.add(from);
      if (to < 0xffff) bounds.add(to + 1);
    }
    const lows = [...bounds].sort((a, b) => a - b);
    // Prefixes lie in each other or apart: a stack of those that are open.
    const sorted = [...inside].sort((a, b) => a.from - b.from || b.to - a.to);
    const edges: { low: number; bits: number }[] = [];
    const open: { to: number; bits: number }[] = [];
    let next = 0;
    for (const low of lows) {
      while (open.length > 0 && (open[open.length - 1] as { to: number }).to < low) open.pop();
      while (next < sorted.length && (sorted[next] as { from: number }).from === low) {
        const one = sorted[next++] as { to: number; bits: number };
        open.push({ to: one.to, bits: one.bits | (open[open.length - 1]?.bits ?? 0) });
      }
      const bits = (base | (open[open.length - 1]?.bits ?? 0)) >>> 0;
      if (edges.length === 0 || (edges[edges.length - 1] as { bits: number }).bits !== bits) edges.push({ low, bits });
    }
    return edges;
  }

  #longer(): Map<number, { from: number; to: number; bits: number }[]> {
    const by = new Map<number, { from: number; to: number; bits: number }[]>();
    for (let bits = 17; bits <= 32; bits++)
      for (const [address, sets] of this.#networks[bits] as Map<number, number>) {
        const top = address >>> 16;
        const from = address & 0xffff;
        const one = { from, to: from + 2 ** (32 - bits) - 1, bits: sets };
        const own = by.get(top);
        if (own === undefined) by.set(top, [one]);
        else own.push(one);
      }
    return by;
  }

  /** Writes edges where there is room, and answers the root's word; undefined: there is none. */
  #write(edges: readonly { readonly low: number; readonly bits: number }[]): number | undefined {
    const [only] = edges;
    if (edges.length === 1 && only !== undefined) {
      const known = this.#shared.get(only.bits);
      if (known !== undefined) return (known << 5) >>> 0;
    }
    const levels = Math.ceil(Math.log2(edges.length));
    const size = 2 ** levels;
    if (this.#next + size > this.capacity) return undefined;
    const at = this.#next;
    this.#next += size;
    for (let i = 0; i < size; i++) {
      const edge = edges[i];
      this.#words[ROOTS + (at + i) * 2] = edge?.bits ?? 0;
      this.#words[ROOTS + (at + i) * 2 + 1] = edge?.low ?? FILLER;
    }
    if (edges.length === 1 && only !== undefined) this.#shared.set(only.bits, at);
    return ((at << 5) | levels) >>> 0;
  }

  /**
   * Adds a network to a set, or takes it away. What has changed is given in the order in which it is to be written: pieces of
   * `bytes`, edges before roots. Undefined: there is no room, and the table is to be made anew (`packed`).
   */
  change(
    prefix: Prefix,
    bit: number,
    present: boolean,
  ): readonly { readonly at: number; readonly bytes: number }[] | undefined {
    const [address] = range4(prefix);
    const byAddress = this.#networks[prefix.bits] as Map<number, number>;
    const before = byAddress.get(address) ?? 0;
    const after = (present ? before | (1 << bit) : before & ~(1 << bit)) >>> 0;
    if (before === after) return [];
    if (after === 0) byAddress.delete(address);
    else byAddress.set(address, after);
    this.#changeLong(address, prefix.bits, after);
    const first = address >>> 16;
    const count = prefix.bits >= 16 ? 1 : 2 ** (16 - prefix.bits);
    const start = this.#next;
    const roots: { at: number; bytes: number }[] = [];
    for (let top = first; top < first + count; top++) {
      const word = this.#write(this.#edgesOf(top));
      if (word === undefined) return undefined;
      this.#words[top] = word;
      roots.push({ at: top * 4, bytes: 4 });
    }
    return [{ at: ROOT_BYTES + start * 8, bytes: (this.#next - start) * 8 }, ...roots];
  }

  #changeLong(address: number, bits: number, sets: number): void {
    if (bits <= 16) return;
    this.#longBy ??= this.#longer();
    const top = address >>> 16;
    const from = address & 0xffff;
    const to = from + 2 ** (32 - bits) - 1;
    const rest = (this.#longBy.get(top) ?? []).filter((one) => one.from !== from || one.to !== to);
    if (sets !== 0) rest.push({ from, to, bits: sets });
    if (rest.length > 0) this.#longBy.set(top, rest);
    else this.#longBy.delete(top);
  }
}

function add(networks: readonly Map<number, number>[], prefix: Prefix, bit: number): void {
  const byAddress = networks[prefix.bits] as Map<number, number>;
  const [address] = range4(prefix);
  byAddress.set(address, ((byAddress.get(address) ?? 0) | (1 << bit)) >>> 0);
}

/** Networks of IPv6 by their keys in the trie: each has the bits of those that it lies in, too. */
export function trieEntries(sets: Iterable<FirewallSet>): { readonly key: Uint8Array; readonly bits: number }[] {
  const byKey = new Map<string, Merged>();
  const keyOf = (bytes: Uint8Array, bits: number): string => `${bits}:${maskedTo(bytes, bits).join()}`;
  for (const { bit, prefixes } of sets) {
    if (bit === undefined) continue;
    for (const prefix of prefixes) {
      if (prefix.bytes.length !== 16) continue;
      const key = keyOf(prefix.bytes, prefix.bits);
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, { prefix, bits: (1 << bit) >>> 0 });
      else known.bits = (known.bits | (1 << bit)) >>> 0;
    }
  }
  const lengths = [...new Set([...byKey.values()].map(({ prefix }) => prefix.bits))].sort((a, b) => a - b);
  const merged = [...byKey.values()].sort((a, b) => a.prefix.bits - b.prefix.bits);
  // The nearest one around it has those of all others already.
  for (const one of merged)
    for (let i = lengths.length - 1; i >= 0; i--) {
      const bits = lengths[i] as number;
      if (bits >= one.prefix.bits) continue;
      const around = byKey.get(keyOf(one.prefix.bytes, bits));
      if (around === undefined) continue;
      one.bits = (one.bits | around.bits) >>> 0;
      break;
    }
  return merged.map(({ prefix, bits }) => {
    const key = new Uint8Array(20);
    new DataView(key.buffer).setUint32(0, prefix.bits, true);
    key.set(prefix.bytes, 4);
    return { key, bits };
  });
}

export function networkMaps(table: NetworkTable, six: number): readonly MapSpec[] {
  return [
    {
      name: NETWORKS4,
      type: "array",
      keySize: 4,
      valueSize: table.bytes.length,
      maxEntries: 1,
      flags: MMAPABLE,
      initial: table.bytes,
    },
    {
      name: NETWORKS6,
      type: "lpm_trie",
      keySize: 20,
      valueSize: 4,
      maxEntries: Math.max(1024, six * 2),
      flags: NO_PREALLOC,
    },
  ];
}

export const NETWORKS_FUNCTION = "networks";

/** The function that answers the bits of an IPv4 address, given as a number. */
export function networksFunction(capacity: number): IrFunction {
  const b = new Builder(NETWORKS_FUNCTION, [{ kind: "int" }]);
  const address = b.zext(b.param(0), 32);
  const table = b.mapValue(NETWORKS4, 0);
  const edges = b.mapValue(NETWORKS4, ROOT_BYTES);
  const edge = (at: Value): Value => b.load("u64", b.add(edges, b.binary("shl", b.and(at, capacity - 1), 3)), 0);
  const root = b.load("u32", b.add(table, b.binary("shl", b.binary("shr", address, 16), 2)), 0);
  const place: Variable = { name: "place", type: { kind: "int" } };
  const step: Variable = { name: "step", type: { kind: "int" } };
  b.write(place, b.binary("shr", root, 5));
  b.write(step, b.binary("shr", b.binary("shl", b.const(1), b.and(root, 31)), 1));
  // Bits of an edge that begins at the address are among those that are not above it.
  const most = b.binary("or", b.binary("shl", b.and(address, 0xffff), 32), b.const(0xffff_ffffn));
  const found = b.block("found");
  for (let i = 0; i < 16; i++) {
    const going = b.block("going");
    b.branch("eq", b.read(step), 0, found, going);
    b.enter(going);
    // Without a branch, whose ways the verifier would all follow: all ones where the edge is above the address.
    const above = b.binary("sar", b.binary("sub", most, edge(b.add(b.read(place), b.read(step)))), 63);
    b.write(place, b.add(b.read(place), b.and(b.read(step), b.binary("xor", above, -1))));
    b.write(step, b.binary("shr", b.read(step), 1));
  }
  b.jump(found);
  b.enter(found);
  b.return(b.zext(edge(b.read(place)), 32));
  return b.finish();
}

/** The bits of an IPv6 address that lies at a place of the packet. `key`: 20 bytes of memory. */
export function networks6(b: FunctionBuilder, key: Value, address: Value): Value {
  b.store(32, key, 0, 128);
  for (let word = 0; word < 4; word++) b.store(32, key, 4 + word * 4, b.load("u32", address, word * 4));
  const bits: Variable = { name: "bits", type: { kind: "int" } };
  b.write(bits, b.const(0));
  const place = b.helper("map_lookup_elem", [b.map(NETWORKS6), key], {
    kind: "map-value",
    map: NETWORKS6,
    nullable: true,
  });
  b.when("ne", place, 0, () => b.write(bits, b.load("u32", place, 0)));
  return b.read(bits);
}
