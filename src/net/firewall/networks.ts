// Sets of networks that are too large to be code, or change: what an address is in, as one bit for each set.
//
// IPv4. A table in one array element that user space has mapped. The first half of an address says where its edges begin and how
// many there are (2^levels); an edge has the lowest second half from which on its bits hold. The last edge that is not above the
// address is found by halving: no step where a /16 lies in one set or none, sixteen at most. Prefixes within prefixes are merged
// ahead, so one answer has the bits of all sets that hold the address, however long their prefixes.
//
//     root  65,536 words: first edge * 32 | levels; then two: the first edge that is free, how many there are
//     edge  8 bytes: second half of the address in the upper word (0x10000: filler), bits of sets in the lower one
//
// A change writes new edges behind those in use and then the root's word, at once: a packet sees the old ones or the new ones.
//
// IPv6. The kernel's longest-prefix trie, merged ahead as well.

import type { FunctionBuilder, IrFunction, Value, Variable } from "../../compiler/index.ts";
import { FunctionBuilder as Builder } from "../../compiler/index.ts";
import type { MapSpec } from "../../object/index.ts";
import { mergedPrefixes, type Prefix } from "../../source/index.ts";
import { range4 } from "./addresses.ts";
import type { FirewallSet } from "./sets.ts";

export const NETWORKS4 = "networks4";
export const NETWORKS6 = "networks6";
const ROOTS = 65_536;
/** BPF_F_MMAPABLE and BPF_F_NO_PREALLOC (linux/bpf.h). */
const MMAPABLE = 1 << 10;
const NO_PREALLOC = 1;
const FILLER = 0x10000;
/** Edges of a /16 that is all single addresses. */
const MOST_OF_HALF = 0x10000;

/** What lies behind the roots: the first edge that is free, and how many there are. */
const NEXT = ROOTS;
const CAPACITY = ROOTS + 1;
const EDGES = ROOTS + 2;
const EDGES_AT = EDGES * 4;

interface Edge {
  readonly low: number;
  readonly bits: number;
}
/** A piece of the table that has changed, in bytes. */
export interface TablePiece {
  readonly at: number;
  readonly bytes: number;
}

/** The table of IPv4, as it lies in memory: that of a map, or one that a map is filled with. Addresses are numbers. */
export class NetworkTable {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** First edge of those that a whole /16 shares, by their bits. */
  readonly #shared = new Map<number, number>();

  /** Throws a RangeError for bytes that are no table. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    if (!(bytes.length >= EDGES_AT && this.capacity * 8 === bytes.length - EDGES_AT && this.#next <= this.capacity))
      throw new RangeError("this is no table of networks");
  }

  /** Those of the sets that a map holds, with as much room again for changes. */
  static of(sets: Iterable<FirewallSet>): NetworkTable {
    const tops = networksByHalf(sets);
    let needed = 0;
    for (const edges of tops.edges) needed += 2 ** levelsOf(edges);
    const table = NetworkTable.#empty(needed);
    for (let top = 0; top < ROOTS; top++)
      table.#words[top] = table.#write(tops.edges[tops.of[top] as number] as Edge[]) as number;
    return table;
  }

