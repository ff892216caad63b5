// A map as BCC's programs know it: a table, with histograms of its own.

import type { ObjectMap, RecordStream } from "../loader/index.ts";
import { type HistogramOptions, linearText, log2Text } from "./histogram.ts";

export interface TableHistogramOptions extends HistogramOptions {
  /** What a histogram of many is told apart by: before each stands `\n${sectionHeader} = ${section}`. */
  readonly sectionHeader?: string;
  /** Writes a section's key. */
  readonly section?: (key: unknown) => string;
}

export class Table implements Iterable<[unknown, unknown]> {
  readonly name: string;
  /** The map itself, with all that is not BCC's. */
  readonly map: ObjectMap;

  constructor(map: ObjectMap) {
    this.name = map.name;
    this.map = map;
  }

  get(key: unknown): unknown {
    return this.map.get(key);
  }
  /** Throws a SystemCallError for what the kernel refuses, a RangeError for what the types cannot have. */
  set(key: unknown, value: unknown): void {
    this.map.set(key, value);
  }
  has(key: unknown): boolean {
    return this.map.has(key);
  }
  delete(key: unknown): boolean {
    return this.map.delete(key);
  }
  clear(): void {
    this.map.clear();
  }
  items(): [unknown, unknown][] {
    return this.map.entries();
  }
  keys(): unknown[] {
    return this.map.keys();
  }
  values(): unknown[] {
    return this.map.values();
  }
  get size(): number {
    return this.map.entries().length;
  }
  [Symbol.iterator](): Iterator<[unknown, unknown]> {
    return this.items()[Symbol.iterator]();
  }

  /** Of per-CPU tables: the sum over all CPUs. */
  sum(key: unknown): bigint {
    return total(this.map.get(key));
  }

  /** The addresses of a stack in a table of stacks, the innermost first; none where there is no such stack. */
  walk(stackId: number): bigint[] {
    const bytes = stackId < 0 ? undefined : this.map.kernelMap.lookup(new Uint8Array(Int32Array.of(stackId).buffer));
    if (bytes === undefined) return [];
    const addresses = new BigUint64Array(bytes.slice().buffer);
    const end = addresses.indexOf(0n);
    return [...(end < 0 ? addresses : addresses.subarray(0, end))];
  }

  /** Records of a ring, typed by the struct that programs send; close it when done. */
  records(): RecordStream<unknown> {
    return this.map.records();
  }

  /** The histogram's text: slots are powers of two. Of keys that are structs, the last member is the slot. */
  log2Hist(label = "value", options: Omit<TableHistogramOptions, "label"> = {}): string {
    return this.#histograms((slots) => log2Text(slots, { ...options, label }), options);
  }
  linearHist(label = "value", options: Omit<TableHistogramOptions, "label"> = {}): string {
    return this.#histograms((slots) => linearText(slots, { ...options, label }), options);
  }
  printLog2Hist(label = "value", options: Omit<TableHistogramOptions, "label"> = {}): void {
    process.stdout.write(this.log2Hist(label, options));
  }
  printLinearHist(label = "value", options: Omit<TableHistogramOptions, "label"> = {}): void {
    process.stdout.write(this.linearHist(label, options));
  }

  #histograms(text: (slots: ReadonlyMap<number, number>) => string, options: TableHistogramOptions): string {
    const sections = new Map<string, { readonly key: unknown; readonly slots: Map<number, number> }>();
    let plain = true;
    for (const [key, value] of this.items()) {
      const { section, slot } = split(key);
      plain &&= section === undefined;
      const name = JSON.stringify(section, (_, v: unknown) => (typeof v === "bigint" ? `${v}` : v)) ?? "";
      const known = sections.get(name) ?? { key: section, slots: new Map<number, number>() };
      sections.set(name, known);
      known.slots.set(slot, (known.slots.get(slot) ?? 0) + Number(total(value)));
    }
    if (plain) return text(sections.get("")?.slots ?? new Map());
    const { sectionHeader = "Bucket ptr", section: write = shown } = options;
    return [...sections.values()]
      .map(({ key, slots }) => `\n${sectionHeader} = ${write(key)}\n${text(slots)}`)
      .join("");
  }
}

/** The number that is counted, and what is counted by it apart: the other members of the key. */
function split(key: unknown): { readonly section: unknown; readonly slot: number } {
  if (typeof key !== "object" || key === null) return { section: undefined, slot: Number(key) };
  const members = Object.entries(key);
  const [, slot] = members.at(-1) ?? ["", 0];
  const rest = members.slice(0, -1);
  const [only] = rest;
  return { section: rest.length === 1 ? only?.[1] : Object.fromEntries(rest), slot: Number(slot) };
}

const shown = (key: unknown): string => (typeof key === "string" ? `'${key}'` : String(key));

function total(value: unknown): bigint {
  if (Array.isArray(value)) return value.reduce((sum: bigint, one: unknown) => sum + total(one), 0n);
  return typeof value === "bigint" || typeof value === "number" ? BigInt(value) : 0n;
}
