// Maps of all kinds on the live kernel. Every program sees only this process.

import { openSync, readSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compiledModule } from "../../../test/support/compiled-module.ts";
import { ObjectFile } from "../../loader/index.ts";

const opened = (text: string): ObjectFile => new ObjectFile(compiledModule(text), { name: "maps" });

/** Reads of so many bytes, each a call that programs see. */
function reads(...sizes: readonly number[]): void {
  const fd = openSync("/dev/zero", "r");
  for (const size of sizes) readSync(fd, Buffer.alloc(size));
}

/** A program at reads of this process of 60,000 bytes and more: what is above that is `n`. */
const atReads = (body: string): string => `
  export const enter = tracepoint("syscalls:sys_enter_read", (event) => {
    if (bpf.pid() !== ${process.pid} || event.count < 60_000) return;
    const n = u32(event.count - 60_000);
    ${body}
  });`;

describe("maps", () => {
  it("queues, stacks and bloom filters", async () => {
    await using file = opened(`
      import { bloomFilter, bpf, hash, queue, stack, struct, tracepoint, u32, u64 } from "scry/bpf";
      const Item = struct({ n: u32, twice: u64 });
      export const items = queue(Item, { maxEntries: 2 });
      export const last = stack(u32, { maxEntries: 8 });
      export const seen = bloomFilter(u32, { maxEntries: 64 });
      export const found = hash(u32, u64);
      ${atReads(`
        if (n === 100) {
          const first = items.pop();
          if (first !== undefined) found.set(100, first.twice);
          const top = last.peek();
          if (top !== undefined) found.set(101, top);
          found.set(102, last.pop() ?? 0);
          found.set(103, last.pop() ?? 0);
          return;
        }
        if (seen.has(n)) found.add(n, 1);
        seen.push(n);
        last.push(n);
        if (!items.push({ n, twice: n * 2 })) found.add(200);`)}`);
    await file.load();
    await file.attach();
    reads(60_001, 60_007, 60_003, 60_007);
    expect(file.map("items").peek()).toEqual({ n: 1, twice: 2n });
    reads(60_100);
    expect(new Map(file.map("found").entries() as [number, bigint][])).toEqual(
      new Map([
        [7, 1n],
        [100, 2n],
        [101, 7n],
        [102, 7n],
        [103, 3n],
        [200, 2n],
      ]),
    );
    expect(file.map("items").pop()).toEqual({ n: 7, twice: 14n });
    expect(file.map("items").pop()).toBeUndefined();
  });

  it("maps within maps", async () => {
    await using file = opened(`
      import { arrayOfMaps, bpf, hash, hashOfMaps, live, tracepoint, u32, u64 } from "scry/bpf";
      export const even = hash(u32, u64, { maxEntries: 16 });
      export const odd = hash(u32, u64, { maxEntries: 16 });
      export const both = arrayOfMaps([even, odd]);
      export const byKey = hashOfMaps(u32, hash(u32, u64, { maxEntries: 16 }), { maxEntries: 4 });
      export const missing = live(u32, 0);
      ${atReads(`
        both.get(n & 1)?.add(n);
        const inner = byKey.get(n);
        if (inner === undefined) missing.value += 1;
        else inner.set(n, (inner.get(n) ?? 5) + 1);
        const value = byKey.get(n)?.get(n);
        if (value === 7) inner?.delete(n);`)}`);
    await file.load();
    const [even, odd] = [file.map("even"), file.map("odd")];
    file.map("byKey").set(4, even);
    file.map("byKey").set(9, odd);
    await file.attach();
    reads(60_004, 60_004, 60_009, 60_009, 60_003);
    // Of 4 and 9 there is one that was added, and what was counted on from that.
    expect(new Map(even.entries() as [number, bigint][])).toEqual(new Map([[4, 4n]]));
    expect(new Map(odd.entries() as [number, bigint][])).toEqual(
      new Map([
        [9, 4n],
        [3, 1n],
      ]),
    );
    expect(file.data["missing"]).toBe(1);
  });

  it("tail calls", async () => {
    await using file = opened(`
      import { bpf, hash, programArray, tracepoint, u32, u64 } from "scry/bpf";
      export const counts = hash(u32, u64);
      export const small = tracepoint("syscalls:sys_enter_read", (event) => { counts.add(0, event.count); });
      export const large = tracepoint("syscalls:sys_enter_read", (event) => { counts.add(1, event.count); });
      export const steps = programArray([small, large], { maxEntries: 4 });
      ${atReads(`
        steps.tailCall(n);
        counts.add(9);`)}`);
    await file.load();
    const links = await file.attach();
    expect(links.map(({ name }) => name)).toEqual(["enter"]);
    reads(60_000, 60_001, 60_001, 60_002);
    expect(new Map(file.map("counts").entries() as [number, bigint][])).toEqual(
      new Map([
        [0, 60_000n],
        [1, 120_002n],
        [9, 1n],
      ]),
    );
  });

  it("aggregates, read as one of all CPUs", async () => {
    await using file = opened(`
      import { array, avg, bpf, count, hash, hist, lhist, max, stats, struct, text, tracepoint, u32 } from "scry/bpf";
      const Key = struct({ odd: u32, comm: text(16) });
      export const sizes = array(hist());
      export const steps = hash(u32, lhist(0, 100, 25));
      export const times = hash(Key, stats());
      export const means = hash(u32, avg());
      export const most = array(max());
      export const calls = hash(u32, count());
      ${atReads(`
        sizes.record(0, n);
        steps.record(n & 1, n);
        times.record({ odd: n & 1, comm: "reader" }, n);
        means.record(0, n);
        most.record(0, n);
        calls.record(n & 1);`)}`);
    await file.load();
    await file.attach();
    reads(60_000, 60_001, 60_003, 60_025, 60_150, 60_150);
    expect(file.map("sizes").get(0)).toEqual({
      count: 6,
      buckets: [
        { from: 0n, to: 1n, count: 1 },
        { from: 1n, to: 2n, count: 1 },
        { from: 2n, to: 4n, count: 1 },
        { from: 4n, to: 8n, count: 0 },
        { from: 8n, to: 16n, count: 0 },
        { from: 16n, to: 32n, count: 1 },
        { from: 32n, to: 64n, count: 0 },
        { from: 64n, to: 128n, count: 0 },
        { from: 128n, to: 256n, count: 2 },
      ],
    });
    expect(file.map("steps").get(1)).toEqual({
      count: 3,
      buckets: [
        { from: 0n, to: 25n, count: 2 },
        { from: 25n, to: 50n, count: 1 },
      ],
    });
    expect(file.map("steps").get(0)).toMatchObject({
      count: 3,
      buckets: [{ from: 0n }, {}, {}, {}, { from: 100n, count: 2 }],
    });
    expect(file.map("times").entries()).toContainEqual([
      { odd: 0, comm: "reader" },
      { count: 3, total: 300n, average: 100n },
    ]);
    expect(file.map("means").get(0)).toEqual({ count: 6, total: 329n, average: 54n });
    expect(file.map("most").get(0)).toBe(150n);
    expect(new Map(file.map("calls").entries() as [number, number][])).toEqual(
      new Map([
        [0, 3],
        [1, 3],
      ]),
    );
    expect(file.map("means").aggregate).toEqual({ kind: "avg", signed: false });
  });

  it("storage of tasks", async () => {
    await using file = opened(`
      import { bpf, btfTracepoint, hash, struct, taskStorage, tracepoint, u32, u64 } from "scry/bpf";
      const Seen = struct({ calls: u32, most: u64 });
      export const tasks = taskStorage(Seen);
      export const totals = taskStorage(u64);
      export const found = hash(u32, u64);
      ${atReads(`
        const task = bpf.task();
        if (tasks.get(task) === undefined) found.add(1);
        const seen = tasks.get(task, { create: true });
        if (seen === undefined) return;
        seen.calls += 1;
        if (n > seen.most) seen.most = n;
        totals.add(task, n);
        if (n === 20) {
          found.set(2, seen.calls);
          found.set(3, seen.most);
          found.set(4, totals.get(task) ?? 0);
          totals.set(bpf.task(), 5);
          found.set(5, totals.get(task) ?? 0);
          found.set(6, tasks.delete(task) ? 1 : 0);
          if (tasks.get(task) === undefined) found.set(7, 1);
        }`)}
      export const change = btfTracepoint("sched_switch", (_preempt, previous, next) => {
        if (previous.tgid === ${process.pid} && previous.pid === ${process.pid}) totals.add(previous, 0);
      });`);
    await file.load();
    await file.attach();
    reads(60_030, 60_010, 60_020);
    expect(new Map(file.map("found").entries() as [number, bigint][])).toEqual(
      new Map([
        [1, 1n],
        [2, 3n],
        [3, 30n],
        [4, 60n],
        [5, 5n],
        [6, 1n],
        [7, 1n],
      ]),
    );
  });
});
