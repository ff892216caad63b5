// Generated filters against libpcap itself, by tcpdump where it is installed; and texts that are no filters.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { askedPacket } from "../../../test/support/asked-packets.ts";
import { bent, filterFixtures, pick, randomOf, reference, tracePackets } from "../../../test/support/filter-packets.ts";
import { randomFilter } from "../../../test/support/filter-texts.ts";
import { DiagnosticError } from "../../source/index.ts";
import { compileFilter } from "./compile-filter.ts";
import { linkTypes } from "./link-types.ts";
import { KEYWORDS, NUMBERS } from "./names.ts";

const seed = Number(process.env.SCRY_SEED ?? 1);
/** `SCRY_FILTERS=5000` looks for new faults. */
const filters = Number(process.env.SCRY_FILTERS ?? 200);
const there = spawnSync("tcpdump", ["--version"]).status === 0;
if (!there) console.warn("skipped: tcpdump is not installed");

/**
 * Can a program read a word of memory that it has not written on its way? Some of libpcap's for 802.11 do, and then contradict
 * themselves. Classic programs jump forwards only.
 */
function readsUnset(program: readonly (readonly number[])[]): boolean {
  /** By instruction: the words that are written on every way to it; undefined: no way leads there. */
  const written: (number | undefined)[] = program.map((_, i) => (i === 0 ? 0 : undefined));
  const reach = (to: number, words: number): void => {
    written[to] = (written[to] ?? 0xffff) & words;
  };
  return program.some(([code = 0, jt = 0, jf = 0, k = 0], i) => {
    const here = written[i];
    if (here === undefined) return false;
    const type = code & 7;
    if ((code === 0x60 || code === 0x61) && (here & (1 << k)) === 0) return true;
    const now = code === 0x02 || code === 0x03 ? here | (1 << k) : here;
    if (code === 0x05) reach(i + 1 + k, now);
    else if (type === 5) for (const jump of [jt, jf]) reach(i + 1 + jump, now);
    else if (type !== 6) reach(i + 1, now);
    return false;
  });
}

const room = new Uint8Array(1 << 17);
/** With zeros behind it: a program that reads beyond a packet's end answers no, whatever the order of its other tests. */
function long(data: Uint8Array): Uint8Array {
  room.fill(0, 0, 2048);
  room.set(data);
  return room;
}

