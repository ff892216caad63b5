// A kernel module on the embedded machine, as whoever holds it sees it.

import type { Program } from "../bpf/index.ts";
import type { Btf } from "../btf/index.ts";
import type { EventValue, Machine, PacketFields, Tier } from "../machine/index.ts";
import type { BpfObject, ProgramSpec } from "../object/index.ts";
import type { KernelObject } from "./kernel-memory.ts";
import type { ModuleProgram, ModuleSide, ProgramStats, TestInput, TestOutput } from "./module-side.ts";
import type { TypedMap } from "./typed-map.ts";

/** Who is at work when something happens; what is not said is zero, or no name. */
export interface EventSource {
  readonly pid?: number;
  /** The thread; that of the process unless said otherwise. */
  readonly tid?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly comm?: string;
  readonly cpu?: number;
  /** Nanoseconds: the clock is set to it first. */
  readonly time?: number | bigint;
  /** What `bpf.task()` gives: members of its `struct task_struct`. The kernel's types are needed for that. */
  readonly task?: KernelObject;
  readonly cookie?: number | bigint;
}

/** Fields by their names: of programs with parameters, by the names that the module has for these. */
export type EventFields = Readonly<Record<string, EventValue | KernelObject>>;

export interface RunOptions extends EventSource, TestInput, PacketFields {
  readonly fields?: EventFields;
}

/** What one program made of an event. */
export interface ProgramRun extends TestOutput {
  readonly program: string;
}

export interface EmbeddedModuleOptions {
  /** CPUs with values of their own in per-CPU maps; 1 unless said otherwise. */
  readonly cpus?: number;
  /** "real" (the default): time goes on by itself. "still": it begins at 0 and moves by `time` and events alone. */
  readonly clock?: "real" | "still";
  /** What runs the programs; by default whichever pays. */
  readonly tier?: Tier;
  /** The types of a kernel, for events that point to its structs. */
  readonly btf?: Btf;
}

/** The clock of the module's programs. */
export interface ModuleTime {
  /** Nanoseconds. */
  readonly now: bigint;
  set(nanoseconds: number | bigint): void;
  advance(nanoseconds: number | bigint): void;
}

/** What may be done with any module. A name that the module exports too is reached by `exports`. */
export interface EmbeddedControls {
  readonly machine: Machine;
  readonly object: BpfObject;
  readonly time: ModuleTime;
  /** All maps by their names, those that are not exported too. */
  readonly maps: Readonly<Record<string, TypedMap>>;
  readonly programs: Readonly<Record<string, EmbeddedProgram>>;
  readonly exports: Readonly<Record<string, unknown>>;
  /** What `bpf.print` has written, a line each. */
  readonly printed: string[];
  /**
   * Something happens: runs the program of this name, or all that stand at a place: `syscalls:sys_exit_read`, `sys_exit_read`,
   * `vfs_read`, `kprobe:vfs_read`. Answers what each gave. Throws RangeError where nothing stands there, for a field that
   * none of the programs has, or a value that does not fit; a DiagnosticError for a program that does what none may.
   */
  fire(place: string, fields?: EventFields, source?: EventSource): readonly ProgramRun[];
  /** Runs one program by its name: on a packet, a context, or fields. Throws as `fire` does. */
  run(program: string, options?: RunOptions): ProgramRun;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What an export is on this machine. */
export type EmbeddedSide<E> = E extends Program ? EmbeddedProgram : ModuleSide<E>;

export type EmbeddedModule<M> = {
  readonly [N in Exclude<keyof M, keyof EmbeddedControls> as [ModuleSide<M[N]>] extends [never]
    ? never
    : N]: EmbeddedSide<M[N]>;
} & EmbeddedControls & {
    readonly exports: { readonly [N in keyof M as [ModuleSide<M[N]>] extends [never] ? never : N]: EmbeddedSide<M[N]> };
  };

export class EmbeddedProgram implements ModuleProgram {
  readonly name: string;
  readonly spec: ProgramSpec;
  readonly #run: (options: RunOptions) => ProgramRun;
  readonly #stats: () => ProgramStats;

  /** For the module that it is of. */
  constructor(spec: ProgramSpec, run: (options: RunOptions) => ProgramRun, stats: () => ProgramStats) {
    this.name = spec.name;
    this.spec = spec;
    this.#run = run;
    this.#stats = stats;
  }

  /** Runs it once, on a packet, a context, or fields. */
  test(options: RunOptions = {}): ProgramRun {
    return this.#run(options);
  }

  /** Time is that of this machine, not of a kernel. */
  stats(): ProgramStats {
    return this.#stats();
  }
}
