// Variables that tell who is running, where and when: pid, comm, cpu, nsecs….

import {
  currentField,
  currentId,
  fail,
  globalId,
  memberOperand,
  type Operand,
  once,
  type TaskId,
} from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import { GLOBALS, HEADER, INT32, type Type, typeName, UINT32, UINT64 } from "../../../schema/index.ts";
import { type CheckState, check, error, warn } from "../check/index.ts";
import { type LowerState, value } from "../lower/index.ts";
import type { Builtin, Builtins, Said } from "./builtin.ts";

const number = (type: Type, value: Value): Operand => ({ kind: "value", type, value });

/** A number that a helper gives; the same in the whole run, and costing a call, where nothing else is said. */
function fromHelper(
  name: string,
  said: Said,
  type: Type,
  helper: string,
  more: { readonly part?: "low" | "high"; readonly cost?: number; readonly sameInRun?: true } = {},
): Builtin {
  const { part, ...columns } = more;
  return {
    ...said,
    signature: name,
    types: typeName(type),
    ...columns,
    check: () => type,
    lower: (l) => {
      const v = l.b.helper(helper, []);
      if (part === "high") return number(type, l.b.binary("shr", v, 32));
      return number(type, part === "low" ? l.b.zext(v, 32) : v);
    },
  };
}

/** Whose count of processes is meant: that of who runs the script, or that of the system. */
const COUNTS: Readonly<Record<string, (l: LowerState, id: TaskId) => Value>> = { curr_ns: currentId, init: globalId };

/** The process's or the thread's id. */
function idOf(name: string, said: Said, id: TaskId): Builtin {
  return {
    ...said,
    signature: `${name}[(curr_ns|init)]`,
    types: `word → ${typeName(UINT32)}`,
    arity: [0, 1],
    alsoVariable: true,
    sameInRun: true,
    cost: 3,
    check: (c, use) => {
      const e = use.args[0];
      if (e === undefined) return UINT32;
      if (e.kind !== "identifier")
        return error(c, "SCRY1287", `${name}() only supports curr_ns and init as the argument`, use.span);
      if (COUNTS[e.name] !== undefined) return UINT32;
      return error(c, "SCRY1287", `Invalid PID namespace mode: ${e.name} (expects: curr_ns or init)`, e.span);
    },
    lower: (l, use) => {
      const e = use.args[0];
      const count = e?.kind === "identifier" ? COUNTS[e.name] : undefined;
      return number(UINT32, (count ?? currentId)(l, id));
    },
  };
}

/** Steps from the current task, or a given one, along fields of struct task_struct. */
function fromTask(name: string, said: Said, path: readonly string[], type: Type): Builtin {
  return {
    ...said,
    signature: `${name}[(task)]`,
    types: `struct task_struct * → ${typeName(type)}`,
    arity: [0, 1],
    alsoVariable: true,
    check: (c, use) => {
      const e = use.args[0];
      if (c.env.btf() === undefined)
        return error(
          c,
          "SCRY1229",
          `The kernel's type information (BTF) is needed for ${name} and is not available`,
          use.span,
        );
      if (e !== undefined) {
        const given = check(c, e);
        if (given.kind !== "none" && given.kind !== "pointer" && given.kind !== "int")
          error(c, "SCRY1287", `${name}() expects a pointer to a task (${typeName(given)} provided)`, e.span);
      }
      return type;
    },
    lower: (l, use) => {
      const btf = l.check.env.btf();
      const e = use.args[0];
      const task = e === undefined ? l.b.helper("get_current_task", []) : value(l, e);
      let at: Operand | undefined = number(taskType(l.check), task);
      for (const field of path) {
        const from: Operand | undefined = at;
        if (from === undefined || from.kind === "none" || btf === undefined) break;
        at = memberOperand(l, btf, () => from, from.type, field);
      }
      return at ?? fail(l, "SCRY1300", `the field '${path.join(".")}' cannot be reached`, use.span);
    },
  };
}

function taskType(c: CheckState): Type {
  const id = c.env.btf()?.find("task_struct", "struct");
  return id === undefined
    ? UINT64
    : {
        kind: "pointer",
        space: "kernel",
        to: { kind: "struct", btf: { id, name: "struct task_struct" }, space: "kernel" },
      };
}

