// The balancer with real servers and clients, in network namespaces of the test's own.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BalancerNetwork, type Station, VIP, VIP6 } from "../support/balancer-network.ts";
import { repository } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-balance-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A server of HTTP that keeps connections, and says who it is. */
const SERVER = (name: string, port: number): string => `
const { createServer } = require("node:http");
const server = createServer((request, response) => {
  if (request.url === "/health") { response.end("well"); return; }
  response.end(${JSON.stringify(name)});
});
server.keepAliveTimeout = 600_000;
server.listen({ port: ${port}, host: "::" , backlog: 4096 }, () => console.log("ready"));
process.stdin.on("end", () => process.exit(0)).resume();
`;

/** A balancer by the command; \`said\`: what it has printed. */
class Balancing {
  readonly child: ChildProcess;
  said = "";
  constructor(child: ChildProcess) {
    this.child = child;
    child.stderr?.on("data", (text) => (this.said += text));
  }
  async until(words: RegExp, milliseconds = 15_000): Promise<void> {
    const end = Date.now() + milliseconds;
    while (!words.test(this.said)) {
      if (Date.now() > end || this.child.exitCode !== null) throw new Error(`it has not said ${words}: ${this.said}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }
  async end(): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill("SIGINT");
    await once(this.child, "exit");
    return this.child.exitCode;
  }
}

const scry = join(repository, "dist/scry.js");
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
async function balance(network: BalancerNetwork, path: string): Promise<Balancing> {
  const balancing = new Balancing(network.start(network.balancer, process.execPath, scry, "balance", path, "-i", "v0"));
  await balancing.until(/Balancing at v0/);
  return balancing;
}
/** What a command prints in a station. */
async function printed(network: BalancerNetwork, station: Station, ...words: string[]): Promise<string> {
  const child = network.start(station, process.execPath, scry, ...words);
  let text = "";
  child.stdout?.on("data", (more) => (text += more));
  child.stderr?.on("data", (more) => (text += more));
  await once(child, "close");
  return text;
}

/**
 * Connections that ask again and again who answers. Lines that it is told: \`open N\`, \`ask\` (each connection once), \`close N\`;
 * it answers with a line of JSON: how many answered, by whom, how many had another server than before, how many failed and whose.
 */
const CLIENT = (host: string, port: number): string => `
const { connect } = require("node:net");
const all = [];
const request = "GET / HTTP/1.1\\r\\nHost: web\\r\\n\\r\\n";
const open = () => new Promise((resolve) => {
  const one = { socket: connect({ host: ${JSON.stringify(host)}, port: ${port} }), server: undefined, failed: undefined, text: "", wake: undefined };
  all.push(one);
  one.socket.on("connect", () => resolve());
  one.socket.on("error", (error) => { one.failed = error.code; one.wake?.(); resolve(); });
  one.socket.on("close", () => { one.failed ??= "closed"; one.wake?.(); });
  one.socket.on("data", (bytes) => {
    one.text += bytes;
    const at = one.text.indexOf("\\r\\n\\r\\n");
    if (at < 0) return;
    const length = Number(/content-length: (\\d+)/i.exec(one.text)?.[1]);
    if (one.text.length < at + 4 + length) return;
    one.answer = one.text.slice(at + 4, at + 4 + length);
    one.text = one.text.slice(at + 4 + length);
    one.wake?.();
  });
});
const ask = (one) => new Promise((resolve) => {
  if (one.failed !== undefined) return resolve();
  one.answer = undefined;
  const timer = setTimeout(() => { one.failed = "silent"; one.socket.destroy(); }, 8000);
  one.wake = () => { clearTimeout(timer); one.wake = undefined; resolve(); };
  one.socket.write(request);
});
const round = async () => {
  await Promise.all(all.map(ask));
  const told = { answered: 0, by: {}, moved: 0, failed: {}, why: {} };
  for (const one of all) {
    if (one.answer !== undefined && one.failed === undefined) {
      told.answered++;
      told.by[one.answer] = (told.by[one.answer] ?? 0) + 1;
      if (one.server !== undefined && one.server !== one.answer) told.moved++;
      one.server = one.answer;
    } else {
      told.failed[one.server ?? "none"] = (told.failed[one.server ?? "none"] ?? 0) + 1;
      told.why[one.failed] = (told.why[one.failed] ?? 0) + 1;
    }
  }
  return told;
};
console.log("ready");
let queue = Promise.resolve();
require("node:readline").createInterface(process.stdin).on("line", (line) => {
  queue = queue.then(async () => {
    const [word, n] = line.split(" ");
    if (word === "open") { for (let i = 0; i < Number(n); i += 50) await Promise.all(Array.from({ length: Math.min(50, Number(n) - i) }, open)); console.log("{}"); }
    if (word === "ask") console.log(JSON.stringify(await round()));
    if (word === "close") { for (const one of all.splice(0, Number(n))) one.socket.destroy(); console.log("{}"); }
  });
}).on("close", () => process.exit(0));
`;

interface Round {
  readonly answered: number;
  readonly by: Readonly<Record<string, number>>;
  readonly moved: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly why: Readonly<Record<string, number>>;
}
class Client {
  readonly #child: ChildProcess;
  constructor(child: ChildProcess) {
    this.#child = child;
  }
  async do(line: string): Promise<Round> {
    this.#child.stdin?.write(`${line}\n`);
    let text = "";
    while (!text.includes("\n")) text += String((await once(this.#child.stdout as NodeJS.ReadableStream, "data"))[0]);
    return JSON.parse(text) as Round;
  }
  end(): void {
    this.#child.stdin?.end();
  }
}

const names = ["a", "b", "c", "d"];
const serverLines = (network: BalancerNetwork, which: readonly number[], family: 4 | 6 = 4): string =>
  which
    .map((i) => `      ${names[i]}: "${family === 4 ? network.servers[i]?.address : network.servers[i]?.address6}"`)
    .join("\n");

describe("scry balance", () => {
  let network: BalancerNetwork;
  const servers: ChildProcess[] = [];
  beforeAll(async () => {
    network = await BalancerNetwork.make(`scry${process.pid}`, 4);
    for (const [i, station] of network.servers.entries())
      servers.push(await network.node(station, SERVER(names[i] as string, 80)));
  });
  afterAll(() => network?.close());

  const config = (which: readonly number[], more = ""): string => `
source: ${network.balancer.address}
source6: ${network.balancer.address6}
next: routes
services:
  web:
    address: ${VIP}
    port: 80
    health: { http: /health, every: 300ms, timeout: 2s, rise: 1, fall: 2 }
    servers:
${serverLines(network, which)}
${more}`;

  it("keeps 1,000 connections through servers that come, leave and die", async () => {
    const path = file("web.yaml", config([0, 1, 2]));
    const balancing = await balance(network, path);
    const client = new Client(await network.node(network.client, CLIENT(VIP, 80)));
    try {
      await client.do("open 1000");
      const first = await client.do("ask");
      expect(first).toMatchObject({ answered: 1000, failed: {} });
      expect(Object.keys(first.by).sort()).toEqual(["a", "b", "c"]);
      expect(Math.min(...Object.values(first.by))).toBeGreaterThan(200);
      // One more server: nobody moves.
      file("web.yaml", config([0, 1, 2, 3]));
      expect(await printed(network, network.balancer, "balance", "reload", "-i", "v0")).toContain("is read again");
      expect(await client.do("ask")).toMatchObject({ answered: 1000, moved: 0, failed: {} });
      await client.do("open 200");
      const second = await client.do("ask");
      expect(second).toMatchObject({ answered: 1200, moved: 0, failed: {} });
      expect(second.by["d"]).toBeGreaterThan(20);
      // One leaves: its connections go on.
      file("web.yaml", config([1, 2, 3]));
      expect(await printed(network, network.balancer, "balance", "reload", "-i", "v0")).toContain(
        "web/a keeps the flows",
      );
      expect(await client.do("ask")).toMatchObject({ answered: 1200, moved: 0, failed: {} });
      await client.do("open 100");
      const third = await client.do("ask");
      expect(third).toMatchObject({ answered: 1300, moved: 0, failed: {} });
      expect(third.by["a"]).toBe(second.by["a"]);
      // One dies: only its own connections are lost.
      const lost = third.by["b"];
      servers[1]?.kill("SIGKILL");
      await balancing.until(/web\/b is down/);
      const fourth = await client.do("ask");
      expect(fourth).toMatchObject({ answered: 1300 - (lost as number), moved: 0, failed: { b: lost } });
      // Others take its place, and when it is back it takes flows again.
      await client.do("open 50");
      const fifth = await client.do("ask");
      expect(fifth.answered).toBe(1350 - (lost as number));
      servers[1] = await network.node(network.servers[1] as Station, SERVER("b", 80));
      await balancing.until(/web\/b is up/);
      await client.do("open 100");
      expect((await client.do("ask")).by["b"]).toBeGreaterThan(5);
      const status = JSON.parse(
        await printed(network, network.balancer, "balance", "status", "-i", "v0", "--json"),
      ) as {
        services: { servers: { name: string; state: string; open: number; flows: number; packets: number }[] }[];
        lost: Record<string, number>;
      };
      const states = Object.fromEntries(status.services[0]?.servers.map(({ name, state }) => [name, state]) ?? []);
      expect(states).toEqual({ a: "leaving", b: "up", c: "up", d: "up" });
      expect(Object.values(status.lost).reduce((sum, n) => sum + n, 0)).toBe(0);
      // The last connection of the one that leaves ends: it is gone.
      client.end();
      await balancing.until(/web\/a is gone: its last flow has ended/, 40_000);
    } finally {
      client.end();
      console.log(balancing.said);
      expect(await balancing.end()).toBe(0);
    }
  }, 120_000);
});
