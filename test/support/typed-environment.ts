// A world of data with types: a kernel of few structs, tracepoints, functions and a program to trace, and nothing live.

import { type Btf, BtfWriter } from "../../src/btf/index.ts";
import { matchesPattern, type ProbeEnvironment, type TracepointField } from "../../src/probes/index.ts";
import { environment } from "./browser-page.ts";

let made: Btf | undefined;

function types(): Btf {
  // A task points to tasks: which type that is shows when all are made.
  made ??= write(write(0).task).writer.btf();
  return made;
}

function write(itself: number): { readonly writer: BtfWriter; readonly task: number } {
  const w = new BtfWriter();
  const char = w.int("char", 1, { char: true });
  const bool = w.int("bool", 1, { bool: true });
  const int = w.int("int", 4, { signed: true });
  const long = w.int("long", 8, { signed: true });
  const u64 = w.int("long unsigned int", 8);
  /** Members one after another. */
  const struct = (name: string, members: readonly (readonly [name: string, type: number, bytes: number])[]): number => {
    let at = 0;
    const placed = members.map(([member, type, bytes]) => {
      at = Math.ceil(at / Math.min(8, bytes)) * Math.min(8, bytes);
      at += bytes;
      return { name: member, type, bitOffset: (at - bytes) * 8, bitfieldSize: 0 };
    });
    return w.struct(name, Math.ceil(at / 8) * 8, placed);
  };
  const mm = struct("mm_struct", [["total_vm", u64, 8]]);
  const cred = struct("cred", [
    ["uid", w.struct("", 4, [{ name: "val", type: int, bitOffset: 0, bitfieldSize: 0 }]), 4],
  ]);
  const limit = struct("rlimit", [
    ["rlim_cur", u64, 8],
    ["rlim_max", u64, 8],
  ]);
  const signal = struct("signal_struct", [["rlim", w.array(limit, 16, int), 256]]);
  const entity = struct("sched_entity", [
    ["on_rq", int, 4],
    ["sum_exec_runtime", u64, 8],
  ]);
  struct("list_head", [
    ["next", w.ptr(int), 8],
    ["prev", w.ptr(int), 8],
  ]);
  const other = w.ptr(itself);
  const task = struct("task_struct", [
    ["flags", int, 4],
    ["prio", int, 4],
    ["pid", int, 4],
    ["tgid", int, 4],
    ["comm", w.array(char, 16, int), 16],
    ["mm", w.ptr(mm), 8],
    ["cred", w.ptr(cred), 8],
    ["signal", w.ptr(signal), 8],
    ["se", entity, 16],
    ["parent", other, 8],
    ["real_parent", other, 8],
    ["group_leader", other, 8],
  ]);
  w.enum("sock_type", 4, [
    { name: "SOCK_STREAM", value: 1n },
    { name: "SOCK_DGRAM", value: 2n },
  ]);
  const proto = w.funcProto(long, [
    { name: "task", type: w.ptr(task) },
    { name: "count", type: long },
  ]);
  for (const name of FUNCTIONS) w.func(name, proto);
  const data = { name: "__data", type: w.ptr(0) };
  const switched = [
    ["preempt", bool],
    ["prev", w.ptr(task)],
    ["next", w.ptr(task)],
  ] as const;
  w.func("__probestub_sched_switch", w.funcProto(0, [data, ...switched.map(([name, type]) => ({ name, type }))]));
  w.func("__probestub_sys_enter", w.funcProto(0, [data, { name: "regs", type: w.ptr(0) }, { name: "id", type: long }]));
  return { writer: w, task };
}

/** Fields of the tracepoints, all behind the common ones. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  sys_enter_openat: ["int __syscall_nr", "long dfd", "const char * filename", "long flags", "long mode"],
  sys_enter_write: ["int __syscall_nr", "long fd", "const char * buf", "long count"],
  sys_enter_execve: ["int __syscall_nr", "const char * filename", "const char *const * argv"],
  sys_exit_read: ["int __syscall_nr", "long ret"],
  sched_switch: ["char prev_comm[16]", "int prev_pid", "int prev_prio", "char next_comm[16]", "int next_pid"],
};

function fields(name: string): readonly TracepointField[] {
  return (FIELDS[name] ?? ["long id", "unsigned long args[6]", "long ret", "int pid"]).map((text, i) => {
    const [, type, field, count] = /^(.*?) ?(\w+)(?:\[(\d+)\])?$/.exec(text) as RegExpExecArray;
    const one = type === "char" ? 1 : type === "int" ? 4 : 8;
    return {
      name: field as string,
      type: count === undefined ? (type as string) : `${type}[${count}]`,
      offset: 8 + i * 16,
      size: one * Number(count ?? 1),
      signed: type !== "unsigned long",
    };
  });
}

const FUNCTIONS: readonly string[] = ["vfs_read", "vfs_write", "do_nanosleep"];
const PROGRAM = "/bin/program";

/** Whatever is asked of it exists, as far as that is known: tracepoints by any name but those that begin with `no`. */
export const typedEnvironment: ProbeEnvironment = {
  ...environment,
  params: ["42", "7", "some text"],
  unsafe: true,
  btf: types,
  tracepoints: (category, name) =>
    [...Object.keys(FIELDS), name]
      .filter((n, i, all) => matchesPattern(name, n) && all.indexOf(n) === i && !/^no|[*?[\]]/.test(n))
      .map((n) => ({ category: category.replace(/[*?[\]]/g, "") || "sched", name: n })),
  tracepointFormat: (_category, name) => fields(name),
  rawTracepoints: (name) => ["sched_switch", "sys_enter"].filter((n) => matchesPattern(name, n)),
  kernelFunctions: (name) => FUNCTIONS.filter((n) => matchesPattern(name, n)),
  kernelAddress: (name) => (FUNCTIONS.includes(name) ? 0xffffffff81000000n : undefined),
  binary: (name) => (name === PROGRAM || name === "program" ? PROGRAM : undefined),
  functions: (_path, name) =>
    ["main", "probe_me", "probe_text"]
      .filter((n) => matchesPattern(name, n))
      .map((n, i) => ({ name: n, offset: 0x1000 + i * 64, address: 0x401000 + i * 64, size: 64 })),
  userSymbol: (_path, name) => (name === "main" ? { address: 0x401000n, size: 0 } : undefined),
  usdt: (_path, provider, name) =>
    matchesPattern(provider, "scrytest") && matchesPattern(name, "numbers")
      ? [{ provider: "scrytest", name: "numbers", offset: 0x1100, args: "-4@%edi 8@-8(%rbp) 8@$5" }]
      : [],
  cgroupId: () => 1n,
};
