// What the exports of a kernel module are on the user's side, on whichever machine it is at work.

import type {
  AggregateArray,
  BloomFilter,
  Entries,
  GivenValue,
  InnerMap,
  Live,
  PerCpu,
  Program,
  ProgramArray,
  Queue,
  Ring,
  Storage,
  UserRing,
  UserValue,
} from "../bpf/index.ts";
import type { Described } from "./codecs.ts";
import type { Records } from "./records.ts";
import type { TypedMap } from "./typed-map.ts";

/** A variable that programs see while they run. */
export interface LiveVariable<T> {
  get value(): UserValue<T>;
  set value(value: GivenValue<T>);
}

/** What a program is run on: at most one of these. */
export interface TestInput {
  /** A packet, from its link-layer header: for programs that are given packets. */
  readonly packet?: Uint8Array;
  /** The context as bytes. */
  readonly context?: Uint8Array;
}

export interface TestOutput {
  /** What the program gave, 0..2^32-1. */
  readonly value: number;
  /** Of `xdp` and `tc` programs: the value by its name, `DROP`; undefined for others and for values without one. */
  readonly verdict: string | undefined;
  /** The packet afterwards; empty where none was given. */
  readonly packet: Uint8Array;
}

export interface ProgramStats {
  readonly runs: bigint;
  /** In all of these. */
  readonly nanoseconds: bigint;
}

/** A program, as far as all machines have it. */
export interface ModuleProgram {
  readonly name: string;
  /** Runs it once, here and now. */
  test(input?: TestInput): TestOutput;
  /** How often it has run and how long that took. */
  stats(): ProgramStats;
}

/** A map's key and value, as `TypedMap` knows them; never: it is no map. */
export type SideMap<E> =
  E extends Entries<infer K, infer V>
    ? E extends PerCpu<unknown>
      ? { key: UserValue<K>; value: UserValue<V>[]; one: UserValue<V> }
      : { key: UserValue<K>; value: [V] extends [InnerMap] ? Described | number : UserValue<V> }
    : E extends AggregateArray<infer K, infer U, infer _>
      ? { key: UserValue<K>; value: U }
      : E extends Queue<infer V> | BloomFilter<infer V>
        ? { key: never; value: UserValue<V> }
        : E extends Storage<infer _, infer V>
          ? { key: unknown; value: UserValue<V> }
          : E extends ProgramArray
            ? { key: number; value: Described | number }
            : never;

/** A ring that the user's side sends by. One sender at a time. */
export interface SendingRing<T> {
  readonly name: string;
  /** False where there is no room: programs have to read some first. Throws RangeError for what the record cannot hold. */
  send(record: GivenValue<T>): boolean;
}

/** What an export of a kernel module is for code that does not care which machine it is on. */
export type ModuleSide<E> =
  E extends Ring<infer T>
    ? Records<UserValue<T>>
    : E extends Live<infer T>
      ? LiveVariable<T>
      : E extends UserRing<infer T>
        ? SendingRing<T>
        : [SideMap<E>] extends [never]
          ? E extends Program
            ? ModuleProgram
            : never
          : TypedMap<SideMap<E>>;

/** Counters of the records that rings had no room for, which the compiler adds to a module: variables by this name. */
export const LOST_PREFIX = "lost_records_of_";

/** The variables of a module as what `live(…)` is on the user's side; of the compiler's own there are none. */
export function liveVariables(section: Readonly<Record<string, unknown>>): Record<string, LiveVariable<unknown>> {
  const found: Record<string, LiveVariable<unknown>> = {};
  for (const name of Object.keys(section)) {
    if (name.startsWith(LOST_PREFIX)) continue;
    found[name] = {
      get value(): never {
        return section[name] as never;
      },
      set value(value: unknown) {
        (section as Record<string, unknown>)[name] = value;
      },
    };
  }
  return found;
}

const VERDICTS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  xdp: { 0: "ABORTED", 1: "DROP", 2: "PASS", 3: "TX", 4: "REDIRECT" },
  sched_cls: {
    0: "OK",
    1: "RECLASSIFY",
    2: "SHOT",
    3: "PIPE",
    4: "STOLEN",
    5: "QUEUED",
    6: "REPEAT",
    7: "REDIRECT",
    8: "TRAP",
    4294967295: "NEXT",
  },
};

/** `enum xdp_action` (linux/bpf.h), TC_ACT_* (linux/pkt_cls.h). */
export const verdictOf = (type: string, value: number): string | undefined => VERDICTS[type]?.[value];
