// What is in the network's order: numbers, addresses; and members that share bytes. On the embedded machine.

import { describe, expect, it } from "vitest";
import { valueCodec } from "../../btf/index.ts";
import { embedded } from "../../machine/index.ts";
import { formatDiagnostic } from "../../source/index.ts";
import { compileModule } from "./index.ts";

const IMPORTS =
  'import { be16, be32, be64, bits, hash, ipv4, ipv6, live, mac, rawTracepoint, struct, u8, u16, u32, u64, union } from "scry/bpf";\n';

/** Runs a program on what it keeps: the map's values before and after. */
function run(top: string, body: string): Uint8Array {
  const source = {
    name: "t.bpf.ts",
    text: `${IMPORTS}${top}\nexport const kept = hash(u32, Kept);\nexport const f = rawTracepoint("x", () => {\n${body}\n});`,
  };
  const { object, diagnostics } = compileModule(source);
  expect(diagnostics.map((one) => formatDiagnostic(one, source)).join("\n")).toBe("");
  const machine = embedded(object as NonNullable<typeof object>);
  const { trap } = machine.run("f", { context: [0n] });
  expect(trap).toBeUndefined();
  return machine.maps.get("kept")?.lookup(new Uint8Array(4)) ?? new Uint8Array();
}
function decoded(top: string, body: string): unknown {
  const source = {
    name: "t.bpf.ts",
    text: `${IMPORTS}${top}\nexport const kept = hash(u32, Kept);\nexport const f = rawTracepoint("x", () => {});`,
  };
  const { object } = compileModule(source);
  const spec = object?.maps.find(({ name }) => name === "kept");
  const bytes = run(top, body);
  if (object?.types === undefined || spec?.valueType === undefined) throw new Error("no types");
  return valueCodec(object.types, spec.valueType).decode(new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length);
}
const said = (body: string, top = ""): string => {
  const source = {
    name: "t.bpf.ts",
    text: `${IMPORTS}const Kept = struct({ a: ipv4, b: ipv6, m: mac, p: be16, n: u32, low: bits(u8, 3) }); const kept = hash(u32, Kept); ${top}\nexport const f = rawTracepoint("x", (word) => {\nconst k = kept.get(0); if (!k) return;\n${body}\n});`,
  };
  return compileModule(source)
    .diagnostics.map((one) => formatDiagnostic(one, source))
    .join("\n");
};

describe("numbers in the network's order", () => {
  const KEPT = "const Kept = struct({ port: be16, length: be32, wide: be64, sum: u32 });";
  it("lie swapped, and are computed with as others are", () => {
    const bytes = run(
      KEPT,
      `kept.set(0, { port: 443, length: 0x01020304, wide: 5, sum: 0 });
       const k = kept.get(0); if (!k) return;
       k.port += 1; k.length++; k.wide = k.wide * 2 + k.port;
       const port = k.port; k.sum = port + k.length % 256;
       if (k.port === 444 && k.port > 443) k.sum += 1000;`,
    );
    expect([...bytes]).toEqual([1, 188, 0, 0, 1, 2, 3, 5, 0, 0, 0, 0, 0, 0, 1, 198, 169, 5, 0, 0, 0, 0, 0, 0]);
  });
  it("are numbers for users", () => {
    expect(decoded(KEPT, "kept.set(0, { port: 443, length: 70000, wide: 5, sum: be16(0x10001) });")).toEqual({
      port: 443,
      length: 70000,
      wide: 5n,
      sum: 1,
    });
  });
  it("go through functions, variables, live ones and what may be missing", () => {
    const bytes = run(
      `${KEPT} const other = hash(u32, be16); export const start = live(be16, 0x1234);
       function next(port: be16): be16 { return port + 1; }`,
      `let port: be16 = start.value; port += 1; other.set(0, port);
       const found = other.get(0) ?? 7; const none = other.get(9) ?? 7;
       kept.set(0, { port: next(be16(found)), length: u32(none), wide: other.take(0) ?? 0, sum: 0 });`,
    );
    expect([...bytes.slice(0, 16)]).toEqual([0x12, 0x36, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x12, 0x35]);
  });
});

