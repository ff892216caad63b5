// What terms ask, against plain functions over bytes: those that the tcpdump of a machine may be too old for.
import { describe, expect, it } from "vitest";
import { pick, type Random, randomOf } from "../../../test/support/filter-packets.ts";
import { compileFilter } from "./compile-filter.ts";
import { linkTypes } from "./link-types.ts";
import { FRAME_SUBTYPES, FRAME_TYPES, PF_ACTIONS, PF_REASONS } from "./names.ts";

const seed = Number(process.env["SCRY_SEED"] ?? 1);
const ROUNDS = 400;

const half = (data: Uint8Array, at: number): number => ((data[at] as number) << 8) | (data[at + 1] as number);
const word = (data: Uint8Array, at: number): number => ((half(data, at) << 16) | half(data, at + 2)) >>> 0;

/** Packets of few values, so that they are met, changed further by `dress`: both answers must come. */
function agrees(
  linkType: string,
  text: string,
  values: readonly number[],
  is: (data: Uint8Array) => boolean,
  dress: (data: Uint8Array, random: Random) => void = () => {},
): void {
  const random = randomOf(seed);
  const { matches } = compileFilter(text, { linkType });
  const answers = new Set<boolean>();
  for (let i = 0; i < ROUNDS; i++) {
    const data = Uint8Array.from({ length: 120 }, () => pick(random, values));
    dress(data, random);
    const expected = is(data);
    answers.add(expected);
    expect(matches(data), `${linkType} ${text} (seed ${seed}): ${Buffer.from(data).toString("hex")}`).toBe(expected);
  }
  expect(answers.size, `${linkType} ${text}: both answers`).toBe(2);
}

describe("directions", () => {
  it.each([
    ["SLIP", (data: Uint8Array) => data[0], 0, 1],
    ["PPP_PPPD", (data: Uint8Array) => data[0], 0, 1],
    ["IPNET", (data: Uint8Array) => half(data, 2), 2, 1],
    ["PFLOG", (data: Uint8Array) => data[60], 1, 2],
    ["JUNIPER_MFR", (data: Uint8Array) => (data[3] as number) & 1, 1, 0],
    ["JUNIPER_VP", (data: Uint8Array) => (data[3] as number) & 1, 1, 0],
  ] as const)("of %s are those of its header", (linkType, field, inbound, outbound) => {
    const values = [0, 0, 0, 1, 2, 3];
    agrees(linkType, "inbound", values, (data) => field(data) === inbound);
    agrees(linkType, "outbound", values, (data) => field(data) === outbound);
  });

  it("are the kernel's where a header has none, and files have no kernel", () => {
    for (const text of ["inbound", "outbound", "ifindex 3"]) {
      const { classic } = compileFilter(text);
      expect(classic[0]?.k, text).toBeGreaterThan(0xfffff000);
      expect(() => compileFilter(text, { fromFile: true }), text).toThrow("only while they are captured");
      expect(() => compileFilter(text, { linkType: "LINUX_SLL2", fromFile: true }), text).not.toThrow();
    }
  });
});

describe("marks that all packets of a link begin with", () => {
  const marked = linkTypes().filter(({ framing }) => framing === "mark");
  it.each(marked.map(({ name }) => name))("%s", (linkType) => {
    const juniper = linkType.startsWith("JUNIPER");
    const begin = juniper ? [0x4d, 0x47, 0x43] : [0x55, 0xff];
    for (const text of ["link proto \\ip", "ip6", "link proto 17"])
      agrees(
        linkType,
        text,
        [0, 1, 255],
        (data) => begin.every((byte, i) => data[i] === byte),
        (data, random) => {
          if (random() < 0.7) data.set(begin);
          if (random() < 0.3) data[Math.floor(random() * begin.length)] = 0;
        },
      );
  });
});

