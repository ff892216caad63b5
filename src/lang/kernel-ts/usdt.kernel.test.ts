// Static probes of a program that the test starts: arguments of each kind, the cookie, texts that they lead to.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { compileProgram, workFolder } from "../../../test/support/c-object.ts";
import { hasGcc, lacking } from "../../../test/support/skips.ts";
import { load, type RecordStream } from "../../loader/index.ts";

const folder = workFolder();
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill();
  folder.remove();
});

const TARGET = `
#include <stdio.h>
#include <sys/sdt.h>
long table[8] = { 10, 20, 30, 40, 50, 60, 70, 80 };
int main(void) {
  char line[64];
  puts("ready"); fflush(stdout);
  for (long i = 1; fgets(line, sizeof line, stdin); i++) {
    short small = -2; unsigned char byte = 200; unsigned int word = 0xfffffffe;
    const char *name = "a name";
    DTRACE_PROBE7(own, step, (int)i, small, byte, word, name, table[i], 77);
    DTRACE_PROBE(own, bare);
    puts("done"); fflush(stdout);
  }
}`;

const module = (program: string): string => `
import { bpf, i16, i32, live, ring, struct, text, u32, u64, u8, usdt } from "scry/bpf";
const Step = struct({ turn: i32, small: i16, byte: u8, word: u32, name: text(16), far: u64, given: u64, cookie: u64 });
export const steps = ring(Step);
export const bares = live(u64, 0);
export const step = usdt("${program}:own:step", (turn: i32, small: i16, byte: u8, word: u32, name: u64, far: u64, given: u64) => {
  steps.send({ turn, small, byte, word, name: bpf.userText(name), far, given, cookie: bpf.cookie() });
});
export const untyped = usdt("${program}:own:step", (turn, small, byte) => {
  if (small < 0 && turn > 0 && byte === 200) signs.value = 1;
});
export const signs = live(u32, 0);
export const bare = usdt("${program}:own:bare", () => { bares.value += 1; });
`;

const step = async (child: ChildProcess): Promise<void> => {
  child.stdin?.write("x\n");
  await once(child.stdout as NodeJS.ReadableStream, "data");
};
const hasSdt = ["/usr/include/x86_64-linux-gnu/sys/sdt.h", "/usr/include/sys/sdt.h"].some((path) => existsSync(path));

describe.skipIf(lacking("static probes of kernel modules", { gcc: hasGcc, "sys/sdt.h": hasSdt }))("usdt", () => {
  it("has its arguments as they are annotated", async () => {
    const program = compileProgram(folder.path, "probed", TARGET);
    const path = join(folder.path, "steps.bpf.ts");
    writeFileSync(path, module(program));
    const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    await using run = await load(path, { attach: false });
    const links = await run.object.attach({ pid: child.pid as number });
    await step(child);
    await step(child);
    const { steps, bares, signs } = run as unknown as {
      steps: RecordStream<unknown>;
      bares: { value: bigint };
      signs: { value: number };
    };
    // Where nothing is written, numbers are as wide as the probe has them, with their signs.
    expect(signs.value).toBe(1);
    const common = { small: -2, byte: 200, word: 0xfffffffe, name: "a name", given: 77n, cookie: 0n };
    expect(steps.take()).toEqual([
      { ...common, turn: 1, far: 20n },
      { ...common, turn: 2, far: 30n },
    ]);
    expect(bares.value).toBe(2n);
    for (const link of links) await link.detach();
    const usdt = { provider: "own", name: "step" };
    await using _again = await run.object
      .program("step")
      .attach({ path: program, usdt, pid: child.pid as number, cookie: 5 });
    await step(child);
    expect(steps.take()).toEqual([{ ...common, turn: 3, far: 40n, cookie: 5n }]);
  });
});
