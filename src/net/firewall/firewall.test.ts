// What rules mean: by the program on the embedded machine, and one by one in plain TypeScript; and what is said about them.

import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { ofNetworks, packetsOf, randomPacket, randomRules, seeded } from "../../../test/support/random-rules.ts";
import { jsonSchema } from "../../config/index.ts";
import { embedded } from "../../machine/index.ts";
import { packet } from "../../packets/index.ts";
import { DiagnosticError, formatDiagnostic, formatPrefix } from "../../source/index.ts";
import {
  analyseRules,
  type CompiledFirewall,
  compileFirewall,
  differences,
  HOOKS,
  type HookName,
  judge,
  NETWORKS6,
  NetworkTable,
  packetOfWords,
  RULES,
  type RulesData,
  readPrefix,
  readRules,
  referenceFirewall,
  resolveSets,
  rulesOf,
  runRuleTests,
} from "./index.ts";

const compiled = (data: RulesData): CompiledFirewall => compileFirewall(rulesOf(data));
const frame = (words: string): Uint8Array => {
  const made = packetOfWords(words);
  if ("wrong" in made) throw new Error(made.wrong);
  return made;
};
const fate = (data: RulesData, words: string): string => {
  const { action, rule } = judge(frame(words), compiled(data));
  return `${action} ${rule === undefined ? "default" : rule + 1}`;
};