describe("frames of 802.11", () => {
  const links = { IEEE802_11: 0, IEEE802_11_RADIO: 12, PPI: 32 } as const;
  const dressed =
    (header: number) =>
    (data: Uint8Array): void => {
      if (header === 0) return;
      data.set([0, 0, header, 0], 0);
      // What stands behind PPI's header, in little-endian order.
      if (header === 32) data.set([105, 0, 0, 0], 4);
    };
  const control = (text: string, mask: number, value: number, linkType: keyof typeof links): void => {
    const at = links[linkType];
    agrees(
      linkType,
      text,
      [value, value, value | 3, value ^ 0x80, value ^ 0x10, 0, 4, 8, 12],
      (data) => ((data[at] as number) & mask) === value,
      dressed(at),
    );
  };

  it("are told by the names of their types, and by numbers", () => {
    for (const linkType of Object.keys(links) as (keyof typeof links)[])
      for (const [name, type] of Object.entries(FRAME_TYPES))
        for (const text of [`type ${name}`, `wlan type ${type}`, `type 0x${type.toString(16)}`])
          control(text, 0x0c, type, linkType);
  });

  it("are told by the names of their subtypes, and by numbers behind a type", () => {
    for (const [name, [type, subtype]] of Object.entries(FRAME_SUBTYPES)) {
      control(`subtype ${name}`, 0xfc, type | subtype, "IEEE802_11");
      control(`wlan type ${type} subtype ${name}`, 0xfc, type | subtype, "PPI");
      control(`type ${type} subtype ${subtype}`, 0xfc, type | subtype, "IEEE802_11_RADIO");
      // 0 before a number says that it is octal.
      control(`type 0${type.toString(8)} subtype 0${subtype.toString(8)}`, 0xfc, type | subtype, "IEEE802_11");
    }
  });

  it("go where two of their bits say", () => {
    ["nods", "tods", "fromds", "dstods"].forEach((name, direction) => {
      for (const linkType of Object.keys(links) as (keyof typeof links)[])
        for (const text of [`dir ${name}`, `wlan direction ${direction}`])
          agrees(
            linkType,
            text,
            [0, 1, 2, 3, 0x43, 0x82],
            (data) => ((data[links[linkType] + 1] as number) & 3) === direction,
            dressed(links[linkType]),
          );
    });
  });
});

describe("names in pflog", () => {
  it.each([...Object.entries(PF_REASONS).map(([name, number]) => ["reason", name, 3, number] as const)])(
    "%s %s",
    (kind, name, at, number) => agrees("PFLOG", `${kind} ${name}`, [number, number + 1, 40], (d) => d[at] === number),
  );
  it.each([...Object.entries(PF_ACTIONS).map(([name, number]) => ["action", name, 2, number] as const)])(
    "%s %s",
    (kind, name, at, number) => agrees("PFLOG", `${kind} ${name}`, [number, number + 1, 40], (d) => d[at] === number),
  );
});

describe("protocols of the link by name", () => {
  it.each([
    ["loopback", 0x9000],
    ["lldp", 0x88cc],
    ["slow", 0x8809],
    ["\\arp", 0x0806],
  ] as const)("ether proto %s", (name, number) => {
    agrees("EN10MB", `ether proto ${name}`, [number >> 8, number & 255], (data) => half(data, 12) === number);
  });

  it("has IPX in all of its forms", () => {
    const is = (data: Uint8Array): boolean => {
      if (half(data, 12) === 0x8137) return true;
      if (half(data, 12) > 1500) return false;
      const snap = word(data, 14) === 0xaaaa0300 && word(data, 18) === 0x8137;
      return snap || data[14] === 0xe0 || half(data, 14) === 0xffff;
    };
    const dress = (data: Uint8Array, random: Random): void => {
      data.set(
        pick(random, [
          [0x81, 0x37],
          [0, 9, 0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0x37],
          [9, 9, 0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0x37],
          [0, 9, 0xe0],
          [0, 9, 255, 255],
        ]),
        12,
      );
      if (random() < 0.3) data[12 + Math.floor(random() * 10)] = 1;
    };
    for (const text of ["ipx", "ether proto \\ipx"]) agrees("EN10MB", text, [0, 1, 255], is, dress);
    agrees("PPP", "ipx", [0, 0x2b, 0xe0], (data) => half(data, 2) === 0x2b);
    agrees("PPP", "link proto 0x600", [0, 0x25, 6], (data) => half(data, 2) === 0x25);
  });

  it("stands in Frame Relay where others have the network's", () => {
    agrees("FRELAY", "clnp", [3, 0x81, 0x82], (data) => half(data, 2) === 0x0381);
    agrees("FRELAY", "iso proto 0x82", [3, 0x81, 0x82], (data) => half(data, 2) === 0x0382);
  });
});

