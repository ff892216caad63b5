// An object of BPF programs, from a `.o` file to what is at work in the kernel: opened, changed, loaded, attached, closed.

import { basename } from "node:path";
import {
  BPF_FILES,
  enableStatistics,
  hasFeature,
  inNetworkNamespace,
  interfaceIndex,
  type Kernel,
  type KernelMap,
  kernelWithToken,
  type LoadedObject,
  type LoadedProgram,
  type LoadOptions,
  liveKernel,
  loadObject,
  loadShared,
  registerStructOps,
  type StructOps,
  type StructOpsValue,
  SystemCallError,
  UnsupportedError,
} from "../kernel/index.ts";
import {
  type BpfObject,
  isGlobalData,
  isPacked,
  type LinkInput,
  linkObjects,
  type ProgramSpec,
  type ReadObject,
  readObject,
  type StructOpsSpec,
  unpackObject,
} from "../object/index.ts";
import { FormatError, nearest } from "../source/index.ts";
import type { CSourceOptions } from "../sources/index.ts";
import { readForeign } from "../symbols/index.ts";
import { LOST_PREFIX, type ObjectShape, type SectionMemory, sectionKey, sectionObject } from "../user-side/index.ts";
import type { AttachOptions } from "./attach-options.ts";
import type { Link } from "./links.ts";
import { ObjectMap } from "./object-map.ts";
import { ObjectProgram, type ProgramOwner } from "./object-program.ts";
import { sectionPlace } from "./section-places.ts";
import { addressesOf, type StackTables } from "./stacks.ts";
import { type AddressMap, USDT_ADDRESSES, USDT_SPECS, UsdtSpecs } from "./usdt.ts";

export interface OpenOptions extends CSourceOptions {
  /** What messages call it; the file's name unless said otherwise. */
  readonly name?: string;
  /** What is done with code in sections whose name says nothing: an error, or its programs are left out. */
  readonly unknownSections?: "error" | "skip";
  /** Keeps the verifier's log of every program (`program.log`): 1 short, 2 each instruction. */
  readonly logLevel?: 1 | 2;
  /** Where maps are looked for, and pinned, that are declared so. `/sys/fs/bpf` unless said otherwise. */
  readonly pins?: string;
  /**
   * A BPF file system that delegates to this user namespace what is loaded (Linux 6.9). Without it the one that
   * LIBBPF_BPF_TOKEN_PATH names, or in a user namespace /sys/fs/bpf where that does.
   */
  readonly token?: string;
  /**
   * All of it is loaded for the card of this interface, which is then to run it: `attach({ interface, mode: "offloaded" })`. Few cards
   * do, and those take no rings, no per-CPU maps and few helpers; what a driver refuses, its log says.
   */
  readonly offload?: { readonly interface: string; readonly netns?: string };
  readonly kernel?: Kernel;
}

const EOPNOTSUPP = 95;

type Maps<S extends ObjectShape> = { readonly [N in keyof S["maps"]]: ObjectMap<S["maps"][N]> };
type Programs<S extends ObjectShape> = { readonly [N in keyof S["programs"]]: ObjectProgram };
type Section<S extends ObjectShape, N extends string> = N extends keyof S["data"] ? S["data"][N] : never;

/** A read object that is not loaded yet, or is. It owns all that it has loaded and attached. */
export class ObjectFile<S extends ObjectShape = ObjectShape> implements Disposable, AsyncDisposable {
  readonly name: string;
  /** As it was read. */
  readonly file: BpfObject;
  /** Sections of code that were left out. */
  readonly skipped: readonly string[];
  /** By their names in C; data sections are maps too (`.bss`). */
  readonly maps: Maps<S>;
  readonly programs: Programs<S>;
  /** Variables of data sections, by `rodata`, `data`, `bss`, and the names of others in the file. */
  readonly sections: S["data"];
  /** How much the verifier tells of each program: see `OpenOptions.logLevel`. */
  logLevel: 1 | 2 | undefined;
  readonly #kernel: Kernel;
  readonly #offload: OpenOptions["offload"];
  readonly #memory = new Map<string, SectionMemory>();
  readonly #links = new Set<Link>();
  readonly #structs: StructOps[] = [];
  #usdt: UsdtSpecs | undefined;
  /** The descriptor that keeps the kernel's statistics on. */
  #statistics: number | undefined;
  #loaded: LoadedObject | undefined;
  /** Programs that were loaded behind the others. */
  readonly #more: LoadedObject[] = [];
  #closed = false;

