// The loader on the live kernel: objects of C, compiled here, that see only what these tests start.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesOf, compileC, compileProgram, workFolder } from "../../test/support/c-object.ts";
import { hasClang, lacking } from "../../test/support/skips.ts";
import { bpfFileSystems, hasFeature, hasMap } from "../kernel/index.ts";
import { packObject, readObject } from "../object/index.ts";
import { openObject } from "./index.ts";

const folder = workFolder();
afterAll(() => folder.remove());
const noClang = lacking("the loader", { clang: hasClang });

/** What C here asks for by `bpf_get_attach_cookie` (Linux 5.15). */
const cookies = hasFeature("perfEventCookie");

/** Calls that tests watch this process itself make. */
const nudge = (): void => void execFileSync("true");

const EVENTS = `
enum kind { QUIET = 1, LOUD = 7 };
struct point { s32 x; u64 y; };
struct event { u32 pid; enum kind kind; u64 when; char comm[16]; struct point at; u8 flags:3, rest:5; bool ok; };
const volatile u32 wanted = 0;
const volatile char greeting[16] = "none";
u64 seen = 0;
struct point last = { .x = -5, .y = 5 };
static volatile u64 hidden[3];
struct { __uint(type, 27); __uint(max_entries, 65536); __type(value, struct event); } events SEC(".maps");
struct { __uint(type, 4); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 8); __type(key, struct point); __type(value, struct event); } table SEC(".maps");
struct { __uint(type, 6); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } percpu SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 4); __uint(key_size, 3); __uint(value_size, 5); } plain SEC(".maps");
struct { __uint(type, 22); __uint(max_entries, 4); __type(value, u32); } queue SEC(".maps");
SEC("raw_tp/sys_enter") int f(u64 *ctx) {
  u32 pid = pid_tgid() >> 32;
  if (pid != wanted) return 0;
  __sync_fetch_and_add(&seen, 1);
  hidden[1] = seen;
  u32 zero = 0;
  u64 *count = lookup(&percpu, &zero);
  if (count) *count += 1;
  if (ctx[1] != 39 /* getpid */ && seen > 3) return 0;
  struct event *e = ring_reserve(&events, sizeof(*e), 0);
  if (!e) return 0;
  e->pid = pid; e->kind = LOUD; e->when = ktime(); comm(e->comm, 16); e->at.x = -3; e->at.y = 1ull << 40; e->flags = 5; e->rest = 9; e->ok = 1;
  perf_output(ctx, &perf, 0xffffffff, e, sizeof(*e));
  last = e->at;
  ring_submit(e, 0);
  return 0;
}
SEC("raw_tp/sys_exit") int g(u64 *ctx) { return 0; }
SEC("?raw_tp/sys_exit") int h(u64 *ctx) { return 0; }
`;

describe.skipIf(noClang)("an object as data", () => {
  it("is loaded as the file is that it was made of", async () => {
    const text = `extern int LINUX_KERNEL_VERSION __kconfig; static int seen = 3; const volatile int added = 1;
      struct task_struct { int tgid; } __attribute__((preserve_access_index));
      static struct task_struct *(*current)(void) = (void *) 158;
      SEC("xdp") int p(void *ctx) { return added + seen++ + (LINUX_KERNEL_VERSION > 0x40000) * 10; }
      SEC("tp_btf/sys_enter") int own(void *ctx) { return current()->tgid == 0; }`;
    const bytes = packObject(readObject(bytesOf(compileC(folder.path, "data", text))).object);
    await using object = await openObject(bytes, { name: "data" });
    object.rodata["added"] = 30;
    await object.load();
    const packet = { data: new Uint8Array(64) };
    expect([0, 1].map(() => object.program("p").testRun(packet).value)).toEqual([43, 44]);
    expect(object.data["seen"]).toBe(5);
    expect(object.program("own").isLoaded).toBe(true);
  });
});

describe.skipIf(noClang)("several files", () => {
  it("are opened as one object", async () => {
    const main = compileC(folder.path, "main", `extern int far(int x); SEC("xdp") int p(void *ctx) { return far(1); }`);
    const far = compileC(folder.path, "far", "int far(int x) { return x + 1; }");
    await using object = await openObject([main, far]);
    expect(object.name).toBe("main");
    await object.load();
    expect(object.program("p").testRun({ data: new Uint8Array(64) }).value).toBe(2);
    await expect(openObject(main)).rejects.toThrow(/main.bpf.o: p: nothing defines far/);
  });
});

