// `scry balance`: what its words ask for.

import {
  balancerSchema,
  explainFlow,
  type Flow,
  parseFlow,
  planOf,
  type ReadBalancer,
  ringOf,
  settingsOf,
} from "../../net/balance/index.ts";
import { ask, type BalancerStatus, controlPath, forget, isKept, NoBalancerError } from "../../net/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { printText, terminalHeight } from "../streams.ts";
import { explanationLines, statusLines } from "./balance-lines.ts";
import { readConfiguration, runBalancer, SOCKETS } from "./run-balancer.ts";

type Action = (words: readonly string[], line: CommandLine) => number | Promise<number>;

const ACTIONS: Readonly<Record<string, Action>> = {
  status: async (_, line) => {
    printStatus((await asked(line, { do: "status" })) as BalancerStatus, line);
    return 0;
  },
  top: (_, line) => top(line),
  reload: async (_, line) => {
    printText(1, `${String(await asked(line, { do: "reload" }))}\n`);
    return 0;
  },
  remove: (_, line) => remove(line),
  explain: (words, line) => explain(words, line),
  check: ([path, ...rest], line) => {
    if (path === undefined || rest.length > 0) throw new UsageError("'check' takes a configuration");
    return check(readConfiguration(path), line);
  },
  schema: () => {
    printText(1, `${JSON.stringify(balancerSchema(), undefined, 2)}\n`);
    return 0;
  },
};

/** Gives the exit status. */
export async function balancePackets(line: CommandLine): Promise<number> {
  const [first, ...rest] = line.rest;
  if (first === undefined) throw new UsageError("A configuration is needed");
  const action = Object.hasOwn(ACTIONS, first) ? ACTIONS[first] : undefined;
  if (action !== undefined) return action(rest, line);
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is one word too many`);
  return runBalancer(first, line);
}

async function asked(line: CommandLine, question: object): Promise<unknown> {
  const device = line.given.get("interface") ?? SOCKETS;
  try {
    return await ask(controlPath(device), question);
  } catch (error) {
    if (!(error instanceof NoBalancerError)) throw error;
    throw noBalancer(line, device);
  }
}

function noBalancer({ given }: CommandLine, device: string): DiagnosticError {
  const kept = given.has("interface") && isKept(device);
  const hint = given.has("interface")
    ? `scry balance CONFIG.yaml -i ${device} starts one`
    : "-i NAME says at which interface";
  return new DiagnosticError([
    {
      code: "SCRY1620",
      severity: "error",
      message: kept
        ? `no process looks after the balancer at ${device}, which goes on (--persist)`
        : `no balancer runs at ${device} in this network namespace`,
      hints: [
        kept ? `scry balance CONFIG.yaml -i ${device} takes its place, scry balance remove -i ${device} ends it` : hint,
      ],
    },
  ]);
}

/** What goes on without a process. One that runs is ended by whoever started it. */
async function remove(line: CommandLine): Promise<number> {
  const device = line.given.get("interface");
  if (device === undefined) throw new UsageError("'remove' needs -i NAME");
  const runs = await ask(controlPath(device), { do: "status" }).then(
    () => true,
    (error: unknown) => !(error instanceof NoBalancerError),
  );
  if (runs) throw new UsageError(`a balancer runs at ${device}: it goes when it is ended, without --persist`);
  if (!forget(device)) throw noBalancer(line, device);
  printText(1, `nothing is balanced at ${device} any more\n`);
  return 0;
}

const wantsJson = ({ given }: CommandLine): boolean => given.has("json") || given.get("format") === "json";

function printStatus(status: BalancerStatus, line: CommandLine): void {
  printText(1, wantsJson(line) ? `${JSON.stringify(status)}\n` : `${statusLines(status).join("\n")}\n`);
}

const BETWEEN = 1000;

/** The status again and again, with what came in a second. */
async function top(line: CommandLine): Promise<number> {
  let before: { readonly status: BalancerStatus; readonly at: number } | undefined;
  let stopped = false;
  let wake = (): void => undefined;
  const stop = (): void => {
    stopped = true;
    wake();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  for (;;) {
    const status = (await asked(line, { do: "status" })) as BalancerStatus;
    const at = performance.now();
    const rows = terminalHeight(1);
    if (wantsJson(line)) printText(1, `${JSON.stringify(status)}\n`);
    else {
      const past = before === undefined ? undefined : { status: before.status, seconds: (at - before.at) / 1000 };
      const lines = statusLines(status, past);
      const shown = rows === undefined ? [...lines, ""] : lines.slice(0, rows - 1);
      printText(1, `${rows === undefined ? "" : "\x1b[H\x1b[J"}${shown.join("\n")}\n`);
    }
    before = { status, at };
    if (!stopped)
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, BETWEEN);
      });
    if (stopped) return 0;
  }
}

async function explain(words: readonly string[], line: CommandLine): Promise<number> {
  const path = words.length > 1 && !line.given.has("interface") ? words.at(-1) : undefined;
  const flow: Flow | undefined = parseFlow(path === undefined ? words : words.slice(0, -1));
  if (flow === undefined)
    throw new UsageError("'explain' takes a flow", ["A flow is 'tcp 198.51.100.7:40000 192.0.2.80:443'"]);
  const told =
    path === undefined
      ? ((await asked(line, { do: "explain", flow })) as ReturnType<typeof explainFlow>)
      : explainOffline(flow, readConfiguration(path));
  printText(1, wantsJson(line) ? `${JSON.stringify(told)}\n` : `${explanationLines(flow, told).join("\n")}\n`);
  return 0;
}

function explainOffline(flow: Flow, { balancer }: ReadBalancer): ReturnType<typeof explainFlow> {
  return explainFlow(flow, planOf(balancer), settingsOf(balancer));
}

function check({ balancer }: ReadBalancer, line: CommandLine): number {
  const settings = settingsOf(balancer);
  const plan = planOf(balancer);
  const services = plan.services.map((row) => {
    const ring = ringOf(row, settings);
    const slots = new Map<number, number>();
    for (const slot of ring) slots.set(slot, (slots.get(slot) ?? 0) + 1);
    const servers = row.servers.map(({ server, slot }) => ({
      name: server.name,
      address: server.address,
      share: (slots.get(slot) ?? 0) / ring.length,
    }));
    return { name: row.service.name, servers };
  });
  if (wantsJson(line)) printText(1, `${JSON.stringify({ ring: settings.RING, services })}\n`);
  else
    for (const { name, servers } of services) {
      printText(1, `${name}: a ring of ${settings.RING}\n`);
      for (const { name, address, share } of servers)
        printText(1, `  ${name} ${address} ${(share * 100).toFixed(2)} %\n`);
    }
  return 0;
}
