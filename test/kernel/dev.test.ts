// `scry dev`: texts of a module that take each other's place while it is at work. It counts what this process does alone.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { scryCommand } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-dev-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "ticks.bpf.ts");

const module = (by: number, more = ""): string => `
import { bpf, hash, live, ring, struct, tracepoint, u32, u64 } from "scry/bpf";
import { step } from "./step.ts";
const Tick = struct({ by: u32, at: u32 });
export const ticks = ring(Tick, { bytes: 4096 });
export const pid = live(u32, 0);
export const counts = hash(u32, u64, { maxEntries: 4 });
export const tick = tracepoint("syscalls:sys_enter_getppid", () => {
  if (bpf.pid() !== pid.value) return;
  counts.add(step);
  ticks.send({ by: ${by} });
  ${more}
});
`;

let child: ChildProcess | undefined;
let said = "";
let printed = "";
function start(...words: string[]): void {
  said = printed = "";
  child = spawn(process.execPath, [scryCommand(), "dev", "--set", `pid=${process.pid}`, ...words, file]);
  child.stderr?.on("data", (data) => {
    said += data;
  });
  child.stdout?.on("data", (data) => {
    printed += data;
  });
}
afterEach(() => {
  child?.kill("SIGKILL");
});

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(holds() ? "" : `${said}\n${printed}`).toBe("");
}
async function save(text: string, expected: string): Promise<void> {
  said = "";
  writeFileSync(file, text);
  await until(() => said.includes(expected));
}
/** As often as this, this process asks for its parent's number. */
function act(times: number): void {
  for (let i = 0; i < times; i++) void process.ppid;
}
const lines = (): number => printed.split("\n").filter((line) => line.startsWith("ticks: ")).length;
async function end(): Promise<void> {
  child?.kill("SIGINT");
  await new Promise((resolve) => child?.on("close", resolve));
}

describe("scry dev", () => {
  it("puts each text in the place of the one before, and keeps its maps", async () => {
    writeFileSync(join(folder, "step.ts"), "export const step = 1;\n");
    writeFileSync(file, module(1));
    start();
    await until(() => said.includes("compiled on each save"));
    expect(said).toContain("attached tick (tracepoint/syscalls/sys_enter_getppid)");
    act(3);
    await until(() => lines() === 3);
    await save(module(2), "maps kept: ticks, counts");
    expect(said).toContain("attached anew, before the old ones went (an event in between is seen by both): tick");
    act(2);
    await until(() => lines() === 5);
    expect(printed).toContain("ticks: { by: 2, at: 0 }");

    // What does not compile, and what the verifier refuses, changes nothing.
    await save(module(3, "coutns.add(1);"), "goes on as it was");
    expect(said).toMatch(/ticks\.bpf\.ts:12:3-9: ERROR: 'coutns' is not declared/);
    expect(said).toContain("HINT: Did you mean 'counts'?");
    act(1);
    await until(() => lines() === 6);
    expect(printed).not.toContain("by: 3");
    await save(module(4, "for (let i = 0; ; ) { if (i > 5) break; }"), "goes on as it was");
    expect(said).toMatch(/SCRY2006|the kernel refuses program "tick"/);
    act(1);
    await until(() => lines() === 7);

    // A file that it imports.
    said = "";
    writeFileSync(join(folder, "step.ts"), "export const step = 2;\n");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await save(module(5), "maps kept: ticks, counts");
    act(4);
    await until(() => lines() === 11);
    // Another shape: it begins anew.
    await save(module(6).replace("counts = hash(u32, u64", "counts = hash(u32, u32"), "maps anew: counts");
    act(1);
    await until(() => lines() === 12);
    await end();
    expect(printed).toMatch(/counts \(hash, 1 entry\)\n {2}2: 1\n/);
  });

  it("keeps what maps have counted to the end", async () => {
    writeFileSync(join(folder, "step.ts"), "export const step = 1;\n");
    writeFileSync(file, module(1));
    start();
    await until(() => said.includes("compiled on each save"));
    act(10);
    await save(module(2), "maps kept");
    act(5);
    await until(() => lines() === 15);
    await end();
    expect(printed).toMatch(/counts \(hash, 1 entry\)\n {2}1: 15\n/);
  });

  it("waits for a first text that is right", async () => {
    writeFileSync(file, module(1, "nothing.add(1);"));
    start("--format", "json");
    await until(() => said.includes("compiled on each save"));
    expect(said).toContain("'nothing' is not declared");
    await save(module(1), "attached tick");
    act(1);
    await until(() => printed.includes('{"type":"record","map":"ticks"'));
    await end();
  });
});
