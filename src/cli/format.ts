// `scry --fmt`: a script with its lines and spaces in order.

import { formatScript } from "../lang/trace/index.ts";
import type { CommandLine } from "./options.ts";
import { scriptOf } from "./script.ts";
import { openStreams } from "./streams.ts";

/** Prints the script, formatted; gives the exit status. */
export function format(line: CommandLine): number {
  const text = formatScript(scriptOf(line).source);
  const { out } = openStreams(line.given);
  out.text(text);
  out.flush();
  return 0;
}
