// The journey of a script: text → tree → probes → types → storage → IR → object code. What comes out is an object for
// any machine, and what a reader must know to make sense of the records and maps of its run.

import type { Btf } from "../../btf/index.ts";
import { compile, type IrProgram, printIr, StackError } from "../../compiler/index.ts";
import type { AttachTarget, BpfObject, ContextLayout, MapSpec, ProgramSpec } from "../../object/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../../source/index.ts";
import type { Script, Statement } from "./ast.ts";
import { Checker, type Unit } from "./checker.ts";
import { defaultOptions, type TraceOptions, withSetting } from "./config.ts";
import { contextLayout } from "./context-layout.ts";
import type { TraceEnvironment } from "./environment.ts";
import type { EventSite } from "./events.ts";
import { guards, MOST_COMPARED, SYSCALL_BITS } from "./guards.ts";
import { sizeOf } from "./layout.ts";
import { stackMaps } from "./lower-stacks.ts";
import { Lowering, LoweringError, type ScriptState } from "./lowering.ts";
import { nearest } from "./nearest.ts";
import { parseScript } from "./parser.ts";
import type { ProbeForm, ResolvedProbe } from "./probes.ts";
import { resolveAttachPoint } from "./providers.ts";
import { reaper } from "./reaper.ts";
import { CONTROL, EVENTS, GLOBALS, globalsSpec, planStorage, type ScriptMap, type StoragePlan } from "./storage.ts";
import { resolveUnits } from "./units.ts";
import { unwindMaps } from "./unwind-layout.ts";
import { unwindPrograms } from "./unwind-programs.ts";

export interface CompiledScript {
  readonly object: BpfObject;
  readonly source: SourceText;
  readonly options: TraceOptions;
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
}

export interface ProgramRole {
  readonly kind: "begin" | "end" | "test" | "probe" | "housekeeping";
  readonly probes: readonly ResolvedProbe[];
}

export interface CompileScriptOptions {
  /** Bytes of the event ring, a power of two of pages. */
  readonly ringBytes: number;
  /** Settings from outside (BPFTRACE_* in the environment), which win over the script's own. */
  readonly settings?: readonly (readonly [name: string, value: string])[];
  /** Called with the text form after each stage. */
  readonly dump?: (stage: string, program: string, text: () => string) => void;
}

/** Compiles a script. Throws DiagnosticError with everything that is wrong with it. */
export function compileScript(
  source: SourceText,
  env: TraceEnvironment,
  options: CompileScriptOptions,
): CompiledScript {
  const script = parseScript(source, env.params);
  options.dump?.("ast", "", () => JSON.stringify(script, (_k, v) => (typeof v === "bigint" ? v.toString() : v), 2));
  const settings = readSettings(script, source, options.settings ?? []);
  const checker = new Checker(env, settings, source);
  const units = resolveUnits(script, checker);
  declareMaps(script, checker);
  checkAll(checker, units);
  stopOnErrors(checker);
  return generate(checker, units, options);
}

function stopOnErrors(checker: Checker): void {
  if (checker.diagnostics.some((d) => d.severity === "error"))
    throw new DiagnosticError(
      [...checker.diagnostics].sort((a, b) => (a.severity === b.severity ? 0 : a.severity === "error" ? -1 : 1)),
      checker.source,
    );
}

function readSettings(
  script: Script,
  source: SourceText,
  outside: CompileScriptOptions["settings"] & object,
): TraceOptions {
  let settings = defaultOptions;
  for (const entry of script.config) {
    const next = withSetting(settings, entry.key, entry.value);
    if (typeof next === "string")
      throw new DiagnosticError([{ code: "SCRY1020", severity: "error", message: next, span: entry.span }], source);
    settings = next;
  }
  for (const [name, value] of outside) {
    const next = withSetting(settings, name, value);
    if (typeof next === "string")
      throw new DiagnosticError([{ code: "SCRY1020", severity: "error", message: next }], source);
    settings = next;
  }
  return settings;
}

