// What a filter must not say: numbers beyond their field, qualifiers that do not go together, and what a link type lacks.
import { describe, expect, it } from "vitest";
import { DiagnosticError } from "../../source/index.ts";
import { compileFilter, type FilterOptions } from "./compile-filter.ts";
import { linkTypes } from "./link-types.ts";
import { PROTOCOLS } from "./names.ts";
import type { Resolver } from "./resolver.ts";

const resolver: Resolver = {
  host: (name) => (name === "six" ? [[0xfe800000, 0, 0, 1]] : name === "four" ? [0x0a000001] : undefined),
  network: (name) => (name === "lan" ? { address: 0x0a000000, bits: 8 } : undefined),
  ether: (name) => (name === "four" || name === "six" ? [2, 0, 0, 0, 0, 1] : undefined),
};

/** The code of what is wrong, which has its place in the text; undefined: nothing is. */
function refusal(text: string, linkType: string, options: FilterOptions = {}): string | undefined {
  try {
    compileFilter(text, { linkType, resolver, mayMatchNothing: true, ...options });
    return undefined;
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw new Error(`${linkType} ${text}`, { cause: error });
    const [first] = error.diagnostics;
    if (first?.span === undefined || first.span.end > text.length) throw new Error(`no place: ${linkType} ${text}`);
    return first.code;
  }
}

describe("numbers", () => {
  it.each([
    ["MTP2", "sio", 0xff],
    ["MTP2", "hsio", 0xff],
    ["MTP2", "dpc", 0x3fff],
    ["MTP2", "hopc", 0x3fff],
    ["MTP2", "sls", 15],
    ["SUNATM", "vpi", 0xff],
    ["SUNATM", "vci", 0xffff],
    ["EN10MB", "vlan", 0xfff],
    ["EN10MB", "mpls", 0xfffff],
    ["EN10MB", "pppoes", 0xffff],
    ["EN10MB", "geneve", 0xffffff],
    ["EN10MB", "vxlan", 0xffffff],
    ["EN10MB", "byte 3 =", 0xff],
    ["EN10MB", "byte 3 &", 0xff],
    ["EN10MB", "ip proto", 0xff],
    ["EN10MB", "protochain", 0xff],
    ["EN10MB", "iso proto", 0xff],
    ["EN10MB", "isis proto", 0x1f],
    ["EN10MB", "udp port", 0xffff],
    ["EN10MB", "portrange 7-", 0xffff],
    ["PPP", "link proto", 0xffff],
    ["EN10MB", "link proto", 0xffff],
    ["IEEE802_11", "dir", 3],
    ["IEEE802_11", "type", 0x0c],
    ["IEEE802_11", "type 0 subtype", 0xf0],
    ["RAW", "ip net 0.0.0.0/", 32],
    ["RAW", "ip6 net ::/", 128],
  ] as const)("%s: %s goes up to %d", (linkType, words, most) => {
    const text = (number: number): string => (/[-/]$/.test(words) ? `${words}${number}` : `${words} ${number}`);
    // A prefix of all bits of 0 is well, too.
    expect(refusal(text(most), linkType)).toBeUndefined();
    expect(refusal(text(most + 1), linkType)).toMatch(/^SCRY150[59]$/);
    expect(refusal(`tcp port 80 or ${text(most + 1)}`, linkType)).toMatch(/^SCRY15/);
  });

  it("of services of LLC have one byte, and those of Ethernet begin above its lengths", () => {
    for (const linkType of ["EN10MB", "FDDI", "IP_OVER_FC", "LINUX_SLL", "SUNATM", "IEEE802_11"])
      for (const [number, code] of [
        [255, undefined],
        [256, "SCRY1509"],
        [1500, "SCRY1509"],
        [1501, undefined],
      ] as const)
        expect(refusal(`link proto ${number}`, linkType), `${linkType} ${number}`).toBe(code);
    expect(refusal("link proto 1500", "C_HDLC")).toBeUndefined();
  });

  it("of frames have the bits of their field, and subtypes a type", () => {
    for (const text of ["type 1", "type 4 subtype 8", "subtype 0", "subtype 0x80", "type mgt subtype data"])
      expect(refusal(text, "IEEE802_11"), text).toMatch(/^SCRY15/);
  });

  it("of networks need more than one address", () => {
    expect(refusal("ip broadcast", "EN10MB", { netmask: 0xffffff00 })).toBeUndefined();
    expect(refusal("ip broadcast", "EN10MB", { netmask: 0xffffffff })).toBe("SCRY1506");
    expect(refusal("ip broadcast", "EN10MB")).toBe("SCRY1506");
  });

  it.each(["64.1", "1.1024", "1.2.3", "1.2.3.4", "7", "four"])("decnet host %s is no address", (address) => {
    expect(refusal(`decnet host ${address}`, "EN10MB")).toBeDefined();
  });
  it.each(["host 50.764", "net 50.764", "src 1.256", "port 50.764", "net 10.0.0.0 mask 255.256"])("%s", (text) => {
    expect(refusal(text, "EN10MB")).toBeDefined();
  });
});

