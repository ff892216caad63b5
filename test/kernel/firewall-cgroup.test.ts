// The firewall at a control group: processes in one of the test's own, in a network namespace of the test's own, and packets of theirs
// that come in or leave.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openCapture } from "../../src/filter.ts";
import { bpfFileSystems } from "../../src/kernel/index.ts";
import { type RulesData, rulesOf } from "../../src/net/firewall/index.ts";
import { applyFirewall, LiveFirewall } from "../../src/net/index.ts";
import { repository } from "../support/commands.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";
import { isLinux, lacking } from "../support/skips.ts";

const space = `scry-${process.pid}-group`;
const tree = mkdtempSync(join(tmpdir(), "scry-cgroup-"));
const group = join(tree, `scry-firewall-${process.pid}`);
const folder = mkdtempSync(join(tmpdir(), "scry-firewall-"));
const scryFile = join(repository, "dist/scry.js");
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
const incoming = { cgroup: group, direction: "ingress", hook: "cgroup" } as const;
const leaving = { cgroup: group, direction: "egress", hook: "cgroup" } as const;
let mounted = false;

beforeAll(() => {
  addQuietNetwork(space);
  ip("-n", space, "link", "set", "lo", "up");
  execFileSync("mount", ["-t", "cgroup2", "none", tree]);
  mkdirSync(group);
  if (bpfFileSystems().length === 0) mounted = spawnSync("mount", ["-t", "bpf", "bpf", "/sys/fs/bpf"]).status === 0;
});
afterAll(() => {
  spawnSync("ip", ["netns", "del", space]);
  if (existsSync(group)) rmdirSync(group);
  spawnSync("umount", [tree]);
  if (mounted) spawnSync("umount", ["/sys/fs/bpf"]);
  for (const one of [tree, folder]) rmSync(one, { recursive: true, force: true });
});

const command = (text: string, inside: boolean): string[] => [
  ...["netns", "exec", space, "bash", "-c"],
  `${inside ? `echo $$ > ${group}/cgroup.procs; ` : ""}exec /usr/bin/python3 -c "$0"`,
  `import socket,struct,sys\n${text}`,
];
/** What a text of Python prints, in the control group or outside of it. */
const python = (text: string, inside = false): string =>
  execFileSync("ip", command(text, inside), { encoding: "utf8", timeout: 20_000 }).trim();
const inGroup = (text: string): string => python(text, true);

/** A process of the control group that takes datagrams at a port until it is told to end; then it prints them. */
async function receiver(port: number, host = "127.0.0.1"): Promise<{ readonly end: () => Promise<string> }> {
  const family = host.includes(":") ? "AF_INET6" : "AF_INET";
  const child = spawn(
    "ip",
    command(
      `s=socket.socket(socket.${family},socket.SOCK_DGRAM); s.bind(("${host}",${port})); print("ready",flush=True)
sys.stdin.readline(); s.setblocking(False); got=[]
try:
  while True: got.append(s.recv(2000).decode())
except BlockingIOError: print(",".join(got))`,
      true,
    ),
  );
  let said = "";
  const ended = new Promise((done) => child.on("close", done));
  await new Promise<void>((done) =>
    child.stdout.on("data", (text) => {
      said += text;
      if (said.includes("ready")) done();
    }),
  );
  return {
    end: async () => {
      child.stdin.end("\n");
      await ended;
      return said.replace("ready", "").trim();
    },
  };
}
const send = (host: string, port: number, ...texts: string[]): string =>
  `s=socket.socket(socket.${host.includes(":") ? "AF_INET6" : "AF_INET"},socket.SOCK_DGRAM)
for text in ${JSON.stringify(texts)}:
  try: s.sendto(text.encode(),("${host}",${port})); print("sent")
  except OSError as error: print(error.strerror)`;
const packetsBy = (firewall: LiveFirewall): number[] => firewall.counts().map(({ packets }) => Number(packets));
const bytesBy = (firewall: LiveFirewall): number[] => firewall.counts().map(({ bytes }) => Number(bytes));

