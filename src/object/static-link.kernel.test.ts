// Objects that clang made, linked by us and by libbpf's linker (`bpftool gen object`), give the same results in the kernel.

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { compileC, workFolder } from "../../test/support/c-object.ts";
import { hasClang, lacking } from "../../test/support/skips.ts";
import type { Btf } from "../btf/index.ts";
import { parseElf } from "../elf/index.ts";
import { loadObject, testRun } from "../kernel/index.ts";
import { objectFileOfC } from "../sources/index.ts";
import { linkObjects, readObject } from "./index.ts";

const folder = workFolder();
afterAll(() => folder.remove());
const run = (command: string, ...args: string[]) => spawnSync(command, args, { cwd: folder.path, encoding: "utf8" });
const hasBpftool = run("bpftool", "version").error === undefined;
const noClang = lacking("linking of objects", { clang: hasClang });

const input = (name: string, text: string) => ({
  name: `${name}.o`,
  bytes: readFileSync(compileC(folder.path, name, text)),
});

const MAIN = `
struct pair { int a; long b; };
static int hits = 3;
int shared = 4;
extern int other;
extern const int limit;
extern int far(int x);
extern int by_pair(struct pair *pair);
extern struct { __uint(type, 1); __type(key, int); __type(value, struct pair); __uint(max_entries, 8); } m;
static struct { __uint(type, 2); __type(key, int); __type(value, long); __uint(max_entries, 1); } own SEC(".maps");
__weak __attribute__((noinline)) int which(int a) { return a * 3 + shared; }
__weak int choice = 1;
__hidden __attribute__((noinline)) int hid(int a) { return a * 7 + hits++; }
static __attribute__((noinline)) int stat(int a) { return a * 9 + hits++; }
static long each(u32 i, void *ctx) { *(long *)ctx += i + hits; return 0; }
static long (*loop)(u32 n, void *f, void *ctx, u64 flags) = (void *) 181;
SEC("xdp") int p(void *ctx) {
  int k = 1, zero = 0; struct pair v = { 5, 6 }; long sum = 0;
  update(&m, &k, &v, 0);
  long *one = lookup(&own, &zero);
  if (one) *one += 11;
  loop(4, each, &sum, 0);
  return which(hits) + hid(other) + far(limit) + stat(2) + by_pair(&v) + choice * 1000 + (one ? *one : 0) + sum;
}
SEC("xdp") int q(void *ctx) { return which(1) + stat(4); }
`;

const REST = `
struct pair { int a; long b; };
static int hits = 9;
int other = 7;
const int limit = 12;
int choice = 2;
struct { __uint(type, 1); __type(key, int); __type(value, struct pair); __uint(max_entries, 8); } m SEC(".maps");
static struct { __uint(type, 2); __type(key, int); __type(value, long); __uint(max_entries, 1); } own SEC(".maps");
__attribute__((noinline)) int which(int a) { return a * 5 + other; }
static __attribute__((noinline)) int stat(int a, int b) { return a * 9 + hits++ + b; }
int far(int x) { int zero = 0; long *one = lookup(&own, &zero); if (one) *one += 100; return stat(x, 100) + (one ? *one : 0); }
extern int hid(int a);
int by_pair(struct pair *p) { int k = 1; if (!p) return 0; struct pair *v = lookup(&m, &k); return hid(p->a) + (v ? v->b : 0); }
SEC("tc") int t(void *ctx) { return far(2); }
`;

/** With maps that libbpf takes. */
const global = (text: string, name: string): string =>
  text.replaceAll(/\bown\b/g, name).replace("static struct {", "struct {");

const packet = new Uint8Array(64);

/** What the programs of an object answer, one after another. */
function results(bytes: Uint8Array): number[] {
  const { object } = readObject(bytes);
  using loaded = loadObject(object);
  return ["p", "q", "t", "p"].map((name) => testRun(loaded.programs.get(name)?.fd as number, { data: packet }).value);
}

