// What objects of C say beside code: settings and names of the kernel, maps of every sort, sections. Compiled by clang, loaded,
// and run once by BPF_PROG_TEST_RUN; what the program returns says what it has seen.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir, version } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { hasClang, lacking } from "../../test/support/skips.ts";
import { type BpfObject, readObject } from "../object/index.ts";
import { loadObject } from "./load.ts";
import { testRun } from "./test-run.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-features-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const noClang = lacking("externs and maps of C objects", { clang: hasClang });

const PROLOGUE = `
typedef unsigned long long u64; typedef unsigned int u32; typedef _Bool bool;
#define SEC(x) __attribute__((section(x), used))
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
static void *(*lookup)(void *map, const void *key) = (void *) 1;
static long (*update)(void *map, const void *key, const void *value, u64 flags) = (void *) 2;
static void (*tail_call)(void *ctx, void *map, u32 index) = (void *) 12;
static long (*read_kernel)(void *to, u32 size, const void *from) = (void *) 113;
char _license[] SEC("license") = "GPL";
`;

function read(text: string, options = {}): BpfObject {
  const source = join(folder, "x.c");
  writeFileSync(source, PROLOGUE + text);
  execFileSync("clang", ["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-Wno-everything", "-c", "x.c", "-o", "x.o"], {
    cwd: folder,
  });
  return readObject(readFileSync(join(folder, "x.o")), options).object;
}

/** What the program `f` returns, a raw tracepoint's that is run here and now. */
function run(text: string): number {
  using loaded = loadObject(read(text));
  return testRun(loaded.programs.get("f")?.fd ?? -1, { context: new Uint8Array(16) }).value;
}

const program = (body: string): string => `SEC("raw_tp/x") int f(u64 *ctx) { ${body} }\n`;

/** As libbpf tells it: of Debian's kernels what uname(2) says of their build. */
const kernelVersion = (): number => {
  const own = /Debian (\S+?)-/.exec(version())?.[1];
  const [a, b, c] = (own ?? release()).split(/[.-]/).map(Number) as [number, number, number];
  return a * 65536 + b * 256 + Math.min(255, c);
};

/** What this kernel was built with; undefined where it does not say. */
function setting(name: string): string | undefined {
  try {
    return new RegExp(`^${name}=(.*)$`, "m").exec(gunzipSync(readFileSync("/proc/config.gz")).toString())?.[1];
  } catch {
    return undefined;
  }
}

