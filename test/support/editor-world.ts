// A world of data that scripts are edited in, and where the cursor of a text stands: `|`.

import { BtfWriter } from "../../src/btf/index.ts";
import { EditedScript } from "../../src/lang/trace/editor/edited-script.ts";
import { matchesPattern, type ProbeEnvironment } from "../../src/probes/index.ts";
import { environment } from "./browser-page.ts";

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
export const LIBC = "/usr/lib/libc.so.6";
export const LIBRARY = { name: "/lib/tools.bt", text: "// Tools.\nmacro shared($x) { $x + 1 }\n" };

export const world: ProbeEnvironment = {
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
export function cursor(marked: string, before?: EditedScript): [EditedScript, number] {
  const mark = marked.includes("¦") ? "¦" : "|";
  const at = marked.lastIndexOf(mark);
  if (at < 0) throw new Error(`no cursor in ${marked}`);
  return [new EditedScript({ name: "x.bt", text: marked.slice(0, at) + marked.slice(at + 1) }, world, before), at];
}

export const OPENAT = "tracepoint:syscalls:sys_enter_openat";

/** The text with some places of it marked. */
export function marked(text: string, spans: readonly { readonly start: number; readonly end: number }[]): string {
  return [...spans]
    .sort((a, b) => b.start - a.start)
    .reduce((t, { start, end }) => `${t.slice(0, start)}«${t.slice(start, end)}»${t.slice(end)}`, text);
}
