// A balancer as data: what a configuration says, with everything that it leaves unsaid.

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface Server {
  readonly name: string;
  /** As RFC 5952 or dots write it. */
  readonly address: string;
  /** That it listens on; absent: the one that the client asked for. */
  readonly port?: number;
  /** Relative to the others'; 0 takes no new flows. */
  readonly weight: number;
  /** Flows that it may have at once. */
  readonly connections?: number;
  /** It keeps its flows, and takes no new ones. */
  readonly drain: boolean;
  /** Its number in connection ids of QUIC. */
  readonly id?: number;
}

/** Times in seconds. */
export interface Health {
  readonly kind: "tcp" | "http" | "https" | "dns";
  /** A path, or a name that is asked for. */
  readonly target: string;
  readonly host?: string;
  readonly port?: number;
  readonly every: number;
  readonly timeout: number;
  readonly rise: number;
  readonly fall: number;
  readonly slowStart: number;
}

export interface Service {
  readonly name: string;
  readonly address: string;
  readonly ports: PortRange | "any";
  readonly protocol: "tcp" | "udp" | "quic";
  readonly mode: "packets" | "sockets";
  readonly forward: "ipip" | "gue" | "snat";
  /** How long a packet may be on its way to a server; absent: as the kernel's routes or the interface have it. */
  readonly mtu?: number;
  readonly affinity: "none" | "source";
  readonly servers: readonly Server[];
  readonly health?: Health;
}

export interface Balancer {
  readonly source?: string;
  readonly source6?: string;
  readonly next: "routes" | "sender" | { readonly mac: string };
  readonly guePort: number;
  /** Absent: by the number of servers. */
  readonly ring?: number;
  readonly flows: number;
  readonly shared?: { readonly name: string; readonly entries: number };
  /** Seconds after which a flow without packets is over. */
  readonly idle: number;
  readonly snatPorts: PortRange;
  readonly quicId: { readonly offset: number; readonly bytes: 1 | 2 | 4 };
  readonly services: readonly Service[];
}
