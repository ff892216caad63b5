// Imported rules against the firewalls that they come from: generated rule sets of nft and iptables are loaded into a network
// namespace, listed by their own tools, and imported; of each packet the kernel and the reference must make the same.

import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importRules } from "../../src/net/firewall/import/index.ts";
import { referenceFirewall, resolveSets, rulesOf } from "../../src/net/firewall/index.ts";
import { packet } from "../../src/packets/index.ts";
import { repository } from "../support/commands.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";
import { Random } from "../support/random-words.ts";
import { lacking } from "../support/skips.ts";

const there = (name: string): boolean => spawnSync(name, ["--version"], { stdio: "ignore" }).error === undefined;
const needs = { nft: there("nft"), iptables: there("iptables"), ip6tables: there("ip6tables") };
const missing = lacking("imported rules against nft and iptables", needs);
const seed = Number(process.env["SCRY_SEED"] ?? 20261129);
const [a, b] = [`scry-import-${process.pid}-a`, `scry-import-${process.pid}-b`];
const run = (words: readonly string[], input?: string): string =>
  execFileSync(words[0] as string, words.slice(1), {
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
    ...(input === undefined ? {} : { input }),
  });
const inside = (name: string, words: readonly string[], input?: string): string =>
  run(["ip", "netns", "exec", name, ...words], input);

/** Sends frames, a line of hex each, and says so when a line is empty. */
const SENDER = `
const koffi = require("koffi").load(null);
const socket = koffi.func("int socket(int, int, int)"), sendto = koffi.func("long sendto(int, const void *, size_t, int, const void *, uint32_t)");
const fd = socket(17, 3, 0);
const to = Buffer.alloc(20);
to.writeUInt16LE(17, 0);
to.writeInt32LE(Number(process.argv[1]), 4);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "") return process.stdout.write("sent\\n");
  const frame = Buffer.from(line, "hex");
  sendto(fd, frame, frame.length, 0, to, 20);
});
`;
let sender: ChildProcessWithoutNullStreams;
let lines: AsyncIterator<string>;
const MAC = "02:00:5e:10:00:02";