describe("fields whose other bits are not theirs", () => {
  it.each([
    ["EN10MB", 14],
    ["C_HDLC", 2],
  ] as const)("types of IS-IS (%s)", (linkType, at) => {
    const isis = linkType === "EN10MB" ? 17 : 5;
    const dress = (data: Uint8Array, random: Random): void => {
      if (linkType === "EN10MB") data.set([0, 40], 12);
      data.set([0xfe, 0xfe], at);
      data[isis] = random() < 0.9 ? 0x83 : 0x82;
    };
    const of = (types: readonly number[]) => (data: Uint8Array) =>
      data[isis] === 0x83 && types.includes((data[isis + 4] as number) & 0x1f);
    const values = [18, 20, 18 | 0x20, 20 | 0xe0, 25, 25 | 0x80, 2];
    agrees(linkType, "lsp", values, of([18, 20]), dress);
    agrees(linkType, "csnp", values, of([24, 25]), dress);
    agrees(linkType, "isis proto 18", values, of([18]), dress);
  });

  it("frames of LAN emulation that carry data", () => {
    const dress = (data: Uint8Array, random: Random): void => {
      data.set([random() < 0.9 ? 1 : 2, 5, 0, 9, ...pick(random, [[255, 0] as const, [0, 1] as const])]);
      data.set(pick(random, [[8, 0] as const, [8, 6] as const]), 18);
    };
    const data = (packet: Uint8Array): boolean => ((packet[0] as number) & 15) === 1 && half(packet, 4) !== 0xff00;
    agrees("SUNATM", "lane and ip", [0, 1], (packet) => data(packet) && half(packet, 18) === 0x0800, dress);
    agrees("SUNATM", "lane and ether multicast", [0, 1], (p) => data(p) && ((p[6] as number) & 1) === 1, dress);
    agrees(
      "SUNATM",
      "lane and ether src 0:0:0:1:1:1",
      [0, 1],
      (p) => data(p) && half(p, 12) === 0 && word(p, 14) === 0x00010101,
      (p, random) => {
        dress(p, random);
        p.set([0, 0, 0, 1, 1, random() < 0.8 ? 1 : 0], 12);
      },
    );
  });

  it("flags of VXLAN", () => {
    const dress = (data: Uint8Array): void => {
      data.set([8, 0, 0x45], 12);
      data.set([0, 0], 20);
      data[23] = 17;
      data.set([0x12, 0xb5], 36);
    };
    agrees("EN10MB", "vxlan", [8, 8, 0x88, 0], (data) => data[42] === 8, dress);
    agrees(
      "EN10MB",
      "vxlan 0x080808",
      [8, 8, 8, 0],
      (data) => data[42] === 8 && word(data, 46) >>> 8 === 0x080808,
      dress,
    );
  });
});

