// The firewall on the live kernel: what its programs answer, and what it does at interfaces of a network namespace of the test's own.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openCapture, packet } from "../../src/filter.ts";
import { bpfFileSystems, type LoadedObject, loadObject, testRun } from "../../src/kernel/index.ts";
import {
  COUNTERS,
  compileFirewall,
  NETWORKS6,
  packetOfWords,
  type RulesData,
  readPrefix,
  referenceFirewall,
  rulesOf,
} from "../../src/net/firewall/index.ts";
import { applyFirewall, compileForKernel, LiveFirewall } from "../../src/net/index.ts";
import { decodePacket, internetSum } from "../../src/packets/index.ts";
import { repository, runScry } from "../support/commands.ts";
import { packetsOf, randomRules, seeded } from "../support/random-rules.ts";
import { lacking } from "../support/skips.ts";

const netns = `scry-${process.pid}-wall`;
const path = `/run/netns/${netns}`;
const scryFile = join(repository, "dist/scry.js");
const folder = mkdtempSync(join(tmpdir(), "scry-firewall-"));
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
let mounted = false;

beforeAll(() => {
  ip("netns", "add", netns);
  ip("-n", netns, "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  ip("-n", netns, "link", "set", "v1", "address", "02:00:00:00:00:01");
  for (const name of ["lo", "v0", "v1"]) ip("-n", netns, "link", "set", name, "up");
  if (bpfFileSystems().length === 0) {
    mounted = spawnSync("mount", ["-t", "bpf", "bpf", "/sys/fs/bpf"]).status === 0;
  }
});
afterAll(() => {
  spawnSync("ip", ["netns", "del", netns]);
  if (mounted) spawnSync("umount", ["/sys/fs/bpf"]);
  rmSync(folder, { recursive: true });
});
const open = new Set<LoadedObject>();
afterEach(() => {
  for (const one of open) one.close();
  open.clear();
});

const frame = (words: string): Uint8Array => {
  const made = packetOfWords(words);
  if ("wrong" in made) throw new Error(made.wrong);
  return made;
};
function loaded(data: RulesData, options: { dryRun?: boolean } = {}): LoadedObject {
  const firewall = compileForKernel(rulesOf(data), "xdp", options);
  const object = loadObject(firewall.object);
  open.add(object);
  for (const { key, bits } of firewall.trie)
    object.maps.get(NETWORKS6)?.update(key, new Uint8Array(Uint32Array.of(bits).buffer));
  return object;
}
const run = (object: LoadedObject, data: Uint8Array): ReturnType<typeof testRun> =>
  testRun(object.programs.get("firewall")?.fd ?? -1, { data });

describe("programs of rules", () => {
  const sets = Number(process.env["SCRY_FUZZ"] ?? 40);
  it("answer as the rules do one by one (seeds from 20261129 on)", () => {
    const found: string[] = [];
    for (let seed = 20_261_129; seed < 20_261_129 + sets && found.length < 3; seed++) {
      const roll = seeded(seed);
      const data = randomRules(roll);
      const read = rulesOf(data);
      const reference = referenceFirewall(read, compileFirewall(read).sets);
      const object = loaded(data);
      for (const bytes of packetsOf(roll, 100)) {
        const { action } = reference.judge(bytes, { now: 1n });
        const { value } = run(object, bytes);
        if (value !== (action === "allow" ? 2 : 1))
          found.push(`seed ${seed}: ${value}, not ${action}: ${Buffer.from(bytes).toString("hex")}`);
      }
      object.close();
    }
    expect(found).toEqual([]);
  }, 600_000);

  it("with rates and flows are taken by the kernel (seeds from 424242 on)", () => {
    for (let seed = 424_242; seed < 424_242 + sets; seed++)
      loaded(randomRules(seeded(seed), { stateful: true })).close();
  }, 600_000);

  it("count packets, bytes, and when the last one came", () => {
    const object = loaded({ rules: [{ action: "deny", protocol: "udp" }] });
    const bytes = frame("udp 10.0.0.1:1 > 10.0.0.2:2 length 100");
    run(object, bytes);
    run(object, bytes);
    run(object, frame("arp"));
    const sum = (rule: number): bigint[] => {
      const value = object.maps.get(COUNTERS)?.lookup(new Uint8Array(Uint32Array.of(rule).buffer)) ?? new Uint8Array();
      const words = new BigUint64Array(value.slice().buffer);
      return [0, 1].map((word) => words.reduce((total, n, i) => (i % 3 === word ? total + n : total), 0n));
    };
    expect([sum(0), sum(1)]).toEqual([
      [2n, 200n],
      [1n, 42n],
    ]);
  });

  it("let all go on in a dry run", () => {
    const object = loaded({ default: "deny", rules: [] }, { dryRun: true });
    expect(run(object, frame("arp")).value).toBe(2);
  });

  describe("that reject", () => {
    const rules: RulesData = { rules: [{ action: "reject" }] };
    const XDP_TX = 3;
    const payload = new Uint8Array(30).fill(7);
    /** Sums of a packet that are right are 0xffff with the rest. */
    const sums = (bytes: Uint8Array): number[] => {
      const { headers } = decodePacket(bytes);
      const [network, transport] = [headers[1], headers[2]];
      if (network === undefined || transport === undefined) throw new Error("no headers");
      const six = network.protocol === "ipv6";
      const addresses = bytes.subarray(network.at + (six ? 8 : 12), network.at + (six ? 40 : 20));
      const message = bytes.subarray(transport.at);
      const number = { tcp: 6, icmp6: 58 }[transport.protocol as string];
      const own =
        number === undefined
          ? internetSum(message, 0)
          : internetSum(message, internetSum(addresses, number + message.length));
      return six ? [own] : [internetSum(bytes.subarray(network.at, transport.at), 0), own];
    };
    it.each(["ipv4", "ipv6"] as const)("answer TCP with a reset (%s)", (family) => {
      const eth = packet().eth({ source: "02:00:00:00:00:07", destination: "02:00:00:00:00:08" });
      const network = family === "ipv4" ? eth.ipv4({ source: "10.0.0.1", destination: "10.0.0.2" }) : eth.ipv6({});
      const syn = network
        .tcp({ source: 1000, destination: 80, syn: true, sequence: 77, options: new Uint8Array([2, 4, 5, 180]) })
        .bytes();
      const { value, data } = run(loaded(rules), syn);
      expect(value).toBe(XDP_TX);
      const { headers } = decodePacket(data);
      expect(headers[0]?.fields).toMatchObject({ source: "02:00:00:00:00:08", destination: "02:00:00:00:00:07" });
      expect(headers[2]?.fields).toMatchObject({
        source: 80,
        destination: 1000,
        rst: true,
        ack: true,
        sequence: 0,
        acknowledgment: 78,
      });
      for (const sum of sums(data)) expect(sum).toBe(0xffff);
      const ack = network
        .tcp({ source: 1000, destination: 80, ack: true, sequence: 77, acknowledgment: 4242 })
        .payload(payload)
        .bytes();
      expect(decodePacket(run(loaded(rules), ack).data).headers[2]?.fields).toMatchObject({
        rst: true,
        ack: false,
        sequence: 4242,
      });
    });
    it.each(["ipv4", "ipv6"] as const)("answer UDP with an ICMP message (%s)", (family) => {
      const eth = packet().eth();
      const network = family === "ipv4" ? eth.ipv4({ source: "10.0.0.1", destination: "10.0.0.2" }) : eth.ipv6({});
      const asked = network.udp({ source: 1000, destination: 53 }).payload(payload).bytes();
      const { value, data } = run(loaded(rules), asked);
      expect(value).toBe(XDP_TX);
      const { headers } = decodePacket(data);
      expect(headers[2]).toMatchObject(
        family === "ipv4"
          ? { protocol: "icmp", fields: { type: 3, code: 13 } }
          : { protocol: "icmp6", fields: { type: 1, code: 1 } },
      );
      for (const sum of sums(data)) expect(sum).toBe(0xffff);
      // What was asked comes back with it.
      const header = family === "ipv4" ? 20 : 40;
      expect(data.subarray(14 + header + 8)).toEqual(asked.subarray(14, 14 + header + 8));
    });
    it("never answer what is an answer itself, or to all", () => {
      const object = loaded(rules);
      for (const words of [
        "tcp 10.0.0.1:1 > 10.0.0.2:2 rst",
        "icmp 10.0.0.1 > 10.0.0.2 type 3",
        "icmp6 ::1 > ::2 type 1",
        "udp 10.0.0.1:1 > 10.0.0.2:2 later",
        "arp",
        "udp 10.0.0.1:1 > 10.0.0.2:2 to ff:ff:ff:ff:ff:ff",
      ])
        expect([words, run(object, frame(words)).value]).toEqual([words, 1]);
    });
  });
});

/** What a text of Python prints in a network namespace. */
const python = (namespace: string, text: string, input = ""): string =>
  execFileSync("ip", ["netns", "exec", namespace, "/usr/bin/python3", "-c", text], { input, encoding: "utf8" });

/** Sends frames at v1: they arrive at v0. */
function arrive(words: readonly string[], times = 1): void {
  const text = `import socket,sys
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(("v1",0))
for line in sys.stdin.read().split():
  for _ in range(${times}): s.send(bytes.fromhex(line))`;
  python(netns, text, words.map((one) => Buffer.from(frame(one)).toString("hex")).join("\n"));
}

const rulesFile = (name: string, data: RulesData): string => {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(data));
  return file;
};