beforeAll(() => {
  if (missing) return;
  for (const name of [a, b]) addQuietNetwork(name);
  run(["ip", "-n", a, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", b]);
  run(["ip", "-n", b, "link", "set", "v1", "address", MAC]);
  for (const address of ["10.7.0.2/8", "192.0.2.2/24"]) run(["ip", "-n", b, "address", "add", address, "dev", "v1"]);
  run(["ip", "-n", b, "address", "add", "2001:db8::2/32", "dev", "v1", "nodad"]);
  for (const [name, device] of [
    [a, "v0"],
    [b, "v1"],
    [b, "lo"],
  ] as const)
    run(["ip", "-n", name, "link", "set", device, "up"]);
  const index = /^(\d+):/.exec(run(["ip", "-n", a, "-o", "link", "show", "v0"]))?.[1] ?? "";
  sender = spawn("ip", ["netns", "exec", a, process.execPath, "-e", SENDER, index], { cwd: repository });
  lines = createInterface({ input: sender.stdout })[Symbol.asyncIterator]();
});
afterAll(() => {
  sender?.kill("SIGKILL");
  if (!missing) for (const name of [a, b]) spawnSync("ip", ["netns", "del", name]);
});

const SOURCES = ["10.0.0.1", "10.1.2.3", "10.200.0.7", "192.0.2.9", "192.0.2.77", "10.7.0.200"];
const SOURCES6 = ["2001:db8::9", "2001:db8:1::1", "2001:db8:ffff::1"];
const PORTS = [1, 22, 53, 80, 443, 5000, 8080, 65_535];

/** A packet for the namespace's own addresses; its number stands where nothing asks for it. */
function randomFrame(random: Random, number: number): Uint8Array {
  const six = random.chance(30);
  const base = packet().eth({ destination: MAC, source: random.pick(["02:00:5e:10:00:01", "02:00:5e:10:00:09"]) });
  const ttl = random.pick([1, 5, 64, 255]);
  const dscp = random.pick([0, 8, 46]);
  const ip = six
    ? base.ipv6({ source: random.pick(SOURCES6), destination: "2001:db8::2", flowLabel: number, hopLimit: ttl })
    : base.ipv4({
        source: random.pick(SOURCES),
        destination: random.pick(["10.7.0.2", "192.0.2.2"]),
        id: number,
        ttl,
        dscp,
      });
  const ports = { source: random.pick(PORTS), destination: random.pick(PORTS) };
  const payload = new Uint8Array(random.pick([0, 10, 500]));
  switch (random.below(4)) {
    case 0:
      return ip.udp(ports).payload(payload).bytes();
    case 1:
      return (
        six
          ? ip.icmp6({ type: random.pick([128, 129, 1]) })
          : ip.icmp({ type: random.pick([0, 3, 8]), code: random.below(2) })
      )
        .payload(payload)
        .bytes();
    default: {
      const flags = Object.fromEntries(["syn", "ack", "fin", "rst"].map((flag) => [flag, random.chance(40)]));
      return ip
        .tcp({ ...ports, ...flags })
        .payload(payload)
        .bytes();
    }
  }
}

/** Behind the rules that are asked: notes which packets came so far. */
const SEEN = `table inet seen {
  set four { type integer; typeof ip id; flags dynamic; size 65535; }
  set six { typeof ip6 flowlabel; flags dynamic; size 65535; }
  chain after {
    type filter hook input priority 50; policy accept;
    meta nfproto ipv4 add @four { ip id }
    meta nfproto ipv6 add @six { ip6 flowlabel }
  }
}
`.replace("type integer; ", "");

const COUNT = 250;
async function compare(
  random: Random,
  text: string,
  known: readonly (4 | 6)[],
): Promise<{ passed: number; refused: number }> {
  const imported = importRules({ name: "rules", text }, { interface: "v1" });
  const read = rulesOf(imported.rules);
  // Where something is left out, what is left may decide otherwise: that is told, and not compared.
  const left = imported.diagnostics.filter(
    ({ code, message }) => code === "SCRY1650" && !/never jumps|No chain/.test(message),
  );
  if (left.length > 0) return { passed: 0, refused: 0 };
  const reference = referenceFirewall(
    read,
    resolveSets(read, () => ""),
  );
  const frames = Array.from({ length: COUNT }, (_, i) => randomFrame(random, i + 1));
  for (const frame of frames) sender.stdin.write(`${Buffer.from(frame).toString("hex")}\n`);
  sender.stdin.write("\n");
  await lines.next();
  // Packets wait in the queue of the other side's processor.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const numbers = (set: string): Set<number> => {
    const listed = inside(b, ["nft", "-nn", "list", "set", "inet", "seen", set]);
    return new Set(
      [...(/elements = \{([^}]*)\}/.exec(listed)?.[1] ?? "").matchAll(/(?:0x[\da-f]+|\d+)/g)].map(([one]) =>
        Number(one),
      ),
    );
  };
  const seen = { 4: numbers("four"), 6: numbers("six") };
  const count = { passed: 0, refused: 0 };
  for (const [i, frame] of frames.entries()) {
    const family = frame[12] === 0x08 ? 4 : 6;
    if (!known.includes(family)) continue;
    const here = reference.judge(frame, { established: false }).action === "allow";
    const wire = Buffer.from(frame).toString("hex");
    expect(
      here,
      `seed ${seed}, packet ${wire}\n${text}\n${imported.diagnostics.map(({ message }) => message).join("\n")}`,
    ).toBe(seen[family].has(i + 1));
    count[here ? "passed" : "refused"]++;
  }
  return count;
}

