// Headers of packets on the embedded machine and on the live kernel (BPF_PROG_TEST_RUN): the same packets, the same answers.

import { describe, expect, it } from "vitest";
import { kernelBtf } from "../../kernel/index.ts";
import { ObjectFile } from "../../loader/index.ts";
import { embedded } from "../../machine/index.ts";
import type { BpfObject } from "../../object/index.ts";
import { formatDiagnostic } from "../../source/index.ts";
import { compileModule } from "./index.ts";

const IMPORTS =
  'import { be16, bpf, cgroupEgress, hash, ipv4, ipv6, live, lpmTrie, mac, range, ring, socketFilter, struct, tc, u8, u16, u32, u64, xdp, XDP, type XdpContext, xdpFrags } from "scry/bpf";\n';

function answered(text: string): { object: BpfObject | undefined; said: string } {
  const source = { name: "t.bpf.ts", text: IMPORTS + text };
  const { object, diagnostics } = compileModule(source, { btf: () => kernelBtf(), cpu: 4 });
  return { object, said: diagnostics.map((one) => formatDiagnostic(one, source)).join("\n") };
}
function compiled(text: string): BpfObject {
  const { object, said } = answered(text);
  if (object === undefined) throw new Error(said);
  return object;
}

// --- packets ------------------------------------------------------------------------------------------------------

const hex = (text: string): number[] =>
  (text.replaceAll(/\s/g, "").match(/../g) ?? []).map((b) => Number.parseInt(b, 16));
const word = (value: number): number[] => [(value >> 8) & 255, value & 255];
/** The Internet checksum, as RFC 1071 says it: plainly, all at once. */
function sum(bytes: readonly number[]): number {
  let all = 0;
  for (let i = 0; i < bytes.length; i += 2) all += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (all > 0xffff) all = (all & 0xffff) + (all >> 16);
  return all;
}
const complement = (bytes: readonly number[]): number[] => word(~sum(bytes) & 0xffff);

interface Ip {
  readonly protocol: number;
  readonly payload: readonly number[];
  readonly ttl?: number;
  readonly options?: readonly number[];
  readonly fragment?: number;
  readonly source?: readonly number[];
}
const DESTINATION = [10, 0, 0, 2];
function ipv4({ protocol, payload, ttl = 64, options = [], fragment = 0, source = [10, 0, 0, 1] }: Ip): number[] {
  const length = 20 + options.length;
  const before = [0x40 | (length / 4), 0, ...word(length + payload.length), 0, 1, ...word(fragment), ttl, protocol];
  const after = [...source, ...DESTINATION, ...options];
  return [...before, ...complement([...before, 0, 0, ...after]), ...after, ...payload];
}
const pseudo4 = (protocol: number, length: number): number[] => [
  10,
  0,
  0,
  1,
  ...DESTINATION,
  0,
  protocol,
  ...word(length),
];
function tcp(destination: number, flags = 2, pseudo = pseudo4(6, 24)): number[] {
  const bytes = [
    ...word(40_000),
    ...word(destination),
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0x50,
    flags,
    1,
    0,
    0,
    0,
    0,
    0,
    1,
    2,
    3,
    4,
  ];
  bytes.splice(16, 2, ...complement([...pseudo, ...bytes]));
  return bytes;
}
function udp(destination: number, withSum = true): number[] {
  const bytes = [...word(5353), ...word(destination), ...word(12), 0, 0, 9, 8, 7, 6];
  if (withSum) bytes.splice(6, 2, ...complement([...pseudo4(17, 12), ...bytes]));
  return bytes;
}
const MACS = hex("020000000002 020000000001");
const eth = (type: number, payload: readonly number[], ...tags: number[]): Uint8Array =>
  Uint8Array.from([...MACS, ...tags.flatMap((id) => [0x81, 0, ...word(id)]), ...word(type), ...payload]);
const SIX = [...hex("20010db8000000000000000000000001"), ...hex("20010db8000000000000000000000002")];
const ipv6 = (next: number, payload: readonly number[]): number[] => [
  0x60,
  0,
  0,
  0,
  ...word(payload.length),
  next,
  64,
  ...SIX,
  ...payload,
];

/** What a program answers and makes of packets, on both machines; they have to agree. */
async function both(
  text: string,
  packets: readonly Uint8Array[],
): Promise<{ values: number[]; packets: Uint8Array[] }> {
  const object = compiled(text);
  const machine = embedded(object);
  await using file = new ObjectFile(object, { name: "headers" });
  await file.load();
  const results = packets.map((packet) => {
    const here = machine.run("f", { packet });
    expect(here.trap).toBeUndefined();
    const live = file.program("f").testRun({ data: packet });
    expect([Number(here.value) >>> 0, [...(here.packet ?? [])]], "embedded, live").toEqual([
      live.value,
      [...live.data],
    ]);
    return live;
  });
  return {
    values: results.map(({ value }) => value),
    packets: results.map(({ data }) => data),
  };
}