  /** From the bytes of a `.o` file or those that `packObject` gives, or an object that was made otherwise. */
  constructor(from: Uint8Array | BpfObject, options: OpenOptions = {}) {
    this.name = options.name ?? "object";
    const { object, skipped } = objectOf(from, options);
    this.file = object;
    this.skipped = skipped;
    this.logLevel = options.logLevel;
    this.#kernel = options.kernel ?? (options.token === undefined ? liveKernel() : kernelWithToken(options.token));
    this.#offload = options.offload;
    const pins = options.pins ?? BPF_FILES;
    const maps: Record<string, ObjectMap> = Object.create(null) as Record<string, ObjectMap>;
    const sections: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    const stacks: StackTables = (name, id) =>
      addressesOf(maps[name]?.kernelMap.lookup(new Uint8Array(Uint32Array.of(id).buffer)));
    for (const spec of object.maps) {
      maps[spec.name] = new ObjectMap(spec, object.types, pins, this.#kernel, stacks);
      if (!isGlobalData(spec.name)) continue;
      const bytes = new Uint8Array(spec.valueSize);
      bytes.set((spec.initial ?? new Uint8Array()).subarray(0, bytes.length));
      const memory: SectionMemory = { view: new DataView(bytes.buffer), writable: true };
      this.#memory.set(spec.name, memory);
      sections[sectionKey(spec.name)] = sectionObject(object.types, spec.name, memory);
    }
    const programs: Record<string, ObjectProgram> = Object.create(null) as Record<string, ObjectProgram>;
    for (const spec of object.programs) programs[spec.name] = new ObjectProgram(spec, this.#owner());
    this.maps = maps as unknown as Maps<S>;
    this.programs = programs as unknown as Programs<S>;
    this.sections = sections as S["data"];
  }

  #owner(): ProgramOwner {
    return {
      kernel: this.#kernel,
      usdtSpecs: () => {
        const maps = this.maps as unknown as Readonly<Record<string, ObjectMap | undefined>>;
        const map = maps[USDT_SPECS];
        if (map === undefined) return undefined;
        return (this.#usdt ??= new UsdtSpecs(map, maps[USDT_ADDRESSES] as AddressMap | undefined));
      },
      keep: (link) => void this.#links.add(link),
      drop: (link) => void this.#links.delete(link),
      types: this.file.types,
      loadShared: (spec) => this.#loadShared(spec),
      linksOf: (program) => [...this.#links].filter(({ name }) => name === program),
      countRuns: () => {
        this.#statistics ??= enableStatistics(this.#kernel);
      },
    };
  }

  /** Constants of the programs, to be set before loading. */
  get rodata(): Section<S, "rodata"> {
    return this.#section("rodata") as Section<S, "rodata">;
  }

  /** Variables that begin with a value. */
  get data(): Section<S, "data"> {
    return this.#section("data") as Section<S, "data">;
  }

  /** Variables that begin with zero. */
  get bss(): Section<S, "bss"> {
    return this.#section("bss") as Section<S, "bss">;
  }

  #section(name: string): object {
    const section = (this.sections as Readonly<Record<string, object | undefined>>)[name];
    if (section === undefined) throw new UnsupportedError(`${this.name} has no section .${name}`);
    return section;
  }

  /** Records that a ring buffer had no room for, where the programs count them, as those of kernel modules do; else 0. */
  refused(ring: string): number {
    const counter = `${LOST_PREFIX}${ring}`;
    const section = (Object.values(this.sections) as Readonly<Record<string, unknown>>[]).find((one) => counter in one);
    return Number(section?.[counter] ?? 0);
  }

  /** A map by its name. Throws an UnsupportedError where the object has none such. */
  map<N extends keyof S["maps"] & string>(name: N): ObjectMap<S["maps"][N]> {
    return this.#named(this.maps as unknown as Record<string, ObjectMap<S["maps"][N]>>, name, "map");
  }

  /** A program by its name. Throws as `map` does. */
  program(name: keyof S["programs"] & string): ObjectProgram {
    return this.#named(this.programs as Record<string, ObjectProgram>, name, "program");
  }

  #named<T>(all: Readonly<Record<string, T>>, name: string, what: string): T {
    const found = all[name];
    if (found === undefined) {
      const hint = nearest(name, Object.keys(all))[0];
      throw new UnsupportedError(`${this.name} has no ${what} ${name}${hint === undefined ? "" : `. ${hint}`}`);
    }
    return found;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /**
   * Loads maps and programs. Throws a VerifierError for a program that the verifier refuses, a SystemCallError or an
   * UnsupportedError for what the kernel does not have or allow; then nothing stays loaded.
   */
  async load(): Promise<this> {
    if (this.#closed) throw new Error(`${this.name} is closed`);
    if (this.#loaded !== undefined) throw new Error(`${this.name} is loaded already`);
    const maps = Object.values(this.maps) as ObjectMap[];
    const programs = new Map(Object.entries(this.programs as Record<string, ObjectProgram>));
    const reused = new Map<string, KernelMap>();
    for (const map of maps) {
      const existing = map.existing();
      if (existing !== undefined) reused.set(map.name, existing);
    }
    const object: BpfObject = {
      ...this.file,
      maps: maps.map(({ name, spec }) => {
        const memory = this.#memory.get(name);
        return memory === undefined ? spec : { ...spec, initial: new Uint8Array(memory.view.buffer) };
      }),
      programs: [...programs.values()].map(({ spec }) => withoutLink(spec, this.#kernel)),
    };
    const loaded = this.#load(
      object,
      this.#options(reused, (name) => programs.get(name)?.load === true),
    );
    try {
      for (const map of maps) {
        const own = loaded.maps.get(map.name);
        if (own !== undefined) map.loaded(own);
      }
    } catch (error) {
      loaded.close();
      throw error;
    }
    this.#loaded = loaded;
    for (const [name, program] of loaded.programs) programs.get(name)?.loaded(program);
    for (const [section, memory] of this.#memory) {
      // Constants stay as they were when programs were verified with them.
      if (section.startsWith(".rodata")) memory.writable = false;
      else if (loaded.maps.has(section)) {
        const map = loaded.maps.get(section) as KernelMap;
        // Locks and lists are the kernel's alone.
        if (!map.mappable) {
          memory.writable = false;
          continue;
        }
        memory.view = new DataView(map.mapped(), 0, map.spec.valueSize);
      }
    }
    return this;
  }

  /**
   * Loads a program that was left out (its `load` was false), with the maps that are there. Throws as `load()` does; then
   * the others stay as they are.
   */
  async loadProgram(name: keyof S["programs"] & string): Promise<ObjectProgram> {
    const program = this.program(name);
    const { maps } = this.#loaded ?? {};
    if (maps === undefined || this.#closed) throw new Error(`${this.name} is not loaded`);
    if (program.isLoaded) return program;
    const object: BpfObject = { ...this.file, programs: [withoutLink(program.spec, this.#kernel)] };
    const loaded = this.#load(
      object,
      this.#options(maps, () => true),
    );
    this.#more.push(loaded);
    const own = loaded.programs.get(name);
    if (own !== undefined) program.loaded(own);
    return program;
  }

  /** Into the kernel, or for a card: that is looked up where its interface is. */
  #load(object: BpfObject, options: LoadOptions): LoadedObject {
    const card = this.#offload;
    if (card === undefined) return loadObject(object, options, this.#kernel);
    const load = (): LoadedObject => {
      const offload = interfaceIndex(card.interface, this.#kernel);
      try {
        return loadObject(object, { ...options, offload }, this.#kernel);
      } catch (error) {
        if (!(error instanceof SystemCallError) || error.errno !== EOPNOTSUPP) throw error;
        throw new UnsupportedError(
          `${card.interface}: the card of this interface takes no such thing: ${error.message}`,
        );
      }
    };
    return inNetworkNamespace(card.netns, load, this.#kernel, (loaded) => loaded.close());
  }

  #loadShared(spec: ProgramSpec): LoadedProgram {
    const { maps } = this.#loaded ?? {};
    if (maps === undefined || this.#closed) throw new Error(`${this.name} is not loaded`);
    const loaded = loadShared(
      { ...this.file, programs: [spec] },
      this.#options(maps, () => true),
      this.#kernel,
    );
    this.#more.push(loaded);
    return loaded.programs.get(spec.name) as LoadedProgram;
  }

  #options(maps: ReadonlyMap<string, KernelMap>, wanted: (name: string) => boolean): LoadOptions {
    return {
      maps,
      wanted: ({ name }) => wanted(name),
      // All places of a static probe are held by one link, where there are such: it closes four times as fast.
      multi: ({ section }) =>
        section !== undefined && /^\??usdt/.test(section) && hasFeature("uprobeMulti", this.#kernel)
          ? "uprobe"
          : undefined,
      ...(this.logLevel === undefined ? {} : { logLevel: this.logLevel }),
    };
  }

  /**
   * Attaches all programs that are loaded and whose section says where, and registers structs of the kernel's. Programs
   * that need to be told where (an interface, a cgroup) are left to `program.attach(…)`. `pid` is for functions and
   * static probes of programs. Where one cannot be attached, none is.
   */
  async attach(options: Pick<AttachOptions, "pid"> = {}): Promise<readonly Link[]> {
    const links: Link[] = [];
    try {
      for (const program of Object.values(this.programs as Record<string, ObjectProgram>)) {
        if (!program.isLoaded || !program.autoAttach || program.type === "struct_ops") continue;
        if (sectionPlace(program.spec, this.#kernel, options.pid).kind === "asked") continue;
        const user = program.type === "kprobe" ? options : {};
        links.push(await program.attach(user));
      }
      for (const struct of this.file.structOps ?? []) this.#structs.push(this.#register(struct));
    } catch (error) {
      for (const link of links) await link.detach();
      throw error;
    }
    return links;
  }

  #register(spec: StructOpsSpec): StructOps {
    const members: Record<string, StructOpsValue> = {};
    for (const { name, value } of spec.members) {
      if (value instanceof Uint8Array) members[name] = value;
      else {
        const { fd, name: program } = this.program(value.program);
        members[name] = { fd, name: program };
      }
    }
    return registerStructOps(spec.struct, members, this.#kernel);
  }

  /** Gives a link to another object, which closes it from now on; what is attached by it is that one's already. */
  handOn(link: Link, to: ObjectFile): void {
    this.#links.delete(link);
    to.#links.add(link);
    link.ownedBy(() => to.#links.delete(link));
  }

  /** What is attached. */
  get links(): readonly Link[] {
    return [...this.#links];
  }

  /** Detaches and unloads everything, without blocking. What is pinned stays. */
  async close(): Promise<void> {
    await Promise.all([...this.#links].map((link) => link.detach()));
    this.#unload();
  }

  #unload(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const struct of this.#structs) struct.close();
    if (this.#statistics !== undefined) this.#kernel.calls.close(this.#statistics);
    // What programs have left in their variables can still be read.
    for (const memory of this.#memory.values()) {
      const { buffer, byteOffset, byteLength } = memory.view;
      memory.view = new DataView(new Uint8Array(buffer, byteOffset, byteLength).slice().buffer);
    }
    for (const map of Object.values(this.maps) as ObjectMap[]) map.closed();
    for (const one of this.#more) one.close();
    this.#loaded?.close();
  }

  [Symbol.dispose](): void {
    for (const link of [...this.#links]) link.close();
    this.#unload();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function objectOf(from: Uint8Array | BpfObject, { unknownSections }: OpenOptions): ReadObject {
  if (!(from instanceof Uint8Array)) return { object: from, skipped: [] };
  if (isPacked(from)) return { object: unpackObject(from), skipped: [] };
  return readObject(from, unknownSections === undefined ? {} : { unknownSections });
}

/** A program for many places, where the kernel has no link for all of them: it is attached to each by itself. */
function withoutLink(spec: ProgramSpec, kernel: Kernel): ProgramSpec {
  const needed = { trace_uprobe_multi: "uprobeMulti", trace_kprobe_multi: "kprobeMulti" } as const;
  const feature = needed[spec.attachType as keyof typeof needed];
  if (feature === undefined || hasFeature(feature, kernel)) return spec;
  const { attachType: _, ...rest } = spec;
  return rest;
}

/** A file's path, or its bytes. */
export type ObjectSource = string | Uint8Array;

/** C that is no file: its text, and what messages call it. */
export interface CText {
  readonly c: string;
  readonly name?: string;
}

/** A text that is compiled; all else is an object file. */
export const isText = (path: string): boolean => /\.(?:c|ts)$/.test(path);

const nameOf = (path: string): string => basename(path).replace(/(?:\.bpf)?\.(?:[oc]|ts)$/, "");

/**
 * Reads an object file, or its bytes, or compiles C (a file, or `{ c: text }`) or a kernel module; several are linked to one. Nothing is loaded yet. Throws FormatError for bytes that
 * are no such object, or do not go together, DiagnosticError for a file that cannot be read.
 */
export async function openObject<S extends ObjectShape = ObjectShape>(
  source: ObjectSource | CText | readonly ObjectSource[],
  options: OpenOptions = {},
): Promise<ObjectFile<S>> {
  if (typeof source === "object" && "c" in source) {
    const { objectOfText } = await import("../sources/index.ts");
    const name = options.name ?? source.name ?? "program";
    return new ObjectFile<S>(objectOfText({ name: `${name}.c`, text: source.c }, options), { ...options, name });
  }
  if (typeof source !== "string" && !(source instanceof Uint8Array)) {
    const [first] = source;
    const name = options.name ?? (typeof first === "string" ? nameOf(first) : "object");
    return new ObjectFile<S>(await linkedBytes(source, options), { ...options, name });
  }
  if (typeof source !== "string") return new ObjectFile<S>(source, options);
  const name = options.name ?? nameOf(source);
  if (isText(source)) {
    // The compilers are read where they are wanted.
    const { objectOf } = await import("../sources/index.ts");
    return new ObjectFile<S>(objectOf(source, options), { ...options, name });
  }
  const bytes = readForeign(source);
  try {
    return new ObjectFile<S>(bytes, { ...options, name });
  } catch (error) {
    throw error instanceof FormatError ? error.of(source) : error;
  }
}

async function linkedBytes(sources: readonly ObjectSource[], options: OpenOptions): Promise<Uint8Array> {
  const inputs: LinkInput[] = [];
  for (const [i, source] of sources.entries())
    if (typeof source !== "string") inputs.push({ name: `object ${i + 1}`, bytes: source });
    else if (!isText(source)) inputs.push({ name: source, bytes: readForeign(source) });
    else inputs.push({ name: source, bytes: (await import("../sources/index.ts")).objectFileOf(source, options) });
  return linkObjects(inputs);
}
