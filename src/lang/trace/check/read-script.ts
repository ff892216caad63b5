// From a text to a tree in a given world: its headers, what it imports, and the types that its C declares.

import { CTypes, readDeclarations } from "../../../c/index.ts";
import type { ProbeEnvironment } from "../../../probes/index.ts";
import type { SourceText } from "../../../source/index.ts";
import { parseScript, type Script } from "../parse/index.ts";

/** Throws DiagnosticError. `all`: read headers of the system, too. */
export function readScript(source: SourceText, env: ProbeEnvironment, all: boolean): Script {
  return parseScript(source, env.params, {
    all,
    ...(env.includes === undefined ? {} : { includes: env.includes }),
    ...(env.header === undefined ? {} : { header: env.header }),
    ...(env.imported === undefined ? {} : { imported: env.imported }),
  });
}

/** The environment with the types that the script's C declares. */
export function withDeclarations(script: Script, env: ProbeEnvironment): ProbeEnvironment {
  if (script.c === undefined || script.c.tokens.length === 0) return env;
  const types = new CTypes(() => env.btf());
  readDeclarations(script.c.tokens, types, { system: (token) => script.c?.system(token.file) ?? false });
  return types.empty ? env : { ...env, btf: () => types };
}
