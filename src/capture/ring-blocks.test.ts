// Blocks of a ring as pcapng, against the writer that takes packet by packet.
import { describe, expect, it } from "vitest";
import { portsOf } from "../cli/packets/owners.ts";
import { packet } from "../packets/index.ts";
import { BlockWriter, RingBlocks, type RingLimits, type RingPart } from "./index.ts";

let state = 5;
const random = (below: number): number => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % below;
};

interface Given {
  readonly data: Uint8Array;
  readonly length: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly type: number;
  readonly vlan?: { readonly type?: number; readonly tag: number };
  readonly index?: number;
  readonly hardware?: number;
}

const HEAD = 48;

/** A block as the kernel fills it. */
function blockOf(packets: readonly Given[]): Uint8Array {
  const bytes = new Uint8Array(1 << 16).fill(0x5a);
  const view = new DataView(bytes.buffer);
  let at = HEAD;
  for (const { data, length, seconds, nanoseconds, type, vlan, index = 7, hardware = 1 } of packets) {
    const next = 82 + ((data.length + 13) & ~7);
    const status = vlan === undefined ? 1 : vlan.type === undefined ? 0x11 : 0x51;
    for (const [offset, value] of [
      [0, next],
      [4, seconds],
      [8, nanoseconds],
      [12, data.length],
      [16, length],
      [20, status],
    ])
      view.setUint32(at + (offset as number), value as number, true);
    view.setUint16(at + 24, 82, true);
    view.setUint32(at + 32, vlan?.tag ?? 0xdead, true);
    view.setUint16(at + 36, vlan?.type ?? 0xbeef, true);
    view.setUint32(at + 52, index, true);
    view.setUint16(at + 56, hardware, true);
    bytes[at + 58] = type;
    bytes.set(data, at + 82);
    at += next;
  }
  return bytes.subarray(0, at);
}

const FLAGS = [5, 13, 9, 17, 2, 1, 1, 1];

/** As the writer has it that takes packet by packet. */
function expected(
  packets: readonly Given[],
  on: (packet: Given) => number = () => 0,
  comment: (packet: Given) => string | undefined = () => undefined,
): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new BlockWriter((bytes) => parts.push(bytes.slice()));
  for (const packet of packets) {
    const { data, length, seconds, nanoseconds, type, vlan } = packet;
    const tag = vlan === undefined ? 0 : (((vlan.type ?? 0x8100) << 16) | vlan.tag) >>> 0;
    const flags = FLAGS[type] as number;
    writer.packet(on(packet), seconds, nanoseconds, data, 0, data.length, length, flags, tag, comment(packet));
  }
  writer.flush();
  return Buffer.concat(parts);
}

/** All of a block, in as many parts as its limits make of it. */
function written(
  blocks: RingBlocks,
  packets: readonly Given[],
  limits: RingLimits = {},
): { bytes: Buffer; parts: RingPart[] } {
  const block = blockOf(packets);
  blocks.begin(block, 0, block.length, HEAD, packets.length);
  const parts: RingPart[] = [];
  for (;;) {
    const part = blocks.next(limits);
    parts.push({ ...part, bytes: part.bytes.slice() });
    if (part.stopped === "end") break;
    if (parts.length > 10_000) throw new Error("it does not end");
  }
  return { bytes: Buffer.concat(parts.map(({ bytes }) => bytes)), parts };
}

const packetOf = (size: number): Given => ({
  data: Uint8Array.from({ length: size }, () => random(256)),
  length: size + random(100),
  seconds: random(4) === 0 ? 0xffffffff : 1_700_000_000 + random(1000),
  nanoseconds: random(1_000_000_000),
  type: random(5),
  ...(random(3) === 0 ? { vlan: { tag: random(65536), ...(random(2) === 0 ? { type: 0x88a8 } : {}) } } : {}),
});