describe("C that is no file", () => {
  it("is compiled, loaded and attached", async () => {
    await using object = await openObject({
      name: "calls",
      c: `#include "vmlinux.h"
      #include <bpf/bpf_helpers.h>
      char _license[] SEC("license") = "GPL";
      const volatile u32 wanted = 0;
      u64 seen = 0;
      SEC("raw_tp/sys_enter") int enter(void *ctx) { if (bpf_get_current_pid_tgid() >> 32 == wanted) __sync_fetch_and_add(&seen, 1); return 0; }`,
    });
    expect(object.name).toBe("calls");
    object.rodata["wanted"] = process.pid;
    await object.load();
    await object.attach();
    nudge();
    expect(Number(object.bss["seen"])).toBeGreaterThan(0);
    await expect(openObject({ c: "int f(" })).rejects.toThrow("expected a parameter");
  });
});

describe.skipIf(noClang)("an object", () => {
  let path = "";
  beforeAll(() => {
    path = compileC(folder.path, "events", EVENTS);
  });

  it("is opened, changed, loaded, attached; its rings, variables and maps are typed", async () => {
    await using object = await openObject(path);
    expect(object.name).toBe("events");
    expect(Object.keys(object.programs)).toEqual(["f", "g", "h"]);
    object.rodata["wanted"] = process.pid;
    object.rodata["greeting"] = "hello";
    expect(object.rodata["greeting"]).toBe("hello");
    expect(object.data["last"]).toEqual({ x: -5, y: 5n });
    object.map("table").maxEntries = 16;
    object.program("g").load = false;
    expect(() => object.map("tabel")).toThrow("events has no map tabel. Did you mean 'table'?");
    await object.load();
    expect(object.program("h").isLoaded).toBe(false);
    expect(object.map("table").info()).toMatchObject({ type: "hash", maxEntries: 16, keySize: 16 });
    expect(() => {
      object.rodata["wanted"] = 1;
    }).toThrow("cannot be written any more");
    expect(() => {
      object.map("table").maxEntries = 4;
    }).toThrow("is loaded");
    await using records = object.map("events").records();
    await using perf = object.map("perf").records({ type: "event" });
    const links = await object.attach();
    expect(links.map((l) => l.name)).toEqual(["f"]);
    expect(links[0]?.info()).toMatchObject([{ type: "raw_tracepoint", program: object.program("f").info().id }]);
    nudge();
    const [first] = await records.next();
    expect(first).toMatchObject({
      pid: process.pid,
      kind: "LOUD",
      at: { x: -3, y: 1n << 40n },
      flags: 5,
      rest: 9,
      ok: true,
    });
    expect(first).toHaveProperty("comm", expect.stringMatching(/^[\x20-\x7e]+$/));
    const [same] = await perf.next();
    expect(same).toMatchObject({ pid: process.pid, kind: "LOUD" });
    expect(perf.lost).toBe(0);
    expect(object.bss["seen"]).toBeGreaterThan(0n);
    expect((object.bss["hidden"] as bigint[])[1]).toBeGreaterThan(0n);
    expect(object.data["last"]).toEqual({ x: -3, y: 1n << 40n });
    object.data["last"] = { x: 12 };
    expect(object.map("percpu").get(0)).toEqual(expect.arrayContaining([expect.any(BigInt)]));
    for (const link of links) await link.detach();
    expect(object.links).toEqual([]);
    object.data["last"] = { x: 12 };
    expect(object.data["last"]).toEqual({ x: 12, y: 1n << 40n });
  });

  it("reads and writes maps of every shape", async () => {
    await using object = await openObject(path);
    await object.load();
    const table = object.map("table");
    table.set({ x: 1, y: 2 }, { pid: 3, kind: "QUIET", comm: "me", flags: 7, at: { y: 9n } });
    table.set({ x: 2 }, { kind: 4 });
    expect(table.get({ x: 1, y: 2n })).toMatchObject({ pid: 3, kind: "QUIET", comm: "me", flags: 7, rest: 0 });
    expect(table.get({ x: 2 })).toMatchObject({ kind: 4, at: { x: 0, y: 0n } });
    expect(table.keys()).toHaveLength(2);
    expect([...table].map(([key]) => (key as { x: number }).x).sort()).toEqual([1, 2]);
    expect(table.delete({ x: 2 })).toBe(true);
    expect(table.has({ x: 2 })).toBe(false);
    expect(() => table.set({ x: 1, z: 2 }, {})).toThrow("table: a key: struct point has no member z");
    expect(() => table.set({ x: 1 }, { comm: "seventeen letters" })).toThrow(/comm is text of at most 16 bytes/);
    expect(() => table.set({ x: 1 }, { flags: 8 })).toThrow(/flags is a number of 3 bits, not 8/);
    expect(() => table.set({ x: 1 }, { kind: "SILENT" })).toThrow(/a name of enum kind \(QUIET, LOUD\)/);
    const percpu = object.map("percpu");
    const cpus = (percpu.get(1) as bigint[]).length;
    percpu.set(
      1,
      Array.from({ length: cpus }, (_, i) => i),
    );
    expect(percpu.get(1)).toEqual(Array.from({ length: cpus }, (_, i) => BigInt(i)));
    const plain = object.map("plain");
    plain.set(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3, 4, 5));
    expect(plain.entries()).toEqual([[Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3, 4, 5)]]);
    const queue = object.map("queue");
    queue.push(5);
    queue.push(6);
    expect([queue.peek(), queue.pop(), queue.pop(), queue.pop()]).toEqual([5, 5, 6, undefined]);
    expect(() => plain.records()).toThrow("it is no ring");
  });
});

