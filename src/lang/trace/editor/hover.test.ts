// What is said of the word at the cursor, `|`.

import { describe, expect, it } from "vitest";
import { cursor, OPENAT } from "../../../../test/support/editor-world.ts";
import { hover } from "./hover.ts";

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
  ["begin { pi|d }", "pid[(curr_ns|init)]: uint32"],
  ["begin { p|id", "pid[(curr_ns|init)]"],
  ["begin { print(ar|g0) }", "argN"],
  ["begin { st|r(pid) }", "str(address[, length]): string[1025]"],
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
