// The examples of kernel programs in TypeScript, at work: each sees only this process, or what it starts.

import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Histogram } from "../../src/bpf/index.ts";
import { load, type ObjectMap, type RecordStream } from "../../src/loader/index.ts";
import { repository } from "../support/commands.ts";

const path = (name: string): string => join(repository, "examples/kernel", `${name}.bpf.ts`);

interface Loaded {
  readonly [name: string]: unknown;
}
const variable = (module: object, name: string): { value: unknown } => (module as Loaded)[name] as { value: unknown };
const ring = <T>(module: object, name: string): RecordStream<T> => (module as Loaded)[name] as RecordStream<T>;

describe("examples/kernel", () => {
  it("execsnoop sees the programs that this one starts", async () => {
    await using module = await load(path("execsnoop"));
    variable(module, "parent").value = process.pid;
    execFileSync("true");
    execFileSync("echo", ["text"]);
    const seen = ring<{ parent: number; comm: string; file: string; uid: number }>(module, "execs").take();
    expect(seen.map(({ comm }) => comm)).toEqual(["true", "echo"]);
    expect(seen[0]).toMatchObject({ parent: process.pid, uid: process.getuid?.() });
    expect(seen[0]?.file).toMatch(/\/true$/);
  });

  it("opensnoop sees what this process opens, and what came of it", async () => {
    await using module = await load(path("opensnoop"));
    const opens = ring<{ file: string; result: number; comm: string }>(module, "opens");
    variable(module, "pid").value = process.pid;
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
  });

  it("runqlat counts how long this process waits for a CPU", async () => {
    await using module = await load(path("runqlat"));
    variable(module, "pid").value = process.pid;
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
