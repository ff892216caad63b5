// The user's side of a kernel module: what it exports, typed by the module itself.
//
//     await using reads = await load<typeof import("./slow-reads.bpf.ts")>(new URL("./slow-reads.bpf.ts", import.meta.url));
//     for await (const event of reads.slow) console.log(event.pid, event.comm);

import { fileURLToPath } from "node:url";
import type {
  AggregateArray,
  BloomFilter,
  Entries,
  GivenValue,
  InnerMap,
  Live,
  Program,
  ProgramArray,
  Queue,
  Ring,
  Storage,
  UserValue,
} from "../bpf/index.ts";
import type { Described } from "./codecs.ts";
import type { ObjectMap } from "./object-map.ts";
import type { ObjectProgram } from "./object-program.ts";
import { type ObjectFile, type OpenOptions, openObject } from "./open-object.ts";
import type { RecordStream } from "./record-stream.ts";

/** A variable that programs see while they run. */
export interface LiveVariable<T> {
  get value(): UserValue<T>;
  set value(value: GivenValue<T>);
}

/** What an export of a kernel module is on the user's side. */
export type UserSide<E> =
  E extends Ring<infer T>
    ? RecordStream<UserValue<T>>
    : E extends Live<infer T>
      ? LiveVariable<T>
      : E extends Entries<infer K, infer V>
        ? ObjectMap<{ key: UserValue<K>; value: [V] extends [InnerMap] ? Described | number : UserValue<V> }>
        : E extends AggregateArray<infer K, infer U, infer _>
          ? ObjectMap<{ key: UserValue<K>; value: U }>
          : E extends Queue<infer V> | BloomFilter<infer V>
            ? ObjectMap<{ key: never; value: UserValue<V> }>
            : E extends Storage<infer _, infer V>
              ? ObjectMap<{ key: unknown; value: UserValue<V> }>
              : E extends ProgramArray
                ? ObjectMap<{ key: number; value: Described | number }>
                : E extends Program
                  ? ObjectProgram
                  : never;

export type LoadedModule<M> = {
  readonly [N in keyof M as [UserSide<M[N]>] extends [never] ? never : N]: UserSide<M[N]>;
} & AsyncDisposable & {
    /** The object, with all that is not the module's. */
    readonly object: ObjectFile;
  };

export interface LoadModuleOptions extends OpenOptions {
  /** False: only loaded; `module.object.attach()` attaches it, or `program.attach(…)`. */
  readonly attach?: boolean;
}

/**
 * Compiles a kernel module, loads it and attaches its programs whose kind says where. Throws a DiagnosticError for what is
 * wrong with the text, a VerifierError for what the kernel refuses, an UnsupportedError or a SystemCallError for what it has
 * not or does not allow; then nothing stays loaded.
 */
export async function load<M extends object = Record<never, never>>(
  module: URL | string,
  options: LoadModuleOptions = {},
): Promise<LoadedModule<M>> {
  const path = typeof module === "string" ? module : fileURLToPath(module);
  const object = await openObject(path, options);
  try {
    await object.load();
    if (options.attach !== false) await object.attach();
  } catch (error) {
    await object.close();
    throw error;
  }
  const streams: RecordStream<unknown>[] = [];
  const close = async (): Promise<void> => {
    for (const stream of streams) await stream.close();
    await object.close();
  };
  const loaded: Record<string | symbol, unknown> = { object, [Symbol.asyncDispose]: close };
  for (const [name, program] of Object.entries(object.programs)) loaded[name] = program;
  for (const map of Object.values(object.maps) as ObjectMap[])
    if (map.name.startsWith(".")) continue;
    else if (map.type !== "ringbuf") loaded[map.name] = map;
    else define(loaded, map.name, () => remembered(streams, map));
  const { data } = object.sections as { data?: Record<string, unknown> };
  for (const name of Object.keys(data ?? {}))
    loaded[name] = {
      get value(): unknown {
        return data?.[name];
      },
      set value(value: unknown) {
        (data as Record<string, unknown>)[name] = value;
      },
    };
  return loaded as LoadedModule<M>;
}

/** A ring is read by one reader: opened when it is first asked for. */
function remembered(streams: RecordStream<unknown>[], map: ObjectMap): RecordStream<unknown> {
  const stream = map.records();
  streams.push(stream);
  return stream;
}

function define(on: object, name: string, make: () => unknown): void {
  let made: unknown;
  Object.defineProperty(on, name, { enumerable: true, get: () => (made ??= make()) });
}