describe("rules", () => {
  const rules: RulesData = {
    default: "deny",
    sets: { office: ["192.0.2.0/24", "2001:db8:1::/48"], live: { dynamic: true, networks: "198.51.100.0/24" } },
    rules: [
      { action: "deny", source: "$live" },
      {
        action: "allow",
        protocol: "tcp",
        "destination-port": [22, "8000-8100"],
        source: "$office",
        flags: ["syn,!ack", "ack"],
      },
      { action: "reject", protocol: "udp", "destination-port": 53, destination: "!10.0.0.0/8" },
      { action: "allow", protocol: ["icmp", "icmp6"], "icmp-type": ["echo", "echo6"] },
      { action: "allow", "ether-type": "arp" },
      { action: "allow", vlan: 7, length: "100-200" },
      { action: "allow", filter: "tcp[13] & 4 != 0" },
      { action: "allow", bytes: { offset: 22, equal: "0x07" } },
    ],
  };
  it.each([
    ["tcp 198.51.100.7:1 > 10.0.0.1:22 syn", "deny 1"],
    ["tcp 192.0.2.9:1 > 10.0.0.1:22 syn", "allow 2"],
    ["tcp 192.0.2.9:1 > 10.0.0.1:22 syn ack", "allow 2"],
    ["tcp 192.0.2.9:1 > 10.0.0.1:22 fin", "deny default"],
    ["tcp [2001:db8:1::5]:1 > [2001:db8::1]:8050 syn", "allow 2"],
    ["tcp [2001:db8:2::5]:1 > [2001:db8::1]:8050 syn", "deny default"],
    ["tcp 192.0.2.9:1 > 10.0.0.1:8101 syn", "deny default"],
    ["udp 192.0.2.9:1 > 192.0.2.1:53", "reject 3"],
    ["udp 192.0.2.9:1 > 10.0.0.1:53", "deny default"],
    ["udp [2001:db8::1]:1 > [2001:db8::2]:53", "reject 3"],
    ["icmp 192.0.2.9 > 10.0.0.1 type 8", "allow 4"],
    ["icmp6 2001:db8::1 > 2001:db8::2 type 128", "allow 4"],
    ["icmp 192.0.2.9 > 10.0.0.1 type 0", "deny default"],
    ["arp", "allow 5"],
    ["vlan 7 udp 10.0.0.1:1 > 10.0.0.2:2 length 150", "allow 6"],
    ["vlan 8 udp 10.0.0.1:1 > 10.0.0.2:2 length 150", "deny default"],
    ["tcp 10.0.0.1:1 > 10.0.0.2:2 rst", "allow 7"],
    ["udp 10.0.0.1:1 > 10.0.0.2:2 ttl 7", "allow 8"],
    ["udp 10.0.0.1:1 > 10.0.0.2:2 ttl 7 later", "allow 8"],
  ])("%s: %s", (words, expected) => expect(fate(rules, words)).toBe(expected));

  it("that guard let on what no socket listens for, and are XDP's", () => {
    const guarding = (action: "guard" | "allow"): RulesData => ({
      default: "deny",
      rules: [{ name: "web", action, protocol: "tcp", "destination-port": 80 }],
      tests: [{ expect: "allow", by: "web", packet: "tcp 10.0.0.1:1 > 10.0.0.2:80 syn" }],
    });
    const rules = guarding("guard");
    for (const words of ["tcp 10.0.0.1:1 > 10.0.0.2:80 syn", "tcp [::1]:1 > [::2]:80 ack"])
      expect(fate(rules, words)).toBe("guard 1");
    expect(fate(rules, "tcp 10.0.0.1:1 > 10.0.0.2:81 syn")).toBe("deny default");
    expect(runRuleTests(compiled(rules))).toEqual([{ test: 0, name: "tcp 10.0.0.1:1 > 10.0.0.2:80 syn" }]);
    expect(differences(compiled(guarding("allow")), compiled(rules)).found).toContainEqual(
      expect.objectContaining({ world: "ipv4 tcp", before: "allow (web)", after: "guard (web)" }),
    );
    expect(() => compileFirewall(rulesOf(rules), { hook: "tc" })).toThrow("Connections are guarded at xdp only");
  });

  it("of content read the payload, however the header is", () => {
    const firewall = compiled({
      rules: [
        { action: "deny", content: { dns: "*.evil.example" } },
        {
          action: "deny",
          protocol: "tcp",
          content: [
            { http: { host: "evil.example", path: "/admin" } },
            { regex: "cmd=[a-z]+;rm", "ignore-case": true },
          ],
        },
      ],
    });
    const machine = embedded(firewall.object);
    const udp = (name: string): Uint8Array =>
      packet()
        .eth()
        .ipv4()
        .udp({ destination: 53 })
        .payload(
          `\0\0\x01\0\0\x01\0\0\0\0\0\0${name
            .split(".")
            .map((label) => String.fromCharCode(label.length) + label)
            .join("")}\0\0\x01\0\x01`,
        )
        .bytes();
    const tcp = (text: string, i: number): Uint8Array =>
      packet()
        .eth()
        .ipv6()
        .tcp({ source: 1000 + i, destination: 80, options: new Uint8Array(8).fill(1) })
        .payload(text)
        .bytes();
    const passed = (bytes: Uint8Array): boolean => machine.run("firewall", { packet: bytes }).value === 2;
    expect([udp("www.evil.example"), udp("evil.example"), udp("evil.example.net")].map(passed)).toEqual([
      false,
      true,
      true,
    ]);
    expect(
      [
        "GET /admin HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET /other HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "POST / HTTP/1.1\r\n\r\nCMD=ls;RM -rf",
      ].map((text, i) => passed(tcp(text, i))),
    ).toEqual([false, true, false]);
  });

  it("of rates let through what they say", () => {
    let now = 10_000_000_000n;
    const firewall = compiled({
      default: "deny",
      rules: [{ action: "allow", protocol: "udp", within: { rate: "10/s", burst: 3, per: "source/24" } }],
    });
    const machine = embedded(firewall.object, { clock: () => now });
    const passed = (words: string): boolean => machine.run("firewall", { packet: frame(words) }).value === 2;
    const first = [1, 2, 3, 4, 5].map((n) => passed(`udp 192.0.2.${n}:1 > 10.0.0.1:2`));
    expect(first).toEqual([true, true, true, false, false]);
    expect(passed("udp 198.51.100.1:1 > 10.0.0.1:2")).toBe(true);
    now += 100_000_000n;
    expect([passed("udp 192.0.2.9:1 > 10.0.0.1:2"), passed("udp 192.0.2.9:1 > 10.0.0.1:2")]).toEqual([true, false]);
  });

  it("of more than a rate block its source for a time", () => {
    let now = 10_000_000_000n;
    const firewall = compiled({
      rules: [{ action: "deny", over: { rate: "1/s", burst: 2, per: "source" }, block: "60s" }],
    });
    const machine = embedded(firewall.object, { clock: () => now });
    const passed = (from: string): boolean =>
      machine.run("firewall", { packet: frame(`udp ${from}:1 > 10.0.0.1:2`) }).value === 2;
    expect(["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"].map(passed)).toEqual([true, true, false, true]);
    now += 59_000_000_000n;
    expect(passed("192.0.2.1")).toBe(false);
    now += 2_000_000_000n;
    expect(passed("192.0.2.1")).toBe(true);
  });

  it("of rates count packets without addresses apart from those of ::, and never block them", () => {
    const run = (rules: RulesData["rules"], words: readonly string[]): string[] => {
      const machine = embedded(compiled({ rules }).object, { clock: () => 1_000_000_000n });
      const reference = referenceFirewall(rulesOf({ rules }), new Map());
      return words.map((one) => {
        const done = machine.run("firewall", { packet: frame(one) }).value === 2 ? "allow" : "deny";
        expect(reference.judge(frame(one), { now: 1_000_000_000n }).action).toBe(done);
        return done;
      });
    };
    const over = { rate: "1/s", burst: 1, per: "source" };
    const ofNone = "udp [::]:1 > [::2]:2";
    expect(run([{ action: "deny", over }], ["arp", ofNone, "arp", ofNone])).toEqual(["allow", "allow", "deny", "deny"]);
    // What goes over blocks its source; a frame of ARP has none.
    expect(run([{ action: "deny", "ether-type": "arp", over, block: "9s" }], ["arp", "arp", ofNone])).toEqual([
      "allow",
      "deny",
      "allow",
    ]);
  });

  it("block a source of all its packets, also of those that no rule asks about", () => {
    const over = { rate: "1/s", burst: 1, per: "source" };
    const firewall = compiled({ rules: [{ action: "deny", protocol: "udp", over, block: "60s" }] });
    const machine = embedded(firewall.object, { clock: () => 10_000_000_000n });
    const reference = referenceFirewall(firewall.rules, firewall.sets);
    const fates = [
      "udp 192.0.2.1:1 > 10.0.0.1:2",
      "udp 192.0.2.1:1 > 10.0.0.1:2",
      "tcp 192.0.2.1:1 > 10.0.0.1:2",
      "icmp 192.0.2.1 > 10.0.0.1",
      "tcp 192.0.2.2:1 > 10.0.0.1:2",
    ].map((words) => [
      machine.run("firewall", { packet: frame(words) }).value === 2 ? "allow" : "deny",
      reference.judge(frame(words), { now: 10_000_000_000n }).action,
    ]);
    expect(fates).toEqual(["allow", "deny", "deny", "deny", "allow"].map((fate) => [fate, fate]));
  });

  it("of flows know those that were allowed", () => {
    const firewall = compiled({
      default: "deny",
      rules: [
        { action: "allow", state: "established" },
        { action: "allow", protocol: "tcp", flags: "syn,!ack", "destination-port": 80 },
      ],
    });
    const machine = embedded(firewall.object, { clock: () => 5_000_000_000n });
    const passed = (words: string): boolean => machine.run("firewall", { packet: frame(words) }).value === 2;
    expect(passed("tcp 192.0.2.1:1000 > 10.0.0.1:80 ack")).toBe(false);
    expect(passed("tcp 192.0.2.1:1000 > 10.0.0.1:80 syn")).toBe(true);
    expect(passed("tcp 192.0.2.1:1000 > 10.0.0.1:80 ack")).toBe(true);
    expect(passed("tcp 192.0.2.1:1001 > 10.0.0.1:80 ack")).toBe(false);
  });
});

