// What went wrong, in the user's terms, on standard error.

import { ScriptHelp } from "../lang/trace/index.ts";
import { type Diagnostic, DiagnosticError, painted, type SourceText } from "../source/index.ts";
import { diagnosticsOf, type Found, renderDiagnostics, withoutControls } from "./messages.ts";
import { ClosedOutput, looksOn, printText, terminalWidth } from "./streams.ts";
import { version } from "./version.ts";

/** Prints what went wrong; gives the exit status. `diagnose`: what failures mean to who was at work. */
export function explainFailure(
  error: unknown,
  given: ReadonlyMap<string, string>,
  diagnose: (error: unknown) => Found | undefined = diagnosticsOf,
): number {
  // Nobody reads any more: that is no failure of ours.
  if (error instanceof ClosedOutput) return 0;
  const looks = looksOn(2, given);
  if (error instanceof ScriptHelp) {
    printText(2, `${painted("HINT", "hint", looks)}: ${error.message}\n`);
    return 1;
  }
  const program = given.get("execute");
  const source: SourceText | undefined = program === undefined ? undefined : { name: "stdin", text: program };
  const found = diagnose(error) ?? { diagnostics: [internalError(error)] };
  const trace = given.get("debug")?.split(",").includes("trace") === true;
  const format = given.get("format") ?? "text";
  const width = terminalWidth(2);
  const told = width === undefined || given.has("raw") ? found : withoutControls(found);
  const text = renderDiagnostics(told, format, source, width, looks);
  try {
    printText(2, trace && !(error instanceof DiagnosticError) ? `${text}${(error as Error).stack ?? error}\n` : text);
  } catch {
    // There is nobody to tell.
  }
  return 1;
}

function internalError(error: unknown): Diagnostic {
  const { name, message } = error instanceof Error ? error : { name: "thrown", message: String(error) };
  return {
    code: "SCRY2000",
    severity: "error",
    message: `internal error: ${name}: ${message}`,
    hints: [
      `This is a fault of scry ${version} (SCRY2000; Node ${process.version}, ${process.platform} ${process.arch}), not yours: please report it`,
      "Add -d trace to the command to see where it is",
    ],
  };
}
