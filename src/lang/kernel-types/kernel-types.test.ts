import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { smallKernel } from "../../../test/support/small-kernel.ts";
import { PROGRAMS } from "../kernel-ts/index.ts";
import { helperTypes, kernelDeclarations, namesOf } from "./index.ts";
import { TAKEN } from "./taken.ts";

/** The lines of one interface. */
function declared(text: string, name: string): string[] | undefined {
  const found = new RegExp(`^  interface ${name} \\{\\n([^]*?)^  \\}`, "m").exec(text);
  return found?.[1]
    ?.trimEnd()
    .split("\n")
    .map((line) => line.trim().replaceAll("readonly ", ""));
}

describe("the declarations of a kernel", () => {
  const text = kernelDeclarations(smallKernel());

  it("have structs with numbers by their width, and what has no name flattened", () => {
    expect(declared(text, "task_struct")).toEqual([
      "pid: i32;",
      "tgid: i32;",
      "flags: u32;",
      "comm: string;",
      "real_parent: task_struct;",
      "mm: mm_struct;",
      "fs: fs_struct;",
      "state: u32;",
      "in_execve: u32;",
      "ok: boolean;",
      "whole: u32;",
      "low: u16;",
      "high: u16;",
      "span: { begin: u64; end: u64; };",
      "four: List<u32, 4>;",
      "many: u8[];",
      "grid: List<List<i32, 3>, 2>;",
      "done: u64;",
      "name: u64;",
      "hidden: object;",
    ]);
  });

  it("have functions, and tracepoints' functions without what is their own", () => {
    expect(declared(text, "KernelFunctions")).toEqual([
      "bpf_find_inode: (number_: u64, aux__prog?: u64) => inode;",
      "bpf_lsm_file_open: (file: file) => i32;",
      "bpf_strlen: (s__str: string) => i32;",
      "bpf_task_from_pid: (pid: i32) => task_struct;",
      "bpf_task_release: (p: task_struct) => void;",
      "btf_trace_sched_switch: (preempt: boolean, prev: task_struct, next: task_struct) => void;",
      "free_task: (tsk: task_struct) => void;",
      "vfs_read: (file: file, buf: u64, count: u64, pos: u64) => i64;",
    ]);
  });

  it("have what the kernel exports to programs: what is given may be missing, what is acquired is given back", () => {
    expect(declared(text, "ExportedFunctions")).toEqual([
      "bpf_find_inode: (number_: u64, aux__prog?: u64) => inode | undefined;",
      "bpf_strlen: (s__str: string) => i32;",
      "bpf_task_from_pid: (pid: i32) => (task_struct & Held) | undefined;",
      "bpf_task_release: (p: task_struct) => void;",
    ]);
    const none = namesOf(["kernel.vfs_read(kernel.bpf_strlen(x), kernel.nothing)"]);
    expect(declared(kernelDeclarations(smallKernel(), none), "ExportedFunctions")).toEqual([
      "bpf_strlen: (s__str: string) => i32;",
    ]);
  });

  it("have values of enums, each with what it is", () => {
    expect(declared(text, "Enums")).toEqual(["/** 0 of enum state */ RUNNING: u32;"]);
    const names = namesOf(["enums.RUNNING + enums.WALKING"]);
    expect(declared(kernelDeclarations(smallKernel(), names), "Enums")).toHaveLength(1);
    expect(declared(kernelDeclarations(smallKernel(), namesOf(["x.RUNNING"])), "Enums")).toBeUndefined();
  });

  it("have functions and static probes of programs; a struct that the kernel has as well has another name", () => {
    expect(declared(text, "ProgramFunctions")).toEqual([
      '"./app:handle": (of: inode_2, depth: i32, why: u64) => inode_2;',
    ]);
    expect(declared(text, "StaticProbes")).toEqual(['"./app:own:step": (arg0: i32, arg1: u64) => void;']);
    expect(declared(text, "inode_2")).toEqual(["owner: owner;"]);
    const { programs, ...kernel } = smallKernel();
    const only = (module: string): string =>
      kernelDeclarations(
        { ...kernel, programs: { function: (at) => programs?.function(at), probe: (at) => programs?.probe(at) } },
        namesOf([module]),
      );
    expect(declared(only('uprobe("./app:handle", (of) => of)'), "inode_2")).toEqual(["owner: object;"]);
    expect(declared(only('uretprobe("./app:handle", (of) => of.owner)'), "owner")).toEqual(["id: i32;"]);
    expect(declared(only('usdt("./app:own:step", () => {})'), "ProgramFunctions")).toBeUndefined();
    expect(declared(only('usdt("./app:own:step", () => {})'), "StaticProbes")).toHaveLength(1);
  });

  it("have tracepoints by their formats", () => {
    expect(declared(text, "Tracepoints")).toEqual([
      '"sched:sched_process_exec": { common_type: u16; common_pid: i32; filename: string; pid: i32; comm: string; args: List<u64, 2>; task: task_struct; };',
      '"syscalls:sys_enter_read": { common_type: u16; common_pid: i32; __syscall_nr: i32; fd: u64; buf: u64; count: u64; };',
      '"syscalls:sys_exit_read": { common_type: u16; common_pid: i32; __syscall_nr: i32; ret: i64; };',
    ]);
  });

  it("give structs other names where TypeScript, scry/bpf or another struct has theirs", () => {
    expect(declared(text, "KernelStructs")).toEqual(
      expect.arrayContaining(["class: class_;", "Ring: Ring_2;", "twice: twice;", "task_struct: task_struct;"]),
    );
    expect([declared(text, "twice"), declared(text, "twice_2")].sort()).toEqual([["first: i32;"], ["second: u64;"]]);
  });

  it("let programs write to their contexts only", () => {
    expect(text).toMatch(/interface __sk_buff \{\n +len: u32;/);
    expect(text).toMatch(/interface inode \{\n +readonly i_ino: u64;/);
  });

  it("say that all is there", () => {
    expect(declared(text, "Declared")).toEqual([
      "tracepoints: true;",
      "functions: true;",
      "enums: true;",
      "exported: true;",
    ]);
    expect(declared(kernelDeclarations({ btf: smallKernel().btf }), "Declared")).toEqual([
      "functions: true;",
      "enums: true;",
      "exported: true;",
    ]);
  });
});

describe("what modules name", () => {
  const only = (...texts: string[]): string => kernelDeclarations(smallKernel(), namesOf(texts));

  it("is tracepoints, functions and what is reached from them", () => {
    const text = only(`
      import { fentry, tracepoint } from "scry/bpf";
      // fentry("free_task", …) is no program here
      export const a = tracepoint("syscalls:sys_exit_read", (event) => event.ret);
      export const b = fentry("vfs_read", (file) => file.f_inode.i_ino);`);
    expect(declared(text, "Declared")).toBeUndefined();
    expect(declared(text, "Tracepoints")).toHaveLength(1);
    expect(declared(text, "KernelFunctions")).toEqual([
      "vfs_read: (file: file, buf: u64, count: u64, pos: u64) => i64;",
    ]);
    expect(declared(text, "file")).toEqual(["f_mode: u32;", "f_inode: inode;", "f_owner: object;"]);
    expect(declared(text, "KernelStructs")).toEqual(["file: file;", "inode: inode;"]);
  });

  it.each([
    ["bpf.task().mm.total_vm", ["mm_struct", "task_struct"]],
    ["bpf.task().mm?.total_vm", ["mm_struct", "task_struct"]],
    ["const { mm, fs } = bpf.task();", ["fs_struct", "mm_struct", "task_struct"]],
    ['import { type inode, u32 } from "scry/bpf";', ["inode"]],
    ['import type { inode, file } from "scry/bpf";', ["file", "inode"]],
    ['import { inode } from "elsewhere";', undefined],
    ['btfTracepoint("sched_switch", () => {})', ["task_struct"]],
    ['lsm("file_open", (f) => f.f_owner.pid)', ["file", "task_struct"]],
    ["xdp((packet) => packet.data)", ["xdp_md"]],
    ["helpers.bpf_skc_to_tcp_sock(s)?.snd_cwnd", ["tcp_sock"]],
    ["for (const area of bpf.memoryAreas(t)) {}", ["vm_area_struct"]],
    ['structOps("tcp_congestion_ops", { ssthresh: (sk) => 2 })', ["sock", "tcp_congestion_ops"]],
    ['tracepoint("sched:sched_process_exec", (e) => e.task.pid)', ["task_struct"]],
    ['tracepoint("sched:sched_process_exec", (e) => e.pid)', undefined],
  ])("%s", (text, structs) => {
    expect(declared(only(text), "KernelStructs")).toEqual(structs?.map((name) => `${name}: ${name};`));
  });
});

describe("scry/bpf", () => {
  const text = ["index", "types", "packets", "helpers"]
    .map((name) => readFileSync(`src/bpf/${name}.ts`, "utf8"))
    .join("\n");

  it("has the types that no struct is called", () => {
    const names = [...text.matchAll(/^export (?:type|interface) (\w+)/gm)].map((match) => match[1]);
    expect([...new Set(TAKEN)].sort()).toEqual([...new Set(names)].sort());
  });

  it("has the helpers of the table (`npm run docs` writes them)", () => {
    expect(readFileSync("src/bpf/helpers.ts", "utf8")).toBe(helperTypes());
  });

  it("gives those programs a struct that are known to get one", () => {
    const structs = new Map<string, string>();
    for (const [, name = "", type, xdp] of text.matchAll(
      /^type (\w+) = \(run: \(\w+: (?:KernelStruct<"(\w+)">|(XdpContext)|SocketBuffer<.*>)\)/gm,
    ))
      structs.set(name, type ?? (xdp === undefined ? "__sk_buff" : "xdp_md"));
    const programs: Record<string, string> = {};
    for (const [, name = "", own, alias = ""] of text.matchAll(
      /^export const (\w+): (?:\(run: \(\w+: KernelStruct<"(\w+)">\)|(\w+) =)/gm,
    )) {
      const struct = own ?? structs.get(alias);
      if (struct !== undefined) programs[name] = struct;
    }
    expect(programs).toEqual(
      Object.fromEntries(
        Object.entries(PROGRAMS).flatMap(([name, { context }]) => (context === undefined ? [] : [[name, context]])),
      ),
    );
  });
});
