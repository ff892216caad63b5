// A kernel of a few types, functions and tracepoints, for what is declared of one.

import { type Btf, BtfWriter } from "../../src/btf/index.ts";
import { parseFormat } from "../../src/kernel/index.ts";
import type { DeclaredKernel, ProgramPlaces } from "../../src/lang/kernel-types/index.ts";

function types(): Btf {
  const w = new BtfWriter();
  const i32 = w.int("int", 4, { signed: true });
  const u32 = w.int("unsigned int", 4);
  const i64 = w.int("long int", 8, { signed: true });
  const u64 = w.int("long unsigned int", 8);
  const u16 = w.int("short unsigned int", 2);
  const u8 = w.int("unsigned char", 1);
  const bool = w.int("_Bool", 1, { bool: true });
  const char = w.int("char", 1, { signed: true, char: true });
  const text = (length: number): number => w.array(char, length, u32);
  const state = w.enum("state", 4, [{ name: "RUNNING", value: 0n }]);
  const proto = w.funcProto(0, [{ name: "", type: i32 }]);
  const callback = w.ptr(proto);
  const chars = w.ptr(char);
  const hidden = w.ptr(w.fwd("hidden", "struct"));
  const member = (name: string, type: number, bitfieldSize = 0) => ({ name, type, bitOffset: 0, bitfieldSize });
  const struct = (name: string, ...members: ReturnType<typeof member>[]): number => w.struct(name, 8, members);
  const mm = struct("mm_struct", member("total_vm", u64), member("map_count", i32));
  const fs = struct("fs_struct", member("users", i32));
  const [toMm, toFs] = [w.ptr(mm), w.ptr(fs)];
  const inner = struct("", member("low", u16), member("high", u16));
  const either = w.union("", 4, [member("whole", u32), member("", inner)]);
  const named = struct("", member("begin", u64), member("end", u64));
  const arrays = [w.array(u32, 4, u32), w.array(u8, 200, u32), w.array(w.array(i32, 3, u32), 2, u32)] as const;
  const comm = text(16);
  const toTask = w.ptr(w.nextId + 1);
  struct(
    "task_struct",
    member("pid", i32),
    member("tgid", i32),
    member("flags", u32),
    member("comm", comm),
    member("real_parent", toTask),
    member("mm", toMm),
    member("fs", toFs),
    member("state", state),
    member("in_execve", u32, 1),
    member("ok", bool),
    member("", either),
    member("span", named),
    member("four", arrays[0]),
    member("many", arrays[1]),
    member("grid", arrays[2]),
    member("done", callback),
    member("name", chars),
    member("hidden", hidden),
  );
  const inode = struct("inode", member("i_ino", u64), member("i_mode", u16), member("i_size", i64));
  const toInode = w.ptr(inode);
  const file = struct("file", member("f_mode", u32), member("f_inode", toInode), member("f_owner", toTask));
  struct("class", member("name", chars));
  struct("Ring", member("head", u64));
  struct("twice", member("first", i32));
  struct("twice", member("second", u64));
  struct("pt_regs", ...["di", "si", "dx", "cx", "r8", "r9", "ax", "ip"].map((name) => member(name, u64)));
  struct("bpf_iter__task", member("task", toTask));
  struct("vm_area_struct", member("vm_start", u64));
  const sock = struct("sock", member("sk_mark", u32));
  const toSock = w.ptr(sock);
  struct("tcp_sock", member("snd_cwnd", u32), member("bytes_acked", u64));
  const ssthresh = w.ptr(w.funcProto(u32, [{ name: "sk", type: toSock }]));
  const avoid = w.ptr(
    w.funcProto(
      0,
      [toSock, u32, u32].map((type, i) => ({ name: `arg${i}`, type })),
    ),
  );
  struct("tcp_congestion_ops", member("ssthresh", ssthresh), member("cong_avoid", avoid), member("name", comm));
  struct("bpf_struct_ops_tcp_congestion_ops");
  struct("xdp_md", member("data", u32), member("data_end", u32));
  struct("__sk_buff", member("len", u32), member("mark", u32));
  struct("bpf_sock_addr", member("user_ip4", u32), member("user_port", u32));
  const [toFile, toSize] = [w.ptr(file), w.ptr(i64)];
  const fn = (name: string, returns: number, ...params: [name: string, type: number][]): number => {
    const id = w.funcProto(
      returns,
      params.map(([called, type]) => ({ name: called, type })),
    );
    return w.func(name, id);
  };
  const exported = (...given: Parameters<typeof fn>): void => {
    w.declTag("bpf_kfunc", fn(...given), -1);
  };
  fn("vfs_read", i64, ["file", toFile], ["buf", chars], ["count", u64], ["pos", toSize]);
  fn("free_task", 0, ["tsk", toTask]);
  exported("bpf_task_from_pid", toTask, ["pid", i32]);
  exported("bpf_task_release", 0, ["p", toTask]);
  exported("bpf_strlen", i32, ["s__str", chars]);
  exported("bpf_find_inode", toInode, ["number", u64], ["aux__prog", chars]);
  fn("bpf_lsm_file_open", i32, ["file", toFile]);
  fn("__traceiter_sched_switch", i32, ["__data", chars], ["preempt", bool], ["prev", toTask], ["next", toTask]);
  const traced = w.funcProto(
    0,
    [chars, bool, toTask, toTask].map((type) => ({ name: "", type })),
  );
  w.typedef("btf_trace_sched_switch", w.ptr(traced));
  return w.btf();
}

