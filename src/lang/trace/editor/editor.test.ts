// What an editor is told, as text: `|` is the cursor. In a world of data.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { environment } from "../../../../test/support/browser-page.ts";
import { repository } from "../../../../test/support/commands.ts";
import { entries } from "../../../../test/support/diagnostic-entries.ts";
import { differentialCases } from "../../../../test/support/differential-cases.ts";
import { BtfWriter } from "../../../btf/index.ts";
import { matchesPattern, type ProbeEnvironment } from "../../../probes/index.ts";
import { complete } from "./completion.ts";
import { EditedScript } from "./edited-script.ts";
import { hover } from "./hover.ts";
import { definition, newText, references, renamable, rename } from "./places.ts";
import { scan } from "./scan.ts";
import { semanticTokens } from "./semantic-tokens.ts";
import { signatureHelp } from "./signature.ts";

const btf = (() => {
  const w = new BtfWriter();
  const int = w.int("int", 4, { signed: true });
  const long = w.int("unsigned long", 8);
  const at = (name: string, type: number, byte: number) => ({ name, type, bitOffset: byte * 8, bitfieldSize: 0 });
  const inner = w.struct("", 8, [at("mmap_base", long, 0)]);
  const mm = w.struct("mm_struct", 16, [at("", inner, 0), at("start_stack", long, 8)]);
  const comm = w.array(w.int("char", 1, { signed: true, char: true }), 16, int);
  const thread = w.struct("thread_struct", 8, [at("fsbase", long, 0)]);
  const task = w.nextId + 2;
  const members = [
    at("pid", int, 0),
    at("mm", w.ptr(mm), 8),
    at("real_parent", w.ptr(task), 16),
    at("comm", comm, 24),
    at("thread", thread, 40),
  ];
  w.struct("task_struct", 48, members);
  w.struct("tape", 4, [at("length", int, 0)]);
  w.typedef("pid_type", int);
  w.enum("color", 4, [
    { name: "RED", value: 0n },
    { name: "GREEN", value: 7n },
  ]);
  return w.btf();
})();

const TRACEPOINTS = [
  "sched:sched_switch",
  "syscalls:sys_enter_open",
  "syscalls:sys_enter_openat",
  "syscalls:sys_exit_read",
];
const KERNEL_FUNCTIONS = ["vfs_open", "vfs_read", "do_exit"];
const LIBC = "/usr/lib/libc.so.6";
const LIBRARY = { name: "/lib/tools.bt", text: "// Tools.\nmacro shared($x) { $x + 1 }\n" };

const world: ProbeEnvironment = {
  ...environment,
  params: [],
  unsafe: true,
  btf: () => btf,
  tracepoints: (category, name) =>
    TRACEPOINTS.map((t) => t.split(":") as [string, string])
      .filter(([c, n]) => matchesPattern(category, c) && matchesPattern(name, n))
      .map(([c, n]) => ({ category: c, name: n })),
  kernelFunctions: (name) => KERNEL_FUNCTIONS.filter((f) => matchesPattern(name, f)),
  rawTracepoints: (name) => ["sched_switch"].filter((n) => matchesPattern(name, n)),
  // No kprobes here: a script for another system is written all the same.
  attaches: (feature) => feature !== "kprobe",
  binary: (name) => (name === "libc" || name === LIBC ? LIBC : undefined),
  binaries: (pattern) => [LIBC].filter((f) => matchesPattern(pattern, f)),
  functions: (_path, name) =>
    ["malloc", "mallopt", "free"]
      .filter((f) => matchesPattern(name, f))
      .map((f, i) => ({ name: f, offset: 16 * (i + 1), size: 16 })),
  imported: (path) => (path === "tools.bt" ? [LIBRARY] : path),
};

/** The script, and where its cursor stands: the last `|`, or the `¦` where the language's own bar is in it. */
function cursor(marked: string, before?: EditedScript): [EditedScript, number] {
  const mark = marked.includes("¦") ? "¦" : "|";
  const at = marked.lastIndexOf(mark);
  if (at < 0) throw new Error(`no cursor in ${marked}`);
  return [new EditedScript({ name: "x.bt", text: marked.slice(0, at) + marked.slice(at + 1) }, world, before), at];
}

const OPENAT = "tracepoint:syscalls:sys_enter_openat";
const KINDS_OF_LANGUAGE = ["builtin", "function", "keyword", "type"];

/** What begins as the text that is typed; where nothing is, words of the language by their kinds alone. */
function completed(marked: string): string {
  const [script, at] = cursor(marked);
  const { items, from } = complete(script, at);
  const prefix = script.source.text.slice(from, at);
  const fit = items.filter((i) => i.text.startsWith(prefix));
  expect(new Set(fit.map((i) => i.text)).size).toBe(fit.length);
  if (prefix !== "") return fit.map((i) => i.text).join(" ");
  const kinds = KINDS_OF_LANGUAGE.filter((k) => fit.some((i) => i.kind === k));
  const own = fit.filter((i) => !KINDS_OF_LANGUAGE.includes(i.kind)).map((i) => i.text);
  return [
    ...own,
    ...(kinds.length < 2
      ? fit.filter((i) => KINDS_OF_LANGUAGE.includes(i.kind)).map((i) => i.text)
      : [`[${kinds.join(" ")}]`]),
  ].join(" ");
}

