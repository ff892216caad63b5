// What lasts: flows of servers that drain, of a balancer that ends and is taken over, of one that shares its table.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BalancerNetwork, type Station, VIP } from "../support/balancer-network.ts";
import { balance, Client, httpClient, httpServer, printed } from "../support/balancing.ts";
import { scryCommand } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-lasting-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const PINS = "/sys/fs/bpf/scry-balance";

describe("scry balance, what lasts", () => {
  let network: BalancerNetwork;
  beforeAll(async () => {
    network = await BalancerNetwork.make(`scryl${process.pid}`, 3);
    for (const [i, station] of network.servers.entries()) await network.node(station, httpServer(`s${i}`, 80));
  });
  afterAll(() => network?.close());
  const at = (i: number): Station => network.servers[i] as Station;
  const head = (): string => `
source: ${network.balancer.address}
`;

  it("lets a server drain: it keeps its flows until they end", async () => {
    const text = (drain: boolean): string => `${head()}
services:
  web:
    address: ${VIP}
    port: 80
    servers: { s0: { address: ${at(0).address}, drain: ${drain} }, s1: ${at(1).address} }`;
    const path = file("drain.yaml", text(false));
    const balancing = await balance(network, path);
    const client = new Client(await network.node(network.client, httpClient(VIP, 80)));
    try {
      await client.do("open 40");
      const { by } = await client.do("ask");
      file("drain.yaml", text(true));
      balancing.child.kill("SIGHUP");
      await balancing.until(/is read again/);
      await client.do("open 40");
      expect(await client.do("ask")).toMatchObject({ answered: 80, moved: 0, failed: {}, by: { s0: by["s0"] } });
      expect(balancing.said).not.toContain("has drained");
      client.end();
      await balancing.until(/web\/s0 has drained: its last flow has ended/, 30_000);
    } finally {
      client.end();
      expect(await balancing.end()).toBe(0);
    }
  });

  it("goes on when it ends, with --persist, and is taken over with all flows", async () => {
    const path = file(
      "persist.yaml",
      `${head()}services: { web: { address: ${VIP}, port: 80, servers: { s1: ${at(1).address}, s0: ${at(0).address} } } }`,
    );
    const client = new Client(await network.node(network.client, httpClient(VIP, 80)));
    const shown = (): string =>
      spawnSync("ip", ["-n", network.balancer.netns, "link", "show", "v0"], { encoding: "utf8" }).stdout;
    try {
      const first = await balance(network, path, network.balancer, ["-i", "v0", "--persist"]);
      await client.do("open 60");
      const { by } = await client.do("ask");
      expect(await first.end()).toBe(0);
      expect(shown()).toContain("xdp");
      expect(await client.do("ask")).toMatchObject({ answered: 60, moved: 0, failed: {}, by });
      expect(await printed(network, network.balancer, "balance", "status", "-i", "v0")).toContain(
        "which goes on (--persist)",
      );
      // Another order, and one server more: slots are who they were.
      file(
        "persist.yaml",
        `${head()}services: { web: { address: ${VIP}, port: 80, servers: { s2: ${at(2).address}, s0: ${at(0).address}, s1: ${at(1).address} } } }`,
      );
      const second = await balance(network, path, network.balancer, ["-i", "v0", "--persist"]);
      await client.do("open 60");
      const later = await client.do("ask");
      expect(later).toMatchObject({ answered: 120, moved: 0, failed: {} });
      expect(later.by["s2"]).toBeGreaterThan(5);
      expect(await second.end()).toBe(0);
      expect(await printed(network, network.balancer, "balance", "remove", "-i", "v0")).toContain(
        "nothing is balanced at v0 any more",
      );
      expect(shown()).not.toContain("xdp");
      // Whoever takes over without --persist takes it with him.
      const third = await balance(network, path, network.balancer, ["-i", "v0", "--persist"]);
      await third.end();
      const fourth = await balance(network, path);
      expect(await fourth.end()).toBe(0);
      expect(shown()).not.toContain("xdp");
    } finally {
      client.end();
      await printed(network, network.balancer, "balance", "remove", "-i", "v0");
    }
  });

  it("finds the flows of another balancer in a table that they share", async () => {
    const name = `test-${process.pid}`;
    const text = (which: readonly number[]): string => `${head()}
shared: { name: ${name}, entries: 4096 }
services: { web: { address: ${VIP}, port: 80, servers: { ${which.map((i) => `s${i}: ${at(i).address}`).join(", ")} } } }`;
    const client = new Client(await network.node(network.client, httpClient(VIP, 80)));
    try {
      const first = await balance(network, file("shared.yaml", text([0, 1])));
      await client.do("open 80");
      expect(await client.do("ask")).toMatchObject({ answered: 80, failed: {} });
      expect(await first.end()).toBe(0);
      expect(existsSync(`${PINS}/${name}/flows4`)).toBe(true);
      // Another ring: of those that it alone decides for, some would move.
      const second = await balance(network, file("shared.yaml", text([0, 1, 2])));
      expect(await client.do("ask")).toMatchObject({ answered: 80, moved: 0, failed: {} });
      expect(await second.end()).toBe(0);
    } finally {
      client.end();
      rmSync(`${PINS}/${name}`, { recursive: true, force: true });
      if (existsSync(PINS) && readdirSync(PINS).length === 0) rmdirSync(PINS);
    }
  });

  it("is watched by top", async () => {
    const path = file(
      "top.yaml",
      `${head()}services: { web: { address: ${VIP}, port: 80, servers: { s0: ${at(0).address} } } }`,
    );
    const balancing = await balance(network, path);
    try {
      const top = network.start(network.balancer, process.execPath, scryCommand(), "balance", "top", "-i", "v0");
      let said = "";
      top.stdout?.on("data", (more) => (said += more));
      for (let i = 0; i < 200 && (said.match(/packets\/s/g) ?? []).length < 1; i++)
        await new Promise((done) => setTimeout(done, 50));
      top.kill("SIGINT");
      await once(top, "exit");
      expect(top.exitCode).toBe(0);
      expect(said).toMatch(
        /^web {2}tcp 192\.0\.2\.80:80 by ipip: .*\n {2}server +address +state[\s\S]*flows\/s +packets\/s/,
      );
    } finally {
      expect(await balancing.end()).toBe(0);
    }
  });
});
