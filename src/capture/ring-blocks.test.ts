// Blocks of a ring as pcapng, against the writer that takes packet by packet.
import { describe, expect, it } from "vitest";
import { BlockWriter, RingBlocks } from "./index.ts";

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
}

const HEAD = 48;

/** A block as the kernel fills it. */
function blockOf(packets: readonly Given[]): Uint8Array {
  const bytes = new Uint8Array(1 << 16).fill(0x5a);
  const view = new DataView(bytes.buffer);
  let at = HEAD;
  for (const { data, length, seconds, nanoseconds, type, vlan } of packets) {
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
    bytes[at + 58] = type;
    bytes.set(data, at + 82);
    at += next;
  }
  return bytes.subarray(0, at);
}

const FLAGS = [5, 13, 9, 17, 2, 1, 1, 1];

function expected(packets: readonly Given[]): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new BlockWriter((bytes) => parts.push(bytes.slice()));
  for (const { data, length, seconds, nanoseconds, type, vlan } of packets) {
    const tag = vlan === undefined ? 0 : (((vlan.type ?? 0x8100) << 16) | vlan.tag) >>> 0;
    writer.packet(0, seconds, nanoseconds, data, 0, data.length, length, FLAGS[type] as number, tag);
  }
  writer.flush();
  return Buffer.concat(parts);
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
      const block = blockOf(packets);
      const made = blocks.convert(block, 0, block.length, HEAD, packets.length);
      expect(made.packets).toBe(packets.length);
      expect(Buffer.from(made.bytes).equals(expected(packets)), `turn ${turn}`).toBe(true);
    }
  });

  it("leave out a type of packets", () => {
    const blocks = new RingBlocks({ blockBytes: 1 << 16, flags: FLAGS, without: 4 });
    const packets = Array.from({ length: 40 }, () => packetOf(60));
    const kept = packets.filter(({ type }) => type !== 4);
    const block = blockOf(packets);
    const made = blocks.convert(block, 0, block.length, HEAD, packets.length);
    expect(made.packets).toBe(kept.length);
    expect(Buffer.from(made.bytes).equals(expected(kept))).toBe(true);
  });
});