describe.skipIf(noClang)("maps of maps and programs", () => {
  it("take maps and programs, and give their ids", async () => {
    const path = compileC(
      folder.path,
      "nested",
      `struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); } first SEC(".maps"), second SEC(".maps");
      struct { __uint(type, 12); __uint(max_entries, 2); __uint(key_size, 4); __array(values, struct inner); } outer SEC(".maps") = { .values = { &first } };
      struct { __uint(type, 3); __uint(max_entries, 2); __uint(key_size, 4); __uint(value_size, 4); } jumps SEC(".maps");
      static long (*tail_call)(void *ctx, void *map, u32 index) = (void *) 12;
      SEC("raw_tp/sys_enter") int f(u64 *ctx) {
        u32 k = 1, zero = 0;
        void *inner = lookup(&outer, &k);
        u64 *value = inner ? lookup(inner, &zero) : 0;
        if (value) return *value;
        tail_call(ctx, &jumps, 1);
        return 1;
      }
      SEC("raw_tp/sys_enter") int g(u64 *ctx) { return 77; }`,
    );
    await using object = await openObject(path);
    await object.load();
    const run = (): number => object.program("f").testRun({ context: new Uint8Array(16) }).value;
    expect(object.map("outer").get(0)).toBe(object.map("first").info().id);
    expect(run()).toBe(1);
    object.map("jumps").set(1, object.program("g"));
    expect(object.map("jumps").get(1)).toBe(object.program("g").info().id);
    expect(run()).toBe(77);
    object.map("second").set(0, 42);
    object.map("outer").set(1, object.map("second"));
    expect(run()).toBe(42);
    expect(object.map("outer").entries()).toHaveLength(2);
    expect(() => object.map("outer").set(1, {})).toThrow("outer: a value is a whole number");
  });
});