describe.skipIf(noClang)("what an object takes from the kernel", () => {
  it("its version, and what libbpf says of it", () => {
    expect(run(`extern int LINUX_KERNEL_VERSION __kconfig;${program("return LINUX_KERNEL_VERSION;")}`)).toBe(
      kernelVersion(),
    );
    expect(
      run(`extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig; extern bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
        ${program("return LINUX_HAS_SYSCALL_WRAPPER + 2 * LINUX_HAS_BPF_COOKIE;")}`) & 1,
    ).toBe(1);
  });

  it.skipIf(lacking("settings of the kernel", { CONFIG_HZ: setting("CONFIG_HZ") !== undefined }))(
    "its settings: numbers, letters, three states, texts; weak ones are 0",
    () => {
      const hz = Number(setting("CONFIG_HZ"));
      const text = JSON.parse(setting("CONFIG_DEFAULT_HOSTNAME") ?? '""') as string;
      const seen = run(`enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };
      extern int CONFIG_HZ __kconfig; extern bool CONFIG_BPF __kconfig; extern char CONFIG_BPF_SYSCALL __kconfig;
      extern enum libbpf_tristate CONFIG_NET __kconfig; extern u64 CONFIG_NO_SUCH_THING __kconfig __weak;
      extern const char CONFIG_DEFAULT_HOSTNAME[8] __kconfig __weak;
      ${program(`if (CONFIG_BPF != 1 || CONFIG_BPF_SYSCALL != 'y' || CONFIG_NET != TRI_YES || CONFIG_NO_SUCH_THING) return 1;
        if (CONFIG_DEFAULT_HOSTNAME[1] != '${text[1] ?? "\\0"}') return 2;
        return CONFIG_HZ;`)}`);
      expect(seen).toBe(hz);
      expect(() => run(`extern int CONFIG_NO_SUCH_THING __kconfig;${program("return CONFIG_NO_SUCH_THING;")}`)).toThrow(
        "was built without CONFIG_NO_SUCH_THING, which the object needs",
      );
      expect(() =>
        run(`extern int CONFIG_DEFAULT_HOSTNAME __kconfig;${program("return CONFIG_DEFAULT_HOSTNAME;")}`),
      ).toThrow("is no signed of 4 bytes");
    },
  );

  it("addresses of its symbols; weak ones are 0", () => {
    const address = readFileSync("/proc/kallsyms", "utf8").match(/^([0-9a-f]+) \S bpf_prog_put$/m)?.[1] ?? "0";
    const body = `extern const void bpf_prog_put __ksym; extern const void no_such_symbol __ksym __weak;
      ${program("if (&no_such_symbol) return 1; u64 at = (u64)&bpf_prog_put; return at >> 4;")}`;
    expect(run(body)).toBe(Number((BigInt(`0x${address}`) >> 4n) & 0xffffffffn));
    expect(() => run(`extern const void no_such_symbol __ksym;${program("return (u64)&no_such_symbol;")}`)).toThrow(
      'this kernel has no symbol "no_such_symbol"',
    );
  });

  const perCpu = / bpf_prog_active$/m.test(readFileSync("/proc/kallsyms", "utf8"));
  it.skipIf(lacking("typed variables of the kernel", { "the symbol bpf_prog_active": perCpu }))(
    "variables with their types",
    () => {
      expect(
        run(`extern const int bpf_prog_active __ksym; extern const struct nothing { int a; } not_there __ksym __weak;
        static void *(*this_cpu)(const void *) = (void *) 154;
        ${program("if (&not_there) return 1; int *held = this_cpu(&bpf_prog_active); return 5 + (*held < 0);")}`),
      ).toBe(5);
    },
  );

  it("functions for programs; what a weak one would do is never reached", () => {
    const weak = `extern void bpf_no_such_function(void) __ksym __weak;
      ${program("if (bpf_no_such_function) { bpf_no_such_function(); return 1; } return 7;")}`;
    expect(run(weak)).toBe(7);
    expect(() =>
      run(`extern void bpf_no_such_function(void) __ksym;${program("bpf_no_such_function(); return 0;")}`),
    ).toThrow('this kernel has no function "bpf_no_such_function" for programs (kfunc)');
    expect(() =>
      run(`extern void bpf_no_such_function(void) __ksym __weak;${program("bpf_no_such_function(); return 0;")}`),
    ).toThrow("this kernel has no function bpf_no_such_function for programs");
  });

  it("a field that it does not have, where the program does not ask first, is named", () => {
    expect(() =>
      run(`struct task_struct { int no_such_field; } __attribute__((preserve_access_index));
        static struct task_struct *(*current)(void) = (void *) 158;
        ${program("int held; read_kernel(&held, 4, &current()->no_such_field); return held;")}`),
    ).toThrow(
      "this kernel has no field struct task_struct.no_such_field, and the program does not ask before it uses it",
    );
  });
});

const HASH = "__uint(type, 1); __type(key, u32); __type(value, u64);";

