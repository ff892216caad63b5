// Sockets as far as programs need them: an interface's number, and a packet socket for a filter to sit on.

import { SystemCallError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { ifreq } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { inNetworkNamespace } from "./net-namespace.ts";
import { cString, type Struct } from "./struct.ts";
import { checked } from "./system-calls.ts";

const AF_INET = 2;
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
/** linux/if_ether.h, in the byte order of the network. */
const ETH_P_ALL = 0x0300;
/** linux/sockios.h */
const SIOCGIFINDEX = 0x8933;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFMTU = 0x8921;
const SIOCGIFNETMASK = 0x891b;
const EADDRNOTAVAIL = 99;
const IFNAMSIZ = 16;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;

/** The number of an interface of this thread's network namespace. Throws a SystemCallError where there is none. */
export const interfaceIndex = (name: string, kernel: Kernel = liveKernel()): number =>
  askInterface(name, "SIOCGIFINDEX", SIOCGIFINDEX, kernel).get("ifr_ifindex");

/** What packets of an interface begin with: `ARPHRD_…` of linux/if_arp.h. Throws a SystemCallError. */
export const interfaceType = (name: string, kernel: Kernel = liveKernel()): number =>
  askInterface(name, "SIOCGIFHWADDR", SIOCGIFHWADDR, kernel).get("ifr_type");

/** How long a packet that leaves by an interface may be, without its link-layer header. Throws a SystemCallError. */
export const interfaceMtu = (name: string, kernel: Kernel = liveKernel()): number =>
  askInterface(name, "SIOCGIFMTU", SIOCGIFMTU, kernel).get("ifr_mtu");

/** The mask of an interface's first IPv4 network (0xffffff00); undefined where it has none. */
export function interfaceNetmask(name: string, kernel: Kernel = liveKernel()): number | undefined {
  try {
    // `struct sockaddr_in`: family and port, then the address.
    const address = askInterface(name, "SIOCGIFNETMASK", SIOCGIFNETMASK, kernel).getBytes("ifr_addr");
    return new DataView(address.buffer, address.byteOffset).getUint32(4);
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === EADDRNOTAVAIL) return undefined;
    throw error;
  }
}

function askInterface(name: string, call: string, request: number, kernel: Kernel): Struct<typeof ifreq> {
  const { calls } = kernel;
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0 || bytes.length >= IFNAMSIZ)
    throw new SystemCallError(`ioctl(${call})`, 19, `interface "${name}"`, "a name has 1 to 15 bytes");
  const asked = kernel.struct(ifreq, { ifr_name: bytes });
  const socket = checked(calls.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  try {
    checked(
      calls.ioctl(socket, request, Number(calls.addressOf(asked.bytes))),
      `ioctl(${call})`,
      `interface "${name}"`,
    );
    return asked;
  } finally {
    calls.close(socket);
  }
}

/** A socket that receives every packet of an interface (of all, without one), from its link-layer header. */
export class PacketSocket {
  readonly fd: number;
  readonly #kernel: Kernel;
  #open = true;

  constructor(fd: number, kernel: Kernel = liveKernel()) {
    this.fd = fd;
    this.#kernel = kernel;
  }

  /** The next packet that passed the filter, cut to `most` bytes; undefined where none waits. */
  read(most = 65536): Uint8Array | undefined {
    const buffer = new Uint8Array(most);
    const length = this.#kernel.calls.read(this.fd, buffer);
    if (length === -11) return undefined;
    return buffer.subarray(0, checked(length, "read", "packet socket"));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#kernel.calls.close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a packet socket (packet(7)). It receives from the moment that it is open: filter first, then `read` away the rest. */
export function openPacketSocket(
  where: { readonly interface?: string; readonly netns?: string } = {},
  kernel: Kernel = liveKernel(),
): PacketSocket {
  return inNetworkNamespace(
    where.netns,
    () => openHere(kernel, where.interface),
    kernel,
    (made) => made.close(),
  );
}

function openHere(kernel: Kernel, device: string | undefined): PacketSocket {
  const { calls } = kernel;
  const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const fd = checked(calls.socket(AF_PACKET, type, ETH_P_ALL), "socket", "packet socket");
  if (device !== undefined) {
    const result = calls.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, cString(device));
    if (result < 0) {
      calls.close(fd);
      throw new SystemCallError("setsockopt(SO_BINDTODEVICE)", -result, `interface "${device}"`);
    }
  }
  return new PacketSocket(fd, kernel);
}
