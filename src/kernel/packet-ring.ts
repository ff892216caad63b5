// Packets of an interface by a ring of memory that is shared with the kernel (TPACKET_V3, Documentation/networking/packet_mmap.rst):
// the kernel fills block by block, and hands on one that is full or has waited for a while.
//
//     block:  version, offset, status, packets, first │ header, address, packet │ header, address, packet │ …

import { SystemCallError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { packetMreq, sockaddrLl, sockFprog, tpacketReq3 } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { inNetworkNamespace } from "./net-namespace.ts";
import { interfaceIndex, interfaceNetmask, interfaceType } from "./sockets.ts";
import { checked, MAP_SHARED, PROT_READ, PROT_WRITE } from "./system-calls.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
/** linux/if_ether.h, in the byte order of the network. */
const ETH_P_ALL = 0x0300;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_ATTACH_FILTER = 26;
const ENETDOWN = 100;
/** linux/if_packet.h */
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const TPACKET_V3 = 2;
const PACKET_MR_PROMISC = 1;
const TP_STATUS_KERNEL = 0;
const TP_STATUS_USER = 1;
const TP_STATUS_VLAN_VALID = 0x10;
const TP_STATUS_VLAN_TPID_VALID = 0x40;
const VLAN = 0x8100;
/** Of `struct tpacket_block_desc`, in words: status, packets, bytes to the first, bytes of all. */
const BLOCK_STATUS = 2;
const BLOCK_PACKETS = 3;
const BLOCK_FIRST = 4;
const BLOCK_LENGTH = 5;
/** Of `struct tpacket3_hdr`, in bytes; behind it, the `struct sockaddr_ll` of the packet. */
const Header = { NEXT: 0, SECONDS: 4, NANOSECONDS: 8, KEPT: 12, LENGTH: 16, STATUS: 20, MAC: 24, VLAN: 32, TPID: 36 };
const ADDRESS = { INDEX: 48 + 4, HARDWARE: 48 + 8, TYPE: 48 + 10 };
const PAGE = 4096;
const EPERM = 1;

/** What a packet is to this machine (`sll_pkttype`): to us, to all, to some, to others; from us. */
export const PacketType = { HOST: 0, BROADCAST: 1, MULTICAST: 2, OTHER: 3, OUTGOING: 4 } as const;

/**
 * A packet: `kept` bytes from `at` on of the ring's `bytes`, which are others when the call is back. `vlan`: the tag that the
 * kernel has taken out of it, its type in the upper half; 0 where there was none. `index` and `hardware` are its interface's number
 * and kind (linux/if_arp.h).
 */
export type RingReader = (
  at: number,
  kept: number,
  length: number,
  seconds: number,
  nanoseconds: number,
  type: number,
  vlan: number,
  index: number,
  hardware: number,
) => void;

/** A block of the ring: where it begins, bytes of it, bytes to its first packet, packets. */
export type BlockReader = (block: number, bytes: number, first: number, packets: number) => void;

export interface PacketRingOptions {
  /** Absent: all of the namespace, those too that come later. */
  readonly interface?: string;
  readonly netns?: string;
  /** A classic program as the kernel takes it (`encodeClassic`): only what it answers other than 0 for is received. */
  readonly filter?: Uint8Array;
  /** Bytes of the ring, a multiple of 1 MiB; 32 MiB by default. */
  readonly bytes?: number;
  /** After so long a block is handed on that is not full; 64 by default. */
  readonly milliseconds?: number;
  /** Packets to others too. The interface is as before once the ring is closed. */
  readonly promiscuous?: boolean;
}

export interface RingCounts {
  /** Packets that passed the filter, lost ones with them; packets that found no room. */
  readonly received: number;
  readonly dropped: number;
}

/** Bytes of a block. */
export const RING_BLOCK: number = 1 << 20;
const BLOCK = RING_BLOCK;

export class PacketRing {
  readonly fd: number;
  /** Of the interface: `ARPHRD_…` (linux/if_arp.h); 0 of all of them. */
  readonly hardware: number;
  /** Of its IPv4 network, where it has one. */
  readonly netmask: number | undefined;
  readonly bytes: Uint8Array;
  readonly #kernel: Kernel;
  readonly #pages: ArrayBuffer;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #blocks: number;
  #next = 0;
  #received = 0;
  #dropped = 0;
  #open = true;

  constructor(
    fd: number,
    { hardware, netmask }: { readonly hardware: number; readonly netmask: number | undefined },
    pages: ArrayBuffer,
    kernel: Kernel,
  ) {
    this.fd = fd;
    this.hardware = hardware;
    this.netmask = netmask;
    this.#kernel = kernel;
    this.#pages = pages;
    this.bytes = new Uint8Array(pages);
    this.#words = new Int32Array(pages);
    this.#view = new DataView(pages);
    this.#blocks = pages.byteLength / BLOCK;
  }

  /** Hands on the blocks that the kernel has filled so far, at most the whole ring once. */
  readBlocks(each: BlockReader): void {
    const view = this.#view;
    for (let turn = 0; turn < this.#blocks; turn++) {
      const block = this.#next * BLOCK;
      const status = block / 4 + BLOCK_STATUS;
      if ((Atomics.load(this.#words, status) & TP_STATUS_USER) === 0) break;
      each(
        block,
        view.getUint32(block + BLOCK_LENGTH * 4, true),
        view.getUint32(block + BLOCK_FIRST * 4, true),
        view.getUint32(block + BLOCK_PACKETS * 4, true),
      );
      Atomics.store(this.#words, status, TP_STATUS_KERNEL);
      this.#next = (this.#next + 1) % this.#blocks;
    }
  }

  /** Hands on what the kernel has filled so far, packet by packet. */
  read(each: RingReader): void {
    const view = this.#view;
    this.readBlocks((block, _, first, packets) => {
      let at = block + first;
      for (let i = 0; i < packets; i++) {
        const flags = view.getUint32(at + Header.STATUS, true);
        let vlan = 0;
        if ((flags & TP_STATUS_VLAN_VALID) !== 0) {
          const type = (flags & TP_STATUS_VLAN_TPID_VALID) !== 0 ? view.getUint16(at + Header.TPID, true) : VLAN;
          vlan = ((type << 16) | (view.getUint32(at + Header.VLAN, true) & 0xffff)) >>> 0;
        }
        each(
          at + view.getUint16(at + Header.MAC, true),
          view.getUint32(at + Header.KEPT, true),
          view.getUint32(at + Header.LENGTH, true),
          view.getUint32(at + Header.SECONDS, true),
          view.getUint32(at + Header.NANOSECONDS, true),
          view.getUint8(at + ADDRESS.TYPE),
          vlan,
          view.getUint32(at + ADDRESS.INDEX, true),
          view.getUint16(at + ADDRESS.HARDWARE, true),
        );
        at += view.getUint32(at + Header.NEXT, true);
      }
    });
  }

  /** Since the ring was opened. */
  counts(): RingCounts {
    // The kernel counts from zero again each time that it is asked.
    const counts = new Uint32Array(3);
    const bytes = new Uint8Array(counts.buffer);
    checked(
      this.#kernel.calls.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, bytes),
      "getsockopt(PACKET_STATISTICS)",
    );
    this.#received += counts[0] as number;
    this.#dropped += counts[1] as number;
    return { received: this.#received, dropped: this.#dropped };
  }

  /** Whether the interface went down or away since this was asked before: until it is up again nothing comes. */
  wentDown(): boolean {
    const error = new Uint32Array(1);
    const { calls } = this.#kernel;
    checked(calls.getsockopt(this.fd, SOL_SOCKET, SO_ERROR, new Uint8Array(error.buffer)), "getsockopt(SO_ERROR)");
    return error[0] === ENETDOWN;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#kernel.calls.munmap(this.#pages);
    this.#kernel.calls.close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a ring; it receives from then on. Throws a SystemCallError. */
export function openPacketRing(options: PacketRingOptions, kernel: Kernel = liveKernel()): PacketRing {
  return inNetworkNamespace(
    options.netns,
    () => openHere(options, kernel),
    kernel,
    (made) => made.close(),
  );
}

function openHere(options: PacketRingOptions, kernel: Kernel): PacketRing {
  const { calls } = kernel;
  const { interface: device, filter, bytes = 32 << 20, milliseconds = 64 } = options;
  const index = device === undefined ? 0 : interfaceIndex(device, kernel);
  const about =
    device === undefined
      ? { hardware: 0, netmask: undefined }
      : { hardware: interfaceType(device, kernel), netmask: interfaceNetmask(device, kernel) };
  const what = device === undefined ? "all interfaces" : `interface "${device}"`;
  // Without a protocol it receives nothing before it is bound, when its filter is there.
  const fd = calls.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd === -EPERM)
    throw new SystemCallError("socket", EPERM, "packet socket", "run as root, or give this process CAP_NET_RAW");
  checked(fd, "socket", "packet socket");
  try {
    const set = (level: number, name: number, value: Uint8Array, call: string): void =>
      void checked(calls.setsockopt(fd, level, name, value), `setsockopt(${call})`, what);
    set(SOL_PACKET, PACKET_VERSION, new Uint8Array(Int32Array.of(TPACKET_V3).buffer), "PACKET_VERSION");
    const ring = kernel.struct(tpacketReq3, {
      tp_block_size: BLOCK,
      tp_block_nr: bytes / BLOCK,
      tp_frame_size: PAGE,
      tp_frame_nr: bytes / PAGE,
      tp_retire_blk_tov: milliseconds,
    });
    set(SOL_PACKET, PACKET_RX_RING, ring.bytes, "PACKET_RX_RING");
    if (filter !== undefined) {
      const program = kernel.struct(sockFprog, { len: filter.length / 8, filter });
      set(SOL_SOCKET, SO_ATTACH_FILTER, program.bytes, "SO_ATTACH_FILTER");
    }
    const pages = calls.mmap(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (typeof pages === "number") throw new SystemCallError("mmap", -pages, "ring of a packet socket");
    try {
      const address = kernel.struct(sockaddrLl, {
        sll_family: AF_PACKET,
        sll_protocol: ETH_P_ALL,
        sll_ifindex: index,
      });
      checked(calls.bind(fd, address.bytes), "bind", what);
      if (options.promiscuous === true) {
        const membership = kernel.struct(packetMreq, { mr_ifindex: index, mr_type: PACKET_MR_PROMISC });
        set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership.bytes, "PACKET_ADD_MEMBERSHIP");
      }
    } catch (error) {
      calls.munmap(pages);
      throw error;
    }
    return new PacketRing(fd, about, pages, kernel);
  } catch (error) {
    calls.close(fd);
    throw error;
  }
}
