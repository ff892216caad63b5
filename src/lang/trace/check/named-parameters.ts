// Named parameters that were given: each must be one that the script asks for.

import { DiagnosticError } from "../../../source/index.ts";
import type { CheckState } from "./state.ts";

/** `--help` was given to the script: what it takes is to be shown, and it is not to run. */
export class ScriptHelp extends Error {
  constructor(lines: readonly string[]) {
    super(["expected program options:", ...lines].join("\n"));
    this.name = "ScriptHelp";
  }
}

/** Throws ScriptHelp where that was asked for, DiagnosticError for a parameter that the script does not know. */
export function checkNamedParameters(c: CheckState): void {
  const given = [...(c.env.named?.keys() ?? [])];
  const known = [...c.parameters].map(([name, { help }]) => `--${name}${help === "" ? "" : `: ${help}`}`);
  if (given.includes("help") && !c.parameters.has("help")) throw new ScriptHelp(known);
  const unknown = given.filter((name) => !c.parameters.has(name));
  if (unknown.length === 0) return;
  const hint =
    known.length === 0
      ? "no custom program options defined."
      : `expected program options: ${[...c.parameters.keys()].map((n) => `--${n}`).join(", ")}`;
  throw new DiagnosticError([
    {
      code: "SCRY1256",
      severity: "error",
      message: `unexpected program command line options: ${unknown.map((n) => `--${n}`).join(", ")}`,
      hints: [hint],
    },
  ]);
}
