// The journey of a script: text → tree → probes → types → storage → IR → object code. What comes out is an object for
// any machine, and what a reader must know to make sense of the records and maps of its run.

import { compile, type IrProgram, printIr } from "../../compiler/index.ts";
import type { AttachTarget, BpfObject, MapSpec, ProgramSpec } from "../../object/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../../source/index.ts";
import type { AttachPoint, Expression, Probe, Script, Statement } from "./ast.ts";
import { Checker, type Unit } from "./checker.ts";
import { defaultOptions, type TraceOptions, withSetting } from "./config.ts";
import type { TraceEnvironment } from "./environment.ts";
import { isPattern } from "./environment.ts";
import type { EventSite } from "./events.ts";
import { sizeOf } from "./layout.ts";
import { syscallNumber } from "./lower-expressions.ts";
import { stackMaps } from "./lower-stacks.ts";
import { Lowering, LoweringError, type ScriptState } from "./lowering.ts";
import { parseScript } from "./parser.ts";
import type { ProbeForm, ResolvedProbe } from "./probes.ts";
import { nearest, ProbeError, resolveAttachPoint } from "./providers.ts";
import { reaper } from "./reaper.ts";
import { CONTROL, EVENTS, GLOBALS, globalsSpec, planStorage, type ScriptMap, type StoragePlan } from "./storage.ts";

export interface CompiledScript {
  readonly object: BpfObject;
  readonly source: SourceText;
  readonly options: TraceOptions;
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
}

export interface ProgramRole {
  readonly kind: "begin" | "end" | "probe" | "housekeeping";
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

// --- probes ----------------------------------------------------------------------------------------------------------

/** Probes whose programs would be the same share one: a unit. */
function resolveUnits(script: Script, checker: Checker): Unit[] {
  const units: Unit[] = [];
  const missing: Diagnostic[] = [];
  const found = script.probes.map((probe) => ({
    probe,
    all: probe.attachPoints.flatMap((point) => resolvePoint(point, checker, missing)),
  }));
  const count = found.reduce((n, f) => n + f.all.length, 0);
  const calls = found.reduce((n, f) => n + f.all.filter((p) => p.forms[1]?.syscall !== undefined).length, 0);
  for (const { probe, all } of found) {
    const wants = wantsOf(probe);
    const fits = (p: ResolvedProbe): ProbeForm =>
      p.forms[1]?.syscall !== undefined && calls <= FEW_CALLS ? p.forms[0] : chooseForm(p, wants);
    let groups = groupByCode(all, wants, fits);
    if (groups.filter((g) => g.forms[0]?.syscall !== undefined).length > MOST_RAW_PROGRAMS)
      groups = groupByCode(all, wants, (p) => p.forms[0]);
    for (const group of groups) units.push({ probe, ...group, numbers: [], variables: new Map() });
  }
  const most = checker.options.maxProbes;
  if (count > most) {
    throw new DiagnosticError(
      [
        {
          code: "SCRY1111",
          severity: "error",
          message: `Can't attach to ${count} probes because it exceeds the current limit of ${most} probes.`,
          hints: [
            "You can increase the limit through the BPFTRACE_MAX_PROBES environment variable, but BE CAREFUL since a high number of probes attached can cause your system to crash.",
          ],
        },
      ],
      checker.source,
    );
  }
  if (missing.length > 0) {
    if (checker.options.missingProbes === "error") throw new DiagnosticError(missing, checker.source);
    if (units.length === 0)
      throw new DiagnosticError(
        [...missing, { code: "SCRY1112", severity: "error", message: "No probes to attach" }],
        checker.source,
      );
    if (checker.options.missingProbes === "warn")
      checker.diagnostics.push(...missing.map((d): Diagnostic => ({ ...d, severity: "warning" })));
  }
  return units;
}

/**
 * A program on the raw system-call tracepoints costs every call of every process some 35 ns, and one that is asked for
 * 52; a tracepoint of its own costs 11 and 76, but takes some 20 ms to close. So few calls get tracepoints of their
 * own, many share the raw ones (measured: bench/README.md).
 */
const FEW_CALLS = 8;
/** And so many programs on the raw ones would cost more than what they save. */
const MOST_RAW_PROGRAMS = 4;

interface Group {
  readonly resolved: ResolvedProbe[];
  readonly forms: ProbeForm[];
}

/** Probes whose programs would be the same, together. */
function groupByCode(probes: readonly ResolvedProbe[], wants: Wants, choose: (p: ResolvedProbe) => ProbeForm): Group[] {
  const groups = new Map<string, Group>();
  for (const resolved of probes) {
    const form = choose(resolved);
    const key = signature(resolved, form, wants);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { resolved: [], forms: [] }));
    group.resolved.push(resolved);
    group.forms.push(form);
  }
  return [...groups.values()];
}

