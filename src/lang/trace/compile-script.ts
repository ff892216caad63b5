// The journey of a script: text → tree → probes → types → storage → IR → object code. What comes out is an object for
// any machine, and what a reader must know to make sense of the records and maps of its run.

import type { ProbeEnvironment } from "../../probes/index.ts";
import type { CompiledScript } from "../../schema/index.ts";
import { DiagnosticError, type SourceText } from "../../source/index.ts";
import { assemble } from "./assemble.ts";
import { builtins } from "./builtins/index.ts";
import { checkScript, readScript, readSettings, stopOnErrors, withDeclarations } from "./check/index.ts";
import type { Script } from "./parse/index.ts";
import { type Dump, housekeeping, makePrograms } from "./programs.ts";
import { planScript } from "./storage.ts";

export interface CompileScriptOptions {
  /** Bytes of the event ring, a power of two of pages. */
  readonly ringBytes: number;
  /** Settings from outside (BPFTRACE_* in the environment), which win over the script's own. */
  readonly settings?: readonly (readonly [name: string, value: string])[];
  /** Called with the text form after each stage. */
  readonly dump?: Dump;
}

/** Compiles a script. Throws DiagnosticError with everything that is wrong with it. */
export function compileScript(
  source: SourceText,
  env: ProbeEnvironment,
  options: CompileScriptOptions,
): CompiledScript {
  const script = readScript(source, env, false);
  try {
    return compile(script, source, env, options);
  } catch (error) {
    if (!(error instanceof DiagnosticError) || (script.c?.skipped.length ?? 0) === 0) throw error;
    // What is missing may stand in a header of the system, none of which was read.
    const whole = readScript(source, env, true);
    try {
      return compile(whole, source, env, options);
    } catch (second) {
      throw withMissingHeaders(second, whole.c?.skipped ?? []);
    }
  }
}

function withMissingHeaders(error: unknown, missing: readonly string[]): unknown {
  if (!(error instanceof DiagnosticError) || missing.length === 0) return error;
  const [first, ...others] = error.diagnostics;
  const hint = `Not found: ${[...new Set(missing)].slice(0, 5).join(", ")}. Folders of headers are given with -I`;
  return first === undefined
    ? error
    : new DiagnosticError([{ ...first, hints: [...(first.hints ?? []), hint] }, ...others], error.source);
}

function compile(
  script: Script,
  source: SourceText,
  system: ProbeEnvironment,
  options: CompileScriptOptions,
): CompiledScript {
  // 1. The tree, and the types that its C declares.
  options.dump?.("ast", "", () =>
    JSON.stringify({ ...script, c: undefined }, (_k, v) => (typeof v === "bigint" ? v.toString() : v), 2),
  );
  const env = withDeclarations(script, system);
  // 2. and 3. Its probes, as units of a program each; types; what is wrong.
  const settings = readSettings(script, source, options.settings ?? []);
  const checked = checkScript(script, env, settings, source, builtins);
  stopOnErrors(checked.state);
  // 4. Where its maps are kept.
  const storage = planScript(checked);
  // 5. and 6. A program for each unit, by the IR; and those that keep house.
  const programs = [...makePrograms(checked, storage, builtins, options.dump)];
  stopOnErrors(checked.state);
  programs.push(...housekeeping(storage, env, programs.length, options.dump));
  // 7. The object.
  return assemble(checked, storage, programs, options.ringBytes);
}
