// What is known while a script is checked, and what was found out: the state that every function of this room takes.
//
// A body is checked once for each kind of probe it stands on (a unit), and again until the types of maps and variables
// no longer change, because a map may be read above the line that first writes it.

import type { MapUse } from "../../../codegen/index.ts";
import type { ProbeEnvironment, ProbeVariant, ResolvedProbe } from "../../../probes/index.ts";
import { NONE, type ScriptOptions, type Type } from "../../../schema/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText, type Span } from "../../../source/index.ts";
import type {
  CallExpression,
  Expression,
  IdentifierExpression,
  Probe,
  Statement,
  VariableExpression,
} from "../parse/index.ts";

/** One body on one group of probes that can share its code, and what the last check found out about it. */
export interface Unit {
  readonly probe: Probe;
  readonly resolved: readonly ResolvedProbe[];
  readonly variants: readonly ProbeVariant[];
  /** What a record carries in place of each probe's name. */
  numbers: readonly bigint[];
  readonly types: Map<Expression, Type>;
  readonly variables: Map<VariableExpression, VariableInfo>;
  /** Loops whose bodies become functions of their own (see heavy-loops.ts). */
  readonly outlined: Set<Statement>;
}

export interface VariableInfo {
  readonly name: string;
  type: Type;
  /** How many functions of their own (bodies of `for` over a map, of heavy loops) it was declared within. */
  readonly level: number;
  /** Used in such a function deeper than its declaration: it must live in memory. */
  captured: boolean;
  /** Declared, and nothing given to it yet. */
  untyped?: boolean;
  /** The widest type of what it was given, as the language sees it. */
  narrow?: Type;
  /** Where `let` declares it. */
  declaration?: Span;
  /** Where a `let` declares it. */
  declaredAt?: Span;
  assigned?: boolean;
}

/** `pid` or `str(x)`: a builtin by its name; a variable has no arguments. */
export type BuiltinUse = IdentifierExpression | CallExpression;

/** What a builtin asks of the way in which its probe is attached. */
export type Want =
  | "stack"
  | "context"
  /** `arg0` and its like, by their names. */
  | "numbered"
  | "result"
  /** Which binary it is in, and where. */
  | "place"
  /** Which of several probes has fired. */
  | "identity"
  /** How the goroutine is found. */
  | "goroutine";

/** What the checker knows of a builtin: half of its entry in the table (see builtins/builtin.ts). */
export interface CheckedBuiltin {
  /** What it is or does, in a few sentences. */
  readonly doc: string;
  /** As help shows it: `pid`, `str(address[, length])`. */
  readonly signature: string;
  /** Types of its arguments, in their order, and its own behind an arrow: `int → string`; of a variable its own. */
  readonly types: string;
  /** A script that uses it. */
  readonly example: string;
  /** Options of the command line that the example needs: `-c ls`. */
  readonly given?: string;
  /** The first release of Linux that has what it needs, where not all have that scry runs on. */
  readonly since?: string;
  /** Least and greatest number of arguments of a function; absent: a variable, which is written without parentheses. */
  readonly arity?: readonly [number, number];
  /** A function that is shown among the variables too, because it is mostly written without arguments. */
  readonly alsoVariable?: true;
  /** Has effects on the system: only with --unsafe. bpftrace's macros say so in other words than its functions. */
  readonly unsafe?: "function" | "macro";
  readonly wants?: Want;
  /** Its fields are the probe's arguments: `args.filename`. */
  readonly members?: true;
  /** In which probes it may be used; and what is said elsewhere (SCRY1241). Absent: in all. */
  readonly where?: {
    allows(variant: ProbeVariant, probe: ResolvedProbe): boolean;
    message(use: BuiltinUse, probe: ResolvedProbe): string;
  };
  /** Its type; says what is wrong with the arguments. */
  check(c: CheckState, use: BuiltinUse): Type;
  /** Its text, where that is known before the script runs. */
  foldText?(c: CheckState, use: BuiltinUse): string | undefined;
  /** The fields of its record, where those are known before the script runs. */
  foldFields?(c: CheckState, use: BuiltinUse): Readonly<Record<string, string | bigint>>;
  /** Its number, where that is known before the script runs. */
  fold?(c: CheckState, use: BuiltinUse): bigint | undefined;
}

export interface CheckState {
  readonly env: ProbeEnvironment;
  readonly options: ScriptOptions;
  readonly source: SourceText;
  readonly builtins: ReadonlyMap<string, CheckedBuiltin>;
  /** How expressions and statements are checked; they contain each other. */
  readonly rules: Rules;
  readonly maps: Map<string, MapUse>;
  /** Their types as the language sees them. */
  readonly narrowMaps: Map<string, { readonly key?: Type; readonly value?: Type }>;
  readonly diagnostics: Diagnostic[];
  /** Maps that were used without keys. */
  readonly usedAsScalar: Set<string>;
  /** Is a stack's number of frames asked for where the stack is not taken? */
  stackLengths: boolean;
  /** Set when a pass changed a type that an earlier expression may have used. */
  changed: boolean;
  /** In the last pass, what is still unknown is an error. */
  final: boolean;
  /** The check is over: types are looked up and no longer worked out. */
  over: boolean;
  unit: Unit;
  scopes: Map<string, VariableInfo>[];
  /** Bodies that are functions of their own and are open here. */
  level: number;
  /** Those of them that the kernel calls back for each entry of a map. */
  walks: number;
  /** Loops that are open here. */
  loops: number;
  /** The function in whose body this is. */
  returns: (Statement & { kind: "inline" }) | undefined;
  /** Literals that functions read when compiling, and that are no texts of the running script. */
  readonly literals: Set<Expression>;
  /** What was said already, by place and words. */
  readonly said: Set<string>;
  /** Named parameters that the script knows: what they are without being given, and what is said of them. */
  readonly parameters: Map<string, NamedParameter>;
  /** Types that variables had at the end of the last pass, by the place that declares them. */
  readonly remembered: Map<Unit, Map<VariableExpression, Type>>;
}

