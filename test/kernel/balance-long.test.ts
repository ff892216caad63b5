// Packets that are too long for the way to their server, of real clients: path MTU discovery through packets that are put into others.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BalancerNetwork, type Station, VIP, VIP6 } from "../support/balancer-network.ts";
import { balance, PATIENCE, printed } from "../support/balancing.ts";
import { isLinux } from "../support/skips.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-long-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Says how many bytes it was sent. */
const countingServer = `
const server = require("node:http").createServer(async (request, response) => {
  let sum = 0;
  for await (const bytes of request) sum += bytes.length;
  response.end(String(sum));
});
server.listen({ port: 80, host: "::" }, () => console.log("ready"));
process.stdin.on("end", () => process.exit(0)).resume();
`;
const BYTES = 300_000;
/** Sends so many, and prints what comes back. */
const sender = (host: string): string => `
const request = require("node:http").request({ host: ${JSON.stringify(host)}, method: "POST", agent: false }, (response) => {
  response.on("data", (bytes) => process.stdout.write(bytes));
});
request.on("error", (error) => { console.log(error.code); process.exit(1); });
request.setTimeout(${15_000 * PATIENCE}, () => request.destroy(new Error("silent")));
request.end(Buffer.alloc(${BYTES}));
`;
/** Sends a datagram, which leaves as the machine's settings have it: with "do not fragment", or without. */
const datagram = (host: string, bytes: number): string => `
const socket = require("node:dgram").createSocket("udp4");
socket.send(Buffer.alloc(${bytes}), 80, ${JSON.stringify(host)}, () => process.exit(0));
`;

describe("scry balance, packets that are too long", () => {
  let network: BalancerNetwork;
  beforeAll(async () => {
    network = await BalancerNetwork.make(`scryg${process.pid}`, 1, { mtu: 1500 });
    await network.node(network.servers[0] as Station, countingServer);
  });
  afterAll(() => network?.close());

  const inClient = (...words: string[]): string =>
    execFileSync("ip", ["-n", network.client.netns, ...words], { encoding: "utf8" });
  async function said(text: string): Promise<string> {
    const child = network.start(network.client, process.execPath, "-e", text);
    let all = "";
    child.stdout?.on("data", (more) => (all += more));
    child.stderr?.pipe(process.stderr);
    await once(child, "close");
    return all;
  }
  const lost = async (): Promise<{ told: number; untold: number }> => {
    const text = await printed(network, network.balancer, "balance", "status", "-i", "v0", "--json");
    const { lost } = JSON.parse(text) as { lost: Record<string, number> };
    const of = (words: RegExp): number => Object.entries(lost).find(([why]) => words.test(why))?.[1] ?? Number.NaN;
    return { told: of(/^too long.* was told/), untold: of(/^too long.* nobody was to be told/) };
  };

  it.each([
    ["IPv4 in IPv4", VIP, 4, "ipip", "", 1480],
    ["IPv6 in IPv6", VIP6, 6, "ipip", "", 1460],
    ["IPv4 in GUE of IPv6", VIP, 6, "gue", "mtu: 1450, ", 1402],
    ["IPv6 in IPv4, next: a router", VIP6, 4, "ipip", "", 1480],
  ] as const)("tells clients how long they may be: %s", async (name, vip, family, forward, more, expected) => {
    const server = network.servers[0] as Station;
    const address = family === 4 ? server.address : server.address6;
    const hardware = execFileSync("ip", ["-n", server.netns, "-o", "link", "show", "v0"], { encoding: "utf8" });
    const router = /link\/ether (\S+)/.exec(hardware)?.[1] as string;
    const text = `
source: ${network.balancer.address}
source6: ${network.balancer.address6}
${name.includes("router") ? `next: ${router}` : "next: routes"}
services:
  web: { address: "${vip}", port: 80, forward: ${forward}, ${more}servers: { s0: "${address}" } }
`;
    inClient(vip === VIP ? "-4" : "-6", "route", "flush", "cache");
    const balancing = await balance(network, file("long.yaml", text));
    try {
      expect(await said(sender(vip))).toBe(String(BYTES));
      expect(inClient("route", "get", vip)).toContain(` mtu ${expected} `);
      expect((await lost()).told).toBeGreaterThan(0);
    } finally {
      expect(await balancing.end()).toBe(0);
    }
  });

  it("goes by the mtu of the route to a server", async () => {
    const server = network.servers[0] as Station;
    const text = `
source: ${network.balancer.address}
services:
  web: { address: ${VIP}, port: 80, servers: { s0: ${server.address} } }
`;
    inClient("route", "flush", "cache");
    const narrow = [`${server.address}/32`, "dev", "v0", "mtu", "lock", "1440"];
    execFileSync("ip", ["-n", network.balancer.netns, "route", "add", ...narrow]);
    const balancing = await balance(network, file("route.yaml", text));
    try {
      expect(await said(sender(VIP))).toBe(String(BYTES));
      // Before Linux 5.13 the kernel does not say it to programs.
      expect(inClient("route", "get", VIP)).toContain(` mtu ${isLinux(5, 13) ? 1420 : 1480} `);
    } finally {
      execFileSync("ip", ["-n", network.balancer.netns, "route", "del", ...narrow]);
      expect(await balancing.end()).toBe(0);
    }
  });

  it("drops and counts what it tells nobody of", async () => {
    const server = network.servers[0] as Station;
    const text = `
source: ${network.balancer.address}
services:
  web: { address: ${VIP}, port: 80, protocol: udp, servers: { s0: ${server.address} } }
`;
    inClient("route", "flush", "cache");
    const balancing = await balance(network, file("untold.yaml", text));
    const setting = "/proc/sys/net/ipv4/ip_no_pmtu_disc";
    const discover = (value: number): void =>
      void execFileSync("ip", ["netns", "exec", network.client.netns, "sh", "-c", `echo ${value} > ${setting}`]);
    discover(1);
    try {
      await said(datagram(VIP, 1472));
      await said(datagram(VIP, 1452));
      expect(await lost()).toEqual({ told: 0, untold: 1 });
    } finally {
      discover(0);
      expect(await balancing.end()).toBe(0);
    }
  });
});