describe("blocks of a ring", () => {
  it("are written as their packets are one by one", () => {
    const blocks = new RingBlocks({ blockBytes: 1 << 16, flags: FLAGS });
    for (let turn = 0; turn < 200; turn++) {
      const packets = Array.from({ length: random(20) }, () => packetOf(random(4) === 0 ? random(1500) : random(90)));
      const { bytes, parts } = written(blocks, packets);
      expect(parts.map((part) => part.packets)).toEqual([packets.length]);
      expect(bytes.equals(expected(packets)), `turn ${turn}`).toBe(true);
    }
  });

  it("leave out what loopback sends", () => {
    const blocks = new RingBlocks({ blockBytes: 1 << 16, flags: FLAGS, without: 4 });
    const packets = Array.from({ length: 80 }, () => ({ ...packetOf(60), hardware: random(2) === 0 ? 772 : 1 }));
    const kept = packets.filter(({ type, hardware }) => type !== 4 || hardware !== 772);
    expect(kept.length).toBeLessThan(packets.length);
    expect(written(blocks, packets).bytes.equals(expected(kept))).toBe(true);
  });

  it("stop behind so many packets, so many bytes, and before a second", () => {
    const blocks = new RingBlocks({ blockBytes: 1 << 16, flags: FLAGS });
    const packets = Array.from({ length: 40 }, (_, i) => ({ ...packetOf(60), seconds: 100 + Math.floor(i / 10) }));
    const whole = expected(packets);
    const byPackets = written(blocks, packets, { packets: 7 });
    expect(byPackets.parts.map((part) => part.packets)).toEqual([7, 7, 7, 7, 7, 5]);
    expect(byPackets.bytes.equals(whole)).toBe(true);
    const byBytes = written(blocks, packets, { bytes: 1000 });
    for (const { bytes, stopped } of byBytes.parts)
      if (stopped === "bytes") expect(bytes.length).toBeGreaterThanOrEqual(1000);
    for (const { bytes } of byBytes.parts) expect(bytes.length).toBeLessThan(1000 + 120);
    expect(byBytes.bytes.equals(whole)).toBe(true);
    const block = blockOf(packets);
    blocks.begin(block, 0, block.length, HEAD, packets.length);
    const first = blocks.next({ until: 102 });
    expect([first.packets, first.stopped]).toEqual([20, "until"]);
    expect([blocks.next({ until: 102 }).packets, blocks.next({ packets: 1 }).packets]).toEqual([0, 1]);
    expect(blocks.next()).toMatchObject({ packets: 19, stopped: "end" });
  });

  it("tell interfaces apart, those too whose packets are left out", () => {
    const asked: number[] = [];
    const numbers = new Map([1, 2, 257, 1_000_000].map((index, number) => [index, number]));
    const interfaceOf = (index: number): number | undefined => {
      asked.push(index);
      return numbers.get(index);
    };
    const blocks = new RingBlocks({ blockBytes: 1 << 16, flags: FLAGS, interfaceOf });
    const packets = Array.from({ length: 200 }, () => ({
      ...packetOf(60),
      index: [1, 2, 257, 1_000_000, 9][random(5)] as number,
    }));
    const kept = packets.filter(({ index }) => index !== 9);
    expect(written(blocks, packets).bytes.equals(expected(kept, ({ index = 0 }) => numbers.get(index) as number))).toBe(
      true,
    );
    // 1 and 257 share a place; the others are asked for once.
    expect(asked.filter((index) => index === 2 || index === 9)).toHaveLength(2);
  });

  it("have comments by the ports of TCP and UDP, each asked for once", () => {
    const built = (i: number): Given => {
      const start = random(6) === 0 ? packet() : packet().eth();
      const whole = [
        () => start.ipv4().udp({ source: 1000 + (i % 5), destination: 53 }),
        () => start.ipv6().tcp({ source: 1000 + (i % 5), destination: 443 }),
        () => start.ipv4({ options: new Uint8Array(8) }).tcp({ source: 80, destination: 2000 }),
        () => start.ipv4({ fragmentOffset: 5 }).udp(),
        () => start.ipv4().icmp(),
        () => packet().eth().arp(),
      ]
        [random(6)]?.()
        .payload("payload")
        .bytes() as Uint8Array;
      const data = random(8) === 0 ? whole.subarray(0, random(whole.length)) : whole;
      const ethernet = data.length < 1 || ![4, 6].includes((data[0] as number) >> 4);
      return { ...packetOf(0), data, hardware: ethernet ? ([1, 772][random(2)] as number) : 65534, type: random(5) };
    };
    const keyOf = (bytes: Uint8Array, at: number, kept: number, type: number, hardware: number): string | undefined => {
      const ports = portsOf(bytes, at, kept, hardware === 65534 ? "ip" : "ethernet");
      if (ports === undefined) return undefined;
      return `${ports.protocol} ${ports.source} ${ports.destination} ${type === 4} ${hardware === 772}`;
    };
    const asked: string[] = [];
    const said = (key: string | undefined): string | undefined =>
      key === undefined || key.includes("443") ? undefined : `who ${"o".repeat(key.length % 5)} ${key}`;
    const blocks = new RingBlocks({
      blockBytes: 1 << 16,
      flags: FLAGS,
      commentOf: ({ bytes, at, kept, type, hardware }) => {
        const key = keyOf(bytes, at, kept, type, hardware) as string;
        asked.push(key);
        return said(key);
      },
    });
    for (let turn = 0; turn < 50; turn++) {
      const packets = Array.from({ length: 100 }, (_, i) => built(i));
      const comment = ({ data, type, hardware = 1 }: Given): string | undefined =>
        said(keyOf(data, 0, data.length, type, hardware));
      expect(written(blocks, packets).bytes.equals(expected(packets, undefined, comment)), `turn ${turn}`).toBe(true);
    }
    expect(new Set(asked).size).toBeGreaterThan(20);
    // Two that share a place in the table take turns; there are few.
    expect(asked.length).toBeLessThan(new Set(asked).size * 3);
    blocks.forgetComments();
    const before = asked.length;
    written(
      blocks,
      Array.from({ length: 60 }, (_, i) => built(i)),
    );
    expect(asked.length).toBeGreaterThan(before);
  });

  it("have room for more comments than there is room for", () => {
    const comment = "c".repeat(248);
    const blocks = new RingBlocks({ blockBytes: 1 << 16, flags: FLAGS, commentOf: () => comment });
    for (let turn = 0; turn < 20; turn++) {
      const packets = Array.from({ length: 300 }, (_, i) => ({
        ...packetOf(0),
        data: packet()
          .eth()
          .ipv4()
          .udp({ source: turn * 300 + i })
          .bytes(),
      }));
      const { bytes, parts } = written(blocks, packets);
      expect(parts.map(({ stopped }) => stopped)).toEqual(["room", "end"]);
      expect(bytes.equals(expected(packets, undefined, () => comment))).toBe(true);
    }
  });
});