/** Starts `scry firewall` in the namespace, and comes back once it is at work. */
async function start(
  ...words: string[]
): Promise<{ child: ChildProcess; ended: Promise<{ status: number | null; out: string; messages: string }> }> {
  const child = spawn(process.execPath, [scryFile, "firewall", ...words, "--netns", netns]);
  let [out, messages] = ["", ""];
  child.stdout.on("data", (text) => (out += text));
  const ended = new Promise<{ status: number | null; out: string; messages: string }>((resolve) => {
    child.on("close", (status) => resolve({ status, out, messages }));
  });
  await new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.stderr.on("data", (text) => {
      messages += text;
      if (messages.includes("Ctrl-C")) resolve();
    });
  });
  return { child, ended };
}
const scry = async (...words: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [scryFile, "firewall", ...words, "--netns", netns], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};

const place = { interface: "v0", netns: path, hook: "xdp" } as const;
const packetsBy = (firewall: LiveFirewall): number[] => firewall.counts().map(({ packets }) => Number(packets));
const pinned = lacking("firewalls that stay", {
  "bpf file system":
    bpfFileSystems().length > 0 ||
    mounted ||
    spawnSync("mountpoint", ["-q", "/sys/fs/bpf"]).status === 0 ||
    process.getuid?.() === 0,
});

