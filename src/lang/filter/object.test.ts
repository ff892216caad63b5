// A filter as an object, on the embedded machine: it matches what the filter matches.
import { describe, expect, it } from "vitest";
import { embedded } from "../../machine/index.ts";
import { packet } from "../../packets/index.ts";
import { compileFilter } from "./compile-filter.ts";
import { filterObject } from "./object.ts";

const PACKETS: readonly Uint8Array[] = [
  packet().eth().ipv4().tcp({ destination: 443 }).bytes(),
  packet().eth().ipv4().tcp({ destination: 80 }).bytes(),
  packet().eth().ipv6().udp({ source: 53 }).payload("abc").bytes(),
  packet().eth().arp().bytes(),
];

describe("a filter as an object", () => {
  it.each(["tcp port 443", "udp", "arp or ip6", "ip[8] % 3 + 1 = 2 or len > 60", "tcp[12] / (len - 54) = 0", ""])(
    "%s",
    (text) => {
      const filter = compileFilter(text);
      const machine = embedded(filterObject(filter));
      const answers = PACKETS.map((bytes) => machine.run(undefined, { packet: bytes }).value !== 0);
      expect(answers).toEqual(PACKETS.map((bytes) => filter.matches(bytes)));
    },
  );

  it("is none where it has a loop", () => {
    expect(() => filterObject(compileFilter("ip6 protochain 6"))).toThrow("SCRY1510");
  });
});