describe("addresses of DECnet", () => {
  const little = (data: Uint8Array, at: number): number => (data[at] as number) | ((data[at + 1] as number) << 8);
  /** Headers, short and long, behind a byte of padding or not. */
  const holds = (data: Uint8Array, short: number, long: number, address: number): boolean => {
    if (half(data, 12) !== 0x6003) return false;
    const first = data[16] as number;
    const padded = first === 0x81;
    const flags = (padded ? data[17] : first) as number;
    const at = 16 + Number(padded) + 1;
    if ((flags & 7) === 2) return little(data, at + short) === address;
    if ((flags & 7) === 6) return little(data, at + long) === address;
    return false;
  };

  it("are area and node, whatever of IPv4 they would be", () => {
    const random = randomOf(seed);
    for (let i = 0; i < 40; i++) {
      const [area, node] = [Math.floor(random() * 64), Math.floor(random() * 1024)];
      const address = (area << 10) | node;
      const dress = (data: Uint8Array, more: Random): void => {
        data.set([0x60, 0x03], 12);
        const padded = more() < 0.5;
        const flags = pick(more, [2, 2, 6, 6, 0x0a, 0x2e, 3]);
        data.set(padded ? [0x81, flags] : [flags], 16);
        // Where a short header has its addresses, and a long one.
        for (const place of [0, 2, 6, 14])
          if (more() < 0.5) data.set([address & 255, address >> 8], 17 + Number(padded) + place);
      };
      const values = [address & 255, 7];
      agrees("EN10MB", `decnet src ${area}.${node}`, values, (data) => holds(data, 2, 14, address), dress);
      agrees("EN10MB", `decnet dst host ${area}.${node}`, values, (data) => holds(data, 0, 6, address), dress);
    }
  });
});

describe("chains of headers", () => {
  const AUTHENTICATION = 51;
  const extensions = [0, 43, 44, 60, AUTHENTICATION];

  /** A packet with these headers behind each other, each as long as it says. */
  function chained(family: 4 | 6, chain: readonly number[], random: Random): Uint8Array {
    const data = new Uint8Array(family === 4 ? 20 : 40);
    data[0] = family === 4 ? 0x45 : 0x60;
    data[family === 4 ? 9 : 6] = chain[0] as number;
    const parts = [data];
    chain.forEach((protocol, i) => {
      const known = family === 6 ? extensions.includes(protocol) : protocol === AUTHENTICATION;
      if (!known) {
        parts.push(Uint8Array.from({ length: 8 }, () => pick(random, [6, 17, AUTHENTICATION])));
        return;
      }
      // Words of 8 bytes less 1; of an authentication header, of 4 bytes less 2.
      const more = 1 + Math.floor(random() * 3);
      const part = new Uint8Array(protocol === AUTHENTICATION ? (more + 2) * 4 : (more + 1) * 8).fill(17);
      part.set([chain[i + 1] as number, more]);
      parts.push(part);
    });
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  }

  it.each([4, 6] as const)("are followed to the protocol that is asked for, over IPv%d", (family) => {
    const random = randomOf(seed);
    const word = family === 4 ? "ip" : "ip6";
    const filters = [6, 17, AUTHENTICATION, 60].map((number) => ({
      number,
      matches: compileFilter(`${word} protochain ${number}`, { linkType: "RAW" }).matches,
    }));
    let met = 0;
    for (let i = 0; i < 1000; i++) {
      const known = family === 4 ? [AUTHENTICATION] : extensions;
      const chain = Array.from({ length: Math.floor(random() * 5) }, () => pick(random, known));
      chain.push(pick(random, [6, 17, 58, 59]));
      const data = chained(family, chain, random);
      for (const { number, matches } of filters) {
        const is = chain.includes(number);
        if (is) met++;
        const place = `${word} protochain ${number} of ${chain} (seed ${seed})`;
        expect(matches(data), place).toBe(is);
      }
    }
    expect(met).toBeGreaterThan(500);
  });
});

describe("an address of IPv6 with all of its bits", () => {
  it("is a host, as without them", () => {
    for (const text of ["host 2001:db8::7", "src 2001:db8::7", "ip6 dst host 2001:db8::0.0.0.7"])
      expect(compileFilter(`${text}/128`).classic).toEqual(compileFilter(text).classic);
    for (const text of ["host 2001:db8::/64", "host 10.0.0.1/32", "port 2001:db8::7/128"])
      expect(() => compileFilter(text), text).toThrow("SCRY15");
  });
});
