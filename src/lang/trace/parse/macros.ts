// Macros of the language: each use is replaced by the macro's body, in which parameters are what was given and other
// variables have names of their own. Which of several macros of one name is meant depends on the number and kinds of what
// is given: a variable (`$x`), a map (`@m`), any expression (`e`).

import { type Diagnostic, DiagnosticError, type SourceText, type Span } from "../../../source/index.ts";
import type {
  BlockExpression,
  CallExpression,
  Expression,
  FunctionTypes,
  IdentifierExpression,
  Macro,
  Probe,
  Statement,
  TypeName,
  VariableExpression,
} from "./ast.ts";
import { type Rewrite, rewriteExpression, rewriteProbe, rewriteStatements, rewriteType } from "./rewrite.ts";
import { asProbe, type Visitor, walkProbe, walkStatement } from "./walk.ts";

/** Statements and expressions that all uses of a script may give: macros can double each other. */
const MOST_USES = 20_000;

/** The probes with all macros replaced; `written` gives functions of the language that are macros themselves. Throws DiagnosticError. */
export function expandMacros(
  probes: readonly Probe[],
  own: readonly Macro[],
  source: SourceText,
  written: (name: string) => Macro | undefined,
): readonly Probe[] {
  const macros = [...own, ...writtenUses(probes, own, written)];
  if (macros.length === 0) return probes;
  const table = new MacroTable(macros, source);
  return probes.map((probe) => rewriteProbe(probe, table.rewrite({})));
}

/** The functions written in the language itself that the script calls; its own macros come before them. */
function writtenUses(
  probes: readonly Probe[],
  own: readonly Macro[],
  written: (name: string) => Macro | undefined,
): Macro[] {
  const found = new Map<string, Macro>();
  const visitor: Visitor = {
    expression: (e) => {
      if (e.kind !== "call" || found.has(e.name) || own.some((m) => m.name === e.name)) return;
      const macro = written(e.name);
      if (macro !== undefined) found.set(e.name, macro);
    },
  };
  for (const probe of probes) walkProbe(probe, visitor);
  for (const macro of own) walkProbe(asProbe(macro), visitor);
  return [...found.values()];
}

interface Place {
  /** The use within which this stands, and the macros that are being replaced, outermost first. */
  readonly use?: Span;
  readonly chain?: readonly Macro[];
}

class MacroTable {
  readonly #byName = new Map<string, Macro[]>();
  readonly #source: SourceText;
  #uses = 0;