/** Every rule set and packet that a seed gives, judged by each machine and one by one; what does not agree. */
function disagreements(seed: number, stateful: boolean, packets: number, hook: HookName): string[] {
  const roll = seeded(seed);
  const any = randomRules(roll, { stateful });
  const read = rulesOf(hook === "cgroup" ? ofNetworks(any) : any);
  const firewall = compileFirewall(read, { hook });
  const reference = referenceFirewall(read, firewall.sets, hook);
  const { allow, deny } = HOOKS[hook];
  let now = 1_000_000_000_000n;
  const machines = (["interpreter", "jit"] as const).map((tier) => {
    const machine = embedded(firewall.object, { clock: () => now, tier });
    for (const { key, bits } of firewall.trie)
      machine.maps.get(NETWORKS6)?.update(key, new Uint8Array(Uint32Array.of(bits).buffer));
    return { tier, machine };
  });
  const found: string[] = [];
  for (const bytes of packetsOf(roll, packets)) {
    now += BigInt(roll(400_000_000));
    const { action, rule } = reference.judge(bytes, { now });
    for (const { tier, machine } of machines) {
      const { value, trap } = machine.run("firewall", { packet: bytes });
      if (trap !== undefined || (value | 0) !== (action === "allow" ? allow : deny))
        found.push(
          `seed ${seed}, ${tier}: ${value} ${trap?.message ?? ""}, not ${action} by ${rule}: ${Buffer.from(bytes).toString("hex")}`,
        );
    }
  }
  return found;
}