const EXPRESSION = "find socket_cookie [builtin function keyword type]";
const PROVIDERS =
  "begin end tracepoint rawtracepoint kprobe kretprobe fentry fexit uprobe uretprobe usdt profile interval software hardware watchpoint iter self test bench";
const ITEMS = "config macro fn let import struct union enum typedef";
const ARGS = "__syscall_nr dfd filename";
const TASK = "pid mm real_parent comm thread";

const completions: readonly (readonly [marked: string, offered: string])[] = [
  // Probes.
  ["|", `${PROVIDERS} ${ITEMS}`],
  ["tra|", "tracepoint"],
  ["con|", "config"],
  ["begin { }\n|\nend { }", `${PROVIDERS} ${ITEMS}`],
  ["begin { } |", `${PROVIDERS} ${ITEMS}`],
  ["begin { }|", `${PROVIDERS} ${ITEMS}`],
  ["struct a { int x; };\n|", `${PROVIDERS} ${ITEMS}`],
  ["tracepoint:sy|", "tracepoint:syscalls"],
  ["tracepoint:|", "tracepoint:sched tracepoint:syscalls"],
  ["tracepoint:sy| { print(1); }", "tracepoint:syscalls"],
  [
    "tracepoint:syscalls:|",
    "tracepoint:syscalls:sys_enter_open tracepoint:syscalls:sys_enter_openat tracepoint:syscalls:sys_exit_read",
  ],
  ["tracepoint:syscalls:sys_exit|", "tracepoint:syscalls:sys_exit_read"],
  ["t:sched:|", "t:sched:sched_switch"],
  ["tracepoint:no*:|", ""],
  ["kprobe:vfs_|", "kprobe:vfs_open kprobe:vfs_read"],
  ["kprobe:vfs_| { print(1); }", "kprobe:vfs_open kprobe:vfs_read"],
  ["k:do|", "k:do_exit"],
  ["kprobe:vfs_open, kr|", "kretprobe"],
  ["kprobe:vfs_open,\nkretprobe:vfs_|", "kretprobe:vfs_open kretprobe:vfs_read"],
  ["begin, |", PROVIDERS],
  ["uprobe:libc:mal|", "uprobe:libc:malloc uprobe:libc:mallopt"],
  [`uprobe:${LIBC}:f| /pid == 1/ { }`, `uprobe:${LIBC}:free`],
  ["uprobe:/usr/lib/li|", `uprobe:${LIBC}`],
  ["profile:|", "profile:hz profile:ms profile:s profile:us"],
  ["interval:s:|", ""],
  ["nothing:of|", ""],
  // Arguments.
  [`${OPENAT} { args.| }`, ARGS],
  [`${OPENAT} { args.|`, ARGS],
  [`${OPENAT} { args->fil|`, "filename"],
  [`${OPENAT} { print(args.fil|); }`, "filename"],
  [`${OPENAT} { printf("%s", str(args.|`, ARGS],
  [`${OPENAT} { $x = args.|\n  print(1); }`, ARGS],
  [`${OPENAT} /args.|`, ARGS],
  [`${OPENAT} /args.|/ { }`, ARGS],
  [`${OPENAT} /pid == 3 && args.d|`, "dfd"],
  [`${OPENAT} { if args.|`, ARGS],
  [`${OPENAT} { if (args.| }`, ARGS],
  [`${OPENAT} { @[args.| = count(); }`, ARGS],
  ["tracepoint:syscalls:sys_enter_* { args.|", ARGS],
  [`begin, ${OPENAT} { args.|`, ARGS],
  [`begin { $x = ; } ${OPENAT} { args.| }`, ARGS],
  ["begin { args.| }", ""],
  // Fields by type.
  ["begin { curtask->| }", TASK],
  ["begin { curtask.|", TASK],
  ["begin { curtask.mm->| }", "mmap_base start_stack"],
  ["begin { curtask->real_parent->re|", "real_parent"],
  ["begin { $t = curtask; $t->| }", TASK],
  ["begin { $t = curtask;\n$t.mm.|\n$t = 1 }", "mmap_base start_stack"],
  ["begin { print(((struct mm_struct *)0)->| }", "mmap_base start_stack"],
  ["begin /curtask.| == 1/ { }", TASK],
  ["begin { if curtask.|", TASK],
  ["begin { if (curtask.| > 2) { print(1); } }", TASK],
  ["begin { while (curtask->mm.| }", "mmap_base start_stack"],
  ["begin { @[curtask.|", TASK],
  ["begin { @a[curtask.|] = count(); }", TASK],
  ["begin { $x = 1 + curtask.mm.|; }", "mmap_base start_stack"],
  ['begin { $t = (1, "a"); $t.| }', "0 1"],
  ['begin { $t = (one = 1, two = "a"); $t.| }', "one two"],
  ["begin { @m[1] = curtask; } end { @m[1].| }", TASK],
  ["end { @m[1].| } begin { @m[1] = curtask; }", TASK],
  ["begin { @m[1] = 2; for $kv : @m { $kv.| } }", "0 1"],
  ["struct a { int x; long y; };\nbegin { ((struct a *)0).| }", "x y"],
  ["begin { $x = ; }\nend { curtask.| }", TASK],
  ["begin { curtask.| }\nend { $x = ; }", TASK],
  ["macro m() { curtask.| }", TASK],
  ["macro m($a, b) { curtask->mm.|", "mmap_base start_stack"],
  ["macro m($a, b) { $t = curtask; $a + b + $t.| }\nbegin { }", TASK],
  ["begin {\nend { curtask.| }", TASK],
  ["begin { $n = 1; $n.| }", ""],
  ["begin { nothing.| }", ""],
  // Names.
  ["begin { $a = 1; $| }", "$a"],
  ["begin { $a = 1; $|", "$a"],
  ["begin { $abc = 1; $ab|", "$abc"],
  ["begin { $a = 1; } end { $| }", ""],
  ["begin { @reads = 1; @| }", "@reads"],
  ["begin { @reads = 1; } end { print(@|", "@reads"],
  ["begin { @ = 1; @b = 1; print(@|); }", "@ @b"],
  ["let @|;\nbegin { @reads = 1; }", "@reads"],
  ["let @a = |", "hash lruhash percpuhash percpulruhash"],
  ["begin { $x = str(| }", `$x ${EXPRESSION}`],
  ["begin { $x = str(|", `$x ${EXPRESSION}`],
  ["begin { pri|", "printf print"],
  ['begin { printf("%d", pi|) }', "pid pid_t"],
  ["begin /pp|/ { }", "ppid"],
  ["begin / | / { }", EXPRESSION],
  ["begin /pid == |", EXPRESSION],
  ["begin { if | }", EXPRESSION],
  [
    "begin { if (c|",
    "cpu cgroup comm curtask cpid ctx cat count clear cgroupid cgroup_path comptime container_of config continue char",
  ],
  ["begin { arg| }", "arg0 arg1 arg2 arg3 arg4 arg5 args"],
  ["begin { $x = (uint3|", "uint32 uint32_t"],
  ["begin { $x = (struct ta|", "task_struct tape"],
  ["begin { $x = (enum |", "color"],
  ["macro add($a, @b, e) { | } begin { @c = 1; }", `$a @c @b e ${EXPRESSION.replace("find", "add find")}`],
  ["macro add($a) { $a + |", `$a add ${EXPRESSION}`],
  ["macro add(|", ""],
  ["macro a|", ""],
  ["macro add($a) { $a + 1 } begin { ad|", "add"],
  ['import "tools.bt";\nbegin { sha|', "shared"],
  // Config.
  ["config = { max_str|", "max_strlen"],
  ["config = { max_strlen = 4; max_map| }", "max_map_keys"],
  ["config = { missing_probes = |", "error warn ignore"],
  ["config = { missing_probes = w| }", "warn"],
  ["config = { print_maps_on_exit = |", "true false"],
  ["config = { max_strlen = |", ""],
  ["config = { max_strlen | }", ""],
  ["config |", ""],
  // Nowhere else.
  ["// tr|", ""],
  ["/* tr|", ""],
  ["begin { // pi|\n}", ""],
  ["begin { /* pi| */ }", ""],
  ["begin { /* a */| }", EXPRESSION],
  ["begin { /* a */ pi| }", "pid pid_t"],
  ['begin { print("pi|"); }', ""],
  ['begin { print("pi|', ""],
  ['begin { print("a\\"pi|', ""],
  ["begin { print(10|", ""],
  ["begin { print(0x1p|", ""],
  ["#include <pi|", ""],
  ["#!/usr/bin/env sc|", ""],
  ['import "to|', ""],
];

