// What the commands of a firewall have in common: where it stands, how they end, how they print.

import type { HookName } from "../../net/firewall/index.ts";
import type { FirewallPlace, LiveFirewall } from "../../net/index.ts";
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

export function placeOf(line: CommandLine, fallback?: string): FirewallPlace {
  const device = line.given.get("interface") ?? fallback;
  if (device === undefined) throw new UsageError("-i NAME says at which interface");
  return { interface: device, hook: (line.given.get("hook") ?? "xdp") as HookName, ...netnsOf(line) };
}

export function print(all: readonly LiveFirewall[], line: CommandLine): void {
  const now = process.hrtime.bigint();
  if (wantsJson(line)) for (const one of all) printText(1, `${JSON.stringify(statusJson(one, now))}\n`);
  else if (all.length === 0) printText(2, "No firewall has been made to stay.\n");
  else for (const one of all) printText(1, `${statusLines(one, { now }).join("\n")}\n`);
}