const PACKETS = [
  eth(0x0800, ipv4({ protocol: 6, payload: tcp(443) })),
  eth(0x0800, ipv4({ protocol: 17, payload: udp(53) })),
  eth(0x0800, ipv4({ protocol: 6, payload: tcp(22), options: [1, 1, 1, 1, 1, 1, 1, 1] })),
  eth(0x0800, ipv4({ protocol: 6, payload: tcp(443) }), 7),
  eth(0x0800, ipv4({ protocol: 6, payload: tcp(443) }), 7, 8),
  eth(0x0800, ipv4({ protocol: 6, payload: tcp(443) }), 7, 8, 9),
  eth(0x0800, ipv4({ protocol: 6, payload: tcp(443), fragment: 100 })),
  eth(0x86dd, ipv6(6, tcp(443))),
  eth(0x86dd, ipv6(0, [60, 0, 0, 0, 0, 0, 0, 0, 6, 1, ...new Array<number>(14).fill(0), ...tcp(444)])),
  eth(0x86dd, ipv6(44, [6, 0, 0, 1, 0, 0, 0, 1, ...tcp(445)])),
  eth(0x86dd, ipv6(44, [6, 0, 0, 9, 0, 0, 0, 1, ...tcp(446)])),
  eth(0x86dd, ipv6(51, [6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, ...tcp(447)])),
  eth(0x0806, hex("0001080006040001 020000000001 0a000001 000000000000 0a000002")),
  eth(0x0800, ipv4({ protocol: 6, payload: tcp(443).slice(0, 19) })),
  eth(0x0800, [0x4f, ...ipv4({ protocol: 6, payload: tcp(443) }).slice(1)]),
  eth(0x0800, [0x44, ...ipv4({ protocol: 6, payload: tcp(443) }).slice(1)]),
  eth(0x88b5, [1, 2, 3]),
];

describe("headers", () => {
  const ports = (form: string): string => `
    export const f = ${form}((packet) => {
      const eth = packet.eth();
      const tcp = eth?.ipv4()?.tcp() ;
      if (tcp) return tcp.destination;
      const six = eth?.ipv6()?.tcp();
      if (six) return six.destination;
      const udp = eth?.ipv4()?.udp();
      if (udp !== undefined) return 1000 + udp.destination;
      if (eth?.arp()?.target === "10.0.0.2") return 7;
      return 0;
    });`;
  const expected = [443, 1053, 22, 443, 443, 0, 0, 443, 444, 445, 0, 447, 7, 0, 0, 0, 0];
  it("are found in copies of sockets' packets", () => {
    const machine = embedded(compiled(ports("socketFilter")));
    // BPF_PROG_TEST_RUN gives socket filters packets without their first header.
    expect(PACKETS.map((packet) => Number(machine.run("f", { packet }).value))).toEqual(expected);
  });
  it.each(["xdp", "tc"])("are found in %s programs", async (form) => {
    const { values } = await both(ports(form), PACKETS);
    expect(values).toEqual(expected);
  });

  it("have fields of bits, and tags", async () => {
    const { values } = await both(
      `export const f = xdp((packet) => {
        const eth = packet.eth();
        if (!eth) return 0;
        const tag = eth.vlan;
        if (tag) return 10_000 + tag.id;
        const ip = eth.ipv4();
        if (!ip) return 0;
        const { version, headerLength, ttl } = ip;
        if (version !== 4 || ttl !== 64) return 1;
        const tcp = ip.tcp();
        if (tcp) return (tcp.syn ? 100 : 0) + (tcp.ack ? 200 : 0) + headerLength + tcp.headerLength;
        return ip.fragmentOffset;
      });`,
      [
        ...PACKETS.slice(0, 1),
        ...PACKETS.slice(2, 4),
        ...PACKETS.slice(6, 7),
        eth(0x0800, ipv4({ protocol: 6, payload: tcp(443, 0x12) })),
      ],
    );
    expect(values).toEqual([110, 112, 10_007, 100, 310]);
  });

  it("of control groups begin with IP, and know the packet's length", async () => {
    const object = compiled(`export const seen = live(u32, 0); export const f = cgroupEgress((packet) => {
      seen.value = packet.length;
      const udp = packet.ipv4()?.udp();
      if (udp && udp.destination === 53 && packet.ipv4()?.destination === "10.0.0.2") return 0;
      return packet.ipv6()?.tcp()?.destination === 444 ? 0 : 1;
    });`);
    await using file = new ObjectFile(object, { name: "group" });
    await file.load();
    const values = PACKETS.slice(0, 9).map((data) => file.program("f").testRun({ data }).value & 1);
    expect(values).toEqual([1, 0, 1, 1, 1, 1, 1, 1, 0]);
    expect(file.data["seen"]).toBe((PACKETS[8]?.length ?? 0) - 14);
  });
});

