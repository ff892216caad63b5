// Objects as `.o` files: ours loaded by bpftool, clang's read by us.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openBtf } from "../btf/index.ts";
import { assembleSymbolic } from "../isa/index.ts";
import type { SourceText } from "../source/index.ts";
import {
  type BpfObject,
  helperId,
  link,
  type ObjectInstruction,
  type Reference,
  readObject,
  writeObject,
} from "./index.ts";

const has = (command: string): boolean => spawnSync(command, ["--version"]).error === undefined;
const folder = mkdtempSync(join(tmpdir(), "scry-object-"));
afterAll(() => rmSync(folder, { recursive: true }));

const source: SourceText = { name: "sample.scry", text: "count opens\nfilter by pid\nsum it up\n" };

/** Code from text; names become references, instruction i comes from line i / 4. */
function code(text: string): ObjectInstruction[] {
  return assembleSymbolic(text, { helper: helperId }).map(({ symbol, ...instruction }, i) => {
    const start = [0, 12, 26][Math.min(2, i >> 2)] as number;
    const span = { start, end: start + 5 };
    if (symbol === undefined) return { ...instruction, span };
    const refs: { readonly [kind: string]: Reference } = {
      map: { kind: "map", map: symbol.name },
      map_value: { kind: "map-value", map: symbol.name, offset: symbol.offset },
      function: { kind: "function", function: symbol.name },
      call: { kind: "call", function: symbol.name },
    };
    return { ...instruction, ref: refs[symbol.kind] as Reference, span };
  });
}

const fieldOffset: ObjectInstruction = {
  op: 0xb7,
  dst: 2,
  src: 0,
  off: 0,
  imm: 0,
  ref: { kind: "field-offset", type: "task_struct", path: ["se", "vruntime"] },
};

const object: BpfObject = {
  license: "GPL",
  source,
  maps: [
    { name: "counts", type: "hash", keySize: 4, valueSize: 8, maxEntries: 128 },
    { name: "events", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 },
    { name: "globals", type: "array", keySize: 4, valueSize: 16, maxEntries: 1, initial: Uint8Array.of(7) },
  ],
  programs: [
    {
      name: "opens",
      type: "tracepoint",
      attach: [{ kind: "tracepoint", category: "syscalls", name: "sys_enter_openat" }],
      functions: [
        {
          name: "entry",
          parameters: 1,
          code: [
            ...code(`
              *(u32 *)(r10 - 4) = 1
              r1 = map[counts] ll
              r2 = r10
              r2 += -4
              call map_lookup_elem
              if r0 == 0 goto +2
              r1 = 1
              lock *(u64 *)(r0 + 0) += r1
              r1 = map_value[globals] + 8 ll
              r2 = *(u64 *)(r1 + 0)
              r1 = 3
              call double
              r1 = map[counts] ll
              r2 = function[each] ll
              r3 = 0
              r4 = 0
              call for_each_map_elem`),
            fieldOffset,
            ...code("r0 = 0\nexit"),
          ],
        },
        { name: "double", parameters: 1, code: code("r0 = r1\nr0 += r1\nexit") },
        { name: "each", parameters: 4, code: code("r1 = 2\ncall double\nr0 = 0\nexit") },
      ],
    },
    {
      name: "first",
      type: "raw_tracepoint",
      attach: [{ kind: "raw_tracepoint", name: "sys_enter" }],
      functions: [{ name: "entry", parameters: 1, code: code("r0 = 0\nexit") }],
    },
    {
      name: "drop",
      type: "xdp",
      attach: [],
      functions: [{ name: "entry", parameters: 1, code: code("r0 = 1\nexit") }],
    },
  ],
};

describe("a written object", () => {
  const kernel = openBtf(readFileSync("/sys/kernel/btf/vmlinux"));
  const bytes = writeObject(object, { kernel });

  it("reads back as it was", () => {
    const { object: back, skipped } = readObject(bytes);
    expect(skipped).toEqual([]);
    expect(back.license).toBe("GPL");
    expect(back.maps.map((map) => [map.name, map.type, map.keySize, map.valueSize, map.maxEntries])).toEqual([
      ["counts", "hash", 4, 8, 128],
      ["events", "ringbuf", 0, 0, 4096],
      [".data.globals", "array", 4, 16, 1],
    ]);
    expect(back.maps[2]?.initial?.[0]).toBe(7);
    const opens = back.programs.find((program) => program.name === "opens");
    expect(opens).toMatchObject({ type: "tracepoint", attach: object.programs[0]?.attach });
    expect(opens?.functions.map((one) => [one.name, one.parameters])).toEqual([
      ["opens", 1],
      ["double", 1],
      ["each", 4],
    ]);
    const refs = opens?.functions[0]?.code.map((one) => one.ref).filter((ref) => ref !== undefined);
    expect(refs).toEqual([
      { kind: "map", map: "counts" },
      { kind: "map-value", map: ".data.globals", offset: 8 },
      { kind: "call", function: "double" },
      { kind: "map", map: "counts" },
      { kind: "function", function: "each" },
      { kind: "core", ask: "field-offset", type: back.types?.find("task_struct", "struct"), access: "0:0:0" },
    ]);
    expect(back.source?.text).toBe("count opens\nfilter by pid\nsum it up");
    // Same code, same places.
    const before = link(object.programs[0] as BpfObject["programs"][number]);
    const after = link(opens as BpfObject["programs"][number]);
    expect(after.slots).toBe(before.slots);
    expect(after.lines.map(({ slot, span }) => [slot, span.start])).toEqual(
      before.lines.map(({ slot, span }) => [slot, span.start]),
    );
  });

  it.skipIf(!has("bpftool"))("is loaded by bpftool", () => {
    const path = join(folder, "sample.o");
    writeFileSync(path, bytes);
    const pins = `/sys/fs/bpf/scry-object-${process.pid}`;
    const loaded = spawnSync("bpftool", ["prog", "loadall", path, pins]);
    try {
      expect(loaded.stderr.toString()).toBe("");
      expect(loaded.status).toBe(0);
      const dump = spawnSync("bpftool", [
        "prog",
        "dump",
        "xlated",
        "pinned",
        `${pins}/opens`,
        "linum",
      ]).stdout.toString();
      expect(dump).toContain("filter by pid [file:sample.scry line_num:2 line_col:1]");
      expect(dump).toContain("double");
      const task = kernel.find("task_struct", "struct") as number;
      expect(dump).toContain(`r2 = ${(kernel.field(task, "se.vruntime")?.bitOffset as number) / 8}\n`);
    } finally {
      rmSync(pins, { recursive: true, force: true });
    }
    const skeleton = spawnSync("bpftool", ["gen", "skeleton", path, "name", "sample"]);
    expect(skeleton.stderr.toString()).toBe("");
    expect(skeleton.stdout.toString()).toContain("struct bpf_program *opens;");
  });
});