describe("complete", () => {
  it.each(completions)("%s", (marked, offered) => {
    expect(completed(marked)).toBe(offered);
  });
  it("offers every config key", () => {
    for (const text of [
      "config = { |",
      "config = { | }",
      "config = { max_strlen = 1; | }",
      "config = { max_strlen = 1, | }",
    ])
      expect(completed(text).split(" ")).toContain("stack_mode");
  });
  it("says what things are", () => {
    const detail = (marked: string, text: string): string | undefined => {
      const found = complete(...cursor(marked)).items.find((i) => i.text === text);
      return `${found?.kind}: ${found?.detail}`;
    };
    expect(detail(`${OPENAT} { args.|`, "filename")).toBe("field: const char *");
    expect(detail("begin { $a = 1; print(|) }", "$a")).toBe("variable: int64");
    expect(detail('begin { @a[1] = "x"; print(|) }', "@a")).toBe("map: string[2]");
    expect(detail("begin { |", "str")).toBe("function: str(address[, length])");
    expect(detail("macro m($a, b) { 1 } begin { |", "m")).toBe("macro: m($a, b)");
    expect(detail("config = { |", "missing_probes")).toBe("setting: error | warn | ignore");
    expect(detail("begin { curtask.|", "real_parent")).toBe("field: struct task_struct *");
  });
  it("keeps the types that names had before the item was half typed", () => {
    const [before] = cursor("begin { $a = 1; @m = curtask; }|");
    expect(before.diagnostics).toEqual([]);
    const [script, at] = cursor("begin { $a = 1; @m = curtask; print(|", before);
    const own = complete(script, at).items.filter((i) => /^[$@]/.test(i.text));
    expect(own.map((i) => `${i.text}: ${i.detail}`)).toEqual(["$a: int64", "@m: struct task_struct *"]);
  });
});

