// A map as JavaScript has it: keys and values by the object's types, on whichever machine it lies. It is like a `Map`, but
// for what programs add: modes of writing, values for each CPU, entries that come and go while it is read.

import type { Btf } from "../btf/index.ts";
import type { BpfMap, MapDump, MapSpec, UpdateMode } from "../object/index.ts";
import { type SummedAggregate, summedDecoder, type TraceValue, type ValueDecoder } from "../schema/index.ts";
import { aggregateOf, aggregateValue } from "./aggregates.ts";
import { type Codec, elementCodec, keyCodec } from "./codecs.ts";
import type { Given, MapShape } from "./shape.ts";
import { sumOf } from "./sum.ts";

/** Where the bytes are. What is absent is done entry by entry. */
export interface MapStore extends BpfMap {
  /** The value of a key, which is deleted, in one step where the machine has it. */
  take?(key: Uint8Array): Uint8Array | undefined;
  /** Writes `count` entries that lie one after the other. Throws as `update` does. */
  updateMany?(keys: Uint8Array, values: Uint8Array, count: number, mode: UpdateMode): void;
  /** Deletes those of `count` keys that there are; answers how many these were. */
  deleteMany?(keys: Uint8Array, count: number): number;
  /** Every entry, some at a time. */
  chunks?(): Iterable<MapDump>;
}

/** What a value is of one CPU; of maps that are not per CPU the value itself. */
export type OneOf<S extends MapShape> = S extends { readonly one: infer V } ? V : S["value"];

