// Addresses of networks: text to bytes and back.

import { isIPv6 } from "node:net";
import { describe, expect, it } from "vitest";
import { formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from "./addresses.ts";

describe("addresses", () => {
  it("of IPv6 are written as RFC 5952 says", () => {
    for (const [text, written = text] of [
      ["::"],
      ["::1"],
      ["2001:db8::1"],
      ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
      ["2001:db8:0:1:1:1:1:1"],
      ["2001:0:0:1::1", "2001:0:0:1::1"],
      ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
      ["fe80::"],
      ["::ffff:10.1.2.3"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
      ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ] as const) {
      const bytes = parseIpv6(text);
      expect(bytes && formatIpv6(bytes), text).toBe(written);
    }
  });

  it("that are none are not taken", () => {
    const texts = ["", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::"];
    for (const text of [...texts, "::1.2.3", "::1.2.3.256", "g::", "1:2:3:4:5:6:7:1.2.3.4"]) {
      expect(parseIpv6(text), text).toBeUndefined();
      expect(isIPv6(text), text).toBe(false);
    }
    for (const text of ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d"])
      expect(parseIpv4(text), text).toBeUndefined();
    for (const text of ["", "1:2:3:4:5", "1:2:3:4:5:g", "1:2:3:4:5:6:7"]) expect(parseMac(text), text).toBeUndefined();
  });

  it("of IPv4 and of network cards", () => {
    expect(formatIpv4(parseIpv4("10.0.255.1") ?? new Uint8Array())).toBe("10.0.255.1");
    expect(formatMac(parseMac("2:00:5E:10:00:ff") ?? new Uint8Array())).toBe("02:00:5e:10:00:ff");
  });
});
