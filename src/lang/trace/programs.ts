// Programs of a script: one for each unit, lowered and compiled, and those that keep house.

import type { Btf } from "../../btf/index.ts";
import {
  type ChildId,
  CodegenError,
  followPrograms,
  preemptible,
  reaper,
  unwindPrograms,
} from "../../codegen/index.ts";
import { compile, type IrFunction, type IrProgram, printIr, StackError } from "../../compiler/index.ts";
import type { AttachTarget, ContextLayout, MapSpec, ProgramSpec } from "../../object/index.ts";
import {
  contextLayout,
  type ProbeEnvironment,
  type ProbeVariant,
  providerOf,
  type ResolvedProbe,
  type Target,
} from "../../probes/index.ts";
import type { ProgramRole } from "../../schema/index.ts";
import { DiagnosticError, type SourceText, type Span } from "../../source/index.ts";
import type { Builtin } from "./builtins/index.ts";
import { type CheckedScript, type CheckState, error, type Unit } from "./check/index.ts";
import { lowerUnit, slotBytes } from "./lower/index.ts";
import type { ScriptStorage } from "./storage.ts";

/** Called with the text form of a program after a stage. */
export type Dump = (stage: string, program: string, text: () => string) => void;

/** A program with what goes with it into the object. */
export interface ScriptProgram {
  readonly spec: ProgramSpec;
  readonly role: ProgramRole;
  /** Its scratch memory, where the stack was too small. */
  readonly scratch?: MapSpec;
}

/** What a reader is told of the probes: a number for each. */
export const probeNames = (
  units: readonly Unit[],
): ReadonlyMap<bigint, { readonly name: string; readonly func: string }> =>
  new Map(
    units.flatMap((unit) =>
      unit.resolved.map((r, i) => [unit.numbers[i] as bigint, { name: r.name, func: r.func ?? "" }] as const),
    ),
  );

/** One number for each probe; those of system calls served by one program are its own base plus the call's number. */
function numberProbes(units: readonly Unit[]): void {
  let before = 0;
  for (const [index, unit] of units.entries()) {
    const first = before;
    unit.numbers = unit.variants.map((f, i) =>
      f.syscall === undefined ? BigInt(first + i + 1) : (BigInt(index + 1) << 32n) + BigInt(f.syscall.number),
    );
    before += unit.resolved.length;
  }
}

/** A program for each unit. What is wrong in a way that only lowering shows stands in the checker's diagnostics then. */
export function* makePrograms(
  { state, units }: CheckedScript,
  storage: ScriptStorage,
  builtins: ReadonlyMap<string, Builtin>,
  dump: Dump | undefined,
): Iterable<ScriptProgram> {
  numberProbes(units);
  let count = 0;
  for (const [index, unit] of units.entries()) {
    const first = unit.resolved[0] as ResolvedProbe;
    const name = programName(index, first);
    const functions = lower(state, unit, storage, builtins, name);
    if (functions === undefined) continue;
    const role: ProgramRole = {
      kind: providerOf(first.provider)?.role ?? "probe",
      probes: unit.resolved,
      span: unit.probe.span,
    };
    const ir = { name: first.name, functions: [...functions] };
    yield compileProgram(
      name,
      ir,
      programSpec(unit, state.env),
      role,
      state.env,
      count++,
      { source: state.source, span: unit.probe.span },
      dump,
    );
  }
}