describe.skipIf(noClang)("linked objects", () => {
  it.skipIf(!hasBpftool)("give what those give that bpftool links", () => {
    const inputs = [input("main", MAIN), input("rest", REST)];
    const ours = linkObjects(inputs);
    const { status, stderr } = run("bpftool", "gen", "object", "theirs.o", "main.bpf.o", "rest.bpf.o");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const expected = results(readFileSync(join(folder.path, "theirs.o")));
    // The strong `which` of the two; `hits` of the first file, which p has counted up three times.
    expect(expected[1]).toBe(5 * 1 + 7 + 4 * 9 + 3 + 3);
    expect(results(ours)).toEqual(expected);
    // In the other order too, where `weak` is not what comes first.
    expect(results(linkObjects([...inputs].reverse()))).toEqual(expected);
    // A linked object can be linked again.
    const third = input("third", `SEC("raw_tp/sys_enter") int r(void *ctx) { return 0; }`);
    expect(results(linkObjects([{ name: "linked.o", bytes: ours }, third]))).toEqual(expected);
  });

  it("may be made by clang or by us, in any order", () => {
    const texts: readonly (readonly [name: string, text: string])[] = [
      // Static maps are global in our files, since libbpf has no others: they need names of their own.
      ["main", global(MAIN, "own")],
      ["rest", global(REST, "other_own")],
    ];
    const clang = texts.map(([name, text]) => input(name, text));
    const ours = texts.map(([name]) => ({
      name: `${name}.bpf.c`,
      bytes: objectFileOfC(join(folder.path, `${name}.bpf.c`)),
    }));
    const expected = results(linkObjects(clang));
    for (const main of [clang[0], ours[0]])
      for (const rest of [clang[1], ours[1]])
        for (const pair of [
          [main, rest],
          [rest, main],
        ])
          expect(results(linkObjects(pair.flatMap((one) => one ?? [])))).toEqual(expected);
    if (!hasBpftool) return;
    for (const { name, bytes } of ours) writeFileSync(join(folder.path, `${name}.o`), bytes);
    const { status, stderr } = run("bpftool", "gen", "object", "both.o", "main.bpf.c.o", "rest.bpf.c.o");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(results(readFileSync(join(folder.path, "both.o")))).toEqual(expected);
  });

  it.skipIf(!hasBpftool)("are taken by libbpf", () => {
    const linked = linkObjects([input("main", global(MAIN, "own")), input("rest", global(REST, "other_own"))]);
    writeFileSync(join(folder.path, "ours.o"), linked);
    const pins = `/sys/fs/bpf/scry-linked-${process.pid}`;
    try {
      const { status, stderr } = run("bpftool", "prog", "loadall", "ours.o", pins);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      writeFileSync(join(folder.path, "packet"), packet);
      const { stdout } = run("bpftool", "prog", "run", "pinned", `${pins}/p`, "data_in", "packet");
      expect(Number(/Return value: (\d+)/.exec(stdout)?.[1])).toBe(results(linked)[0]);
    } finally {
      rmSync(pins, { recursive: true, force: true });
    }
  });

  it("keep lines and questions to the kernel's types with their instructions", () => {
    const core = (name: string, field: string) =>
      input(
        name,
        `struct task_struct { int pid; int tgid; } __attribute__((preserve_access_index));
static struct task_struct *(*current)(void) = (void *) 158;
SEC("tp_btf/sys_enter") int ${name}(void *ctx) { return current()->${field}; }`,
      );
    const { object } = readObject(linkObjects([core("first", "pid"), core("second", "tgid")]));
    const types = object.types as Btf;
    const struct = types.findEach("task_struct", "struct");
    expect(struct).toHaveLength(1);
    const asked = object.programs.map(({ name, functions }) => {
      const { ref, span } = functions[0]?.code.find((one) => one.ref?.kind === "core") ?? {};
      const text = span?.file ?? object.source;
      return [name, ref, text?.name, text?.text.slice(span?.start, span?.end)];
    });
    const ref = (access: string) => ({ kind: "core", ask: "field-offset", type: struct[0], access });
    expect(asked).toEqual([
      ["first", ref("0:0"), expect.stringMatching(/first.bpf.c$/), expect.stringMatching(/^pid; }/)],
      ["second", ref("0:1"), expect.stringMatching(/second.bpf.c$/), expect.stringMatching(/^tgid; }/)],
    ]);
    using loaded = loadObject(object);
    expect(loaded.programs.size).toBe(2);
  });

  const refused: readonly (readonly [what: string, one: string, other: string, error: string])[] = [
    [
      "a name that both define",
      "int f(int x) { return x; }",
      "int f(int x) { return 2; }",
      "two.o: it defines f, which one.o defines too",
    ],
    [
      "a variable of another type",
      "extern long v; long *f(void) { return &v; }",
      "int v = 1;",
      "one.o: v is not what it is in two.o: int int and int long",
    ],
    [
      "a function with other parameters",
      "extern int f(int a); int g(void) { return f(1); }",
      "int f(int a, int b) { return b; }",
      "one.o: f is not what it is in two.o: functions of 2 and of 1 parameters",
    ],
    [
      "a map of other entries",
      `extern struct { __uint(type, 2); __type(key, int); __type(value, int); __uint(max_entries, 3); } m SEC(".maps"); void *g(void) { return &m; }`,
      `struct { __uint(type, 2); __type(key, int); __type(value, int); __uint(max_entries, 4); } m SEC(".maps");`,
      "one.o: m is not what it is in two.o: maxEntries 4 and 3",
    ],
    [
      "a variable that is a map elsewhere",
      "extern int m; int g(void) { return m; }",
      `struct { __uint(type, 2); __type(key, int); __type(value, int); __uint(max_entries, 4); } m SEC(".maps");`,
      "one.o: m is not what it is in two.o: only one of the two is a map",
    ],
    [
      "a function of the kernel's",
      "extern int f(int a) __ksym; int g(void) { return f(1); }",
      "int f(int a) { return a; }",
      "one.o: f is not what it is in two.o: here it is the kernel's (.ksyms)",
    ],
  ];
  it.each(refused)("refuse %s", (_, one, other, error) => {
    const inputs = [input("one", one), input("two", other)];
    expect(() => linkObjects(inputs)).toThrow(error);
  });

  it("refuse another license", () => {
    const mit = compileC(folder.path, "mit", "int f(int x) { return x; }", ["-D_license=theirs", "-DSEC_license"]);
    const other = { name: "mit.o", bytes: Uint8Array.from(readFileSync(mit)) };
    const section = parseElf(other.bytes).section("license");
    other.bytes.set(new TextEncoder().encode("MIT"), section?.offset);
    expect(() => linkObjects([input("gpl", "int g(int x) { return x; }"), other])).toThrow(
      'mit.o: its license is "MIT", that of gpl.o "GPL"',
    );
  });

  it("leave open what none of them defines, until it is read as a whole", () => {
    const needs = (name: string) =>
      input(name, `extern int far(int x); SEC("xdp") int ${name}(void *ctx) { return far(1); }`);
    const part = linkObjects([needs("one"), needs("two")]);
    expect(() => readObject(part)).toThrow("one: nothing defines far; where another object does, link them");
    const far = input("far", "int far(int x) { return x + 41; }");
    const { object } = readObject(linkObjects([{ name: "part.o", bytes: part }, far]));
    using loaded = loadObject(object);
    expect(testRun(loaded.programs.get("two")?.fd as number, { data: packet }).value).toBe(42);
  });
});