function randomNft(random: Random): string {
  const list = (from: readonly (string | number)[]): string => {
    const some = from.filter(() => random.chance(40));
    return some.length > 1 ? `{ ${some.join(", ")} }` : String(some[0] ?? from[0]);
  };
  const not = (): string => (random.chance(25) ? "!= " : "");
  const ports = [...PORTS, "20-30", "1000-9000"];
  const four = [
    () => `ip saddr ${not()}${list(["10.0.0.0/16", "10.1.2.3", "192.0.2.0-192.0.2.50", "10.128.0.0/9"])}`,
    () => `ip daddr ${not()}${list(["10.7.0.2", "192.0.2.2"])}`,
    () => `ip ttl ${random.pick(["< 6", "64", "!= 255"])}`,
    () => `ip dscp ${random.pick(["ef", "!= cs1"])}`,
    () => `ip length ${random.pick(["> 100", "20-60"])}`,
    () => `ip saddr ${not()}@own`,
    () => "meta nfproto ipv4",
  ];
  const six = [
    () => `ip6 saddr ${not()}${list(["2001:db8::/48", "2001:db8:1::1"])}`,
    () => "ip6 hoplimit 64",
    () => "meta nfproto ipv6",
  ];
  const carried = [
    () => `tcp dport ${not()}${list(ports)}`,
    () => `udp sport ${not()}${list(ports)}`,
    () => `tcp sport ${random.pick(["<", ">", ">=", "<="])} ${random.pick(PORTS.slice(1, -1))}`,
    () => `meta l4proto ${not()}${list(["tcp", "udp", "icmp"])}`,
    () => `meta l4proto { tcp, udp } th dport ${list(ports)}`,
    () =>
      `tcp flags ${random.pick(["syn", "& (syn | ack) == syn", "& (fin | rst) == 0x0", "syn,ack", "! ack", "& (syn | fin) != syn"])}`,
    () => "tcp dport @ports",
    () => "tcp dport 80 tcp flags & (syn | ack) == syn",
  ];
  const others = [() => "ether saddr 02:00:5e:10:00:09", () => `iifname ${not()}"v1"`];
  const icmp = {
    4: () => `icmp type ${list(["echo-request", "echo-reply", "destination-unreachable"])}`,
    6: () => `icmpv6 type ${list(["echo-request", "echo-reply"])}`,
  };
  /** At most one question of each kind, which go together. */
  const asked = (): string[] => {
    const family = random.pick([4, 6, undefined] as const);
    const own = family === undefined || random.chance(40) ? [] : [random.pick(family === 4 ? four : six)()];
    const over = random.chance(30)
      ? []
      : [random.chance(20) && family !== undefined ? icmp[family]() : random.pick(carried)()];
    return [...own, ...over, ...(random.chance(15) ? [random.pick(others)()] : [])];
  };
  const verdicts = ["accept", "drop", "reject", "accept", "drop", "jump one", "goto two", "continue", ""];
  const rule = (jumps: boolean): string => {
    if (random.chance(10))
      return `tcp dport vmap { 22 : accept, 80-90 : drop, 443 : ${jumps ? "jump one" : "accept"} }`;
    return [...asked(), "counter", random.pick(jumps ? verdicts : verdicts.slice(0, 5))].join(" ");
  };
  const rules = (count: number, jumps: boolean): string => Array.from({ length: count }, () => rule(jumps)).join("\n");
  return `table inet t {
set own { type ipv4_addr; flags interval; elements = { 10.1.0.0/16, 192.0.2.60-192.0.2.90 } }
set ports { type inet_service; flags interval; elements = { 53, 400-500 } }
chain one {
${rules(3, false)}
}
chain two {
${rules(2, false)}
}
chain input {
type filter hook input priority 0; policy ${random.pick(["accept", "drop"])};
${rules(1 + random.below(7), true)}
}
}
`;
}

