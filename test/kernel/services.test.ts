// Policies of services at work: a process in a control group of the test's own, in a network namespace with its own resolver.

import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/index.ts";
import { loadObject, testRun } from "../../src/kernel/index.ts";
import { addressKey } from "../../src/net/services/addresses.ts";
import {
  compileServices,
  formatRefusal,
  MAPS,
  matchesName,
  NamesSeen,
  type Refusal,
  readAnswer,
  SERVICES,
} from "../../src/net/services/index.ts";
import { LiveServices, type LiveServicesOptions } from "../../src/net/services-live/live-services.ts";
import { packet } from "../../src/packets/index.ts";
import { parsePrefix } from "../../src/source/index.ts";
import { repository } from "../support/commands.ts";
import { message, randomMessage } from "../support/dns-messages.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";
import { Random } from "../support/random-words.ts";

const space = `scry-services-${process.pid}`;
const groups = mkdtempSync(join(tmpdir(), "scry-cgroup-"));
const root = join(groups, `scry-services-${process.pid}`);
const group = join(root, "web");
const hosts = join(groups, "..", `scry-hosts-${process.pid}`);
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
const RESOLVER = "10.7.0.53";

/** Does what it is told, a line of JSON each: {do, host, port}. The answer is a line too: "ok", or the error's code. */
const PEER = `
const net = require("net"), dgram = require("dgram"), dns = require("dns");
const resolver = new dns.Resolver({ timeout: 1000, tries: 1 });
resolver.setServers(["${RESOLVER}"]);
const kept = [];
const actions = {
  connect: ({ host, port }, done) => { const s = net.connect({ host, port }, () => { s.destroy(); done("ok"); }); s.on("error", (e) => done(e.code)); },
  listen: ({ host, port }, done) => { const s = net.createServer((c) => c.destroy()); s.on("error", (e) => done(e.code)); s.listen({ host, port }, () => { kept.push(s); done("ok"); }); },
  send: ({ host, port }, done) => { const s = dgram.createSocket(host.includes(":") ? "udp6" : "udp4"); s.on("error", () => {}); s.send("x", port, host, (e) => { s.close(); done(e ? e.code : "ok"); }); },
  sendConnected: ({ host, port }, done) => { const s = dgram.createSocket("udp4"); s.on("error", (e) => done(e.code)); s.connect(port, host, (e) => { if (e) { s.close(); return done(e.code); } s.send("x", (e2) => { s.close(); done(e2 ? e2.code : "ok"); }); }); },
  echo: ({ host, port }, done) => { const s = dgram.createSocket("udp4"); s.on("message", (m, from) => s.send(m, from.port, from.address)); s.bind(port, host, () => { kept.push(s); done("ok"); }); },
  ask: ({ host, port, from }, done) => { const s = dgram.createSocket("udp4"); const t = setTimeout(() => { s.close(); done("silence"); }, 400); s.on("message", () => { clearTimeout(t); s.close(); done("ok"); }); s.bind(from ?? 0, () => s.send("x", port, host, (e) => { if (e) { clearTimeout(t); s.close(); done(e.code); } })); },
  bind: ({ host, port }, done) => { const s = dgram.createSocket(host.includes(":") ? "udp6" : "udp4"); s.on("error", (e) => { done(e.code); }); s.bind(port, host, () => { s.close(); done("ok"); }); },
  resolve: ({ host }, done) => resolver.resolve4(host, (e, all) => done(e ? e.code : all.join())),
  resolve6: ({ host }, done) => resolver.resolve6(host, (e, all) => done(e ? e.code : all.join())),
  reach: ({ host, port }, done) => resolver.resolve4(host, (e, [address] = []) => e ? done(e.code) : actions.connect({ host: address, port }, done)),
  serve: ({ answers, host }, done) => {
    const reply = (m, cut) => {
      let at = 12; const labels = []; while (m[at]) { labels.push(m.toString("latin1", at + 1, at + 1 + m[at])); at += 1 + m[at]; }
      const type = m.readUInt16BE(at + 1);
      const all = (answers[labels.join(".").toLowerCase()] ?? []).map((a) => Buffer.from(a)).filter((a) => (a.length === 4) === (type === 1));
      const rows = all.map((a) => Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 5, 0, a.length]), a]));
      return Buffer.concat([m.subarray(0, 2), Buffer.from([cut ? 0x83 : 0x81, 0x80, 0, 1, 0, cut ? 0 : rows.length, 0, 0, 0, 0]), m.subarray(12, at + 5), ...(cut ? [] : rows)]);
    };
    const s = dgram.createSocket("udp4");
    // Names that begin with long have no room in a datagram.
    s.on("message", (m, from) => { const whole = reply(m, false); s.send(whole.includes("long") ? reply(m, true) : whole, from.port, from.address); });
    const t = net.createServer((c) => c.on("data", (m) => { const whole = reply(m.subarray(2), false); c.write(Buffer.concat([Buffer.from([whole.length >> 8, whole.length & 255]), whole])); }));
    t.listen(53, host, () => s.bind(53, host, () => { kept.push(s, t); done("ok"); }));
  },
};
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const what = JSON.parse(line);
  actions[what.do](what, (answer) => process.stdout.write(JSON.stringify(answer) + "\\n"));
});
`;

