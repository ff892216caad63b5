// What the commands of a firewall have in common: where it stands, how they end, how they print.

import type { Direction } from "../../net/firewall/index.ts";
import type { FirewallPlace, LiveFirewall } from "../../net/index.ts";
import { groupFolder } from "../../session/index.ts";
import { type Diagnostic, DiagnosticError } from "../../source/index.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { printText } from "../streams.ts";
import { statusJson, statusLines } from "./firewall-lines.ts";

export const wantsJson = ({ given }: CommandLine): boolean =>
  given.has("json") || given.get("format")?.startsWith("json") === true;

export function problem(code: Diagnostic["code"], message: string, ...hints: string[]): DiagnosticError {
  return new DiagnosticError([{ code, severity: "error", message, ...(hints.length > 0 ? { hints } : {}) }]);
}

/** A signal that comes with Ctrl-C. */
export function interrupted(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  return controller.signal;
}

/** Waits for it. A listener alone does not keep the process. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const timer = setInterval(() => undefined, 0x7fff_ffff);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      resolve();
    });
  });
}

const netnsOf = ({ given }: CommandLine): { netns?: string } => {
  const netns = given.get("netns");
  return netns === undefined ? {} : { netns };
};

/** Which control group is meant; undefined: none is. */
function groupOf({ given }: CommandLine): { cgroup?: string; container?: string; unit?: string } | undefined {
  const [cgroup, container, unit] = [given.get("cgroup"), given.get("container"), given.get("unit")];
  if (cgroup === undefined && container === undefined && unit === undefined) return undefined;
  return {
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(container === undefined ? {} : { container }),
    ...(unit === undefined ? {} : { unit }),
  };
}

export const directionOf = ({ given }: CommandLine): Direction => (given.get("direction") ?? "ingress") as Direction;

/** Is it said where a firewall stands? */
export const saysPlace = (line: CommandLine): boolean => line.given.has("interface") || groupOf(line) !== undefined;

/** Throws a UsageError; a DiagnosticError for a control group that is not there. */
export function placeOf(line: CommandLine, fallback?: string): FirewallPlace {
  const { given } = line;
  const [group, hook] = [groupOf(line), given.get("hook")];
  if (group !== undefined) {
    const other = (["interface", "netns", "xdp-mode"] as const).find((option) => given.has(option));
    if (other !== undefined)
      throw new UsageError(`--${other} is about interfaces, and these rules are a control group's`);
    if (hook !== undefined && hook !== "cgroup")
      throw new UsageError(`--hook ${hook} is about interfaces, and these rules are a control group's`);
    return { cgroup: groupFolder(group), direction: directionOf(line), hook: "cgroup" };
  }
  if (hook === "cgroup")
    throw new UsageError("--cgroup PATH, --unit NAME or --container ID says at which control group");
  if (given.has("direction")) throw new UsageError("--direction is of a control group's packets (--cgroup)");
  const device = given.get("interface") ?? fallback;
  if (device === undefined)
    throw new UsageError("-i NAME says at which interface, --cgroup PATH at which control group");
  return { interface: device, hook: hook === "tc" ? "tc" : "xdp", ...netnsOf(line) };
}

export function print(all: readonly LiveFirewall[], line: CommandLine): void {
  const now = process.hrtime.bigint();
  if (wantsJson(line)) for (const one of all) printText(1, `${JSON.stringify(statusJson(one, now))}\n`);
  else if (all.length === 0) printText(2, "No firewall has been made to stay.\n");
  else for (const one of all) printText(1, `${statusLines(one, { now }).join("\n")}\n`);
}
