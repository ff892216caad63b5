// Every reader of bytes that others have written, given damaged ones. SCRY_SEED chooses the damage, SCRY_RUNS how many
// copies of each file are read.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { type Btf, openBtf, placeDataSections, printC, printTypeScript, valueCodec } from "../../src/btf/index.ts";
import { DwarfTypes, frameEntries, NoCodeError, openDwarf, unwindTable } from "../../src/dwarf/index.ts";
import {
  buildId,
  debugLink,
  functionExits,
  goFunctions,
  goStackCheck,
  goVersion,
  parseElf,
  parseUsdtArguments,
  SectionType,
  UsdtArgumentError,
  uprobeEntry,
  usdtNotes,
} from "../../src/elf/index.ts";
import { embeddedTrace } from "../../src/embedded-trace.ts";
import { kernelDeclarations } from "../../src/lang/kernel-types/index.ts";
import { generateModule } from "../../src/loader/index.ts";
import { linkObjects, packObject, readObject, unpackObject } from "../../src/object/index.ts";
import { parseRecording } from "../../src/replay/index.ts";
import { PerfMap } from "../../src/symbols/index.ts";
import { type Part, readDamaged } from "../data/damage.ts";
import { elfWithNotes } from "../data/elf.ts";
import { goElfBytes, goTable, TEXT } from "../data/go.ts";
import { smallKernel } from "../support/small-kernel.ts";

const seed = Number(process.env.SCRY_SEED ?? Date.now() & 0x7fffffff);
const runs = Number(process.env.SCRY_RUNS ?? 200);
console.log(`SCRY_SEED=${seed} SCRY_RUNS=${runs}`);

const has = (command: string): boolean =>
  process.env.CI !== undefined || spawnSync(command, ["--version"]).error === undefined;
for (const command of ["gcc", "clang"])
  if (!has(command)) console.warn(`skipped, for want of ${command}: what it would compile is not damaged`);
const folder = mkdtempSync(join(tmpdir(), "scry-damaged-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Read = (copy: Uint8Array, random: (below: number) => number) => void;

/** Reads damaged copies of a file, and holds the readers to what may come of it. */
function damage(name: string, file: () => Uint8Array, parts: (bytes: Uint8Array) => readonly Part[], read: Read): void {
  test(name, { timeout: 30_000 + runs * 100 }, () => {
    const bytes = file();
    const outcome = readDamaged(bytes, parts(bytes), seed, runs, read);
    console.log(
      `${name}: ${outcome.results} read, ${outcome.diagnostics} refused, ${outcome.milliseconds.toFixed(0)} ms at most, ${outcome.grown.toFixed(0)} MiB more`,
    );
    expect(outcome.milliseconds).toBeLessThan(5000);
    expect(outcome.grown).toBeLessThan(200);
  });
}

const sections =
  (name: RegExp) =>
  (bytes: Uint8Array): readonly Part[] =>
    parseElf(bytes)
      .sections.filter((s) => name.test(s.name) && s.type !== SectionType.NOBITS)
      .map((s) => ({ start: s.offset, end: s.offset + s.size }));

function compiled(name: string, command: string, ...options: string[]): Uint8Array {
  const out = join(folder, name);
  execFileSync(command, [...options, "-o", out], { stdio: ["ignore", "ignore", "inherit"] });
  return readFileSync(out);
}

const variables = new URL("../support/variables.c", import.meta.url).pathname;
const marked = readFileSync(variables, "utf8").split("\n");
const line = (mark: string): number => marked.findIndex((text) => text.includes(`at: ${mark}`)) + 1;

/** All types that are reached from one, as far as a script might go. */
function walk(btf: Btf, id: number): void {
  printC(btf, id);
  btf.sizeof(id);
  for (const member of btf.members(id)) {
    btf.sizeof(member.type);
    printC(btf, member.type);
  }
  btf.field(id, "at.y");
  btf.field(id, ["name", "3"]);
}

for (const [name, ...options] of [
  ["debug information of version 5", "-O2", "-gdwarf-5"],
  ["debug information of version 4", "-O1", "-gdwarf-4"],
  ["compressed debug information", "-O2", "-g", "-gz"],
] as const)
  if (has("gcc"))
    damage(
      name,
      () => compiled(name.replaceAll(" ", "-"), "gcc", ...options, variables),
      sections(/^\.(?:debug_|eh_frame|symtab|strtab|note)/),
      (copy) => {
        const elf = parseElf(copy);
        const program = openDwarf(elf, { inflate: (bytes, size) => inflate(bytes, size) });
        const types = new DwarfTypes(undefined);
        for (const _ of program?.files() ?? []);
        for (const mark of ["loop", "block", "inlined"])
          for (const place of ignoringAbsence(() => program?.places("variables.c", line(mark))) ?? []) {
            program?.frameAddress(place.address);
            for (const variable of program?.variables(place.address).values() ?? [])
              walk(types, types.idOf(variable.units, variable.type));
          }
        for (const symbol of elf.symbols().functions(/./)) {
          for (const parameter of program?.parameters(symbol.value) ?? [])
            walk(types, types.idOf(parameter.units, parameter.type));
          program?.returns(symbol.value);
          program?.lineAt(symbol.value);
        }
      },
    );

function inflate(bytes: Uint8Array, size: number): Uint8Array {
  return inflateSync(bytes, { maxOutputLength: size + 1 });
}

/** Undefined where there is no code of the line. */
function ignoringAbsence<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NoCodeError) return undefined;
    throw error;
  }
}