describe("scry firewall", () => {
  it("counts and refuses until it is ended, and shows samples", async () => {
    const file = rulesFile("sampled.yaml", {
      rules: [
        { name: "drop", action: "deny", protocol: "udp", "destination-port": 9, sample: 1 },
        { name: "seen", action: "count", protocol: "udp" },
      ],
    });
    const written = join(folder, "shown.pcapng");
    const { child, ended } = await start("apply", file, "-i", "v0", "-w", written);
    arrive(["udp 10.0.0.1:5 > 10.0.0.2:9 length 90", "udp 10.0.0.1:5 > 10.0.0.2:10"], 3);
    await new Promise((done) => setTimeout(done, 300));
    child.kill("SIGINT");
    const { out, status, messages } = await ended;
    expect([status, messages]).toEqual([0, expect.stringContaining("2 rules at v0")]);
    expect(out).toMatch(/drop +deny +3 +270/);
    expect(out).toMatch(/seen +count +3/);
    const shown = [];
    for await (const { comment, data, length } of openCapture(readFileSync(written)))
      shown.push([comment, data.length, length]);
    expect(shown).toEqual(Array(3).fill(["deny by drop", 90, 90]));
    expect((await scry("status")).stdout).not.toContain("v0");
  });

  it("is told where there is no such interface, or a program stands there", async () => {
    const file = rulesFile("none.yaml", { rules: [] });
    expect((await scry("apply", file, "-i", "nothing")).stderr).toContain("nothing");
    const { child, ended } = await start("apply", file, "-i", "v0");
    const second = await scry("apply", file, "-i", "v0");
    expect([second.status, second.stderr]).toEqual([1, expect.stringContaining("stands there already")]);
    child.kill("SIGINT");
    await ended;
  });

  describe.skipIf(pinned)("that stays", () => {
    afterEach(async () => {
      await LiveFirewall.open(place)?.remove();
    });
    const deny = (port: number, more: Partial<RulesData> = {}): RulesData => ({
      ...more,
      rules: [
        { name: "first", action: "count", protocol: "udp" },
        { name: `no ${port}`, action: "deny", protocol: "udp", "destination-port": port },
      ],
    });

    it("is changed in one step, keeps its counts, and is taken away", async () => {
      const [one, two] = [rulesFile("one.yaml", deny(9)), rulesFile("two.yaml", deny(10))];
      expect((await scry("apply", one, "-i", "v0", "--persist")).status).toBe(0);
      arrive(["udp 10.0.0.1:5 > 10.0.0.2:9"], 4);
      expect((await scry("status", "-i", "v0")).stdout).toMatch(/no 9 +deny +4/);
      expect((await scry("apply", one, "-i", "v0")).stderr).toContain("a firewall stays there");
      // No packet finds no program while rules change: each is counted by one or the other.
      const sender = spawn("ip", [
        "netns",
        "exec",
        netns,
        "/usr/bin/python3",
        "-c",
        `import socket
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(("v1",0))
for _ in range(20000): s.send(bytes.fromhex("${Buffer.from(frame("udp 10.0.0.1:5 > 10.0.0.2:9")).toString("hex")}"))`,
      ]);
      const sent = new Promise((done) => sender.on("close", done));
      for (let i = 0; i < 6; i++) {
        await applyFirewall({ ...place }, rulesOf(deny(i % 2 === 0 ? 10 : 9)), { persist: true }).close();
        await new Promise((done) => setTimeout(done, 30));
      }
      await sent;
      const json = JSON.parse((await scry("status", "-i", "v0", "--json")).stdout) as {
        counts: { rule: string; packets: number }[];
      };
      expect(json.counts[0]).toMatchObject({ rule: "first", packets: 20_004 });
      expect((await scry("apply", two, "-i", "v0", "--persist")).status).toBe(0);
      expect((await scry("remove", "-i", "v0")).stdout).toContain("no firewall any more");
      expect((await scry("status", "-i", "v0")).stderr).toContain("no firewall stays at v0");
    });

    it("gives way when it is not confirmed in time, whoever has died", async () => {
      const [good, bad] = [rulesFile("good.yaml", deny(9)), rulesFile("bad.yaml", { default: "deny", rules: [] })];
      await scry("apply", good, "-i", "v0", "--persist");
      await scry("apply", bad, "-i", "v0", "--persist", "--confirm-within", "1s");
      arrive(["udp 10.0.0.1:5 > 10.0.0.2:7"], 2);
      expect((await scry("status", "-i", "v0")).stdout).toMatch(/on trial for 1 s more[\s\S]*default +deny +2/);
      await new Promise((done) => setTimeout(done, 1100));
      // The rules before count again: this one passes by them.
      arrive(["udp 10.0.0.1:5 > 10.0.0.2:7"], 2);
      const { stdout } = await scry("status", "-i", "v0");
      expect(stdout).toMatch(/not confirmed in time[\s\S]*default +deny +2/);
      expect((await scry("confirm", "-i", "v0")).stderr).toContain("it is too late");
    });

    it("stays when it is confirmed", async () => {
      await scry("apply", rulesFile("kept.yaml", deny(9)), "-i", "v0", "--persist", "--confirm-within", "1s");
      expect((await scry("confirm", "-i", "v0")).stdout).toContain("the rules stay");
      await new Promise((done) => setTimeout(done, 1100));
      arrive(["udp 10.0.0.1:5 > 10.0.0.2:9"]);
      expect((await scry("status", "-i", "v0")).stdout).toMatch(/no 9 +deny +1/);
      expect((await scry("confirm", "-i", "v0")).stderr).toContain("not on trial");
    });

    it("has sets that change while packets are asked about, and are kept", async () => {
      const rules: RulesData = {
        sets: { bad: { dynamic: true } },
        rules: [{ name: "bad", action: "deny", source: "$bad" }],
      };
      await using firewall = applyFirewall(place, rulesOf(rules), { persist: true });
      const prefixes = (...texts: string[]) =>
        texts.map((text) => {
          const prefix = readPrefix(text);
          if ("wrong" in prefix) throw new Error(prefix.wrong);
          return prefix;
        });
      const counted = (words: string): number => {
        const [before = 0] = packetsBy(firewall);
        arrive([words]);
        return (packetsBy(firewall)[0] ?? 0) - before;
      };
      expect(counted("udp 10.1.2.3:5 > 10.0.0.2:9")).toBe(0);
      firewall.changeSet("bad", prefixes("10.1.0.0/16", "2001:db8::/32"), true);
      expect([counted("udp 10.1.2.3:5 > 10.0.0.2:9"), counted("udp [2001:db8::1]:5 > [::2]:9")]).toEqual([1, 1]);
      firewall.changeSet("bad", prefixes("10.1.2.0/24", "2001:db8:7::/48"), false);
      expect([counted("udp 10.1.2.3:5 > 10.0.0.2:9"), counted("udp 10.1.3.3:5 > 10.0.0.2:9")]).toEqual([0, 1]);
      expect([counted("udp [2001:db8:7::1]:5 > [::2]:9"), counted("udp [2001:db8:8::1]:5 > [::2]:9")]).toEqual([0, 1]);
      expect((await scry("set", "bad", "add", "192.0.2.0/24", "-i", "v0")).status).toBe(0);
      expect(counted("udp 192.0.2.3:5 > 10.0.0.2:9")).toBe(1);
      expect((await scry("set", "good", "add", "192.0.2.0/24", "-i", "v0")).stderr).toContain(
        "there is no set 'good' that changes; there are bad",
      );
      // Other rules with the same set.
      await using after = applyFirewall(
        place,
        rulesOf({ ...rules, rules: [{ action: "count", protocol: "tcp" }, ...rules.rules] }),
        { persist: true },
      );
      const [, before = 0] = packetsBy(after);
      arrive(["udp 10.1.3.3:5 > 10.0.0.2:9", "udp [2001:db8:8::1]:5 > [::2]:9", "udp 10.1.2.3:5 > 10.0.0.2:9"]);
      expect((packetsBy(after)[1] ?? 0) - before).toBe(2);
    });
  });

  it("lets answers in to what goes out, and nothing else", async () => {
    ip("-n", netns, "address", "add", "10.9.0.1/24", "dev", "v0");
    ip("-n", netns, "neighbour", "add", "10.9.0.9", "lladdr", "02:00:00:00:00:01", "dev", "v0");
    const rules = rulesOf({ default: "deny", rules: [{ name: "answers", action: "allow", state: "established" }] });
    await using firewall = applyFirewall(place, rules);
    arrive(["udp 10.9.0.9:53 > 10.9.0.1:5555"]);
    expect(packetsBy(firewall)[0]).toBe(0);
    python(
      netns,
      `import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(("10.9.0.1",5555)); s.sendto(b"asked",("10.9.0.9",53))`,
    );
    arrive(["udp 10.9.0.9:53 > 10.9.0.1:5555", "udp 10.9.0.9:54 > 10.9.0.1:5555"]);
    expect(packetsBy(firewall)[0]).toBe(1);
  });

  it("answers a refused connection at once", async () => {
    const client = `scry-${process.pid}-client`;
    const there = `/run/netns/${client}`;
    ip("netns", "add", client);
    try {
      ip("-n", netns, "link", "add", "w0", "type", "veth", "peer", "name", "w1", "netns", client);
      ip("-n", netns, "address", "add", "10.8.0.1/24", "dev", "w0");
      ip("-n", client, "address", "add", "10.8.0.2/24", "dev", "w1");
      ip("-n", netns, "link", "set", "w0", "up");
      ip("-n", client, "link", "set", "w1", "up");
      // What XDP sends back leaves a veth only where the peer has a program too (drivers/net/veth.c, veth_xdp_xmit).
      await using _peer = applyFirewall({ interface: "w1", netns: there, hook: "xdp" }, rulesOf({ rules: [] }));
      const rules = rulesOf({ rules: [{ action: "reject", protocol: "tcp", "destination-port": 81 }] });
      await using firewall = applyFirewall({ interface: "w0", netns: path, hook: "xdp" }, rules);
      const server = spawn("ip", [
        "netns",
        "exec",
        netns,
        "/usr/bin/python3",
        "-c",
        `import socket,sys
s=socket.create_server(("10.8.0.1",80)); print("ready",flush=True); sys.stdin.read()`,
      ]);
      await new Promise((done) => server.stdout.once("data", done));
      const tried = (port: number): string =>
        python(
          client,
          `import socket
try: socket.create_connection(("10.8.0.1",${port}),timeout=5); print("connected")
except OSError as error: print(error.strerror or error)`,
        ).trim();
      expect([tried(80), tried(81)]).toEqual(["connected", "Connection refused"]);
      expect(packetsBy(firewall)[0]).toBeGreaterThan(0);
      server.stdin.end();
    } finally {
      spawnSync("ip", ["netns", "del", client]);
    }
  });

  it("stands at tc too, and sets marks", async () => {
    await using firewall = applyFirewall(
      { ...place, hook: "tc" },
      rulesOf({
        rules: [
          { action: "mark", "set-mark": 7, protocol: "udp" },
          { action: "deny", protocol: "udp", "destination-port": 9 },
        ],
      }),
    );
    arrive(["udp 10.0.0.1:5 > 10.0.0.2:9", "udp 10.0.0.1:5 > 10.0.0.2:8"]);
    expect(packetsBy(firewall)).toEqual([2, 1, expect.any(Number)]);
    const marking = rulesOf({ rules: [{ action: "mark", "set-mark": 7 }] });
    expect(() => applyFirewall(place, marking)).toThrow("Packets have marks at tc only");
  });
});

