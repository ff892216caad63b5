// Objects for tests of the loader: C of our own, compiled by clang; what libbpf's headers would give is declared here.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PROLOGUE = `
typedef unsigned long long u64; typedef long long s64; typedef unsigned int u32; typedef int s32;
typedef unsigned short u16; typedef unsigned char u8; typedef _Bool bool;
#define SEC(x) __attribute__((section(x), used))
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
#define __hidden __attribute__((visibility("hidden")))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
static void *(*lookup)(void *map, const void *key) = (void *) 1;
static long (*update)(void *map, const void *key, const void *value, u64 flags) = (void *) 2;
static u64 (*ktime)(void) = (void *) 5;
static long (*trace_printk)(const char *fmt, u32 size, ...) = (void *) 6;
static u64 (*pid_tgid)(void) = (void *) 14;
static long (*comm)(void *buf, u32 size) = (void *) 16;
static long (*perf_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *) 25;
static long (*read_user)(void *to, u32 size, const void *from) = (void *) 112;
static long (*read_kernel)(void *to, u32 size, const void *from) = (void *) 113;
static long (*seq_write)(void *m, const void *data, u32 len) = (void *) 127;
static long (*ring_output)(void *ring, void *data, u64 size, u64 flags) = (void *) 130;
static void *(*ring_reserve)(void *ring, u64 size, u64 flags) = (void *) 131;
static void (*ring_submit)(void *data, u64 flags) = (void *) 132;
static u64 (*attach_cookie)(void *ctx) = (void *) 174;
static long (*user_ring_drain)(void *map, void *callback, void *ctx, u64 flags) = (void *) 209;
static long (*dynptr_read)(void *dst, u32 len, const void *src, u32 offset, u64 flags) = (void *) 201;
char _license[] SEC("license") = "GPL";
`;

/** A folder for a test's files, and how to take it away. */
export function workFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "scry-loader-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Compiles C for BPF; answers the path of the object. Options of clang may be added. */
export function compileC(folder: string, name: string, text: string, options: readonly string[] = []): string {
  writeFileSync(join(folder, `${name}.bpf.c`), PROLOGUE + text);
  const args = ["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-Wno-everything", ...options];
  execFileSync("clang", [...args, "-c", `${name}.bpf.c`, "-o", `${name}.bpf.o`], { cwd: folder });
  return join(folder, `${name}.bpf.o`);
}

export const bytesOf = (path: string): Uint8Array => readFileSync(path);

/** Compiles a program of this system by gcc; answers its path. */
export function compileProgram(folder: string, name: string, text: string): string {
  writeFileSync(join(folder, `${name}.c`), text);
  execFileSync("gcc", ["-g", "-O1", "-o", name, `${name}.c`], { cwd: folder });
  return join(folder, name);
}
