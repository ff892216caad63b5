// Questions as clang writes them, answered from the types of a "kernel" that clang has compiled too: a table of what is asked
// and what the answer is.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hasClang, lacking } from "../../test/support/skips.ts";
import { openBtf } from "../btf/index.ts";
import { parseElf } from "../elf/index.ts";
import { type BpfObject, type ObjectInstruction, readObject } from "../object/index.ts";
import { CoreError, resolveCore } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-core-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles C for BPF; gives its bytes. */
function compile(text: string): Buffer {
  const source = join(folder, "x.c");
  const to = join(folder, "x.o");
  writeFileSync(source, text);
  execFileSync("clang", ["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-Wno-everything", "-c", source, "-o", to]);
  return readFileSync(to);
}

function typesOf(text: string): ReturnType<typeof openBtf> {
  const elf = parseElf(compile(text));
  const section = elf.section(".BTF");
  if (section === undefined) throw new Error("no types");
  return openBtf(elf.data(section).slice());
}

/** What this "kernel" has. */
const KERNEL = `
typedef unsigned long long u64; typedef unsigned int u32; typedef unsigned short u16; typedef unsigned char u8;
struct inner { u64 pad; union { int a; struct { char b[4]; u16 deep; }; }; };
enum color { RED = 3, GREEN = -7, BLUE = 9 };
typedef int (*callback)(int, void *);
typedef struct { int x; } nameless;
struct task { u64 first; int pid; struct inner in; u32 wide; u16 narrow; char text[24];
  int low : 3; unsigned int mid : 13; u64 far : 40; struct task *parent; enum color color; signed char sc; u64 list[5];
  struct inner many[3]; int tail[]; };
struct two { int a; long b; };
struct ops { int (*open)(struct task *, int); };
struct task the_task; callback cb; nameless nl; struct two two; struct ops ops; enum color color;
`;

const PROLOGUE = `
typedef unsigned long long u64; typedef unsigned int u32; typedef unsigned short u16; typedef unsigned char u8;
#define CORE __attribute__((preserve_access_index))
#define SEC(x) __attribute__((section(x), used))
#define has_field(t, f) __builtin_preserve_field_info(((t *)0)->f, 2)
#define field_size(t, f) __builtin_preserve_field_info(((t *)0)->f, 1)
#define field_offset(t, f) __builtin_preserve_field_info(((t *)0)->f, 0)
#define field_signed(t, f) __builtin_preserve_field_info(((t *)0)->f, 3)
#define field_left(t, f) __builtin_preserve_field_info(((t *)0)->f, 4)
#define field_right(t, f) __builtin_preserve_field_info(((t *)0)->f, 5)
#define has_type(t) __builtin_preserve_type_info(*(t *)0, 0)
#define type_size(t) __builtin_preserve_type_info(*(t *)0, 1)
#define type_matches(t) __builtin_preserve_type_info(*(t *)0, 0)
#define enum_has(e, v) __builtin_preserve_enum_value(*(typeof(e) *)v, 0)
#define enum_value(e, v) __builtin_preserve_enum_value(*(typeof(e) *)v, 1)
char _license[] SEC("license") = "GPL";
`;

