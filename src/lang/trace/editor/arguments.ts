// The probes of an item and their arguments, by its attach points alone: known while its body is no script.

import {
  isPattern,
  listProbes,
  type ProbeArgument,
  type ProbeEnvironment,
  type ResolvedProbe,
} from "../../../probes/index.ts";
import { DiagnosticError } from "../../../source/index.ts";
import { builtins } from "../builtins/index.ts";
import type { Item, Scanned } from "./scan.ts";

/** The probes that an attach point stands for; none where it is wrong. */
export function probesOf(attachPoint: string, env: ProbeEnvironment): readonly ResolvedProbe[] {
  try {
    return listProbes(attachPoint, env);
  } catch (error) {
    // There is none of this name, or not here.
    if (!(error instanceof DiagnosticError)) throw error;
    return [];
  }
}

/** The arguments of the first of an item's attach points that has some. */
export function argumentsOf(item: Item, env: ProbeEnvironment): readonly ProbeArgument[] {
  const points = item.tokens.filter((t) => t.kind === "attach").map((t) => t.text);
  // What is named plainly is found at once.
  for (const point of [...points.filter((p) => !isPattern(p)), ...points.filter(isPattern)])
    for (const { variants } of probesOf(point, env))
      for (const { args } of variants) if (args !== undefined && args.size > 0) return [...args.values()];
  return [];
}

/** Is the dot with this index that of `args.x`? */
export const hasArguments = (tokens: readonly Scanned[], dot: number): boolean =>
  builtins.get(tokens[dot - 1]?.text ?? "")?.members === true && !/^(?:\.|->)$/.test(tokens[dot - 2]?.text ?? "");
