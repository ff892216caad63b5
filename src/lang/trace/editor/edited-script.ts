// A script as an editor has it: its tokens, and what the compiler's front says of it. Each is worked out once, when it is
// first asked for. While the text is no script, names keep the types they had when it last was one.

import type { ProbeEnvironment } from "../../../probes/index.ts";
import type { Type } from "../../../schema/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../../../source/index.ts";
import { builtins, laterFunctions } from "../builtins/index.ts";
import { type CheckedScript, checkScript, readScript, readSettings, withDeclarations } from "../check/index.ts";
import { type Macro, parseScript } from "../parse/index.ts";
import { type ScannedText, scan } from "./scan.ts";

/** What the front of the compiler says of a text. */
export interface Analysis {
  readonly diagnostics: readonly Diagnostic[];
  /** Absent: it is no script. */
  readonly checked?: CheckedScript;
  readonly env: ProbeEnvironment;
}

export function analyze(source: SourceText, env: ProbeEnvironment): Analysis {
  const first = analyzeWith(source, env, false);
  if (!first.headersMissing || !first.diagnostics.some((d) => d.severity === "error")) return first;
  return analyzeWith(source, env, true);
}

function analyzeWith(
  source: SourceText,
  system: ProbeEnvironment,
  all: boolean,
): Analysis & { readonly headersMissing: boolean } {
  let env = system;
  let headersMissing = false;
  try {
    const script = readScript(source, system, all);
    headersMissing = (script.c?.skipped.length ?? 0) > 0;
    env = withDeclarations(script, system);
    const checked = checkScript(script, env, readSettings(script, source, []), source, builtins, laterFunctions);

    const { diagnostics } = checked.state;
    return { diagnostics, checked, env, headersMissing };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return { diagnostics: error.diagnostics, env, headersMissing };
  }
}

export class EditedScript {
  readonly source: SourceText;
  readonly env: ProbeEnvironment;
  readonly #before: EditedScript | undefined;
  #scanned: ScannedText | undefined;
  #analysis: Analysis | undefined;
  #macros: readonly Macro[] | undefined;

  /** `before`: the same file as it was. */
  constructor(source: SourceText, env: ProbeEnvironment, before?: EditedScript) {
    this.source = source;
    this.env = env;
    // Not a chain of all that was: the last one that was a script.
    this.#before = before?.lastScript;
  }

  get scanned(): ScannedText {
    this.#scanned ??= scan(this.source);
    return this.#scanned;
  }

  get analysis(): Analysis {
    this.#analysis ??= analyze(this.source, this.env);
    return this.#analysis;
  }

  get lastScript(): EditedScript | undefined {
    return this.#analysis?.checked === undefined ? this.#before : this;
  }

  /** What is wrong with it; empty for a text without anything in it. */
  get diagnostics(): readonly Diagnostic[] {
    const { items } = this.scanned;
    // A text of macros is for others to import.
    const library = items.length === 0 || items.every((i) => i.kind !== "probe");
    return this.analysis.diagnostics.filter((d) => !library || d.code !== "SCRY1006");
  }

  /** The script's macros and those that it imports. */
  get macros(): readonly Macro[] {
    this.#macros ??= this.#readMacros() ?? this.#before?.macros ?? [];
    return this.#macros;
  }

  #readMacros(): readonly Macro[] | undefined {
    const { header, imported, params } = this.env;
    try {
      const headers = { all: false, unexpanded: true as const };
      return parseScript(this.source, params, {
        ...headers,
        ...(header === undefined ? {} : { header }),
        ...(imported === undefined ? {} : { imported }),
      }).macros;
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      return undefined;
    }
  }

  /** The type of a variable or map by its name; of a variable in the item that is there. */
  typeOfName(name: string, offset: number): Type | undefined {
    const checked = this.analysis.checked ?? this.#before?.analysis.checked;
    if (checked === undefined) return undefined;
    if (name.startsWith("@")) return checked.state.maps.get(name)?.valueType;
    const nearest = [...checked.units].sort(
      (a, b) => distance(a.probe.span.start, offset) - distance(b.probe.span.start, offset),
    );
    for (const unit of nearest)
      for (const [variable, info] of unit.variables)
        if (variable.name === name && info.type.kind !== "none") return info.type;
    return undefined;
  }
}

/** How far an offset is behind a start; one before it is far away. */
const distance = (start: number, offset: number): number => (start <= offset ? offset - start : 1e9 + start - offset);