/** What is asked (`DECLARATIONS ; EXPRESSION`), and the constant that the program returns for this kernel. */
const cases: readonly (readonly [declarations: string, asked: string, answer: bigint | "poison"])[] = [
  ["struct task { int pid; } CORE;", "field_offset(struct task, pid)", 8n],
  ["struct task___old { int pid; } CORE;", "field_offset(struct task___old, pid)", 8n],
  ["struct task { u64 pid; } CORE;", "field_offset(struct task, pid)", 8n],
  ["struct task { struct { int deep; } in; } CORE;", "field_offset(struct task, in.deep)", 28n],
  ["struct task { struct { int a; } in; } CORE;", "field_offset(struct task, in.a)", 24n],
  ["struct task { char text[8]; } CORE;", "field_offset(struct task, text[5])", 43n],
  ["struct task { char text[8]; } CORE;", "field_size(struct task, text)", 24n],
  ["struct task { u64 list[9]; } CORE;", "field_offset(struct task, list[4])", 120n],
  ["struct task { u64 list[9]; } CORE;", "field_offset(struct task, list[7])", "poison"],
  ["struct task { u64 list[9]; } CORE;", "has_field(struct task, list[7])", 0n],
  ["struct task { int pid; int tail[]; } CORE;", "field_offset(struct task, tail[100])", 576n],
  ["struct task { struct { u64 pad; } many[3]; } CORE;", "field_offset(struct task, many[2].pad)", 160n],
  ["struct task { int gone; } CORE;", "field_offset(struct task, gone)", "poison"],
  ["struct task { int gone; } CORE;", "has_field(struct task, gone)", 0n],
  ["struct task { int pid; } CORE;", "has_field(struct task, pid)", 1n],
  ["struct task { char *pid; } CORE;", "has_field(struct task, pid)", 0n],
  ["struct task { struct other *parent; } CORE;", "has_field(struct task, parent)", 1n],
  ["struct task { enum color___x { A } color; } CORE;", "has_field(struct task, color)", 1n],
  ["struct task { enum colour { A } color; } CORE;", "has_field(struct task, color)", 0n],
  ["struct nothing { int pid; } CORE;", "has_field(struct nothing, pid)", 0n],
  ["struct task { u64 narrow; } CORE;", "field_size(struct task, narrow)", 2n],
  ["struct task { int sc; } CORE;", "field_signed(struct task, sc)", 1n],
  ["struct task { int wide; } CORE;", "field_signed(struct task, wide)", 0n],
  ["struct task { int low : 5; } CORE;", "field_offset(struct task, low)", 60n],
  ["struct task { int low : 5; } CORE;", "field_size(struct task, low)", 4n],
  ["struct task { int low : 5; } CORE;", "field_left(struct task, low)", 45n],
  ["struct task { int low : 5; } CORE;", "field_right(struct task, low)", 61n],
  ["struct task { u32 mid : 5; } CORE;", "field_left(struct task, mid)", 32n],
  ["struct task { u64 far : 5; } CORE;", "field_offset(struct task, far)", 64n],
  ["struct task { u64 far : 5; } CORE;", "field_right(struct task, far)", 24n],
  ["struct task { int x; } CORE;", "has_type(struct task)", 1n],
  ["struct task { int x; } CORE;", "type_size(struct task)", 176n],
  ["struct none { int x; } CORE;", "has_type(struct none)", 0n],
  ["struct none { int x; } CORE;", "type_size(struct none)", 0n],
  ["typedef int (*callback)(int, void *);", "has_type(callback)", 1n],
  ["typedef int (*callback)(int);", "has_type(callback)", 0n],
  ["typedef int callback;", "has_type(callback)", 0n],
  ["struct two { int a; };", "type_matches(struct two)", 1n],
  ["struct two { long b; int a; };", "type_matches(struct two)", 1n],
  ["struct two { long a; };", "type_matches(struct two)", 0n],
  ["struct two { unsigned a; };", "type_matches(struct two)", 0n],
  ["struct two { int a; long b; int c; };", "type_matches(struct two)", 0n],
  ["struct task; struct ops { int (*open)(struct task *, int); };", "type_matches(struct ops)", 1n],
  ["struct task; struct ops { int (*open)(struct task *, long); };", "type_matches(struct ops)", 0n],
  ["enum color { RED___x, BLUE };", "type_matches(enum color)", 1n],
  ["enum color { PINK };", "type_matches(enum color)", 0n],
  ["enum color { RED };", "enum_has(enum color, RED)", 1n],
  ["enum color { PINK };", "enum_has(enum color, PINK)", 0n],
  ["enum color { BLUE };", "enum_value(enum color, BLUE)", 9n],
  ["enum color { GREEN };", "enum_value(enum color, GREEN)", BigInt.asUintN(64, -7n)],
  ["enum color___v2 { BLUE___v2 };", "enum_value(enum color___v2, BLUE___v2)", 9n],
  ["enum color { PINK };", "enum_value(enum color, PINK)", "poison"],
];

