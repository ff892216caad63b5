// Commands that stand in files of their own explain their own failures: the classes that errors are told by are that file's.

import { explainFailure } from "./failures.ts";
import type { Found } from "./messages.ts";
import type { CommandLine } from "./options.ts";

export type Run = (line: CommandLine) => Promise<number>;

/** A command that prints what goes wrong, also where nobody waits for it. `diagnose`: what failures mean to it. */
export const explaining =
  (run: Run, diagnose?: (error: unknown) => Found | undefined): Run =>
  async (line) => {
    const explain = (error: unknown): number => explainFailure(error, line.given, diagnose);
    const unwaited = (error: unknown): void => {
      process.exit(explain(error));
    };
    process.prependListener("uncaughtException", unwaited);
    process.prependListener("unhandledRejection", unwaited);
    try {
      return await run(line);
    } catch (error) {
      return explain(error);
    } finally {
      process.off("uncaughtException", unwaited);
      process.off("unhandledRejection", unwaited);
    }
  };
