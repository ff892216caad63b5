// The balancer with real servers and clients, in network namespaces of the test's own.

import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BalancerNetwork, type Station, VIP } from "../support/balancer-network.ts";
import { balance, Client, httpClient, httpServer, printed } from "../support/balancing.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-balance-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const names = ["a", "b", "c", "d"];
const serverLines = (network: BalancerNetwork, which: readonly number[]): string =>
  which.map((i) => `      ${names[i]}: "${network.servers[i]?.address}"`).join("\n");

describe("scry balance", () => {
  let network: BalancerNetwork;
  const servers: ChildProcess[] = [];
  beforeAll(async () => {
    network = await BalancerNetwork.make(`scry${process.pid}`, 4);
    for (const [i, station] of network.servers.entries())
      servers.push(await network.node(station, httpServer(names[i] as string, 80)));
  });
  afterAll(() => network?.close());

  const config = (which: readonly number[]): string => `
source: ${network.balancer.address}
source6: ${network.balancer.address6}
next: routes
services:
  web:
    address: ${VIP}
    port: 80
    health: { http: /health, every: 300ms, timeout: 2s, rise: 1, fall: 2 }
    servers:
${serverLines(network, which)}`;

  it("keeps 1,000 connections through servers that come, leave and die", async () => {
    const path = file("web.yaml", config([0, 1, 2]));
    const balancing = await balance(network, path);
    const client = new Client(await network.node(network.client, httpClient(VIP, 80)));
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
      servers[1] = await network.node(network.servers[1] as Station, httpServer("b", 80));
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