function randomIptables(random: Random, family: 4 | 6): string {
  const not = (): string => (random.chance(25) ? "! " : "");
  const address = (): string =>
    random.pick(
      family === 4 ? ["10.0.0.0/16", "10.1.2.3", "192.0.2.0/24", "10.128.0.0/9"] : ["2001:db8::/48", "2001:db8:1::1"],
    );
  const port = (): string => random.pick([...PORTS.map(String), "20:30", ":100", "1000:9000"]);
  const icmp =
    family === 4
      ? () => `-p icmp --icmp-type ${random.pick(["8", "0", "3/1"])}`
      : () => `-p ipv6-icmp --icmpv6-type ${random.pick(["128", "129"])}`;
  const one = (): string =>
    random.pick([
      () => `-p tcp ${not()}--dport ${port()}`,
      () => `-p udp ${not()}--sport ${port()}`,
      () => `-p tcp -m multiport ${not()}--dports ${random.pick(PORTS)},${random.pick(PORTS)}`,
      () => `-p udp -m multiport --ports ${random.pick(PORTS)},${random.pick(PORTS)}`,
      () => `-p tcp ${not()}--tcp-flags ${random.pick(["SYN,ACK SYN", "FIN,RST NONE", "SYN,FIN SYN,FIN"])}`,
      () => `${not()}-p ${random.pick(["tcp", "udp"])}`,
      icmp,
      () => "",
    ])();
  const rest = (): string =>
    random.pick([
      () => `${not()}-s ${address()}`,
      () => `-m length --length ${random.pick(["0:60", "100:65535"])}`,
      () => (family === 4 ? `-m ttl --ttl-lt 6` : `-m hl --hl-lt 6`),
      () => `-m dscp ${not()}--dscp 46`,
      () => `-m mac --mac-source 02:00:5e:10:00:09`,
      () => (family === 4 ? `-m iprange ${not()}--src-range 192.0.2.5-192.0.2.60` : ""),
      () => "-i v1",
      () => "-i other",
      () => "",
    ])();
  const rule = (chain: string, targets: readonly string[]): string =>
    `-A ${chain} ${one()} ${rest()} ${random.pick(targets)}`;
  const targets = ["-j ACCEPT", "-j DROP", "-j ACCEPT", "-j DROP", "-j ONE", "-g TWO", "", "-j REJECT"];
  const rules = (chain: string, count: number, of: readonly string[]): string[] =>
    Array.from({ length: count }, () => rule(chain, of));
  return [
    "*filter",
    `:INPUT ${random.pick(["ACCEPT", "DROP"])} [0:0]`,
    ":ONE - [0:0]",
    ":TWO - [0:0]",
    ...rules("INPUT", 1 + random.below(7), targets),
    ...rules("ONE", 3, targets.slice(0, 4)),
    ...rules("TWO", 2, targets.slice(0, 4)),
    "COMMIT",
    "",
  ].join("\n");
}

describe.skipIf(missing)("imported rules decide as they did", () => {
  const total = { passed: 0, refused: 0 };
  const add = ({ passed, refused }: typeof total): void => {
    total.passed += passed;
    total.refused += refused;
  };

  it("of nft", async () => {
    const random = new Random(seed);
    for (let i = 0; i < 25; i++) {
      inside(b, ["nft", "flush", "ruleset"]);
      inside(b, ["nft", "-f", "-"], `${randomNft(random)}${SEEN}`);
      add(await compare(random, inside(b, ["nft", "list", "table", "inet", "t"]), [4, 6]));
    }
  });

  it.each([4, 6] as const)("of iptables for IPv%d", async (family) => {
    const random = new Random(seed + family);
    const name = family === 4 ? "iptables" : "ip6tables";
    for (let i = 0; i < 15; i++) {
      inside(b, ["nft", "flush", "ruleset"]);
      inside(b, [`${name}-restore`], randomIptables(random, family));
      const text = inside(b, [`${name}-save`]);
      inside(b, ["nft", "-f", "-"], SEEN);
      add(await compare(random, text, [family]));
    }
  });

  it("of which some let packets pass, and some do not", () => {
    console.log(`seed ${seed}: ${total.passed} packets passed, ${total.refused} were refused`);
    expect(Math.min(total.passed, total.refused)).toBeGreaterThan(1000);
  });
});