/** The functions of a unit's program; undefined where something is wrong that the checker could not see, and now knows. */
function lower(
  check: CheckState,
  unit: Unit,
  { object, tables }: ScriptStorage,
  builtins: ReadonlyMap<string, Builtin>,
  name: string,
): readonly IrFunction[] | undefined {
  const before = { sites: object.sites.length, frameBytes: object.frameBytes };
  try {
    const functions = lowerUnit(object, check, unit, builtins, name, tables.get(unit));
    if (object.frameBytes > object.plan.frameBytes)
      throw new Error(`${object.frameBytes} bytes of a frame of ${object.plan.frameBytes} are used`);
    const slots = slotBytes(functions);
    if (!preemptible(unit.variants[0] as ProbeVariant) || (slots.largest <= LARGE_SLOT && slots.total <= LARGE_STACK))
      return functions;
    // It will need scratch memory: once more, so that two runs cannot use it at once.
    object.sites.length = before.sites;
    object.frameBytes = before.frameBytes;
    return lowerUnit(object, check, unit, builtins, name, tables.get(unit), true);
  } catch (caught) {
    if (!(caught instanceof CodegenError)) throw caught;
    error(check, caught.code, caught.message, caught.span);
    return undefined;
  }
}

/** Bytes from which on memory is taken from the scratch map and not from the stack (see compiler/frame.ts). */
const LARGE_SLOT = 256;
const LARGE_STACK = 320;

function programSpec(unit: Unit, env: ProbeEnvironment): Omit<ProgramSpec, "name" | "functions"> {
  const variant = unit.variants[0] as ProbeVariant;
  let layout: ContextLayout | undefined;
  return {
    type: variant.programType,
    attach: attachTargets(unit),
    ...(variant.target === undefined ? {} : { target: variant.target }),
    // Worked out when somebody asks: the live kernel makes its contexts itself.
    get context() {
      layout ??= contextLayout(variant, env);
      return layout;
    },
  };
}

function attachTargets(unit: Unit): AttachTarget[] {
  const attach: AttachTarget[] = [];
  for (const [i, variant] of unit.variants.entries()) {
    // One program on the raw tracepoint serves all system calls of its unit.
    if (variant.syscall !== undefined && attach.length > 0) continue;
    const cookie =
      unit.resolved.length > 1 && variant.syscall === undefined ? { cookie: unit.numbers[i] as bigint } : {};
    const probe = (unit.resolved[i] as ResolvedProbe).name;
    for (const target of [variant.attach, ...(variant.more ?? [])]) attach.push({ ...target, probe, ...cookie });
  }
  return attach;
}

/** The kernel shows 15 characters. */
function programName(index: number, probe: ResolvedProbe): string {
  const last = probe.name.split(":").at(-1) as string;
  return `${last.replace(/[^A-Za-z0-9_]/g, "_").slice(0, 40)}_${index + 1}`;
}

function compileProgram(
  name: string,
  ir: IrProgram,
  spec: Omit<ProgramSpec, "name" | "functions">,
  role: ProgramRole,
  target: Target,
  index: number,
  place: ProbePlace | undefined,
  dump: Dump | undefined,
): ScriptProgram {
  const map = `scratch_${index}`;
  dump?.("ir", name, () => printIr(ir));
  const compiled = withinStack(role, place, () =>
    compile(ir, {
      scratch: { map },
      cpu: target.lacks?.("isa4") === true ? 3 : 4,
      atomicFetch: target.lacks?.("atomicFetch") !== true,
      mayGoto: target.lacks?.("mayGoto") !== true,
      ...(dump === undefined ? {} : { dump: (pass: string, text: string) => dump(pass, name, () => text) }),
    }),
  );
  const valueSize = Math.ceil(compiled.scratchSize / 8) * 8;
  return {
    spec: Object.assign(spec, { name, functions: compiled.functions }),
    role,
    ...(valueSize === 0 ? {} : { scratch: { name: map, type: "percpu_array", keySize: 4, valueSize, maxEntries: 1 } }),
  };
}

/** The head of the probe that a program is made of. */
interface ProbePlace {
  readonly source: SourceText;
  readonly span: Span;
}