const elfFile: Read = (copy, random) => {
  const elf = parseElf(copy);
  for (const symbol of elf.symbols()) elf.fileOffset(symbol.value);
  elf.symbols().find("work");
  elf.symbols().covering(random(1 << 20));
  for (const symbol of elf.symbols().functions(/./)) {
    const start = elf.fileOffset(symbol.value) ?? 0;
    const code = elf.bytes.subarray(start, start + symbol.size);
    uprobeEntry(code);
    functionExits(code.subarray(0, 1 << 12), "x86_64");
    goStackCheck(code, "x86_64");
  }
  buildId(elf);
  debugLink(elf);
  goVersion(elf);
  for (const note of usdtNotes(elf))
    try {
      parseUsdtArguments(note.arguments, "x86_64");
    } catch (error) {
      if (!(error instanceof UsdtArgumentError)) throw error;
    }
};

if (has("gcc"))
  damage(
    "a program",
    () => compiled("program", "gcc", "-O2", variables),
    (bytes) => [{ start: 0, end: 64 }, ...sections(/^\.(?:symtab|strtab|dynsym|note|text|shstrtab)/)(bytes)],
    elfFile,
  );

if (has("gcc"))
  damage(
    "call frames",
    () => compiled("frames", "gcc", "-O2", variables),
    sections(/^\.eh_frame$/),
    (copy) => {
      const elf = parseElf(copy);
      unwindTable(elf);
      for (const entry of frameEntries(elf)) for (const _ of entry.rows());
    },
  );

damage(
  "notes",
  () =>
    elfWithNotes(
      Array.from({ length: 8 }, (_, i) => ({
        pc: 0x1000n + BigInt(i),
        base: 0x3000n,
        semaphore: i % 2 === 0 ? 0n : 0x2008n,
        provider: "app",
        name: `probe${i}`,
        args: "8@%rdi -4@16(%rsp,%rcx,8) 8@$-7 4@counter+8(%rip)",
      })),
    ),
  sections(/^\.(?:note|stapsdt)/),
  elfFile,
);

if (has("gcc"))
  damage(
    "BTF",
    () => {
      const elf = parseElf(compiled("btf.o", "gcc", "-c", "-gbtf", variables));
      return elf.data(elf.section(".BTF")!);
    },
    () => [],
    (copy) => {
      const btf = openBtf(placeDataSections(copy, () => ({ size: 64, offsetOf: () => 8 })));
      for (const { id } of btf.findAll(/./)) walk(btf, id);
      for (let id = 1; id < btf.count; id++) btf.type(id);
      btf.enumerator("GREEN");
      printTypeScript(btf, btf.find("buffer", "struct") ?? 0);
      btf.exportIndex();
    },
  );

for (const layout of ["1.2", "1.16", "1.18", "1.20"] as const)
  damage(
    `Go's tables (${layout})`,
    () => goElfBytes({ name: ".gopclntab", type: SectionType.PROGBITS, data: goTable(layout, TEXT) }),
    sections(/^\.gopclntab/),
    (copy) => {
      const functions = goFunctions(parseElf(copy));
      if (functions === undefined) return;
      functions.find("main.two");
      for (let at = TEXT - 1; at <= TEXT + 0x60; at += 7) {
        functions.covering(at);
        functions.line(at);
      }
      for (const _ of functions);
    },
  );

/** Types without values are refused; the others have codecs. */
damage(
  "types of a kernel, as declarations",
  () => smallKernel().btf.bytes,
  (bytes) => [{ start: 0, end: bytes.length }],
  (copy) => void kernelDeclarations({ btf: openBtf(copy) }),
);

