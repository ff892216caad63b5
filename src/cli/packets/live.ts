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
import { PacketType, Poller, RING_BLOCK, type RingCounts, type RingReader } from "../../kernel/index.ts";
import { printText } from "../streams.ts";
import { version } from "../version.ts";
import { CaptureFiles, type Rotation } from "./capture-files.ts";
import { ANY, type LiveSource, LOOPBACK, linkOf, openSource, type SourceInterface } from "./live-source.ts";
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

/** How long what is known of a packet's process is kept. */
const OWNER_MILLISECONDS = 500;

/** Gives the exit status. */
export async function filterLive(options: LiveOptions): Promise<number> {
  using source = openSource(options);
  const { ring } = source;
  const most = options.packets ?? Number.POSITIVE_INFINITY;
  const output = options.write === undefined ? undefined : filesOf(options, source);
  const printer = new Printer(options.json ? packetJson : packetLine);
  const owners = options.processes ? new Owners(options.netns) : undefined;
  const ownerOf = (bytes: Uint8Array, at: number, kept: number, type: number, hardware: number): string | undefined =>
    owners?.of(
      bytes,
      at,
      kept,
      type === PacketType.OUTGOING,
      linkOf(hardware)?.first ?? "ethernet",
      hardware === LOOPBACK,
    );
  const numberOf = numbering(source, output, options);
  let matched = 0;
  const poller = new Poller([ring.fd]);
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    poller.wake();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const each: RingReader = (at, kept, length, seconds, nanoseconds, type, vlan, index, hardware) => {
    // What loopback sends it receives as well.
    if ((hardware === LOOPBACK && type === PacketType.OUTGOING) || matched >= most) return;
    const filter = source.filterOf(hardware);
    const tag = vlan === 0 ? 0 : 4;
    if (filter?.matches(withTag(ring.bytes, at, kept, vlan), { length: length + tag }) === false) return;
    const number = numberOf(index);
    if (number === undefined) return;
    matched++;
    if (options.count && output === undefined) return;
    const owner = ownerOf(ring.bytes, at, kept, type, hardware);
    if (output !== undefined) {
      output.turn(seconds);
      const flags = FLAGS[type] ?? INBOUND;
      output.blocks.packet(number, seconds, nanoseconds, ring.bytes, at, kept, length, flags, vlan, owner);
      return;
    }
    const { name, linkType } = source.interfaces[number] as SourceInterface;
    printer.add({
      data: withTag(ring.bytes, at, kept, vlan),
      length,
      linkType,
      time: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
      ...(options.interface === ANY ? { interface: { number, name } } : {}),
      ...(owner === undefined ? {} : { comment: owner }),
    });
  };
  // Where packets are only written, whole blocks are.
  const blocks =
    output === undefined || source.filterOf(LOOPBACK) !== undefined
      ? undefined
      : new RingBlocks({
          blockBytes: RING_BLOCK,
          flags: Array.from({ length: 8 }, (_, type) => FLAGS[type] ?? INBOUND),
          without: PacketType.OUTGOING,
          interfaceOf: numberOf,
          ...(owners === undefined
            ? {}
            : { commentOf: ({ bytes, at, kept, type, hardware }) => ownerOf(bytes, at, kept, type, hardware) }),
        });
  let asked = performance.now();
  const take = (): void => {
    if (blocks === undefined || output === undefined) ring.read(each);
    else {
      if (performance.now() - asked >= OWNER_MILLISECONDS) {
        blocks.forgetComments();
        asked = performance.now();
      }
      ring.readBlocks((block, bytes, first, packets) => {
        blocks.begin(ring.bytes, block, bytes, first, packets);
        matched += writeBlock(blocks, output, most - matched);
      });
    }
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
    for (const message of source.leftOut) printText(2, `WARNING: ${message}\n`);
    printText(2, ending(matched, counts));
    return down ? 1 : 0;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    await poller.close();
  }
}

/** Bytes that are written by themselves, not gathered. */
const LARGE = 1 << 16;

/** Writes the packets of a block, at most so many, over as many files as they take; answers how many they were. */
function writeBlock(blocks: RingBlocks, output: CaptureFiles, most: number): number {
  let written = 0;
  /** The next packet goes into this file, whatever its size and time. */
  let begun = false;
  while (written < most) {
    const packets = begun ? 1 : Math.min(most - written, 0xffffffff);
    const part = blocks.next(begun ? { packets } : { packets, ...output.room() });
    begun = false;
    written += part.packets;
    if (part.bytes.length >= LARGE) output.blocks.pass(part.bytes);
    else output.blocks.add(part.bytes);
    if (part.stopped === "end") break;
    if (part.stopped === "bytes" || part.stopped === "until") {
      output.next();
      begun = true;
    }
  }
  return written;
}

/** The numbers of interfaces in the file, where those that come later are written too. */
function numbering(source: LiveSource, output: CaptureFiles | undefined, options: LiveOptions): LiveSource["numberOf"] {
  let known = source.interfaces.length;
  return (index) => {
    const number = source.numberOf(index);
    for (; known < source.interfaces.length; known++)
      output?.blocks.add(blockOf(source.interfaces[known] as SourceInterface, options));
    return number;
  };
}

const blockOf = ({ name, linkType }: SourceInterface, { text, snapshotLength }: LiveOptions): Uint8Array =>
  interfaceBlock({ name, linkType, snapshotLength, filter: text });

/** `1,234 packets, none lost`. */
export function ending(matched: number, { dropped }: RingCounts): string {
  const grouped = (number: number): string => `${number}`.replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
  const lost = dropped === 0 ? "none lost" : `${grouped(dropped)} lost, since they came faster than they were taken`;
  return `${grouped(matched)} packet${matched === 1 ? "" : "s"}, ${lost}\n`;
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

function filesOf(options: LiveOptions, { interfaces, ring }: LiveSource): CaptureFiles {
  const { write, rotation, keep } = options;
  return new CaptureFiles({
    path: write ?? "-",
    ...(rotation === undefined ? {} : { rotation }),
    ...(keep === undefined ? {} : { keep }),
    head: () => [sectionBlock(`scry ${version}`), ...interfaces.map((one) => blockOf(one, options))],
    // Of all interfaces together nobody knows which one has lost a packet.
    tail: () => (options.interface === ANY ? [] : [statisticsBlock(0, BigInt(Date.now()) * 1_000_000n, ring.counts())]),
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
