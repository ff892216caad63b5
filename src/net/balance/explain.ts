// Which server a flow goes to, and why: told by the reference, with what the running balancer remembers where there is one.

import { packet } from "../../packets/index.ts";
import { parseIpv4, parseIpv6 } from "../../source/index.ts";
import { isFour } from "./config.ts";
import type { Plan } from "./plan.ts";
import { decide, type KnownFlow, type State, stateOf } from "./reference.ts";
import type { Settings } from "./settings.ts";

/** A flow from a client to a service. */
export interface Flow {
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly port: number;
}

/** `tcp 198.51.100.7:40000 192.0.2.80:443`, addresses of IPv6 in brackets; undefined: this is no flow. */
export function parseFlow(words: readonly string[]): Flow | undefined {
  const [protocol, from, to, ...rest] = words.flatMap((word) => word.split(/[\s,>]+|->/)).filter((word) => word !== "");
  if ((protocol !== "tcp" && protocol !== "udp") || from === undefined || to === undefined || rest.length > 0)
    return undefined;
  const [source, destination] = [endOf(from), endOf(to)];
  if (source === undefined || destination === undefined || isFour(source.address) !== isFour(destination.address))
    return undefined;
  return {
    protocol,
    source: source.address,
    sourcePort: source.port,
    destination: destination.address,
    port: destination.port,
  };
}

function endOf(text: string): { address: string; port: number } | undefined {
  const [, six, four, port] = /^(?:\[([\da-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text) ?? [];
  const address = six ?? four;
  if (address === undefined || Number(port) > 65_535) return undefined;
  const right = six === undefined ? parseIpv4(address) !== undefined : parseIpv6(address) !== undefined;
  return right ? { address, port: Number(port) } : undefined;
}

const ACK = true;

/** The bytes of a packet of the flow. */
function packetOf({ protocol, source, sourcePort, destination, port }: Flow): Uint8Array {
  const ends = { source: sourcePort, destination: port };
  const eth = packet().eth();
  const ip = isFour(source) ? eth.ipv4({ source, destination }) : eth.ipv6({ source, destination });
  return (protocol === "tcp" ? ip.tcp({ ...ends, ack: ACK }) : ip.udp(ends)).bytes();
}

export interface Explanation {
  readonly kind: "pass" | "drop" | "send";
  readonly why: string;
  readonly service?: string;
  readonly server?: string;
  readonly address?: string;
  readonly state?: string;
  readonly by?: string;
}

const BY = { ipip: "IPIP", gue: "GUE", snat: "SNAT" } as const;

/** `known`: what is remembered of this flow, where it is. */
export function explainFlow(flow: Flow, plan: Plan, settings: Settings, known?: KnownFlow): Explanation {
  const state: State = stateOf(plan, settings);
  if (known !== undefined) {
    const text = (address: string, port: number): string => `${address}:${port}`;
    const protocol = flow.protocol === "tcp" ? 6 : 17;
    state.flows.set(`${text(flow.source, flow.sourcePort)} ${text(flow.destination, flow.port)} ${protocol}`, {
      ...known,
    });
  }
  const decision = decide(packetOf(flow), state);
  if (decision.kind === "answer") return { kind: "send", why: "an answer of a server, to its client" };
  if (decision.kind === "tell") return { kind: "drop", why: decision.why };
  if (decision.kind !== "send") return { kind: decision.kind, why: decision.why };
  const { service, server, standing, leaving } = decision.row;
  const six = service.forward === "ipip" && !isFour(server.address);
  return {
    kind: "send",
    why: decision.how,
    service: service.name,
    server: server.name,
    address: server.address,
    state: leaving ? "leaving" : standing.state,
    by: six ? "IP6IP6" : BY[service.forward],
  };
}
