// Static probes by libbpf's protocol: arguments under a cookie, or before Linux 5.15 under the address; and files that only the
// traced process sees. Only programs that these tests start are traced.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { compileC, compileProgram, workFolder } from "../../test/support/c-object.ts";
import { hasClang, hasGcc, lacking } from "../../test/support/skips.ts";
import { hasFeature } from "../kernel/index.ts";
import { openObject } from "./index.ts";

const folder = workFolder();
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill();
  folder.remove();
});

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

/** Where the address of the next instruction is in the registers of a probe. */
const IP = process.arch === "arm64" ? 256 : 128;

/** What libbpf's usdt.bpf.h gives a program, in short. */
const PROTOCOL = `
enum __bpf_usdt_arg_type { BPF_USDT_ARG_CONST, BPF_USDT_ARG_REG, BPF_USDT_ARG_REG_DEREF };
struct __bpf_usdt_arg_spec { u64 val_off; enum __bpf_usdt_arg_type arg_type; short reg_off; bool arg_signed; char arg_bitshift; };
struct __bpf_usdt_spec { struct __bpf_usdt_arg_spec args[12]; u64 usdt_cookie; short arg_cnt; };
struct { __uint(type, 2); __uint(max_entries, 256); __type(key, int); __type(value, struct __bpf_usdt_spec); } __bpf_usdt_specs SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 1024); __type(key, long); __type(value, u32); } __bpf_usdt_ip_to_spec_id SEC(".maps");
extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;
s64 values[3]; u64 hits; u64 cookie; s64 count;
static __attribute__((always_inline)) int spec_id(void *ctx) {
  if (LINUX_HAS_BPF_COOKIE) return attach_cookie(ctx);
  long ip = *(long *)(ctx + ${IP});
  int *id = lookup(&__bpf_usdt_ip_to_spec_id, &ip);
  return id ? *id : -1;
}
static __attribute__((always_inline)) s64 arg(void *ctx, struct __bpf_usdt_spec *spec, int n) {
  struct __bpf_usdt_arg_spec *a = &spec->args[n];
  u64 v = 0;
  if (a->arg_type == BPF_USDT_ARG_CONST) v = a->val_off;
  else {
    read_kernel(&v, 8, ctx + a->reg_off);
    if (a->arg_type == BPF_USDT_ARG_REG_DEREF) read_user(&v, 8, (void *)v + a->val_off);
  }
  v <<= a->arg_bitshift;
  return a->arg_signed ? (s64)v >> a->arg_bitshift : v >> a->arg_bitshift;
}
static __attribute__((always_inline)) int read_probe(void *ctx) {
  int id = spec_id(ctx);
  struct __bpf_usdt_spec *spec = lookup(&__bpf_usdt_specs, &id);
  if (!spec) return 0;
  hits++; cookie = spec->usdt_cookie; count = spec->arg_cnt;
  for (int i = 0; i < 3; i++) values[i] = arg(ctx, spec, i);
  return 0;
}
`;

const start = async (program: string, ...words: string[]): Promise<ChildProcess> => {
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  return child;
};
const step = async (child: ChildProcess): Promise<void> => {
  child.stdin?.write("x\n");
  await once(child.stdout as NodeJS.ReadableStream, "data");
};

const hasSdt = ["/usr/include/x86_64-linux-gnu/sys/sdt.h", "/usr/include/sys/sdt.h"].some((path) => existsSync(path));
const needs = { clang: hasClang, gcc: hasGcc, "sys/sdt.h": hasSdt };
const cookies = hasFeature("perfEventCookie");

describe.skipIf(lacking("static probes of objects", needs))("static probes", () => {
  it("have their arguments, by the section and by options", async () => {
    const program = compileProgram(folder.path, "target", TARGET);
    const path = compileC(
      folder.path,
      "static",
      `${PROTOCOL} SEC("usdt/${program}:own:step") int probe(void *ctx) { return read_probe(ctx); }`,
    );
    const child = await start(program);
    const pid = child.pid as number;
    await using object = await openObject(path);
    await object.load();
    const addresses = object.map("__bpf_usdt_ip_to_spec_id");
    const [link] = await object.attach({ pid });
    await step(child);
    expect(object.bss).toMatchObject({ hits: 1n, count: 3n, values: [1n, 5n, -2n] });
    expect([...addresses.entries()]).toHaveLength(cookies ? 0 : 1);
    await link?.detach();
    expect([...addresses.entries()]).toEqual([]);
    const usdt = { provider: "own", name: "step" };
    await using again = await object.program("probe").attach({ path: program, usdt, pid, cookie: 5 });
    expect(again.places).toHaveLength(1);
    await step(child);
    expect(object.bss).toMatchObject({ hits: 2n, cookie: 5n, values: [2n, 10n, -2n] });
    const attach = object.program("probe").attach({ path: program, usdt: { provider: "own", name: "stop" } });
    await expect(attach).rejects.toThrow("Did you mean 'own:step'?");
  });

  it.skipIf(cookies)("of what may lie anywhere are those of one process, where there are no cookies", async () => {
    const program = compileProgram(folder.path, "target", TARGET);
    const path = compileC(
      folder.path,
      "anywhere",
      `${PROTOCOL} SEC("usdt") int probe(void *ctx) { return read_probe(ctx); }`,
    );
    await using object = await openObject(path);
    await object.load();
    const usdt = { provider: "own", name: "step" };
    await expect(object.program("probe").attach({ path: program, usdt })).rejects.toThrow("say its pid");
    await expect(object.program("probe").attach({ path: program, usdt, pid: process.pid })).rejects.toThrow(
      "has not mapped",
    );
    // A program that lies where its file says is the same in each process.
    execFileSync("gcc", ["-no-pie", "-O1", "-o", "fixed", "target.c"], { cwd: folder.path });
    const fixed = join(folder.path, "fixed");
    const child = await start(fixed);
    await using _link = await object.program("probe").attach({ path: fixed, usdt });
    await step(child);
    expect(object.bss).toMatchObject({ hits: 1n, values: [1n, 5n, -2n] });
  });

  it("and functions of a file that only the process sees are found below its root", async () => {
    const program = compileProgram(folder.path, "target", TARGET);
    const inside = join(folder.path, "inside");
    mkdirSync(inside);
    const path = compileC(
      folder.path,
      "hidden",
      `${PROTOCOL} u64 calls;
      SEC("usdt/${inside}/own:own:step") int probe(void *ctx) { return read_probe(ctx); }
      SEC("uprobe/${inside}/own:twice") int entry(void *ctx) { calls++; return 0; }
      SEC("uprobe.multi/${inside}/own:thi*") int many(void *ctx) { calls += 100; return 0; }`,
    );
    // Mounts of its own, with the program where we have nothing.
    const script = `mount -t tmpfs none ${inside} && cp ${program} ${inside}/own && exec ${inside}/own`;
    const child = await start("unshare", "-m", "sh", "-c", script);
    const pid = child.pid as number;
    expect(existsSync(join(inside, "own"))).toBe(false);
    await using object = await openObject(path);
    await object.load();
    await expect(object.attach()).rejects.toThrow(`there is no program or library ${inside}/own`);
    await object.attach({ pid });
    await step(child);
    expect(object.bss).toMatchObject({ hits: 1n, values: [1n, 5n, -2n], calls: 101n });
    await expect(object.program("entry").attach({ path: `${inside}/none`, function: "twice", pid })).rejects.toThrow(
      `nor does process ${pid} see one`,
    );
  });
});
