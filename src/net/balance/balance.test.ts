// Configurations, plans and explanations of the balancer.

import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { DiagnosticError, formatDiagnostic } from "../../source/index.ts";
import {
  balancerSchema,
  explainFlow,
  fits,
  flowKey,
  flowRow,
  identityOf,
  type Plan,
  parseFlow,
  placeRows,
  planOf,
  readBalancer,
  ringOf,
  type ServerRow,
  type Standing,
  serverValue,
  settingsAfter,
  settingsOf,
  stampOf,
} from "./index.ts";

const read = (text: string) => readBalancer({ name: "b.yaml", text }).balancer;
const told = (text: string): string => {
  try {
    read(text);
  } catch (error) {
    if (error instanceof DiagnosticError)
      return error.diagnostics.map((one) => formatDiagnostic(one, error.source)).join("\n");
    throw error;
  }
  return "nothing";
};
const WEB = (servers: string, more = ""): string =>
  `source: 10.0.0.1\nservices:\n  web: { address: 192.0.2.80, port: 80, ${more} servers: { ${servers} } }\n`;
const SIX = (more: string): string =>
  `source6: 2001:db8::9\n${WEB("a: '2001:db8:1::1'", more).replace("192.0.2.80", "'2001:db8::80'")}`;

describe("configurations of the balancer", () => {
  it("say what they leave out", () => {
    const { services, ...rest } = read(WEB("a: 10.1.0.1, b: { address: 10.1.0.2, weight: 3 }"));
    expect(rest).toEqual({
      source: "10.0.0.1",
      next: "routes",
      guePort: 6080,
      flows: 65_536,
      idle: 300,
      snatPorts: { from: 1024, to: 65_535 },
      quicId: { offset: 1, bytes: 2 },
    });
    expect(services).toEqual([
      {
        name: "web",
        address: "192.0.2.80",
        ports: { from: 80, to: 80 },
        protocol: "tcp",
        mode: "packets",
        forward: "ipip",
        affinity: "none",
        servers: [
          { name: "a", address: "10.1.0.1", weight: 1, drain: false },
          { name: "b", address: "10.1.0.2", weight: 3, drain: false },
        ],
      },
    ]);
  });

  it("say an mtu for all services that put packets into others, and for one", () => {
    const two = `${WEB("a: 10.1.0.1", "mtu: 1400,")}  two: { address: 192.0.2.81, port: 80, servers: { a: 10.1.0.1 } }\n`;
    const mtus = (text: string): unknown[] => {
      const balancer = read(text);
      const settings = settingsOf(balancer, 9000);
      return planOf(balancer).servers.map((row) => serverValue(row, settings).mtu);
    };
    expect(mtus(`mtu: 1600\n${two}`)).toEqual([1400, 1600]);
    // As the routes say; else as the interface has it.
    expect(mtus(two)).toEqual([1400, 0]);
    expect(mtus(`next: 02:00:00:00:00:fe\n${two}`)).toEqual([1400, 9000]);
  });

  it.each([
    [WEB("a: 10.1.0"), "'10.1.0' is no address"],
    [WEB(""), "A service has one server or more"],
    [WEB("a: 10.1.0.1, b: 10.1.0.1"), "10.1.0.1 is there twice"],
    [WEB("a: 2001:db8::1"), "'source6' is missing"],
    [WEB("a: 10.1.0.1").replace("source: 10.0.0.1", "source: 2001:db8::1"), "'2001:db8::1' is no IPv4 address"],
    [WEB("a: { address: 10.1.0.1, port: 8080 }"), "its packets are not changed on the way"],
    [WEB("a: { address: 10.1.0.1, id: 7 }"), "an id, which is for protocol: quic"],
    [WEB("a: 10.1.0.1", "health: { tcp: true, http: / },"), "A health check is one of"],
    [WEB("a: 10.1.0.1").replace("port: 80", "port: 80-70"), "'80-70' is no port"],
    [WEB("a: 10.1.0.1", "health: { tcp: true },").replace("port: 80", "port: any"), "of all ports says which"],
    [WEB("a: 2001:db8::1", "forward: snat,"), "Servers are of another family"],
    [WEB("a: 10.1.0.1", "mtu: 1400, forward: snat,"), "'mtu' is for what is put before packets"],
    [WEB("a: 10.1.0.1", "mtu: 1400, mode: sockets,"), "'mtu' is for packets"],
    [WEB("a: 10.1.0.1", "mtu: 1000,"), "mtu"],
    [`mtu: 70000\n${WEB("a: 10.1.0.1")}`, "mtu"],
    [SIX("mtu: 1310,"), "mtu: 1310 leaves 1270 bytes for packets of IPv6"],
    [`mtu: 1310\n${SIX("")}`, "An mtu of 1320 or more"],
    [WEB("a: 10.1.0.1", "mode: sockets, affinity: source,"), "affinity: source is for packets"],
    [`${WEB("a: 10.1.0.1")}  two: { address: 192.0.2.80, port: 70-90, servers: { a: 10.1.0.1 } }`, "share a port"],
    [`next: here\n${WEB("a: 10.1.0.1")}`, "neither routes, sender nor a MAC address"],
    [`ring: 1000\n${WEB("a: 10.1.0.1")}`, "'1000' is none of"],
    [`next: sender\n${WEB("a: 10.1.0.1", "forward: snat,")}`, "next: sender cannot bring answers back"],
    [`shared: { name: ../x }\n${WEB("a: 10.1.0.1")}`, "'../x' is no name"],
  ])("%j is told as %j", (text, message) => expect(told(text)).toContain(message));

  it("stand in the documentation and the examples", () => {
    const docs = readFileSync(new URL("../../../docs/balance.md", import.meta.url), "utf8");
    const example = readFileSync(new URL("../../../examples/net/balance.yaml", import.meta.url), "utf8");
    const texts = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text as string);
    expect(texts).toHaveLength(2);
    for (const text of [...texts, example]) expect(told(text)).toBe("nothing");
  });

  it("have a JSON Schema", () => {
    const validate = new Ajv2020({ allowUnionTypes: true }).compile(balancerSchema());
    const web = { address: "192.0.2.80", port: 80, servers: { a: "10.1.0.1", b: { address: "10.1.0.2", weight: 2 } } };
    expect(validate({ source: "10.0.0.1", services: { web } })).toBe(true);
    expect(validate({ source: "10.0.0.1", services: { web: { ...web, prot: "udp" } } })).toBe(false);
  });
});

