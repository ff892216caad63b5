// Frames with tags of VLANs: their packets are balanced as those of frames without, and the tags stay.

import { describe, expect, it } from "vitest";
import { DROP, embeddedPlanes, PASS, TX } from "../../../test/support/embedded-plane.ts";
import { type PacketPool, randomPackets, seeded } from "../../../test/support/random-packets.ts";
import { packet } from "../../packets/index.ts";

const SEED = Number(process.env["SCRY_SEED"] ?? 20_261_129);
const RUNS = Number(process.env["SCRY_RUNS"] ?? 300) * 10;

const plane = embeddedPlanes(
  `
source: 10.9.9.9
source6: 2001:db8:9::9
next: 02:00:00:00:00:fe
ring: 251
snat: { ports: 40000-40009 }
services:
  web: { address: 192.0.2.80, port: 80, servers: { a: 10.0.0.1, b: "2001:db8:1::1" } }
  six: { address: "2001:db8::80", port: 80, forward: gue, servers: { a: "2001:db8:1::1" } }
  snat: { address: 192.0.2.80, port: 53, protocol: udp, forward: snat, servers: { a: 10.0.0.1 } }
`,
  { TOLD: 0xffff_ffff },
);
const Q = [0x81, 0x00];
const AD = [0x88, 0xa8];
const KINDS: readonly (readonly number[])[] = [
  [...Q, 0x00, 0x05],
  [...AD, 0xff, 0xff],
  [...AD, 0x00, 0x64, ...Q, 0x20, 0x07],
  [...Q, 0x00, 0x05, ...Q, 0x00, 0x06],
];
const tagged = (frame: Uint8Array, tags: readonly number[]): Uint8Array =>
  Uint8Array.from([...frame.subarray(0, 12), ...tags, ...frame.subarray(12)]);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const web = packet()
  .eth()
  .ipv4({ source: "198.51.100.7", destination: "192.0.2.80", dontFragment: true })
  .tcp({ source: 40_000, destination: 80, ack: true });

describe("tags of VLANs", () => {
  it("stay where they are while the packet behind them goes to its server", () => {
    const bare = plane().run(web.bytes());
    expect(bare.value).toBe(TX);
    expect(bare.bytes.length).toBeGreaterThan(web.bytes().length);
    for (const tags of KINDS) {
      const { value, bytes } = plane().run(tagged(web.bytes(), tags));
      expect([value, hex(bytes)]).toEqual([TX, hex(tagged(bare.bytes, tags))]);
    }
  });

  it("stay on what its sender is told", () => {
    const long = web.payload("x".repeat(1500)).bytes();
    const bare = plane().run(long);
    expect([bare.value, bare.bytes[23]]).toEqual([TX, 1]);
    for (const tags of KINDS) {
      const { value, bytes } = plane().run(tagged(long, tags));
      expect([value, hex(bytes)]).toEqual([TX, hex(tagged(bare.bytes, tags))]);
    }
  });

  it("are passed on with what is for no service, with other protocols, and where there are three", () => {
    const { run } = plane();
    const other = packet().eth().ipv4({ source: "198.51.100.7", destination: "192.0.2.99" }).tcp({}).bytes();
    const arp = Uint8Array.from([...other.subarray(0, 12), 0x08, 0x06, ...new Uint8Array(28)]);
    const three = [...Q, 0, 1, ...Q, 0, 2, ...Q, 0, 3];
    const frames = [...KINDS.flatMap((tags) => [tagged(other, tags), tagged(arp, tags)]), tagged(web.bytes(), three)];
    for (const frame of frames) {
      const { value, bytes } = run(frame);
      expect([value, hex(bytes)]).toEqual([PASS, hex(frame)]);
    }
  });

  it(`change nothing of what becomes of random packets, seed ${SEED}`, () => {
    const [bare, other] = [plane(), plane()];
    const random = seeded(SEED);
    const four = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
    const six = (last: number, net = 0): Uint8Array =>
      Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, 0, net, ...new Uint8Array(9), last]);
    const targets: PacketPool["targets"] = [
      { address: four(192, 0, 2, 80), port: 80, protocol: 6 },
      { address: four(192, 0, 2, 80), port: 53, protocol: 17 },
      { address: six(0x80), port: 80, protocol: 6 },
      { address: four(10, 9, 9, 9), port: 40_003, protocol: 17, from: { address: four(10, 0, 0, 1), port: 53 } },
    ];
    const addresses = [four(198, 51, 100, 1), four(10, 0, 0, 1), six(1, 15), six(0x80)];
    const make = randomPackets(random, { addresses, ports: [80, 53, 40_000, 40_003], targets });
    const seen = new Set<number>();
    for (let i = 0; i < RUNS; i++) {
      const frame = make();
      const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
      // Those that have tags of their own would have too many.
      if (type === 0x8100 || type === 0x88a8) continue;
      const tags = KINDS[i % KINDS.length] as readonly number[];
      const wanted = bare.run(frame);
      const got = other.run(tagged(frame, tags));
      seen.add(wanted.value);
      const bytes = wanted.value === DROP ? got.bytes : tagged(wanted.bytes, tags);
      expect([i, got.value, hex(got.bytes)]).toEqual([i, wanted.value, hex(bytes)]);
    }
    expect([...seen].sort()).toEqual([DROP, PASS, TX]);
  });
});