describe("generated rules", () => {
  // SCRY_FUZZ=2000 makes so many rule sets, with a hundred packets each.
  const sets = Number(process.env["SCRY_FUZZ"] ?? 20);
  it.each(
    (Object.keys(HOOKS) as HookName[]).flatMap((hook) => [
      ["of packets alone", 20_261_129, false, hook] as const,
      ["with rates and flows", 424_242, true, hook] as const,
    ]),
  )(
    "%s (seeds from %i on; stateful: %s; %s): the program on both tiers, and rule by rule",
    (_, first, stateful, hook) => {
      const found: string[] = [];
      for (let seed = first; seed < first + sets && found.length < 3; seed++)
        found.push(...disagreements(seed, stateful, process.env["SCRY_FUZZ"] === undefined ? 50 : 100, hook));
      expect(found).toEqual([]);
    },
    600_000,
  );
});

describe("decisions", () => {
  const roll = seeded(5);
  const network = (): string => {
    const bits = 8 + roll(25);
    const address = ((roll(2 ** 16) * 2 ** 16 + roll(2 ** 16)) & (-1 << (32 - bits))) >>> 0;
    return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}/${bits}`;
  };
  const kinds: Readonly<Record<string, () => RulesData["rules"][number]>> = {
    ports: () => ({ action: "deny", protocol: "tcp", "destination-port": roll(65_536) }),
    sources: () => ({ action: "deny", source: network() }),
    pairs: () => ({ action: "deny", source: network(), protocol: "tcp", "destination-port": roll(65_536) }),
    mixed: () =>
      roll(2) === 0
        ? { action: "deny", source: network() }
        : { action: "allow", protocol: "tcp", "destination-port": roll(65_536) },
  };
  it.each(Object.keys(kinds))("of %s grow with the logarithm of the rules", (kind) => {
    const longest = (count: number): number => {
      const { longest } = compiled({
        rules: Array.from({ length: count }, kinds[kind] as () => RulesData["rules"][number]),
      });
      return longest;
    };
    const [few, many] = [longest(30), longest(960)];
    // 32 times as many: five questions more for each kind of rule, and some for those that lie in each other.
    expect(many).toBeLessThanOrEqual(few + (kind === "mixed" ? 20 : 12));
  });
});

describe("networks in a table", () => {
  const prefixes = (roll: ReturnType<typeof seeded>, count: number): string[] =>
    Array.from({ length: count }, () => {
      const bits = roll(4) === 0 ? roll(33) : 16 + roll(17);
      const address =
        bits === 0 ? 0 : ((roll(4) * 2 ** 30 + roll(2 ** 16) * 16 + roll(16)) & (-1 << (32 - bits))) >>> 0;
      return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}/${bits}`;
    });
  const prefix = (text: string) => {
    const read = readPrefix(text);
    if ("wrong" in read) throw new Error(read.wrong);
    return read;
  };

  it("have the bits of all sets that hold an address, also when they change (seeds 1 to 6)", () => {
    for (let seed = 1; seed <= 6; seed++) {
      const roll = seeded(seed);
      const sets = [0, 1, 2].map((bit) => ({
        name: `${bit}`,
        bit,
        dynamic: true,
        prefixes: prefixes(roll, roll(60)).map(prefix),
      }));
      let table = NetworkTable.of(sets);
      // As ranges, in which a change holds for all that is within.
      const inside = sets.map(({ prefixes: own }) => own.map((one) => ({ one, present: true })));
      for (let change = 0; change < 40; change++) {
        const bit = roll(3);
        const one = prefix(prefixes(roll, 1)[0] as string);
        const present = roll(2) === 0;
        inside[bit]?.push({ one, present });
        if (table.change(one, bit, present) === undefined) {
          table = table.packed();
          expect(table.change(one, bit, present)).toBeDefined();
        }
      }
      const reopened = new NetworkTable(table.bytes.slice());
      const packed = table.packed();
      for (let i = 0; i < 300; i++) {
        const address = (roll(4) * 2 ** 30 + roll(2 ** 16) * 16 + roll(16)) >>> 0;
        let bits = 0;
        inside.forEach((changes, bit) => {
          let has = false;
          for (const { one, present } of changes) {
            const size = 2 ** (32 - one.bits);
            const first =
              ((one.bytes[0] as number) * 2 ** 24 +
                (one.bytes[1] as number) * 65_536 +
                (one.bytes[2] as number) * 256 +
                (one.bytes[3] as number)) >>>
              0;
            if (address >= first && address < first + size) has = present;
          }
          if (has) bits |= 1 << bit;
        });
        expect([table, reopened, packed].map((of) => of.bitsOf(address))).toEqual([bits, bits, bits]);
      }
    }
  });

  it("are not made of other bytes", () => {
    expect(() => new NetworkTable(new Uint8Array(100))).toThrow(RangeError);
    expect(() => new NetworkTable(new Uint8Array(65_536 * 4 + 8 + 800))).toThrow(RangeError);
  });
});