const COMMON =
  "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";
const FORMATS: Readonly<Record<string, string>> = {
  "syscalls:sys_enter_read": `${COMMON}\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;
\tfield:unsigned int fd;\toffset:16;\tsize:8;\tsigned:0;
\tfield:char * buf;\toffset:24;\tsize:8;\tsigned:0;
\tfield:size_t count;\toffset:32;\tsize:8;\tsigned:0;`,
  "syscalls:sys_exit_read": `${COMMON}\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;
\tfield:long ret;\toffset:16;\tsize:8;\tsigned:1;`,
  "sched:sched_process_exec": `${COMMON}\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;
\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;
\tfield:u64 pid;\toffset:12;\tsize:8;\tsigned:0;
\tfield:char comm[16];\toffset:16;\tsize:16;\tsigned:0;
\tfield:u64 args[2];\toffset:32;\tsize:16;\tsigned:0;
\tfield:struct task_struct * task;\toffset:48;\tsize:8;\tsigned:0;`,
};

/** A program of one function, which has a struct that the kernel has as well, and of a static probe. */
function program(): ProgramPlaces {
  const w = new BtfWriter();
  const i32 = w.int("int", 4, { signed: true });
  const char = w.int("char", 1, { signed: true, char: true });
  const member = (name: string, type: number) => ({ name, type, bitOffset: 0, bitfieldSize: 0 });
  const owner = w.struct("owner", 4, [member("id", i32)]);
  const inode = w.ptr(w.struct("inode", 8, [member("owner", w.ptr(owner))]));
  const params = [
    { name: "of", type: inode },
    { name: "depth", type: i32 },
    { name: "why", type: w.ptr(char) },
  ];
  const btf = w.btf();
  return {
    function: (place) => (place === "./app:handle" ? { btf, params, returns: inode } : undefined),
    probe: (place) => (place === "./app:own:step" ? [{ size: 4, signed: true }, undefined] : undefined),
    functions: ["./app:handle"],
    probes: ["./app:own:step"],
  };
}

export const smallKernel = (): DeclaredKernel => ({
  programs: program(),
  btf: types(),
  tracepoints: () => Object.keys(FORMATS),
  tracepoint: (category, name) => {
    const format = FORMATS[`${category}:${name}`];
    return format === undefined ? undefined : parseFormat(format).fields;
  },
});
