// `scry filter -i IFACE`: packets as they pass, filtered in the kernel, printed, counted or written until a signal ends it.

import {
  INBOUND,
  interfaceBlock,
  OUTBOUND,
  RECEPTION,
  RingBlocks,
  sectionBlock,
  statisticsBlock,
} from "../../capture/index.ts";
import { encodeClassic } from "../../isa/index.ts";
import {
  openPacketRing,
  type PacketRing,
  PacketType,
  Poller,
  RING_BLOCK,
  type RingCounts,
} from "../../kernel/index.ts";
import { type CompiledFilter, compileFilter, type Expression, filterObject } from "../../lang/filter/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { printText } from "../streams.ts";
import { version } from "../version.ts";
import { CaptureFiles, type Rotation } from "./capture-files.ts";
import { Owners } from "./owners.ts";
import { packetJson, packetLine } from "./packet-lines.ts";

export interface LiveOptions {
  readonly text: string;
  readonly interface: string;
  readonly netns?: string;
  readonly write?: string;
  readonly rotation?: Rotation;
  readonly keep?: number;
  readonly count: boolean;
  readonly json: boolean;
  /** Ends after so many packets. */
  readonly packets?: number;
  readonly snapshotLength: number;
  readonly promiscuous: boolean;
  readonly processes: boolean;
}

/** Kinds of interfaces (linux/if_arp.h) by what their packets begin with, as capture files number it. */
const LINKS: Readonly<Record<number, { readonly linkType: number; readonly first: "ethernet" | "ip" }>> = {
  1: { linkType: 1, first: "ethernet" },
  772: { linkType: 1, first: "ethernet" },
  // Tunnels of IP; a tun device.
  519: { linkType: 101, first: "ip" },
  768: { linkType: 101, first: "ip" },
  769: { linkType: 101, first: "ip" },
  776: { linkType: 101, first: "ip" },
  65534: { linkType: 101, first: "ip" },
};
const LOOPBACK = 772;

/** How often is looked whether somebody else ended it. */
const WAIT_MILLISECONDS = 500;

/** A little more than after which the kernel hands on a block that is not full. */
const SETTLE_MILLISECONDS = 80;

const FLAGS: Readonly<Record<number, number>> = {
  [PacketType.HOST]: INBOUND | (RECEPTION["unicast"] as number),
  [PacketType.BROADCAST]: INBOUND | (RECEPTION["broadcast"] as number),
  [PacketType.MULTICAST]: INBOUND | (RECEPTION["multicast"] as number),
  [PacketType.OTHER]: INBOUND | (RECEPTION["promiscuous"] as number),
  [PacketType.OUTGOING]: OUTBOUND,
};

/** Gives the exit status. */
export async function filterLive(options: LiveOptions): Promise<number> {
  using opened = open(options);
  const { ring, linkType, first, filter, inUserSpace } = opened;
  const owners = options.processes ? new Owners(options.netns) : undefined;
  const most = options.packets ?? Number.POSITIVE_INFINITY;
  const loopback = ring.hardware === LOOPBACK;
  const output = options.write === undefined ? undefined : filesOf(options, linkType, () => ring.counts());
  const printer = new Printer(options.json ? packetJson : packetLine);
  let matched = 0;
  const poller = new Poller([ring.fd]);
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    poller.wake();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const each = (
    at: number,
    kept: number,
    length: number,
    seconds: number,
    nanoseconds: number,
    type: number,
    vlan: number,
  ): void => {
    // What loopback sends it receives as well.
    if ((loopback && type === PacketType.OUTGOING) || matched >= most) return;
    if (inUserSpace && !filter.matches(withTag(ring.bytes, at, kept, vlan), { length: length + (vlan === 0 ? 0 : 4) }))
      return;
    matched++;
    if (output !== undefined) {
      output.turn(seconds);
      const flags = FLAGS[type] ?? INBOUND;
      const owner = owners?.of(ring.bytes, at, kept, type === PacketType.OUTGOING, first, loopback);
      output.blocks.packet(0, seconds, nanoseconds, ring.bytes, at, kept, length, flags, vlan, owner);
    } else if (!options.count) {
      const data = withTag(ring.bytes, at, kept, vlan);
      const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
      const owner = owners?.of(ring.bytes, at, kept, type === PacketType.OUTGOING, first, loopback);
      printer.add({ data, length, linkType, time, ...(owner === undefined ? {} : { comment: owner }) });
    }
  };
  // Where packets are only written, whole blocks are.
  const blocks =
    output === undefined ||
    inUserSpace ||
    owners !== undefined ||
    most < Number.POSITIVE_INFINITY ||
    options.rotation !== undefined
      ? undefined
      : new RingBlocks({
          blockBytes: RING_BLOCK,
          flags: Array.from({ length: 8 }, (_, type) => FLAGS[type] ?? INBOUND),
          ...(loopback ? { without: PacketType.OUTGOING } : {}),
        });
  const take = (): void => {
    if (blocks === undefined) ring.read(each);
    else
      ring.readBlocks((block, bytes, first, packets) => {
        const made = blocks.convert(ring.bytes, block, bytes, first, packets);
        matched += made.packets;
        output?.blocks.pass(made.bytes);
      });
    printer.flush();
    output?.blocks.flush();
  };
  try {
    printText(2, `Capturing on ${options.interface}; Ctrl-C ends it\n`);
    let down = false;
    while (!stopped && !down && matched < most) {
      await poller.wait(WAIT_MILLISECONDS);
      take();
      down = ring.wentDown();
    }
    if (matched < most) {
      // What came until now is in a block that is handed on soon.
      await new Promise((done) => setTimeout(done, SETTLE_MILLISECONDS));
      take();
    }
    const counts = ring.counts();
    output?.close();
    if (options.count) printText(1, `${matched}\n`);
    if (down) printText(2, `WARNING: ${options.interface} is down, or gone\n`);
    printText(2, ending(matched, counts));
    return down ? 1 : 0;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    await poller.close();
  }
}

