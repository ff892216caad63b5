// Policies of services: what their texts may say, and that programs decide as the plain reference does, over generated policies,
// calls and DNS answers.

import { describe, expect, it } from "vitest";
import { message, randomMessage } from "../../../test/support/dns-messages.ts";
import { Random } from "../../../test/support/random-words.ts";
import { readConfig, record, required } from "../../config/index.ts";
import { embedded, type Machine } from "../../machine/index.ts";
import { packet } from "../../packets/index.ts";
import {
  DiagnosticError,
  formatDiagnostic,
  type Prefix,
  parseIpv4,
  parseIpv6,
  parsePrefix,
} from "../../source/index.ts";
import { addressKey } from "./addresses.ts";
import { compileServices } from "./compile.ts";
import {
  type Call,
  type CompiledServices,
  formatRefusal,
  judge,
  MAPS,
  NamesSeen,
  readAnswer,
  readCounts,
  readRefusal,
  SERVICES,
  type Service,
} from "./index.ts";

const RESOLVERS = ["127.0.0.53", "2001:db8::53"].map((text) => parsePrefix(text) as Prefix);
const bytesOf = (text: string): Uint8Array => (parseIpv4(text) ?? parseIpv6(text)) as Uint8Array;
const seed = Number(process.env["SCRY_SEED"] ?? 20261129);

const SHAPE = record("a rule file", { services: required(SERVICES) });
function compiled(yaml: string): CompiledServices & { readonly services: readonly Service[] } {
  const { value, placeOf, source } = readConfig({ name: "rules.yaml", text: yaml }, SHAPE);
  const users = new Map([["www-data", 33]]);
  const made = compileServices(value.services, { resolvers: RESOLVERS, placeOf, source, users, onlyAsked: false });
  return { ...made, services: value.services };
}
function told(yaml: string): string {
  const source = { name: "rules.yaml", text: yaml };
  try {
    return compiled(yaml)
      .diagnostics.map((one) => formatDiagnostic(one, source))
      .join("\n");
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map((one) => formatDiagnostic(one, error.source)).join("\n");
  }
}

/** The embedded machine with the policy's tables in it. */
function machineOf(made: CompiledServices, seconds = 1000): Machine {
  const machine = embedded(made.object, { clock: () => BigInt(seconds) * 1_000_000_000n });
  for (const { map, key, value } of made.entries) machine.maps.get(map)?.update(key, value);
  return machine;
}

const refusalsOf = (machine: Machine): Uint8Array[] => {
  const records: Uint8Array[] = [];
  machine.maps.get(MAPS.refusals)?.consume((record) => records.push(record.slice()));
  return records;
};

/** struct bpf_sock_addr */
function callContext(address: Uint8Array, port: number, protocol: number): Uint8Array {
  const context = new Uint8Array(72);
  context.set(address, address.length === 4 ? 4 : 8);
  context.set([port >> 8, port & 255], 24);
  context[36] = protocol;
  return context;
}

