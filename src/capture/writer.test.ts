// pcapng that was written, read again; and captures as loops.
import { spawnSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { interfaceBlock, openCapture, packetBlock, sectionBlock, statisticsBlock } from "./index.ts";

const written = (): Uint8Array =>
  Uint8Array.from(
    Buffer.concat([
      sectionBlock("scry"),
      interfaceBlock({ name: "veth0", linkType: 1, snapshotLength: 262144, filter: "udp" }),
      interfaceBlock({ name: "lo", linkType: 101, snapshotLength: 96 }),
      packetBlock({
        nanoseconds: 1_700_000_000_123_456_789n,
        interface: 0,
        data: Uint8Array.of(1, 2, 3),
        length: 60,
        direction: "in",
      }),
      packetBlock({
        nanoseconds: 1_700_000_000_123_456_790n,
        interface: 1,
        data: Uint8Array.of(4),
        length: 1,
        direction: "out",
        comment: "curl, pid 7",
      }),
      statisticsBlock(0, 1_700_000_001_000_000_000n, { received: 1, dropped: 0 }),
    ]),
  );

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Parameters<typeof openCapture>[0]): Promise<{ packets: unknown[]; damage?: string }> {
  const packets: unknown[] = [];
  try {
    for await (const { data, length, time, linkType, interface: on } of openCapture(bytes))
      packets.push([[...data], length, time, linkType, on?.name]);
  } catch (error) {
    return { packets, damage: (error as Error).message };
  }
  return { packets };
}

const EXPECTED = [
  [[1, 2, 3], 60, 1_700_000_000_123_456_789n, 1, "veth0"],
  [[4], 1, 1_700_000_000_123_456_790n, 101, "lo"],
];

describe("captures that are opened", () => {
  it("give their packets, whole or in pieces, packed or not", async () => {
    const bytes = written();
    expect(bytes.length % 4).toBe(0);
    expect(await read(bytes)).toEqual({ packets: EXPECTED });
    expect(await read(pieces(bytes, 7))).toEqual({ packets: EXPECTED });
    expect(await read(pieces(gzipSync(bytes), 1))).toEqual({ packets: EXPECTED });
    const { stdout, status } = spawnSync("zstd", ["-q", "-c"], { input: bytes });
    if (status === 0) expect(await read(pieces(Uint8Array.from(stdout), 11))).toEqual({ packets: EXPECTED });
    expect(await read([bytes.subarray(0, 1), bytes.subarray(1)])).toEqual({ packets: EXPECTED });
  });

  it("say where they are damaged, behind what can be read", async () => {
    const bytes = written();
    expect(await read(bytes.subarray(0, bytes.length - 7))).toEqual({
      packets: EXPECTED,
      damage: expect.stringMatching(/^capture: damaged, at offset 0x[0-9a-f]+: it ends within a packet$/),
    });
    const packed = Uint8Array.from(gzipSync(bytes));
    expect((await read(packed.subarray(0, 30))).damage).toContain("what gzip packed is damaged");
    packed[20] = (packed[20] ?? 0) ^ 0xff;
    expect((await read(pieces(packed, 5))).damage).toMatch(/damaged/);
    expect((await read(new Uint8Array(0))).damage).toContain("neither pcap nor pcapng");
  });
});
