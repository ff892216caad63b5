// What programs of a policy tell, as its reader sees it: refusals, and names with their addresses.

import { formatIpv4, formatIpv6 } from "../../source/index.ts";
import { addressKey } from "./addresses.ts";
import { OPERATION_NAMES } from "./judge.ts";
import { NO_RULE, OTHER_SOCKET, Refused } from "./layout.ts";
import type { Plan } from "./plan.ts";
import type { Operation, Verdict } from "./policy.ts";

/** What a service was refused, or would have been. */
export interface Refusal {
  /** Nanoseconds of the boot clock (CLOCK_BOOTTIME). */
  readonly time: bigint;
  readonly service: string;
  readonly operation: Operation | "socket";
  /** The process; of `receive` 0, since packets come whoever runs. */
  readonly pid: number;
  readonly command: string;
  readonly uid: number;
  /** The other side; of `bind` the own address; of `socket` none. */
  readonly address: string;
  /** The other side's; of `bind` and `receive` the own one. */
  readonly port: number;
  /** IP's number of it: `tcp`, `udp`, or the number as text. */
  readonly protocol: string;
  /** What decided: the rule by its number in the list, from 1; `default`; or that it is no socket of TCP or UDP. */
  readonly rule: number | "default" | "other-sockets";
  readonly dryRun: boolean;
  /** Names that the address has by the answers seen lately, the newest first. */
  readonly names: readonly string[];
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "icmp6",
  132: "sctp",
  262: "mptcp",
};

/** The number of the policy that a record is of. */
export const generationOf = (view: DataView, offset: number, length: number): number =>
  length < Refused.size ? 0 : view.getUint32(offset + Refused.generation, true);

/** Reads a record of the ring; undefined: it is none of this policy's. */
export function readRefusal(
  view: DataView,
  offset: number,
  length: number,
  plan: Plan,
  namesOf: (address: Uint8Array) => readonly string[] = () => [],
): Refusal | undefined {
  if (length < Refused.size) return undefined;
  const u8 = (at: number): number => view.getUint8(offset + at);
  const service = plan.services[view.getUint16(offset + Refused.service, true)];
  const operation = OPERATION_NAMES[u8(Refused.operation)];
  if (service === undefined || operation === undefined) return undefined;
  const bytes = (at: number, size: number): Uint8Array =>
    new Uint8Array(view.buffer, view.byteOffset + offset + at, size).slice();
  const family = u8(Refused.family) === 4 ? 4 : 6;
  const address = bytes(Refused.address, family === 4 ? 4 : 16);
  const rule = view.getUint16(offset + Refused.rule, true);
  const protocol = u8(Refused.protocol);
  const command = bytes(Refused.command, 16);
  const end = command.indexOf(0);
  return {
    time: view.getBigUint64(offset + Refused.time, true),
    service: service.service.name,
    operation,
    pid: view.getUint32(offset + Refused.pid, true),
    command: new TextDecoder().decode(end < 0 ? command : command.subarray(0, end)),
    uid: view.getUint32(offset + Refused.uid, true),
    address: family === 4 ? formatIpv4(address) : formatIpv6(address),
    port: view.getUint16(offset + Refused.port, true),
    protocol: PROTOCOLS[protocol] ?? String(protocol),
    rule: rule === NO_RULE ? "default" : rule === OTHER_SOCKET ? "other-sockets" : rule + 1,
    dryRun: u8(Refused.dryRun) !== 0,
    names: operation === "socket" ? [] : namesOf(addressKey(address)),
  };
}

const WORDS: Readonly<Record<Refusal["operation"], string>> = {
  connect: "connect to",
  send: "send to",
  bind: "bind to",
  receive: "receive from",
  socket: "make a socket",
};

/** `web: nginx (812) may not connect to 10.1.2.3:443/tcp (db.example.com): rule 2` */
export function formatRefusal(refusal: Refusal): string {
  const { service, command, pid, operation, address, port, protocol, names, rule, dryRun } = refusal;
  const who = operation === "receive" ? "" : ` ${printable(command)} (${pid})`;
  const where = address.includes(":") ? `[${address}]` : address;
  // Of `receive` the port is the service's own.
  const place = operation === "receive" ? `${where} at port ${port}/${protocol}` : `${where}:${port}/${protocol}`;
  const what = operation === "socket" ? `make a socket of protocol ${protocol}` : `${WORDS[operation]} ${place}`;
  const known = names.length === 0 ? "" : ` (${names.slice(0, 3).join(", ")})`;
  const why =
    typeof rule === "number"
      ? `rule ${rule} of ${operation}`
      : rule === "default"
        ? "no rule allows it"
        : "neither TCP nor UDP";
  return `${service}:${who} ${dryRun ? "would not be allowed to" : "may not"} ${what}${known}: ${why}`;
}

/** Commands are whatever a process calls itself. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, "\ufffd");

export interface RuleCount {
  readonly service: string;
  readonly operation: Operation;
  /** From 1; absent: what no rule matched. */
  readonly rule?: number;
  readonly verdict: Verdict;
  readonly count: bigint;
}

/** How often each rule decided, from the value of the map of counters; and records that were lost. */
export function readCounts(
  plan: Plan,
  words: BigUint64Array,
): { readonly rules: readonly RuleCount[]; readonly lost: bigint } {
  const at = (index: number): bigint => words[index] ?? 0n;
  return {
    rules: plan.services.flatMap(({ service, operations }) =>
      operations.flatMap(({ operation, rules, counter }) => [
        ...rules.map(
          (rule, i): RuleCount => ({
            service: service.name,
            operation,
            rule: i + 1,
            verdict: rule.verdict,
            count: at(rule.counter),
          }),
        ),
        { service: service.name, operation, verdict: service.default, count: at(counter) },
      ]),
    ),
    lost: at(plan.counters),
  };
}