describe("what is said of rules", () => {
  const told = (yaml: string): string => {
    const source = { name: "rules.yaml", text: yaml };
    try {
      const firewall = compileFirewall(readRules(source), { file: () => "10.0.0.0/8\n10.0.0.1/8\n" });
      return analyseRules(firewall)
        .map((one) => formatDiagnostic(one, source))
        .join("\n");
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      return error.diagnostics.map((one) => formatDiagnostic(one, error.source)).join("\n");
    }
  };
  it.each([
    ["{ action: allw }", "'allw' is none of allow, deny, reject, guard, count, mark"],
    ["{ action: deny, source: 10.0.0.1/8 }", "The network is 10.0.0.0/8"],
    ["{ action: deny, source: $nobody }", "There is no set 'nobody'"],
    ["{ action: deny, source: [10.0.0.0/8, '!10.1.0.0/16'] }", "Either all of these are excluded (!) or none"],
    ["{ action: deny, protocol: icmp, destination-port: 80 }", "Only TCP, UDP or SCTP has this"],
    ["{ action: deny, flags: 'syn,!syn' }", "asks for a flag and for none"],
    ["{ action: deny, flags: sin }", "Did you mean 'fin'?"],
    ["{ action: deny, over: { rate: 5 } }", "A rate is a number in a time"],
    ["{ action: allow, block: 5s }", "'block' belongs to a rule with 'action: deny' and 'over'"],
    ["{ action: guard }", "Only connections of TCP are guarded"],
    ["{ action: guard, protocol: [tcp, udp] }", "Only connections of TCP are guarded"],
    ["{ action: guard, protocol: 5-6 }", "Only connections of TCP are guarded"],
    ["{ action: mark }", "'action: mark' and 'set-mark' go together"],
    ["{ action: deny, filter: tcp prt 80 }", "'80' cannot stand here"],
    ["{ action: deny, filter: inbound }", "This asks what only captures know"],
    ["{ action: deny, content: { regex: '(a' } }", "rules.yaml:2"],
    ["{ action: deny, content: { dns: a, tls: b } }", "One of bytes, regex, dns, tls and http is asked for"],
    ["{ action: deny, protocol: icmp, content: { bytes: x } }", "Only TCP or UDP has this"],
    ["{ action: deny, source: $listed }", "rules.yaml:1"],
    [
      "{ action: deny, protocol: tcp }\n  - { name: late, action: allow, protocol: tcp, destination-port: 80 }",
      "Rule 'late' is never reached: rule 1 takes all of its packets, and says deny where this one says allow",
    ],
    ["{ action: deny, source: 10.0.0.0/8, ether-type: ipv6 }", "Rule 1 matches no packet"],
  ])("%s", (rule, message) => {
    const text = `sets: { listed: { file: list } }\nrules:\n  - ${rule}\n`.replace(/^sets.*\n/, (line) =>
      rule.includes("$listed") ? line : "",
    );
    expect(told(text)).toContain(message);
  });

  it("of more large sets than there are bits", () => {
    const sets = Array.from({ length: 33 }, (_, i) => `  s${i}: { dynamic: true }`).join("\n");
    expect(told(`sets:\n${sets}\nrules: []\n`)).toContain("More than 32 sets are large or dynamic");
  });

  it("is in their JSON Schema", () => {
    const validate = new Ajv2020({ strict: false }).compile(jsonSchema("rules", RULES));
    expect(
      validate({
        default: "deny",
        rules: [{ action: "allow", protocol: "tcp", "destination-port": [80, "8000-8100"] }],
      }),
    ).toBe(true);
    expect(validate({ rules: [{ action: "allow", destinationport: 80 }] })).toBe(false);
  });
});