function resolvePoint(point: AttachPoint, checker: Checker, missing: Diagnostic[]): ResolvedProbe[] {
  try {
    return resolveAttachPoint(point, checker.env);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    const diagnostic: Diagnostic = {
      code: error.code,
      severity: "error",
      message: error.message,
      span: point.span,
      ...(error.hints.length === 0 ? {} : { hints: error.hints }),
    };
    if (!error.missing) throw new DiagnosticError([diagnostic], checker.source);
    // A wildcard that matches nothing is as missing as a name.
    missing.push(diagnostic);
    return [];
  }
}

interface Wants {
  /** Names of the fields of `args` that the body reads. */
  readonly args: ReadonlySet<string>;
  readonly stack: boolean;
  readonly context: boolean;
  /** `arg0` and its like, `retval`. */
  readonly numbered: boolean;
  /** The place in a binary matters (uaddr). */
  readonly binary: boolean;
}

/** What a probe's body asks of the way it is attached. */
function wantsOf(probe: Probe): Wants {
  const args = new Set<string>();
  let stack = false;
  let context = false;
  let numbered = false;
  let binary = false;
  walkProbe(probe, (e) => {
    if (e.kind === "field" && e.object.kind === "identifier" && (e.object.name === "args" || e.object.name === "ctx"))
      args.add(e.name);
    const name = e.kind === "identifier" || e.kind === "call" ? e.name : "";
    if (name === "kstack" || name === "ustack") stack = true;
    if (name === "ctx") context = true;
    if (/^s?arg\d+$/.test(name)) {
      numbered = true;
      args.add(name);
    }
    if (name === "uaddr") binary = true;
  });
  return { args, stack, context, numbered, binary };
}

function chooseForm(probe: ResolvedProbe, wants: Wants): ProbeForm {
  const [plain, raw] = probe.forms;
  if (raw === undefined || wants.stack || wants.context) return plain;
  if (wants.args.size === 0) return raw;
  const args = raw.args;
  if (args === undefined) return plain;
  for (const name of wants.args) if (!args.has(name)) return plain;
  return raw;
}

/** Two probes with the same signature have the same code. */
function signature(probe: ResolvedProbe, form: ProbeForm, wants: Wants): string {
  const parts: unknown[] = [
    probe.provider,
    form.programType,
    form.target?.kind === "iter" || form.target === undefined ? form.target : [form.target.kind, form.target.name],
    form.context,
  ];
  for (const name of wants.args) {
    const argument = form.args?.get(name);
    parts.push(name, argument?.access, argument?.type);
  }
  if (wants.numbered) parts.push(probe.numberedArgs);
  if (wants.binary && form.attach.kind === "uprobe") parts.push(form.attach.path);
  if (probe.special === true || form.attach.kind === "perf_event" || form.attach.kind === "watchpoint")
    parts.push(probe.name);
  return JSON.stringify(parts, (_k, v) => (typeof v === "bigint" ? v.toString() : v));
}