describe("addresses", () => {
  const KEPT = "const Kept = struct({ four: ipv4, six: ipv6, card: mac, seen: u32 });";
  const SET =
    'kept.set(0, { four: "10.1.2.3", six: "2001:db8::1", card: "02:00:5e:10:00:ff", seen: 0 }); const k = kept.get(0); if (!k) return;';
  it("lie as on the wire, and are texts for users", () => {
    expect([...run(KEPT, SET).slice(0, 26)]).toEqual([
      10, 1, 2, 3, 32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 94, 16, 0, 255,
    ]);
    expect(decoded(KEPT, SET)).toEqual({ four: "10.1.2.3", six: "2001:db8::1", card: "02:00:5e:10:00:ff", seen: 0 });
  });
  it("are compared with texts and with each other, and have a number", () => {
    expect(
      decoded(
        KEPT,
        `${SET}
        if (k.four === "10.1.2.3" && "10.1.2.4" !== k.four) k.seen += 1;
        if (k.six === "2001:db8::1") k.seen += 2;
        if (k.six !== "2001:db8::2" && k.six !== "::1") k.seen += 4;
        if (k.card === "02:00:5e:10:00:ff" && k.card !== "02:00:5e:10:00:fe") k.seen += 8;
        if (k.six === k.six && k.four === k.four) k.seen += 16;
        if (u32(k.four) >> 24 === 10 && u32(k.four) % 256 === 3) k.seen += 32;
        k.four = ipv4(u32(k.four) + 1);
        const before = k.card; k.card = "ff:ff:ff:ff:ff:ff"; if (before === "ff:ff:ff:ff:ff:ff") k.seen += 64;`,
      ),
    ).toEqual({ four: "10.1.2.4", six: "2001:db8::1", card: "ff:ff:ff:ff:ff:ff", seen: 127 });
  });
  it("are keys", () => {
    expect(
      decoded(
        `const Kept = struct({ seen: u64, more: u64 }); const by = hash(ipv4, u64); const six = hash(ipv6, u64);`,
        `by.set("10.0.0.1", 7); six.set("fe80::1", 8); kept.set(0, { seen: by.get(ipv4(0x0a000001)) ?? 0, more: six.get("fe80::1") ?? 0 });`,
      ),
    ).toEqual({ seen: 7n, more: 8n });
  });
});

describe("what programs are given", () => {
  it("is handed to functions, without the types of a kernel", () => {
    const source = {
      name: "t.bpf.ts",
      text: `import { cgroupConnect4, cgroupConnect6, hash, ipv6, type KernelStruct, type ValueOf, u32 } from "scry/bpf";
import { type Port, type Ports, ports } from "./ports.bpf.ts";
const six = hash(ipv6, u32);
function allowed(call: KernelStruct<"bpf_sock_addr">, found: ValueOf<typeof Port>): number {
  call.user_port = found.port;
  return six.has(call.user_ip6) ? 0 : 1;
}
export const f = cgroupConnect4((call) => { const found = ports.get(call.user_ip4); return found ? allowed(call, found) : 1; });`,
    };
    const ports = {
      name: "ports.bpf.ts",
      text: `import { hash, ipv4, be16, struct } from "scry/bpf";
export type Ports = number;
export const Port = struct({ port: be16 });
export const ports = hash(ipv4, Port);`,
    };
    const { object, diagnostics } = compileModule(source, { include: () => ports });
    expect(diagnostics.map((one) => formatDiagnostic(one, source)).join("\n")).toBe("");
    expect(object?.programs.map(({ name }) => name)).toEqual(["f"]);
    const wrong = { ...source, text: source.text.replace("bpf_sock_addr", "no_such_struct") };
    expect(compileModule(wrong, { include: () => ports }).diagnostics[0]?.message).toContain(
      "the kernel has no struct 'no_such_struct'",
    );
  });
});

describe("members that share bytes", () => {
  it("unions and bits", () => {
    expect(
      decoded(
        `const Either = union({ word: u32, byte: u8 });
         const Kept = struct({ low: bits(u8, 3), high: bits(u8, 5), wide: bits(u32, 20), either: Either });`,
        `kept.set(0, { low: 5, high: 17, wide: 0xabcde, either: { word: 0x11223344 } });
         const k = kept.get(0); if (!k) return; k.low += 1; k.either.byte = 0xff;`,
      ),
    ).toEqual({ low: 6, high: 17, wide: 0xabcde, either: { word: 0x112233ff, byte: 0xff } });
  });
});

describe("what is wrong", () => {
  it.each([
    ["an address that is none", 'if (k.a === "10.0.0.256") return;', '"10.0.0.256" is no address of type ipv4'],
    ["another kind", 'k.m = "10.0.0.1";', '"10.0.0.1" is no address of type mac'],
    ["order", 'if (k.a < "10.0.0.1") return;', "addresses are the same or not: they have no order"],
    ["sums", "k.n = k.a + 1;", "nothing is computed with addresses"],
    ["steps", "k.a += 1;", "nothing is computed with addresses"],
    ["a number for an address", "k.a = k.n;", "u32 is no ipv4"],
    ["a literal for an address", "k.a = 5;", "i64 is no ipv4"],
    ["an address for a number", "k.n = k.a;", "ipv4 is no u32"],
    ["two kinds", "if (k.a === k.b) return;", "ipv4 is compared with ipv4 and with texts"],
    ["a port that is too large", "k.p = 65536;", "does not fit into u16"],
    ["a wider number", "k.p = k.n;", "u32 does not fit into u16"],
    ["bits", "k.low = 8;", "8 does not fit into 3 bits"],
  ])("%s", (_name, body, message) => {
    expect(said(body)).toContain(message);
  });
  it("at the top", () => {
    expect(said("", "const M = hash(bits(u8, 3), u32);")).toContain("only members of a struct have some bits");
    expect(said("", "const M = struct({ a: bits(u8, 9) });")).toContain("a number from 1 to 8");
    expect(said("", "const M = struct({ a: bits(be16, 9) });")).toContain("bits(u8, 3)");
  });
});
