// What is offered at the cursor, `|`.

import { describe, expect, it } from "vitest";
import { cursor, LIBC, OPENAT } from "../../../../test/support/editor-world.ts";
import { complete } from "./completion.ts";

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
