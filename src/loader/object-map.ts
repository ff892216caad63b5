// One map of an object: a plan that may be changed until it is loaded; then keys and values, by the object's types.

import type { Btf } from "../btf/index.ts";
import {
  type Kernel,
  KernelMap,
  type MapInfo,
  mapInfo,
  openMap,
  openPinned,
  pin,
  UnsupportedError,
  UserRingBuffer,
  unpin,
} from "../kernel/index.ts";
import type { MapSpec, MapType } from "../object/index.ts";
import {
  type Codec,
  type Given,
  type MapShape,
  type RecordDecoder,
  recordDecoder,
  TypedMap,
  typedCodec,
} from "../user-side/index.ts";
import { type RecordOptions, RecordStream } from "./record-stream.ts";
import { presentation, type StackTables, withStacks } from "./stacks.ts";

/** What of a map may be changed before it is loaded. */
export type MapPlan = Pick<MapSpec, "type" | "keySize" | "valueSize" | "maxEntries"> & {
  readonly flags: number;
};

export class ObjectMap<S extends MapShape = MapShape> extends TypedMap<S> {
  readonly name: string;
  readonly #btf: Btf | undefined;
  readonly #kernel: Kernel;
  #spec: MapSpec;
  #pinPath: string | undefined;
  #reused: KernelMap | undefined;
  #map: KernelMap | undefined;
  #producer: UserRingBuffer | undefined;
  readonly #stacks: StackTables;

  /**
   * `folder`: where maps that are declared to be pinned by their names are looked for; `stacks`: what the object's tables of
   * stacks have.
   */
  constructor(spec: MapSpec, btf: Btf | undefined, folder: string, kernel: Kernel, stacks: StackTables = () => []) {
    super();
    this.#stacks = stacks;
    this.name = spec.name;
    this.#spec = spec;
    this.#btf = btf;
    this.#kernel = kernel;
    this.#pinPath = spec.pinned === true ? `${folder}/${spec.name}` : undefined;
  }

  // --- before loading -------------------------------------------------------------------------------------------

  /** What will be, or was, made. */
  get spec(): MapSpec {
    return this.#spec;
  }

  #change(change: Partial<MapSpec>): void {
    if (this.#map !== undefined) throw new Error(`map ${this.name} is loaded: it cannot be changed any more`);
    this.#spec = { ...this.#spec, ...change };
  }

  get type(): MapType {
    return this.#spec.type;
  }

  set type(type: MapType) {
    this.#change({ type });
  }

  /** Entries; of rings bytes. */
  get maxEntries(): number {
    return this.#spec.maxEntries;
  }

  set maxEntries(maxEntries: number) {
    this.#change({ maxEntries });
  }

  /** Bytes. What is no longer as the object's types say is bytes for JavaScript, too. */
  get keySize(): number {
    return this.#spec.keySize;
  }

  set keySize(keySize: number) {
    const { keyType: _, ...rest } = this.#spec;
    this.#change({});
    this.#spec = { ...rest, keySize };
  }

  /** Bytes. */
  get valueSize(): number {
    return this.#spec.valueSize;
  }

  set valueSize(valueSize: number) {
    const { valueType: _, ...rest } = this.#spec;
    this.#change({});
    this.#spec = { ...rest, valueSize };
  }

  /** `BPF_F_*` of BPF_MAP_CREATE. */
  get flags(): number {
    return this.#spec.flags ?? 0;
  }

  set flags(flags: number) {
    this.#change({ flags });
  }

  /** Where it is pinned, or will be: whoever comes first makes it there, the next ones share it. */
  get pinPath(): string | undefined {
    return this.#pinPath;
  }

  set pinPath(path: string | undefined) {
    this.#change({});
    this.#pinPath = path;
  }

