// The firewall on the live kernel: what its programs answer, and what it does at interfaces of a network namespace of the test's own.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openCapture } from "../../src/filter.ts";
import { bpfFileSystems } from "../../src/kernel/index.ts";
import { packetOfWords, type RulesData, readPrefix, rulesOf } from "../../src/net/firewall/index.ts";
import { applyFirewall, LiveFirewall } from "../../src/net/index.ts";
import { repository, runScry } from "../support/commands.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";

const netns = `scry-${process.pid}-wall`;
const path = `/run/netns/${netns}`;
const scryFile = join(repository, "dist/scry.js");
const folder = mkdtempSync(join(tmpdir(), "scry-firewall-"));
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
let mounted = false;

beforeAll(() => {
  addQuietNetwork(netns);
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
const frame = (words: string): Uint8Array => {
  const made = packetOfWords(words);
  if ("wrong" in made) throw new Error(made.wrong);
  return made;
};
/** What a text of Python prints in a network namespace. */
const python = (namespace: string, text: string, input = ""): string =>
  execFileSync("ip", ["netns", "exec", namespace, "/usr/bin/python3", "-c", text], { input, encoding: "utf8" });

/** Sends frames at v1, until all have come in at v0: another processor may be the one that takes them. */
function arrive(words: readonly string[], times = 1): void {
  const text = `import socket,sys,time
come=lambda: int(open("/proc/net/dev").read().split("v0:")[1].split()[1])
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(("v1",0))
frames=[bytes.fromhex(line) for line in sys.stdin.read().split()]*${times}
before=come()
for frame in frames: s.send(frame)
end=time.monotonic()+5
while come()<before+len(frames):
  if time.monotonic()>end: sys.exit("%d of %d packets have come in" % (come()-before,len(frames)))
  time.sleep(0.002)`;
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

  describe("that stays", () => {
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
      await scry("apply", bad, "-i", "v0", "--persist", "--confirm-within", "5s");
      arrive(["udp 10.0.0.1:5 > 10.0.0.2:7"], 2);
      expect((await scry("status", "-i", "v0")).stdout).toMatch(/on trial for [1-5] s more[\s\S]*default +deny +2/);
      await new Promise((done) => setTimeout(done, 5100));
      // The rules before count again: this one passes by them.
      arrive(["udp 10.0.0.1:5 > 10.0.0.2:7"], 2);
      const { stdout } = await scry("status", "-i", "v0");
      expect(stdout).toMatch(/not confirmed in time[\s\S]*default +deny +2/);
      expect((await scry("confirm", "-i", "v0")).stderr).toContain("it is too late");
    });

    it("stays when it is confirmed", async () => {
      await scry("apply", rulesFile("kept.yaml", deny(9)), "-i", "v0", "--persist", "--confirm-within", "5s");
      expect((await scry("confirm", "-i", "v0")).stdout).toContain("the rules stay");
      await new Promise((done) => setTimeout(done, 5100));
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
      // A feed: lines are made as they come, before it ends.
      const feed = spawn(process.execPath, [scryFile, "firewall", "set", "bad", "-", "-i", "v0", "--netns", netns]);
      feed.stdin.write("+203.0.113.0/24\n-192.0.2.0/25\n");
      const end = Date.now() + 10_000;
      while (counted("udp 203.0.113.3:5 > 10.0.0.2:9") === 0 && Date.now() < end)
        await new Promise((done) => setTimeout(done, 50));
      expect([
        counted("udp 203.0.113.3:5 > 10.0.0.2:9"),
        counted("udp 192.0.2.3:5 > 10.0.0.2:9"),
        counted("udp 192.0.2.200:5 > 10.0.0.2:9"),
      ]).toEqual([1, 0, 1]);
      let said = "";
      feed.stderr.on("data", (text) => (said += text));
      feed.stdin.end("203.0.113.0/24\n");
      await new Promise((done) => feed.once("close", done));
      expect(said).toContain("stdin:3: '203.0.113.0/24' is no change of a set");
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
    addQuietNetwork(client);
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

  it("has no marks at XDP", () => {
    const rules = rulesOf({ rules: [{ action: "mark", "set-mark": 7 }] });
    expect(() => applyFirewall(place, rules)).toThrow(/Packets have marks at tc and cgroup only/);
  });

  it("stands at tc too, and sets marks", async () => {
    await using firewall = applyFirewall(
      { ...place, hook: "tc" },
      rulesOf({
        rules: [
          { action: "mark", "set-mark": 7, protocol: "udp" },
          { action: "deny", protocol: "udp", "destination-port": 9 },
          { action: "reject", protocol: "udp", "destination-port": 10 },
        ],
      }),
    );
    arrive(["udp 10.0.0.1:5 > 10.0.0.2:9", "udp 10.0.0.1:5 > 10.0.0.2:10", "udp 10.0.0.1:5 > 10.0.0.2:8"]);
    expect(packetsBy(firewall)).toEqual([3, 1, 1, expect.any(Number)]);
    const marking = rulesOf({ rules: [{ action: "mark", "set-mark": 7 }] });
    expect(() => applyFirewall(place, marking)).toThrow("Packets have marks at tc and cgroup only");
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
