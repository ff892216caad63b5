// A balancer until Ctrl-C: what happens to its servers is told, SIGHUP reads the configuration again, and others may ask it.

import { explainFlow, type Flow, flowKey, flowRow, type ReadBalancer, readBalancer } from "../../net/balance/index.ts";
import { controlPath, type LiveBalancer, RunningBalancer, serveControl } from "../../net/index.ts";
import { groupFolder } from "../../session/index.ts";
import { DiagnosticError, parseIpv4, parseIpv6, type SourceText } from "../../source/index.ts";
import { readForeign } from "../../symbols/index.ts";
import { explainFailure } from "../failures.ts";
import type { CommandLine } from "../options.ts";
import { printText } from "../streams.ts";
import { eventLine } from "./balance-lines.ts";

export function readConfiguration(path: string): ReadBalancer {
  const source: SourceText = { name: path, text: new TextDecoder().decode(readForeign(path, "the configuration")) };
  return readBalancer(source);
}

/** The name of a balancer that is at no interface. */
export const SOCKETS = "sockets";

/** Gives the exit status. */
export async function runBalancer(path: string, { given }: CommandLine): Promise<number> {
  const { balancer } = readConfiguration(path);
  const mode = (given.get("xdp-mode") ?? "any") as "any" | "native" | "generic";
  const say = (text: string): void => printText(2, `${text}\n`);
  const device = given.get("interface");
  const group = given.get("cgroup");
  const places = {
    mode,
    persist: given.has("persist"),
    ...(device === undefined ? {} : { interface: device }),
    ...(group === undefined ? {} : { cgroup: groupFolder({ cgroup: group }) }),
  };
  await using running = await RunningBalancer.start(balancer, places, (event) => say(eventLine(event)));
  const reload = async (): Promise<string> => {
    const { compiled, leaving } = await running.apply(readConfiguration(path).balancer);
    const left =
      leaving.length === 0
        ? ""
        : `; ${leaving.join(", ")} keep${leaving.length === 1 ? "s" : ""} the flows that there are`;
    return `${path} is read again${compiled ? ", with a program of its own" : ""}${left}`;
  };
  const control = await serveControl(controlPath(device ?? SOCKETS), async (question) => {
    const { do: what, flow } = question as { do?: unknown; flow?: Flow };
    if (what === "status") return running.status();
    if (what === "reload") {
      const said = await reload().catch((error: unknown) => {
        throw error instanceof DiagnosticError ? new Error(error.diagnostics[0]?.message) : error;
      });
      say(said);
      return said;
    }
    if (what === "explain" && flow !== undefined) return explainRunning(flow, running.packets);
    throw new Error("no such question");
  });
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const hangup = (): void => void reload().then(say, (error: unknown) => explainFailure(error, given));
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("SIGHUP", hangup);
  try {
    say(`Balancing at ${device ?? "sockets"}; Ctrl-C ends it`);
    await stopped;
    return 0;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    process.off("SIGHUP", hangup);
    control.close();
  }
}

/** By what the running balancer remembers. */
function explainRunning(flow: Flow, live: LiveBalancer | undefined): ReturnType<typeof explainFlow> {
  if (live === undefined) throw new Error("this balancer has no services of packets");
  const bytes = (address: string): Uint8Array => (parseIpv4(address) ?? parseIpv6(address)) as Uint8Array;
  const [source, destination] = [bytes(flow.source), bytes(flow.destination)];
  const family = source.length === 4 ? 4 : 6;
  const key = flowKey(source, destination, flow.sourcePort, flow.port, flow.protocol === "tcp" ? 6 : 17);
  const value = live.map(`flows${family}`)?.lookup(key);
  const row = value === undefined ? undefined : flowRow(family, key, value);
  const known = row === undefined ? {} : { slot: row.slot, stamp: row.stamp, ended: row.ended, port: row.snatPort };
  return explainFlow(
    flow,
    live.plan,
    live.settings,
    row === undefined ? undefined : (known as Parameters<typeof explainFlow>[3]),
  );
}