function walkProbe(probe: Probe, visit: (e: Expression) => void): void {
  const expression = (e: Expression): void => {
    visit(e);
    switch (e.kind) {
      case "map":
        if (e.key !== undefined) expression(e.key);
        return;
      case "call":
        e.args.forEach(expression);
        return;
      case "field":
        expression(e.object);
        return;
      case "index":
        expression(e.object);
        expression(e.index);
        return;
      case "unary":
      case "cast":
        expression(e.operand);
        return;
      case "increment":
        expression(e.target);
        return;
      case "binary":
        expression(e.left);
        expression(e.right);
        return;
      case "ternary":
        expression(e.condition);
        if (e.then !== undefined) expression(e.then);
        expression(e.otherwise);
        return;
      case "tuple":
        e.elements.forEach(expression);
        return;
      case "record":
        for (const f of e.fields) expression(f.value);
        return;
      case "block":
        e.statements.forEach(statement);
        expression(e.value);
        return;
    }
  };
  const statement = (s: Statement): void => {
    switch (s.kind) {
      case "expression":
      case "discard":
        expression(s.expression);
        return;
      case "assign":
        expression(s.target);
        expression(s.value);
        return;
      case "let":
      case "return":
        if (s.value !== undefined) expression(s.value);
        return;
      case "if":
        expression(s.condition);
        s.then.statements.forEach(statement);
        s.otherwise?.statements.forEach(statement);
        return;
      case "while":
        expression(s.condition);
        s.body.statements.forEach(statement);
        return;
      case "for-range":
        expression(s.from);
        expression(s.to);
        s.body.statements.forEach(statement);
        return;
      case "for-map":
      case "unroll":
        s.body.statements.forEach(statement);
        return;
      case "block":
        s.block.statements.forEach(statement);
        return;
    }
  };
  if (probe.predicate !== undefined) expression(probe.predicate);
  probe.body.statements.forEach(statement);
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
  const state: ScriptState = { plan, checker, sites: [], stackLimits: new Set(), frameBytes: 0 };
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
  const add = (name: string, ir: IrProgram, spec: Omit<ProgramSpec, "name" | "functions">, role: ProgramRole): void => {
    const scratch = `scratch_${programs.length}`;
    options.dump?.("ir", name, () => printIr(ir));
    const compiled = compile(ir, {
      scratch: { map: scratch },
      ...(options.dump === undefined
        ? {}
        : { dump: (pass: string, text: string) => options.dump?.(pass, name, () => text) }),
    });
    if (compiled.scratchSize > 0)
      scratches.push({
        name: scratch,
        type: "percpu_array",
        keySize: 4,
        valueSize: Math.ceil(compiled.scratchSize / 8) * 8,
        maxEntries: 1,
      });
    programs.push({ name, functions: compiled.functions, ...spec });
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
      attach.push(unit.resolved.length > 1 && f.syscall === undefined ? { ...f.attach, cookie: number } : f.attach);
    }
    const role: ProgramRole = {
      kind: first.provider === "begin" ? "begin" : first.provider === "end" ? "end" : "probe",
      probes: unit.resolved,
    };
    add(
      name,
      { name: first.name, functions: [...functions] },
      { type: form.programType, attach, ...(form.target === undefined ? {} : { target: form.target }) },
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
  // A control record says how full the event ring was, so that order is kept.
  if (sends("events") || sends("control"))
    maps.push({
      name: EVENTS,
      type: "ringbuf",
      keySize: 0,
      valueSize: 0,
      maxEntries: sends("events") ? ringSize(state, units, options) : PAGE,
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
    maps: [...plan.maps.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    plan,
    sites: state.sites,
    programs: roles,
    probeNames,
    probeCount: units.reduce((n, u) => n + u.resolved.length, 0),
    endsByItself: units.every((u) => ["begin", "end", "iter"].includes(u.resolved[0]?.provider ?? "")),
    warnings: checker.diagnostics.filter((d) => d.severity === "warning"),
  };
}

const PAGE = 4096;
const CONTROL_BYTES = 1 << 16;
const STACK_ENTRIES = 1 << 13;
const BPF_F_NO_PREALLOC = 1;
/** Bits of a table of system calls; numbers of all machines are below. */
const SYSCALL_BITS = 1024;
const MOST_COMPARED = 6;

/** Scripts that print only from begin, end and timers need no great ring. */
function ringSize(state: ScriptState, units: readonly Unit[], options: CompileScriptOptions): number {
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

/** What must hold before anything of the script runs: this system call, this process. */
function guards(l: Lowering, table: number | undefined, leave: ReturnType<Lowering["b"]["block"]>): void {
  const b = l.b;
  b.span = l.unit.probe.span;
  const calls = l.unit.forms.flatMap((f) => (f.syscall === undefined ? [] : [f.syscall.number]));
  if (calls.length > 0) {
    const number = syscallNumber(l, l.form.syscall?.exit === true);
    const mine = b.block("mine");
    if (table === undefined) {
      for (const [i, n] of calls.entries()) {
        if (i === calls.length - 1) b.branch("eq", number, n, mine, leave);
        else {
          const next = b.block("next");
          b.branch("eq", number, n, mine, next);
          b.seal(next);
          b.at(next);
        }
      }
    } else {
      const inside = b.block("inside");
      b.branch("ult", number, SYSCALL_BITS, inside, leave);
      b.seal(inside);
      b.at(inside);
      const byte = b.load(
        "u8",
        b.add(b.mapValue(GLOBALS, l.script.plan.tableOffsets[table] as number), b.binary("shr", number, 3)),
        0,
      );
      b.branch("set", b.binary("shr", byte, b.and(number, 7)), 1, mine, leave);
    }
    b.seal(mine);
    b.at(mine);
  }
  const env = l.script.checker.env;
  const attach = l.form.attach;
  const already = (attach.kind === "uprobe" || attach.kind === "watchpoint") && attach.pid !== undefined;
  if (
    env.pid !== undefined &&
    l.probe.special !== true &&
    l.probe.provider !== "iter" &&
    l.probe.provider !== "interval" &&
    !already
  ) {
    const mine = b.block("mine");
    b.branch("eq", b.binary("shr", b.helper("get_current_pid_tgid", []), 32), env.pid, mine, leave);
    b.seal(mine);
    b.at(mine);
  }
  if (l.probe.provider === "iter") {
    // The walk ends with a call that has no object.
    const object = [...(l.form.args?.values() ?? [])].find((a) => a.name !== "meta");
    if (object?.access.kind === "context-field" && object.type.kind === "pointer") {
      const some = b.block("some");
      b.branch("ne", b.load("u64", l.context as NonNullable<typeof l.context>, object.access.offset), 0, some, leave);
      b.seal(some);
      b.at(some);
    }
  }
}

/** All probes that an attach point's text stands for, for listing. */
export function listProbes(text: string, env: TraceEnvironment): ResolvedProbe[] {
  const parts = text.split(":");
  return resolveAttachPoint({ text, parts, span: { start: 0, end: text.length } }, env);
}

export { isPattern };