const hovers: readonly (readonly [marked: string, said: string | undefined])[] = [
  [
    "tracepoint:syscalls:sys_enter_op|enat { }",
    `${OPENAT}\n    int __syscall_nr\n    int dfd\n    const char * filename`,
  ],
  [
    "t:syscalls:sys_exit_read| { }",
    "tracepoint:syscalls:sys_exit_read\n    int __syscall_nr\n    int dfd\n    const char * filename",
  ],
  ["tracepoint:syscalls:sys_e| { }", "tracepoint:syscalls:sys_e"],
  [
    "begin, tracepoint:syscalls:sys_ent|er_* { }",
    "tracepoint:syscalls:sys_enter_open\n    int __syscall_nr\n    int dfd\n    const char * filename\n… 2 probes",
  ],
  ["kprobe:vfs_|open { }", "kprobe:vfs_open"],
  ["nothing:of| { }", undefined],
  ["b|egin { }", "begin"],
  ["begin { pi|d }", "pid: uint32"],
  ["begin { p|id", "pid"],
  ["begin { print(ar|g0) }", "argN"],
  ["begin { st|r(0) }", "str(address[, length]): string[1025]"],
  ["begin { $x = 1; print($|x); }", "$x: int64"],
  ["begin { let $x|x: uint8 = 1; }", "$xx: uint8"],
  ["begin { for $|i : 0..3 { } }", "$i: int64"],
  ['begin { @a[1, "b"] = 2; } end { print(@|a); }', "@a: int64 by (int64,string[2])"],
  ["let @a| = hash(5);\nbegin { @a[1] = 2; }", "@a: int64 by int64"],
  ["let @a = ha|sh(5);\nbegin { @a[1] = 2; }", "hash(entries)"],
  [`${OPENAT} { print(str(args.file|name)); }`, "const char * filename"],
  [`${OPENAT} { print(args->|dfd)`, "int dfd"],
  [`${OPENAT} { print(ar|gs.dfd); }`, "args.NAME: args"],
  ["begin { print(curtask->m|m->mmap_base); }", "mm: struct mm_struct *"],
  ["begin { print(curtask->mm->mmap|_base); }", "mmap_base: uint64"],
  ["begin { print(((struct ta|pe *)0)->length); }", "struct tape {\n\tint length;\n};"],
  ["begin { print(((str|uct tape *)0)->length); }", undefined],
  ["struct own { int a; };\nbegin { print(sizeof(struct o|wn)); }", "struct own {\n\tint a;\n};"],
  ["begin { print((enum col|or)7); }", "enum color {\n\tRED = 0,\n\tGREEN = 7,\n};"],
  ["begin { print(GR|EEN); }", "GREEN: enum color"],
  ["begin { print((uin|t8)7); }", "uint8"],
  ["begin { print((u3|2)7); }", "u32: uint32"],
  ["begin { print((pid_ty|pe)7); }", "typedef int pid_type;"],
  ["begin { $r = (|aa = 1, b = 2); }", undefined],
  ["begin { $r = (aa = 1, b = 2); print($r.a|a); }", "aa: int64"],
  ["macro add($a, e) { $a + e }\nbegin { print(a|dd($x, 1)); }", "macro add($a, e)"],
  ["macro ad|d($a, e) { $a + e }", "macro add($a, e)"],
  ["macro add($|a, e) { $a + e }", "$a"],
  ["macro add($a, e) { $a + e| }", "e"],
  ["begin { fi|nd(@a, 1, $b); }", "find(@map, key, $out)"],
  ['import "tools.bt";\nbegin { sha|red($x); }', "macro shared($x)"],
  ['import "too|ls.bt";', "/lib/tools.bt"],
  ['import "no|ne.bt";', undefined],
  ["config = { max_st|rlen = 5 }", "max_strlen: number, 1 to 16384"],
  ["config = { missing|_probes = warn", "missing_probes: error | warn | ignore"],
  ["begin { print($|1); }", "$1: int64"],
  ["begin { print($|#); }", "$#: int64"],
  // In a macro that nothing uses.
  ["macro m($a, b) { $a + b + curtask->mm->mmap|_base }", "mmap_base: uint64"],
  ["macro m($a, b) { $t = curtask; $|t.pid }\nbegin { }", "$t: struct task_struct *"],
  // What stands elsewhere may be half typed.
  ["begin { $x = ; }\nend { $y = 1; print($|y); }", "$y: int64"],
  ["begin { $x =\nend { $y = 1; print($|y); }", "$y: int64"],
  ["begin { $y = 1; print($|y); }\nend { $x = ", "$y: int64"],
  // No name.
  ["begin { // pi|d\n }", undefined],
  ['begin { print("pi|d"); }', undefined],
  ["begin { print(1|0); }", undefined],
  ["begin { i|f 1 { } }", undefined],
  ["begin {   |   }", undefined],
  ["|", undefined],
];