  constructor(macros: readonly Macro[], source: SourceText) {
    this.#source = source;
    for (const macro of macros) {
      const same = this.#byName.get(macro.name) ?? [];
      const original = same.find((m) => m.params.length === macro.params.length && kinds(m) === kinds(macro));
      if (original !== undefined)
        this.#fail(
          "SCRY1040",
          `Redefinition of ${macro.types === undefined ? "macro" : "function"}: ${macro.name}`,
          macro.nameSpan,
          [{ message: "This is the original definition.", span: original.nameSpan }],
        );
      this.#byName.set(macro.name, [...same, macro]);
      if (macro.types === undefined) this.#refuseReturn(macro);
    }
  }

  #fail(code: `SCRY${number}`, message: string, span: Span, related: Diagnostic["related"] = []): never {
    throw new DiagnosticError(
      [{ code, severity: "error", message, span, ...(related.length === 0 ? {} : { related }) }],
      this.#source,
    );
  }

  #refuseReturn(macro: Macro): void {
    for (const s of macro.statements)
      walkStatement(s, {
        statement: (inner) => {
          if (inner.kind === "return")
            this.#fail("SCRY1041", "'return' statement is not allowed in a macro", inner.span);
        },
      });
  }

  rewrite(at: Place): Rewrite {
    return {
      expression: (e) => (this.#isUse(e) ? this.#asExpression(e, at) : undefined),
      statement: (s) =>
        s.kind === "expression" && this.#isUse(s.expression)
          ? [this.#asStatement(s.expression, s.span, at)]
          : undefined,
    };
  }

  #isUse(e: Expression): e is CallExpression | IdentifierExpression {
    if (e.kind === "identifier") return this.#byName.get(e.name)?.some((m) => m.params.length === 0) ?? false;
    return e.kind === "call" && this.#byName.has(e.name);
  }

  #asExpression(e: CallExpression | IdentifierExpression, at: Place): Expression {
    const { statements, value, span } = this.#expand(e, at);
    if (value === undefined) return this.#fail("SCRY1042", "Invalid expression for assignment", span);
    return blockValue(statements, value, span);
  }

  #asStatement(e: CallExpression | IdentifierExpression, whole: Span, at: Place): Statement {
    const { statements, value, span } = this.#expand(e, at);
    // What it gives nobody takes: said as bpftrace does, of the call, or of the statement where the macro has some.
    const last: Statement[] =
      value === undefined
        ? []
        : [{ kind: "expression", expression: value, span: statements.length === 0 ? span : whole }];
    return { ...statementOf([...statements, ...last], span), span: at.use === undefined ? whole : span };
  }

  #expand(
    e: CallExpression | IdentifierExpression,
    at: Place,
  ): { readonly statements: Statement[]; readonly value?: Expression; readonly span: Span } {
    const span: Span = e.span;
    // What is given stands outside of the macro: its own uses are replaced there.
    const args = e.args.map((a) => rewriteExpression(a, this.rewrite(at)));
    const macro = this.#choose(e, args);
    const chain = at.chain ?? [];
    if (chain.includes(macro))
      this.#fail(
        "SCRY1043",
        `Recursive ${macro.types === undefined ? "macro" : "function"} call detected. Call chain: ${[...chain, macro].map((m) => m.name).join(" > ")}`,
        span,
      );
    if (++this.#uses > MOST_USES) this.#fail("SCRY1043", `macros are used more than ${MOST_USES} times`, span);
    const number = this.#uses;
    // A function's parameters are variables of its own.
    const { types } = macro;
    const named = new Map(types === undefined ? macro.params.map((p, i) => [p.name, args[i] as Expression]) : []);
    const within: Place = { use: span, chain: [...chain, macro] };
    const inner = this.rewrite(within);
    const moved = (s: Span): Span => ({ ...s, from: span });
    const body: Rewrite = {
      expression: (x) => {
        if (x.kind === "identifier") {
          const given = named.get(x.name);
          if (given !== undefined) return given;
        }
        // A map that is a parameter keeps the place of what was given where it stands alone.
        if (!this.#isUse(x)) return undefined;
        return inner.expression?.(this.#moveUse(x, body, moved));
      },
      statement: (s) => {
        if (s.kind !== "expression" || !this.#isUse(s.expression)) return undefined;
        return inner.statement?.({ ...s, expression: this.#moveUse(s.expression, body, moved), span: moved(s.span) });
      },
      variable: (name) => {
        const given = named.get(name);
        return given?.kind === "variable" ? given.name : `${name}#${number}`;
      },
      map: (name, where) => {
        const given = named.get(name);
        if (given?.kind === "map") return given.name;
        if (types !== undefined) return name;
        return this.#fail(
          "SCRY1044",
          `Unhygienic access to map: ${name}. Maps must be passed into the macro as arguments.`,
          moved(where),
        );
      },
      span: moved,
    };
    if (types !== undefined) return { ...inPlace(macro, types, args, body), span };
    const { value } = macro;
    const statements = rewriteStatements(macro.statements, body);
    if (value === undefined) return { statements, span };
    if (!this.#isUse(value) || named.has(value.name))
      return { statements, value: rewriteExpression(value, body), span };
    // A use that stands last gives what its own macro gives: nothing, maybe.
    const last = this.#expand(this.#moveUse(value, body, moved), within);
    return last.value === undefined
      ? { statements: [...statements, statementOf(last.statements, last.span)], span }
      : { statements, value: blockValue(last.statements, last.value, last.span), span };
  }

  /** A use within a macro's body, as it stands where the macro is used. */
  #moveUse(
    e: CallExpression | IdentifierExpression,
    body: Rewrite,
    moved: (s: Span) => Span,
  ): CallExpression | IdentifierExpression {
    if (e.kind === "identifier") return { ...e, span: moved(e.span), nameSpan: moved(e.nameSpan) };
    return {
      ...e,
      args: e.args.map((a) => rewriteExpression(a, body)),
      span: moved(e.span),
      nameSpan: moved(e.nameSpan),
    };
  }

  #choose(e: CallExpression | IdentifierExpression, args: readonly Expression[]): Macro {
    const all = this.#byName.get(e.name) as Macro[];
    const fitting = all.filter(
      (m) =>
        m.params.length === args.length && (m.types !== undefined || args.every((a, i) => fits(a, m.params[i]?.kind))),
    );
    // Of several the one that says most of what it wants.
    const exact = (m: Macro): number => m.params.filter((p) => p.kind !== "expression").length;
    const best = fitting.sort((a, b) => exact(b) - exact(a))[0];
    if (best !== undefined) return best;
    const closest = all.find((m) => m.params.length === args.length) ?? (all[0] as Macro);
    const related: { message: string; span: Span }[] = [];
    if (closest.params.length !== args.length)
      related.push({
        message: `The closest definition of ${e.name}() has a different number of arguments. Expected: ${closest.params.length} but got ${args.length}`,
        span: closest.nameSpan,
      });
    else {
      const at = args.findIndex((a, i) => !fits(a, closest.params[i]?.kind));
      const param = closest.params[at] as Macro["params"][number];
      const wanted = param.kind === "map" ? "a map" : "a variable";
      const given = args[at] as Expression;
      const got =
        given.kind === "map" && given.key === undefined
          ? "a map"
          : given.kind === "variable"
            ? "a variable"
            : "an expression";
      related.push(
        {
          message: `Mismatched arg. ${e.name}() expects ${wanted} for arg ${param.name} but got ${got}.`,
          span: given.span,
        },
        { message: "This is the argument in the closest definition.", span: param.span },
      );
    }
    return this.#fail(
      "SCRY1045",
      `Call to ${e.name}() has arguments that do not match any definition.`,
      e.span,
      related,
    );
  }
}

const statementOf = (statements: Statement[], span: Span): Statement => ({
  kind: "block",
  block: { statements, span },
  span,
});

const blockValue = (statements: Statement[], value: Expression, span: Span): Expression =>
  statements.length === 0 ? value : ({ kind: "block", statements, value, span } satisfies BlockExpression);

/** What a function's parameters are given, its body, and its result. */
function inPlace(
  macro: Macro,
  types: FunctionTypes,
  args: readonly Expression[],
  body: Rewrite,
): { readonly statements: Statement[]; readonly value?: Expression } {
  const moved = (s: Span): Span => body.span?.(s) ?? s;
  const own = (name: string, span: Span): VariableExpression => ({
    kind: "variable",
    name: body.variable?.(name) ?? name,
    span: moved(span),
  });
  const given = macro.params.map((p, i): Statement => {
    const value = args[i] as Expression;
    const declared = rewriteType(types.params[i] as TypeName, body);
    return { kind: "let", variable: own(p.name, p.span), declared, value, span: value.span };
  });
  const span = moved(macro.nameSpan);
  const statements = rewriteStatements(macro.statements, body);
  const { returns } = types;
  if (returns === undefined) return { statements: [...given, { kind: "inline", body: { statements, span }, span }] };
  const result = own("$return", macro.nameSpan);
  return {
    statements: [
      ...given,
      { kind: "let", variable: result, declared: rewriteType(returns, body), span },
      { kind: "inline", body: { statements, span }, result, span },
    ],
    value: result,
  };
}

const kinds = (macro: Macro): string =>
  macro.types === undefined ? macro.params.map((p) => p.kind).join() : "function";

function fits(given: Expression, kind: Macro["params"][number]["kind"] | undefined): boolean {
  if (kind === "variable") return given.kind === "variable";
  if (kind === "map") return given.kind === "map" && given.key === undefined;
  return true;
}
