// The journey of a script: text → tree → probes → types → storage → IR → object code. What comes out is an object for
// any machine, and what a reader must know to make sense of the records and maps of its run.

import type { ProbeEnvironment } from "../../probes/index.ts";
import type { CompiledScript } from "../../schema/index.ts";
import type { SourceText } from "../../source/index.ts";
import { assemble } from "./assemble.ts";
import { builtins, laterFunctions } from "./builtins/index.ts";
import { checkScript, readSettings, stopOnErrors } from "./check/index.ts";
import { parseScript } from "./parse/index.ts";
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
  // 1. The tree.
  const script = parseScript(source, env.params);
  options.dump?.("ast", "", () => JSON.stringify(script, (_k, v) => (typeof v === "bigint" ? v.toString() : v), 2));
  // 2. and 3. Its probes, as units of a program each; types; what is wrong.
  const settings = readSettings(script, source, options.settings ?? []);
  const checked = checkScript(script, env, settings, source, builtins, laterFunctions);
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