describe("tests, explanations and differences", () => {
  const rules: RulesData = {
    default: "deny",
    rules: [
      { name: "web", action: "allow", protocol: "tcp", "destination-port": [80, 443] },
      { name: "seen", action: "count", protocol: "udp" },
      { name: "dns", action: "allow", protocol: "udp", "destination-port": 53 },
    ],
    tests: [
      { expect: "allow", by: "web", packet: "tcp 10.0.0.1:1 > 10.0.0.2:443 syn" },
      { expect: "deny", by: "default", packet: "tcp 10.0.0.1:1 > 10.0.0.2:22 syn" },
      { name: "wrong", expect: "deny", packet: "udp 10.0.0.1:1 > 10.0.0.2:53" },
      { name: "by another", expect: "allow", by: "web", packet: "udp 10.0.0.1:1 > 10.0.0.2:53" },
      { name: "no packet", expect: "allow" },
    ],
  };
  it("say what went otherwise", () => {
    expect(runRuleTests(compiled(rules)).map(({ failure }) => failure)).toEqual([
      undefined,
      undefined,
      "it is allowed by dns",
      "it is allowed, but by dns",
      "it needs a packet, in words or as bytes (hex)",
    ]);
  });

  it("are about several packets, one after another", () => {
    const evil = 'tcp :1 > :80 sequence 0 payload "GET / HTTP/1.1\\r\\nHo" then tcp :1 > :80 sequence 18 payload';
    const data: RulesData = {
      rules: [
        { name: "evil", action: "deny", content: { http: { host: "evil.example" } } },
        { name: "known", action: "count", state: "established", protocol: "udp" },
      ],
      tests: [
        { expect: "deny", by: "evil", packet: `${evil} "st: evil.example\\r\\n"` },
        { expect: "allow", packet: `${evil} "st: good.example\\r\\n"` },
        { expect: "allow", packet: 'tcp :1 > :80 payload "st: evil.example\\x0d\\n"' },
        { expect: "deny", packet: "tcp :1 > :80 payload 0x00 then tcp :1 > :80 payload 0x01" },
        { expect: "allow", packet: "tcp :1 > :80 then" },
        { expect: "allow", packet: "tcp :1 > :80 payload 0x00 then tcp :1 > :80 payload" },
        { expect: "allow", packet: 'tcp payload "x' },
      ],
    };
    expect(runRuleTests(compiled(data)).map(({ failure }) => failure)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      "'' is no protocol of a packet",
      "'' is no payload",
      "A quote does not end, or stands within a word",
    ]);
  });

  it("are run where rules mark, and at tc", () => {
    const marking: RulesData = {
      rules: [
        { action: "mark", "set-mark": 7 },
        { action: "reject", protocol: "tcp" },
      ],
      tests: [
        { packet: "tcp 10.0.0.1:1 > 10.0.0.2:22 syn", expect: "reject" },
        { packet: "arp", expect: "allow" },
      ],
    };
    for (const hook of ["xdp", "tc"] as const)
      expect(runRuleTests(compileFirewall(rulesOf(marking), { hook })).map(({ failure }) => failure)).toEqual([
        undefined,
        undefined,
      ]);
  });

  it("say what a packet has not", () => {
    const { passed } = judge(frame("udp 10.0.0.1:1 > 10.0.0.2:99"), compiled(rules));
    expect(passed).toEqual([
      { rule: 0, miss: "its protocol is 17" },
      { rule: 1 },
      { rule: 2, miss: "its destination-port is 99" },
    ]);
  });

  it("tell the packets whose fate would change, and none else (seeds 1 to 15)", () => {
    const same = differences(compiled(rules), compiled({ ...rules, rules: [...rules.rules].reverse() }));
    expect(same.found.filter(({ before, after }) => before.split(" ")[0] !== after.split(" ")[0])).toEqual([]);
    for (let seed = 1; seed <= 15; seed++) {
      const roll = seeded(seed);
      const [one, two] = [randomRules(roll, { plain: true }), randomRules(roll, { plain: true })];
      const [before, after] = [compiled(one), compiled(two)];
      const { found, complete } = differences(before, after, 5000);
      const changed = packetsOf(roll, 60).some((bytes) => {
        const was = referenceFirewall(before.rules, before.sets).judge(bytes).action;
        return was !== referenceFirewall(after.rules, after.sets).judge(bytes).action;
      });
      if (changed) expect(found.length).toBeGreaterThan(0);
      if (complete && found.length === 0) expect(changed).toBe(false);
    }
    const [difference] = differences(
      compiled(rules),
      compiled({
        ...rules,
        rules: [{ ...rules.rules[0], "destination-port": [80] } as never, ...rules.rules.slice(1)],
      }),
    ).found;
    expect(difference).toMatchObject({
      world: "ipv4 tcp",
      packets: expect.stringContaining("destination port 443"),
      before: "allow (web)",
      after: "deny (the default)",
    });
  });

  it("know sets by their content", () => {
    const sets = resolveSets(rulesOf({ sets: { a: ["10.0.0.0/8", "2001:db8::/32"] }, rules: [] }), () => "");
    expect(sets.get("a")?.prefixes.map(formatPrefix)).toEqual(["10.0.0.0/8", "2001:db8::/32"]);
  });
});

it("packets in words that are none are told", () => {
  for (const [words, message] of [
    ["tcq 1.2.3.4", "'tcq' is no protocol"],
    ["tcp 1.2.3.400", "'1.2.3.400' is no address"],
    ["tcp 1.2.3.4:99999", "is no address"],
    ["tcp 1.2.3.4 > [::1]:5", "IPv4 and IPv6 are mixed"],
    ["udp ttl x", "is no number for 'ttl'"],
    ["vlan 5000 udp", "is no VLAN"],
  ] as const)
    expect((packetOfWords(words) as { wrong?: string }).wrong).toContain(message);
  expect(randomPacket(seeded(1)).length).toBeGreaterThan(13);
});
