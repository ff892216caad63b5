// What zstd packs, unpacked: at each of its levels, in pieces of any size, and damaged.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { hasTool, lacking } from "../../test/support/skips.ts";
import { FormatError } from "../source/index.ts";
import { ZstdReader } from "./zstd.ts";

let state = 3;
const random = (below: number): number => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % below;
};

const pack = (bytes: Uint8Array, ...words: string[]): Uint8Array => {
  const { stdout, status } = spawnSync("zstd", ["-q", "-c", ...words], { input: bytes, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error("zstd failed");
  return Uint8Array.from(stdout);
};

function unpacked(packed: Uint8Array, piece = packed.length): Buffer {
  const reader = new ZstdReader("x.zst");
  const parts: Uint8Array[] = [];
  for (let at = 0; at < packed.length; at += Math.max(1, piece))
    for (const part of reader.read(packed.subarray(at, at + piece))) parts.push(part.slice());
  reader.end();
  return Buffer.concat(parts);
}

/** Text of few words, numbers that repeat, and noise. */
const samples: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["a byte", Uint8Array.of(7)],
  ["zeros", new Uint8Array(300_000)],
  ["noise", Uint8Array.from({ length: 200_000 }, () => random(256))],
  [
    "words",
    new TextEncoder().encode(
      Array.from({ length: 60_000 }, () => ["packet", "filter", "port", "host", "tcp"][random(5)]).join(" "),
    ),
  ],
  ["skewed bytes", Uint8Array.from({ length: 400_000 }, () => Math.floor(random(256) ** 2 / 400))],
  [
    "records",
    Uint8Array.from({ length: 3_000_000 }, (_, i) =>
      i % 90 < 40 ? (i % 90) * 3 : i % 90 < 60 ? random(8) : random(256),
    ),
  ],
];

describe.skipIf(lacking("frames that zstd packs", { zstd: hasTool("zstd") }))("what zstd packs", () => {
  it.each(samples)("%s", (_, bytes) => {
    for (const words of [["-1"], ["-3"], ["-9", "--no-check"], ["-19"], ["--fast=5"]]) {
      const packed = pack(bytes, ...words);
      expect(unpacked(packed).equals(bytes), words.join(" ")).toBe(true);
      if (packed.length < 100_000) expect(unpacked(packed, 1 + random(1000)).equals(bytes)).toBe(true);
    }
  });

  it("frame behind frame, with some that are skipped", () => {
    const skipped = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const [one, two] = [pack(new TextEncoder().encode("one ")), pack(new TextEncoder().encode("two"))];
    expect(unpacked(Uint8Array.from([...one, ...skipped, ...two]), 1).toString()).toBe("one two");
  });

  it("says where it is damaged, and never fails otherwise", () => {
    const [, words] = samples[4] as readonly [string, Uint8Array];
    const packed = pack(words.subarray(0, 20_000), "-9");
    let said = 0;
    for (let i = 0; i < 1500; i++) {
      const bent = Uint8Array.from(i % 4 === 0 ? packed.subarray(0, random(packed.length)) : packed);
      for (let n = i % 4 === 0 ? 0 : 1 + random(3); n > 0; n--) bent[random(bent.length)] = random(256);
      try {
        unpacked(bent, 1 + random(500));
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        said++;
      }
    }
    expect(said).toBeGreaterThan(400);
  });
});