  /**
   * Takes a map that exists in place of one of its own: another object's, one that is pinned at a path, or one by its id.
   * Throws an UnsupportedError where its shape is another.
   */
  reuse(map: ObjectMap | KernelMap | string | number): void {
    this.#change({});
    const fd =
      typeof map === "string"
        ? openPinned(map, this.#kernel)
        : typeof map === "number"
          ? openMap(map, this.#kernel)
          : openMap(mapInfo(map.fd, this.#kernel).id, this.#kernel);
    if (fd === undefined) throw new UnsupportedError(`map ${this.name}: nothing is pinned at ${map as string}`);
    this.#take(fd, typeof map === "string" ? map : "the map that was given");
  }

  #take(fd: number, what: string): void {
    const differences = differencesOf(mapInfo(fd, this.#kernel), this.#spec);
    if (differences.length > 0) {
      this.#kernel.calls.close(fd);
      throw new UnsupportedError(`map ${this.name}: ${what} is another map: ${differences.join(", ")}`);
    }
    const { maxEntries } = mapInfo(fd, this.#kernel);
    this.#reused?.close();
    this.#spec = { ...this.#spec, maxEntries };
    this.#reused = new KernelMap(fd, this.#spec, this.#kernel);
  }

  /** The map that is there already, looked for where it is to be pinned: for the loader. */
  existing(): KernelMap | undefined {
    if (this.#reused === undefined && this.#pinPath !== undefined) {
      const fd = openPinned(this.#pinPath, this.#kernel);
      if (fd !== undefined) this.#take(fd, `what is pinned at ${this.#pinPath}`);
    }
    return this.#reused;
  }

  /** It is loaded: for the loader. Pins it where that is wanted. */
  loaded(map: KernelMap): void {
    if (this.#pinPath !== undefined && this.#reused === undefined) pin(map.fd, this.#pinPath, this.#kernel);
    this.#map = map;
    this.#spec = map.spec;
    this.retyped();
  }

  /** The object is closed: for the loader. */
  closed(): void {
    this.#producer?.close();
    this.#reused?.close();
  }

  // --- afterwards -----------------------------------------------------------------------------------------------

  /** The map as bytes. Throws before it is loaded. */
  get kernelMap(): KernelMap {
    if (this.#map === undefined) throw new Error(`map ${this.name} is not loaded yet`);
    return this.#map;
  }

  get fd(): number {
    return this.kernelMap.fd;
  }

  /** What the kernel says of it. */
  info(): MapInfo {
    return mapInfo(this.fd, this.#kernel);
  }

  protected get store(): KernelMap {
    return this.kernelMap;
  }
  protected get types(): Btf | undefined {
    return this.#btf;
  }
  protected override presented(codec: Codec, type: number | undefined): Codec {
    return withStacks(codec, this.#btf, type, this.#stacks);
  }

  // --- rings ----------------------------------------------------------------------------------------------------

  /** The struct that records are said to be: by the map's declaration. */
  get recordType(): string | undefined {
    const { recordType } = this.#spec;
    return recordType === undefined ? undefined : (this.#btf?.resolve(recordType).name ?? undefined);
  }

  /**
   * The records of a ring buffer or perf buffer, as they come; close it when done. They are decoded as the map's
   * declaration or `type` says, else bytes. `refused` answers how many records a ring buffer had no room for, where programs
   * count them. Throws an UnsupportedError for a map that is no ring.
   */
  records<T = S["record"]>(options: RecordOptions<T> = {}, refused?: () => number): RecordStream<T> {
    const map = this.kernelMap;
    if (map.spec.type !== "ringbuf" && map.spec.type !== "perf_event_array")
      throw new UnsupportedError(`map ${this.name} (${map.spec.type}) has no records: it is no ring`);
    return new RecordStream<T>(map, this.#recordDecoder(options.type), options, refused);
  }

  #recordDecoder<T>(type: RecordOptions<T>["type"]): RecordDecoder<T> {
    if (typeof type === "function")
      return (view, at, length, cpu) => type(new Uint8Array(view.buffer, view.byteOffset + at, length), cpu);
    const named =
      typeof type === "string" ? this.#btf?.find(type, ["struct", "union", "typedef"]) : this.#spec.recordType;
    if (typeof type === "string" && named === undefined)
      throw new UnsupportedError(`map ${this.name}: the object's types have no struct ${type}`);
    const decode = recordDecoder<T>(this.#btf, named);
    const present = named === undefined ? undefined : this.presentation(named);
    return present === undefined ? decode : (view, at, length, cpu) => present(decode(view, at, length, cpu)) as T;
  }

  /** What makes of decoded values of a type of the object's what users read; undefined: they are that already. */
  presentation(type: number): ((value: unknown) => unknown) | undefined {
    return this.#btf === undefined ? undefined : presentation(this.#btf, type, this.#stacks);
  }

  /** Puts a record into a user ring buffer; false where there is no room: then the program has to take some out first. */
  produce(record: Given<S["record"]>): boolean {
    this.#producer ??= new UserRingBuffer(this.kernelMap);
    const { recordType } = this.#spec;
    if (record instanceof Uint8Array) return this.#producer.write(record);
    if (recordType === undefined || this.#btf === undefined)
      throw new RangeError(`${this.name}: a record is a Uint8Array, since its declaration says no type`);
    return this.#producer.write(typedCodec(this.#btf, recordType, this.name).encode(record));
  }

  // --- names ----------------------------------------------------------------------------------------------------

  /** Gives it a name in a BPF file system, by which it outlives its programs. */
  pin(path: string): void {
    pin(this.fd, path, this.#kernel);
    this.#pinPath = path;
  }

  /** Takes the name away again. */
  unpin(): void {
    if (this.#pinPath !== undefined) unpin(this.#pinPath);
    this.#pinPath = undefined;
  }
}

/** Flags that say how a map was opened or made, not what it is: BPF_F_RDONLY, BPF_F_WRONLY, BPF_F_NUMA_NODE. */
const NO_SHAPE = (1 << 3) | (1 << 4) | (1 << 2);

/** What tells a map that exists from the one that is wanted. */
function differencesOf(info: MapInfo, spec: MapSpec): string[] {
  const different: string[] = [];
  const compare = (what: string, is: unknown, wanted: unknown): void => {
    if (is !== wanted) different.push(`its ${what} is ${String(is)}, not ${String(wanted)}`);
  };
  compare("type", info.type ?? info.typeNumber, spec.type);
  compare("key size", info.keySize, spec.keySize);
  compare("value size", info.valueSize, spec.valueSize);
  // Of a perf event array without a number of entries the kernel was given one for each CPU.
  if (spec.maxEntries !== 0) compare("number of entries", info.maxEntries, spec.maxEntries);
  // The kernel sets BPF_F_NO_PREALLOC by itself for some types.
  compare("flags", info.flags & ~NO_SHAPE & ~1, (spec.flags ?? 0) & ~NO_SHAPE & ~1);
  return different;
}
