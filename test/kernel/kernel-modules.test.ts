// The examples of kernel programs in TypeScript, at work: each sees only this process, or what it starts.

import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Histogram } from "../../src/bpf/index.ts";
import { load, type ObjectMap, type RecordStream } from "../../src/loader/index.ts";
import { repository } from "../support/commands.ts";

const path = (name: string): string => join(repository, "examples/kernel", `${name}.bpf.ts`);

interface Exec {
  readonly pid: number;
  readonly parent: number;
  readonly comm: string;
  readonly file: string;
  readonly uid: number;
  readonly count: number;
  readonly args: readonly string[];
}
interface Loaded {
  readonly [name: string]: unknown;
}
const variable = (module: object, name: string): { value: unknown } => (module as Loaded)[name] as { value: unknown };
const ring = <T>(module: object, name: string): RecordStream<T> => (module as Loaded)[name] as RecordStream<T>;

/** Attached when it sees this process alone. */
async function alone(name: string, filter: "pid" | "parent") {
  const module = await load(path(name), { attach: false });
  variable(module, filter).value = process.pid;
  await (module as unknown as { object: { attach(): Promise<unknown> } }).object.attach();
  return module;
}

describe("examples/kernel", () => {
  it("execsnoop sees the programs that this one starts", async () => {
    await using module = await alone("execsnoop", "parent");
    execFileSync("true");
    execFileSync("echo", ["text", "another", ...Array.from({ length: 10 }, (_, i) => `${i}`)]);
    expect(spawnSync("sh", ["-c", "exit 3"]).status).toBe(3);
    expect(spawnSync("sh", ["-c", "kill -KILL $$"]).signal).toBe("SIGKILL");
    const seen = ring<Exec>(module, "execs").take();
    expect(seen.map(({ comm }) => comm)).toEqual(["true", "echo", "sh", "sh"]);
    expect(seen[0]).toMatchObject({ parent: process.pid, uid: process.getuid?.(), count: 1 });
    expect(seen[0]?.file).toMatch(/\/true$/);
    expect(seen[1]?.count).toBe(13);
    expect(seen[1]?.args).toEqual(["echo", "text", "another", "0", "1", "2", "3", "4"]);
    // The parent is told before the tracepoint of the end is long gone by: all of it is there.
    const ends = ring<{ pid: number; code: number; signal: number; nanoseconds: bigint }>(module, "exits").take();
    expect(ends.map(({ pid }) => pid)).toEqual(seen.map(({ pid }) => pid));
    expect(ends.map(({ code, signal }) => [code, signal])).toEqual([
      [0, 0],
      [0, 0],
      [3, 0],
      [0, 9],
    ]);
    expect(ends.every(({ nanoseconds }) => nanoseconds > 0n && nanoseconds < 60_000_000_000n)).toBe(true);
    variable(module, "name").value = "ech";
    execFileSync("true");
    execFileSync("echo", ["text"]);
    expect(ring<Exec>(module, "execs").take()).toMatchObject([
      { comm: "echo", args: ["echo", "text", "", "", "", "", "", ""] },
    ]);
    expect(ring<Exec>(module, "exits").take()).toMatchObject([{ comm: "echo" }]);
  });

  it("opensnoop sees what this process opens, and what came of it", async () => {
    await using module = await alone("opensnoop", "pid");
    const opens = ring<{ file: string; result: number; comm: string }>(module, "opens");
    closeSync(openSync("/etc/passwd", "r"));
    expect(() => openSync("/nothing/there", "r")).toThrow();
    const seen = opens.take();
    expect(seen.find(({ file }) => file === "/etc/passwd")?.result).toBeGreaterThan(0);
    expect(seen.find(({ file }) => file === "/nothing/there")?.result).toBe(-2);
    variable(module, "failed").value = 1;
    closeSync(openSync("/etc/passwd", "r"));
    expect(() => openSync("/nothing/again", "r")).toThrow();
    const failed = opens.take();
    expect(failed.map(({ file }) => file)).toEqual(["/nothing/again"]);
    variable(module, "failed").value = 0;
    variable(module, "flags").value = constants.O_DIRECTORY;
    closeSync(openSync("/etc/passwd", "r"));
    closeSync(openSync("/etc", constants.O_DIRECTORY));
    expect(opens.take().map(({ file }) => file)).toEqual(["/etc"]);
    variable(module, "name").value = "another";
    closeSync(openSync("/etc", constants.O_DIRECTORY));
    expect(opens.take()).toEqual([]);
  });

  it("runqlat counts how long this process waits for a CPU", async () => {
    await using module = await alone("runqlat", "pid");
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    const latency = (module as unknown as Loaded)["latency"] as ObjectMap;
    const all = latency.get(0) as Histogram;
    expect(all.count).toBeGreaterThan(20);
    expect(all.buckets.every(({ from = 0n }) => from < 1n << 25n)).toBe(true);
    expect(latency.keys()).toEqual([0]);
    variable(module, "byProcess").value = 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(latency.keys()).toContain(process.pid);
  });
});