class Peer {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(folder?: string, uid?: number) {
    const enter = folder === undefined ? "" : `echo $$ > ${folder}/cgroup.procs; `;
    const as = uid === undefined ? "" : `setpriv --reuid ${uid} --clear-groups `;
    this.child = spawn("ip", [
      "netns",
      "exec",
      space,
      "bash",
      "-c",
      `${enter}exec ${as}${process.execPath} -e '${PEER.replaceAll("'", "'\\''")}'`,
    ]);
    this.child.stderr.on("data", (text) => console.error(String(text)));
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }
  async ask(what: Readonly<Record<string, unknown>>): Promise<string> {
    this.child.stdin.write(`${JSON.stringify(what)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the peer has ended");
    return JSON.parse(value) as string;
  }
  connect = (host: string, port: number): Promise<string> => this.ask({ do: "connect", host, port });
  async end(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.stdin.end();
    this.child.kill("SIGKILL");
    await gone;
  }
}

let server: Peer;
let client: Peer;

const ANSWERS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  "db.example.com": [
    [10, 7, 0, 2],
    [0xfd, 7, ...Array<number>(13).fill(0), 2],
  ],
  "a.internal.example": [[10, 7, 0, 3]],
  "internal.example": [[10, 7, 0, 4]],
  "long.internal.example": [[10, 7, 0, 1]],
  "evil.example": [[10, 7, 0, 5]],
};

beforeAll(async () => {
  addQuietNetwork(space);
  ip("-n", space, "link", "set", "lo", "up");
  for (const last of [1, 2, 3, 4, 5, 53]) ip("-n", space, "address", "add", `10.7.0.${last}/32`, "dev", "lo");
  for (const last of [1, 2]) ip("-n", space, "address", "add", `fd07::${last}/128`, "dev", "lo", "nodad");
  execFileSync("mount", ["-t", "cgroup2", "none", groups]);
  mkdirSync(root);
  mkdirSync(group);
  writeFileSync(hosts, "# names\n10.7.0.4 static.example other\n");
  server = new Peer();
  client = new Peer(group);
  expect(await server.ask({ do: "serve", host: RESOLVER, answers: ANSWERS })).toBe("ok");
  for (const port of [443, 5432]) expect(await server.ask({ do: "listen", host: "::", port })).toBe("ok");
  expect(await server.ask({ do: "echo", host: "10.7.0.2", port: 7000 })).toBe("ok");
});
afterAll(async () => {
  await client?.end();
  await server?.end();
  spawnSync("ip", ["netns", "del", space]);
  for (const folder of [group, root]) rmdirSync(folder);
  spawnSync("umount", [groups]);
  rmSync(groups, { recursive: true, force: true });
  rmSync(hosts, { force: true });
});

const OPTIONS: LiveServicesOptions = {
  resolvers: [parsePrefix(RESOLVER)!],
  root,
  folderOf: () => group,
  hosts: "/nowhere",
  users: new Map([["someone", 12345]]),
};
function policy(yaml: string) {
  const { value, source, placeOf } = readConfig({ name: "services.yaml", text: yaml }, SERVICES);
  return { services: value, text: { source, placeOf } };
}
function apply(yaml: string, options: LiveServicesOptions = OPTIONS): LiveServices {
  const { services, text } = policy(yaml);
  return LiveServices.apply(services, options, text);
}
const last = (live: LiveServices): Refusal | undefined => live.refusals.drain().at(-1);

const WEB = `
web:
  cgroup: /web
  connect:
    - deny: { to: 10.7.0.1, port: 5432 }
    - allow: { to: [10.7.0.1, fd07::1], port: [443, 5432] }
    - allow: { to: [db.example.com, "*.internal.example", static.example], port: 443 }
`;

describe("connect", () => {
  it("goes by address and port, and tells of what it refuses", async () => {
    await using live = apply(WEB);
    expect(await client.connect("10.7.0.1", 443)).toBe("ok");
    expect(await client.connect("fd07::1", 5432)).toBe("ok");
    expect(live.refusals.drain()).toEqual([]);
    expect(await client.connect("10.7.0.1", 5432)).toBe("EPERM");
    const refusal = last(live);
    expect(refusal).toMatchObject({
      service: "web",
      operation: "connect",
      pid: client.child.pid,
      uid: 0,
      command: "node",
      address: "10.7.0.1",
      port: 5432,
      protocol: "tcp",
      rule: 1,
      dryRun: false,
      names: [],
    });
    expect(formatRefusal(refusal!)).toBe(
      `web: node (${client.child.pid}) may not connect to 10.7.0.1:5432/tcp: rule 1 of connect`,
    );
    expect(await client.connect("10.7.0.2", 443)).toBe("EPERM");
    expect(last(live)).toMatchObject({ rule: "default", address: "10.7.0.2" });
    expect(await client.connect("::ffff:10.7.0.1", 443)).toBe("ok");
    expect(await client.connect("::ffff:10.7.0.2", 443)).toBe("EPERM");
    expect(last(live)).toMatchObject({ address: "10.7.0.2", port: 443 });
    expect(await client.connect("fd07::2", 443)).toBe("EPERM");
    expect(await client.connect("0.0.0.0", 443)).toBe("EPERM");
    expect(last(live)).toMatchObject({ address: "127.0.0.1" });
    // Others are not asked.
    expect(await server.connect("10.7.0.1", 5432)).toBe("ok");
    const counted = live.counts().rules.filter(({ operation }) => operation === "connect");
    expect(counted.map(({ count }) => count)).toEqual([1n, 3n, 0n, 4n]);
  });

  it("goes by names as they were resolved, without a moment in between", async () => {
    await using live = apply(WEB);
    expect(await client.connect("10.7.0.2", 443)).toBe("EPERM");
    for (let i = 0; i < 8; i++) {
      await live.replace(policy(WEB).services);
      expect(await client.ask({ do: "reach", host: "db.example.com", port: 443 })).toBe("ok");
    }
    expect(await client.ask({ do: "reach", host: "DB.Example.com", port: 5432 })).toBe("EPERM");
    expect(live.refusals.drain().at(-1)).toMatchObject({ address: "10.7.0.2", names: ["db.example.com"] });
    expect(await client.ask({ do: "reach", host: "a.internal.example", port: 443 })).toBe("ok");
    // Over TCP, since it was cut short.
    expect(await client.ask({ do: "resolve", host: "long.internal.example" })).toBe("10.7.0.1");
    expect(live.namesOf(Uint8Array.of(10, 7, 0, 1))).toEqual(["long.internal.example"]);
    // The name itself is not below itself.
    expect(await client.ask({ do: "reach", host: "internal.example", port: 443 })).toBe("EPERM");
    expect(await client.ask({ do: "reach", host: "evil.example", port: 443 })).toBe("EPERM");
    expect(last(live)).toMatchObject({ names: ["evil.example"] });
    expect(await client.connect("fd07::2", 443)).toBe("EPERM");
    expect(await client.ask({ do: "resolve6", host: "db.example.com" })).toBe("fd07::2");
    expect(await client.connect("fd07::2", 443)).toBe("ok");
  });

  it("knows names of /etc/hosts", async () => {
    await using live = apply(WEB, { ...OPTIONS, hosts });
    expect(await client.connect("10.7.0.4", 443)).toBe("ok");
    expect(await client.connect("10.7.0.4", 5432)).toBe("EPERM");
    expect(last(live)).toMatchObject({ rule: "default" });
  });

  it("believes only those who were asked", async () => {
    await using live = apply(WEB, { ...OPTIONS, resolvers: [parsePrefix("10.7.0.1")!] });
    expect(await client.ask({ do: "resolve", host: "db.example.com" })).not.toBe("10.7.0.2");
    expect(await client.connect("10.7.0.2", 443)).toBe("EPERM");
    expect(live.namesOf(Uint8Array.of(10, 7, 0, 2))).toEqual([]);
  });

  it("lets everything pass in a dry run, and tells", async () => {
    await using live = apply(`${WEB}  dry-run: true\n`);
    expect(await client.connect("10.7.0.2", 443)).toBe("ok");
    expect(last(live)).toMatchObject({ dryRun: true, rule: "default" });
  });

  it("goes by user", async () => {
    await using live = apply("app: { user: someone, connect: { allow: { to: 10.7.0.1 } } }\n");
    const someone = new Peer(group, 12345);
    try {
      expect(await someone.connect("10.7.0.1", 443)).toBe("ok");
      expect(await someone.connect("10.7.0.2", 443)).toBe("EPERM");
      expect(last(live)).toMatchObject({ service: "app", uid: 12345 });
      expect(await client.connect("10.7.0.2", 443)).toBe("ok");
    } finally {
      await someone.end();
    }
  });
});

describe("other operations", () => {
  it("UDP is refused with a connection and without", async () => {
    await using live = apply(
      "web: { cgroup: /web, connect: { allow: { to: [10.7.0.1, fd07::1], protocol: udp, port: 9 } } }\n",
    );
    const udp = (how: string, host: string, port: number): Promise<string> => client.ask({ do: how, host, port });
    expect(await udp("send", "10.7.0.1", 9)).toBe("ok");
    expect(await udp("send", "fd07::1", 9)).toBe("ok");
    expect(await udp("sendConnected", "10.7.0.1", 9)).toBe("ok");
    expect(await udp("send", "10.7.0.1", 10)).toBe("EPERM");
    expect(last(live)).toMatchObject({ operation: "send", protocol: "udp", port: 10 });
    expect(await udp("send", "fd07::2", 9)).toBe("EPERM");
    expect(await udp("sendConnected", "10.7.0.2", 9)).toBe("EPERM");
    expect(last(live)).toMatchObject({ operation: "connect" });
    expect(await client.connect("10.7.0.1", 9)).toBe("EPERM");
  });

  it("ports are bound where rules allow it", async () => {
    await using live = apply(
      "web: { cgroup: /web, bind: { allow: { address: [10.7.0.1, fd07::1], port: 8080-8090 } } }\n",
    );
    const bind = (host: string, port: number): Promise<string> => client.ask({ do: "bind", host, port });
    expect(await bind("10.7.0.1", 8085)).toBe("ok");
    expect(await bind("fd07::1", 8080)).toBe("ok");
    expect(await bind("10.7.0.1", 0)).toBe("ok");
    expect(await bind("10.7.0.1", 8091)).toBe("EPERM");
    expect(last(live)).toMatchObject({ operation: "bind", address: "10.7.0.1", port: 8091 });
    expect(await bind("10.7.0.2", 8085)).toBe("EPERM");
    expect(await client.connect("10.7.0.2", 443)).toBe("ok");
  });

  it("what comes in is dropped, but for answers", async () => {
    expect(await client.ask({ do: "echo", host: "10.7.0.3", port: 7100 })).toBe("ok");
    expect(await client.ask({ do: "listen", host: "10.7.0.3", port: 7101 })).toBe("ok");
    expect(await server.ask({ do: "ask", host: "10.7.0.3", port: 7100 })).toBe("ok");
    await using live = apply(
      "web: { cgroup: /web, send: { allow: { to: 10.7.0.2, port: 7000 } }, receive: { allow: { port: 7101, protocol: tcp } } }\n",
    );
    expect(await server.ask({ do: "ask", host: "10.7.0.3", port: 7100 })).toBe("silence");
    expect(last(live)).toMatchObject({ operation: "receive", port: 7100, protocol: "udp", pid: 0 });
    expect(await server.connect("10.7.0.3", 7101)).toBe("ok");
    // Its own connections go on.
    expect(await client.connect("10.7.0.1", 443)).toBe("ok");
    expect(await client.ask({ do: "ask", host: "10.7.0.2", port: 7000 })).toBe("ok");
  });

  it("raw sockets are not made", async () => {
    // AF_INET, SOCK_RAW, IPPROTO_ICMP
    const script = `console.log(require("koffi").load(null).func("int socket(int, int, int)")(2, 3, 1) < 0 ? "refused" : "made")`;
    const enter = `echo $$ > ${group}/cgroup.procs; exec ${process.execPath} -e '${script}'`;
    const raw = (): string => execFileSync("bash", ["-c", enter], { encoding: "utf8", cwd: repository }).trim();
    {
      await using live = apply(WEB);
      expect(raw()).toBe("refused");
      expect(last(live)).toMatchObject({ operation: "socket", protocol: "icmp", rule: "other-sockets" });
    }
    await using live = apply(`${WEB}  other-sockets: true\n`);
    expect(raw()).toBe("made");
    expect(last(live)).toBeUndefined();
  });
});

describe("another policy", () => {
  it("takes the place of one with no moment without", async () => {
    const other = WEB.replace("db.example.com", "one.example, two.example, db.example.com");
    await using live = apply(WEB);
    expect(await client.ask({ do: "reach", host: "db.example.com", port: 443 })).toBe("ok");
    let done = false;
    const seen = new Set<string>();
    const trying = (async () => {
      while (!done) {
        seen.add(`forbidden ${await client.connect("10.7.0.5", 443)}`);
        seen.add(`named ${await client.connect("10.7.0.2", 443)}`);
        seen.add(`allowed ${await client.connect("10.7.0.1", 443)}`);
      }
    })();
    for (let i = 0; i < 8; i++) await live.replace(policy(i % 2 === 0 ? other : WEB).services);
    // So many names that the table is another one: what is known comes along.
    const many = Array.from({ length: 40 }, (_, i) => `n${i}.example`).join(", ");
    await live.replace(policy(WEB.replace("db.example.com", `${many}, db.example.com`)).services);
    await new Promise((resolve) => setTimeout(resolve, 50));
    done = true;
    await trying;
    expect([...seen].sort()).toEqual(["allowed ok", "forbidden EPERM", "named ok"]);
  });

  it("that is wrong leaves the one at work", async () => {
    await using live = apply(WEB);
    await expect(live.replace(policy("web: { user: who-is-this, connect: [] }\n").services)).rejects.toThrow(
      /not known/,
    );
    expect(await client.connect("10.7.0.5", 443)).toBe("EPERM");
  });

  it("may ask less, which ends what it does not ask", async () => {
    await using live = apply(WEB);
    await live.replace(policy("web: { cgroup: /web, bind: { allow: { port: 1 } } }\n").services);
    expect(await client.connect("10.7.0.5", 443)).toBe("ok");
    expect(live.programs.map(({ program }) => program.attachType)).toEqual(["inet4_bind", "inet6_bind"]);
  });

  it("stays with a control group that is made anew", async () => {
    const folder = join(root, "again");
    mkdirSync(folder);
    try {
      await using live = apply(WEB, { ...OPTIONS, folderOf: () => folder });
      rmdirSync(folder);
      live.refresh();
      mkdirSync(folder);
      live.refresh();
      const peer = new Peer(folder);
      try {
        expect(await peer.connect("10.7.0.5", 443)).toBe("EPERM");
        expect(await peer.connect("10.7.0.1", 443)).toBe("ok");
      } finally {
        await peer.end();
      }
    } finally {
      rmdirSync(folder);
    }
  });

  it("that ends lets everything pass", async () => {
    await apply(WEB).close();
    expect(await client.connect("10.7.0.5", 443)).toBe("ok");
  });
});

it("DNS answers are read by the kernel as by the reference", () => {
  const seed = Number(process.env["SCRY_SEED"] ?? 20261129);
  const random = new Random(seed);
  const names = ["a.example", "*.example", "*.b.example", "x.b.example", "other.test"];
  const asked = ["a.example", "b.example", "x.b.example", "y.x.b.example", "example", "other.test", "another.test"];
  const { services } = policy(`s: { cgroup: /s, connect: { allow: { to: [${names.map((name) => `"${name}"`)}] } } }`);
  const made = compileServices(services, { resolvers: [parsePrefix(RESOLVER)!], onlyAsked: false });
  using loaded = loadObject({
    ...made.object,
    programs: made.object.programs.filter(({ name }) => name === "dns_answer"),
  });
  for (const { map, key, value } of made.entries) loaded.maps.get(map)?.update(key, value);
  const table = loaded.maps.get(MAPS.addresses)!;
  const fd = loaded.programs.get("dns_answer")!.fd;
  const addresses = Array.from({ length: 12 }, (_, i) =>
    Uint8Array.from({ length: i % 2 === 0 ? 4 : 16 }, () => random.below(256)),
  );
  let learnt = 0;
  for (let i = 0; i < 1500; i++) {
    const bytes = i === 0 ? message("a.example", addresses) : randomMessage(random, asked, addresses);
    table.clear();
    testRun(fd, { data: packet().eth().ipv4({ source: RESOLVER }).udp({ source: 53 }).payload(bytes).bytes() });
    const seen = new NamesSeen();
    const answer = readAnswer(bytes);
    if (answer !== undefined) seen.learn(answer, 1000);
    for (const address of [...addresses, ...(answer?.addresses ?? []).map((one) => one.address)]) {
      const value = table.lookup(addressKey(address));
      for (const [pattern, slot] of made.plan.slots) {
        const known = seen.namesOf(address, 1000).some((name) => matchesName(pattern, name));
        const here = value !== undefined && new Uint32Array(value.slice().buffer)[slot] !== 0;
        expect(here, `seed ${seed}, message ${i}, ${pattern}`).toBe(known);
        if (known) learnt++;
      }
    }
  }
  expect(learnt).toBeGreaterThan(1000);
});
