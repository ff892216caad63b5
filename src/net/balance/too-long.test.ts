// Packets that are too long for the way to their server, by the data plane on the embedded machine: who is told what, and how often.

import { describe, expect, it } from "vitest";
import { DROP, type EmbeddedPlane, embeddedPlanes, TX } from "../../../test/support/embedded-plane.ts";
import { internetSum, packet } from "../../packets/index.ts";

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
/** Three senders a second are told. */
const plane = embeddedPlanes(YAML, { TOLD: 3 });
const countsOf = ({ lost }: EmbeddedPlane): { told: number; untold: number } => ({ told: lost(6), untold: lost(7) });

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
    const at = plane();
    const { run } = at;
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
    expect(countsOf(at)).toEqual({ told: 1, untold: 0 });
  });

  it("are told so of IPv6, and never less than its networks carry", () => {
    const at = plane();
    const { run } = at;
    expect(run(six(1460)).bytes.length).toBe(14 + 1500);
    const { value, bytes } = run(six(1461));
    expect([value, bytes.length, bytes[54], bytes[55], be16(bytes, 60)]).toEqual([TX, 14 + 48 + 512, 2, 0, 1460]);
    const pseudo = [...bytes.subarray(22, 54), 0, 0, ...bytes.subarray(18, 20), 0, 0, 0, 58];
    expect(internetSum(Uint8Array.from([...pseudo, ...bytes.subarray(54)]))).toBe(0xffff);
    expect(countsOf(at)).toEqual({ told: 1, untold: 0 });
    const small = plane(1280);
    expect(be16(small.run(six(1281)).bytes, 60)).toBe(1280);
    expect(small.run(six(1280)).value).toBe(DROP);
    expect(small.run(six(1240)).bytes.length).toBe(14 + 1280);
    expect(countsOf(small)).toEqual({ told: 1, untold: 1 });
  });

  it("go by what a service says", () => {
    const { run } = plane();
    expect(run(four(1352, { to: "192.0.2.81" })).bytes.length).toBe(14 + 1400);
    expect(be16(run(four(1353, { to: "192.0.2.81" })).bytes, 40)).toBe(1352);
  });

  it("are dropped without a word where they may be taken apart, and errors where they are errors", () => {
    const at = plane();
    const { run } = at;
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
    expect(countsOf(at)).toEqual({ told: 1, untold: 3 });
  });

  it("are told so often a second, and no more", () => {
    const at = plane();
    const { run, setClock } = at;
    const verdicts = (): number[] => Array.from({ length: 5 }, () => run(four(1500)).value);
    expect(verdicts()).toEqual([TX, TX, TX, DROP, DROP]);
    setClock((1n << 30n) - 1n);
    expect(verdicts()).toEqual([DROP, DROP, DROP, DROP, DROP]);
    setClock(1n << 30n);
    expect(verdicts()).toEqual([TX, TX, TX, DROP, DROP]);
    expect(countsOf(at)).toEqual({ told: 6, untold: 9 });
  });
});
