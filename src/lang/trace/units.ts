// Which programs a script needs: probes whose code would be the same share one.

import { type Diagnostic, DiagnosticError } from "../../source/index.ts";
import type { AttachPoint, Expression, Probe, Script, Statement } from "./ast.ts";
import type { Checker, Unit } from "./checker.ts";
import type { KernelPart } from "./environment.ts";
import type { ProbeForm, ResolvedProbe } from "./probes.ts";
import { ProbeError } from "./provider.ts";
import { providerOf, resolveAttachPoint } from "./providers.ts";

/** Probes whose programs would be the same share one: a unit. */
export function resolveUnits(script: Script, checker: Checker): Unit[] {
  const units: Unit[] = [];
  const missing: Diagnostic[] = [];
  const found = wantedProbes(script, checker).map((probe) => ({
    probe,
    all: probe.attachPoints.flatMap((point) => resolvePoint(point, checker, missing)),
  }));
  refuseSameTests(found, checker);
  const count = found.reduce((n, f) => n + f.all.length, 0);
  const calls = found.reduce((n, f) => n + f.all.filter((p) => p.forms[1]?.syscall !== undefined).length, 0);
  for (const { probe, all } of found) {
    const wants = wantsOf(probe);
    const together = (all: readonly ResolvedProbe[], choose: (p: ResolvedProbe) => ProbeForm): Group[] =>
      groupByCode(all, wants, choose, (form) => wants.identity && checker.env.lacks?.(cookieOf(form)) === true);
    const fits = (p: ResolvedProbe): ProbeForm =>
      p.forms[1]?.syscall !== undefined && calls <= FEW_CALLS ? p.forms[0] : chooseForm(p, wants);
    let groups = together(all, fits);
    if (groups.filter((g) => g.forms[0]?.syscall !== undefined).length > MOST_RAW_PROGRAMS)
      groups = together(all, (p) => p.forms[0]);
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

/** Probes that this run is for: tests are run on request only. */
function wantedProbes(script: Script, checker: Checker): readonly Probe[] {
  const { env } = checker;
  const wants = (point: AttachPoint): boolean => {
    const provider = providerOf(point.parts[0] as string);
    if (provider === undefined) return true;
    return env.wants === undefined ? provider.name !== "test" : env.wants(provider.name);
  };
  const kept = script.probes.flatMap((probe): Probe[] => {
    const attachPoints = probe.attachPoints.filter(wants);
    if (attachPoints.length === probe.attachPoints.length) return [probe];
    return attachPoints.length === 0 ? [] : [{ ...probe, attachPoints }];
  });
  if (kept.length === 0 && script.probes.length > 0 && env.wants === undefined)
    throw new DiagnosticError([
      { code: "SCRY1112", severity: "error", message: "No probes attached; use --test to run test probes." },
    ]);
  return kept;
}

/** The name of a test is what its result is told by. */
function refuseSameTests(
  found: readonly { readonly probe: Probe; readonly all: readonly ResolvedProbe[] }[],
  checker: Checker,
): void {
  const seen = new Map<string, Probe>();
  for (const { probe, all } of found)
    for (const p of all) {
      if (p.provider !== "test") continue;
      const other = seen.get(p.name);
      if (other !== undefined)
        checker.error(
          "SCRY1119",
          `"${p.name.slice("test:".length)}" was used as the name for more than one TEST probe`,
          (probe.attachPoints[0] as AttachPoint).span,
        );
      seen.set(p.name, probe);
    }
}

/**
 * A program on the raw system-call tracepoints costs every call of every process some 35 ns, and one that is asked for
 * 52; a tracepoint of its own costs 11 and 76, but takes 30 to 70 ms to close. So few calls get tracepoints of their
 * own, many share the raw ones (measured: bench/README.md).
 */
const FEW_CALLS = 8;
/** And so many programs on the raw ones would cost more than what they save. */
const MOST_RAW_PROGRAMS = 4;

interface Group {
  readonly resolved: ResolvedProbe[];
  readonly forms: ProbeForm[];
}

const cookieOf = (form: ProbeForm): KernelPart =>
  form.programType === "raw_tracepoint" ? "rawTracepointCookie" : "perfEventCookie";

/** Probes whose programs would be the same, together; `alone` says of a form that the program cannot tell them apart. */
function groupByCode(
  probes: readonly ResolvedProbe[],
  wants: Wants,
  choose: (p: ResolvedProbe) => ProbeForm,
  alone: (form: ProbeForm) => boolean,
): Group[] {
  const groups = new Map<string, Group>();
  for (const resolved of probes) {
    const form = choose(resolved);
    const key = signature(resolved, form, wants) + (form.syscall === undefined && alone(form) ? resolved.name : "");
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { resolved: [], forms: [] }));
    group.resolved.push(resolved);
    group.forms.push(form);
  }
  return [...groups.values()];
}

function resolvePoint(point: AttachPoint, checker: Checker, missing: Diagnostic[]): ResolvedProbe[] {
  try {
    const found = resolveAttachPoint(point, checker.env);
    for (const { warning } of found)
      if (warning !== undefined)
        checker.diagnostics.push({ code: "SCRY1122", severity: "warning", message: warning, span: point.span });
    return found;
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
  /** Which probe has fired matters (probe, func). */
  readonly identity: boolean;
  /** How the goroutine is found matters (goid), whether there is a result (retval). */
  readonly goroutine: boolean;
  readonly result: boolean;
}

/** What a probe's body asks of the way it is attached. */
function wantsOf(probe: Probe): Wants {
  const args = new Set<string>();
  let stack = false;
  let context = false;
  let numbered = false;
  let binary = false;
  let identity = false;
  let goroutine = false;
  let result = false;
  walkProbe(probe, (e) => {
    if (e.kind === "field" && e.object.kind === "identifier" && ["args", "vars", "ctx"].includes(e.object.name))
      args.add(e.name);
    const name = e.kind === "identifier" || e.kind === "call" ? e.name : "";
    if (name === "kstack" || name === "ustack") stack = true;
    if (name === "ctx") context = true;
    if (/^s?arg\d+$/.test(name)) {
      numbered = true;
      args.add(name);
    }
    if (name === "uaddr") binary = true;
    if (name === "probe" || name === "func") identity = true;
    if (name === "goid") goroutine = true;
    if (name === "retval") result = true;
  });
  return { args, stack, context, numbered, binary, identity, goroutine, result };
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
    form.unless,
    wants.goroutine ? form.goroutine : undefined,
    wants.result ? probe.noReturns === undefined : undefined,
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
