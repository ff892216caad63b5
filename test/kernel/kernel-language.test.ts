// The language of kernel modules at work: each module of test/data/kernel-ts runs when this process asks for its parent
// (getppid, which `process.ppid` is), and only then.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { load, type ObjectProgram, openObject } from "../../src/loader/index.ts";
import { repository } from "../support/commands.ts";

const path = (name: string): string => join(repository, "test/data/kernel-ts", `${name}.bpf.ts`);

type Loaded = Record<string, { value: unknown; take(): unknown[] }> & AsyncDisposable;
const loaded = async (name: string): Promise<Loaded> => {
  const module = (await load(path(name))) as unknown as Loaded;
  if (module["pid"] !== undefined) module["pid"].value = process.pid;
  return module;
};
const values = (module: Loaded, ...names: string[]): unknown[] => names.map((name) => module[name]?.value);
const asked = (times = 1): void => {
  for (let i = 0; i < times; i++) expect(process.ppid).toBeGreaterThan(0);
};

describe("kernel modules", () => {
  it("have loops over entries and with a count, whose bodies use the variables around them", async () => {
    await using module = await loaded("callbacks");
    asked();
    const [total, ...others] = values(module, "total", "found", "turns", "first", "parent");
    // Keys sum up to 28; how many small values come before the first large one is the map's.
    expect(Number(total) % 1000).toBe(500);
    expect(Math.floor(Number(total) / 1000)).toBeGreaterThanOrEqual(28);
    expect(Math.floor(Number(total) / 1000)).toBeLessThanOrEqual(32);
    expect(others).toEqual([1049n, 51n, 25n, process.ppid]);
  });

  it("give back what they hold where its block ends, and go through what the kernel has", async () => {
    await using module = await loaded("using");
    asked(3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(Number(module["ticks"]?.value)).toBeGreaterThanOrEqual(1);
    expect(values(module, "sum", "tgid", "seen")).toEqual([93n, process.pid, 1]);
    expect(Number(module["vmas"]?.value)).toBe(6);
    // Of three records the second is discarded.
    expect(module["recs"]?.take()).toMatchObject([
      { pid: process.pid, n: 1n },
      { pid: process.pid, n: 3n },
    ]);
  });

  it("write texts with values in them, and are read", async () => {
    await using module = await loaded("texts");
    let text = "";
    for await (const piece of (module["tasks"] as unknown as ObjectProgram).iterateText()) text += piece;
    const lines = text.trim().split("\n");
    expect(lines.at(-1)).toBe("end");
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines.slice(0, -1)) expect(line).toMatch(new RegExp(`^\\d+ .+ ${process.ppid}$`));
    asked();
    const [first] = (module["lines"]?.take() ?? []) as { line: string; other: string }[];
    expect(first?.line).toMatch(new RegExp(`^${process.pid} is .+, hello -5 100%$`));
    expect(first?.other).toBe("x");
  });

  it("have functions in place and apart, with type parameters and defaults, that give structs; lists, enums, flavours", async () => {
    await using module = await loaded("functions");
    asked();
    expect(module["out"]?.take()).toEqual([
      {
        a: 11096n,
        b: 51608n,
        c: 76322006n,
        d: 5n,
        p: { x: 3, y: 100, name: "made", l: [1, 2, 0, 0] },
        l: [9, 8, 7],
      },
    ]);
  });

  it("are run by who has them, with a struct that they may change; a function takes another one's place", async () => {
    await using module = (await load(path("called"))) as unknown as Record<string, ObjectProgram> & AsyncDisposable;
    const { adds, writes, weighs, asks } = module;
    const given = (a: number, b: number, first = 0): Uint8Array => {
      const bytes = new Uint8Array(24);
      new Uint32Array(bytes.buffer).set([a, b, 0, 0, first]);
      return bytes;
    };
    expect(adds?.test({ context: given(5, 6) }).value).toBe(11);
    expect(weighs?.test({ context: given(5, 6, 3) }).value).toBe(5603);
    const context = given(0x8000_0000, 6);
    const after = writes?.testRun({ context });
    expect(new BigUint64Array(after?.context.slice().buffer ?? new ArrayBuffer(0))[1]).toBe(0x3_0000_0000n);
    expect(new Uint32Array(after?.context.slice().buffer ?? new ArrayBuffer(0))[5]).toBe(7);
    expect(context[8]).toBe(0);
    const packet = new Uint8Array(64);
    expect(asks?.test({ packet }).value).toBe(51);
    await using other = await openObject(path("replaces"));
    other.program("ten").setAttachTarget(asks as ObjectProgram);
    try {
      await other.load();
    } catch (error) {
      // As for C (loader/places.kernel.test.ts): there are systems that forbid it to everybody.
      expect(error, String(error)).toMatchObject({ call: "bpf(BPF_PROG_LOAD)", errno: 1 });
      console.warn(`\n*** functions of BPF programs are not replaced here: ${(error as Error).message} ***\n`);
      return;
    }
    await other.attach();
    expect(asks?.test({ packet }).value).toBe(500);
  });

  it("have names of their own, whatever the compiler calls its functions and tables", async () => {
    await using module = await loaded("names");
    asked();
    expect(values(module, "turns", "total")).toEqual([4n, 5n + 7n + 100n]);
  });

  it("keep references in maps, and exchange them", async () => {
    await using module = await loaded("kept");
    asked(2);
    expect(values(module, "first", "second", "again")).toEqual([1, process.pid, process.pid]);
  });

  it("take what the user's side sends", async () => {
    await using module = await loaded("commands");
    const commands = module["commands"] as unknown as { send(record: object): boolean };
    expect(commands.send({ key: 1, by: 5n, name: "add" })).toBe(true);
    expect(commands.send({ key: 1, by: 7, name: "add" })).toBe(true);
    expect(commands.send({ key: 2, by: 1, name: "other" })).toBe(true);
    expect(() => commands.send({ key: 2 ** 33 })).toThrow(RangeError);
    asked();
    expect(module["drained"]?.value).toBe(3);
    commands.send({ key: 99 });
    commands.send({ key: 1, by: 1, name: "add" });
    asked();
    expect(module["drained"]?.value).toBe(3);
    asked();
    expect(module["drained"]?.value).toBe(4);
    const sums = module["sums"] as unknown as Map<number, bigint>;
    expect([sums.get(1), sums.get(2)]).toEqual([13n, undefined]);
    let sent = 0;
    while (commands.send({ key: 3 })) sent++;
    expect(sent).toBeGreaterThan(50);
  });

  it("fill a struct of the kernel's, which is registered while they are loaded", async () => {
    const known = (): string => readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");
    {
      await using module = await loaded("congestion");
      expect(known()).toContain("scry_half");
      expect(module["avoids"]?.value).toBe(0n);
    }
    expect(known()).not.toContain("scry_half");
  });
});