/** What the machine makes of a call; undefined: no program is asked. */
function verdictOf(machine: Machine, made: CompiledServices, call: Call, uid = 0): "allow" | "deny" | undefined {
  const { operation, address, port, protocol } = call;
  const family = address.length === 4 ? 4 : 6;
  if (operation === "receive") {
    const name = made.programs.find(({ name }) => name.endsWith("_receive"))?.name;
    if (name === undefined) return undefined;
    const of = { source: call.sourcePort ?? 0, destination: port };
    const source = address.join(".");
    const ip =
      family === 4
        ? packet().eth().ipv4({ source })
        : packet()
            .eth()
            .ipv6({ source: text6(address) });
    const bytes = protocol === 17 ? ip.udp(of).payload("x").bytes() : ip.tcp({ ...of, syn: true }).bytes();
    return machine.run(name, { packet: bytes }).value === 1 ? "allow" : "deny";
  }
  const name = made.programs.find((one) => one.name.endsWith(`_${operation}${family}`))?.name;
  if (name === undefined) return undefined;
  return machine.run(name, { context: callContext(address, port, protocol), uid }).value === 1 ? "allow" : "deny";
}
const text6 = (address: Uint8Array): string =>
  Array.from({ length: 8 }, (_, i) => (((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0)).toString(16)).join(
    ":",
  );

const WEB = `services:
  web:
    unit: nginx.service
    connect:
      - allow: { to: [10.0.0.0/8, db.example.com, "*.internal.example"], port: [5432, 8000-8100], protocol: tcp }
      - deny: { to: 192.0.2.1 }
      - allow: { to: [192.0.2.0/24, localhost], port: 443 }
    bind: { allow: { port: 8080 } }
    default: deny
`;

describe("a policy", () => {
  it("is read with its defaults", () => {
    const [web] = compiled(WEB).services;
    expect(web).toMatchObject({
      name: "web",
      who: { kind: "unit", name: "nginx.service" },
      default: "deny",
      dryRun: false,
    });
    expect(web?.rules.send).toBe(web?.rules.connect);
    expect(web?.rules.receive).toBeUndefined();
    expect(web?.rules.connect?.[0]).toMatchObject({
      verdict: "allow",
      match: {
        ports: [
          { from: 5432, to: 5432 },
          { from: 8000, to: 8100 },
        ],
        protocol: "tcp",
      },
    });
  });

  const connect = (...to: string[]): string =>
    `services:\n  a: { unit: x, connect: [{ allow: { to: [${to.map((one) => `"${one}"`)}] } }] }`;
  const nested = Array.from(
    { length: 8 },
    (_, i) =>
      `*.${"hgfedcba"
        .slice(0, i + 1)
        .split("")
        .reverse()
        .join(".")}`,
  );
  it.each([
    ["nobody", "services:\n  a: { connect: { allow: {} } }", "It is not said which processes are meant"],
    ["two of who", "services:\n  a: { unit: x, user: y }", "unit and user are both said"],
    [
      "a rule that does both",
      "services:\n  a: { unit: x, connect: [{ allow: {}, deny: {} }] }",
      "A rule has one of 'allow' and 'deny'",
    ],
    [
      "a port that is none",
      "services:\n  a: { unit: x, connect: [{ allow: { port: 70000 } }] }",
      "70000 is not from 0 to 65535",
    ],
    [
      "a range backwards",
      "services:\n  a: { unit: x, connect: [{ allow: { port: 9-8 } }] }",
      "The range 9-8 ends before it begins",
    ],
    ["a prefix too long", connect("10.0.0.0/33"), "neither an address nor a prefix"],
    ["a star within", connect("a.*.b"), "stands alone before the first dot"],
    [
      "a name to bind to",
      "services:\n  a: { unit: x, bind: [{ allow: { address: example.com } }] }",
      "neither an address nor a prefix",
    ],
    ["bind's other side", "services:\n  a: { unit: x, bind: [{ allow: { to: 10.0.0.1 } }] }", "'to' is nothing that"],
    [
      "a user who is none",
      "services:\n  a: { user: nobody-here, connect: [{ allow: {} }] }",
      "a is of the user nobody-here, who is not known here",
    ],
    [
      "a rule in another's shadow",
      "services:\n  a: { unit: x, connect: [{ allow: { to: 10.0.0.0/8 } }, { deny: { to: 10.1.0.0/16, port: 22 } }] }",
      "WARNING: This rule is never asked: rule 1 of 'connect' has all that it is about",
    ],
    ["names in names in names", connect(...nested), "8 names of the rules lie in one another, below a.b.c.d.e.f.g.h"],
    [
      "names without number",
      connect(...Array.from({ length: 1025 }, (_, i) => `n${i}.example`)),
      "The rules have 1025 names: more than 1024",
    ],
  ])("with %s is told so", (_, yaml, message) => {
    expect(told(yaml)).toContain(message);
  });

  it("with names needs a resolver", () => {
    const { value } = readConfig({ name: "x", text: WEB }, SHAPE);
    expect(() => compileServices(value.services, { resolvers: [] })).toThrow(/no resolver is known/);
  });

  it("tells what it refuses", () => {
    const made = compiled(WEB);
    const machine = machineOf(made);
    const call = { operation: "connect", address: bytesOf("192.0.2.1"), port: 443, protocol: 6 } as const;
    const run = machine.run("web_0_connect4", {
      context: callContext(call.address, call.port, call.protocol),
      pid: 7,
      comm: "curl",
      uid: 5,
    });
    expect(run.value).toBe(0);
    const records: Uint8Array[] = refusalsOf(machine);
    const [bytes] = records;
    const refusal = readRefusal(new DataView(bytes!.buffer, bytes!.byteOffset), 0, bytes!.length, made.plan, () => [
      "x.example",
    ]);
    expect(refusal).toMatchObject({
      service: "web",
      operation: "connect",
      pid: 7,
      uid: 5,
      command: "curl",
      rule: 2,
      dryRun: false,
    });
    expect(formatRefusal(refusal!)).toBe(
      "web: curl (7) may not connect to 192.0.2.1:443/tcp (x.example): rule 2 of connect",
    );
    const { rules, lost } = readCounts(
      made.plan,
      new BigUint64Array(machine.maps.get(MAPS.counts)!.lookup(new Uint8Array(4))!.slice().buffer),
    );
    expect(rules.filter(({ count }) => count > 0n)).toEqual([
      { service: "web", operation: "connect", rule: 2, verdict: "deny", count: 1n },
    ]);
    expect(lost).toBe(0n);
  });

  it.each([
    ["0.0.0.0", 443, "allow"],
    ["::", 443, "allow"],
    ["::1", 443, "allow"],
    ["::ffff:192.0.2.7", 443, "allow"],
    ["::ffff:192.0.2.1", 443, "deny"],
    ["::ffff:0.0.0.0", 443, "allow"],
    ["::192.0.2.7", 443, "deny"],
    ["127.0.0.53", 53, "allow"],
    ["127.0.0.54", 53, "deny"],
  ] as const)("sees through %s port %d: %s", (address, port, verdict) => {
    const made = compiled(WEB);
    const call: Call = { operation: "connect", address: bytesOf(address), port, protocol: 6 };
    expect(verdictOf(machineOf(made), made, call)).toBe(verdict);
    expect(judge(made.services[0]!, call, RESOLVERS, []).verdict).toBe(verdict);
  });

  it("is of one user where it says so, and lets pass in a dry run", () => {
    const made = compiled("services:\n  a: { user: www-data, connect: [] , default: deny }\n");
    const call: Call = { operation: "connect", address: bytesOf("192.0.2.7"), port: 1, protocol: 6 };
    expect(verdictOf(machineOf(made), made, call, 33)).toBe("deny");
    expect(verdictOf(machineOf(made), made, call, 34)).toBe("allow");
    const dry = compiled("services:\n  a: { unit: x, connect: [], dry-run: true }\n");
    const machine = machineOf(dry);
    expect(verdictOf(machine, dry, call)).toBe("allow");
    expect(refusalsOf(machine)).toHaveLength(1);
  });

  it("keeps the numbers of names that stay", () => {
    const first = compiled(WEB).plan;
    const { value } = readConfig({ name: "x", text: WEB.replace("db.example.com", "new.example.com") }, SHAPE);
    const { plan } = compileServices(value.services, { resolvers: RESOLVERS, slots: first.slots });
    expect(plan.capacity).toBe(first.capacity);
    expect(plan.slots.get("*.internal.example")).toBe(first.slots.get("*.internal.example"));
    expect([...first.slots.values()]).not.toContain(plan.slots.get("new.example.com"));
  });
});

// --- generated ---------------------------------------------------------------------------------------------------------

const ADDRESSES = [
  "10.1.2.3",
  "10.1.2.4",
  "10.200.0.1",
  "192.0.2.1",
  "127.0.0.1",
  "0.0.0.0",
  "127.0.0.53",
  "2001:db8::1",
  "2001:db8:1::2",
  "2001:db8::53",
  "::1",
  "::",
  "::ffff:10.1.2.3",
  "fe80::1",
];
const PREFIXES = [
  "10.0.0.0/8",
  "10.1.0.0/16",
  "10.1.2.3",
  "0.0.0.0/0",
  "192.0.2.0/24",
  "localhost",
  "2001:db8::/32",
  "2001:db8:1::/48",
  "::/0",
  "::1",
  "128.0.0.0/1",
];
const NAMES = ["a.example", "b.example", "*.example", "*.b.example", "x.b.example", "other.test", "*.y.x.b.example"];
const ASKED = [
  "a.example",
  "b.example",
  "x.b.example",
  "y.x.b.example",
  "z.y.x.b.example",
  "example",
  "other.test",
  "another.test",
];
const PORTS = [0, 1, 53, 80, 443, 8080, 65_535];

function randomPolicy(random: Random): string {
  const some = (from: readonly string[], most: number): string[] =>
    Array.from({ length: random.below(most) }, () => random.pick(from));
  const port = (): string => {
    const from = random.pick(PORTS);
    return random.chance(40) ? `${from}-${Math.min(65_535, from + random.below(9000))}` : `${from}`;
  };
  const rule = (key: string): string => {
    const parts: string[] = [];
    const to = [...some(PREFIXES, 4), ...(key === "to" ? some(NAMES, 3).map((name) => `"${name}"`) : [])];
    if (to.length > 0) parts.push(`${key}: [${to.map((one) => (one.startsWith('"') ? one : `"${one}"`))}]`);
    if (random.chance(50)) parts.push(`port: [${Array.from({ length: 1 + random.below(3) }, port)}]`);
    if (random.chance(40)) parts.push(`protocol: ${random.pick(["tcp", "udp"])}`);
    return `{ ${random.pick(["allow", "deny"])}: { ${parts.join(", ")} } }`;
  };
  const lines = ["services:", "  s:", "    cgroup: /s", `    default: ${random.pick(["allow", "deny"])}`];
  for (const [operation, key] of [
    ["connect", "to"],
    ["send", "to"],
    ["bind", "address"],
    ["receive", "from"],
  ] as const)
    if (random.chance(70))
      lines.push(`    ${operation}: [${Array.from({ length: random.below(6) }, () => rule(key)).join(", ")}]`);
  return lines.join("\n");
}

describe("generated", () => {
  it("policies decide as the reference does", () => {
    const random = new Random(seed);
    let compared = 0;
    const seen = { allow: 0, deny: 0 };
    for (let i = 0; i < 60; i++) {
      const yaml = randomPolicy(random);
      const made = compiled(yaml);
      const [service] = made.services as [Service];
      const machine = machineOf(made);
      const names = new NamesSeen();
      if (made.plan.names.length > 0)
        for (let n = 0; n < 6; n++) {
          const bytes = message(
            random.pick(ASKED),
            ADDRESSES.slice(0, 12)
              .filter(() => random.chance(20))
              .map(bytesOf),
            { ttl: 300 },
          );
          machine.run("dns_answer", {
            packet: packet().eth().ipv4({ source: "127.0.0.53" }).udp({ source: 53 }).payload(bytes).bytes(),
          });
          names.learn(readAnswer(bytes)!, 1000);
        }
      for (let n = 0; n < 60; n++) {
        const operation = random.pick(["connect", "send", "bind", "receive"] as const);
        const address = bytesOf(random.pick(ADDRESSES));
        // Of packets, addresses within others mean nothing.
        if (operation === "receive" && address.length === 16 && address[10] === 0xff) continue;
        const port = random.chance(70) ? random.pick(PORTS) : random.below(65_536);
        const call: Call = { operation, address, port, protocol: random.pick([6, 17]), sourcePort: random.pick(PORTS) };
        const got = verdictOf(machine, made, call);
        const goes = operation !== "bind" && operation !== "receive";
        const plain =
          address.length === 16 && address[10] === 0xff && address[11] === 0xff ? address.slice(12) : address;
        const to =
          goes && plain.every((byte) => byte === 0) ? bytesOf(plain.length === 4 ? "127.0.0.1" : "::1") : plain;
        const { verdict } = judge(service, call, RESOLVERS, names.namesOf(to, 1000));
        if (got !== undefined || verdict === "deny")
          expect(got, `seed ${seed}\n${yaml}\n${JSON.stringify({ ...call, address: address.join(".") })}`).toBe(
            verdict,
          );
        if (got !== undefined) seen[got]++;
        compared++;
      }
    }
    console.log(`seed ${seed}: ${compared} calls compared, ${seen.allow} allowed, ${seen.deny} refused`);
    expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan(300);
  });

  it("DNS answers, whole and damaged, are read as the reference reads them", () => {
    const random = new Random(seed);
    const made = compiled(
      `services:\n  s: { cgroup: /s, connect: [{ allow: { to: [${NAMES.map((name) => `"${name}"`)}] } }] }`,
    );
    let learnt = 0;
    for (let i = 0; i < 600; i++) {
      const machine = machineOf(made);
      const bytes = randomMessage(random, ASKED, ADDRESSES.map(bytesOf));
      machine.run("dns_answer", {
        packet: packet().eth().ipv4({ source: "127.0.0.53" }).udp({ source: 53 }).payload(bytes).bytes(),
      });
      const answer = readAnswer(bytes);
      const names = new NamesSeen();
      if (answer !== undefined) names.learn(answer, 1000);
      const table = machine.maps.get(MAPS.addresses)!;
      for (const { address } of answer?.addresses ?? []) {
        const value = table.lookup(addressKey(address));
        const until = value === undefined ? undefined : new Uint32Array(value.slice().buffer);
        for (const [pattern, slot] of made.plan.slots) {
          const known = answer !== undefined && names.namesOf(address, 1000).some((name) => matches(pattern, name));
          expect((until?.[slot] ?? 0) > 1000, `seed ${seed}, message ${i}: ${pattern}`).toBe(known);
          if (known) learnt++;
        }
      }
      const addresses = new Set((answer?.addresses ?? []).map(({ address }) => address.join()));
      expect(table.dump().count).toBeLessThanOrEqual(addresses.size);
    }
    console.log(`seed ${seed}: ${learnt} names learnt`);
    expect(learnt).toBeGreaterThan(200);
  });
});
const matches = (pattern: string, name: string): boolean =>
  pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) : name === pattern;