export interface NamedParameter {
  readonly otherwise: string | bigint | boolean;
  readonly help: string;
}

export interface Rules {
  expression(c: CheckState, e: Expression): Type;
  statement(c: CheckState, s: Statement): void;
}

const NOWHERE: Span = { start: 0, end: 0 };
const NO_UNIT: Unit = {
  probe: { attachPoints: [], body: { statements: [], span: NOWHERE }, span: NOWHERE },
  resolved: [],
  variants: [],
  numbers: [],
  types: new Map(),
  outlined: new Set(),
  variables: new Map(),
};

export function checkState(
  env: ProbeEnvironment,
  options: ScriptOptions,
  source: SourceText,
  builtins: ReadonlyMap<string, CheckedBuiltin>,
  rules: Rules,
): CheckState {
  return {
    env,
    options,
    source,
    builtins,
    rules,
    maps: new Map(),
    diagnostics: [],
    usedAsScalar: new Set(),
    stackLengths: false,
    narrowMaps: new Map(),
    changed: false,
    final: false,
    over: false,
    unit: NO_UNIT,
    scopes: [],
    level: 0,
    walks: 0,
    loops: 0,
    returns: undefined,
    literals: new Set(),
    said: new Set(),
    parameters: new Map(),
    remembered: new Map(),
  };
}

const OWN = "__builtin_";

/** The entry of a name as it stands in a script: `arg0`, `arg1`, … are all `argN`. */
export function builtinOf<T>(builtins: ReadonlyMap<string, T>, use: Pick<BuiltinUse, "kind" | "name">): T | undefined {
  const numbered = use.kind === "identifier" ? /^(s?arg)\d+$/.exec(use.name) : null;
  if (numbered !== null) return builtins.get(`${numbered[1]}N`);
  // The builtin itself, where a macro has its name.
  return builtins.get(use.name.startsWith(OWN) ? use.name.slice(OWN.length) : use.name);
}

// --- complaints ------------------------------------------------------------------------------------------------------

export function error(
  c: CheckState,
  code: `SCRY${number}`,
  message: string,
  span: Span,
  hints: readonly string[] = [],
): Type {
  say(c, "error", code, message, span, hints);
  return NONE;
}

export function warn(
  c: CheckState,
  code: `SCRY${number}`,
  message: string,
  span: Span,
  hints: readonly string[] = [],
): void {
  if (c.final) say(c, "warning", code, message, span, hints);
}

function say(
  c: CheckState,
  severity: "error" | "warning",
  code: `SCRY${number}`,
  message: string,
  span: Span,
  hints: readonly string[],
): void {
  // A variable of a macro has a number behind its name (parse/macros.ts).
  const said = message.replace(/(\$\w+)#\d+/g, "$1");
  const key = `${span.start}:${span.end}:${said}`;
  if (c.said.has(key)) return;
  c.said.add(key);
  c.diagnostics.push({ code, severity, message: said, span, ...(hints.length === 0 ? {} : { hints }) });
}

export const hasErrors = (c: CheckState): boolean => c.diagnostics.some((d) => d.severity === "error");

/** Throws a DiagnosticError with everything that was said, errors first, where one of it is an error. */
export function stopOnErrors(c: CheckState): void {
  if (!hasErrors(c)) return;
  throw new DiagnosticError(
    [...c.diagnostics].sort((a, b) => (a.severity === b.severity ? 0 : a.severity === "error" ? -1 : 1)),
    c.source,
  );
}

/** Are types what they will be? Before that, what is not known yet is no error. */
export const settled = (c: CheckState): boolean => c.final;

/** Nothing of no type is complained about twice: has a place within the expression said why? */
export function alreadySaid(c: CheckState, e: Expression): boolean {
  return (
    c.diagnostics.some(
      (d) => d.severity === "error" && d.span !== undefined && d.span.start >= e.span.start && d.span.end <= e.span.end,
    ) || !c.final
  );
}

// --- types -----------------------------------------------------------------------------------------------------------

/** The type of an expression, which is noted in the unit's table. */
export function check(c: CheckState, e: Expression): Type {
  if (c.over) return noted(c, e) ?? NONE;
  return note(c, e, c.rules.expression(c, e));
}

export function note(c: CheckState, e: Expression, type: Type): Type {
  c.unit.types.set(e, type);
  return type;
}

/** What was last noted of an expression. */
export const noted = (c: CheckState, e: Expression): Type | undefined => c.unit.types.get(e);

export function checkStatement(c: CheckState, s: Statement): void {
  c.rules.statement(c, s);
}

/** The probe that stands for all of the unit. */
export const firstProbe = (c: CheckState): ResolvedProbe => c.unit.resolved[0] as ResolvedProbe;
export const firstVariant = (c: CheckState): ProbeVariant => c.unit.variants[0] as ProbeVariant;

// --- variables -------------------------------------------------------------------------------------------------------

export function enterScope(c: CheckState): void {
  c.scopes.push(new Map());
}

export function leaveScope(c: CheckState): void {
  c.scopes.pop();
}

export function lookup(c: CheckState, name: string): VariableInfo | undefined {
  for (let i = c.scopes.length - 1; i >= 0; i--) {
    const found = (c.scopes[i] as Map<string, VariableInfo>).get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function bind(c: CheckState, node: VariableExpression, info: VariableInfo): void {
  note(c, node, info.type);
  if (c.level > info.level) info.captured = true;
  c.unit.variables.set(node, info);
}
