// Captures in any byte order, cut into any pieces, and damaged.
import { describe, expect, it } from "vitest";
import { FormatError } from "../source/index.ts";
import { type CapturedPacket, type CaptureItem, CaptureReader } from "./reader.ts";

const words = (little: boolean, ...values: number[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value >>> 0, little);
  return new Uint8Array(view.buffer);
};
const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const bytes = (...of: number[]): Uint8Array => Uint8Array.from(of);

const pcap = (little: boolean): Uint8Array =>
  joined(
    words(little, 0xa1b2c3d4, little ? 0x00040002 : 0x00020004, 0, 0, 65535, 1),
    words(little, 7, 5, 3, 60),
    bytes(1, 2, 3),
    words(little, 8, 6, 2, 2),
    bytes(4, 5),
  );

const block = (little: boolean, type: number, body: Uint8Array): Uint8Array => {
  const size = 12 + body.length;
  return joined(words(little, type, size), body, words(little, size));
};
const pcapng = (little: boolean): Uint8Array =>
  joined(
    block(little, 0x0a0d0d0a, words(little, 0x1a2b3c4d, little ? 1 : 0x00010000, 0xffffffff, 0xffffffff)),
    block(little, 1, words(little, little ? 101 : 101 << 16, 65535)),
    block(little, 6, joined(words(little, 0, 0, 7_000_005, 3, 60), bytes(1, 2, 3, 0))),
    block(little, 0x99, words(little, 1)),
    block(little, 3, joined(words(little, 2), bytes(4, 5, 0, 0))),
  );

function read(file: Uint8Array, piece = file.length): { items: CaptureItem[]; damage: string | undefined } {
  const reader = new CaptureReader("x.pcap");
  const items: CaptureItem[] = [];
  try {
    for (let at = 0; at < file.length; at += piece)
      for (const item of reader.read(file.slice(at, at + piece))) items.push(item);
    reader.end();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { items, damage: error.message };
  }
  return { items, damage: undefined };
}

const packets = (items: readonly CaptureItem[]): CapturedPacket[] => items.filter((item) => item.kind === "packet");

describe("captures", () => {
  it.each([
    ["pcap", pcap(true), 1],
    ["pcap, big endian", pcap(false), 1],
    ["pcapng", pcapng(true), 101],
    ["pcapng, big endian", pcapng(false), 101],
  ])("are read: %s", (_, file, linkType) => {
    for (const piece of [1, 7, 16, file.length]) {
      const { items, damage } = read(file, piece);
      expect(damage).toBeUndefined();
      expect(packets(items).map((p) => [[...p.data], p.length, p.linkType])).toEqual([
        [[1, 2, 3], 60, linkType],
        [[4, 5], 2, linkType],
      ]);
      expect(packets(items)[0]?.time).toBe(7_000_005_000n);
      expect(joined(...items.map((item) => item.raw))).toEqual(file);
    }
  });

  it("that end early give what is whole, and say where they end", () => {
    for (const whole of [pcap(true), pcapng(true)]) {
      for (let end = 0; end < whole.length; end++) {
        const { items, damage } = read(whole.slice(0, end));
        const size = items.reduce((sum, item) => sum + item.raw.length, 0);
        if (size === end && end > 0) expect(damage).toBeUndefined();
        else expect(damage).toMatch(/x\.pcap/);
        expect(size).toBeLessThanOrEqual(end);
      }
    }
  });

  it("with bytes that are wrong are said or read, never a crash", () => {
    for (const whole of [pcap(true), pcapng(true)]) {
      for (let at = 0; at < whole.length; at++) {
        for (const value of [0, 0x7f, 0xff]) {
          const bent = Uint8Array.from(whole);
          bent[at] = value;
          const { items } = read(bent, 13);
          expect(items.length).toBeLessThanOrEqual(6);
        }
      }
    }
    expect(read(bytes(1, 2, 3, 4, 5)).damage).toContain("neither pcap nor pcapng");
  });
});
