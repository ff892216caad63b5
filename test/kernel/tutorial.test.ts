// The one-liners of the README, each against a process of the test's own.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = new URL("../..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "scry-tutorial-"));
const target = join(folder, "target");

function scry(...words: string[]): { out: string; messages: string; status: number | null } {
  const done = spawnSync("node", [join(root, "dist/scry.js"), ...words], {
    encoding: "utf8",
    timeout: 30_000,
    maxBuffer: 1 << 26,
  });
  return { out: done.stdout, messages: done.stderr, status: done.status };
}

beforeAll(() => {
  writeFileSync(
    `${target}.c`,
    `#include <unistd.h>
     #include <fcntl.h>
     #include <sched.h>
     __attribute__((noinline)) int work(int n) { volatile int s = 0; for (int i = 0; i < n; i++) s += i; return s; }
     int main(void) {
       char buf[8192], name[] = "/dev/zero"; int fd = open(name, O_RDONLY);
       for (int i = 0; i < 100; i++) { if (read(fd, buf, 1000) < 0) return 1; work(1000); usleep(10); }
       for (volatile long i = 0; i < 300000000; i++) ;
       return 0; }`,
  );
  execFileSync("gcc", ["-O1", `${target}.c`, "-o", target]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the tutorial's one-liners", () => {
  it("list probes", () => {
    expect(scry("-l", "tracepoint:syscalls:sys_enter_open*").out).toContain("tracepoint:syscalls:sys_enter_openat\n");
    expect(scry("-lv", "tracepoint:syscalls:sys_enter_openat").out).toContain("    const char * filename\n");
    expect(scry("-l", `uprobe:${target}:w*`).out).toBe(`uprobe:${target}:work\n`);
  });

  it("hello", () => {
    expect(scry("-e", 'begin { printf("hello world\\n"); }')).toEqual({
      out: "hello world\n\n\n",
      messages: "Attached 1 probe\n",
      status: 0,
    });
  });

  it("opens by process", () => {
    const { out } = scry(
      "-c",
      target,
      "-e",
      'tracepoint:syscalls:sys_enter_openat /pid == cpid/ { printf("%-16s %s\\n", comm, str(args.filename)); }',
    );
    expect(out).toMatch(/^target {11}\/dev\/zero$/m);
  });

  it("system calls by process", () => {
    const { out } = scry("-c", target, "-e", "tracepoint:raw_syscalls:sys_enter /pid == cpid/ { @[comm] = count(); }");
    expect(Number(/@\[target\]: (\d+)/.exec(out)?.[1])).toBeGreaterThan(200);
  });

  it("sizes of reads", () => {
    const { out } = scry(
      "-c",
      target,
      "-e",
      "tracepoint:syscalls:sys_exit_read /pid == cpid && args.ret == 1000/ { @bytes[comm] = hist(args.ret); }",
    );
    expect(out).toContain(`@bytes[target]:\n[512, 1K)            100 |${"@".repeat(52)}|\n`);
  });

  it("latency of a function", () => {
    const { out } = scry(
      "-c",
      target,
      "-e",
      `uprobe:${target}:work { @s[tid] = nsecs; } uretprobe:${target}:work /@s[tid]/ { @ns = hist(nsecs - @s[tid]); delete(@s[tid]); }`,
    );
    const counts = [...out.matchAll(/\) +(\d+) \|/g)].map((m) => Number(m[1]));
    expect(counts.reduce((n, c) => n + c, 0)).toBe(100);
    expect(out).not.toContain("@s[");
  });

  it("stacks by samples", () => {
    const { out } = scry(
      "-c",
      target,
      "-e",
      "profile:hz:499 /pid == cpid/ { @[ustack, comm] = count(); @n = count(); }",
    );
    expect(Number(/^@n: (\d+)/m.exec(out)?.[1])).toBeGreaterThan(20);
    expect(out).toMatch(/^@\[$/m);
  });

  it("why threads leave the CPU", () => {
    const { out } = scry("-c", target, "-e", "tracepoint:sched:sched_switch /pid == cpid/ { @[kstack] = count(); }");
    expect(out).toMatch(/^ {8}(__)?schedule\+\d+$/m);
    expect(out).toMatch(/nanosleep/);
  });

  it("sizes of block I/O attach and end", () => {
    const { status, messages } = scry(
      "-e",
      "tracepoint:block:block_rq_issue /pid == 0xffffff/ { @ = hist(args.bytes); } interval:ms:50 { exit(); }",
    );
    expect({ status, messages }).toEqual({ status: 0, messages: "Attached 2 probes\n" });
  });

  it("walks structs from the current task", () => {
    const { out } = scry(
      "-c",
      target,
      "-e",
      'tracepoint:syscalls:sys_enter_exit_group /pid == cpid/ { printf("%s %d %d\\n", curtask->comm, curtask->tgid == pid, curtask->real_parent->tgid == ppid); }',
    );
    expect(out).toMatch(/^target 1 1$/m);
  });
});
