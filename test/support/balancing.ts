// Servers, clients and the command, for tests of the balancer.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { BalancerNetwork, Station } from "./balancer-network.ts";
import { scryCommand } from "./commands.ts";

/** The guests of the lab are slow. */
export const PATIENCE: number = process.env["SCRY_LAB_TESTS"] === undefined ? 1 : 10;

/** A server of HTTP that keeps connections, and says who it is. */
export const httpServer = (name: string, port: number): string => `
const { createServer } = require("node:http");
const server = createServer((request, response) => {
  if (request.url === "/health") { response.end("well"); return; }
  response.end(${JSON.stringify(name)});
});
server.keepAliveTimeout = 600_000;
server.listen({ port: ${port}, host: "::" , backlog: 4096 }, () => console.log("ready"));
process.stdin.on("end", () => process.exit(0)).resume();
`;

/** A balancer by the command; `said`: what it has printed. */
export class Balancing {
  readonly child: ChildProcess;
  said = "";
  constructor(child: ChildProcess) {
    this.child = child;
    child.stderr?.on("data", (text) => (this.said += text));
  }
  async until(words: RegExp, milliseconds = 15_000): Promise<void> {
    const end = Date.now() + milliseconds * PATIENCE;
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

/** Starts the command in a station, and comes back once it is at work. */
export async function balance(
  network: BalancerNetwork,
  path: string,
  station: Station = network.balancer,
  words: readonly string[] = ["-i", "v0"],
): Promise<Balancing> {
  const balancing = new Balancing(network.start(station, process.execPath, scryCommand(), "balance", path, ...words));
  await balancing.until(/Balancing at/);
  return balancing;
}
/** What a command prints in a station. */
export async function printed(network: BalancerNetwork, station: Station, ...words: string[]): Promise<string> {
  const child = network.start(station, process.execPath, scryCommand(), ...words);
  let text = "";
  child.stdout?.on("data", (more) => (text += more));
  child.stderr?.on("data", (more) => (text += more));
  await once(child, "close");
  return text;
}

/**
 * Connections that ask again and again who answers. Lines that it is told: `open N`, `ask` (each connection once), `close N`;
 * it answers with a line of JSON: how many answered, by whom, how many had another server than before, how many failed and whose.
 */
export const httpClient = (host: string, port: number): string => `
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
  const timer = setTimeout(() => { one.failed = "silent"; one.socket.destroy(); }, ${8000 * PATIENCE});
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

export interface Round {
  readonly answered: number;
  readonly by: Readonly<Record<string, number>>;
  readonly moved: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly why: Readonly<Record<string, number>>;
}
export class Client {
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