/** A program for which the kernel's 512 bytes of stack are too few is a matter of the script. */
function withinStack<T>(role: ProgramRole, place: ProbePlace | undefined, work: () => T): T {
  try {
    return work();
  } catch (caught) {
    if (!(caught instanceof StackError)) throw caught;
    const message = `The probe ${role.probes[0]?.name ?? ""} needs ${caught.needed} bytes of stack, which is more than the kernel gives`;
    const hints = ["Use fewer variables, tuples and keys in one probe: divide it into several"];
    const span = place === undefined ? {} : { span: place.span };
    throw new DiagnosticError([{ code: "SCRY1912", severity: "error", message, hints, ...span }], place?.source);
  }
}

/**
 * Programs that serve the others: one takes away what ended threads leave in maps, some follow processes' mappings, some
 * the processes themselves.
 */
export function housekeeping(
  { object }: ScriptStorage,
  env: ProbeEnvironment,
  programsBefore: number,
  dump: Dump | undefined,
): readonly ScriptProgram[] {
  const dead = reaper(object.plan);
  const wanted: readonly HousekeepingProgram[] = [
    ...(dead === undefined ? [] : [{ ir: dead, tracepoint: "sched_process_exit" }]),
    ...(object.unwinds ? unwindPrograms(env.childPid, taskIds(env.btf())) : []),
    ...(env.follow === undefined ? [] : followers(env, env.follow !== env.childPid)),
  ];
  return wanted.map(({ ir, tracepoint, recorded }, i) =>
    compileProgram(
      ir.name,
      ir,
      recorded === true
        ? { type: "tracepoint", attach: [{ kind: "tracepoint", category: "sched", name: tracepoint }] }
        : { type: "raw_tracepoint", attach: [{ kind: "raw_tracepoint", name: tracepoint }] },
      { kind: "housekeeping", probes: [] },
      env,
      programsBefore + i,
      undefined,
      dump,
    ),
  );
}

interface HousekeepingProgram {
  readonly ir: IrProgram;
  readonly tracepoint: string;
  /** It reads the event's record, not its arguments. */
  readonly recorded?: boolean;
}

/** `before`: there may be children already. */
function followers(env: ProbeEnvironment, before: boolean): readonly HousekeepingProgram[] {
  const btf = env.btf();
  const taskField = fieldOffset(btf, "task_struct", "pid");
  const record = env.tracepointFormat("sched", "sched_process_fork")?.find((f) => f.name === "child_pid");
  // Better by the event's record, in a program that the kernel does not preempt: it skips a run of the others where one that
  // was preempted in the middle has been running on that CPU, and 7.2 preempts them (of 200 forks in a storm, 80).
  const recorded = record !== undefined;
  const child = recorded ? { recordField: record.offset } : { taskField };
  if (!isChildId(child)) {
    const message = "--follow cannot learn here who starts whom";
    const hints = ["It needs the kernel's BTF, or tracefs: scry doctor says what is missing"];
    throw new DiagnosticError([{ code: "SCRY1145", severity: "error", message, hints }]);
  }
  const signal = fieldOffset(btf, "task_struct", "signal");
  const live = fieldOffset(btf, "signal_struct", "live");
  const threads = signal === undefined || live === undefined ? undefined : { signal, live };
  return followPrograms(child, threads, before).map(({ ir, on }) => ({
    ir,
    tracepoint: `sched_process_${on}`,
    recorded,
  }));
}

const isChildId = (
  child: { readonly recordField: number } | { readonly taskField: number | undefined },
): child is ChildId => "recordField" in child || child.taskField !== undefined;

function taskIds(btf: Btf | undefined): { readonly pid: number; readonly tgid: number } | undefined {
  const pid = fieldOffset(btf, "task_struct", "pid");
  const tgid = fieldOffset(btf, "task_struct", "tgid");
  return pid === undefined || tgid === undefined ? undefined : { pid, tgid };
}

/** Bytes. */
function fieldOffset(btf: Btf | undefined, struct: string, name: string): number | undefined {
  const id = btf?.find(struct, "struct");
  const field = id === undefined ? undefined : btf?.field(id, [name]);
  return field === undefined ? undefined : field.bitOffset / 8;
}
