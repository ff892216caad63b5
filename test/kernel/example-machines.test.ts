// The examples of kernel modules on the embedded machine: with the types of the running kernel, and no program in it. What that
// machine has not is said: a congestion control, and sockets as tcplife asks for them.

import { describe, expect, it } from "vitest";
import type { Histogram, i64, KernelMap, Live, Ring, u32, u64 } from "../../src/bpf/index.ts";
import { testProgram } from "../../src/test-kit.ts";

/** What the tests use of the modules, as tsc sees it. */
interface Row {
  readonly [member: string]: unknown;
}
interface Execsnoop {
  readonly execs: Ring<Row>;
  readonly exits: Ring<Row>;
  readonly parent: Live<u32>;
  readonly uid: Live<u32>;
  readonly name: Live<string>;
  readonly failed: Live<u32>;
}
interface Opensnoop {
  readonly opens: Ring<Row>;
  readonly pid: Live<u32>;
  readonly tid: Live<u32>;
  readonly uid: Live<u32>;
  readonly name: Live<string>;
  readonly flags: Live<u32>;
  readonly failed: Live<u32>;
  readonly cgroup: Live<u64>;
}
interface Runqlat {
  readonly latency: KernelMap<u32, Histogram>;
  readonly pid: Live<u32>;
  readonly tid: Live<u32>;
  readonly milliseconds: Live<u32>;
  readonly byProcess: Live<u32>;
  readonly byThread: Live<u32>;
  readonly byNamespace: Live<u32>;
}
interface Biolatency {
  readonly latency: KernelMap<Row, Histogram>;
  readonly disk: Live<u32>;
  readonly byDisk: Live<u32>;
  readonly byKind: Live<u32>;
  readonly queued: Live<u32>;
}
interface Offcputime {
  readonly waited: KernelMap<Row, i64>;
  readonly pid: Live<u32>;
  readonly tid: Live<u32>;
  readonly state: Live<u32>;
  readonly least: Live<u64>;
  readonly most: Live<u64>;
}
interface Memleak {
  readonly outstanding: KernelMap<u64, { readonly size: u64 }>;
  readonly bytes: KernelMap<Row, i64>;
  readonly counts: KernelMap<Row, i64>;
  readonly least: Live<u64>;
  readonly most: Live<u64>;
  readonly every: Live<u32>;
}

const example = (name: string): URL => new URL(`../../examples/kernel/${name}.bpf.ts`, import.meta.url);

