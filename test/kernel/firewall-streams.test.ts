// Rules of content at a real interface: a handshake of TLS and requests of HTTP in pieces, in network namespaces of the test's own.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rulesOf } from "../../src/net/firewall/index.ts";
import { applyFirewall } from "../../src/net/index.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";

const [server, client] = [`scry-${process.pid}-serve`, `scry-${process.pid}-ask`];
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
let serving: ChildProcess | undefined;

/** TLS by a shared key, which needs no certificate, at 443; at 80 an answer to a whole request. */
const SERVE = `
const tls = require("node:tls"), net = require("node:net");
const key = Buffer.alloc(16, 7);
tls.createServer({ ciphers: "PSK", maxVersion: "TLSv1.2", pskCallback: () => key }, (s) => { s.on("error", () => {}); s.end("hello"); })
  .on("tlsClientError", () => {}).listen(443, () => {
  net.createServer((s) => {
    let text = "";
    s.on("error", () => {});
    s.on("data", (d) => { text += d; if (text.includes("\\r\\n\\r\\n")) s.end("answer"); });
  }).listen(80, () => console.log("ready"));
});`;
/** Without a reset, the kernel would send again what was refused, for whoever comes next. */
const giveUp = (socket: string): string =>
  `setTimeout(() => { console.log("nothing"); ${socket}.resetAndDestroy(); setTimeout(() => process.exit(), 50); }, 2500);`;
/** Many protocols make a greeting of several segments. */
const GREET = `
const tls = require("node:tls"), plain = require("node:net").connect(443, "10.77.0.1");
const s = tls.connect({ socket: plain, servername: process.argv[1], ciphers: "PSK", maxVersion: "TLSv1.2",
  ALPNProtocols: Array.from({ length: 20 }, (_, i) => "protocol-" + i), checkServerIdentity: () => undefined,
  pskCallback: () => ({ psk: Buffer.alloc(16, 7), identity: "x" }) });
s.on("data", (d) => { console.log(String(d)); process.exit(); }).on("error", (e) => { console.log(e.code); process.exit(); });
${giveUp("plain")}`;
/** The pieces are JSON; each is sent by itself. */
const ASK = `
const s = require("node:net").connect(80, "10.77.0.1", async () => {
  s.setNoDelay(true);
  for (const one of JSON.parse(process.argv[1])) { s.write(one); await new Promise((done) => setTimeout(done, 60)); }
});
s.on("data", (d) => { console.log(String(d)); process.exit(); }).on("error", (e) => { console.log(e.code); process.exit(); });
${giveUp("s")}`;

const inClient = (text: string, word: string): string =>
  execFileSync("ip", ["netns", "exec", client, process.execPath, "-e", text, word], { encoding: "utf8" }).trim();

beforeAll(async () => {
  addQuietNetwork(server);
  addQuietNetwork(client);
  ip("-n", server, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", client);
  ip("-n", server, "addr", "add", "10.77.0.1/24", "dev", "v0");
  ip("-n", client, "addr", "add", "10.77.0.2/24", "dev", "v1");
  // So small that a greeting is several segments, of which the first has no name.
  ip("-n", server, "link", "set", "v0", "mtu", "140", "up");
  ip("-n", client, "link", "set", "v1", "mtu", "140", "up");
  const child = spawn("ip", ["netns", "exec", server, process.execPath, "-e", SERVE]);
  serving = child;
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", () => resolve());
    child.on("close", () => reject(new Error("the server has ended")));
  });
});
afterAll(() => {
  serving?.kill();
  for (const name of [server, client]) spawnSync("ip", ["netns", "del", name]);
});

describe.each([
  ["xdp", "native"],
  ["xdp", "generic"],
  ["tc", "any"],
] as const)("at %s (%s)", (hook, mode) => {
  const rules = rulesOf({
    rules: [
      { name: "tls", action: "deny", protocol: "tcp", "destination-port": 443, content: { tls: "evil.example" } },
      { name: "http", action: "deny", protocol: "tcp", content: { http: { host: "evil.example" } } },
    ],
  });
  it("a real greeting and requests in pieces are seen whole", async () => {
    await using firewall = applyFirewall({ interface: "v0", netns: `/run/netns/${server}`, hook }, rules, { mode });
    const refused = (): number[] => firewall.counts().map(({ packets }) => Number(packets));
    const request = (host: string): string =>
      JSON.stringify(["GET / HTTP/1.1\r\nHo", `st: ${host.slice(0, 4)}`, `${host.slice(4)}\r\n`, "\r\n"]);
    expect(inClient(GREET, "www.good.example")).toBe("hello");
    expect(inClient(ASK, request("good.example"))).toBe("answer");
    expect(refused().slice(0, 2)).toEqual([0, 0]);
    expect(inClient(GREET, "www.evil.example")).toBe("nothing");
    expect(inClient(ASK, request("evil.example"))).toBe("nothing");
    const [tls = 0, http = 0] = refused();
    // Segments that come again are refused too.
    expect(tls).toBeGreaterThan(1);
    expect(http).toBeGreaterThan(1);
    expect(inClient(GREET, "good.example")).toBe("hello");
  });
});
