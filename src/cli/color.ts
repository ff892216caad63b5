// Colours: when output has them, and which. `--color` says it, or the environment, or whether somebody looks.

import type { Looks } from "../source/index.ts";

const LOOKS: Looks = {
  error: "\x1b[1;31m",
  warning: "\x1b[1;33m",
  code: "\x1b[2m",
  place: "\x1b[1m",
  hint: "\x1b[1;36m",
  heading: "\x1b[1m",
  name: "\x1b[36m",
  key: "\x1b[33m",
  bar: "\x1b[32m",
};

/** Where output goes: a terminal, a file that the command line names, anything else that is open. */
export type Place = "terminal" | "file" | "other";

const isOff = (value: string): boolean => /^(?:0|false|no|never)$/i.test(value);

/**
 * The looks of output to a place; undefined where it has none. `--color` comes before the environment, in which
 * BPFTRACE_COLOR comes before NO_COLOR (no-color.org), and that before FORCE_COLOR and CLICOLOR_FORCE, which are for pipes
 * and not for files. What is empty is not said.
 */
export function looksOf(
  place: Place,
  color: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Looks | undefined {
  const wanted = color ?? env["BPFTRACE_COLOR"];
  if (wanted === "always") return LOOKS;
  if (wanted === "never" || place === "file") return undefined;
  if (env["NO_COLOR"]) return undefined;
  const force = env["FORCE_COLOR"] || env["CLICOLOR_FORCE"];
  if (force) return isOff(force) ? undefined : LOOKS;
  return place === "terminal" && env["TERM"] !== "dumb" && env["CLICOLOR"] !== "0" ? LOOKS : undefined;
}
