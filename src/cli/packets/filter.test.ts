// Captures through `scry filter`: what is written, and what is left of a damaged one.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { hasTool, lacking } from "../../../test/support/skips.ts";
import { CaptureReader, interfaceBlock, packetBlock, sectionBlock } from "../../capture/index.ts";
import { filterPackets } from "./filter.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-filter-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A pcap of frames of 60 bytes: of IPv4, and of ARP every third. */
function capture(count: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt32LE(65535, 16);
  header.writeUInt32LE(1, 20);
  const records = Array.from({ length: count }, (_, i) => {
    const record = Buffer.alloc(76);
    record.writeUInt32LE(i, 0);
    record.writeUInt32LE(60, 8);
    record.writeUInt32LE(60, 12);
    record.writeUInt16BE(i % 3 === 0 ? 0x0806 : 0x0800, 28);
    return record;
  });
  return Buffer.concat([header, ...records]);
}

async function written(bytes: Buffer, expression: string): Promise<{ status: number; seconds: number[] }> {
  const [from, to] = [join(folder, "in.pcap"), join(folder, "out.pcap")];
  writeFileSync(from, bytes);
  const status = await filterPackets(["-w", to, expression, from]);
  const reader = new CaptureReader(to);
  const seconds: number[] = [];
  for (const item of reader.read(readFileSync(to))) {
    if (item.kind === "packet") seconds.push(Number((item.time ?? 0n) / 1_000_000_000n));
  }
  reader.end();
  return { status, seconds };
}

describe("scry filter", () => {
  it("writes the packets that match", async () => {
    expect(await written(capture(7), "arp")).toEqual({ status: 0, seconds: [0, 3, 6] });
    expect(await written(gzipSync(capture(7)), "not arp")).toEqual({ status: 0, seconds: [1, 2, 4, 5] });
    const many = await written(capture(40_000), "arp");
    expect([many.status, many.seconds.length]).toEqual([0, 13_334]);
  });

  it("reads what is there of a damaged capture", async () => {
    expect(await written(capture(7).subarray(0, 24 + 76 * 4 + 30), "arp")).toEqual({ status: 1, seconds: [0, 3] });
  });

  it("leaves out packets that there is no filter for", async () => {
    const blocks = [1, 195].map((linkType) => interfaceBlock({ name: "x", linkType, snapshotLength: 0 }));
    const data = new Uint8Array(60);
    const packets = [0, 1, 0].map((on, i) =>
      packetBlock({ nanoseconds: BigInt(i) * 1_000_000_000n, interface: on, data, length: 60 }),
    );
    const bytes = Buffer.concat([sectionBlock("test"), ...blocks, ...packets]);
    expect(await written(bytes, "not arp")).toEqual({ status: 1, seconds: [0, 2] });
  });

  it("asks of a capture what its own link type has", async () => {
    const count = async (linkType: number, first: number, expression: string): Promise<number> => {
      const bytes = capture(9);
      bytes.writeUInt32LE(linkType, 20);
      for (let i = 0; i < 9; i++) bytes[24 + 76 * i + 16] = i < 4 ? first : 0;
      return (await written(bytes, expression)).seconds.length;
    };
    expect(await count(105, 0x80, "subtype beacon")).toBe(4);
    expect(await count(134, 0x4d, "link[0] = 0x4d or outbound")).toBe(9);
    expect(await count(189, 7, "link[0] = 7 and len = 60")).toBe(4);
    await expect(count(1, 7, "subtype beacon")).rejects.toThrow("SCRY1506");
    await expect(count(189, 7, "ip")).rejects.toThrow("USB_LINUX carries no protocols");
    await expect(count(1, 7, "outbound")).rejects.toThrow("only while they are captured");
    await expect(filterPackets(["-y", "EN10MB", "type mgt", join(folder, "in.pcap")])).rejects.toThrow("SCRY1506");
  });

  it.skipIf(lacking("captures packed by zstd", { zstd: hasTool("zstd") }))(
    "reads what zstd packs, whole and cut",
    async () => {
      const { stdout } = spawnSync("zstd", ["-q", "-c"], { input: capture(5000) });
      const { status, seconds } = await written(stdout, "arp");
      expect([status, seconds.length]).toEqual([0, 1667]);
      const cut = await written(stdout.subarray(0, stdout.length - 20), "arp");
      expect([cut.status, cut.seconds.length < 1667]).toEqual([1, true]);
    },
  );

  it("refuses what it cannot do, before it reads", async () => {
    await expect(filterPackets(["tcp port"])).rejects.toThrow("SCRY1501");
    await expect(filterPackets(["tcp", join(folder, "none.pcap")])).rejects.toThrow("SCRY1126");
    await expect(filterPackets([])).rejects.toThrow("takes an expression");
  });
});
