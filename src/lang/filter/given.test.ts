// What a term's values depend on is known where an earlier term decides it: programs stay short, and answer the same.

import { describe, expect, it } from "vitest";
import { packet } from "../../packets/index.ts";
import { compileFilter } from "./compile-filter.ts";

const web = () => packet().eth().ipv4().tcp({ destination: 80 });
const tunnel = (inner: Uint8Array, six = false) =>
  (six ? packet().eth().ipv6() : packet().eth().ipv4())
    .udp({ destination: 6081 })
    .geneve({ vni: 7, type: 0x6558 })
    .payload(inner);

const packets = {
  web: web().bytes(),
  dns: packet().eth().ipv4().udp({ destination: 53 }).bytes(),
  arp: packet().eth().arp().bytes(),
  "web in geneve": tunnel(web().bytes()).bytes(),
  "dns in geneve": tunnel(packet().eth().ipv4().udp({ destination: 53 }).bytes()).bytes(),
  "web in geneve over IPv6": tunnel(web().bytes(), true).bytes(),
};

describe("terms behind a tunnel's", () => {
  const cases: readonly (readonly [text: string, most: number, matches: readonly (keyof typeof packets)[]])[] = [
    ["geneve and tcp port 80", 140, ["web in geneve", "web in geneve over IPv6"]],
    ["geneve and udp port 53", 140, ["dns in geneve"]],
    // Where there is no tunnel, everything is counted from the packet's begin: its first bytes are no type of Ethernet's.
    ["geneve or tcp port 80", 40, ["web in geneve", "dns in geneve", "web in geneve over IPv6"]],
    ["not geneve and tcp port 80", 40, []],
    ["tcp port 80 or geneve", 40, ["web", "web in geneve", "dns in geneve", "web in geneve over IPv6"]],
    ["tcp port 80 or not geneve", 40, ["web", "dns", "arp"]],
  ];
  for (const [text, most, matches] of cases)
    it(text, () => {
      const filter = compileFilter(text);
      expect(Object.entries(packets).flatMap(([name, data]) => (filter.matches(data) ? [name] : []))).toEqual(matches);
      expect(filter.classic.length).toBeLessThan(most);
    });
});
