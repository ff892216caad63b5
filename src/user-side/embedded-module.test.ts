// Kernel modules on the embedded machine, from their texts; no kernel is asked.

import { describe, expect, it } from "vitest";
import type { ArrayMap, i32, KernelMap, Live, PerCpu, Program, Ring, u32, u64 } from "../bpf/index.ts";
import { type Btf, BtfWriter } from "../btf/index.ts";
import { embeddedProgram } from "../embedded.ts";
import { compileModule } from "../lang/kernel-ts/index.ts";
import type { BpfObject } from "../object/index.ts";
import { type Diagnostic, DiagnosticError, formatDiagnostic } from "../source/index.ts";
import { testProgram } from "../test-kit.ts";
import { embeddedModule } from "./embedded-module.ts";
import type { TypedMap } from "./typed-map.ts";

const path = new URL("../../test/data/modules/slow-reads.bpf.ts", import.meta.url);
/** As tsc sees the module. */
interface Slow {
  readonly slow: Ring<{ pid: u32; comm: string; ns: u64 }>;
  readonly threshold: Live<u64>;
  readonly counts: PerCpu<ArrayMap<u64>>;
  readonly sizes: KernelMap<u32, { pid: u32; comm: string; ns: u64 }>;
  readonly enter: Program;
  readonly exit: Program;
  readonly short: Program;
}
const open = (options = {}) => testProgram<Slow>(path, { btf: null, ...options });
/** A kernel of a few structs, laid out as a compiler would. */
function typedTask(): Btf {
  const w = new BtfWriter();
  const u32 = w.int("unsigned int", 4);
  const i32 = w.int("int", 4, { signed: true });
  const u16 = w.int("short unsigned int", 2);
  const bool = w.int("_Bool", 1, { bool: true });
  const comm = w.array(w.int("char", 1, { signed: true, char: true }), 16, u32);
  const member = (name: string, type: number, bitOffset: number, bitfieldSize = 0) => ({
    name,
    type,
    bitOffset,
    bitfieldSize,
  });
  const task = w.nextId + 1;
  const toTask = w.ptr(task);
  w.struct("task_struct", 48, [
    member("flags", u32, 0),
    member("tgid", i32, 32),
    member("comm", comm, 64),
    member("real_parent", toTask, 192),
    member("before", u32, 256, 2),
    member("in_execve", u32, 258, 1),
  ]);
  const inode = w.struct("inode", 8, [member("i_mode", u16, 16)]);
  const file = w.struct("file", 16, [member("f_inode", w.ptr(inode), 64)]);
  w.func("vfs_read", w.funcProto(i32, [{ name: "file", type: w.ptr(file) }]));
  const proto = w.funcProto(
    0,
    [w.ptr(0), bool, toTask, toTask].map((type) => ({ name: "", type })),
  );
  w.typedef("btf_trace_sched_switch", w.ptr(proto));
  return w.btf();
}
const IMPORTS =
  'import { bpf, btfTracepoint, hash, live, rawTracepoint, ring, struct, text, tracepoint, u32, u64, uprobe } from "scry/bpf";\n';

