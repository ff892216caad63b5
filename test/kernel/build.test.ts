// `scry build`: C text in, an object out that libbpf (by bpftool) loads as well as we do; and what is said of text that is wrong.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadObject } from "../../src/kernel/index.ts";
import { readObject } from "../../src/object/index.ts";
import { scryCommand } from "../support/commands.ts";
import { hasTool, lacking } from "../support/skips.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-build-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const scry = (...words: string[]) =>
  spawnSync(process.execPath, [scryCommand(), ...words], { encoding: "utf8", timeout: 60_000, cwd: folder });

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const PROGRAM = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "shape.h"

extern int LINUX_KERNEL_VERSION __kconfig;
extern const void bpf_prog_put __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym __weak;

struct inner { __uint(type, BPF_MAP_TYPE_HASH); __type(key, u32); __type(value, struct shape); __uint(max_entries, 8); };
struct inner first SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, u32);
  __array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &first } };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");

const volatile u32 target = SCALE;
u64 seen;
static const char name[] = "a name";

SEC("tp/syscalls/sys_enter_getppid")
int each(void *ctx)
{
  u32 pid = bpf_get_current_pid_tgid() >> 32, zero = 0;
  if (target && pid != target)
    return 0;
  struct task_struct *task = (void *)bpf_get_current_task();
  if (bpf_core_field_exists(task->real_parent))
    seen += BPF_CORE_READ(task, real_parent, tgid) != 0;
  struct shape shape = { .size = LINUX_KERNEL_VERSION, .letter = name[2] };
  void *inner = bpf_map_lookup_elem(&outer, &zero);
  if (inner)
    bpf_map_update_elem(inner, &pid, &shape, BPF_ANY);
  bpf_ringbuf_output(&events, &shape, sizeof(shape), 0);
  return (u64)&bpf_prog_put != 0;
}
char _license[] SEC("license") = "GPL";
`;

describe("scry build", () => {
  write("shape.h", "struct shape { long size; char letter; };\n#ifndef SCALE\n#define SCALE 0\n#endif\n");
  write("each.bpf.c", PROGRAM);

  it("makes an object that we load, and libbpf", () => {
    const built = scry("build", "-D", "SCALE=4000000000u", "each.bpf.c", "-o", "each.o");
    expect([built.status, built.stderr]).toEqual([0, ""]);
    const { object } = readObject(readFileSync(join(folder, "each.o")));
    expect(object.maps.map((m) => [m.name, m.type])).toEqual([
      ["first", "hash"],
      ["outer", "array_of_maps"],
      ["events", "ringbuf"],
      [".kconfig", "array"],
      [".rodata", "array"],
      [".bss", "array"],
    ]);
    using loaded = loadObject(object);
    expect([...loaded.programs.keys()]).toEqual(["each"]);
  });

  it.skipIf(lacking("built objects by libbpf", { bpftool: hasTool("bpftool") }))(
    "with nothing that libbpf complains of",
    () => {
      expect(scry("build", "each.bpf.c").status).toBe(0);
      const at = "/sys/fs/bpf/scry-test-build";
      const loaded = spawnSync("bpftool", ["prog", "loadall", "each.bpf.o", at], { encoding: "utf8", cwd: folder });
      rmSync(at, { recursive: true, force: true });
      expect(loaded.stderr.replace(/^Warning: bpftool is now running.*\n/gm, "")).toBe("");
      expect(loaded.status).toBe(0);
    },
  );

  it("compiles what a compilation database has for BPF, whatever one of them lacks", () => {
    const head = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include "shape.h"\n';
    write("one.bpf.c", `${head}int scale = SCALE; SEC("xdp") int one(void *c) { return scale; }`);
    write("wrong.bpf.c", "int gone = nothing;");
    const entries = [
      { directory: folder, file: "wrong.bpf.c", command: "clang -target bpf -c wrong.bpf.c" },
      { directory: folder, file: "host.c", arguments: ["gcc", "-c", "host.c"] },
      {
        directory: "/",
        file: join(folder, "one.bpf.c"),
        command: `clang -g -O2 --target=bpf -D 'SCALE=(1 + 2)' -isystem ${folder} -c ${folder}/one.bpf.c -o ${folder}/made.o`,
      },
    ];
    write("compile_commands.json", JSON.stringify(entries));
    const { status, stderr } = scry("build", "-p", "compile_commands.json");
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/wrong\.bpf\.c:1:12-19: ERROR: 'nothing' is not declared/),
    ]);
    expect(stderr).not.toContain("host.c");
    expect(readObject(readFileSync(join(folder, "made.o"))).object.maps[0]?.initial?.[0]).toBe(3);
  });

  it("is run at once, with its variables set", () => {
    const ran = scry("run", "--dry-run", "--set", "target=4000000000", "each.bpf.c");
    expect([ran.status, ran.stderr]).toEqual([0, expect.not.stringContaining("ERROR")]);
  });

  it("says what is wrong, where", () => {
    const head = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n';
    for (const [text, says] of [
      [
        `${head}#define TWICE(x) ((x) + gone)\nSEC("xdp") int f(void *c) { return TWICE(3); }`,
        "'gone' is not declared",
      ],
      [`${head}SEC("xdp") int f(struct xdp_md *c) { return c->nothing; }`, "no member named 'nothing'"],
      [`${head}SEC("xpd") int f(void *c) { return 0; }`, "section xpd says nothing of what its programs are"],
      ['#include "none.h"\n', "none.h"],
      ["int f(", "ERROR"],
      ["\0\u0001", "ERROR"],
    ] as const) {
      const { status, stderr } = scry("build", write("wrong.bpf.c", text));
      expect([text, status]).toEqual([text, 1]);
      expect(stderr).toContain(says);
      expect(stderr).not.toContain("internal error");
    }
    expect(scry("build", "absent.bpf.c").stderr).toContain("there is no such file");
    expect(scry("build", "each.s").stderr).toContain("takes C, TypeScript and objects");
    expect(scry("build", "-target", "x86_64", "each.bpf.c").stderr).toContain("code is made for BPF");
    expect(scry("build", "-p", "each.bpf.c").stderr).toContain("each.bpf.c: it is no compilation database");
  });

  it("says where it cannot write", () => {
    for (const words of [["build", "each.bpf.c"], ["--emit-elf"]])
      for (const [file, says] of [
        ["none/x.o", "failed to open the output 'none/x.o': its folder does not exist"],
        ["/dev/full", "the output '/dev/full' cannot be written: no space left on the device"],
      ] as const) {
        const ran = scry(...words, ...(words.length > 1 ? ["-o", file] : [file, "-e", "begin { exit(); }"]));
        expect([ran.status, ran.stderr.trim()]).toEqual([1, `ERROR: ${says}`]);
      }
  });

  it("is what gen embeds of C text", () => {
    const made = scry("gen", "--embed", "each.bpf.c");
    expect([made.status, made.stderr]).toEqual([0, ""]);
    const text = [...made.stdout.matchAll(/^ {2}"([\w+/=]+)"/gm)].map(([, line]) => line).join("");
    const { object } = readObject(Buffer.from(text, "base64"));
    expect(object.programs.map((p) => p.name)).toEqual(["each"]);
  });
});