describe("hover", () => {
  it.each(hovers)("%s", (marked, said) => {
    expect(hover(...cursor(marked))?.code).toBe(said);
  });
  it("covers the name, and says what it is for", () => {
    const found = hover(...cursor("begin { print(st|r(0)); }"));
    expect(found).toMatchObject({ span: { start: 14, end: 17 }, doc: expect.stringContaining("string") });
    expect(hover(...cursor("config = { max_str|len = 5 }"))?.doc).toMatch(
      /characters|bytes|Bytes.* Without it: 1024\.$/,
    );
  });
});

const diagnosed: readonly (readonly [text: string, codes: string])[] = [
  ["begin { }", ""],
  ["", ""],
  ["// Nothing yet.\n", ""],
  ["macro m() { 1 }", ""],
  ["begin { print(nothing); }", "SCRY1223"],
  ["begin { print(1", "SCRY1000"],
  ["tracepoint:sched:sched_swich { }", "SCRY1101"],
  // What is given when it is run.
  ["uprobe:$1:$2 { @[goid] = nsecs - arg0; }\nuretprobe:$1:main.f /@[goid]/ { print(retval); }", ""],
  ["profile:hz:$1 { @ = count(); }\ninterval:s:$2 /pid == $1/ { print(str($3)); }", ""],
  ["usdt:$1:a:b { @ = arg1; }", ""],
  ["tracepoint:syscalls:sys_enter_$1 { @ = 1; }", ""],
  ["uprobe:$1:$2 { print(nothing); }", "SCRY1223"],
  ["uprobe:nowhere:f { }", "SCRY1105"],
];

describe("diagnostics", () => {
  it.each(diagnosed)("%j", (text, codes) => {
    const { diagnostics } = new EditedScript({ name: "x.bt", text }, world);
    expect(diagnostics.map((d) => d.code).join(" ")).toBe(codes);
  });
  it("has none for the examples", () => {
    for (const name of ["go-latency.bt", "goroutines.bt"]) {
      const text = readFileSync(join(repository, "examples", name), "utf8");
      expect(new EditedScript({ name, text }, world).diagnostics).toEqual([]);
    }
  });
});

const signatures: readonly (readonly [marked: string, said: string | undefined])[] = [
  ["begin { str(|", "str(«address»[, length])"],
  ["begin { str(|) }", "str(«address»[, length])"],
  ["begin { str(1, |", "str(address[, «length»])"],
  ["begin { str(1, 2, 3|", "str(address[, «length»])"],
  ["begin { str(f(1, 2), |", "str(address[, «length»])"],
  ["begin { str((1, 2), |", "str(address[, «length»])"],
  ["begin { str(@a[1, 2], |", "str(address[, «length»])"],
  ["begin { @a[str(1, |", "str(address[, «length»])"],
  ["begin { str(1, (2 + |", "str(address[, «length»])"],
  ['begin { printf("%d, %s", |', "printf(format, «…»)"],
  ['begin { printf("%d, %s", 1, 2, |', "printf(format, «…»)"],
  ['begin { printf("%d|', "printf(«format», …)"],
  ["begin { print(1, 2, 3, 4|", "print(@map[, top[, div]][, «word», …]) or print(value)"],
  ["begin { print(str(|)); }", "str(«address»[, length])"],
  ["begin { print(str(1), |); }", "print(@map[, «top»[, div]][, word, …]) or print(value)"],
  ["begin { kstack(perf, |", "kstack([mode, ][«frames»])"],
  ["macro add($a, e) { $a + e }\nbegin { add($x, |", "add($a, «e»)"],
  ["begin { find(@a, |", "find(@map, «key», $out)"],
  ["begin { unknown(|", undefined],
  ["begin { str(1)| }", undefined],
  ["begin { (|", undefined],
  ["begin { str(1; |", undefined],
  ["begin { if (str(1) == 2) { | } }", undefined],
  ["begin /strcontains(comm, |", "strcontains(haystack, «needle»)"],
  ["|", undefined],
];

describe("signatureHelp", () => {
  it.each(signatures)("%s", (marked, said) => {
    const help = signatureHelp(...cursor(marked));
    const [start, end] = help?.parameters[help.active] ?? [0, 0];
    expect(help && `${help.form.slice(0, start)}«${help.form.slice(start, end)}»${help.form.slice(end)}`).toBe(said);
  });
});

/** The text with some places of it marked. */
function marked(text: string, spans: readonly { readonly start: number; readonly end: number }[]): string {
  return [...spans]
    .sort((a, b) => b.start - a.start)
    .reduce((t, { start, end }) => `${t.slice(0, start)}«${t.slice(start, end)}»${t.slice(end)}`, text);
}

