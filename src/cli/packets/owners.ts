// Which process a packet is of: by the socket at its end that is this machine's, as /proc/net and /proc/PID/fd tell. Sockets that
// are gone before they were looked up have no name, nor do those of other network namespaces.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { inNetworkNamespace } from "../../kernel/index.ts";

/** Between two looks at all processes: one costs milliseconds. */
const REFRESH_MILLISECONDS = 500;
/** Processes and ports that are kept; more begin anew. */
const MOST = 100_000;

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const TCP = 6;
const UDP = 17;
const IPV6_HEADER = 40;

const TABLES = [
  { file: "tcp", protocol: TCP },
  { file: "tcp6", protocol: TCP },
  { file: "udp", protocol: UDP },
  { file: "udp6", protocol: UDP },
] as const;

/** Ports of a packet as one number: protocol, local port, remote port. */
const keyOf = (protocol: number, local: number, remote: number): number => (protocol * 65536 + local) * 65536 + remote;

/** Sockets of a table of /proc/net: inodes by their ports; those that are not connected have the remote port 0. */
export function parseSockets(text: string, protocol: number): [key: number, inode: number][] {
  const found: [number, number][] = [];
  for (const line of text.split("\n").slice(1)) {
    const words = line.trim().split(/\s+/);
    const [local, remote] = [words[1], words[2]].map((word) => Number.parseInt(word?.split(":")[1] ?? "", 16));
    const inode = Number(words[9]);
    if (local === undefined || remote === undefined || !(inode > 0)) continue;
    found.push([keyOf(protocol, local, remote), inode]);
  }
  return found;
}

/** The protocol and ports of an Ethernet frame with IPv4 or IPv6; undefined where it has none. */
export function portsOf(
  bytes: Uint8Array,
  at: number,
  kept: number,
  first: "ethernet" | "ip",
): { readonly protocol: number; readonly source: number; readonly destination: number } | undefined {
  const byte = (i: number): number => (i < at + kept ? (bytes[i] as number) : 0);
  const word = (i: number): number => (byte(i) << 8) | byte(i + 1);
  const network = first === "ethernet" ? at + 14 : at;
  const type = first === "ethernet" ? word(at + 12) : byte(at) >> 4 === 6 ? IPV6 : IPV4;
  if (type !== IPV4 && type !== IPV6) return undefined;
  // Later fragments have no ports.
  if (type === IPV4 && (word(network + 6) & 0x1fff) !== 0) return undefined;
  const protocol = byte(network + (type === IPV4 ? 9 : 6));
  if (protocol !== TCP && protocol !== UDP) return undefined;
  const transport = network + (type === IPV4 ? (byte(network) & 15) * 4 : IPV6_HEADER);
  if (transport + 4 > at + kept) return undefined;
  return { protocol, source: word(transport), destination: word(transport + 2) };
}

export class Owners {
  readonly #netns: string | undefined;
  #names = new Map<number, string>();
  #unknown = new Set<number>();
  #refreshed = Number.NEGATIVE_INFINITY;

  /** `netns`: the namespace that is captured in. */
  constructor(netns?: string) {
    this.#netns = netns;
  }

  /** `curl, pid 1234`; undefined where nobody is known. `both`: either end is this machine's (loopback). */
  of(
    bytes: Uint8Array,
    at: number,
    kept: number,
    outgoing: boolean,
    first: "ethernet" | "ip",
    both: boolean,
  ): string | undefined {
    const ports = portsOf(bytes, at, kept, first);
    if (ports === undefined) return undefined;
    const { protocol, source, destination } = ports;
    const [local, remote] = outgoing || both ? [source, destination] : [destination, source];
    const ends = both
      ? [keyOf(protocol, local, remote), keyOf(protocol, remote, local)]
      : [keyOf(protocol, local, remote)];
    for (const [i, key] of ends.entries()) {
      const found = this.#holder(key, keyOf(protocol, i === 0 ? local : remote, 0));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Who holds a socket that is connected, or one that takes packets from anywhere. */
  #holder(connected: number, open: number): string | undefined {
    const known = this.#names.get(connected) ?? this.#names.get(open);
    if (known !== undefined) return known;
    const old = performance.now() - this.#refreshed >= REFRESH_MILLISECONDS;
    if (!old && this.#unknown.has(connected)) return undefined;
    if (old) this.#refresh();
    const found = this.#names.get(connected) ?? this.#names.get(open);
    if (found === undefined) this.#unknown.add(connected);
    return found;
  }

  #refresh(): void {
    if (this.#names.size > MOST) this.#names = new Map();
    this.#unknown = new Set();
    const inodes = inNetworkNamespace(this.#netns, () =>
      TABLES.flatMap(({ file, protocol }) => parseSockets(read(`/proc/thread-self/net/${file}`), protocol)),
    );
    const holders = holdersOf(new Set(inodes.map(([, inode]) => inode)));
    for (const [key, inode] of inodes) {
      const name = holders.get(inode);
      if (name !== undefined) this.#names.set(key, name);
    }
    this.#refreshed = performance.now();
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Processes that hold sockets, by the sockets' inodes. */
function holdersOf(wanted: ReadonlySet<number>): Map<number, string> {
  const holders = new Map<number, string>();
  if (wanted.size === 0) return holders;
  for (const pid of list("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    let name: string | undefined;
    for (const fd of list(`/proc/${pid}/fd`)) {
      let link: string;
      try {
        link = readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        continue;
      }
      if (!link.startsWith("socket:[")) continue;
      const inode = Number(link.slice(8, -1));
      // Of several the first one: it has opened it, as a rule.
      if (!wanted.has(inode) || holders.has(inode)) continue;
      name ??= `${read(`/proc/${pid}/comm`).trimEnd()}, pid ${pid}`;
      holders.set(inode, name);
    }
  }
  return holders;
}