export abstract class TypedMap<S extends MapShape = MapShape>
  implements Iterable<[S["key"], S["value"]]>, AsyncIterable<[S["key"], S["value"]]>
{
  abstract readonly name: string;
  #key: Codec | undefined;
  #value: Codec | undefined;
  #decodeAggregate: ValueDecoder | undefined;

  /** Throws before it is loaded. */
  protected abstract get store(): MapStore;
  protected abstract get types(): Btf | undefined;

  get #spec(): MapSpec {
    return this.store.spec;
  }
  get #keys(): Codec {
    return (this.#key ??= this.presented(keyCodec(this.#spec, this.types), this.#spec.keyType));
  }
  get #values(): Codec {
    return (this.#value ??= this.presented(elementCodec(this.#spec, this.types), this.#spec.valueType));
  }
  /** For machines that know more of values of a type than its members. */
  protected presented(codec: Codec, _type: number | undefined): Codec {
    return codec;
  }
  /** Its types are others now. */
  protected retyped(): void {
    this.#key = this.#value = undefined;
  }

  // --- bytes ------------------------------------------------------------------------------------------------------

  protected decodeValue(bytes: Uint8Array): S["value"] {
    const { aggregate } = this;
    if (aggregate !== undefined) return aggregateValue(aggregate, this.#aggregated(aggregate, bytes));
    const codec = this.#values;
    const { perCpu, valueStride } = this.store;
    if (!perCpu) return codec.decode(bytes);
    const values: unknown[] = [];
    for (let at = 0; at < bytes.length; at += valueStride)
      values.push(codec.decode(bytes.subarray(at, at + codec.size)));
    return values;
  }

  protected valueBytes(value: unknown): Uint8Array {
    const codec = this.#values;
    const { perCpu, valueStride, valueBytes } = this.store;
    if (!perCpu) return codec.encode(value);
    const bytes = new Uint8Array(valueBytes);
    const cpus = valueBytes / valueStride;
    if (!Array.isArray(value) || value.length !== cpus)
      throw new RangeError(`${this.name}: a value is an array with one for each of ${cpus} CPUs`);
    for (const [i, one] of value.entries()) bytes.set(codec.encode(one), i * valueStride);
    return bytes;
  }

  #decoded({ count, keys, values }: MapDump): [S["key"], S["value"]][] {
    const { keySize } = this.#spec;
    const { valueBytes } = this.store;
    const found: [S["key"], S["value"]][] = [];
    for (let i = 0; i < count; i++)
      found.push([
        this.#keys.decode(keys.subarray(i * keySize, (i + 1) * keySize)),
        this.decodeValue(values.subarray(i * valueBytes, (i + 1) * valueBytes)),
      ]);
    return found;
  }

  // --- aggregates -------------------------------------------------------------------------------------------------

  /** What the map keeps of all that is recorded; undefined: values. */
  get aggregate(): SummedAggregate | undefined {
    return aggregateOf(this.#spec, this.types);
  }

  /** Every entry of a map of aggregates with those of all CPUs as one, in the form that views show. */
  aggregates(): { readonly key: S["key"]; readonly value: TraceValue }[] {
    const { aggregate } = this;
    if (aggregate === undefined) return [];
    const { valueBytes } = this.store;
    const { count, keys, values } = this.store.dump();
    const { keySize } = this.#spec;
    return Array.from({ length: count }, (_, i) => ({
      key: this.#keys.decode(keys.subarray(i * keySize, (i + 1) * keySize)),
      value: this.#aggregated(aggregate, values.subarray(i * valueBytes, (i + 1) * valueBytes)),
    }));
  }

  #aggregated(aggregate: SummedAggregate, bytes: Uint8Array): TraceValue {
    const { valueStride } = this.store;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#decodeAggregate ??= summedDecoder(aggregate, bytes.length / valueStride, valueStride);
    return this.#decodeAggregate(view, 0);
  }

  // --- one entry --------------------------------------------------------------------------------------------------

  /** The value of a key; of per-CPU maps an array with one for each CPU. Undefined where there is none. */
  get(key: Given<S["key"]>): S["value"] | undefined {
    const bytes = this.store.lookup(this.#keys.encode(key));
    return bytes === undefined ? undefined : this.decodeValue(bytes);
  }

  has(key: Given<S["key"]>): boolean {
    return this.store.lookup(this.#keys.encode(key)) !== undefined;
  }

  /** Creates or replaces an entry; members of a struct that are not given are zero. Throws a SystemCallError, RangeError. */
  set(key: Given<S["key"]>, value: Given<S["value"]>, mode: UpdateMode = "any"): void {
    const bytes = this.#keys.encode(key);
    this.store.update(bytes, this.valueBytes(value), mode);
  }

  /** True where there was such a key. */
  delete(key: Given<S["key"]>): boolean {
    return this.store.delete(this.#keys.encode(key));
  }

  /**
   * The value of a key, which is deleted: in one step where the kernel has it (hashes since Linux 5.14), so that nothing is
   * lost that a program adds meanwhile. Undefined where there is none.
   */
  take(key: Given<S["key"]>): S["value"] | undefined {
    const { store } = this;
    const bytes = this.#keys.encode(key);
    const value = store.take === undefined ? store.lookup(bytes) : store.take(bytes);
    if (value === undefined) return undefined;
    if (store.take === undefined) store.delete(bytes);
    return this.decodeValue(value);
  }

  // --- queues and stacks ------------------------------------------------------------------------------------------

  /** Puts a value into a queue, a stack or a bloom filter. Throws where there is no room. */
  push(value: Given<S["value"]>): void {
    this.store.update(NO_KEY, this.valueBytes(value));
  }

  /** The value that is next of a queue or a stack, which stays there. */
  peek(): S["value"] | undefined {
    const bytes = this.store.lookup(NO_KEY);
    return bytes === undefined ? undefined : this.decodeValue(bytes);
  }

  /** Takes out what is next of a queue or a stack. */
  pop(): S["value"] | undefined {
    const value = this.store.take?.(NO_KEY);
    return value === undefined ? undefined : this.decodeValue(value);
  }

  // --- per CPU ----------------------------------------------------------------------------------------------------

  /** The value of a key for each CPU, by its number; of maps that are not per CPU the one. Empty where there is none. */
  perCpu(key: Given<S["key"]>): OneOf<S>[] {
    const value = this.get(key);
    if (value === undefined) return [];
    return (this.#listed ? value : [value]) as OneOf<S>[];
  }

  /**
   * The values of all CPUs as one: numbers are added (bigints as they are, not wrapped), structs and lists member by member;
   * of texts and truth values it is the first that is not empty or false. Undefined where there is none.
   */
  sum(key: Given<S["key"]>): OneOf<S> | undefined {
    const values = this.perCpu(key);
    return values.length === 0 ? undefined : (sumOf(values) as OneOf<S>);
  }

  /** Aggregates are read as one of all CPUs. */
  get #listed(): boolean {
    return this.store.perCpu && this.aggregate === undefined;
  }

  /** Every entry, its values as one: see `sum`. */
  sums(): [S["key"], OneOf<S>][] {
    const listed = this.#listed;
    return this.entries().map(([key, value]) => [
      key,
      (listed ? sumOf(value as readonly unknown[]) : value) as OneOf<S>,
    ]);
  }

  // --- all --------------------------------------------------------------------------------------------------------

  /** Entries that there are now; of an array all that it has. It reads them all. */
  get size(): number {
    return this.store.dump().count;
  }

  /** Every entry, by batches. While programs write, it is no snapshot. */
  entries(): [S["key"], S["value"]][] {
    return this.#decoded(this.store.dump());
  }

  keys(): S["key"][] {
    return this.entries().map(([key]) => key);
  }

  values(): S["value"][] {
    return this.entries().map(([, value]) => value);
  }

  forEach(see: (value: S["value"], key: S["key"], map: this) => void): void {
    for (const [key, value] of this.entries()) see(value, key, this);
  }

  [Symbol.iterator](): Iterator<[S["key"], S["value"]]> {
    return this.entries()[Symbol.iterator]();
  }

  /** Every entry, some at a time, other work of this thread between them: for maps that are large. */
  async *[Symbol.asyncIterator](): AsyncGenerator<[S["key"], S["value"]], void> {
    for (const chunk of this.store.chunks?.() ?? [this.store.dump()]) {
      yield* this.#decoded(chunk);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Writes many entries, by BPF_MAP_UPDATE_BATCH where the kernel has it. Throws as `set` does; what was written stays. */
  setMany(
    entries: Iterable<readonly [key: Given<S["key"]>, value: Given<S["value"]>]>,
    mode: UpdateMode = "any",
  ): void {
    const { store } = this;
    const all = [...entries].map(([key, value]) => [this.#keys.encode(key), this.valueBytes(value)] as const);
    if (store.updateMany === undefined) for (const [key, value] of all) store.update(key, value, mode);
    else store.updateMany(joined(all.map(([key]) => key)), joined(all.map(([, value]) => value)), all.length, mode);
  }

  /** Deletes many keys, by BPF_MAP_DELETE_BATCH where the kernel has it; answers how many there were. */
  deleteMany(keys: Iterable<Given<S["key"]>>): number {
    const { store } = this;
    const all = [...keys].map((key) => this.#keys.encode(key));
    if (store.deleteMany !== undefined) return store.deleteMany(joined(all), all.length);
    return all.filter((key) => store.delete(key)).length;
  }

  /** Deletes every entry of a hash, fills an array with zeros. */
  clear(): void {
    this.store.clear();
  }
}

const NO_KEY = new Uint8Array(0);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