function tryCodec(btf: Btf | undefined, id: number): void {
  if (btf !== undefined) valueCodec(btf, id);
}

const PROGRAM = `
#define SEC(name) __attribute__((section(name), used))
struct task { int pid; struct { long runtime; } se; } __attribute__((preserve_access_index));
struct { int (*type)[1]; int (*max_entries)[16]; int *key; long *value; } counts SEC(".maps");
static void *(*look_up)(void *, void *) = (void *)1;
static long (*each)(void *, void *, void *, long) = (void *)164;
int level = 3;
const char text[] = "some text";
static __attribute__((noinline)) long twice(long n) { return n * 2 + level; }
static long visit(void *map, int *key, long *value, void *context) { return *value == 0; }
SEC("tracepoint/syscalls/sys_enter_openat") int opens(struct task *task) {
  int key = task->pid;
  long *found = look_up(&counts, &key);
  each(&counts, visit, 0, 0);
  if (found) *found += twice(task->se.runtime) + text[key & 7];
  return 0;
}
SEC("xdp") int drop(void *context) { return level; }
char _license[] SEC("license") = "GPL";
`;

if (has("clang")) {
  const object = (name: string, text: string): Uint8Array => {
    const source = join(folder, `${name}.bpf.c`);
    writeFileSync(source, text);
    return compiled(`${name}.bpf.o`, "clang", "-target", "bpf", "-O2", "-g", "-Wno-everything", "-c", source);
  };
  const parts = (bytes: Uint8Array): readonly Part[] => [
    { start: 0, end: 64 },
    ...sections(/^\.(?:BTF|symtab|rel|strtab|maps|data)|^(?:tracepoint|xdp)/)(bytes),
  ];
  damage(
    "an object file",
    () => object("program", PROGRAM),
    parts,
    (copy) => {
      const { object } = readObject(copy);
      generateModule(object, { name: "program", file: "program.o", isKernelType: () => false });
      for (const { id } of object.types?.findAll(/./, ["struct", "datasec"]) ?? [])
        for (const member of object.types?.members(id) ?? []) tryCodec(object.types, member.type);
    },
  );
  damage(
    "a packed object",
    () => packObject(readObject(object("program", PROGRAM)).object),
    () => [],
    (copy) => void unpackObject(copy),
  );
  const other = object(
    "other",
    `extern int level; struct task { int pid; };
extern struct { int (*type)[1]; int (*max_entries)[16]; int *key; long *value; } counts __attribute__((section(".maps")));
void *where(struct task *task) { level += task->pid; return &counts; }`,
  );
  damage(
    "an object file that is linked",
    () => object("program", PROGRAM),
    parts,
    (copy) =>
      void readObject(
        linkObjects([
          { name: "program.o", bytes: copy },
          { name: "other.o", bytes: other },
        ]),
      ),
  );
}

damage(
  "a perf map",
  () => {
    const rows = Array.from(
      { length: 100 },
      (_, i) => `${(0x7f0000000000 + i * 64).toString(16)} 40 JS:*run${i} /a.js`,
    );
    return new TextEncoder().encode(`${rows.join("\n")}\n`);
  },
  () => [],
  (copy, random) => {
    const map = new PerfMap(new TextDecoder().decode(copy));
    for (let i = 0; i < 20; i++) map.lookup(0x7f0000000000 + random(6400));
  },
);

const RECORDING = [
  { scry: "recording", version: 1, start: 5, cpus: 2, probes: { "tracepoint:syscalls:sys_enter_openat": {} } },
  ...Array.from({ length: 12 }, (_, i) => ({
    probe: `tracepoint:syscalls:sys_${i % 2 === 0 ? "enter" : "exit"}_openat`,
    nsecs: 100 + i,
    cpu: i % 2,
    pid: 7,
    comm: "ls",
    args: i % 2 === 0 ? { filename: `/etc/${i}`, flags: i } : { ret: i },
    ustack: [4096, "main+4", { name: "x", offset: 3, module: "/bin/x" }],
  })),
]
  .map((one) => JSON.stringify(one))
  .join("\n");

damage(
  "a recording",
  () => new TextEncoder().encode(RECORDING),
  () => [],
  (copy, random) => {
    const text = new TextDecoder().decode(copy);
    const recording = parseRecording({ name: "recording", text });
    // Compiling a script takes longer than all the rest.
    if (random(50) !== 0 || recording.events.length === 0) return;
    const run = embeddedTrace(
      'tracepoint:syscalls:sys_enter_openat { @[comm, ustack] = count(); printf("%s", str(args.filename)); }',
      { recording: text },
    );
    run.replay();
    run.end();
  },
);
