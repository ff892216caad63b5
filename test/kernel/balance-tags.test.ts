// Frames with tags of VLANs, of real clients: the balancer keeps the tags, and servers answer with them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BalancerNetwork, VIP, VIP6 } from "../support/balancer-network.ts";
import { balance, Client, httpClient, httpServer, printed } from "../support/balancing.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-tags-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("scry balance, in VLANs", () => {
  let network: BalancerNetwork;
  beforeAll(async () => {
    network = await BalancerNetwork.make(`scryt${process.pid}`, 2);
    for (const [i, station] of network.servers.entries()) await network.node(station, httpServer(`s${i}`, 80));
  });
  afterAll(() => network?.close());

  it.each([
    ["IPv4, one tag", VIP, [5]],
    ["IPv4, two tags", VIP, [5, 6]],
    ["IPv6, two tags", VIP6, [5, 6]],
  ] as const)("reaches servers: %s", async (_, vip, ids) => {
    const [s0, s1] = network.servers.map(({ address, address6 }) => (vip === VIP ? address : address6));
    const text = `
source: ${network.balancer.address}
source6: ${network.balancer.address6}
services:
  web: { address: "${vip}", port: 80, health: { tcp: true, every: 300ms, timeout: 10s }, servers: { s0: "${s0}", s1: "${s1}" } }
`;
    await using _tags = await network.tag(ids);
    const balancing = await balance(network, file("tags.yaml", text));
    const client = new Client(await network.node(network.client, httpClient(vip, 80)));
    try {
      await client.do("open 60");
      const round = await client.do("ask");
      expect(round).toMatchObject({ answered: 60, failed: {} });
      expect(Object.keys(round.by).sort()).toEqual(["s0", "s1"]);
      const status = JSON.parse(
        await printed(network, network.balancer, "balance", "status", "-i", "v0", "--json"),
      ) as { services: { servers: { name: string; flows: number }[] }[] };
      // And the last words of a client before this one, which may have come late.
      for (const { name, flows } of status.services[0]?.servers ?? [])
        expect(flows).toBeGreaterThanOrEqual(round.by[name] ?? Number.POSITIVE_INFINITY);
    } finally {
      client.end();
      expect(await balancing.end()).toBe(0);
    }
  });
});