describe.skipIf(noClang)("places", () => {
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill();
  });
  const start = async (program: string): Promise<ChildProcess> => {
    const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    return child;
  };

  const TARGET = `
#include <stdio.h>
#include <sys/sdt.h>
__attribute__((noinline)) int twice(int n) { asm volatile(""); return n * 2; }
__attribute__((noinline)) int third(int n) { asm volatile(""); return n * 3; }
int main(void) {
  char line[64];
  puts("ready"); fflush(stdout);
  for (int i = 1; fgets(line, sizeof line, stdin); i++) {
    int r = twice(i) + third(i);
    short s = -2;
    DTRACE_PROBE3(own, step, i, r, s);
    puts("done"); fflush(stdout);
  }
}`;
  const hasSdt = existsSync("/usr/include/x86_64-linux-gnu/sys/sdt.h") || existsSync("/usr/include/sys/sdt.h");

  const step = async (child: ChildProcess): Promise<void> => {
    child.stdin?.write("x\n");
    await once(child.stdout as NodeJS.ReadableStream, "data");
  };

  it.skipIf(lacking("functions of programs by section", { "cookies of perf events": cookies }))(
    "attaches functions of programs by their section, and by options",
    async () => {
      const program = compileProgram(
        folder.path,
        "target",
        hasSdt ? TARGET : TARGET.replace(/.*(sdt\.h|DTRACE).*/g, ""),
      );
      const path = compileC(
        folder.path,
        "functions",
        `struct regs { u64 r[21]; };
      u64 calls, sum, returns, odd; u64 cookie;
      SEC("uprobe/${program}:twice") int entry(struct regs *r) { calls++; sum += r->r[14]; return 0; }
      SEC("uretprobe/${program}:twice") int back(struct regs *r) { returns += (u32)r->r[10]; return 0; }
      SEC("uprobe") int other(struct regs *r) { odd++; cookie = attach_cookie(r); return 0; }
      SEC("uprobe/${program}:nothing") int none(struct regs *r) { return 0; }`,
      );
      const child = await start(program);
      await using object = await openObject(path);
      await object.load();
      await expect(object.attach()).rejects.toThrow(/target has no function nothing/);
      expect(object.links).toEqual([]);
      object.program("none").autoAttach = false;
      const links = await object.attach({ pid: child.pid as number });
      expect(links).toHaveLength(2);
      await expect(object.program("other").attach()).rejects.toThrow(/attach\(\) needs function/);
      const other = await object.program("other").attach({ path: program, function: "third", cookie: 77 });
      await step(child);
      await step(child);
      expect(object.bss).toMatchObject({ calls: 2n, sum: 3n, returns: 6n, odd: 2n, cookie: 77n });
      await other.detach();
      await step(child);
      expect(object.bss).toMatchObject({ calls: 3n, odd: 2n });
      await expect(object.program("other").attach({ path: "no-such-program" })).rejects.toThrow("there is no program");
    },
  );

  it("samples one process by its clock", async () => {
    const path = compileC(
      folder.path,
      "samples",
      `u64 samples, others; const volatile u32 wanted;
      SEC("perf_event") int sample(void *ctx) { if ((u32)(pid_tgid() >> 32) == wanted) samples++; else others++; return 0; }`,
    );
    await using object = await openObject(path);
    object.rodata["wanted"] = process.pid;
    await object.load();
    const event = { type: 1, config: 1, frequency: 999 };
    await using link = await object.program("sample").attach({ event, pid: process.pid });
    expect(link.places[0]).toMatchObject({ kind: "perf_event", pid: process.pid });
    for (const end = Date.now() + 200; Date.now() < end; );
    expect(Number(object.bss["samples"])).toBeGreaterThan(10);
    expect(object.bss["others"]).toBe(0n);
  });

  it("attaches a pattern of functions by one link", async () => {
    const program = compileProgram(folder.path, "target", hasSdt ? TARGET : TARGET.replace(/.*(sdt\.h|DTRACE).*/g, ""));
    const path = compileC(
      folder.path,
      "many",
      `u64 calls; SEC("uprobe.multi/${program}:t*[er]") int all(void *r) { calls++; return 0; }
      SEC("uprobe.multi/${program}:thi?d") int some(void *r) { calls += 100; return 0; }`,
    );
    const child = await start(program);
    await using object = await openObject(path);
    await object.load();
    object.program("all").autoAttach = false;
    await object.attach({ pid: child.pid as number });
    await object.program("all").attach({ path: program, functions: ["twice", "third"], pid: child.pid as number });
    await step(child);
    expect(object.bss["calls"]).toBe(102n);
  });

  it.skipIf(lacking("user ring buffers", { user_ringbuf: hasMap("user_ringbuf") }))(
    "runs iterators, takes records from the user's side, replaces the program of a link",
    async () => {
      const path = compileC(
        folder.path,
        "iterator",
        `struct seq_file; struct meta { struct seq_file *seq; u64 session; u64 number; };
      struct ctx { struct meta *meta; void *map; };
      struct { __uint(type, 31); __uint(max_entries, 4096); __type(value, struct { u32 a; u32 b; }); } input SEC(".maps");
      u64 total, taken;
      static long each(void *dynptr, void *ctx) { u32 v[2] = {}; dynptr_read(v, 8, dynptr, 0, 0); total += v[0] * v[1]; return 0; }
      SEC("raw_tp/sys_enter") int drain(u64 *ctx) { return 0; }
      SEC("iter/bpf_map") int maps(struct ctx *ctx) { char line[] = "map\\n"; if (ctx->map) seq_write(ctx->meta->seq, line, 4); return 0; }
      SEC("syscall") int take(void *ctx) { taken = user_ring_drain(&input, each, 0, 0); return 0; }
      SEC("lsm_cgroup/socket_post_create") int never(u64 *ctx) { return 1; }`,
      );
      await using object = await openObject(path);
      object.program("never").load = false;
      await object.load();
      let text = "";
      for await (const part of object.program("maps").iterateText()) text += part;
      expect(text).toMatch(/^(map\n)+$/);
      const input = object.map("input");
      expect(input.produce({ a: 3, b: 4 })).toBe(true);
      expect(input.produce(new Uint8Array(Uint32Array.of(5, 6).buffer))).toBe(true);
      object.program("take").testRun();
      expect(object.bss).toMatchObject({ total: 42n, taken: 2n });
      expect(() => input.produce(new Uint8Array(5000))).toThrow("does not fit");
      for (let i = 0; i < 300; i++) input.produce({ a: 1, b: 1 });
      expect(input.produce({ a: 1, b: 1 })).toBe(false);
      object.program("take").testRun();
      expect(input.produce({ a: 1, b: 1 })).toBe(true);
    },
  );

  it.skipIf(lacking("tracepoints by name", { tracefs: existsSync("/sys/kernel/tracing/events/syscalls") }))(
    "tracepoints by name",
    async () => {
      const path = compileC(
        folder.path,
        "point",
        `const volatile u32 wanted; u64 calls;
      SEC("tracepoint/syscalls/sys_enter_getppid") int a(void *c) { if ((u32)(pid_tgid() >> 32) == wanted) calls++; return 0; }
      SEC("tp") int b(void *c) { if ((u32)(pid_tgid() >> 32) == wanted) calls += 10; return 0; }`,
      );
      await using object = await openObject(path);
      object.rodata["wanted"] = process.pid;
      await object.load();
      expect(await object.attach()).toHaveLength(1);
      await using second = await object.program("b").attach({ tracepoint: "syscalls:sys_enter_getppid" });
      // Before Linux 5.15 no link holds it.
      expect(second.info()[0]?.type).toBe(cookies ? "perf_event" : undefined);
      const before = Number(object.bss["calls"]);
      void process.ppid;
      expect(Number(object.bss["calls"]) - before).toBe(11);
      await expect(object.program("b").attach({ tracepoint: "syscalls:sys_enter_nothing" })).rejects.toThrow(
        "this kernel has no such tracepoint",
      );
    },
  );
});