describe.skipIf(!there || !filterFixtures)("generated filters", () => {
  it("match the packets that libpcap's programs match", { timeout: 120_000 + filters * 200 }, () => {
    const random = randomOf(seed);
    const packets = tracePackets().filter((_, i) => i % 4 === 0);
    // Where the payload is not known, bytes are asked for that no packet has: then the order of tests decides.
    const protocols = linkTypes().filter(({ framing, payload }) => framing !== "raw" && payload >= 0);
    const variable = new Set(
      linkTypes().flatMap(({ name, framing }) => (framing === "802.11" || framing === "pf" ? [name] : [])),
    );
    const link = ["EN10MB", "EN10MB", "EN10MB", ...protocols.map(({ name }) => name)];
    let compared = 0;
    let refused = 0;
    /** Other packets match, by a program of libpcap's that asks memory which it has not written. */
    let unset = 0;
    /** Where libpcap's optimizer makes a program: instructions of all, and how many of ours are longer. */
    const instructions = { ours: 0, theirs: 0, programs: 0, longer: 0 };
    const wrong: string[] = [];
    /** Packets that matched. */
    let hits = 0;
    for (let i = 0; i < filters; i++) {
      const text = randomFilter(random, 2);
      const dlt = pick(random, link);
      // Where a header ends that varies, libpcap keeps in a register that sums may overwrite, too.
      if (variable.has(dlt) && /[[<>=]/.test(text)) continue;
      // Only newer versions ask it for these.
      if (dlt === "PPI" && /type |dir /.test(text)) continue;
      // A divisor that is worked out may be zero (`6 / 2 ^ len` divides by `2 ^ len`): then a program says no at once, whatever
      // else was to be asked, in whichever order.
      if (/[/%] \d+ (?:[-+*&|^/%]|<<|>>)/.test(text)) continue;
      const shape = (optimized: boolean) =>
        spawnSync("tcpdump", [...(optimized ? [] : ["-O"]), "-y", dlt, "-ddd", text], {
          encoding: "utf8",
          timeout: 10_000,
        });
      const theirs = shape(false);
      // libpcap aborts at protocols that Frame Relay does not carry.
      if (theirs.signal === "SIGABRT") continue;
      const best = shape(true);
      let ours: ReturnType<typeof compileFilter> | undefined;
      try {
        // tcpdump has no network where it has no interface.
        ours = compileFilter(text, { linkType: dlt, mayMatchNothing: true, netmask: 0 });
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
      }
      if (theirs.status !== 0 || ours === undefined) {
        refused++;
        // What divides by zero only once it is worked out is refused by libpcap's optimizer.
        if (ours === undefined && best.status !== 0) continue;
        if ((theirs.status === 0) !== (ours !== undefined))
          wrong.push(`${dlt} ${text}: refused by one: ${theirs.stderr}`);
        continue;
      }
      const program = (text: string) =>
        text
          .trim()
          .split("\n")
          .slice(1)
          .map((line) => line.split(" ").map(Number));
      const run = reference(program(theirs.stdout));
      // A header of the radio that ends beyond the packet is no packet for libpcap, whatever else is asked.
      const short = dlt === "PRISM_HEADER" || dlt === "IEEE802_11_RADIO_AVS";
      compared++;
      if (best.status === 0) {
        const [here, there] = [ours.classic.length, program(best.stdout).length];
        instructions.ours += here;
        instructions.theirs += there;
        instructions.programs++;
        if (here > there) instructions.longer++;
      }
      const { matches } = ours;
      const asked = [program(theirs.stdout), ...(best.status === 0 ? [program(best.stdout)] : [])].flatMap((code) =>
        Array.from({ length: 60 }, () => askedPacket(code, random)),
      );
      const differs = packets
        .flatMap((packet) => [packet, bent(packet, random)])
        .concat(asked)
        .find(({ data, length }) => {
          const whole = long(data);
          if (short) whole.fill(0, 4, 6);
          const is = run(whole, { length }) !== 0;
          if (is) hits++;
          return matches(whole, { length }) !== is;
        });
      if (differs !== undefined && readsUnset(program(theirs.stdout))) unset++;
      else if (differs !== undefined) wrong.push(`${dlt} ${text}: ${Buffer.from(differs.data).toString("hex")}`);
    }
    console.log(
      `seed ${seed}: ${compared} filters compared (${hits} packets matched), ${refused} refused, ${unset} otherwise where libpcap's program reads what it never wrote; ${instructions.ours} instructions, libpcap's optimized ${instructions.theirs}; ${instructions.longer} of ${instructions.programs} longer`,
    );
    expect(compared).toBeGreaterThan(filters / 2);
    expect(wrong).toEqual([]);
    expect(instructions.longer / instructions.programs).toBeLessThan(0.1);
  });
});

/** Of each kind of link, words that others lack. */
const SS7 = [
  "sio 3",
  "hsio > 4",
  "opc 300",
  "dpc > 100",
  "sls 5",
  "hopc < 1200",
  "hdpc 13",
  "hsls 3",
  "sio (3 or 5)",
].concat(["fisu", "lssu", "msu", "hfisu", "hlssu", "hmsu"]);
const FRAMES = ["addr1", "addr2", "addr3", "addr4", "ra", "ta", "src", "dst", "host"]
  .map((direction) => `wlan ${direction} 0:1:2:3:5:8`)
  .concat(["llc", "llc ui", "llc i", "stp", "aarp", "wlan broadcast", "multicast", "ip src 0.1.2.3", "tcp port 80"]);
const TYPES = [
  "type mgt",
  "type ctl subtype ack",
  "subtype qos-data",
  "type 8",
  "dir fromds",
  "dir 3",
  "vlan 3",
  "vlan and ip",
];
const OWN: Readonly<Record<string, readonly string[]>> = {
  MTP2: SS7,
  MTP2_WITH_PHDR: SS7,
  ERF: SS7,
  SUNATM: [
    "lane",
    "oam",
    "oamf4ec",
    "metac",
    "bcc",
    "sc",
    "ilmic",
    "connectmsg",
    "metaconnect",
    "vpi 5",
    "vci > 3",
  ].concat([
    "lane and ip",
    "lane and ether src 0:1:2:3:5:8",
    "lane and multicast",
    "lane and vlan 3",
    "llc",
    "llc rnr",
    "ip",
    "ipx",
  ]),
  PFLOG: [
    "ifname eth0",
    "on lo",
    "rnr 5",
    "rset abc",
    "srnr 3",
    "reason short",
    "action drop",
    "inbound",
    "outbound",
    "ip6",
  ],
  IEEE802_11: [...FRAMES, ...TYPES],
  IEEE802_11_RADIO: [...FRAMES, ...TYPES],
  IEEE802_11_RADIO_AVS: [...FRAMES, ...TYPES],
  PRISM_HEADER: [...FRAMES, ...TYPES],
  PPI: FRAMES,
  EN10MB: [
    "llc",
    "llc s",
    "llc xid",
    "ipx",
    "netbeui",
    "aarp",
    "atalk",
    "iso",
    "esis",
    "link proto 66",
    "link proto 6",
  ].concat(
    ["pppoes 5 and ip", "pppoes and mpls 3", "vlan 3 and vlan 5 and ip6", "mpls and mpls 3 and ip", "decnet src 1.1"],
    ["geneve 3 and arp", "geneve and vlan 5", "ether proto loopback", "iso proto 3", "vlan and decnet dst 5.3"],
  ),
  FDDI: ["llc", "llc u", "ipx", "netbeui", "atalk", "fddi src 0:1:2:3:5:8", "multicast", "stp", "link proto 5", "ip6"],
  IEEE802: ["llc", "llc rej", "tr dst 0:1:2:3:5:8", "broadcast", "iso", "clnp", "aarp", "arp src 0.1.2.3"],
  LINUX_SLL: ["inbound", "outbound", "ipx", "netbeui", "stp", "aarp", "atalk", "link proto 6", "link proto 5", "ip"],
  LINUX_SLL2: ["inbound", "outbound", "ifindex 3", "ip6", "arp dst 0.1.2.3", "link proto 0x600", "iso", "clnp"],
  PPP: ["ip", "ip6", "mpls 3", "mpls and mpls and ip", "stp", "iso", "clnp", "decnet", "atalk", "link proto 5"],
  C_HDLC: ["ip", "mpls 3", "clnp", "esis", "iso", "ip6", "tcp port 80"],
  ARCNET: ["ip", "arp", "rarp", "atalk", "ip6", "broadcast", "tcp dst port 80"],
  JUNIPER_ATM1: ["ip", "inbound", "outbound", "clnp", "tcp port 80", "src 0.1.2.3"],
  JUNIPER_ETHER: ["ip", "inbound", "outbound", "esis", "udp port 5", "dst 0.1.2.3"],
};

describe.skipIf(!there)("words of a link", () => {
  it.each(Object.keys(OWN))("are those of libpcap (%s)", { timeout: 60_000 }, (dlt) => {
    const random = randomOf(seed);
    const own = OWN[dlt] as readonly string[];
    const joined = (): string => {
      const [a, b] = [pick(random, own), pick(random, own)];
      return pick(random, [`${a} and ${b}`, `(${a}) or ${b}`, `(${a}) and not (${b})`, `not (${a})`]);
    };
    const wrong: string[] = [];
    let hits = 0;
    for (const text of [...own, ...Array.from({ length: own.length }, joined)]) {
      // Behind this word libpcap looks for ATM's fields in the frame of Ethernet.
      if (/lane.*(?:lane|oam|metac|bcc|sc|ilmic|connectmsg|vpi|vci)/.test(text)) continue;
      const theirs = spawnSync("tcpdump", ["-O", "-y", dlt, "-ddd", text], { encoding: "utf8", timeout: 10_000 });
      if (theirs.status !== 0) {
        // Behind MPLS only IP can be told.
        expect(() => compileFilter(text, { linkType: dlt }), `${dlt} ${text}: ${theirs.stderr}`).toThrow("SCRY1506");
        continue;
      }
      const lines = theirs.stdout.trim().split("\n").slice(1);
      const code = lines.map((line) => line.split(" ").map(Number));
      const run = reference(code);
      const { matches } = compileFilter(text, { linkType: dlt, mayMatchNothing: true });
      for (let i = 0; i < 150; i++) {
        const { data, length } = askedPacket(code, random);
        const whole = long(data);
        // How long what stands before a frame is: within the packet.
        if (dlt === "PRISM_HEADER" || dlt === "IEEE802_11_RADIO_AVS") whole.fill(0, 4, 7);
        const is = run(whole, { length }) !== 0;
        if (is) hits++;
        if (matches(whole, { length }) === is || readsUnset(code)) continue;
        wrong.push(`${dlt} ${text} (seed ${seed}): ${Buffer.from(data).toString("hex")}`);
        break;
      }
    }
    expect(hits).toBeGreaterThan(own.length * 15);
    expect(wrong).toEqual([]);
  });
});

describe("texts that are no filters", () => {
  it("are refused with a place, and never otherwise", () => {
    const random = randomOf(seed);
    const words = [
      ...KEYWORDS,
      ...Object.keys(NUMBERS).slice(0, 9),
      "10.0.0.1",
      "::1",
      "1",
      "80",
      "(",
      ")",
      "[",
      "]",
      ":",
      "/",
      "=",
      "+",
      "-",
      "%",
      "<<",
      "\\tcp",
      "$1",
      "0:1:2:3:4:5",
      "ä",
      "|",
      "&",
      "!",
    ];
    let compiled = 0;
    for (let i = 0; i < 3000; i++) {
      const text = Array.from({ length: 1 + Math.floor(random() * 8) }, () => pick(random, words)).join(
        pick(random, [" ", " ", ""]),
      );
      try {
        const linkType = pick(random, ["EN10MB", "IEEE802_11_RADIO", "SUNATM", "MTP2", "PFLOG", "LINUX_SLL", "RAW"]);
        compileFilter(text, { linkType, mayMatchNothing: true }).matches(new Uint8Array(60));
        compiled++;
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw new Error(`seed ${seed}: ${text}`, { cause: error });
        for (const { span } of error.diagnostics) {
          if (span === undefined || span.start > span.end || span.end > text.length)
            throw new Error(`no place: ${text}`);
        }
      }
    }
    expect(compiled).toBeGreaterThan(20);
  });

  it("have limits", () => {
    for (const text of [
      `${"(".repeat(5000)}tcp`,
      `${"not ".repeat(5000)}tcp`,
      `${"-".repeat(5000)}1 = 1`,
      "tcp or ".repeat(30_000),
    ])
      expect(() => compileFilter(text)).toThrow(DiagnosticError);
    const hosts = Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(" or ");
    const filter = compileFilter(`src host ${hosts}`);
    expect(filter.classic.length).toBeGreaterThan(2000);
    const packet = new Uint8Array(60);
    packet.set([8, 0], 12);
    packet.set([10, 0, 7, 207], 26);
    expect(filter.matches(packet)).toBe(true);
    packet.set([10, 0, 7, 208], 26);
    expect(filter.matches(packet)).toBe(false);
  });
});
