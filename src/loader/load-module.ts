// The user's side of a kernel module: what it exports, typed by the module itself.
//
//     await using reads = await load<typeof import("./slow-reads.bpf.ts")>(new URL("./slow-reads.bpf.ts", import.meta.url));
//     for await (const event of reads.slow) console.log(event.pid, event.comm);

import { fileURLToPath } from "node:url";
import type { Program, Ring, UserValue } from "../bpf/index.ts";
import { isGlobalData, unpackObject } from "../object/index.ts";
import type { EmbeddedTarget } from "../sources/index.ts";
import {
  type EmbeddedModule,
  type EmbeddedModuleOptions,
  embeddedModule,
  liveVariables,
  type ModuleSide,
  type SideMap,
} from "../user-side/index.ts";
import type { ObjectMap } from "./object-map.ts";
import type { ObjectProgram } from "./object-program.ts";
import { type ObjectFile, type OpenOptions, openObject } from "./open-object.ts";
import type { RecordStream } from "./record-stream.ts";

/** What an export of a kernel module is on the user's side. */
export type UserSide<E> =
  E extends Ring<infer T>
    ? RecordStream<UserValue<T>>
    : [SideMap<E>] extends [never]
      ? E extends Program
        ? ObjectProgram
        : ModuleSide<E>
      : ObjectMap<SideMap<E>>;

export type LoadedModule<M> = {
  readonly [N in keyof M as [UserSide<M[N]>] extends [never] ? never : N]: UserSide<M[N]>;
} & AsyncDisposable & {
    /** The object, with all that is not the module's. */
    readonly object: ObjectFile;
  };

/** A compiled module within a program's own text: what `scry/plugin` puts in the place of its URL. */
export interface PackedModule {
  readonly name: string;
  /** What `packObject` gives, in base64. */
  readonly packed: string;
}

export interface LoadModuleOptions extends OpenOptions {
  /** False: only loaded; `module.object.attach()` attaches it, or `program.attach(…)`. */
  readonly attach?: boolean;
  readonly machine?: "kernel";
}

/** On the embedded machine no kernel is asked, but for its types where they can be read. */
export interface EmbeddedLoadOptions extends EmbeddedTarget, Omit<EmbeddedModuleOptions, "btf"> {
  readonly machine: "embedded";
}

/**
 * Compiles a kernel module, loads it and attaches its programs whose kind says where. Throws a DiagnosticError for what is
 * wrong with the text, a VerifierError for what the kernel refuses, an UnsupportedError or a SystemCallError for what it has
 * not or does not allow; then nothing stays loaded.
 */
export function load<M extends object = Record<never, never>>(
  module: URL | string | PackedModule,
  options?: LoadModuleOptions,
): Promise<LoadedModule<M>>;
/**
 * The same programs in this process, with no kernel and no privileges: what they would be told of is fired by hand. Throws a
 * DiagnosticError for what is wrong with the text, or for what that machine has not.
 */
export function load<M extends object = Record<never, never>>(
  module: URL | string | PackedModule,
  options: EmbeddedLoadOptions,
): Promise<EmbeddedModule<M>>;
export async function load<M extends object = Record<never, never>>(
  module: URL | string | PackedModule,
  options: LoadModuleOptions | EmbeddedLoadOptions = {},
): Promise<LoadedModule<M> | EmbeddedModule<M>> {
  const from = module instanceof URL ? fileURLToPath(module) : module;
  return options.machine === "embedded" ? onMachine<M>(from, options) : inKernel<M>(from, options);
}

const bytesOf = ({ packed }: PackedModule): Uint8Array => new Uint8Array(Buffer.from(packed, "base64"));

async function onMachine<M extends object>(
  from: string | PackedModule,
  options: EmbeddedLoadOptions,
): Promise<EmbeddedModule<M>> {
  const { object, btf } =
    typeof from === "string"
      ? (await import("../sources/index.ts")).embeddedObjectOf(from, options)
      : { object: unpackObject(bytesOf(from)), btf: options.btf ?? undefined };
  const { cpus, clock, tier } = options;
  return embeddedModule<M>(object, {
    ...(cpus === undefined ? {} : { cpus }),
    ...(clock === undefined ? {} : { clock }),
    ...(tier === undefined ? {} : { tier }),
    ...(btf === undefined ? {} : { btf }),
  });
}

async function inKernel<M extends object>(
  from: string | PackedModule,
  options: LoadModuleOptions,
): Promise<LoadedModule<M>> {
  const object =
    typeof from === "string"
      ? await openObject(from, options)
      : await openObject(bytesOf(from), { name: from.name, ...options });
  try {
    await object.load();
    if (options.attach !== false) await object.attach();
  } catch (error) {
    await object.close();
    throw error;
  }
  return loadedModule<M>(object);
}

/** What a loaded object has, by the names that its module exports it by. */
export function loadedModule<M extends object>(object: ObjectFile): LoadedModule<M> {
  const streams: RecordStream<unknown>[] = [];
  const close = async (): Promise<void> => {
    for (const stream of streams) await stream.close();
    await object.close();
  };
  const loaded: Record<string | symbol, unknown> = {};
  for (const section of Object.values(object.sections) as Record<string, unknown>[])
    Object.assign(loaded, liveVariables(section));
  Object.assign(loaded, object.programs);
  for (const map of Object.values(object.maps) as ObjectMap[]) {
    if (isGlobalData(map.name)) continue;
    if (map.type === "user_ringbuf")
      loaded[map.name] = { name: map.name, send: (record: never): boolean => map.produce(record) };
    else if (map.type !== "ringbuf") loaded[map.name] = map;
    else define(loaded, map.name, () => opened(streams, map, object));
  }
  Object.assign(loaded, { object, [Symbol.asyncDispose]: close });
  return loaded as LoadedModule<M>;
}

/** A ring is read by one reader: opened when it is first asked for. Its programs count what it had no room for. */
function opened(streams: RecordStream<unknown>[], map: ObjectMap, object: ObjectFile): RecordStream<unknown> {
  const stream = map.records({}, () => object.refused(map.name));
  streams.push(stream);
  return stream;
}

function define(on: object, name: string, make: () => unknown): void {
  let made: unknown;
  Object.defineProperty(on, name, { enumerable: true, get: () => (made ??= make()) });
}