/** `1,234 packets, none lost`. */
export function ending(matched: number, { dropped }: RingCounts): string {
  const grouped = (number: number): string => `${number}`.replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
  const lost = dropped === 0 ? "none lost" : `${grouped(dropped)} lost, since they came faster than they were taken`;
  return `${grouped(matched)} packet${matched === 1 ? "" : "s"}, ${lost}\n`;
}

interface Opened extends Disposable {
  readonly ring: PacketRing;
  readonly linkType: number;
  readonly first: "ethernet" | "ip";
  readonly filter: CompiledFilter;
  readonly inUserSpace: boolean;
}

function open({ text, snapshotLength, promiscuous, netns, interface: device }: LiveOptions): Opened {
  // What is wrong with the text is said before anything is opened; most interfaces are of this kind.
  compileFilter(text, { mayMatchNothing: true, netmask: 0xffffff00 });
  const ringOf = (filter: CompiledFilter | undefined): PacketRing =>
    openPacketRing({
      interface: device,
      promiscuous,
      ...(netns === undefined ? {} : { netns }),
      ...(filter === undefined ? {} : { filter: encodeClassic(filter.classic) }),
    });
  // Which kind it is the first ring tells, which is closed before it has anything.
  const nothing = compileFilter("len = 0 and len = 1", { mayMatchNothing: true });
  const about = (): { readonly hardware: number; readonly netmask: number | undefined } => {
    using probe = ringOf(nothing);
    return { hardware: probe.hardware, netmask: probe.netmask };
  };
  const { hardware, netmask } = about();
  const link = LINKS[hardware];
  if (link === undefined)
    throw new DiagnosticError([
      {
        code: "SCRY2003",
        severity: "error",
        message: `Packets of ${device} begin with a header that scry has no filters for (kind ${hardware} of linux/if_arp.h)`,
        hints: ["Interfaces of Ethernet, loopback and tunnels of IP are captured from"],
      },
    ]);
  const filter = compileFilter(text, {
    linkType: link.linkType,
    snapshotLength,
    ...(netmask === undefined ? {} : { netmask }),
  });
  // Loops are refused, and too long programs by the kernel.
  filterObject(filter);
  const inUserSpace = asksTags(filter.tree);
  const ring = ringOf(inUserSpace ? undefined : filter);
  return { ring, ...link, filter, inUserSpace, [Symbol.dispose]: () => ring.close() };
}

/** Whether a filter asks for VLAN tags, which the kernel takes out of packets before it shows them to filters. */
function asksTags(tree: Expression): boolean {
  switch (tree.kind) {
    case "and":
    case "or":
      return asksTags(tree.left) || asksTags(tree.right);
    case "not":
      return asksTags(tree.of);
    case "word":
      return tree.word === "vlan";
    default:
      return false;
  }
}

/** A copy of a packet, with its VLAN tag where it was. */
function withTag(bytes: Uint8Array, at: number, kept: number, vlan: number): Uint8Array {
  if (vlan === 0 || kept < 12) return bytes.slice(at, at + kept);
  const tagged = new Uint8Array(kept + 4);
  tagged.set(bytes.subarray(at, at + 12));
  new DataView(tagged.buffer).setUint32(12, vlan);
  tagged.set(bytes.subarray(at + 12, at + kept), 16);
  return tagged;
}

function filesOf(options: LiveOptions, linkType: number, counts: () => RingCounts): CaptureFiles {
  const { text, snapshotLength, write, rotation, keep, interface: name } = options;
  return new CaptureFiles({
    path: write ?? "-",
    ...(rotation === undefined ? {} : { rotation }),
    ...(keep === undefined ? {} : { keep }),
    head: () => [sectionBlock(`scry ${version}`), interfaceBlock({ name, linkType, snapshotLength, filter: text })],
    tail: () => [statisticsBlock(0, BigInt(Date.now()) * 1_000_000n, counts())],
  });
}

/** Lines that are printed together. */
class Printer {
  readonly #text: (packet: Parameters<typeof packetLine>[0]) => string;
  #lines = "";

  constructor(text: (packet: Parameters<typeof packetLine>[0]) => string) {
    this.#text = text;
  }

  add(packet: Parameters<typeof packetLine>[0]): void {
    this.#lines += `${this.#text(packet)}\n`;
    if (this.#lines.length > 1 << 16) this.flush();
  }

  flush(): void {
    if (this.#lines !== "") printText(1, this.#lines);
    this.#lines = "";
  }
}