describe("the firewall at a control group", () => {
  it.each(["127.0.0.1", "::1"])("refuses what comes in, and only what is the group's (%s)", async (host) => {
    const rules: RulesData = {
      rules: [
        { name: "no", action: "deny", protocol: "udp", "destination-port": 9, source: [host] },
        { name: "six", action: "count", "ether-type": "ipv6" },
      ],
    };
    await using firewall = applyFirewall(incoming, rulesOf(rules));
    const [refused, taken] = [await receiver(9, host), await receiver(10, host)];
    python(send(host, 9, "a", "b", "c"));
    python(send(host, 10, "d", "e"));
    // Nobody of the group is there to take it.
    python(send(host, 11, "f"));
    expect([await refused.end(), await taken.end()]).toEqual(["", "d,e"]);
    expect(packetsBy(firewall)).toEqual([3, host === "::1" ? 2 : 0, 2]);
    // A packet begins with IP's header: that, eight bytes of UDP, one of text.
    expect(bytesBy(firewall)[0]).toBe(3 * (host === "::1" ? 49 : 29));
  });

  it("has ports and flags of all packets of a connection, whatever lies elsewhere of them", async () => {
    const rules: RulesData = {
      default: "deny",
      rules: [
        { name: "begin", action: "allow", protocol: "tcp", "destination-port": 80, flags: "syn,!ack" },
        { name: "web", action: "allow", protocol: "tcp", "destination-port": 80, flags: "ack" },
      ],
    };
    await using firewall = applyFirewall(incoming, rulesOf(rules));
    const server = spawn(
      "ip",
      command(
        `l=[socket.create_server(("127.0.0.1",port)) for port in (80,81)]; print("ready",flush=True)
c,_=l[0].accept(); all=0
while got:=c.recv(1<<20): all+=len(got)
c.sendall(bytes(3000000)); c.close(); print(all)`,
        true,
      ),
    );
    let said = "";
    server.stdout.on("data", (text) => (said += text));
    const ended = new Promise((done) => server.on("close", done));
    await new Promise((done) => server.stdout.once("data", done));
    const told = python(`
try: socket.create_connection(("127.0.0.1",81),timeout=0.5)
except OSError as error: print(error)
c=socket.create_connection(("127.0.0.1",80),timeout=5); c.sendall(bytes(3000000)); c.shutdown(socket.SHUT_WR); all=0
while got:=c.recv(1<<20): all+=len(got)
print(all)`);
    await ended;
    expect([told, said]).toEqual(["timed out\n3000000", "ready\n3000000\n"]);
    const [begin, web, none] = packetsBy(firewall);
    // The attempt at the other port is the default's, and nothing else.
    expect([begin, (web ?? 0) > 10, none]).toEqual([1, true, 1]);
  });

  it("refuses what leaves, which who sends is told", async () => {
    const rules: RulesData = {
      rules: [
        { name: "no", action: "deny", protocol: "udp", "destination-port": [9, 12], destination: "127.0.0.0/8" },
        { name: "bytes", action: "deny", protocol: "udp", bytes: [{ offset: 28, equal: "0x78" }] },
        { name: "filter", action: "deny", filter: "udp[8] = 0x79" },
        { name: "slow", action: "deny", protocol: "udp", over: { rate: "1/h", burst: 2, per: "destination" } },
      ],
    };
    await using firewall = applyFirewall(leaving, rulesOf(rules));
    expect(inGroup(send("127.0.0.1", 9, "a"))).toBe("Operation not permitted");
    expect(python(send("127.0.0.1", 9, "a"))).toBe("sent");
    expect(inGroup(send("127.0.0.1", 10, "x", "y", "z", "z", "z")).split("\n")).toEqual([
      "Operation not permitted",
      "Operation not permitted",
      "sent",
      "sent",
      "Operation not permitted",
    ]);
    expect(packetsBy(firewall)).toEqual([1, 1, 1, 1, 2]);
  });

  it.skipIf(lacking("marks of a control group's packets", { "SO_RCVMARK (Linux 5.19)": isLinux(5, 19) }))(
    "marks what leaves",
    async () => {
      const rules = rulesOf({ rules: [{ action: "mark", "set-mark": 77, protocol: "udp", "destination-port": 10 }] });
      await using _firewall = applyFirewall(leaving, rules);
      // SO_RCVMARK, SO_MARK (asm-generic/socket.h)
      const marks = inGroup(`
r=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); r.setsockopt(socket.SOL_SOCKET,75,1); r.settimeout(5)
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
for port in (10,11):
  r.close(); r=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); r.setsockopt(socket.SOL_SOCKET,75,1); r.settimeout(5)
  r.bind(("127.0.0.1",port)); s.sendto(b"x",("127.0.0.1",port)); more=r.recvmsg(9,99)[1]
  print([struct.unpack("I",data)[0] for level,kind,data in more if kind==36])`);
      expect(marks.split("\n")).toEqual(["[77]", "[0]"]);
    },
  );

  it.each([
    ["answers come in to what leaves", incoming],
    ["answers leave to what comes in", leaving],
  ] as const)("knows flows: %s", async (_, place) => {
    const rules = rulesOf({ default: "deny", rules: [{ name: "known", action: "allow", state: "established" }] });
    await using firewall = applyFirewall(place, rules);
    // The group's side asks, or is asked, from 5000; a stranger is at 5001.
    const asks = place === incoming;
    const text = `
own=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); own.bind(("127.0.0.1",5000)); own.settimeout(1)
print("ready",flush=True); sys.stdin.readline()
def tried(what):
  try: print(what())
  except OSError as error: print(error.strerror or error)
${asks ? `own.sendto(b"ask",("127.0.0.1",6000)); sys.stdin.readline(); tried(lambda: own.recv(9).decode()); tried(lambda: own.recv(9).decode())` : `print(own.recv(9).decode()); tried(lambda: own.sendto(b"answer",("127.0.0.1",6000))); tried(lambda: own.sendto(b"answer",("127.0.0.1",6001)))`}`;
    const child: ChildProcess = spawn("ip", command(text, true), { stdio: ["pipe", "pipe", "inherit"] });
    let said = "";
    const ended = new Promise((done) => child.on("close", done));
    await new Promise<void>((done) =>
      child.stdout?.on("data", (out) => {
        said += out;
        if (said.includes("ready")) done();
      }),
    );
    const stranger = (port: number, words: string): string =>
      python(`s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(("127.0.0.1",${port})); s.settimeout(5)
${words}`);
    if (asks) {
      const peer = spawn(
        "ip",
        command(
          `s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(("127.0.0.1",6000)); print("ready",flush=True); s.settimeout(5); s.recv(9); s.sendto(b"answer",("127.0.0.1",5000)); print("done",flush=True)`,
          false,
        ),
      );
      const answered = new Promise((done) => peer.on("close", done));
      await new Promise((done) => peer.stdout.once("data", done));
      child.stdin?.write("\n");
      await answered;
      stranger(6001, `s.sendto(b"wrong",("127.0.0.1",5000))`);
      child.stdin?.end("\n");
      await ended;
      expect(said.trim().split("\n")).toEqual(["ready", "answer", "timed out"]);
    } else {
      child.stdin?.end("\n");
      stranger(6000, `s.sendto(b"ask",("127.0.0.1",5000))`);
      await ended;
      expect(said.trim().split("\n")).toEqual(["ready", "ask", "6", "Operation not permitted"]);
    }
    expect(packetsBy(firewall)).toEqual([1, 1]);
  });

  describe("that stays", () => {
    afterEach(async () => {
      for (const place of existsSync(group) ? [incoming, leaving] : []) await LiveFirewall.open(place)?.remove();
    });
    const scry = (...words: string[]) =>
      spawnSync(process.execPath, [scryFile, "firewall", ...words], { encoding: "utf8" });
    const deny = (port: number): RulesData => ({
      rules: [
        { name: "seen", action: "count", protocol: "udp" },
        { name: "no", action: "deny", protocol: "udp", "destination-port": port },
      ],
    });
    const file = (name: string, data: RulesData): string => {
      const path = join(folder, name);
      writeFileSync(path, JSON.stringify(data));
      return path;
    };
    const at = ["--cgroup", group, "--direction", "egress"];

    it("is changed in one step, keeps its counts, and is taken away", () => {
      const applied = scry("apply", file("nine.yaml", deny(9)), ...at, "--persist");
      expect([applied.status, applied.stderr]).toEqual([0, `2 rules at ${group} (egress)\n`]);
      expect(inGroup(send("127.0.0.1", 9, "a"))).toBe("Operation not permitted");
      expect(inGroup(send("127.0.0.1", 10, "a"))).toBe("sent");
      expect(scry("apply", file("ten.yaml", deny(10)), ...at, "--persist").status).toBe(0);
      expect(inGroup(send("127.0.0.1", 9, "a"))).toBe("sent");
      expect(inGroup(send("127.0.0.1", 10, "a"))).toBe("Operation not permitted");
      const status = JSON.parse(scry("status", ...at, "--json").stdout) as Record<string, unknown>;
      expect(status).toMatchObject({
        cgroup: group,
        direction: "egress",
        hook: "cgroup",
        counts: [
          { rule: "seen", packets: 4 },
          { rule: "no", packets: 2 },
          { rule: "default", packets: 2 },
        ],
      });
      // Without a place all are told that stay.
      expect(scry("status").stdout).toContain(`${group} (egress): cgroup, `);
      expect(scry("status", "--cgroup", group).stderr).toContain(`no firewall stays at ${group} (ingress)`);
      expect(scry("remove", ...at).stdout).toBe(`${group} (egress): there is no firewall any more\n`);
      expect(inGroup(send("127.0.0.1", 10, "a"))).toBe("sent");
    });

    it("gives way when it is not confirmed in time", async () => {
      await applyFirewall(leaving, rulesOf(deny(9)), { persist: true }).close();
      await applyFirewall(leaving, rulesOf({ default: "deny", rules: [] }), { persist: true, trial: 1.5 }).close();
      expect(inGroup(send("127.0.0.1", 10, "a"))).toBe("Operation not permitted");
      await new Promise((done) => setTimeout(done, 1600));
      expect(inGroup(send("127.0.0.1", 10, "a"))).toBe("sent");
      expect(inGroup(send("127.0.0.1", 9, "a"))).toBe("Operation not permitted");
    });

    it("shows samples, which begin with IP's header", async () => {
      const rules = file("shown.yaml", {
        rules: [{ name: "drop", action: "deny", protocol: "udp", "destination-port": 9, sample: 1 }],
      });
      const written = join(folder, "shown.pcapng");
      const child = spawn(process.execPath, [scryFile, "firewall", "apply", rules, ...at, "-w", written]);
      const ended = new Promise((done) => child.on("close", done));
      let out = "";
      child.stdout.on("data", (text) => (out += text));
      await new Promise<void>((done) =>
        child.stderr.on("data", (text) => {
          if (String(text).includes("Ctrl-C")) done();
        }),
      );
      inGroup(send("127.0.0.1", 9, "shown"));
      await new Promise((done) => setTimeout(done, 300));
      child.kill("SIGINT");
      await ended;
      expect(out).toMatch(/drop +deny +1 +33/);
      const shown = [];
      for await (const { comment, data, length } of openCapture(readFileSync(written)))
        shown.push([comment, data[0], data.length, length]);
      expect(shown).toEqual([["deny by drop", 0x45, 33, 33]]);
    });

    it("is told what is not there", () => {
      const rules: RulesData = {
        rules: [
          { action: "deny", "source-mac": "02:00:00:00:00:01" },
          { action: "deny", vlan: 5 },
          { action: "reject", protocol: "udp" },
        ],
      };
      expect(() => applyFirewall(incoming, rulesOf(rules))).toThrow("Packets are answered at xdp and tc only");
      expect(() => applyFirewall(incoming, rulesOf({ rules: rules.rules.slice(0, 2) }))).toThrow(
        "Packets have no MAC addresses there, and these rules are for cgroup",
      );
      expect(() => applyFirewall(incoming, rulesOf({ rules: [{ action: "deny", filter: "vlan 5" }] }))).toThrow(
        "raw IP has no VLANs",
      );
      const bytes = file("bytes.yaml", { rules: [{ action: "deny", bytes: [{ offset: 0, equal: "0x45" }] }] });
      const words = ["explain", bytes, "udp 10.0.0.1:1 > 10.0.0.2:2"];
      expect(scry(...words).stdout).toContain("the default: allowed");
      expect(scry(...words, "--hook", "cgroup").stdout).toContain("rule 1: denied");
      const none = file("none.yaml", { rules: [] });
      expect(scry("apply", none, ...at, "-i", "lo").stderr).toContain("--interface is about interfaces");
      expect(scry("apply", none, "--hook", "cgroup").stderr).toContain("says at which control group");
      expect(scry("apply", none, "-i", "lo", "--direction", "egress").stderr).toContain("--direction is of a control");
      expect(scry("apply", none, "--cgroup", `${group}/none`).stderr).toContain("there is no control group");
      expect(() => applyFirewall({ ...incoming, cgroup: folder }, rulesOf({ rules: [] }))).toThrow(
        /no folder of a cgroup2/,
      );
    });

    it("is taken away when its control group is gone", async () => {
      await applyFirewall(leaving, rulesOf(deny(9)), { persist: true }).close();
      rmdirSync(group);
      expect(scry("status").stdout).toContain(`${group} (egress)`);
      expect(scry("remove", ...at).stdout).toContain("there is no firewall any more");
      expect(scry("status").stdout).not.toContain(group);
      mkdirSync(group);
    });
  });
});