const definitions: readonly (readonly [text: string, at: string])[] = [
  ["begin { $x = 1; print($|x); }", "begin { «$x» = 1; print($x); }"],
  ["begin { let $x; $x = 1; print($|x); }", "begin { let «$x»; $x = 1; print($x); }"],
  ["begin { for $i : 0..3 { print($|i); } }", "begin { for «$i» : 0..3 { print($i); } }"],
  ["begin { for ($kv : @a) { print($|kv); } }", "begin { for («$kv» : @a) { print($kv); } }"],
  ["begin { print($|x); $x = 1; }", "begin { print($x); «$x» = 1; }"],
  ["begin { $x = 1; } end { print($|x); $x = 2; }", "begin { $x = 1; } end { print($x); «$x» = 2; }"],
  ["begin { print(@|a); @a[1, @b[2]] = 1; }", "begin { print(@a); «@a»[1, @b[2]] = 1; }"],
  ["end { print(@|a); } begin { @a++; }", "end { print(@a); } begin { «@a»++; }"],
  ["let @a = hash(5);\nbegin { @|a[1] = 1; }", "let «@a» = hash(5);\nbegin { @a[1] = 1; }"],
  ["begin { print(@|a); }", "begin { print(«@a»); }"],
  ["macro add($a, e) { $a + e }\nbegin { a|dd($x, 1); }", "macro «add»($a, e) { $a + e }\nbegin { add($x, 1); }"],
  ["begin { a|dd($x, 1); }\nmacro add($a, e) { $a + e }", "begin { add($x, 1); }\nmacro «add»($a, e) { $a + e }"],
  ["macro m(macro_m) { 1 }\nbegin { m|(1); }", "macro «m»(macro_m) { 1 }\nbegin { m(1); }"],
  ["macro add($a, e) { $a = 1; $|a + e }", "macro add(«$a», e) { $a = 1; $a + e }"],
  ["macro add($a, e) { $a + e| }", "macro add($a, «e») { $a + e }"],
  ["macro m(@b) { @|b[1] = 1 }\nbegin { @b = 1; }", "macro m(«@b») { @b[1] = 1 }\nbegin { @b = 1; }"],
  [
    "struct own { int a; };\nbegin { print(sizeof(struct o|wn)); }",
    "struct «own» { int a; };\nbegin { print(sizeof(struct own)); }",
  ],
  ["begin { $x = 1; print($|x", "begin { «$x» = 1; print($x"],
  ["begin { print(pi|d); }", "begin { print(pid); }"],
  ["begin { print(args.ad|d); }\nmacro add() { 1 }", "begin { print(args.add); }\nmacro add() { 1 }"],
  ["begin { // $|x\n $x = 1; }", "begin { // $x\n $x = 1; }"],
];

describe("definition", () => {
  it.each(definitions)("%s", (text, at) => {
    const [script, offset] = cursor(text);
    expect(marked(script.source.text, definition(script, offset))).toBe(at);
  });
  it("goes into what is imported", () => {
    const [script, offset] = cursor('import "tools.bt";\nbegin { sha|red($x); }');
    const [place] = definition(script, offset);
    expect(place?.file).toBe(LIBRARY);
    expect(LIBRARY.text.slice(place?.start, place?.end)).toBe("shared");
    expect(definition(...cursor('import "too|ls.bt";'))).toEqual([{ start: 0, end: 0, file: LIBRARY }]);
    expect(definition(...cursor('import "no|ne.bt";'))).toEqual([]);
  });
});

const renamings: readonly (readonly [text: string, name: string, after: string])[] = [
  ["begin { $x = 1; print($|x); } end { $x = 2; }", "y", "begin { $y = 1; print($y); } end { $x = 2; }"],
  ["begin { $x = 1; print($|x); }", "$y", "begin { $y = 1; print($y); }"],
  ["begin { @a = 1; } end { clear(@|a); }", "@b", "begin { @b = 1; } end { clear(@b); }"],
  ["begin { @a = 1; } end { clear(@|a); }", "@", "begin { @ = 1; } end { clear(@); }"],
  ["begin { @| = 1; } end { clear(@); }", "b", "begin { @b = 1; } end { clear(@b); }"],
  ["macro m(@a) { @a = 1 } begin { @|a = 1; m(@a); }", "b", "macro m(@a) { @a = 1 } begin { @b = 1; m(@b); }"],
  ["macro m(@a) { @|a = 1 } begin { @a = 1; m(@a); }", "b", "macro m(@b) { @b = 1 } begin { @a = 1; m(@a); }"],
  ["macro m($a, e) { e + args.e + $a + e| }", "f", "macro m($a, f) { f + args.e + $a + f }"],
  [
    "macro add($a) { $a + 1 } begin { print(add($x) + args.add); $r = (add = 1, b = 2); } end { a|dd($y); }",
    "plus",
    "macro plus($a) { $a + 1 } begin { print(plus($x) + args.add); $r = (add = 1, b = 2); } end { plus($y); }",
  ],
  ["begin { $x = 1; print($|x", "y", "begin { $y = 1; print($y"],
  ["begin { $x = 1; print($|x); }", "x", "begin { $x = 1; print($x); }"],
  ["begin { $x = 1; print($|x); $y = 2; }", "y", "$y is in use already"],
  ["begin { $x = 1; print($|x); } end { $y = 2; }", "y", "begin { $y = 1; print($y); } end { $y = 2; }"],
  ["begin { @a = 1; } end { @b = @|a; }", "b", "@b is in use already"],
  ["begin { $x| = 1; }", "1y", "'1y' is no name"],
  ["begin { $x| = 1; }", "a b", "'a b' is no name"],
  ["begin { $x| = 1; }", "", "'' is no name"],
  ["begin { @x| = 1; }", "a-b", "'a-b' is no name"],
  ["macro a|dd() { 1 }", "pid", "pid is a word of the language"],
  ["macro a|dd() { 1 }", "while", "while is a word of the language"],
  ["macro a|dd() { 1 } macro sub() { 2 }", "sub", "sub is in use already"],
  ['import "tools.bt";\nbegin { sha|red($x); }', "mine", "shared is a macro of /lib/tools.bt"],
  ["begin { pi|d; }", "x", "Only variables, maps and macros of the script can be renamed"],
  ["begin { // $|x\n }", "y", "Only variables, maps and macros of the script can be renamed"],
  ['begin { print("$|x"); }', "y", "Only variables, maps and macros of the script can be renamed"],
  ["begin { print($|1); }", "y", "Only variables, maps and macros of the script can be renamed"],
];