const C = `
typedef unsigned int u32; typedef unsigned long long u64;
#define SEC(n) __attribute__((section(n), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
struct { __uint(type, 1); __uint(max_entries, 64); __type(key, u32); __type(value, u64); } counts SEC(".maps");
static struct { __uint(type, 27); __uint(max_entries, 4096); } events SEC(".maps");
const volatile u32 wanted = 5;
u64 total = 9;
u64 zeros;
struct task_struct { int pid; } __attribute__((preserve_access_index));
static void *(*map_lookup_elem)(void *, const void *) = (void *)1;
static u64 (*get_current_task)(void) = (void *)35;
static long (*probe_read_kernel)(void *, u32, const void *) = (void *)113;
static long (*for_each)(void *, void *, void *, u64) = (void *)164;
static __attribute__((noinline)) int twice(int n) { return n * 2 + zeros; }
static long each(void *m, u32 *k, u64 *v, void *c) { return *v == 3; }
SEC("tp/syscalls/sys_enter_openat") int opens(void *ctx) {
  u32 key = wanted; int pid = 0;
  struct task_struct *t = (void *)get_current_task();
  probe_read_kernel(&pid, sizeof(pid), __builtin_preserve_access_index(&t->pid));
  u64 *v = map_lookup_elem(&counts, &key);
  if (v) *v += twice(pid);
  for_each(&counts, each, 0, 0);
  total++;
  return map_lookup_elem(&events, &key) != 0;
}
SEC("fentry.s/vfs_read") int reads(void *ctx) { return 0; }
char _license[] SEC("license") = "GPL";
`;

describe.skipIf(!has("clang"))("an object of clang's", () => {
  it("is read: maps, globals, functions, fields, lines", () => {
    const path = join(folder, "clang.c");
    writeFileSync(path, C);
    const built = spawnSync("clang", ["-target", "bpf", "-O2", "-g", "-c", "clang.c", "-o", "clang.o"], {
      cwd: folder,
    });
    expect(
      built.stderr
        .toString()
        .split("\n")
        .filter((line) => line.includes("error")),
    ).toEqual([]);
    const { object: read } = readObject(readFileSync(join(folder, "clang.o")));
    expect(read.license).toBe("GPL");
    const maps = new Map(read.maps.map((map) => [map.name, map]));
    expect(maps.get("counts")).toMatchObject({ type: "hash", keySize: 4, valueSize: 8, maxEntries: 64 });
    expect(maps.get("events")).toMatchObject({ type: "ringbuf", maxEntries: 4096 });
    expect(maps.get(".rodata")?.initial?.[0]).toBe(5);
    expect(maps.get(".data")?.initial?.[0]).toBe(9);
    expect(maps.get(".bss")).toMatchObject({ valueSize: 8 });
    const opens = read.programs.find((program) => program.name === "opens");
    expect(opens).toMatchObject({
      type: "tracepoint",
      attach: [{ kind: "tracepoint", category: "syscalls", name: "sys_enter_openat" }],
    });
    expect(opens?.functions.map((one) => one.name).sort()).toEqual(["each", "opens", "twice"]);
    const refs = opens?.functions.flatMap((one) => one.code.flatMap((i) => (i.ref === undefined ? [] : [i.ref]))) ?? [];
    expect(refs).toContainEqual({ kind: "map", map: "events" });
    expect(refs).toContainEqual({ kind: "map-value", map: ".bss", offset: 0 });
    expect(refs).toContainEqual({ kind: "call", function: "twice" });
    expect(refs).toContainEqual({ kind: "function", function: "each" });
    const type = read.types?.find("task_struct", "struct");
    expect(refs).toContainEqual({ kind: "core", ask: "field-offset", type, access: "0:0" });
    expect(read.programs.find((program) => program.name === "reads")).toMatchObject({
      type: "tracing",
      sleepable: true,
      target: { kind: "fentry", name: "vfs_read" },
    });
    const span = opens?.functions[0]?.code[0]?.span;
    expect(read.source?.text.slice(span?.start, span?.end)).toContain("wanted");
    expect(() => link(opens as BpfObject["programs"][number])).not.toThrow();
  });
});