describe("qualifiers", () => {
  const ip4 = ["ip", "arp", "rarp"];
  const ports = ["tcp", "udp", "sctp"];
  const protocols = ["ip", "ip6", "link", "iso", "isis"];
  /** Names by type, and the protocols that they go with. */
  const goes: readonly (readonly [type: string, id: string, which: readonly string[]])[] = [
    ["host", "10.0.0.1", ip4],
    ["host", "four", [...ip4, "link"]],
    ["host", "six", ["ip6", "link"]],
    ["host", "fe80::1", ["ip6"]],
    ["host", "fe80::1/128", ["ip6"]],
    ["host", "fe80::/64", []],
    ["host", "10.0.0.0/8", []],
    ["host", "10.0.0.0 mask 255.0.0.0", []],
    ["host", "1:2:3:4:5:6", ["link"]],
    ["host", "$1f", []],
    ["host", "12.500", ["decnet"]],
    ["net", "10.0.0.0/8", ip4],
    ["net", "10.0.0.0 mask 255.0.0.0", ip4],
    ["net", "lan", ip4],
    ["net", "fe80::/64", ["ip6"]],
    ["net", "1:2:3:4:5:6", []],
    ["port", "80", ports],
    ["port", "nothing-knows-it", []],
    ["portrange", "80-90", ports],
    ["proto", "17", protocols],
    ["proto", "nothing-knows-it", []],
    ["protochain", "17", ["ip", "ip6"]],
    ["gateway", "four", ip4],
    ["gateway", "six", []],
    ["gateway", "nothing-knows-it", []],
    ...["port", "portrange", "proto", "protochain", "gateway"].flatMap((type) =>
      ["10.0.0.1", "10.0.0.0/8", "10.0.0.0 mask 255.0.0.0", "fe80::1", "fe80::/64", "1:2:3:4:5:6", "$1f"].map(
        (id) => [type, id, []] as const,
      ),
    ),
  ];
  const words = [...new Set(Object.values(PROTOCOLS))];

  it.each(goes)("%s %s", (type, id, which) => {
    for (const protocol of words) {
      const code = refusal(`${protocol} ${type} ${id}`, "EN10MB");
      expect(code === undefined, `${protocol} ${type} ${id}: ${code}`).toBe(which.includes(protocol));
    }
  });

  it("of direction are for what has a source and a destination", () => {
    for (const direction of ["src", "dst", "src or dst", "src and dst"]) {
      for (const text of ["proto 6", "protochain 6", "gateway four", "ip proto \\tcp"])
        expect(refusal(`${direction} ${text}`, "EN10MB"), `${direction} ${text}`).toBeDefined();
      expect(refusal(`${direction} port 6`, "EN10MB")).toBeUndefined();
    }
    for (const direction of ["addr1", "addr4", "ra", "ta"]) {
      expect(refusal(`link ${direction} 1:2:3:4:5:6`, "IEEE802_11")).toBeUndefined();
      for (const linkType of ["EN10MB", "FDDI", "IEEE802", "NETANALYZER"])
        expect(refusal(`link ${direction} 1:2:3:4:5:6`, linkType)).toBe("SCRY1504");
    }
  });

  it("of addresses fit the link", () => {
    for (const text of ["link host $1f", "link src $1f"]) {
      expect(refusal(text, "ARCNET")).toBeUndefined();
      expect(refusal(text, "EN10MB")).toBe("SCRY1506");
    }
  });
});

describe("link types of which only bytes are known", () => {
  const raw = linkTypes().filter(({ framing }) => framing === "raw");
  const lacked = [
    "ip",
    "link proto 1",
    "host 10.0.0.1",
    "tcp port 80",
    "link broadcast",
    "link multicast",
    "link host 1:2:3:4:5:6",
    "link host $1f",
    "vlan",
    "mpls",
    "llc",
    "pppoes",
    "geneve",
    "type data",
    "subtype beacon",
    "dir tods",
    "fisu",
    "opc 3",
    "lane",
    "vpi 1",
    "reason match",
    "gateway four",
    "radio[0] = 1",
    "ip[0] = 1",
    "protochain 6",
  ];

  it("have their bytes and their length, and nothing else", () => {
    expect(raw.length).toBeGreaterThan(90);
    for (const { name } of raw) {
      const { matches } = compileFilter("link[2:2] = 0x0102 and len > 9 or byte 0 = 7", { linkType: name });
      const data = Uint8Array.of(0, 0, 1, 2, 0, 0, 0, 0, 0, 0);
      expect([matches(data), matches(data.subarray(0, 9)), matches(Uint8Array.of(7, 0, 0, 0))]).toEqual([
        true,
        false,
        true,
      ]);
      for (const text of lacked) expect(refusal(text, name), `${name} ${text}`).toBe("SCRY1506");
    }
  });

  it("have names and numbers of their own", () => {
    const all = linkTypes();
    const numbers = all.flatMap(({ number, inFiles = number }) => [...new Set([number, inFiles])]);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { name, number } of all) {
      expect(compileFilter("", { linkType: name.toLowerCase() }).linkType.number).toBe(number);
      expect(compileFilter("", { linkType: number }).linkType.name).toBe(name);
    }
  });
});
