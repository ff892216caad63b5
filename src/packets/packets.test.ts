// The table of protocols: headers have the bytes that their standards say.

import { describe, expect, it } from "vitest";
import { headerLayout, PROTOCOL_NAMES, protocolRow } from "./index.ts";

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
