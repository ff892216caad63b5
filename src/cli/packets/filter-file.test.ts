// Captures through a filter, in pieces of any size, whole and damaged: what is written is what a reader of packets has picked.
import { describe, expect, it } from "vitest";
import { CaptureReader, interfaceBlock, packetBlock, sectionBlock } from "../../capture/index.ts";
import { compileFilter } from "../../lang/filter/index.ts";
import { packet } from "../../packets/index.ts";
import { FormatError } from "../../source/index.ts";
import type { CaptureBytes } from "./capture-bytes.ts";
import { type FilterCounts, filterCapture } from "./filter-file.ts";

const PACKETS = Array.from({ length: 60 }, (_, i) => {
  const ip = packet()
    .eth()
    .ipv4({ ttl: i + 1 });
  return (i % 3 === 0 ? ip.tcp({ destination: 80 + (i % 2) }) : i % 3 === 1 ? ip.udp() : packet().eth().arp()).bytes();
});

function pcap(): Uint8Array {
  const word = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
  const records = PACKETS.flatMap((data, i) => [word(i, 0, data.length, data.length + 4), data]);
  return Uint8Array.from(Buffer.concat([word(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1), ...records]));
}

/** With interfaces of two link types, and a block that nobody knows between them. */
function pcapng(): Uint8Array {
  const unknown = Uint8Array.from([0x99, 0, 0, 0, 16, 0, 0, 0, 1, 2, 3, 4, 16, 0, 0, 0]);
  const blocks = PACKETS.flatMap((data, i) => {
    const on = i % 5 === 0 ? 1 : 0;
    const written = on === 1 ? data.subarray(14) : data;
    const block = packetBlock({ nanoseconds: BigInt(i), interface: on, data: written, length: written.length });
    return i % 20 === 7 ? [unknown, block] : [block];
  });
  const interfaces = [1, 101].map((linkType) => interfaceBlock({ name: `i${linkType}`, linkType, snapshotLength: 0 }));
  return Uint8Array.from(Buffer.concat([sectionBlock("test"), ...interfaces, ...blocks]));
}

const inPieces = (bytes: Uint8Array, size: number): CaptureBytes => {
  let from = 0;
  return {
    fill(into, at, most) {
      const piece = bytes.subarray(from, from + Math.min(size, most));
      into.set(piece, at);
      from += piece.length;
      return piece.length;
    },
    progress: { read: 0 },
    close: () => undefined,
  };
};

async function filtered(
  bytes: Uint8Array,
  text: string,
  size: number,
  most?: number,
): Promise<FilterCounts & { out: Buffer }> {
  const parts: Uint8Array[] = [];
  const counts = await filterCapture({
    name: "x",
    input: inPieces(bytes, size),
    filterOf: (linkType) => compileFilter(text, { linkType, mayMatchNothing: true }),
    write: (part) => void parts.push(part.slice()),
    ...(most === undefined ? {} : { most }),
  });
  return { ...counts, out: Buffer.concat(parts) };
}

/** The same by a reader that gives packet for packet. */
function picked(
  bytes: Uint8Array,
  text: string,
): { out: Buffer; packets: number; matched: number; damage: string | undefined } {
  const reader = new CaptureReader("x");
  const parts: Uint8Array[] = [];
  const counts = { packets: 0, matched: 0 };
  let damage: string | undefined;
  try {
    for (const item of reader.read(bytes)) {
      if (item.kind === "packet") {
        counts.packets++;
        const filter = compileFilter(text, { linkType: item.linkType, mayMatchNothing: true });
        if (!filter.matches(item.data, item)) continue;
        counts.matched++;
      }
      parts.push(item.raw);
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    damage = error.message;
  }
  return { ...counts, damage, out: Buffer.concat(parts) };
}

describe("a capture through a filter", () => {
  it.each([
    ["pcap", pcap()],
    ["pcapng", pcapng()],
  ])("%s: what matches, in pieces of any size", async (_, bytes) => {
    for (const text of ["", "tcp", "udp or arp", "tcp port 81 and ip[8] > 9", "len < 1"]) {
      const { damage, ...expected } = picked(bytes, text);
      expect(damage).toBeUndefined();
      for (const size of [1, 40, 1000, 1 << 20])
        expect(await filtered(bytes, text, size), `${text} ${size}`).toEqual(expected);
      if (text === "") expect(expected.out.equals(bytes)).toBe(true);
    }
  });

  it("ends behind so many", async () => {
    const { matched, out } = await filtered(pcap(), "tcp", 1 << 20, 3);
    expect(matched).toBe(3);
    expect(picked(Uint8Array.from(out), "").packets).toBe(3);
  });

  it("has what can be read of damaged ones, and says where they end", async () => {
    let state = 11;
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    for (const whole of [pcap(), pcapng()]) {
      for (let i = 0; i < 60; i++) {
        const bytes = Uint8Array.from(whole.subarray(0, i % 3 === 0 ? random(whole.length) : whole.length));
        for (let n = random(3); n > 0 && bytes.length > 0; n--) bytes[random(bytes.length)] = random(256);
        let expected: ReturnType<typeof picked>;
        try {
          expected = picked(bytes, "udp");
        } catch (error) {
          // A link type that there are no filters for: said, and nothing else.
          await expect(filtered(bytes, "udp", 500)).rejects.toThrow((error as Error).message);
          continue;
        }
        const { damage, ...found } = await filtered(bytes, "udp", 1 + random(500));
        expect({ ...found, damage: damage?.message }).toEqual(expected);
      }
    }
  });
});