function declareMaps(script: Script, checker: Checker): void {
  const types = ["hash", "lruhash", "percpuhash", "percpulruhash"];
  for (const d of script.mapDeclarations) {
    if (!types.includes(d.mapType))
      checker.error("SCRY1021", `Invalid bpf map type: ${d.mapType}`, d.span, [
        `Valid map types: ${types.join(", ")}`,
        ...nearest(d.mapType, types),
      ]);
    else checker.mapUse(d.name).declared = { mapType: d.mapType.replace("lruhash", "lru_hash"), entries: d.entries };
  }
}

// --- types -----------------------------------------------------------------------------------------------------------

function checkAll(checker: Checker, units: readonly Unit[]): void {
  for (let pass = 0; pass < 8; pass++) {
    checker.changed = false;
    for (const unit of units) checker.checkUnit(unit);
    if (!checker.changed || checker.diagnostics.some((d) => d.severity === "error")) break;
  }
  checker.final = true;
  for (const unit of units) checker.checkUnit(unit);
}

// --- code ------------------------------------------------------------------------------------------------------------

function generate(checker: Checker, units: readonly Unit[], options: CompileScriptOptions): CompiledScript {
  const env = checker.env;
  // System calls of a unit, as bits, where there are too many to compare one by one.
  const tables: Uint8Array[] = [];
  const tableOf = new Map<Unit, number>();
  for (const unit of units) {
    const numbers = unit.forms.flatMap((f) => (f.syscall === undefined ? [] : [f.syscall.number]));
    if (numbers.length <= MOST_COMPARED) continue;
    const bits = new Uint8Array(SYSCALL_BITS / 8);
    for (const n of numbers) bits[n >> 3] = (bits[n >> 3] as number) | (1 << (n & 7));
    tableOf.set(unit, tables.length);
    tables.push(bits);
  }
  const plan = planStorage([...checker.maps.values()], {
    cpus: env.cpus,
    maxKeys: checker.options.maxMapKeys,
    frameBytes: frameBytes(units),
    tables,
  });
  const state: ScriptState = { plan, checker, sites: [], stackLimits: new Set(), unwinds: false, frameBytes: 0 };
  const programs: ProgramSpec[] = [];
  const roles = new Map<string, ProgramRole>();
  const probeNames = new Map<bigint, { name: string; func: string }>();
  // One number for each probe; those of system calls served by one program are its own base plus the call's number.
  for (const [index, unit] of units.entries()) {
    unit.numbers = unit.forms.map((f, i) =>
      f.syscall === undefined ? BigInt(probeNames.size + i + 1) : (BigInt(index + 1) << 32n) + BigInt(f.syscall.number),
    );
    for (const [i, r] of unit.resolved.entries())
      probeNames.set(unit.numbers[i] as bigint, { name: r.name, func: r.func ?? "" });
  }
  const scratches: MapSpec[] = [];
  const target = {
    cpu: env.lacks?.("isa4") === true ? 3 : 4,
    atomicFetch: env.lacks?.("atomicFetch") !== true,
    mayGoto: env.lacks?.("mayGoto") !== true,
  } as const;
  const add = (name: string, ir: IrProgram, spec: Omit<ProgramSpec, "name" | "functions">, role: ProgramRole): void => {
    const scratch = `scratch_${programs.length}`;
    options.dump?.("ir", name, () => printIr(ir));
    const compiled = withinStack(checker, role, () =>
      compile(ir, {
        scratch: { map: scratch },
        ...target,
        ...(options.dump === undefined
          ? {}
          : { dump: (pass: string, text: string) => options.dump?.(pass, name, () => text) }),
      }),
    );
    if (compiled.scratchSize > 0)
      scratches.push({
        name: scratch,
        type: "percpu_array",
        keySize: 4,
        valueSize: Math.ceil(compiled.scratchSize / 8) * 8,
        maxEntries: 1,
      });
    programs.push(Object.assign(spec, { name, functions: compiled.functions }));
    roles.set(name, role);
  };
  for (const [index, unit] of units.entries()) {
    checker.checkUnit(unit);
    const first = unit.resolved[0] as ResolvedProbe;
    const form = unit.forms[0] as ProbeForm;
    const name = programName(index, first);
    let lowering = new Lowering(state, unit, name);
    const before = { sites: state.sites.length, frameBytes: state.frameBytes };
    let functions: IrProgram["functions"];
    try {
      functions = lowering.run((leave) => guards(lowering, tableOf.get(unit), leave));
      const slots = lowering.slotBytes(functions);
      if (lowering.preemptible && (slots.largest > 256 || slots.total > 320)) {
        // It will need scratch memory: once more, so that two runs cannot use it at once.
        state.sites.length = before.sites;
        state.frameBytes = before.frameBytes;
        lowering = new Lowering(state, unit, name, true);
        functions = lowering.run((leave) => guards(lowering, tableOf.get(unit), leave));
      }
    } catch (error) {
      if (!(error instanceof LoweringError)) throw error;
      continue;
    }
    const attach: AttachTarget[] = [];
    for (const [i, f] of unit.forms.entries()) {
      const number = unit.numbers[i] as bigint;
      if (f.syscall !== undefined && attach.length > 0) continue;
      const probe = (unit.resolved[i] as ResolvedProbe).name;
      for (const target of [f.attach, ...(f.more ?? [])])
        attach.push({
          ...target,
          probe,
          ...(unit.resolved.length > 1 && f.syscall === undefined ? { cookie: number } : {}),
        });
    }
    const role: ProgramRole = {
      kind: ROLES[first.provider] ?? "probe",
      probes: unit.resolved,
    };
    let layout: ContextLayout | undefined;
    add(
      name,
      { name: first.name, functions: [...functions] },
      {
        type: form.programType,
        attach,
        ...(form.target === undefined ? {} : { target: form.target }),
        // Worked out when somebody asks: the live kernel makes its contexts itself.
        get context() {
          layout ??= contextLayout(form, env);
          return layout;
        },
      },
      role,
    );
  }
  stopOnErrors(checker);
  const dead = reaper(plan);
  if (dead !== undefined)
    add(
      "scry_reaper",
      dead,
      { type: "raw_tracepoint", attach: [{ kind: "raw_tracepoint", name: "sched_process_exit" }] },
      { kind: "housekeeping", probes: [] },
    );
  if (state.unwinds)
    for (const { ir, tracepoint } of unwindPrograms(env.childPid, taskIds(env.btf())))
      add(
        ir.name,
        ir,
        { type: "raw_tracepoint", attach: [{ kind: "raw_tracepoint", name: tracepoint }] },
        { kind: "housekeeping", probes: [] },
      );
  const sends = (ring: "events" | "control"): boolean => state.sites.some((s) => s.ring === ring);
  const maps: MapSpec[] = [...plan.specs, ...scratches];
  for (const limit of state.stackLimits) {
    const names = stackMaps(limit);
    maps.push({ name: names.table, type: "stack_trace", keySize: 4, valueSize: limit * 8, maxEntries: STACK_ENTRIES });
    maps.push({
      name: names.displaced,
      type: "hash",
      keySize: 8,
      valueSize: limit * 8,
      maxEntries: STACK_ENTRIES,
      flags: BPF_F_NO_PREALLOC,
    });
  }
  if (state.unwinds) maps.push(...unwindMaps());
  // A control record says how full the event ring was, so that order is kept.
  if (sends("events") || sends("control"))
    maps.push({
      name: EVENTS,
      type: "ringbuf",
      keySize: 0,
      valueSize: 0,
      maxEntries: sends("events") ? ringSize(state, units, options, checker.options.ringPages) : PAGE,
    });
  if (sends("control"))
    maps.push({ name: CONTROL, type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: CONTROL_BYTES });
  const globals = globalsSpec(plan, env.cpus);
  maps.push(globals);
  const used = usedMaps(programs);
  const object: BpfObject = {
    maps: maps.filter((m) => m.name === GLOBALS || m.type === "ringbuf" || used.has(m.name) || plan.specs.includes(m)),
    programs,
    license: checker.options.license,
    source: checker.source,
  };
  return {
    object,
    source: checker.source,
    options: checker.options,
    types: () => env.btf(),
    cpus: env.cpus,
    maps: [...plan.maps.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    plan,
    sites: state.sites,
    programs: roles,
    probeNames,
    probeCount: units.reduce((n, u) => n + u.resolved.length, 0),
    endsByItself: units.every((u) => ["begin", "end", "iter", "test"].includes(u.resolved[0]?.provider ?? "")),
    warnings: checker.diagnostics.filter((d) => d.severity === "warning"),
    ...(state.unwinds
      ? {
          unwinds: {
            ...(env.pid === undefined ? {} : { pid: env.pid }),
            ...(env.childPid === undefined ? {} : { childPid: env.childPid }),
          },
        }
      : {}),
  };
}

function taskIds(btf: Btf | undefined): { readonly pid: number; readonly tgid: number } | undefined {
  const id = btf?.find("task_struct", "struct");
  const pid = id === undefined ? undefined : btf?.field(id, ["pid"]);
  const tgid = id === undefined ? undefined : btf?.field(id, ["tgid"]);
  return pid === undefined || tgid === undefined ? undefined : { pid: pid.bitOffset / 8, tgid: tgid.bitOffset / 8 };
}

const ROLES: Readonly<Record<string, ProgramRole["kind"]>> = { begin: "begin", end: "end", test: "test" };
const PAGE = 4096;
const CONTROL_BYTES = 1 << 16;
const STACK_ENTRIES = 1 << 13;
const BPF_F_NO_PREALLOC = 1;

/** A program for which the kernel's 512 bytes of stack are too few is a matter of the script. */
function withinStack<T>(checker: Checker, role: ProgramRole, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    const name = role.probes[0]?.name ?? "";
    throw new DiagnosticError(
      [
        {
          code: "SCRY1912",
          severity: "error",
          message: `The probe ${name} needs ${error.needed} bytes of stack, which is more than the kernel gives`,
          hints: ["Use fewer variables, tuples and keys in one probe: divide it into several"],
        },
      ],
      checker.source,
    );
  }
}

