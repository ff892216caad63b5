// Firewalls that stay, and what stands in the place of their pins is not what they have put there: it is said, the others are shown, and
// what is there can be taken away.

import { execFileSync, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bpfFileSystems, createMap, pin, unpin } from "../../src/kernel/index.ts";
import { type RulesData, rulesOf } from "../../src/net/firewall/index.ts";
import { applyFirewall, removePins } from "../../src/net/index.ts";
import type { MapSpec } from "../../src/object/index.ts";
import { runScry } from "../support/commands.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";
import { lacking } from "../support/skips.ts";

const netns = `scry-${process.pid}-torn`;
const path = `/run/netns/${netns}`;
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
let mounted = false;
let directory = "";

beforeAll(() => {
  addQuietNetwork(netns);
  ip("-n", netns, "link", "add", "t0", "type", "veth", "peer", "name", "t1");
  directory = `/sys/fs/bpf/scry/firewall/t0-${statSync(path).ino}`;
  if (bpfFileSystems().length === 0) mounted = spawnSync("mount", ["-t", "bpf", "bpf", "/sys/fs/bpf"]).status === 0;
});
afterAll(() => {
  spawnSync("ip", ["netns", "del", netns]);
  if (mounted) spawnSync("umount", ["/sys/fs/bpf"]);
});

const place = { interface: "t0", netns: path, hook: "xdp" } as const;
const rules: RulesData = {
  sets: { bad: { dynamic: true } },
  rules: [
    { name: "bad", action: "deny", source: "$bad" },
    { action: "deny", protocol: "udp", over: { rate: "5/s" }, block: "5s" },
    { action: "allow", state: "established" },
    { action: "guard", protocol: "tcp", "destination-port": 80 },
  ],
};
const scry = (...words: string[]): ReturnType<typeof runScry> => runScry(["firewall", ...words, "--netns", netns]);

/** Another map in the place of a pin, with these bytes in its first element. */
function replace(name: string, spec: Omit<MapSpec, "name">, bytes?: Uint8Array): void {
  unpin(`${directory}/${name}`);
  using map = createMap({ name: "other", ...spec });
  if (bytes !== undefined) {
    const value = new Uint8Array(spec.valueSize);
    value.set(bytes);
    map.update(new Uint8Array(spec.keySize), value);
  }
  pin(map.fd, `${directory}/${name}`);
}
const text = (state: unknown): Uint8Array =>
  new TextEncoder().encode(typeof state === "string" ? state : JSON.stringify(state));
const stateMap = { type: "array", keySize: 4, valueSize: 4096, maxEntries: 1 } as const;
const good = { name: "r.yaml", text: "rules: []", hook: "xdp", dryRun: false, carried: [], applied: 0, bits: [] };

describe.skipIf(
  lacking("firewalls that stay", { "bpf file system": bpfFileSystems().length > 0 || process.getuid?.() === 0 }),
)("pins that are not a firewall's", () => {
  beforeEach(() => applyFirewall(place, rulesOf(rules), { persist: true }).close());
  afterEach(() => {
    removePins(place);
    expect(execFileSync("ip", ["-n", netns, "-d", "link", "show", "t0"], { encoding: "utf8" })).not.toContain(
      "prog/xdp",
    );
  });

  const small = { type: "array", keySize: 4, valueSize: 4, maxEntries: 1 } as const;
  it.each([
    ["counters", "a small array", small],
    ["counters", "a hash with longer keys", { type: "hash", keySize: 8, valueSize: 24, maxEntries: 8 }],
    ["guarded", "a small array", small],
    ["flows", "a small array", small],
    ["blocked", "a hash with short values", { type: "lru_hash", keySize: 16, valueSize: 8, maxEntries: 8 }],
    ["networks6", "a small array", small],
    ["networks4", "a small array", { ...small, flags: 1 << 10 }],
  ] as const)("%s: %s", async (name, _, spec) => {
    replace(name, spec);
    const results = [
      await scry("set", "bad", "add", "192.0.2.0/24", "-i", "t0"),
      await scry("status", "-i", "t0"),
      await scry("status"),
    ];
    for (const { stderr, status } of results) {
      expect([status, stderr]).toEqual([expect.any(Number), expect.not.stringMatching(/\n +at |internal|RangeError/)]);
    }
    expect(results[0]?.status).toBe(1);
    expect(results[0]?.stderr).toMatch(/another map|damaged/);
    expect(await scry("remove", "-i", "t0")).toMatchObject({ status: 0, stderr: "" });
  });

  it.each([
    ["zeros", stateMap, undefined],
    ["no JSON", stateMap, text("{")],
    ["a list", stateMap, text([1])],
    ["another hook", stateMap, text({ ...good, hook: "tail" })],
    ["an array that is too large", { ...stateMap, valueSize: (4 << 20) + 4096 }, undefined],
    ["a hash", { ...stateMap, type: "hash" }, text(good)],
  ] as const)("a state of %s", async (_, spec, bytes) => {
    replace("state", spec, bytes);
    for (const words of [["status", "-i", "t0"], ["confirm", "-i", "t0"], ["status"]]) {
      const { stderr, status } = await scry(...words);
      expect([status, stderr]).toEqual([
        words.length > 1 ? 1 : 0,
        expect.stringContaining("this is no state of a firewall"),
      ]);
    }
    expect(() => applyFirewall(place, rulesOf(rules), { persist: true })).toThrow("this is no state of a firewall");
    expect(await scry("remove", "-i", "t0")).toMatchObject({ status: 0, stderr: "" });
    expect((await scry("remove", "-i", "t0")).stderr).toContain("no firewall stays at t0");
  });

  it("rules that are none, and values that are others", async () => {
    replace("state", stateMap, text({ ...good, text: "rules: [{ action: fly }]" }));
    expect((await scry("status", "-i", "t0")).stderr).toContain("'fly' is none of");
    expect(await scry("status")).toMatchObject({ status: 0, stderr: expect.stringContaining("'fly' is none of") });
    replace(
      "state",
      stateMap,
      text({ ...good, carried: [[1], ["default", "x", {}], 7], bits: [["bad", 99]], applied: "x" }),
    );
    expect(await scry("status", "-i", "t0")).toMatchObject({ status: 0, stderr: "" });
    expect((await scry("set", "bad", "add", "192.0.2.0/24", "-i", "t0")).stderr).toContain("there is no set 'bad'");
  });
});