describe("rename", () => {
  it.each(renamings)("%s as %s", (text, name, after) => {
    const [script, offset] = cursor(text);
    const places = rename(script, offset, name);
    const changed = (spans: readonly { readonly start: number; readonly end: number }[]): string =>
      [...spans]
        .sort((a, b) => b.start - a.start)
        .reduce((t, s) => t.slice(0, s.start) + newText(script, offset, name) + t.slice(s.end), script.source.text);
    expect(typeof places === "string" ? places : changed(places)).toBe(after);
    const no = "Only variables, maps and macros of the script can be renamed";
    expect(renamable(script, offset) === undefined).toBe(after === no || /is a macro of/.test(after));
    // References are what a new name changes.
    if (typeof places !== "string") expect(references(script, offset)).toEqual(places);
  });
});

const LETTERS: Readonly<Record<string, string>> = {
  keyword: "k",
  comment: "c",
  string: "s",
  number: "n",
  event: "e",
  type: "t",
  function: "f",
  variable: "v",
  parameter: "a",
  property: "p",
  macro: "m",
};

/** Below each letter of the text what colour it has; capital where it belongs to the language. */
function colours(text: string): string {
  const [script] = cursor(`${text}¦`);
  const line: string[] = [...text].map((c) => (c === "\n" ? "\n" : " "));
  for (const { start, end, kind, builtin } of semanticTokens(script))
    for (let i = start; i < end; i++)
      line[i] = builtin ? (LETTERS[kind]?.toUpperCase() as string) : (LETTERS[kind] as string);
  return line.join("").replace(/ +$/gm, "");
}

const coloured: readonly (readonly [text: string, below: string])[] = [
  ["begin { print(1); }", "eeeee   FFFFF n"],
  ["BEGIN, interval:s:1 { }", "eeeee  eeeeeeeeeeee"],
  ["t:a:b /pid == 1/ { }", "eeeee  VVV    n"],
  ["begin /f(1, pid)/ { }", "eeeee    n  VVV"],
  ["begin { $a = $1; }", "eeeee   vv   aa"],
  ['begin { @a["x"]++; }', "eeeee   pp sss"],
  ["begin { if pid { } }", "eeeee   kk VVV"],
  ["begin { (uint8)arg0.pid }", "eeeee    TTTTT VVVV ppp"],
  ["begin { (struct x *)0 }", "eeeee    kkkkkk t   n"],
  ["// pid\nbegin /* x */ { }", "cccccc\neeeee ccccccc"],
  ["macro m($a, e) { m }", "kkkkk m vv       m"],
  ["config = { max_strlen = 5 }", "kkkkkk                  n"],
  ["struct a { int x; };\nbegin { }", "kkkkkk t   TTT\neeeee"],
  ["typedef struct { int x; } y;\nbegin { }", "kkkkkkk kkkkkk   TTT\neeeee"],
  ['import "a"\nbegin { }', "kkkkkk sss\neeeee"],
  ["let @a = hash(5)\nbegin { }", "kkk pp        n\neeeee"],
  ["#!/bin/scry\n#include <x.h>\nbegin { }", "mmmmmmmmmmm\nmmmmmmmmmmmmmm\neeeee"],
  ['begin { print("a', "eeeee   FFFFF ss"],
  ["begin { find(@a) }", "eeeee   mmmm pp"],
];

describe("semanticTokens", () => {
  it.each(coloured)("%s", (text, below) => {
    expect(colours(text)).toBe(below);
  });
});

