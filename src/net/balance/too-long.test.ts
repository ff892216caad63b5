// Packets that are too long for the way to their server, by the data plane on the embedded machine: who is told what, and how often.

import { describe, expect, it } from "vitest";
import { embedded } from "../../machine/index.ts";
import type { BpfMap } from "../../object/index.ts";
import { internetSum, packet } from "../../packets/index.ts";
import { compilePlane, planOf, REASONS, readBalancer, ringOf, rowsOf, settingsOf, wordBytes } from "./index.ts";

const YAML = `
source: 10.9.9.9
source6: 2001:db8:9::9
next: 02:00:00:00:00:fe
ring: 251
services:
  four: { address: 192.0.2.80, port: 53, protocol: udp, servers: { a: 10.0.0.1 } }
  narrow: { address: 192.0.2.81, port: 53, protocol: udp, mtu: 1400, forward: gue, servers: { a: "2001:db8:1::1" } }
  six: { address: "2001:db8::80", port: 53, protocol: udp, servers: { a: "2001:db8:1::1" } }
`;
const MESSAGE = { told: REASONS[6], untold: REASONS[7] };

const { balancer } = readBalancer({ name: "long.yaml", text: YAML });
const plan = planOf(balancer);
/** Three senders a second are told. */
const object = compilePlane({ ...settingsOf(balancer), TOLD: 3 });

/** A data plane at an interface, and its clock. */
function plane(mtu = 1500) {
  // Where the next hop is given, the interface's mtu stands in the rows of servers alone.
  const settings = settingsOf(balancer, mtu);
  const time = { now: 0n };
  const machine = embedded(object, { clock: () => time.now });
  const map = (name: string): BpfMap => machine.maps.get(name) as unknown as BpfMap;
  for (const [name, rows] of rowsOf(plan, settings)) for (const { key, value } of rows) map(name).update(key, value);
  for (const service of plan.services)
    for (const [at, slot] of ringOf(service, settings).entries())
      map("rings").update(wordBytes(service.index * 2 * settings.RING + at), wordBytes(slot));
  const run = (bytes: Uint8Array): { value: number; bytes: Uint8Array } => {
    const { value, packet } = machine.run("balance", { packet: bytes });
    return { value, bytes: packet ?? new Uint8Array() };
  };
  const count = (why: string | undefined): number =>
    new DataView(
      (map("reasons").lookup(wordBytes(REASONS.indexOf(why as (typeof REASONS)[number]))) as Uint8Array).buffer,
    ).getUint32(0, true);
  return { run, time, counts: () => ({ told: count(MESSAGE.told), untold: count(MESSAGE.untold) }) };
}

const DROP = 1;
const TX = 3;
/** A datagram whose IP packet has so many bytes. */
function four(length: number, { dontFragment = true, to = "192.0.2.80" } = {}): Uint8Array {
  const ip = packet().eth().ipv4({ source: "198.51.100.7", destination: to, dontFragment });
  return ip
    .udp({ source: 4000, destination: 53 })
    .payload("x".repeat(length - 28))
    .bytes();
}
const six = (length: number): Uint8Array =>
  packet()
    .eth()
    .ipv6({ source: "2001:db8:f::1", destination: "2001:db8::80" })
    .udp({ source: 4000, destination: 53 })
    .payload("x".repeat(length - 48))
    .bytes();
const be16 = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint16(at);

describe("packets that are too long for the way to their server", () => {
  it("are told the length that fits, in an error that is right", () => {
    const { run, counts } = plane();
    expect(run(four(1480))).toMatchObject({ value: TX, bytes: { length: 14 + 1500 } });
    const sent = four(1481);
    const { value, bytes } = run(sent);
    expect([value, bytes.length]).toEqual([TX, 14 + 28 + 512]);
    // Back to whom it came from, as if the service said it.
    expect([...bytes.subarray(0, 12)]).toEqual([...sent.subarray(6, 12), ...sent.subarray(0, 6)]);
    expect([...bytes.subarray(26, 34)]).toEqual([...sent.subarray(30, 34), ...sent.subarray(26, 30)]);
    expect([be16(bytes, 16), bytes[23], bytes[34], bytes[35], be16(bytes, 40)]).toEqual([540, 1, 3, 4, 1480]);
    expect([internetSum(bytes.subarray(14, 34)), internetSum(bytes.subarray(34))]).toEqual([0xffff, 0xffff]);
    expect([...bytes.subarray(42)]).toEqual([...sent.subarray(14, 14 + 512)]);
    expect(counts()).toEqual({ told: 1, untold: 0 });
  });

  it("are told so of IPv6, and never less than its networks carry", () => {
    const { run, counts } = plane();
    expect(run(six(1460)).bytes.length).toBe(14 + 1500);
    const { value, bytes } = run(six(1461));
    expect([value, bytes.length, bytes[54], bytes[55], be16(bytes, 60)]).toEqual([TX, 14 + 48 + 512, 2, 0, 1460]);
    const pseudo = [...bytes.subarray(22, 54), 0, 0, ...bytes.subarray(18, 20), 0, 0, 0, 58];
    expect(internetSum(Uint8Array.from([...pseudo, ...bytes.subarray(54)]))).toBe(0xffff);
    expect(counts()).toEqual({ told: 1, untold: 0 });
    const small = plane(1280);
    expect(be16(small.run(six(1281)).bytes, 60)).toBe(1280);
    expect(small.run(six(1280)).value).toBe(DROP);
    expect(small.run(six(1240)).bytes.length).toBe(14 + 1280);
    expect(small.counts()).toEqual({ told: 1, untold: 1 });
  });

  it("go by what a service says", () => {
    const { run } = plane();
    expect(run(four(1352, { to: "192.0.2.81" })).bytes.length).toBe(14 + 1400);
    expect(be16(run(four(1353, { to: "192.0.2.81" })).bytes, 40)).toBe(1352);
  });

  it("are dropped without a word where they may be taken apart, and errors where they are errors", () => {
    const { run, counts } = plane();
    expect(run(four(1481, { dontFragment: false })).value).toBe(DROP);
    // The first piece that must not be taken apart any further is told, a later one is not.
    const piece = four(1481);
    piece[20] = 0x60;
    expect(run(piece).value).toBe(TX);
    piece[21] = 1;
    expect(run(piece).value).toBe(DROP);
    const about = packet()
      .eth()
      .ipv4({ source: "198.51.100.7", destination: "192.0.2.80", dontFragment: true })
      .icmp({ type: 3, code: 3 })
      .payload(
        packet()
          .ipv4({ source: "192.0.2.80", destination: "198.51.100.7" })
          .udp({ source: 53, destination: 4000 })
          .payload("x".repeat(1450))
          .bytes(),
      )
      .bytes();
    expect(about.length).toBeGreaterThan(14 + 1480);
    expect(run(about).value).toBe(DROP);
    expect(counts()).toEqual({ told: 1, untold: 3 });
  });

  it("are told so often a second, and no more", () => {
    const { run, counts, time } = plane();
    const verdicts = (): number[] => Array.from({ length: 5 }, () => run(four(1500)).value);
    expect(verdicts()).toEqual([TX, TX, TX, DROP, DROP]);
    time.now = (1n << 30n) - 1n;
    expect(verdicts()).toEqual([DROP, DROP, DROP, DROP, DROP]);
    time.now = 1n << 30n;
    expect(verdicts()).toEqual([TX, TX, TX, DROP, DROP]);
    expect(counts()).toEqual({ told: 6, untold: 9 });
  });
});
