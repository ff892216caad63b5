// What people see of a balancer.

import type { Explanation, Flow } from "../../net/balance/index.ts";
import type { BalancerEvent, BalancerStatus, ServerStatus } from "../../net/index.ts";

export interface Past {
  readonly status: BalancerStatus;
  readonly seconds: number;
}

const grouped = (n: number): string => `${Math.round(n)}`.replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
const sized = (bytes: number): string => {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let at = 0;
  let n = bytes;
  while (n >= 1000 && at < units.length - 1) {
    n /= 1000;
    at++;
  }
  return `${at === 0 ? n.toFixed(0) : n.toFixed(n < 10 ? 1 : 0)} ${units[at]}`;
};

/** A table: the first column to the left, the others to the right. */
function table(rows: readonly (readonly string[])[], left: number): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

const stateOf = ({ state, share, why }: ServerStatus): string =>
  `${state}${state === "up" && share < 1 ? ` ${Math.round(share * 100)} %` : ""}${why === undefined ? "" : ` (${why})`}`;

/** Services with their servers; `past`: what was there before, for rates. */
export function statusLines(status: BalancerStatus, past?: Past): string[] {
  const lines: string[] = [];
  for (const service of status.services) {
    const before = past?.status.services.find(({ name }) => name === service.name);
    const rate = (now: ServerStatus, of: "packets" | "bytes" | "flows"): number => {
      const old = before?.servers.find(({ name, address }) => name === now.name && address === now.address);
      return old === undefined || past === undefined ? 0 : Math.max(0, now[of] - old[of]) / past.seconds;
    };
    const address = service.address.includes(":") ? `[${service.address}]` : service.address;
    const all = `${grouped(service.open)} open, ${grouped(service.flows)} flows, ${grouped(service.packets)} packets, ${sized(service.bytes)}`;
    lines.push(`${service.name}  ${service.protocol} ${address}:${service.ports} by ${service.forward}: ${all}`);
    const head = ["  server", "address", "state", "weight", "open", "flows", "packets", "bytes"];
    const rates = past === undefined ? [] : ["flows/s", "packets/s", "bytes/s"];
    const rows = service.servers.map((server) => [
      `  ${server.name}`,
      server.port === undefined ? server.address : `${server.address} port ${server.port}`,
      stateOf(server),
      `${server.weight}`,
      grouped(server.open),
      grouped(server.flows),
      grouped(server.packets),
      sized(server.bytes),
      ...(past === undefined
        ? []
        : [grouped(rate(server, "flows")), grouped(rate(server, "packets")), sized(rate(server, "bytes"))]),
    ]);
    lines.push(...table([[...head, ...rates], ...rows], 3), "");
  }
  const lost = Object.entries(status.lost).filter(([, count]) => count > 0);
  for (const [why, count] of lost) lines.push(`${grouped(count)} packets dropped: ${why}`);
  if (lost.length === 0) lines.pop();
  return lines;
}

export function explanationLines(
  { protocol, source, sourcePort, destination, port }: Flow,
  told: Explanation,
): string[] {
  const end = (address: string, number: number): string =>
    address.includes(":") ? `[${address}]:${number}` : `${address}:${number}`;
  const lines = [`${protocol} ${end(source, sourcePort)} > ${end(destination, port)}`];
  if (told.server === undefined)
    return [
      ...lines,
      `${told.kind === "pass" ? "passed on to the kernel" : told.kind === "drop" ? "dropped" : "sent"}: ${told.why}`,
    ];
  return [
    ...lines,
    `service ${told.service}`,
    `server ${told.server} ${told.address} (${told.state}), by ${told.by}`,
    `because of ${told.why}`,
  ];
}

export function eventLine(event: BalancerEvent): string {
  if (event.kind === "gone") return `${event.server} is gone: its last flow has ended`;
  if (event.kind === "empty") return `${event.server} has drained: its last flow has ended`;
  return `${event.server} is ${event.kind}${event.why === undefined ? "" : `: ${event.why}`}`;
}
