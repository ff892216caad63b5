// Stacks of calls on the live kernel: of this process alone.

import { openSync, readSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compiledModule } from "../../../test/support/compiled-module.ts";
import type { Stack } from "../../bpf/index.ts";
import { ObjectFile } from "../../loader/index.ts";

const opened = (text: string): ObjectFile => new ObjectFile(compiledModule(text), { name: "stacks" });

const names = ({ frames }: Stack): readonly string[] => frames.map(({ name = "" }) => name);

describe("stacks", () => {
  it("are kept by number, or sent with their frames, and get the names of their functions", async () => {
    await using file = opened(`
      import { bpf, count, hash, kernelStack, ring, stackMap, struct, tracepoint, u32, userStack } from "scry/bpf";
      const stacks = stackMap({ depth: 64, maxEntries: 1024 });
      const Key = struct({ kernel: kernelStack(stacks), user: userStack(stacks) });
      const Event = struct({ pid: u32, kernel: kernelStack(8), user: userStack(40) });
      export const calls = hash(Key, count());
      export const events = ring(Event);
      // A function is handed the context that stacks are taken of.
      function note(): void {
        calls.record({ kernel: bpf.kernelStack(), user: bpf.userStack() });
      }
      function twice(): void { note(); }
      export const enter = tracepoint("syscalls:sys_enter_read", (event) => {
        if (bpf.pid() !== ${process.pid} || event.count !== 61_234) return;
        twice();
        events.send({ pid: bpf.pid(), kernel: bpf.kernelStack(), user: bpf.userStack() });
      });`);
    await file.load();
    await file.attach();
    const stream = file.map("events").records();
    const fd = openSync("/dev/zero", "r");
    for (let i = 0; i < 3; i++) readSync(fd, Buffer.alloc(61_234));
    const entries = file.map("calls").entries() as [{ kernel: Stack; user: Stack }, number][];
    expect(entries.reduce((sum, [, n]) => sum + n, 0)).toBe(3);
    for (const [{ kernel, user }] of entries) {
      expect([kernel.space, user.space]).toEqual(["kernel", "user"]);
      expect(names(kernel).some((name) => /syscall/.test(name))).toBe(true);
      expect(user.frames.length).toBeGreaterThan(0);
      expect(user.frames[0]?.name).toMatch(/read/);
      expect(user.frames.every(({ address }) => address > 0n)).toBe(true);
    }
    const sent = stream.take() as { pid: number; kernel: Stack; user: Stack }[];
    expect(sent).toHaveLength(3);
    expect(sent[0]?.kernel.frames.length).toBeGreaterThan(0);
    expect(sent[0]?.kernel.frames.length).toBeLessThanOrEqual(8);
    expect(sent[0]?.user.frames[0]?.name).toMatch(/read/);
    expect(sent[0]?.user.frames[0]?.module).toMatch(/libc|node/);
    await stream.close();
  });
});