describe("examples/kernel on the embedded machine", () => {
  it("execsnoop tells of programs with their arguments, and how they end", async () => {
    await using t = await testProgram<Execsnoop>(example("execsnoop"));
    /** What a new program finds on its stack: how many arguments, and where they are. */
    const stack = (...args: string[]): bigint => {
      const words = args.map((arg) => t.machine.place(new TextEncoder().encode(`${arg}\0`), "user"));
      const view = new DataView(new ArrayBuffer(8 * (1 + words.length)));
      view.setBigUint64(0, BigInt(words.length), true);
      words.forEach((word, i) => {
        view.setBigUint64(8 * (i + 1), word, true);
      });
      return t.machine.place(new Uint8Array(view.buffer), "user");
    };
    const starts = (
      pid: number,
      args: readonly string[],
      more: { parent?: number; uid?: number; comm?: string } = {},
    ) =>
      t.fire(
        "exec",
        { filename: "/usr/bin/ls" },
        {
          pid,
          uid: more.uid ?? 0,
          comm: more.comm ?? "ls",
          task: { real_parent: { tgid: more.parent ?? 1 }, mm: { start_stack: stack(...args) } },
        },
      );
    const ends = (pid: number, exit_code: number, tid = pid) =>
      t.fire("exit", {}, { pid, tid, comm: "ls", task: { exit_code } });

    starts(7, ["ls", "-l", "/tmp"], { parent: 3, uid: 1000 });
    t.time.advance(5_000_000);
    ends(7, 0, 8);
    ends(7, 2 << 8);
    expect(t.execs.drain()).toEqual([
      {
        at: 0n,
        pid: 7,
        parent: 3,
        uid: 1000,
        comm: "ls",
        file: "/usr/bin/ls",
        count: 3,
        args: ["ls", "-l", "/tmp", "", "", "", "", ""],
      },
    ]);
    expect(t.exits.drain()).toEqual([
      { at: 5_000_000n, pid: 7, code: 2, signal: 0, comm: "ls", nanoseconds: 5_000_000n },
    ]);

    starts(
      9,
      Array.from({ length: 12 }, (_, i) => `${i}`),
    );
    ends(9, 15);
    expect(t.execs.drain()).toMatchObject([{ count: 12, args: ["0", "1", "2", "3", "4", "5", "6", "7"] }]);
    expect(t.exits.drain()).toMatchObject([{ code: 0, signal: 15 }]);

    t.parent.value = 3;
    t.uid.value = 0;
    t.name.value = "ba";
    starts(10, ["x"], { parent: 4, comm: "bash" });
    starts(11, ["x"], { parent: 3, comm: "bash", uid: 5 });
    starts(12, ["x"], { parent: 3, comm: "b" });
    starts(13, ["x"], { parent: 3, comm: "bash" });
    starts(14, ["x"], { parent: 3, comm: "ba" });
    expect(t.execs.drain().map(({ pid }) => pid)).toEqual([13, 14]);
    t.failed.value = 1;
    ends(13, 0);
    ends(14, 1 << 8);
    expect(t.exits.drain().map(({ pid }) => pid)).toEqual([14]);
  });

  it("opensnoop has its filters", async () => {
    await using t = await testProgram<Opensnoop>(example("opensnoop"));
    const who = { pid: 7, tid: 8, uid: 5, comm: "cat" };
    /** What it says of an open by this task. */
    const seen = (result: number, flags = 0, source: object = {}): unknown => {
      t.fire("sys_enter_openat", { filename: "/etc/passwd", flags }, { ...who, ...source });
      t.fire("sys_exit_openat", { ret: result }, { ...who, ...source });
      return t.opens.drain().length;
    };
    t.fire("sys_enter_open", { filename: "/a", flags: 1 }, who);
    t.fire("sys_exit_open", { ret: 3 }, who);
    const how = t.machine.place(new Uint8Array([0x42, 0, 0, 0, 0, 0, 0, 0]), "user");
    t.fire("sys_enter_openat2", { filename: "/b", how }, who);
    t.fire("sys_exit_openat2", { ret: -2 }, who);
    expect(t.opens.drain()).toEqual([
      { pid: 7, tid: 8, uid: 5, result: 3, flags: 1, comm: "cat", file: "/a" },
      { pid: 7, tid: 8, uid: 5, result: -2, flags: 0x42, comm: "cat", file: "/b" },
    ]);
    t.fire("sys_exit_openat", { ret: 3 }, who);
    expect(t.opens.drain(), "whose beginning was not seen").toEqual([]);

    t.failed.value = 1;
    expect([seen(3), seen(-1)]).toEqual([0, 1]);
    t.failed.value = 0;
    for (const [filter, value, other] of [
      ["pid", 7, { pid: 6 }],
      ["tid", 8, { tid: 6 }],
      ["uid", 5, { uid: 6 }],
    ] as const) {
      const before = t[filter].value;
      t[filter].value = value;
      expect([seen(3), seen(3, 0, other)], filter).toEqual([1, 0]);
      t[filter].value = before;
    }
    t.flags.value = 0x240;
    expect([seen(3, 0x40), seen(3, 0x201), seen(3, 0x1)]).toEqual([1, 1, 0]);
    t.flags.value = 0;
    t.name.value = "ca";
    expect([seen(3), seen(3, 0, { comm: "ca" }), seen(3, 0, { comm: "c" }), seen(3, 0, { comm: "dog" })]).toEqual([
      1, 1, 0, 0,
    ]);
    t.name.value = "";
    t.cgroup.value = 1n << 40n;
    expect(seen(3)).toBe(0);
  });

  it("runqlat measures from waking to running", async () => {
    await using t = await testProgram<Runqlat>(example("runqlat"));
    const task = (pid: number, tgid = pid, more: object = {}) => ({ pid, tgid, ...more });
    const waits = (pid: number, nanoseconds: number, next: object = {}) => {
      t.fire("wakeup", { task: task(pid, pid + 1000) });
      t.time.advance(nanoseconds);
      t.fire("change", { previous: task(1, 1, { __state: 1 }), next: task(pid, pid + 1000, next) });
    };
    waits(7, 5000);
    expect(t.latency.entries()).toEqual([[0, { count: 1, buckets: [{ from: 4n, to: 8n, count: 1 }] }]]);
    // One that is taken off while it could go on waits from then.
    t.fire("change", { previous: task(7), next: task(1) });
    t.time.advance(1000);
    t.fire("change", { previous: task(1, 1, { __state: 1 }), next: task(7) });
    expect(t.latency.get(0)?.count).toBe(2);
    t.latency.clear();
    t.milliseconds.value = 1;
    t.byThread.value = 1;
    waits(7, 9_000_000);
    expect(t.latency.entries()).toEqual([[7, { count: 1, buckets: [{ from: 8n, to: 16n, count: 1 }] }]]);
    t.latency.clear();
    t.byThread.value = 0;
    t.byProcess.value = 1;
    waits(7, 1);
    t.byProcess.value = 0;
    t.byNamespace.value = 1;
    waits(7, 1, { nsproxy: { pid_ns_for_children: { ns: { inum: 4_026_531_836 } } } });
    waits(7, 1);
    expect([...t.latency.keys()].sort()).toEqual([0, 1007, 4_026_531_836].sort());
    t.latency.clear();
    t.pid.value = 1007;
    waits(8, 1);
    t.tid.value = 8;
    waits(7, 1);
    expect(t.latency.size).toBe(0);
  });

  it("biolatency measures requests of disks", async () => {
    await using t = await testProgram<Biolatency>(example("biolatency"));
    const request = { dev: 8 << 20, sector: 100 };
    t.fire("insert", request);
    t.time.advance(3000);
    t.fire("issue", request);
    t.time.advance(5000);
    t.fire("complete", { ...request, rwbs: "WS" });
    t.fire("complete", { ...request, rwbs: "WS" });
    expect(t.latency.entries()).toEqual([
      [
        { disk: 0, kind: "" },
        { count: 1, buckets: [{ from: 4n, to: 8n, count: 1 }] },
      ],
    ]);
    t.latency.clear();
    t.queued.value = 1;
    t.byDisk.value = 1;
    t.byKind.value = 1;
    t.fire("insert", request);
    t.time.advance(3000);
    t.fire("issue", request);
    t.time.advance(6000);
    t.fire("complete", { ...request, rwbs: "WS" });
    expect(t.latency.entries()).toEqual([
      [
        { disk: 8 << 20, kind: "WS" },
        { count: 1, buckets: [{ from: 8n, to: 16n, count: 1 }] },
      ],
    ]);
    t.disk.value = 9 << 20;
    t.latency.clear();
    t.fire("issue", request);
    t.fire("complete", { ...request, rwbs: "R" });
    expect(t.latency.size).toBe(0);
  });

  it("offcputime sums up where tasks wait", async () => {
    await using t = await testProgram<Offcputime>(example("offcputime"));
    const idle = { pid: 0, tgid: 0 };
    const waits = (previous: object, microseconds: number) => {
      t.fire("change", { previous: { pid: 8, tgid: 7, comm: "cat", __state: 1, ...previous }, next: idle }, { pid: 7 });
      t.time.advance(microseconds * 1000);
      t.fire("change", { previous: idle, next: { pid: 8, tgid: 7 } });
    };
    waits({}, 40);
    waits({}, 2);
    waits({}, 0);
    expect([...t.waited.entries()].map(([{ pid, comm }, sum]) => [pid, comm, sum])).toEqual([[7, "cat", 42n]]);
    t.waited.clear();
    t.least.value = 5n;
    t.most.value = 10n;
    for (const microseconds of [4, 5, 10, 11]) waits({}, microseconds);
    expect([...t.waited.values()]).toEqual([15n]);
    t.waited.clear();
    t.state.value = 2;
    waits({}, 6);
    waits({ __state: 2 }, 7);
    t.tid.value = 9;
    waits({ __state: 2 }, 8);
    t.tid.value = 0;
    t.pid.value = 6;
    waits({ __state: 2 }, 8);
    expect([...t.waited.values()]).toEqual([7n]);
  });

  it("memleak keeps what is not given back", async () => {
    await using t = await testProgram<Memleak>(example("memleak"));
    const who = { pid: 7 };
    const gets = (function_: string, sizes: object, address: number) => {
      t.fire(function_, sizes as Record<string, number>, who);
      t.fire(`${function_}s`, { address }, who);
    };
    gets("malloc", { size: 100 }, 0x1000);
    gets("calloc", { count: 3, size: 10 }, 0x2000);
    gets("malloc", { size: 50 }, 0);
    t.fire("realloc", { address: 0x1000, size: 120 }, who);
    t.fire("reallocs", { address: 0x3000 }, who);
    t.fire("free", { address: 0x2000 }, who);
    t.fire("free", { address: 0x9000 }, who);
    expect([...t.outstanding.entries()].map(([address, { size }]) => [address, size])).toEqual([[0x3000n, 120n]]);
    expect([...t.bytes.values()]).toEqual([120n]);
    expect([...t.counts.values()]).toEqual([1n]);
    t.least.value = 10n;
    t.most.value = 20n;
    for (const size of [9, 10, 20, 21]) gets("malloc", { size }, 0x4000 + size);
    expect([...t.outstanding.values()].map(({ size }) => size).sort()).toEqual([10n, 120n, 20n].sort());
    t.most.value = 1n << 40n;
    t.every.value = 4;
    const before = t.outstanding.size;
    for (let i = 0; i < 400; i++) gets("malloc", { size: 16 }, 0x10_000 + 16 * i);
    expect(t.outstanding.size - before).toBeGreaterThan(60);
    expect(t.outstanding.size - before).toBeLessThan(140);
  });
});