const slots = (plan: Plan): Record<string, number> =>
  Object.fromEntries(plan.servers.map(({ server, slot }) => [server.name, slot]));

describe("plans", () => {
  it("keep the slots of servers that stay", () => {
    const first = planOf(read(WEB("a: 10.1.0.1, b: 10.1.0.2, c: 10.1.0.3")));
    expect(slots(first)).toEqual({ a: 0, b: 1, c: 2 });
    const second = planOf(read(WEB("d: 10.1.0.4, c: 10.1.0.3")), undefined, first.slots);
    expect(slots(second)).toEqual({ c: 2, d: 0 });
  });

  it("keep servers that leave until they are let go", () => {
    const first = planOf(read(WEB("a: 10.1.0.1, b: 10.1.0.2")));
    const leaving = first.servers.filter(({ server }) => server.name === "a");
    const second = planOf(read(WEB("b: 10.1.0.2, c: 10.1.0.3")), undefined, first.slots, leaving);
    expect(slots(second)).toEqual({ b: 1, c: 2, a: 0 });
    const of = (name: string): ServerRow => second.servers.find(({ server }) => server.name === name) as ServerRow;
    expect(of("a")).toMatchObject({ leaving: true, standing: { state: "draining" } });
    expect(new Set(ringOf(second.services[0] as Plan["services"][number], { RING: 251 }))).toEqual(new Set([1, 2]));
    // One that comes back is the same.
    const third = planOf(read(WEB("a: 10.1.0.1, b: 10.1.0.2")), undefined, second.slots, [of("a")]);
    expect(slots(third)).toEqual({ a: 0, b: 1 });
  });

  it("have rings of those that are up, by their share", () => {
    const balancer = read(WEB("a: 10.1.0.1, b: 10.1.0.2, c: { address: 10.1.0.3, drain: true }, d: 10.1.0.4"));
    const [service] = balancer.services;
    if (service === undefined) throw new Error("no service");
    const [a, b] = service.servers.map((server) => identityOf(service, server));
    const standings = new Map<string, Standing>([
      [a as string, { state: "down", share: 0 }],
      [b as string, { state: "up", share: 0.5 }],
    ]);
    const plan = planOf(balancer, (identity) => standings.get(identity) ?? { state: "up", share: 1 });
    const shares = new Map<number, number>();
    for (const slot of ringOf(plan.services[0] as Plan["services"][number], { RING: 1021 }))
      shares.set(slot, (shares.get(slot) ?? 0) + 1);
    expect([...shares.keys()].sort()).toEqual([1, 3]);
    expect((shares.get(1) as number) / 1021).toBeCloseTo(1 / 3, 2);
  });

  it("have a row for each port, and one for the address", () => {
    const rows = placeRows(planOf(read(WEB("a: 10.1.0.1").replace("port: 80", "port: 8000-8002"))));
    expect(rows.map(({ port, protocol }) => [((port & 255) << 8) | (port >> 8), protocol])).toEqual([
      [8000, 6],
      [8001, 6],
      [8002, 6],
      [0, 0],
    ]);
  });

  it("have the parts of SNAT that they need", () => {
    const snat = (text: string): unknown => {
      const { FOUR, SIX, SNAT4, SNAT6, RETURNS4, RETURNS6 } = settingsOf(read(text));
      return { FOUR, SIX, SNAT4, SNAT6, RETURNS4, RETURNS6 };
    };
    expect(snat(SIX("forward: snat,"))).toEqual({
      FOUR: false,
      SIX: true,
      SNAT4: false,
      SNAT6: true,
      RETURNS4: 1,
      RETURNS6: 65_536,
    });
    expect(snat(WEB("a: 10.1.0.1", "forward: snat,"))).toMatchObject({ SIX: false, SNAT4: true, SNAT6: false });
  });

  it("say what does not fit, and settings do not shrink", () => {
    const small = settingsOf(read(WEB("a: 10.1.0.1")));
    const many = Array.from({ length: 40 }, (_, i) => `s${i}: 10.1.1.${i}`).join(", ");
    expect(fits(planOf(read(WEB(many))), small)).toBe(false);
    const after = settingsAfter(small, settingsOf(read(WEB(many))));
    expect(fits(planOf(read(WEB(many))), after)).toBe(true);
    expect(after.RING).toBe(65_537);
    const back = settingsAfter(after, small);
    expect([back.RING, back.SERVERS, back.FLOWS4]).toEqual([after.RING, after.SERVERS, after.FLOWS4]);
    // What is remembered stays, even where another size is asked for.
    const more = settingsOf(read(`flows: 1000\n${WEB("a: 10.1.0.1")}`));
    expect(settingsAfter(small, more).FLOWS4).toBe(small.FLOWS4);
  });
});