/** Are the checksums of IPv4 and what it carries right? */
function right(packet: Uint8Array): boolean {
  const ip = [...packet.subarray(14)];
  const length = ((ip[0] as number) & 15) * 4;
  if (sum(ip.slice(0, length)) !== 0xffff) return false;
  const payload = ip.slice(length);
  if (ip[9] === 17 && payload[6] === 0 && payload[7] === 0) return true;
  return sum([...ip.slice(12, 20), 0, ip[9] as number, ...word(payload.length), ...payload]) === 0xffff;
}

describe("what is written", () => {
  const WRITTEN = [PACKETS[0], PACKETS[1], PACKETS[2]] as Uint8Array[];
  const write = (statements: string, kind = "xdp"): string => `export const f = ${kind}((packet) => {
    const eth = packet.eth(); const ip = eth?.ipv4(); if (!eth || !ip) return 9;
    const tcp = ip.tcp(); const udp = ip.udp();
    ${statements}
    return 3; });`;
  describe.each(["xdp", "tc"])("by %s", (kind) => {
    it.each([
      ["ttl", "ip.ttl -= 1;", (b: Uint8Array) => expect(b[22]).toBe(63)],
      ["ttl by steps", "ip.ttl--; ip.ttl--; ++ip.ttl;", (b: Uint8Array) => expect(b[22]).toBe(63)],
      [
        "bits",
        "ip.dscp = 46; ip.ecn = 1; ip.dontFragment = true;",
        (b: Uint8Array) => expect([b[15], b[20]]).toEqual([185, 64]),
      ],
      [
        "addresses",
        'ip.source = "192.168.1.2"; ip.destination = ipv4(0xac100001);',
        (b: Uint8Array) => expect([...b.subarray(26, 34)]).toEqual([192, 168, 1, 2, 172, 16, 0, 1]),
      ],
      [
        "ports",
        "if (tcp) { tcp.destination += 1; tcp.source = 0xffff; tcp.fin = true; } if (udp) udp.destination = 1;",
        (b: Uint8Array) => expect(b.length).toBeGreaterThan(40),
      ],
      [
        "numbers",
        "if (tcp) { tcp.sequence += 0x12345678; tcp.window = 0; } ip.id ^= 0xffff;",
        (b: Uint8Array) => expect([b[18], b[19]]).toEqual([255, 254]),
      ],
      [
        "cards",
        'eth.destination = "02:00:00:00:00:09"; eth.source = eth.destination;',
        (b: Uint8Array) => expect([...b.subarray(0, 12)]).toEqual(hex("020000000009020000000009")),
      ],
    ])("%s: checksums stay right", async (_name, statements, look) => {
      expect(WRITTEN.every(right)).toBe(true);
      const { packets, values } = await both(write(statements, kind), WRITTEN);
      expect(values).toEqual([3, 3, 3]);
      for (const packet of packets) {
        look(packet);
        expect(right(packet), [...packet].join(" ")).toBe(true);
      }
    });

    it("leaves a datagram without a checksum as it is", async () => {
      const none = eth(0x0800, ipv4({ protocol: 17, payload: udp(53, false) }));
      const { packets } = await both(write('ip.source = "1.2.3.4"; if (udp) udp.destination = 99;', kind), [none]);
      expect([...(packets[0] as Uint8Array).subarray(40, 42)]).toEqual([0, 0]);
      expect(right(packets[0] as Uint8Array)).toBe(true);
    });

    it("headers that were found before are there behind it", async () => {
      const { values } = await both(
        write(
          "ip.source = ipv4(0x01020304); if (tcp) { tcp.destination = 77; return tcp.destination + ip.ttl; } if (udp) { udp.source = 5; return udp.source + ip.ttl + u8(eth.type >> 8); }",
          kind,
        ),
        WRITTEN,
      );
      expect(values.slice(0, 1)).toEqual([77 + 64]);
    });
  });

  it("counts in tc programs for IPv4's own fields", async () => {
    const { packets } = await both(
      "export const f = tc((packet) => { const ip = packet.eth()?.ipv4(); if (ip) ip.ttl -= 1; return 0; });",
      WRITTEN,
    );
    expect(packets.map((packet) => [packet[22], right(packet)])).toEqual([
      [63, true],
      [63, true],
      [63, true],
    ]);
  });

  it.each(["xdp", "tc", "socketFilter"])("what comes behind a header, in %s programs", async (kind) => {
    const text = `const Query = struct({ id: be16, flags: be16, questions: be16, rest: be16 });
      export const f = ${kind}((packet) => {
        const udp = packet.eth()?.ipv4()?.udp();
        const query = udp?.payload(Query);
        if (!query) return 1;
        return query.id + query.questions;
      });`;
    const dns = (bytes: number): Uint8Array =>
      eth(
        0x0800,
        ipv4({
          protocol: 17,
          payload: [...word(4000), ...word(53), ...word(8 + bytes), 0, 0, ...hex("1234010000050000").slice(0, bytes)],
        }),
      );
    const packets = [dns(8), dns(7)];
    const machine = embedded(compiled(text), { tier: "interpreter", verify: false });
    const values = packets.map((packet) => machine.run("f", { packet }).value);
    // Short packets of Ethernet are filled up to 60 bytes by who sends them, not here.
    expect(values).toEqual([0x1239n, 1n].map((n) => (typeof values[0] === "bigint" ? n : Number(n))));
    if (kind !== "socketFilter") expect((await both(text, packets)).values).toEqual([0x1239, 1]);
  });

  it.each(["xdp", "tc"])("bytes from an offset on, as a struct of one's own, in %s programs", async (kind) => {
    const text = `const Ip = struct({ first: u8, service: u8, length: be16, rest: u32, ttl: u8 });
      const Port = struct({ port: be16 });
      ${kind === "xdp" ? "function at(packet: XdpContext, offset: u32): u32 { const found = packet.at(Port, offset); return found ? found.port : 9; }" : ""}
      export const f = ${kind}((packet) => {
        const ip = packet.at(Ip, 14);
        if (!ip) return 1;
        const header = (u32(ip.first) & 15) << 2;
        ip.ttl = 7;
        ${kind === "xdp" ? "return at(packet, 16 + header);" : "const found = packet.at(Port, 16 + header); return found ? found.port : 9;"}
      });`;
    const { values, packets } = await both(text, [
      PACKETS[0] as Uint8Array,
      PACKETS[2] as Uint8Array,
      eth(0x0800, ipv4({ protocol: 6, payload: [] })),
      // The kernel's test run of tc programs takes none that is shorter than its header of IP.
      ...(kind === "xdp" ? [eth(0x0800, [0x45, 0])] : []),
    ]);
    expect(values).toEqual([443, 22, 9, ...(kind === "xdp" ? [1] : [])]);
    expect(packets[0]?.[22]).toBe(7);
  });

  it("room at the ends", async () => {
    const { packets, values } = await both(
      `export const f = xdp((packet) => {
        if (!packet.adjustHead(-4) || !packet.adjustTail(-2)) return 0;
        const eth = packet.eth();
        if (!eth) return 1;
        eth.type = 0x88b5;
        return packet.length;
      });`,
      [PACKETS[0] as Uint8Array],
    );
    expect(values[0]).toBe((PACKETS[0]?.length ?? 0) + 2);
    expect([...(packets[0] as Uint8Array).subarray(12, 14)]).toEqual([0x88, 0xb5]);
  });
});