/** Scripts that print only from begin, end and timers need no great ring. */
function ringSize(state: ScriptState, units: readonly Unit[], options: CompileScriptOptions, pages: number): number {
  // What the user has asked for, as the power of two that a ring must be.
  if (pages > 0) return 2 ** Math.ceil(Math.log2(pages * PAGE));
  const least = state.sites.reduce((most, s) => Math.max(most, s.size), 0) * 64;
  const rare = units.every((u) => u.resolved[0]?.special === true || u.resolved[0]?.provider === "interval");
  const wanted = rare ? Math.min(options.ringBytes, 1 << 18) : options.ringBytes;
  return Math.max(wanted, 2 ** Math.ceil(Math.log2(Math.max(PAGE, least))));
}

function usedMaps(programs: readonly ProgramSpec[]): ReadonlySet<string> {
  const used = new Set<string>();
  for (const p of programs)
    for (const f of p.functions)
      for (const i of f.code) if (i.ref?.kind === "map" || i.ref?.kind === "map-value") used.add(i.ref.map);
  return used;
}

/** Room for variables that callbacks share with the code around them. */
function frameBytes(units: readonly Unit[]): number {
  let bytes = 0;
  for (const unit of units) {
    if (unit.forms[0]?.attach.kind === "uprobe") bytes += 8; // says that scratch memory is in use
    for (const info of new Set(unit.variables.values()))
      if (info.captured) bytes += Math.ceil(Math.max(1, sizeOf(info.type)) / 8) * 8;
    const count = (s: Statement): void => {
      if (s.kind === "for-map") bytes += 8;
      const inner =
        s.kind === "if"
          ? [...s.then.statements, ...(s.otherwise?.statements ?? [])]
          : s.kind === "block"
            ? s.block.statements
            : "body" in s
              ? s.body.statements
              : [];
      // An unrolled body is lowered again for each turn.
      const times = s.kind === "unroll" ? 100 : 1;
      const before = bytes;
      inner.forEach(count);
      bytes = before + (bytes - before) * times;
    };
    unit.probe.body.statements.forEach(count);
  }
  return bytes;
}

/** The kernel shows 15 characters. */
function programName(index: number, probe: ResolvedProbe): string {
  const last = probe.name.split(":").at(-1) as string;
  return `${last.replace(/[^A-Za-z0-9_]/g, "_").slice(0, 40)}_${index + 1}`;
}

/** All probes that an attach point's text stands for, for listing. */
export function listProbes(text: string, env: TraceEnvironment): ResolvedProbe[] {
  const parts = text.split(":");
  return resolveAttachPoint({ text, parts, span: { start: 0, end: text.length } }, env);
}
