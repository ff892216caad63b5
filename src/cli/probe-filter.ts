// `--probe-filter`: which of a script's tests and benchmarks are run.

import { type CommandLine, UsageError } from "./options.ts";

/** Is a probe of this name wanted? All are where nothing is said. Throws UsageError for what is no expression. */
export function probeFilter(line: CommandLine): (name: string) => boolean {
  const text = line.given.get("probe-filter");
  if (text === undefined) return () => true;
  try {
    const expression = new RegExp(text);
    return (name) => expression.test(name);
  } catch (error) {
    throw new UsageError(`Invalid --probe-filter regex '${text}': ${(error as Error).message}`);
  }
}