describe("explanations", () => {
  it.each([
    [["tcp 198.51.100.7:40000 192.0.2.80:443"], "198.51.100.7", 40_000, "192.0.2.80", 443],
    [["udp", "[2001:db8::1]:5", "[2001:db8::2]:53"], "2001:db8::1", 5, "2001:db8::2", 53],
    [["tcp 10.0.0.1:1 > 10.0.0.2:2"], "10.0.0.1", 1, "10.0.0.2", 2],
  ])("reads %j", (words, source, sourcePort, destination, port) =>
    expect(parseFlow(words)).toMatchObject({ source, sourcePort, destination, port }),
  );
  it.each([
    ["tcp 1.2.3:4 1.2.3.4:5"],
    ["icmp 1.2.3.4:5 1.2.3.4:5"],
    ["tcp 1.2.3.4:5"],
    ["tcp 1.2.3.4:5 [::1]:5"],
    ["tcp 1.2.3.4:99999 1.2.3.4:1"],
  ])("reads no flow of %j", (text) => expect(parseFlow([text])).toBeUndefined());

  it("tell the server by the ring, or the one that is remembered", () => {
    const balancer = read(WEB("a: 10.1.0.1, b: 10.1.0.2"));
    const [plan, settings] = [planOf(balancer), settingsOf(balancer)];
    const flow = parseFlow(["tcp 198.51.100.7:40000 192.0.2.80:80"]);
    if (flow === undefined) throw new Error("no flow");
    const told = explainFlow(flow, plan, settings);
    expect(told).toMatchObject({ kind: "send", service: "web", by: "IPIP" });
    expect(told.why).toMatch(/^slot \d+ of 4093$/);
    const other = plan.servers.find(({ server }) => server.name !== told.server) as ServerRow;
    const known = { slot: other.slot, stamp: stampOf(other.identity), ended: false, port: 0 };
    expect(explainFlow(flow, plan, settings, known)).toMatchObject({
      server: other.server.name,
      why: "the server of its flow",
    });
    expect(explainFlow({ ...flow, port: 81 }, plan, settings)).toEqual({ kind: "pass", why: "for no service" });
    const down = planOf(balancer, () => ({ state: "down", share: 0 }));
    expect(explainFlow(flow, down, settings)).toEqual({ kind: "drop", why: "no server takes new flows" });
  });
});

describe("rows of flows", () => {
  it("are read as they are written", () => {
    const key = flowKey(Uint8Array.of(10, 0, 0, 1), Uint8Array.of(192, 0, 2, 80), 40_000, 443, 6);
    const value = new Uint8Array(24);
    new Uint32Array(value.buffer, 0, 4).set([3, 77, 1000, 1]);
    expect(flowRow(4, key, value)).toMatchObject({
      sourcePort: 40_000,
      port: 443,
      protocol: 6,
      slot: 3,
      stamp: 77,
      ended: true,
    });
    expect(() => flowRow(6, key, value)).toThrow(RangeError);
  });
});
