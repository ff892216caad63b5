// A compiled script as data: its object, and what a reader must know to make sense of the records and maps of its run.

import type { Btf } from "../btf/index.ts";
import type { BpfObject } from "../object/index.ts";
import type { Diagnostic, SourceText, Span } from "../source/index.ts";
import type { EventSite } from "./events.ts";
import type { ScriptOptions } from "./options.ts";
import type { ScriptMap, StoragePlan } from "./storage.ts";

export interface CompiledScript {
  readonly object: BpfObject;
  readonly source: SourceText;
  readonly options: ScriptOptions;
  /** The types that ids of structs and enumerations are of. */
  readonly types: () => Btf | undefined;
  /** CPUs that the per-CPU data is for. */
  readonly cpus: number;
  /** In the byte order of their names. */
  readonly maps: readonly ScriptMap[];
  readonly plan: StoragePlan;
  readonly sites: readonly EventSite[];
  /** Programs of this object by name: what they are for. */
  readonly programs: ReadonlyMap<string, ProgramRole>;
  /** Names of probes by the number that a record carries. */
  readonly probeNames: ReadonlyMap<bigint, { readonly name: string; readonly func: string }>;
  /** How many probes the script has, as bpftrace counts them. */
  readonly probeCount: number;
  /** The script has only probes that run once (begin, end, iter), and so ends by itself. */
  readonly endsByItself: boolean;
  readonly warnings: readonly Diagnostic[];
  /** Stacks are unwound by tables (see unwind-layout.ts), of these processes from the start; absent: none are. */
  readonly unwinds?: { readonly pid?: number; readonly childPid?: number };
  /** This process is followed with all that it starts; `waits` for our start: it has started nothing yet. */
  readonly follows?: { readonly pid: number; readonly waits: boolean };
  /** Only tasks in this folder of a cgroup2 file system, or below it. */
  readonly cgroup?: string;
}

export interface ProgramRole {
  readonly kind: "begin" | "end" | "test" | "bench" | "probe" | "housekeeping";
  readonly probes: readonly ProbeName[];
  /** Where in the script they stand; absent for what the script needs beside its own. */
  readonly span?: Span;
}

/** Which probe it was, as the script and messages say it. */
export interface ProbeName {
  readonly provider: string;
  /** `tracepoint:syscalls:sys_enter_openat` */
  readonly name: string;
  /** As `func` says it. */
  readonly func?: string;
  /** `begin`, `end` and their like run once, without anything happening. */
  readonly special?: boolean;
}
