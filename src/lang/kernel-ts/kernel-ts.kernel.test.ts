// Kernel programs in TypeScript on the live kernel. Every program sees only this process.

import { mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compiledModule } from "../../../test/support/compiled-module.ts";
import type { KernelMap, Live, Program, Ring, u32, u64 } from "../../bpf/index.ts";
import { load, ObjectFile } from "../../loader/index.ts";

const zeros = (times: number): void => {
  const fd = openSync("/dev/zero", "r");
  for (let i = 0; i < times; i++) readSync(fd, Buffer.alloc(100 << (i % 4)));
};

describe("a module", () => {
  it("measures, filters and sends", async () => {
    const object = compiledModule(`
      import { bpf, hash, live, ring, struct, text, tracepoint, u32, u64 } from "scry/bpf";
      const Slow = struct({ pid: u32, comm: text(16), ns: u64, bytes: u64, parent: u32 });
      const started = hash(u32, u64, { maxEntries: 1024 });
      export const counts = hash(u32, u64);
      export const slow = ring(Slow, { bytes: 256 * 1024 });
      export const threshold = live(u64, 0);
      export const enter = tracepoint("syscalls:sys_enter_read", () => {
        if (bpf.pid() !== ${process.pid}) return;
        started.set(bpf.tid(), bpf.now());
      });
      function parentOf(): u32 {
        return bpf.task().real_parent.tgid;
      }
      export const exit = tracepoint("syscalls:sys_exit_read", (event) => {
        const start = started.take(bpf.tid());
        if (start === undefined || event.ret < 0) return;
        const ns = bpf.now() - start;
        counts.add(bpf.pid());
        if (ns > threshold.value) slow.send({ pid: bpf.pid(), comm: bpf.comm(), ns, bytes: event.ret, parent: parentOf() });
      });`);
    await using file = new ObjectFile(object, { name: "slow" });
    await file.load();
    await file.attach();
    await using records = file.map("slow").records();
    zeros(8);
    const seen = records.take() as { pid: number; comm: string; ns: bigint; bytes: bigint; parent: number }[];
    const ours = seen.filter(({ bytes }) => [100n, 200n, 400n, 800n].includes(bytes));
    expect(ours).toHaveLength(8);
    expect(ours[1]).toMatchObject({ pid: process.pid, bytes: 200n, parent: process.ppid });
    expect(ours[1]?.ns).toBeGreaterThan(0n);
    expect(Number(file.map("counts").get(process.pid))).toBeGreaterThanOrEqual(8);
  });

  it("calls, loops, switches, compares texts, follows what may be missing", async () => {
    const object = compiledModule(`
      import { bpf, array, hash, live, list, range, struct, text, tracepoint, u8, u32, u64, i32 } from "scry/bpf";
      const State = struct({ seen: u64, name: text(16), digits: list(u8, 4), matched: u32 });
      export const states = hash(u32, State);
      export const totals = array(u64, { maxEntries: 4 });
      export const parents = live(u32, 0);
      const KINDS = { small: 100, large: 400 };
      function kindOf(bytes: u64): u32 {
        switch (bytes) {
          case KINDS.small: return 0;
          case KINDS.large: return 2;
          default: return 1;
        }
      }
      function note(state: ValueOf<typeof State>, bytes: u64): void {
        state.seen += 1;
        for (const i of range(state.digits.length)) state.digits[i] = u8(bytes >> (i * 4));
      }
      export const enter = tracepoint("syscalls:sys_enter_read", (event) => {
        if (bpf.pid() !== ${process.pid} || event.count > 1000) return;
        const key = bpf.pid();
        states.insert(key, { name: bpf.comm() });
        const state = states.get(key);
        if (!state) return;
        note(state, event.count);
        if (state.name === "node" || state.name === "node (vitest 1)") state.matched = 1;
        totals.add(kindOf(event.count), event.count);
        const task = bpf.task();
        parents.value = task.real_parent?.tgid ?? 0;
        let n: i32 = 0;
        do { n++; if (n === 2) continue; } while (n < 4);
        if (n !== 4 || i32(-1) > u32(1)) state.matched = 9;
      });`);
    await using file = new ObjectFile(object, { name: "states" });
    await file.load();
    await file.attach();
    zeros(4);
    const totals = file.map("totals").values() as bigint[];
    expect(totals[0]).toBeGreaterThanOrEqual(100n);
    expect(totals[2]).toBeGreaterThanOrEqual(400n);
    expect(file.data["parents"]).toBe(process.ppid);
    const state = file.map("states").get(process.pid) as { seen: bigint; name: string; matched: number };
    expect(Number(state.seen)).toBeGreaterThanOrEqual(4);
    expect(state.matched).not.toBe(9);
    expect(state.name.length).toBeGreaterThan(0);
  });

  it("is loaded by its path, with what it exports typed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "scry-module-"));
    try {
      const path = join(folder, "reads.bpf.ts");
      writeFileSync(
        path,
        `import { bpf, hash, live, ring, struct, tracepoint, u32, u64 } from "scry/bpf";
        const Read = struct({ pid: u32, bytes: u64 });
        export const reads = ring(Read);
        export const counts = hash(u32, u64);
        export const least = live(u64, 1_000_000);
        export const enter = tracepoint("syscalls:sys_enter_read", (event) => {
          if (bpf.pid() !== ${process.pid} || event.count < least.value) return;
          reads.send({ pid: bpf.pid(), bytes: event.count });
          counts.add(bpf.pid());
        });`,
      );
      const module = await load<{
        reads: Ring<{ pid: u32; bytes: u64 }>;
        counts: KernelMap<u32, u64>;
        least: Live<u64>;
        enter: Program;
      }>(path);
      await using loaded = module;
      zeros(4);
      expect(loaded.reads.take()).toEqual([]);
      loaded.least.value = 300;
      expect(loaded.least.value).toBe(300n);
      zeros(4);
      const seen = loaded.reads.take().filter(({ bytes }) => bytes === 400n || bytes === 800n);
      expect(seen).toEqual([
        { pid: process.pid, bytes: 400n },
        { pid: process.pid, bytes: 800n },
      ]);
      expect(loaded.counts.get(process.pid)).toBeGreaterThanOrEqual(2n);
      expect(loaded.enter.info().name).toBe("enter");
      await expect(load(join(folder, "none.bpf.ts"))).rejects.toThrow("none.bpf.ts");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