describe("what is wrong", () => {
  it.each([
    ["xdp((packet) => packet.ipv4() ? 1 : 0)", "packets of this program have no 'ipv4'"],
    ["xdp((packet) => packet.at(u32) ? 1 : 0)", "at(T, offset) with T = struct"],
    ["xdp((packet) => packet.eht() ? 1 : 0)", "Did you mean 'eth'?"],
    ["cgroupEgress((packet) => packet.eth() ? 1 : 0)", "They begin with ipv4() or ipv6()"],
    ["xdp((packet) => packet.eth()?.tcp() ? 1 : 0)", "no 'tcp' lies in Ethernet"],
    ["xdp((packet) => packet.eth()?.ipv4()?.tll ?? 0)", "IPv4 has no field 'tll'"],
    [
      "socketFilter((packet) => { const ip = packet.eth()?.ipv4(); if (ip) ip.ttl = 3; return 0; })",
      "they cannot write to packets",
    ],
    ["xdp((packet) => { const ip = packet.eth()?.ipv4(); if (ip) ip.ttl = 300; return 0; })", "does not fit into u8"],
    ["xdp((packet) => { const ip = packet.eth()?.ipv4(); if (ip) ip.source = 3; return 0; })", "is no ipv4"],
  ])("%s", (text, message) => {
    expect(answered(`export const f = ${text};`).said).toContain(message);
  });
});
