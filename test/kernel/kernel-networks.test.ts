// The examples of kernel modules for networks, at work: on the embedded machine with packets, and live in a network namespace and a
// control group of the test's own.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { load, type ObjectMap, type RecordStream } from "../../src/loader/index.ts";
import { embedded } from "../../src/machine/index.ts";
import { packet } from "../../src/packets/index.ts";
import { objectOf } from "../../src/sources/index.ts";
import { repository } from "../support/commands.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";

const path = (name: string): string => join(repository, "examples/kernel", `${name}.bpf.ts`);
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });

/** Two namespaces, joined by a pair of interfaces: v0 (10.9.0.1) in a, v1 (10.9.0.2) in b. */
const [a, b] = [`scry-nets-${process.pid}-a`, `scry-nets-${process.pid}-b`];
const groups = mkdtempSync(join(tmpdir(), "scry-cgroup-"));
const group = join(groups, `scry-nets-${process.pid}`);

beforeAll(() => {
  for (const name of [a, b]) addQuietNetwork(name);
  ip("-n", a, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", b);
  ip("-n", a, "address", "add", "10.9.0.1/24", "dev", "v0");
  ip("-n", a, "address", "add", "10.8.0.1/32", "dev", "v0");
  ip("-n", b, "address", "add", "10.9.0.2/24", "dev", "v1");
  for (const [name, device] of [
    [a, "v0"],
    [b, "v1"],
    [b, "lo"],
  ] as const)
    ip("-n", name, "link", "set", device, "up");
  execFileSync("mount", ["-t", "cgroup2", "none", groups]);
  mkdirSync(group);
});
afterAll(() => {
  for (const name of [a, b]) spawnSync("ip", ["netns", "del", name]);
  rmdirSync(group);
  spawnSync("umount", [groups]);
  rmSync(groups, { recursive: true, force: true });
});

/** Runs a shell command in a namespace, in the test's control group where wanted. */
function inside(name: string, command: string, grouped = false): string {
  const enter = grouped ? `echo $$ > ${group}/cgroup.procs; ` : "";
  const words = ["netns", "exec", name, "bash", "-c", enter + command];
  const { stdout, stderr } = spawnSync("ip", words, { encoding: "utf8", timeout: 10_000 });
  return stdout + stderr;
}

interface Loaded {
  readonly [name: string]: unknown;
}
const map = (module: object, name: string): ObjectMap => (module as Loaded)[name] as ObjectMap;

const from = (source: string): Uint8Array => packet().eth().ipv4({ source }).udp().payload(new Uint8Array(18)).bytes();
const from6 = (source: string): Uint8Array => packet().eth().vlan().ipv6({ source }).udp().bytes();

describe("xdp-prefixes", () => {
  const RULES = [
    [
      { bits: 8, key: "10.0.0.0" },
      { drop: true, packets: 0n, bytes: 0n },
    ],
    [
      { bits: 16, key: "10.9.0.0" },
      { drop: false, packets: 0n, bytes: 0n },
    ],
  ] as const;

  it("takes the longest prefix, on both machines", async () => {
    const machine = embedded(objectOf(path("xdp-prefixes")));
    await using module = await load(path("xdp-prefixes"), { attach: false });
    const prefixes = map(module, "prefixes");
    for (const [key, value] of RULES) {
      prefixes.set(key, value);
      const bytes = new Uint8Array(24);
      bytes[16] = value.drop ? 1 : 0;
      machine.maps
        .get("prefixes")
        ?.update(Uint8Array.from([key.bits, 0, 0, 0, ...key.key.split(".").map(Number)]), bytes);
    }
    map(module, "prefixes6").set({ bits: 8, key: "2000::" }, { drop: true, packets: 0n, bytes: 0n });
    machine.maps
      .get("prefixes6")
      ?.update(
        Uint8Array.from([8, 0, 0, 0, 0x20, ...new Array<number>(15).fill(0)]),
        new Uint8Array(24).fill(1, 16, 17),
      );
    const packets = [
      from("10.1.1.1"),
      from("10.9.1.1"),
      from("11.1.1.1"),
      from6("2001::1"),
      from6("3001::1"),
      new Uint8Array(20),
    ];
    const program = module.object.program("filter");
    expect(packets.map((data) => program.testRun({ data }).value)).toEqual([1, 2, 2, 1, 2, 2]);
    expect(packets.map((bytes) => Number(machine.run("filter", { packet: bytes }).value))).toEqual([1, 2, 2, 1, 2, 2]);
    expect(prefixes.get({ bits: 8, key: "10.0.0.0" })).toEqual({ packets: 1n, bytes: 60n, drop: true });
    expect(prefixes.get({ bits: 16, key: "10.9.0.0" })).toEqual({ packets: 1n, bytes: 60n, drop: false });
    expect([...prefixes.keys()]).toHaveLength(2);
  });

  it("drops at an interface", async () => {
    await using module = await load(path("xdp-prefixes"), { attach: false });
    for (const [key, value] of RULES) map(module, "prefixes").set(key, value);
    const filter = module.object.program("filter");
    await using _link = await filter.attach({ interface: "v1", netns: `/run/netns/${b}` });
    inside(a, "echo -n 123 > /dev/udp/10.9.0.2/7777");
    const script = `const s = require("dgram").createSocket("udp4"); s.bind(0, "10.8.0.1", () => s.send("1", 7777, "10.9.0.2", () => s.send("2", 7777, "10.9.0.2", () => s.close())));`;
    inside(a, `${process.execPath} -e '${script}'`);
    const seen = map(module, "prefixes").get({ bits: 8, key: "10.0.0.0" }) as { packets: bigint };
    const passed = map(module, "prefixes").get({ bits: 16, key: "10.9.0.0" }) as { packets: bigint; bytes: bigint };
    expect(passed.packets).toBeGreaterThanOrEqual(1n);
    expect(seen.packets).toBe(2n);
  });
});

describe("forbid", () => {
  it("lets a control group's processes connect where they may", async () => {
    await using module = await load(path("forbid"), { attach: false });
    const allowed = map(module, "allowed");
    allowed.set({ bits: 24, key: "10.9.0.0" }, { port: 0 });
    allowed.set({ bits: 32, key: "10.9.0.9" }, { port: 443 });
    const refused = (module as unknown as Loaded)["refused"] as RecordStream<Record<string, unknown>>;
    await using _link = await module.object.program("connect").attach({ cgroup: group });
    const connect = (to: string, grouped = true): string =>
      inside(a, `echo -n 1 > /dev/udp/${to} && echo sent`, grouped);
    expect(connect("10.9.0.2/9999")).toContain("sent");
    expect(connect("10.9.0.9/443")).toContain("sent");
    expect(connect("10.9.0.9/444")).toContain("not permitted");
    expect(connect("10.9.0.9/444", false)).toContain("sent");
    const seen = refused.take();
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ comm: "bash", address: "10.9.0.9", port: 444 });
  });

  it("says the same on the embedded machine", () => {
    const machine = embedded(objectOf(path("forbid")));
    machine.maps.get("allowed")?.update(Uint8Array.from([8, 0, 0, 0, 10, 0, 0, 0]), Uint8Array.from([0xbb, 1]));
    // struct bpf_sock_addr: user_ip4 at 4, user_port at 24.
    const call = (address: readonly number[], port: number): number => {
      const context = new Uint8Array(72);
      context.set(address, 4);
      context.set([port >> 8, port & 255], 24);
      return Number(machine.run("connect", { context }).value);
    };
    expect([call([10, 1, 2, 3], 443), call([10, 1, 2, 3], 80), call([11, 1, 2, 3], 443)]).toEqual([1, 0, 0]);
  });
});
