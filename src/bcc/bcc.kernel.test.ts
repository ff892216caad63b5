// BCC's dialect and interface on the live kernel. Every program sees only this process, or one that it starts.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { workFolder } from "../../test/support/c-object.ts";
import { hasGcc, lacking } from "../../test/support/skips.ts";
import { BCC, USDT } from "./index.ts";

const folder = workFolder();
afterAll(() => folder.remove());

const mine = [`-DPID=${process.pid}`];
/** System calls of this process. */
const zeros = (times: number): void => {
  const fd = openSync("/dev/zero", "r");
  for (let i = 0; i < times; i++) readSync(fd, Buffer.alloc(100 << (i % 4)));
};

describe("a text of BCC's dialect", () => {
  it("counts, sends and follows pointers of the kernel", async () => {
    await using b = new BCC({
      cflags: mine,
      text: `
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
struct data_t { u32 pid; u32 parent; u32 owner; u64 count; char comm[TASK_COMM_LEN]; };
BPF_PERF_OUTPUT(events);
BPF_HASH(calls, u32);
BPF_HISTOGRAM(sizes);
typedef struct { char op[8]; u64 slot; } dist_key_t;
BPF_HISTOGRAM(dist, dist_key_t);
TRACEPOINT_PROBE(syscalls, sys_enter_read) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    if (pid != PID) return 0;
    u64 zero = 0, *n = calls.lookup_or_try_init(&pid, &zero);
    if (!n) return 0;
    (*n)++;
    sizes.increment(bpf_log2l(args->count));
    dist_key_t key = { .slot = bpf_log2l(args->count) };
    __builtin_memcpy(&key.op, "read", 5);
    dist.atomic_increment(key, 2);
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct data_t data = { .pid = pid, .count = args->count };
    data.parent = task->real_parent->tgid;
    data.owner = task->mm->owner->tgid;
    bpf_get_current_comm(&data.comm, sizeof(data.comm));
    events.perf_submit(args, &data, sizeof(data));
    return 0;
}`,
    });
    const seen: unknown[] = [];
    await b.openPerfBuffer("events", (event) => seen.push(event));
    zeros(8);
    await b.perfBufferPoll();
    const ours = seen.filter((e) => [100n, 200n, 400n, 800n].includes((e as { count: bigint }).count));
    expect(ours).toHaveLength(8);
    expect(ours[1]).toMatchObject({ pid: process.pid, parent: process.ppid, owner: process.pid, count: 200n });
    expect(Number(b.table("calls").get(process.pid))).toBeGreaterThanOrEqual(8);
    expect(b.table("sizes").log2Hist("bytes")).toMatch(/^ {5}bytes {15}: count {5}distribution\n/);
    expect(b.table("sizes").log2Hist("bytes")).toMatch(/ {7}512 -> 1023 {7}: \d+ +\|\*+/);
    expect(b.table("dist").log2Hist("bytes", { sectionHeader: "operation" })).toContain("operation = 'read'\n");
  });

  it("prints lines", async () => {
    await using b = new BCC({
      cflags: mine,
      text: `TRACEPOINT_PROBE(syscalls, sys_enter_read) {
        if (bpf_get_current_pid_tgid() >> 32 != PID || args->count != 4242) return 0;
        bpf_trace_printk("scry bcc reads %d of %d\\n", (int)args->count, (u32)PID);
        return 0;
      }`,
    });
    await b.load();
    const stop = new AbortController();
    const lines: string[] = [];
    const reading = (async () => {
      for await (const line of b.tracePrint({ signal: stop.signal })) {
        lines.push(line);
        stop.abort();
      }
    })();
    setTimeout(() => stop.abort(), 3000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    readSync(openSync("/dev/zero", "r"), Buffer.alloc(4242));
    await reading;
    expect(lines[0]).toBe(`scry bcc reads 4242 of ${process.pid}`);
  });

  it("takes stacks of a perf event", async () => {
    await using b = new BCC({
      text: `#include <uapi/linux/bpf_perf_event.h>
      BPF_STACK_TRACE(stacks, 1024);
      BPF_HASH(counts, int);
      int tick(struct bpf_perf_event_data *ctx) {
        counts.increment(stacks.get_stackid(ctx, BPF_F_USER_STACK));
        return 0;
      }`,
    });
    await b.attachPerfEvent({ evType: 1, evConfig: 0, sampleFreq: 499, pid: process.pid, fn: "tick" });
    const end = Date.now() + 300;
    while (Date.now() < end);
    const [[id]] = b.table("counts").items() as [number, bigint][] as [[number, bigint]];
    expect(b.table("stacks").walk(id).length).toBeGreaterThan(0);
    expect(BCC.kernelStructHasField("task_struct", "real_parent")).toBe(true);
    expect(BCC.kernelStructHasField("task_struct", "nobody")).toBe(false);
    expect(BCC.tracepointExists("sched", "sched_switch")).toBe(true);
  });

  it("says what cannot be", async () => {
    expect(() => new BCC({ text: "BPF_HASH(t); int f(void *ctx) { t.lokup(0); return 0; }" })).toThrow();
    await using b = new BCC({ text: "int f(struct pt_regs *ctx) { return 0; }" });
    await expect(b.attachUprobe({ fn: "g", name: "c", sym: "malloc" })).rejects.toThrow("has no program g");
    await expect(b.attachUprobe({ fn: "f", name: "c", sym: "maloc" })).rejects.toThrow("has no function maloc");
    expect(() => b.table("t")).toThrow("has no map t");
    expect(() => new BCC({ text: "", cflags: ["-target", "x"] })).toThrow("'-target' means nothing here");
  });
});

describe.skipIf(lacking("BCC's uprobes", { gcc: hasGcc }))("functions of programs", () => {
  const build = (name: string, text: string): string => {
    const source = join(folder.path, `${name}.c`);
    const path = join(folder.path, name);
    writeFileSync(source, text);
    execFileSync("gcc", ["-O1", "-o", path, source]);
    return path;
  };

  it("gives arguments as parameters, and what functions return", async () => {
    const path = build(
      "adder",
      `#include <stdio.h>
       struct point { int x, y; struct point *next; };
       __attribute__((noipa)) int add(struct point *p, long more) { return p->x + p->next->y + more; }
       int main(void) { struct point b = { 3, 4, 0 }, a = { 1, 2, &b }; getchar(); for (int i = 0; i < 5; i++) add(&a, i * 10); return 0; }`,
    );
    const child = spawn(path, { stdio: ["pipe", "ignore", "ignore"] });
    await using b = new BCC({
      text: `struct point { int x, y; struct point *next; };
      struct event { int x, y; long more; u32 kind; };
      BPF_RINGBUF_OUTPUT(events, 4);
      int enter(struct pt_regs *ctx, struct point *p, long more) {
        struct event *e = events.ringbuf_reserve(sizeof(*e));
        if (!e) return 0;
        e->x = p->x;
        e->y = p->next->y;
        e->more = more;
        e->kind = 1;
        events.ringbuf_submit(e, 0);
        return 0;
      }
      int leave(struct pt_regs *ctx) {
        struct event e = { .kind = 2, .more = PT_REGS_RC(ctx) };
        events.ringbuf_output(&e, sizeof(e), 0);
        return 0;
      }`,
    });
    const pid = child.pid as number;
    await b.attachUprobe({ name: path, sym: "add", pid, fn: "enter" });
    await b.attachUretprobe({ name: path, sym: "add", pid, fn: "leave" });
    const seen: unknown[] = [];
    await b.openRingBuffer("events", (event) => seen.push(event));
    child.stdin?.end("\n");
    await once(child, "exit");
    b.perfBufferConsume();
    expect(seen).toHaveLength(10);
    expect(seen[4]).toEqual({ x: 1, y: 4, more: 20n, kind: 1 });
    expect(seen[5]).toEqual({ x: 0, y: 0, more: 25n, kind: 2 });
  });

  it("reads the arguments of static probes, each at its place", async () => {
    const probe = (args: string, operands: string): string =>
      `asm volatile("990: nop\\n.pushsection .note.stapsdt,\\"?\\",\\"note\\"\\n.balign 4\\n.4byte 992f-991f,994f-993f,3\\n991: .asciz \\"stapsdt\\"\\n992: .balign 4\\n993: .8byte 990b\\n.8byte _.stapsdt.base\\n.8byte 0\\n.asciz \\"app\\"\\n.asciz \\"work\\"\\n.asciz \\"${args}\\"\\n994: .balign 4\\n.popsection\\n.ifndef _.stapsdt.base\\n.pushsection .stapsdt.base,\\"aG\\",\\"progbits\\",.stapsdt.base,comdat\\n.weak _.stapsdt.base\\n_.stapsdt.base: .space 1\\n.size _.stapsdt.base,1\\n.popsection\\n.endif" :: ${operands});`;
    const path = build(
      "probes",
      `#include <stdio.h>
       int main(void) { getchar(); const char *text = "hello"; puts(text); for (long i = 0; i < 3; i++) { ${probe("8@%0 -4@$7", '"r"(text), "r"(i)')} } int n = -9; ${probe("8@%0 -4@%1", '"r"(text), "m"(n)')} return 0; }`,
    );
    const child = spawn(path, { stdio: ["pipe", "ignore", "ignore"] });
    const usdt = new USDT({ path, pid: child.pid as number });
    expect(usdt.probes()).toEqual(["app:work"]);
    expect(() => usdt.enableProbe({ probe: "wrok", fn: "work" })).toThrow("Did you mean");
    usdt.enableProbe({ probe: "work", fn: "work" });
    await using b = new BCC({
      usdt: [usdt],
      text: `struct event { int n; char text[16]; };
      BPF_PERF_OUTPUT(events);
      int work(struct pt_regs *ctx) {
        struct event e = {};
        bpf_usdt_readarg(2, ctx, &e.n);
        bpf_usdt_readarg_p(1, ctx, &e.text, sizeof(e.text));
        events.perf_submit(ctx, &e, sizeof(e));
        return 0;
      }`,
    });
    const seen: unknown[] = [];
    await b.openPerfBuffer("events", (event) => seen.push(event));
    child.stdin?.end("\n");
    await once(child, "exit");
    b.perfBufferConsume();
    const sent = (seen as { n: number; text: string }[]).map(({ n, text }) => `${n} ${text.slice(0, 5)}`).sort();
    expect(sent).toEqual(["-9 hello", "7 hello", "7 hello", "7 hello"]);
  });
});
