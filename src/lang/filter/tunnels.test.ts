// What stands behind a tunnel's word is asked of the frame in it; and the broadcast addresses of a network.
import { describe, expect, it } from "vitest";
import { type PacketBuilder, packet } from "../../packets/index.ts";
import { compileFilter } from "./compile-filter.ts";

const inVxlan = (outer: "ipv4" | "ipv6", vni: number, inner: (of: PacketBuilder) => PacketBuilder): Uint8Array =>
  inner(packet().eth()[outer]().udp({ destination: 4789 }).vxlan({ vni }).eth()).bytes();
const frame = (outer: "ipv4" | "ipv6"): Uint8Array =>
  inVxlan(outer, 42, (of) => of.ipv4({ source: "10.1.1.1" }).tcp({ destination: 80 }));
const matches = (text: string, bytes: Uint8Array, options = {}): boolean => compileFilter(text, options).matches(bytes);

describe("vxlan", () => {
  it.each(["ipv4", "ipv6"] as const)("over %s", (outer) => {
    for (const text of [
      "vxlan",
      "vxlan 42",
      "vxlan and tcp port 80",
      "vxlan 42 and src host 10.1.1.1",
      "vxlan and ip and not udp",
      "udp and vxlan and tcp",
    ])
      expect(matches(text, frame(outer)), text).toBe(true);
    for (const text of [
      "vxlan 43",
      "vxlan and udp",
      "vxlan and ip6",
      "tcp port 80",
      "geneve",
      "vxlan and arp",
      "not vxlan",
    ])
      expect(matches(text, frame(outer)), text).toBe(false);
  });

  it("asks for its flag, and has numbers of 24 bits", () => {
    const bare = packet().eth().ipv4().udp({ destination: 4789 }).vxlan({ flags: 0, vni: 42 }).eth().arp().bytes();
    expect(matches("vxlan", bare)).toBe(false);
    expect(
      matches(
        "vxlan and arp",
        inVxlan("ipv4", 1, (of) => of.arp()),
      ),
    ).toBe(true);
    expect(matches("vxlan", packet().eth().ipv4().udp({ destination: 53 }).bytes())).toBe(false);
    expect(() => compileFilter("vxlan 16777216")).toThrow("SCRY1509");
    const raw = packet().ipv4().udp({ destination: 4789 }).vxlan({ vni: 5 }).eth().arp().bytes();
    expect(matches("vxlan 5 and arp", raw, { linkType: "IPV4" })).toBe(true);
  });
});

describe("ip broadcast", () => {
  const to = (destination: string): Uint8Array => packet().eth().ipv4({ destination }).udp().bytes();

  it("is the first and the last address of the network", () => {
    const found = ["10.9.0.255", "10.9.0.0", "255.255.255.255", "10.9.0.254", "10.9.0.1"].filter((address) =>
      matches("ip broadcast", to(address), { netmask: 0xffffff00 }),
    );
    expect(found).toEqual(["10.9.0.255", "10.9.0.0", "255.255.255.255"]);
    expect(() => compileFilter("ip broadcast")).toThrow("depends on its mask");
  });
});