const bpffs = bpfFileSystems().includes("/sys/fs/bpf");
describe.skipIf(lacking("pins", { clang: hasClang, bpffs }))("pins", () => {
  const name = `scry_test_${process.pid}`;
  const pinned = `/sys/fs/bpf/${name}`;
  afterAll(() => rmSync(pinned, { force: true }));
  const source = (entries: number): string =>
    `struct { __uint(type, 1); __uint(max_entries, ${entries}); __type(key, u32); __type(value, u64); __uint(pinning, 1); } ${name} SEC(".maps");
    SEC("raw_tp/sys_exit") int f(u64 *ctx) { u32 k = 0; lookup(&${name}, &k); return 0; }`;

  it("share a map by its name, and refuse one of another shape", async () => {
    const path = compileC(folder.path, "pins", source(4));
    {
      await using first = await openObject(path);
      await first.load();
      first.map(name).set(1, 11);
    }
    expect(existsSync(pinned)).toBe(true);
    await using second = await openObject(path);
    await second.load();
    expect(second.map(name).get(1)).toBe(11n);
    await using other = await openObject(compileC(folder.path, "other", source(5)));
    await expect(other.load()).rejects.toThrow(
      `what is pinned at ${pinned} is another map: its number of entries is 4, not 5`,
    );
    await using third = await openObject(path);
    third.map(name).pinPath = undefined;
    third.map(name).reuse(second.map(name));
    await third.load();
    expect(third.map(name).get(1)).toBe(11n);
    await using nowhere = await openObject(path, { pins: "/tmp" });
    await expect(nowhere.load()).rejects.toThrow("this path is in no BPF file system");
    second.map(name).unpin();
    expect(existsSync(pinned)).toBe(false);
  });
});
