// `--mode compiler-bench`: how long a script takes to compile, cold and warm.

import { compileScript } from "../lang/trace/index.ts";
import { liveEnvironment } from "../session/index.ts";
import type { CommandLine } from "./options.ts";
import { ringBytes } from "./run.ts";
import { placesOf, scriptOf, settingsFromEnvironment } from "./script.ts";
import { openStreams } from "./streams.ts";

/** How long it is done again and again. */
const MILLISECONDS = 500;

/** Prints the times; gives the exit status. */
export function timeCompilation(line: CommandLine): number {
  const { source, params, named } = scriptOf(line);
  const { out } = openStreams(line.given);
  const times: number[] = [];
  const compile = (): void => {
    const start = performance.now();
    const env = liveEnvironment({ params, named, unsafe: line.given.has("unsafe"), ...placesOf(line) });
    compileScript(source, env, { ringBytes: ringBytes(), settings: settingsFromEnvironment() });
    times.push(performance.now() - start);
  };
  compile();
  const cold = times.pop() ?? 0;
  const until = performance.now() + MILLISECONDS;
  do compile();
  while (performance.now() < until);
  times.sort((a, b) => a - b);
  const warm = times[Math.floor(times.length / 2)] ?? 0;
  out.text(`first ${cold.toFixed(1)} ms, then ${warm.toFixed(2)} ms (median of ${times.length})\n`);
  out.flush();
  return 0;
}
