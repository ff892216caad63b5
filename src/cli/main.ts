// The command `scry`: finds the command in the table, runs it, and prints what went wrong in the user's terms.

import { ScriptHelp } from "../lang/trace/index.ts";
import { type Diagnostic, DiagnosticError, painted, type SourceText } from "../source/index.ts";
import type { NamedCommand } from "./command.ts";
import { commands } from "./commands.ts";
import { helpText, usageText } from "./help.ts";
import { diagnosticsOf, renderDiagnostics, withoutControls } from "./messages.ts";
import { CommandLineError, common, parseCommandLine } from "./options.ts";
import { ClosedOutput, looksOn, printText, terminalWidth } from "./streams.ts";
import { version } from "./version.ts";

/** Runs the command line; gives the exit status. */
export async function main(
  words: readonly string[],
  table: readonly [NamedCommand, ...NamedCommand[]] = commands,
): Promise<number> {
  const row = table.find((c) => c.name !== "" && c.name === words[0]);
  let given: ReadonlyMap<string, string> = new Map();
  // What nobody waits for can fail as well: a timer, a promise that is not looked at.
  const unwaited = (error: unknown): void => {
    process.exit(explainFailure(error, given));
  };
  process.on("uncaughtException", unwaited);
  process.on("unhandledRejection", unwaited);
  try {
    const { options, run } = row ?? table[0];
    const own = row === undefined ? words : words.slice(1);
    const asked = row?.asksWords === true && own.length === 1 && !/^(?:-h|--help)$/.test(own[0] as string);
    const line = parseCommandLine(asked ? ["--", ...own] : own, [...options, ...common]);
    given = line.given;
    if (given.has("help")) {
      printText(1, helpText(table, row?.name));
      return 0;
    }
    if (given.has("version")) {
      printText(1, `scry ${version}\n`);
      return 0;
    }
    return await run(line, table);
  } catch (error) {
    const status = explainFailure(error, given);
    if (error instanceof CommandLineError) printText(2, `\n${usageText(table, row?.name)}`);
    return status;
  } finally {
    process.off("uncaughtException", unwaited);
    process.off("unhandledRejection", unwaited);
  }
}

/** Prints what went wrong; gives the exit status. */
function explainFailure(error: unknown, given: ReadonlyMap<string, string>): number {
  // Nobody reads any more: that is no failure of ours.
  if (error instanceof ClosedOutput) return 0;
  const looks = looksOn(2, given);
  if (error instanceof ScriptHelp) {
    printText(2, `${painted("HINT", "hint", looks)}: ${error.message}\n`);
    return 1;
  }
  const program = given.get("execute");
  const source: SourceText | undefined = program === undefined ? undefined : { name: "stdin", text: program };
  const found = diagnosticsOf(error) ?? { diagnostics: [internalError(error)] };
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
