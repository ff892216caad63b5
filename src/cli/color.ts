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

/** Where output goes: a terminal; or else what a script prints, or what is said about it. */
export type Place = "terminal" | "data" | "messages";

const isOff = (value: string): boolean => /^(?:0|false|no|never)$/i.test(value);

/**
 * The looks of output to a place; undefined where it has none. `--color` comes before the environment, in which
 * BPFTRACE_COLOR comes before NO_COLOR (no-color.org), and that before FORCE_COLOR and CLICOLOR_FORCE. What is empty is not
 * said. Data that others read is coloured by `--color always` alone.
 */
export function looksOf(
  place: Place,
  color: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Looks | undefined {
  if (color === "always") return LOOKS;
  if (color === "never" || place === "data") return undefined;
  const wanted = color ?? env["BPFTRACE_COLOR"];
  if (wanted === "always") return LOOKS;
  if (wanted === "never" || env["NO_COLOR"]) return undefined;
  const force = env["FORCE_COLOR"] || env["CLICOLOR_FORCE"];
  if (force) return isOff(force) ? undefined : LOOKS;
  return place === "terminal" && env["TERM"] !== "dumb" && env["CLICOLOR"] !== "0" ? LOOKS : undefined;
}
