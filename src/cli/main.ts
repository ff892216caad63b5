// The command `scry`: finds the command in the table, runs it, and prints what went wrong in the user's terms.

import type { NamedCommand } from "./command.ts";
import { commands } from "./commands.ts";
import { explainFailure } from "./failures.ts";
import { helpText, usageText } from "./help.ts";
import { CommandLineError, common, parseCommandLine } from "./options.ts";
import { printText } from "./streams.ts";
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
    const line =
      row?.readsWords === true && !own.some((word) => /^(?:-h|--help|-V|--version)$/.test(word))
        ? { given, rest: own, named: [] }
        : parseCommandLine(asked ? ["--", ...own] : own, [...options, ...common]);
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
