// The examples of kernel programs in TypeScript that follow something from its beginning to its end: each sees this process alone.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Histogram, Stack } from "../../src/bpf/index.ts";
import { load, type ObjectMap, type RecordStream } from "../../src/loader/index.ts";
import { repository } from "../support/commands.ts";

const path = (name: string): string => join(repository, "examples/kernel", `${name}.bpf.ts`);
const member = <T>(module: object, name: string): T => (module as Readonly<Record<string, unknown>>)[name] as T;
const set = (module: object, name: string, value: number): void => {
  member<{ value: unknown }>(module, name).value = value;
};
/** Attached when it sees this process alone. */
async function alone(name: string, filters: Readonly<Record<string, number>>) {
  const module = await load(path(name), { attach: false });
  for (const [filter, value] of Object.entries(filters)) set(module, filter, value);
  await member<{ attach(): Promise<unknown> }>(module, "object").attach();
  return module;
}
const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Writes to a file of its own until the disk has it; where files are on none (in the lab), to a disk made of one. */
function written(times: number): void {
  const folder = mkdtempSync(join(repository, "test/.disk-"));
  const file = join(folder, "file");
  const run = (command: string, ...words: string[]): string =>
    execFileSync(command, words, { encoding: "utf8" }).trim();
  let disk: string | undefined;
  try {
    if (statSync(folder).dev >> 8 === 0) {
      run("modprobe", "loop");
      run("truncate", "-s", "16M", file);
      disk = run("losetup", "--find", "--show", file);
    }
    const fd = openSync(disk ?? file, disk === undefined ? "w" : "r+");
    for (let i = 0; i < times; i++) {
      writeSync(fd, Buffer.alloc(65_536, i));
      fsyncSync(fd);
    }
    closeSync(fd);
  } finally {
    if (disk !== undefined) run("losetup", "--detach", disk);
    rmSync(folder, { recursive: true });
  }
}

describe("examples/kernel", () => {
  it("biolatency measures what this process has the disk do", async () => {
    await using module = await alone("biolatency", { pid: process.pid });
    written(5);
    const latency = member<ObjectMap>(module, "latency");
    const [all] = latency.values() as Histogram[];
    expect(latency.keys()).toEqual([{ disk: 0, kind: "" }]);
    expect(all?.count).toBeGreaterThanOrEqual(1);
    latency.clear();
    set(module, "byDisk", 1);
    set(module, "byKind", 1);
    written(3);
    const keys = latency.keys() as { disk: number; kind: string }[];
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.every(({ disk, kind }) => disk > 0 && /^[A-Z]+$/.test(kind))).toBe(true);
  });

  it("tcplife tells of a connection when it ends", async () => {
    await using module = await alone("tcplife", { pid: process.pid });
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.resume();
      socket.end(Buffer.alloc(5000));
    });
    for (const host of ["127.0.0.1", "::1"]) {
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      const { port } = server.address() as { port: number };
      set(module, "port", port);
      const client = connect(port, host);
      client.write(Buffer.alloc(300));
      client.resume();
      await new Promise((resolve) => client.on("close", resolve));
      await new Promise((resolve) => server.close(resolve));
      await wait(50);
      const ends = member<RecordStream<Record<string, unknown>>>(module, "lives").take();
      const own = ends.find(({ remotePort }) => remotePort === port);
      expect(
        own,
        JSON.stringify(ends, (_, n) => (typeof n === "bigint" ? String(n) : n)),
      ).toMatchObject({
        pid: process.pid,
        family: host === "::1" ? 10 : 2,
      });
      expect(own?.[host === "::1" ? "remote6" : "remote"]).toBe(host);
      // The end of a stream counts as a byte.
      expect([5000n, 5001n]).toContain(own?.["received"]);
      expect(own?.["sent"]).toBeGreaterThanOrEqual(300n);
      expect(own?.["localPort"]).toBeGreaterThan(0);
      expect(own?.["microseconds"]).toBeLessThan(10_000_000n);
    }
  });

  it("offcputime finds where this process waits", async () => {
    await using module = await alone("offcputime", { pid: process.pid });
    for (let i = 0; i < 5; i++) await wait(10);
    set(module, "pid", 1 << 30);
    const entries = member<ObjectMap>(module, "waited").entries() as [
      { pid: number; kernel: Stack; user: Stack; comm: string },
      bigint,
    ][];
    expect(new Set(entries.map(([{ pid }]) => pid))).toEqual(new Set([process.pid]));
    const names = (stack: Stack): string => stack.frames.map(({ name = "" }) => name).join(" ");
    const waits = entries.find(([{ kernel, user }]) => /schedule/.test(names(kernel)) && /epoll/.test(names(user)));
    const said = entries.map(([{ kernel, user }, sum]) => `${sum}: ${names(kernel)} | ${names(user)}`).join("\n");
    expect(waits, said).toBeDefined();
    expect(waits?.[1]).toBeGreaterThan(10_000n);
  });

  it("memleak finds what is not given back, and who asked for it", async () => {
    // Perl keeps a text of a size of its own, and gives another one back.
    const script =
      "$| = 1; print 'ready'; <STDIN>; my $kept = 'x' x 1_234_567; { my $gone = 'y' x 2_345_678; undef $gone; } print 'done'; <STDIN>;";
    await using module = await load(path("memleak"), { attach: false });
    set(module, "least", 1_000_000);
    set(module, "most", 3_000_000);
    const child = spawn("perl", ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
    const { pid = 0 } = child;
    set(module, "pid", pid);
    // Perl computes what is constant, and keeps it, when it reads the text.
    await once(child.stdout, "data");
    await member<{ attach(options: { pid: number }): Promise<unknown> }>(module, "object").attach({ pid });
    child.stdin.write("\n");
    await once(child.stdout, "data");
    const outstanding = member<ObjectMap>(module, "outstanding").values() as { size: bigint; site: { stack: Stack } }[];
    const sizes = outstanding.map(({ size }) => Number(size));
    expect(sizes.some((size) => size > 1_234_000 && size < 1_300_000)).toBe(true);
    expect(sizes.some((size) => size > 2_345_000 && size < 2_400_000)).toBe(false);
    const bytes = member<ObjectMap>(module, "bytes").values() as bigint[];
    expect(bytes.reduce((sum, n) => sum + n, 0n)).toBe(outstanding.reduce((sum, { size }) => sum + size, 0n));
    expect(outstanding[0]?.site.stack.frames.length).toBeGreaterThan(0);
    child.stdin.end("\n");
    await once(child, "exit");
  });
});