describe("a module on the embedded machine", () => {
  it("sees what is fired, by the clock that the test sets", async () => {
    await using t = await open();
    t.fire("sys_enter_read", {}, { pid: 7 });
    t.time.advance(20_000_000);
    expect(t.maps["started"]?.entries()).toEqual([[7, 0n]]);
    t.fire("syscalls:sys_exit_read", { ret: 5 }, { pid: 7, comm: "cat" });
    expect(t.slow.drain()).toEqual([{ pid: 7, comm: "cat", ns: 20_000_000n }]);
    expect(t.maps["started"]?.size).toBe(0);
    t.threshold.value = 30_000_000n;
    t.fire("enter", {}, { pid: 7, time: 50 });
    t.fire("exit", { ret: 5 }, { pid: 7, time: 30_000_050 });
    t.fire("enter", {}, { pid: 8 });
    t.fire("exit", { ret: -4 }, { pid: 8, time: 90_000_000 });
    expect(t.slow.take()).toEqual([]);
    expect(t.exit.stats().runs).toBe(3n);
  });

  it("gives records to who waits for them", async () => {
    await using t = await open();
    const seen: bigint[] = [];
    const reading = (async () => {
      for await (const { ns } of t.slow) {
        seen.push(ns);
        if (seen.length === 2) break;
      }
    })();
    const batches: number[] = [];
    for (const pid of [1, 2, 3]) {
      t.fire("enter", {}, { pid });
      t.time.advance(10_000_000 + pid);
      t.fire("exit", { ret: 1 }, { pid });
    }
    await reading;
    expect(seen).toEqual([10_000_001n, 10_000_002n]);
    const end = t.slow.onBatch((records) => batches.push(...records.map(({ pid }) => pid)));
    await new Promise((resolve) => setTimeout(resolve, 0));
    end();
    expect(batches).toEqual([3]);
  });

  it("has values for each CPU, summed or listed", async () => {
    await using t = await open({ cpus: 3 });
    for (const cpu of [0, 2, 2]) {
      t.fire("enter", {}, { pid: 1, cpu });
      t.fire("exit", { ret: 1 }, { pid: 1, cpu });
    }
    expect(t.counts.perCpu(1)).toEqual([2n, 0n, 4n]);
    expect(t.counts.get(1)).toEqual([2n, 0n, 4n]);
    expect(t.counts.sum(1)).toBe(6n);
    expect(t.counts.sums()).toEqual([
      [0, 0n],
      [1, 6n],
    ]);
    expect(t.counts.perCpu(2)).toEqual([]);
    expect(t.counts.sum(2)).toBeUndefined();
  });

  it("has maps like a Map", async () => {
    await using t = await open();
    t.sizes.setMany([
      [1, { pid: 1, comm: "one" }],
      [2, { ns: 2 }],
    ]);
    expect(() => t.sizes.set(1, {}, "no_exist")).toThrow("errno 17");
    expect(t.sizes.has(2)).toBe(true);
    expect([...t.sizes].map(([key, { comm, ns }]) => `${key} ${comm} ${ns}`).sort()).toEqual(["1 one 0", "2  2"]);
    expect(t.sizes.take(1)).toEqual({ pid: 1, comm: "one", ns: 0n });
    expect(t.sizes.take(1)).toBeUndefined();
    expect(t.sizes.deleteMany([1, 2, 3])).toBe(1);
    expect(t.sizes.size).toBe(0);
    t.sizes.set(3, { pid: 9 });
    const seen: number[] = [];
    for await (const [key] of t.sizes) seen.push(key);
    t.sizes.forEach(({ pid }) => {
      seen.push(pid);
    });
    expect(seen).toEqual([3, 9]);
  });

  it("runs packets", async () => {
    await using t = await open();
    expect(t.run("short", { packet: new Uint8Array(59) })).toMatchObject({ verdict: "DROP", value: 1 });
    const packet = new Uint8Array(64).fill(7);
    expect(t.short.test({ packet })).toMatchObject({ verdict: "PASS", packet });
  });

  it("counts what a ring had no room for", async () => {
    await using t = await open();
    t.threshold.value = 0n;
    for (let i = 0; i < 200; i++) {
      t.fire("enter", {}, { pid: 1 });
      t.time.advance(1);
      t.fire("exit", { ret: 1 }, { pid: 1 });
    }
    const { length } = t.slow.drain();
    expect(length).toBeLessThan(200);
    expect(t.slow.lost).toBe(200 - length);
  });

  it("says what nobody sees", async () => {
    await using t = await open();
    expect(() => t.fire("sys_exit_raed", {})).toThrow(
      "no program stands at sys_exit_raed. Did you mean 'sys_exit_read'?",
    );
    expect(() => t.fire("sys_exit_read", { rett: 1 })).toThrow(
      "no program at sys_exit_read has a field rett: there are ret",
    );
    expect(() => t.fire("sys_exit_read", { ret: 1.5 })).toThrow('field "ret" is a whole number, not 1.5');
    expect(() => t.run("gone")).toThrow("there is no program gone");
    expect(() => t.run("exit", { task: { pid: 1 } })).toThrow("the types of a kernel are needed");
  });

  it("is made of a text alone", () => {
    const t = embeddedProgram(`${IMPORTS}
      export const total = live(u64, 0);
      export const f = uprobe("/lib/libc.so.6:malloc", (size: u64) => { total.value += size; bpf.print(\`\${size} bytes\`); });
      export const g = rawTracepoint("sys_enter", (regs, id) => { total.value += id; });`);
    t.fire("malloc", { size: 5 });
    t.fire("uprobe:/lib/libc.so.6:malloc", { size: 6 });
    t.fire("sys_enter", { id: 100 });
    expect((t.exports["total"] as { value: bigint }).value).toBe(111n);
    expect(t.printed).toEqual(["5 bytes", "6 bytes"]);
  });

  it("tells what is wrong with a module by its place", () => {
    expect(() => embeddedProgram(`${IMPORTS}export const f = uprobe("x:y", () => { bpf.pdi(); });`)).toThrow(
      "there is no bpf.pdi",
    );
  });

  it("takes the formats of tracepoints that it is given", async () => {
    const format =
      "name: thing\nID: 1\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:__data_loc char[] file;\toffset:8;\tsize:4;\tsigned:0;\n\tfield:int code;\toffset:12;\tsize:4;\tsigned:1;\n";
    const module = new URL("../../test/data/modules/things.bpf.ts", import.meta.url);
    await using t = await testProgram<{ things: Ring<{ file: string; code: i32 }> }>(module, {
      btf: null,
      tracepoints: { "some:thing": format },
    });
    t.fire("thing", { file: "/etc/passwd", code: -2 });
    expect(t.things.drain()).toEqual([{ file: "/etc/passwd", code: -2 }]);
  });

  it("reads structs of the kernel's that events point to", async () => {
    const module = new URL("../../test/data/modules/switches.bpf.ts", import.meta.url);
    await using t = await testProgram<{ switches: Ring<{ from: string; parent: i32; own: u32 }> }>(module, {
      btf: typedTask(),
    });
    const next = { real_parent: { tgid: 7 } };
    t.fire("sched_switch", { preempt: false, prev: { comm: "cat" }, next }, { task: { flags: 3, in_execve: 1 } });
    t.fire("vfs_read", { file: { f_inode: { i_mode: 0o601 } } });
    expect(t.switches.drain()).toEqual([
      { from: "cat", parent: 7, own: 3 },
      { from: "", parent: 0, own: 0o601 },
    ]);
    expect(() => t.fire("sched_switch", { prev: { com: "cat" } })).toThrow(
      "struct task_struct has no member com. Did you mean 'comm'?",
    );
    expect(() => t.fire("sched_switch", { preempt: { pid: 1 } })).toThrow("is no struct of the kernel's");
  });

  it("has queues, aggregates, maps in maps and tail calls", () => {
    const t = embeddedProgram(
      `import { arrayOfMaps, count, hash, hist, live, programArray, queue, rawTracepoint, stats, u32, u64 } from "scry/bpf";
      export const waiting = queue(u32, { maxEntries: 3 });
      export const sizes = hash(u32, hist());
      export const times = hash(u32, stats());
      export const calls = hash(u32, count());
      const inner = hash(u32, u64, { maxEntries: 4 });
      const outer = arrayOfMaps([inner]);
      export const last = live(u32, 0);
      export const other = rawTracepoint("none", () => { last.value = 9; });
      const others = programArray([other]);
      export const f = rawTracepoint("sys_enter", (regs, id) => {
        waiting.push(u32(id));
        sizes.record(1, id);
        times.record(1, id);
        calls.record(2);
        outer.get(0)?.add(5, id);
        others.tailCall(0);
      });`,
      { cpus: 2 },
    );
    const maps = t.maps as Readonly<Record<string, TypedMap>>;
    for (const [id, cpu] of [
      [5, 0],
      [6, 1],
      [40, 0],
    ] as const)
      t.fire("sys_enter", { id }, { cpu });
    expect([maps["waiting"]?.peek(), maps["waiting"]?.pop(), maps["waiting"]?.pop()]).toEqual([5, 5, 6]);
    maps["waiting"]?.push(7);
    expect([maps["waiting"]?.pop(), maps["waiting"]?.pop(), maps["waiting"]?.pop()]).toEqual([40, 7, undefined]);
    expect(maps["calls"]?.get(2)).toBe(3);
    expect(maps["times"]?.get(1)).toEqual({ count: 3, total: 51n, average: 17n });
    expect(maps["sizes"]?.get(1)).toEqual({
      count: 3,
      buckets: [
        { from: 4n, to: 8n, count: 2 },
        { from: 8n, to: 16n, count: 0 },
        { from: 16n, to: 32n, count: 0 },
        { from: 32n, to: 64n, count: 1 },
      ],
    });
    expect(maps["inner"]?.get(5)).toBe(51n);
    expect((t.exports["last"] as { value: number }).value).toBe(9);
  });

  it("gives static probes their arguments by name", () => {
    const source = {
      name: "t.bpf.ts",
      text: `import { live, u32, u64, usdt } from "scry/bpf";
export const seen = live(u64, 0);
export const step = usdt("./app:own:step", (turn: u32, size: u64) => { seen.value += turn * size; });`,
    };
    const { object } = compileModule(source, { embedded: true, anyTracepoint: true });
    const t = embeddedModule(object as BpfObject);
    t.fire("step", { turn: 3, size: 2n ** 33n });
    expect((t.exports["seen"] as { value: bigint }).value).toBe(3n * 2n ** 33n);
  });

  it("stops a program that reads what is not its own, and says where", () => {
    const text = `import { btfTracepoint, live, u32 } from "scry/bpf";
export const flags = live(u32, 0);
export const switched = btfTracepoint("sched_switch", (preempt, prev) => {
  flags.value = prev.flags;
});`;
    const source = { name: "t.bpf.ts", text };
    const btf = typedTask();
    // As for a kernel, which lets programs read there.
    const { object } = compileModule(source, { btf: () => btf });
    const t = embeddedModule(object as BpfObject, { btf });
    const stopped = (() => {
      try {
        t.fire("sched_switch", { prev: { flags: 1 } });
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(stopped).toBeInstanceOf(DiagnosticError);
    const [diagnostic] = (stopped as DiagnosticError).diagnostics;
    expect(diagnostic?.code).toBe("SCRY7012");
    expect(formatDiagnostic(diagnostic as Diagnostic, source)).toMatch(
      /^t\.bpf\.ts:4:.*ERROR: program "switched" was stopped: a read of 4 bytes at 0xffffc900[0-9a-f]+ is outside/,
    );
  });
});
