// The table of protocols: headers have the bytes that their standards say.

import { describe, expect, it } from "vitest";
import { decodePacket, formatPacket, headerLayout, internetSum, PROTOCOL_NAMES, packet, protocolRow } from "./index.ts";

describe("headers", () => {
  it("have the length of their standards", () => {
    const bytes = Object.fromEntries(PROTOCOL_NAMES.map((name) => [name, headerLayout(name).bytes]));
    expect(bytes).toEqual({
      eth: 14,
      vlan: 4,
      mpls: 4,
      arp: 28,
      ipv4: 20,
      ipv6: 40,
      icmp: 8,
      icmp6: 8,
      tcp: 20,
      udp: 8,
      sctp: 12,
      gre: 4,
      vxlan: 8,
      geneve: 8,
    });
  });
  it("have their fields where packets have them", () => {
    const at = (name: (typeof PROTOCOL_NAMES)[number], field: string): number | undefined =>
      headerLayout(name).fields.get(field)?.at;
    expect([at("ipv4", "ttl"), at("ipv4", "checksum"), at("ipv4", "source")]).toEqual([64, 80, 96]);
    expect([at("tcp", "syn"), at("tcp", "checksum"), at("udp", "checksum")]).toEqual([13 * 8 + 6, 128, 48]);
    expect([at("ipv6", "nextHeader"), at("ipv6", "destination"), at("icmp6", "checksum")]).toEqual([48, 192, 16]);
  });
  it("name fields that are theirs", () => {
    for (const name of PROTOCOL_NAMES) {
      const row = protocolRow(name);
      const { fields } = headerLayout(name);
      const named = [row.by, row.length?.field, row.checksum && "checksum", ...Object.keys(row.optional ?? {})];
      for (const field of named) if (field !== undefined) expect(fields.has(field), `${name}.${field}`).toBe(true);
    }
  });
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("a packet that is built", () => {
  it("has the checksum of a known header", () => {
    // An example that many texts about this checksum have.
    const built = packet()
      .ipv4({
        dontFragment: true,
        totalLength: 0x73,
        protocol: 17,
        source: "192.168.0.1",
        destination: "192.168.0.199",
      })
      .bytes();
    expect(hex(built)).toBe("45000073000040004011b861c0a80001c0a800c7");
  });

  it("has lengths and numbers of what follows, and sums with addresses", () => {
    const built = packet().eth().vlan({ id: 7 }).ipv4().udp({ source: 5353, destination: 53 }).payload("odd").bytes();
    expect(hex(built.subarray(12, 20))).toBe("8100000708004500");
    expect(built.length).toBe(14 + 4 + 20 + 8 + 3);
    const datagram = built.subarray(38);
    expect(internetSum(Uint8Array.from([10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 11, ...datagram]))).toBe(0xffff);
    expect(internetSum(built.subarray(18, 38))).toBe(0xffff);
    const options = Uint8Array.of(2, 4, 5, 180);
    const six = packet().ipv6().tcp({ syn: true, options }).payload(new Uint8Array(5)).bytes();
    expect([six[4], six[5], six[6], six[52]]).toEqual([0, 29, 6, 0x60]);
    expect(internetSum(Uint8Array.from([...six.subarray(8, 40), 0, 29, 0, 6, ...six.subarray(40)]))).toBe(0xffff);
  });

  it("keeps what is given, and refuses what cannot be", () => {
    const built = packet().ipv4({ checksum: 1, version: 5 }).udp({ checksum: 0 }).bytes();
    expect([built[0], built[10], built[11], built[26], built[27]]).toEqual([0x55, 0, 1, 0, 0]);
    expect(() => packet().ipv4({ ttl: 256 }).bytes()).toThrow("ttl is a number of 8 bits, not 256");
    expect(() => packet().ipv4({ source: "10.0.0" }).bytes()).toThrow("source is an address (ipv4), not 10.0.0");
  });
});

describe("a packet that is taken apart", () => {
  it("gives the headers that it was built of", () => {
    const outer = packet().eth().vlan({ id: 7 }).vlan({ id: 8 }).ipv4({ ttl: 3 }).udp({ source: 1 }).vxlan({ vni: 42 });
    const inner = outer
      .eth()
      .ipv6()
      .gre({ hasKey: true, options: new Uint8Array(4) })
      .ipv4();
    const decoded = decodePacket(inner.tcp({ destination: 443, syn: true }).payload("text").bytes());
    expect(decoded.headers.map(({ protocol }) => protocol).join(" ")).toBe(
      "eth vlan vlan ipv4 udp vxlan eth ipv6 gre ipv4 tcp",
    );
    expect(decoded.payload.length).toBe(4);
    expect(decoded.headers[5]?.fields).toMatchObject({ vni: 42 });
    expect(JSON.parse(JSON.stringify(decoded))).toEqual(decoded);
  });

  it("is a line", () => {
    const built = packet().eth().ipv4().tcp({ source: 1, destination: 2, syn: true }).payload("x").bytes();
    expect(formatPacket(decodePacket(built))).toBe(
      "eth 02:00:00:00:00:01 > 02:00:00:00:00:02 type 0x0800, ipv4 10.0.0.1 > 10.0.0.2 id 0 ttl 64, tcp 1 > 2 sequence 0 syn window 65535, 1 byte",
    );
  });

  it("says where one ends too soon, for every length and byte", () => {
    const whole = packet()
      .eth()
      .ipv6()
      .udp()
      .vxlan()
      .eth()
      .ipv4({ options: new Uint8Array(8) })
      .tcp()
      .bytes();
    for (let length = 0; length < whole.length; length++) {
      const { headers, payload, damage } = decodePacket(whole.subarray(0, length));
      const end = headers.reduce((sum, header) => sum + header.length, 0);
      expect([end + payload.length, payload.at]).toEqual([length, end]);
      expect(damage, String(length)).toContain("the packet ends within its");
    }
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice();
      changed[at] = 0xff ^ (changed[at] ?? 0);
      expect(() => formatPacket(decodePacket(changed))).not.toThrow();
    }
    const three = packet().ipv4({ headerLength: 3 }).bytes();
    expect(decodePacket(three, "ipv4").damage).toBe("the IPv4 header says that it has 12 bytes");
  });
});
