// An interface for tests of XDP programs that share it: v1 of a pair between two network namespaces, with a BPF file system of its own for
// what libxdp's protocol pins.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { loadShared } from "../../src/kernel/index.ts";
import type { ObjectFile } from "../../src/loader/index.ts";
import { assembleCode } from "../../src/object/index.ts";
import { objectOf } from "../data/small-programs.ts";
import { addQuietNetwork } from "./quiet-network.ts";

const ip = (...words: string[]): string =>
  execFileSync("ip", words, { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });

export interface SharedInterface {
  /** Who sends, as 10.9.0.1 by v0; and where v1 is, with 10.9.0.2. */
  readonly a: string;
  readonly b: string;
  /** The file of b. */
  readonly netns: string;
  /** Of the test's own. */
  readonly folder: string;
  /** The BPF file system's. */
  readonly pins: string;
  /** Objects that are closed behind each test: whatever it leaves, failed or not, is none of the next one's business. */
  readonly open: ObjectFile[];
}

/** Made before all tests of a file, cleared behind each, taken away behind all. */
export function sharedInterface(name: string): SharedInterface {
  const [a, b] = [`scry-${name}-${process.pid}-a`, `scry-${name}-${process.pid}-b`];
  const folder = mkdtempSync(join(tmpdir(), `scry-${name}-`));
  const pins = join(folder, "bpf");
  const open: ObjectFile[] = [];
  beforeAll(() => {
    for (const one of [a, b]) addQuietNetwork(one);
    ip("-n", a, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", b);
    ip("-n", a, "address", "add", "10.9.0.1/24", "dev", "v0");
    ip("-n", b, "address", "add", "10.9.0.2/24", "dev", "v1");
    ip("-n", a, "link", "set", "v0", "up");
    ip("-n", b, "link", "set", "v1", "up");
    const mac = /link\/ether (\S+)/.exec(ip("-n", b, "link", "show", "v1"))?.[1] ?? "";
    ip("-n", a, "neighbour", "add", "10.9.0.2", "lladdr", mac, "dev", "v0");
    mkdirSync(pins);
    execFileSync("mount", ["-t", "bpf", "bpf", pins]);
    process.env["LIBXDP_BPFFS"] = pins;
  });
  afterEach(async () => {
    for (const object of open.splice(0)) await object.close();
    spawnSync("ip", ["-n", b, "link", "set", "dev", "v1", "xdp", "off"]);
    rmSync(join(pins, "xdp"), { recursive: true, force: true });
  });
  afterAll(() => {
    delete process.env["LIBXDP_BPFFS"];
    for (const one of [a, b]) spawnSync("ip", ["netns", "del", one]);
    spawnSync("umount", [pins]);
    rmSync(folder, { recursive: true, force: true });
  });
  return { a, b, netns: `/run/netns/${b}`, folder, pins, open };
}

/** What this kernel says where it lets no program stand in for a function (freplace); undefined: it does. */
export function sharingRefusal(): string | undefined {
  try {
    loadShared(objectOf("xdp", assembleCode("r0 = 2\nexit"), [])).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