const items: readonly (readonly [text: string, parts: readonly string[]])[] = [
  ["", []],
  ["  \n\t", []],
  ["begin { }", ["probe begin { }"]],
  ["begin { } end { }", ["probe begin { }", "probe end { }"]],
  ["begin { if 1 { } }end{}", ["probe begin { if 1 { } }", "probe end{}"]],
  ['begin { print("}"); /* } */ } end { }', ['probe begin { print("}"); /* } */ }', "probe end { }"]],
  ["config = { a = 1; }; begin { }", ["config config = { a = 1; };", "probe begin { }"]],
  [
    "struct a { struct b { int c; } d; } __attribute__((packed));\nbegin { }",
    ["struct struct a { struct b { int c; } d; } __attribute__((packed));", "probe begin { }"],
  ],
  [
    "typedef struct { int a; } b;\nenum c { D };\nbegin { }",
    ["typedef typedef struct { int a; } b;", "enum enum c { D };", "probe begin { }"],
  ],
  [
    "let @a = hash(1)\nlet @b = hash(2);begin { }",
    ["let let @a = hash(1)", "let let @b = hash(2);", "probe begin { }"],
  ],
  ['import "a"\nimport "b";begin { }', ['import import "a"', 'import import "b";', "probe begin { }"]],
  ['import "a\nbegin { }', ['import import "a', "probe begin { }"]],
  ["macro m(a) { { a } } begin { }", ["macro macro m(a) { { a } }", "probe begin { }"]],
  ["config:x { }", ["probe config:x { }"]],
  ["begin { { \nend { }", ["probe begin { { \n", "probe end { }"]],
  ["begin { str(\ninterval:s:1 { }", ["probe begin { str(\n", "probe interval:s:1 { }"]],
  ["let @a\nbegin { }", ["let let @a\n", "probe begin { }"]],
  ["begin,\nend { }", ["probe begin,\nend { }"]],
  ["} begin { }", ["probe }", "probe begin { }"]],
  ["begin { ", ["probe begin { "]],
  ['begin { "', ['probe begin { "']],
  ["/* begin { }", []],
];

describe("scan", () => {
  it.each(items)("parts %j", (text, parts) => {
    const found = scan({ name: "x", text }).items.map((i) => `${i.kind} ${text.slice(i.start, i.end)}`);
    expect(found).toEqual(parts);
  });
});

/** Every answer about a text, at a place of it; gives what is wrong with one. */
function askAll(text: string, at: number): string[] {
  const wrong: string[] = [];
  const script = new EditedScript({ name: "x.bt", text }, world);
  const hold = (holds: boolean, what: string): void =>
    void (holds || wrong.push(`${what}: ${JSON.stringify(text)}, ${at}`));
  const { items: offered, from } = complete(script, at);
  hold(from <= at && offered.every((i) => i.text !== ""), "complete");
  hover(script, at);
  signatureHelp(script, at);
  definition(script, at);
  hold(
    references(script, at).every((r) => r.start < r.end),
    "references",
  );
  rename(script, at, "other");
  hold(
    script.diagnostics.every((d) => d.message !== ""),
    "diagnostics",
  );
  let end = 0;
  for (const t of semanticTokens(script)) {
    hold(t.start >= end && t.end > t.start, "semanticTokens");
    end = t.end;
  }
  // All that is no space is a token, and they stand in their order.
  end = 0;
  for (const t of script.scanned.tokens) {
    hold(text.slice(end, t.start).trim() === "" && text.slice(t.start, t.end) === t.text, "scan");
    end = t.end;
  }
  hold(text.slice(end).trim() === "", "scan");
  const parts = script.scanned.items;
  hold(
    parts.every((part, i) => part.end <= (parts[i + 1]?.start ?? text.length)),
    "items",
  );
  return wrong;
}

const scripts: readonly string[] = [
  ...entries.filter((e) => e.kind === "scry").map((e) => e.example),
  ...["examples/go-latency.bt", "src/cli/commands/demo.bt"].map((f) => readFileSync(join(repository, f), "utf8")),
  ...differentialCases.map((c) => c.script),
];

/** Something of everything. */
const WHOLE = `#!/usr/bin/env scry
// Opens.
config = { max_strlen = 100; missing_probes = warn }
import "tools.bt";
struct own { int a; };
let @seen = lruhash(100);
macro twice($v, e) { $v * 2 + e }
begin, ${OPENAT} /pid == $1 && strcontains(comm, "x")/ {
  let $name: string[8] = "a\\n"; /* more */
  @[comm, $name] = hist(1 + curtask->mm.mmap_base);
  if (arg0 > 10ms) { print((uint32)RED, shared($x)); } else { @c++; }
  for $kv : @ { print($kv.0); }
}
`;

describe("text that is no script", () => {
  it("is answered at the end of every prefix", () => {
    let asked = 0;
    const wrong: string[] = [];
    // Of the many that are alike each at other places.
    for (const [i, text] of scripts.entries())
      for (let at = i % 7; at <= text.length && at < 500; at += 7, asked++)
        wrong.push(...askAll(text.slice(0, at), at));
    for (let at = 0; at <= WHOLE.length; at++, asked++) wrong.push(...askAll(WHOLE.slice(0, at), at));
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(3000);
  });
  it("is answered anywhere when pieces are missing, doubled or out of place", () => {
    const piece = fc.tuple(
      fc.nat(),
      fc.nat(12),
      fc.constantFrom(
        "",
        '"',
        "{",
        "}",
        "/*",
        "*/",
        "//",
        "$",
        "@",
        "\\",
        "/",
        "(",
        "\u0000",
        "\ud800",
        "é",
        ":",
        "args.",
        "macro ",
        "\nend {",
      ),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...scripts),
        fc.array(piece, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (script, pieces, at) => {
          const text = pieces.reduce((t, [where, length, put]) => {
            const start = where % (t.length + 1);
            return t.slice(0, start) + put + t.slice(start + length);
          }, script);
          expect(askAll(text, at % (text.length + 1))).toEqual([]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