describe.skipIf(noClang)("maps that C declares", () => {
  it("are as large as they say: rings in pages, perf event arrays by CPUs", () => {
    const object = read(`struct { __uint(type, 27); __uint(max_entries, 5000); } ring SEC(".maps");
      struct { __uint(type, 4); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
      struct { ${HASH} __uint(max_entries, 8); __uint(map_flags, 1); __uint(numa_node, 0); } h SEC(".maps");
      struct { __uint(type, 30); __type(value, u64); __uint(max_entries, 8); __uint(map_extra, 3); } bloom SEC(".maps");
      ${program("return 0;")}`);
    using loaded = loadObject(object);
    expect([...loaded.maps.values()].map(({ spec }) => [spec.name, spec.maxEntries > 0])).toEqual([
      ["ring", true],
      ["events", true],
      ["h", true],
      ["bloom", true],
    ]);
    expect(object.maps.map((m) => [m.maxEntries, m.flags, m.numaNode, m.extra])).toEqual([
      [8192, undefined, undefined, undefined],
      [0, undefined, undefined, undefined],
      [8, 5, 0, undefined],
      [8, undefined, undefined, 3n],
    ]);
  });

  it("hold maps and programs that their declarations name", () => {
    expect(
      run(`struct inner { ${HASH} __uint(max_entries, 4); } first SEC(".maps"), second SEC(".maps");
        struct { __uint(type, 13); __type(key, u32); __uint(max_entries, 3); __array(values, struct inner); } outer SEC(".maps")
          = { .values = { [2] = &second, [0] = &first } };
        ${program(`u32 key = 2; u64 value = 77; void *map = lookup(&outer, &key); if (!map) return 1;
          update(map, &key, &value, 0); u64 *held = lookup(&second, &key); if (!held) return 2;
          key = 0; if (lookup(&outer, &key) == 0) return 3; key = 1; if (lookup(&outer, &key)) return 4; return *held;`)}`),
    ).toBe(77);
    expect(
      run(`int last(u64 *ctx);
        struct { __uint(type, 3); __uint(max_entries, 2); __uint(key_size, 4); __array(values, int (void *)); } jumps SEC(".maps")
          = { .values = { [1] = (void *)&last } };
        SEC("raw_tp/y") int last(u64 *ctx) { return 42; }
        ${program("tail_call(ctx, &jumps, 1); return 1;")}`),
    ).toBe(42);
  });

  it("constants that the program may only read are known to the verifier", () => {
    // Only because the answer of the check is known is the helper that does not exist never looked at.
    expect(run(`const volatile int wanted = 0; ${program("if (wanted) ((void (*)(void)) 99999)(); return 3;")}`)).toBe(
      3,
    );
  });

  it("say what is left to whoever loads them", () => {
    expect(() => run(`struct { ${HASH} } h SEC(".maps");${program("u32 k = 0; return lookup(&h, &k) != 0;")}`)).toThrow(
      "it has no number of entries: whoever loads it has to say one",
    );
  });
});

describe.skipIf(noClang)("sections", () => {
  it("with ? are loaded where somebody asks for them", () => {
    const object = read(`SEC("?raw_tp/x") int maybe(void *ctx) { return 0; }${program("return 0;")}`);
    using some = loadObject(object);
    expect([...some.programs.keys()]).toEqual(["f"]);
    using all = loadObject(object, { wanted: () => true });
    expect([...all.programs.keys()].sort()).toEqual(["f", "maybe"]);
  });

  it("that say nothing are an error with a hint, or left out", () => {
    const text = `SEC("raw_tpp/x") int odd(void *ctx) { return 0; }${program("return 0;")}`;
    expect(() => read(text)).toThrow(
      'section raw_tpp/x says nothing of what its programs are. Did you mean SEC("raw_tp")?',
    );
    expect(read(text, { unknownSections: "skip" }).programs.map((p) => p.name)).toEqual(["f"]);
  });

  it("of XDP with packets in pieces, and of tc by libbpf's other names", () => {
    const object = read(`SEC("xdp.frags") int pieces(void *ctx) { return 2; }
      SEC("tc/ingress") int in(void *ctx) { return 0; } SEC("fmod_ret/vfs_read") int changed(void *ctx) { return 0; }`);
    expect(object.programs.map((p) => [p.name, p.type, p.attachType, p.frags, p.target?.kind])).toEqual([
      ["pieces", "xdp", "xdp", true, undefined],
      ["in", "sched_cls", "tcx_ingress", undefined, undefined],
      ["changed", "tracing", undefined, undefined, "fmod_ret"],
    ]);
    using loaded = loadObject(object, { wanted: (p) => p.type !== "tracing" });
    expect(loaded.programs.size).toBe(2);
  });
});