const COMM = 16;
const COMM_TYPE: Type = { kind: "string", size: COMM };

/** Writes the name of the thread; the kernel fills the rest of its 16 bytes with zeros (strscpy_pad). */
function commInto(l: LowerState, size: number, to: Value, offset: number, pad: boolean): void {
  const b = l.b;
  const from = currentField(l, "comm");
  if (from !== undefined && size >= COMM && from.offset % 8 === 0)
    for (let i = 0; i < COMM; i += 8) b.store(64, to, offset + i, b.load("u64", from.task, from.offset + i));
  else b.helper("get_current_comm", [offset === 0 ? to : b.add(to, offset), b.const(Math.min(size, COMM))]);
  if (pad && size > COMM) b.zero(to, offset + COMM, size - COMM);
}

export const taskBuiltins: Builtins = {
  pid: idOf(
    "pid",
    {
      doc: "Process id: what ps calls PID and the kernel tgid, the same in all threads of a process; in a container as /proc there has it. pid(init) is the kernel's own count.",
      example: "tracepoint:syscalls:sys_enter_openat /pid != 1/ { @opens[pid, comm] = count(); }",
    },
    "process",
  ),
  tid: idOf(
    "tid",
    {
      doc: "Thread id, which the kernel calls pid; the usual key of what is kept from one event of a thread to its next.",
      example: "tracepoint:syscalls:sys_enter_openat { @opens[pid, tid] = count(); }",
    },
    "thread",
  ),
  uid: fromHelper(
    "uid",
    {
      doc: "User id, as the system's first user namespace counts.",
      example: "tracepoint:syscalls:sys_enter_openat /uid == 0/ { @[comm] = count(); }",
    },
    UINT32,
    "get_current_uid_gid",
    { part: "low", cost: 8, sameInRun: true },
  ),
  gid: fromHelper(
    "gid",
    {
      doc: "Group id, as the system's first user namespace counts.",
      example: "tracepoint:syscalls:sys_enter_openat { @[gid] = count(); }",
    },
    UINT32,
    "get_current_uid_gid",
    { part: "high", cost: 8, sameInRun: true },
  ),
  cpu: fromHelper(
    "cpu",
    { doc: "Number of the CPU that the probe runs on.", example: "profile:hz:99 { @[cpu] = count(); }" },
    UINT32,
    "get_smp_processor_id",
    { cost: 2, sameInRun: true },
  ),
  numaid: fromHelper(
    "numaid",
    {
      doc: "Number of the NUMA node of the CPU that the probe runs on.",
      example: "profile:hz:99 { @[numaid] = count(); }",
    },
    UINT32,
    "get_numa_node_id",
  ),
  cgroup: fromHelper(
    "cgroup",
    {
      doc: "Id of the cgroup (v2) that the task is in; cgroup_path makes its path of it.",
      example: "tracepoint:syscalls:sys_enter_openat { @[cgroup] = count(); }",
    },
    UINT64,
    "get_current_cgroup_id",
  ),
  rand: fromHelper(
    "rand",
    {
      doc: "A random 32-bit number, another at each use: to look at some of many events.",
      example: "tracepoint:syscalls:sys_enter_openat /rand % 100 == 0/ { print(comm); }",
    },
    UINT32,
    "get_prandom_u32",
  ),
  jiffies: fromHelper(
    "jiffies",
    { doc: "The kernel's clock of ticks (CONFIG_HZ in a second).", example: "interval:s:1 { print(jiffies); }" },
    UINT64,
    "jiffies64",
  ),
  elapsed: {
    doc: "Nanoseconds since the script began.",
    signature: "elapsed",
    types: "uint64",
    example: 'interval:s:1 { printf("%d ms\\n", elapsed / 1000000); }',
    check: () => UINT64,
    lower: (l) => {
      const now = l.b.helper("ktime_get_boot_ns", []);
      return number(UINT64, l.b.binary("sub", now, l.b.load("u64", l.b.mapValue(GLOBALS, HEADER.startTime), 0)));
    },
  },
  comm: {
    doc: "Name of the thread, of at most 15 bytes: that of the command, where the thread did not take another.",
    signature: "comm",
    types: "string[16]",
    example: 'tracepoint:syscalls:sys_enter_openat { printf("%s opens %s\\n", comm, str(args.filename)); }',
    sameInRun: true,
    check: () => COMM_TYPE,
    into: (l, _use, type, to, offset, options) => {
      commInto(l, type.kind === "string" ? type.size : COMM, to, offset, options.pad);
      return [];
    },
    lower: (l) => {
      const pointer = once(l, "comm", () => {
        const made = l.b.slot(COMM);
        commInto(l, COMM, made, 0, true);
        return made;
      });
      return { kind: "memory", type: COMM_TYPE, pointer, offset: 0, space: "own", padded: true };
    },
  },
  curtask: {
    doc: "The current task, with all fields that the kernel's types have (BTF).",
    signature: "curtask",
    types: "struct task_struct *",
    example: 'tracepoint:syscalls:sys_enter_openat { printf("%s has priority %d\\n", comm, curtask->prio); }',
    sameInRun: true,
    cost: 2,
    check: taskType,
    lower: (l) => number(taskType(l.check), l.b.helper("get_current_task", [])),
  },
  ppid: fromTask(
    "ppid",
    {
      doc: "Process id of the parent, of the current task or a given one (BTF).",
      example: "tracepoint:syscalls:sys_enter_openat { @[ppid] = count(); }",
    },
    ["real_parent", "tgid"],
    INT32,
  ),
  pcomm: fromTask(
    "pcomm",
    {
      doc: "Name of the parent process, of the current task or a given one (BTF).",
      example: 'tracepoint:sched:sched_process_exec { printf("%s -> %s\\n", pcomm, comm); }',
    },
    ["real_parent", "comm"],
    COMM_TYPE,
  ),
  leader_tid: fromTask(
    "leader_tid",
    {
      doc: "Thread id of the process's first thread (BTF).",
      example: "tracepoint:syscalls:sys_enter_openat /tid != leader_tid/ { @[comm] = count(); }",
    },
    ["group_leader", "pid"],
    INT32,
  ),
  leader_comm: fromTask(
    "leader_comm",
    {
      doc: "Name of the process's first thread, which is mostly the program's (BTF).",
      example: "tracepoint:syscalls:sys_enter_openat { @[leader_comm, comm] = count(); }",
    },
    ["group_leader", "comm"],
    COMM_TYPE,
  ),
  username: {
    doc: "Name of the user, as /etc/passwd has it; looked up where it is printed.",
    signature: "username",
    types: "username",
    example: "tracepoint:syscalls:sys_enter_openat { @[username] = count(); }",
    check: () => ({ kind: "username" }),
    lower: (l) => number({ kind: "username" }, l.b.zext(l.b.helper("get_current_uid_gid", []), 32)),
  },
  ncpus: {
    doc: "Number of CPUs that the system can have.",
    signature: "ncpus",
    types: "uint64",
    example: "begin { print(ncpus); exit(); }",
    cost: 0,
    check: () => UINT64,
    lower: (l) => number(UINT64, l.b.const(l.check.env.cpus)),
  },
  cpid: {
    doc: "Process id of the command that was started with -c; 0 where none was.",
    signature: "cpid",
    types: "uint32",
    example: "tracepoint:syscalls:sys_enter_openat /pid == cpid/ { print(str(args.filename)); }",
    given: "-c ls",
    cost: 0,
    check: (c, use) => {
      if (c.env.childPid === undefined) warn(c, "SCRY1242", "No child command (`-c`); cpid is zero", use.span);
      return UINT32;
    },
    lower: (l) => number(UINT32, l.b.const(l.check.env.childPid ?? 0)),
  },
  has_cpid: {
    doc: "True when a command was started with -c.",
    signature: "has_cpid",
    types: "bool",
    example: "begin { print(has_cpid); exit(); }",
    check: () => ({ kind: "bool" }),
    lower: (l) => number({ kind: "bool" }, l.b.const(l.check.env.childPid === undefined ? 0 : 1)),
  },
};