function program(declarations: string, body: string): BpfObject {
  return readObject(compile(`${PROLOGUE}${declarations}\nSEC("raw_tp/x") u64 f(void *ctx) { ${body} }\n`)).object;
}

type CoreReference = Extract<NonNullable<ObjectInstruction["ref"]>, { kind: "core" }>;

const rewritten = (object: BpfObject, change: (ref: CoreReference) => CoreReference): BpfObject => ({
  ...object,
  programs: object.programs.map((p) => ({
    ...p,
    functions: p.functions.map((f) => ({
      ...f,
      code: f.code.map((one) => (one.ref?.kind === "core" ? { ...one, ref: change(one.ref) } : one)),
    })),
  })),
});

const askingForMatches = (object: BpfObject): BpfObject =>
  rewritten(object, (ref) => ({ ...ref, ask: "type-matches" }));

const codeOf = (object: BpfObject): readonly ObjectInstruction[] =>
  object.programs[0]?.functions.flatMap((fn) => fn.code) ?? [];

describe.skipIf(lacking("CO-RE relocations", { clang: hasClang }))("CO-RE", () => {
  const kernel = hasClang ? typesOf(KERNEL) : undefined;
  const target = { btf: kernel as NonNullable<typeof kernel>, modules: () => [] };

  for (const [declarations, asked, answer] of cases)
    it(`${declarations} ${asked}: ${answer}`, () => {
      const object = program(declarations, `return ${asked};`);
      // Clang before 15 has no such question: it is asked as `type-exists`.
      const code = codeOf(resolveCore(asked.startsWith("type_matches") ? askingForMatches(object) : object, target));
      const poisoned = code.some((one) => one.ref?.kind === "poison");
      if (answer === "poison") expect(poisoned).toBe(true);
      else {
        expect(poisoned).toBe(false);
        const [first] = code as [ObjectInstruction];
        expect(BigInt.asUintN(64, first.imm64 ?? BigInt(first.imm))).toBe(answer);
      }
    });

  it("loads become as wide as the field is, where that is right", () => {
    const load = (declaration: string, body: string): ObjectInstruction | undefined =>
      codeOf(resolveCore(program(declaration, body), target)).find(
        (one) => (one.op & 7) === 1 || one.ref !== undefined,
      );
    // u32 here, u64 there: BPF_LDX | BPF_MEM | BPF_W
    expect(load("struct task { u64 wide; } CORE;", "return ((struct task *)ctx)->wide;")).toMatchObject({
      op: 0x61,
      off: 32,
    });
    expect(
      load("struct task { u32 parent2; u32 narrow; } CORE;", "return ((struct task *)ctx)->narrow;"),
    ).toMatchObject({
      op: 0x69,
      off: 36,
    });
    // A signed one would lose its sign.
    expect(load("struct task { long pid; } CORE;", "return ((struct task *)ctx)->pid;")?.ref?.kind).toBe("poison");
  });

  it("types that only a module has are asked of the modules", () => {
    const module = typesOf("struct extra { long a; int b; }; struct extra e;");
    const object = program("struct extra { int b; } CORE;", "return field_offset(struct extra, b);");
    expect(codeOf(resolveCore(object, { ...target, modules: () => [module] }))[0]?.imm).toBe(8);
    expect(codeOf(resolveCore(object, target)).some((one) => one.ref?.kind === "poison")).toBe(true);
    // Two that do not agree.
    const other = typesOf("struct extra { int b; }; struct extra e;");
    expect(() => resolveCore(object, { ...target, modules: () => [module, other] })).toThrow(CoreError);
    expect(() => resolveCore(object, { ...target, modules: () => [module, other] })).toThrow(
      "field struct extra.b: it is not clear which type is meant",
    );
  });

  it("says what a damaged relocation asks, and of which program", () => {
    const object = program("struct task { int pid; } CORE;", "return field_offset(struct task, pid);");
    const damaged = (access: string): BpfObject => rewritten(object, (ref) => ({ ...ref, access }));
    for (const access of ["0:9", "x", "", "0:0:0", "0:1:", "1:0:0:0:0", "9".repeat(400)])
      expect(() => resolveCore(damaged(access), target)).toThrow(CoreError);
  });
});