describe("the command", () => {
  it("checks, tests, explains and compares without root", async () => {
    const file = rulesFile("web.yaml", {
      default: "deny",
      rules: [{ name: "web", action: "allow", protocol: "tcp", "destination-port": 80 }],
      tests: [{ expect: "allow", by: "web", packet: "tcp 10.0.0.1:1 > 10.0.0.2:80 syn" }],
    });
    expect((await runScry(["firewall", "check", file])).stdout).toMatch(
      /^1 rules; a packet is asked 1 questions at most; \d+ instructions/,
    );
    expect((await runScry(["firewall", "test", file])).stdout).toContain("1 of 1 tests passed");
    expect((await runScry(["firewall", "explain", file, "udp 10.0.0.1:1 > 10.0.0.2:80"])).stdout).toBe(
      "web: passed, its protocol is 17\nthe default: denied\n",
    );
    expect((await runScry(["firewall", "diff", file, file])).stderr).toContain("Both do the same");
    expect(JSON.parse((await runScry(["firewall", "schema"])).stdout)).toMatchObject({
      title: "Rules of scry firewall",
    });
  });

  it.each([
    [["firewall", "aply"], "'aply' is nothing that a firewall does"],
    [["firewall", "apply"], "This takes a file of rules"],
    [["firewall", "apply", "/nowhere.yaml", "-i", "lo"], "failed to open the rules '/nowhere.yaml'"],
    [["firewall", "explain", "/nowhere.yaml"], "'explain' takes a file of rules and a packet"],
    [["firewall", "apply", "x", "-i", "lo", "--confirm-within", "soon"], "failed to open"],
  ] as const)("%s is told what is wrong", async (words, message) => {
    const { stderr, status } = await runScry([...words]);
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });
});
