// Servers' link-layer addresses: the data plane asks the kernel's routes for the next hop, and cannot wait for an answer of ARP. A
// datagram without content to the discard port (RFC 863) has the kernel ask, and ask again before it forgets.

import { createSocket, type Socket } from "node:dgram";
import { isFour } from "../balance/index.ts";

const DISCARD = 9;
/** The kernel takes a neighbour for reachable for 15 to 45 s (net.ipv4.neigh.default.base_reachable_time_ms). */
const AGAIN_MILLISECONDS = 10_000;

export class Neighbours {
  readonly #sockets = new Map<4 | 6, Socket>();
  #addresses: readonly string[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#call(), AGAIN_MILLISECONDS);
    this.#timer.unref();
  }

  /** These from now on. */
  keep(addresses: readonly string[]): void {
    this.#addresses = [...new Set(addresses)];
    this.#call();
  }

  #call(): void {
    for (const address of this.#addresses) {
      // What comes back says that nobody listens, or that there is no way: the data plane counts that.
      this.#socket(isFour(address) ? 4 : 6).send(new Uint8Array(), DISCARD, address, () => undefined);
    }
  }

  #socket(family: 4 | 6): Socket {
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const socket = createSocket(family === 4 ? "udp4" : "udp6");
    socket.on("error", () => undefined);
    socket.unref();
    this.#sockets.set(family, socket);
    return socket;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets.values()) socket.close();
  }
}