  static #empty(needed: number): NetworkTable {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(MOST_OF_HALF * 2, needed * 2)));
    const bytes = new Uint8Array(EDGES_AT + capacity * 8);
    new Uint32Array(bytes.buffer)[CAPACITY] = capacity;
    return new NetworkTable(bytes);
  }

  /** Edges of the map: a power of two. */
  get capacity(): number {
    return this.#words[CAPACITY] as number;
  }
  get #next(): number {
    return this.#words[NEXT] as number;
  }

  /** Bits of the sets that hold an address. */
  bitsOf(address: number): number {
    const root = this.#words[address >>> 16] as number;
    let at = root >>> 5;
    const low = address & 0xffff;
    for (let step = (1 << (root & 31)) >> 1; step > 0; step >>= 1)
      if ((this.#words[EDGES + (at + step) * 2 + 1] as number) <= low) at += step;
    return this.#words[EDGES + at * 2] as number;
  }

  /**
   * Puts a network into a set, or takes it and all within out of it. What has changed is given in the order in which a map in use is
   * to be written: edges before the roots that lead to them. Undefined: there is no room any more (`packed` makes some).
   */
  change(prefix: Prefix, bit: number, present: boolean): readonly TablePiece[] | undefined {
    return this.changeRange(range4(prefix), bit, present);
  }

  /** The same of all addresses from the first to the last. */
  changeRange(
    [first, last]: readonly [first: number, last: number],
    bit: number,
    present: boolean,
  ): readonly TablePiece[] | undefined {
    const start = this.#next;
    const roots: TablePiece[] = [];
    for (let top = first >>> 16; top <= last >>> 16; top++) {
      const low = top === first >>> 16 ? first & 0xffff : 0;
      const high = top === last >>> 16 ? last & 0xffff : 0xffff;
      const before = this.#edgesOf(this.#words[top] as number);
      const after = withBit(before, low, high, bit, present);
      if (after === undefined) continue;
      const word = this.#write(after);
      if (word === undefined) return undefined;
      this.#words[top] = word;
      roots.push({ at: top * 4, bytes: 4 });
    }
    if (roots.length === 0) return [];
    return [{ at: EDGES_AT + start * 8, bytes: (this.#next - start) * 8 }, { at: NEXT * 4, bytes: 4 }, ...roots];
  }

  /** The addresses of a set, as ranges in order. */
  *rangesOf(bit: number): Generator<readonly [first: number, last: number]> {
    let from: number | undefined;
    for (let top = 0; top < ROOTS; top++)
      for (const { low, bits } of this.#edgesOf(this.#words[top] as number)) {
        const at = top * 0x10000 + low;
        const inside = ((bits >>> bit) & 1) === 1;
        if (inside) from ??= at;
        else if (from !== undefined) {
          yield [from, at - 1];
          from = undefined;
        }
      }
    if (from !== undefined) yield [from, 0xffff_ffff];
  }

  /** The same, without edges that nothing leads to. */
  packed(): NetworkTable {
    const known = new Map<number, Edge[]>();
    let needed = 0;
    for (let top = 0; top < ROOTS; top++) {
      const word = this.#words[top] as number;
      if (known.has(word)) continue;
      const edges = this.#edgesOf(word);
      known.set(word, edges);
      needed += 2 ** levelsOf(edges);
    }
    const table = NetworkTable.#empty(needed);
    const words = new Map<number, number>();
    for (let top = 0; top < ROOTS; top++) {
      const word = this.#words[top] as number;
      let own = words.get(word);
      if (own === undefined) words.set(word, (own = table.#write(known.get(word) as Edge[]) as number));
      table.#words[top] = own;
    }
    return table;
  }

  #edgesOf(root: number): Edge[] {
    const edges: Edge[] = [];
    const size = 2 ** (root & 31);
    for (let i = 0; i < size; i++) {
      const at = EDGES + ((root >>> 5) + i) * 2;
      const low = this.#words[at + 1];
      if (low === undefined || low >= FILLER) break;
      edges.push({ low, bits: this.#words[at] as number });
    }
    return edges.length === 0 ? [{ low: 0, bits: 0 }] : edges;
  }

  /** Writes edges where there is room, and answers the root's word; undefined: there is none. */
  #write(edges: readonly Edge[]): number | undefined {
    const [only] = edges;
    const alone = edges.length === 1 && only !== undefined;
    if (alone) {
      const known = this.#shared.get(only.bits);
      if (known !== undefined) return (known << 5) >>> 0;
    }
    const levels = levelsOf(edges);
    const at = this.#next;
    const size = 2 ** levels;
    if (at + size > this.capacity) return undefined;
    for (let i = 0; i < size; i++) {
      const edge = edges[i];
      this.#words[EDGES + (at + i) * 2] = edge?.bits ?? 0;
      this.#words[EDGES + (at + i) * 2 + 1] = edge?.low ?? FILLER;
    }
    this.#words[NEXT] = at + size;
    if (alone) this.#shared.set(only.bits, at);
    return ((at << 5) | levels) >>> 0;
  }
}

const levelsOf = (edges: readonly Edge[]): number => Math.ceil(Math.log2(edges.length));

/** The edges with a bit set or cleared from `low` to `high`; undefined where that changes nothing. */
function withBit(edges: readonly Edge[], low: number, high: number, bit: number, present: boolean): Edge[] | undefined {
  const made: Edge[] = [];
  let changed = false;
  const put = (at: number, bits: number): void => {
    if (made[made.length - 1]?.bits !== bits) made.push({ low: at, bits });
  };
  edges.forEach((edge, i) => {
    const end = (edges[i + 1]?.low ?? FILLER) - 1;
    const bits = (present ? edge.bits | (1 << bit) : edge.bits & ~(1 << bit)) >>> 0;
    const [from, to] = [Math.max(edge.low, low), Math.min(end, high)];
    if (from > to || bits === edge.bits) {
      put(edge.low, edge.bits);
      return;
    }
    changed = true;
    if (edge.low < from) put(edge.low, edge.bits);
    put(from, bits);
    if (to < end) put(to + 1, edge.bits);
  });
  return changed ? made : undefined;
}

/** Edges of each first half of an address; equal neighbours share theirs. */
function networksByHalf(sets: Iterable<FirewallSet>): { readonly edges: readonly Edge[][]; readonly of: Int32Array } {
  const short = Array.from({ length: 17 }, () => new Map<number, number>());
  const long = new Map<number, { readonly from: number; readonly to: number; readonly bits: number }[]>();
  const marks = new Uint8Array(ROOTS + 1);
  for (const { bit, prefixes } of sets) {
    if (bit === undefined) continue;
    for (const prefix of prefixes) {
      if (prefix.bytes.length !== 4) continue;
      const [first, last] = range4(prefix);
      const top = first >>> 16;
      marks[top] = 1;
      marks[(last >>> 16) + 1] = 1;
      const bits = (1 << bit) >>> 0;
      if (prefix.bits <= 16) {
        const byTop = short[prefix.bits] as Map<number, number>;
        byTop.set(top, ((byTop.get(top) ?? 0) | bits) >>> 0);
      } else {
        const own = long.get(top);
        const one = { from: first & 0xffff, to: last & 0xffff, bits };
        if (own === undefined) long.set(top, [one]);
        else own.push(one);
      }
    }
  }
  const edges: Edge[][] = [];
  const of = new Int32Array(ROOTS);
  for (let top = 0; top < ROOTS; top++) {
    if (top > 0 && marks[top] === 0) {
      of[top] = of[top - 1] as number;
      continue;
    }
    let base = 0;
    for (let bits = 0; bits <= 16; bits++)
      base |= short[bits]?.get(top & (bits === 0 ? 0 : (0xffff << (16 - bits)) & 0xffff)) ?? 0;
    of[top] = edges.push(edgesWithin(base >>> 0, long.get(top) ?? [])) - 1;
  }
  return { edges, of };
}

/** Prefixes lie in each other or apart: a stack has those that are open. */
function edgesWithin(
  base: number,
  inside: { readonly from: number; readonly to: number; readonly bits: number }[],
): Edge[] {
  if (inside.length === 0) return [{ low: 0, bits: base }];
  inside.sort((a, b) => a.from - b.from || b.to - a.to);
  const lows = new Set([0]);
  for (const { from, to } of inside) {
    lows.add(from);
    if (to < 0xffff) lows.add(to + 1);
  }
  const edges: Edge[] = [];
  const open: { readonly to: number; readonly bits: number }[] = [];
  let next = 0;
  for (const low of [...lows].sort((a, b) => a - b)) {
    while (open.length > 0 && (open[open.length - 1] as { to: number }).to < low) open.pop();
    for (let one = inside[next]; one !== undefined && one.from === low; one = inside[++next])
      open.push({ to: one.to, bits: (one.bits | (open[open.length - 1]?.bits ?? 0)) >>> 0 });
    const bits = (base | (open[open.length - 1]?.bits ?? 0)) >>> 0;
    if (edges[edges.length - 1]?.bits !== bits) edges.push({ low, bits });
  }
  return edges;
}

/** Networks of IPv6 by their keys in the trie: each has the bits of those that it lies in, too. */
export function trieEntries(sets: Iterable<FirewallSet>): { readonly key: Uint8Array; readonly bits: number }[] {
  const lists: (readonly Prefix[])[] = [];
  for (const { bit, prefixes } of sets)
    if (bit !== undefined) lists[bit] = prefixes.filter(({ bytes }) => bytes.length === 16);
  return mergedPrefixes(lists).map(({ prefix, lists: own }) => {
    const key = new Uint8Array(20);
    new DataView(key.buffer).setUint32(0, prefix.bits, true);
    key.set(prefix.bytes, 4);
    let bits = 0;
    for (const bit of own) bits |= 1 << bit;
    return { key, bits: bits >>> 0 };
  });
}

/** Of the table, the value is as large as it needs. */
export const networks4Map: Pick<MapSpec, "name" | "type" | "keySize" | "flags"> = {
  name: NETWORKS4,
  type: "array",
  keySize: 4,
  flags: MMAPABLE,
};
export const networks6Map: Pick<MapSpec, "name" | "type" | "keySize" | "valueSize" | "flags"> = {
  name: NETWORKS6,
  type: "lpm_trie",
  keySize: 20,
  valueSize: 4,
  flags: NO_PREALLOC,
};

export const networkMaps = ({ bytes }: NetworkTable, six: number): readonly MapSpec[] => [
  { ...networks4Map, valueSize: bytes.length, maxEntries: 1, initial: bytes },
  { ...networks6Map, maxEntries: Math.max(1024, six * 2) },
];

export const NETWORKS_FUNCTION = "networks";

/** The function that answers the bits of an IPv4 address, given as a number. */
export function networksFunction(capacity: number): IrFunction {
  const b = new Builder(NETWORKS_FUNCTION, [{ kind: "int" }]);
  const address = b.zext(b.param(0), 32);
  const table = b.mapValue(NETWORKS4, 0);
  const edges = b.mapValue(NETWORKS4, EDGES_AT);
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
