// Variables that tell who is running, where and when: pid, comm, cpu, nsecs….

import { currentField, currentIdValue, fail, memberOperand, type Operand, once } from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import { GLOBALS, HEADER, INT32, type Type, typeName, UINT32, UINT64 } from "../../../schema/index.ts";
import { type CheckState, check, error } from "../check/index.ts";
import { type LowerState, value } from "../lower/index.ts";
import type { Builtin, Builtins } from "./builtin.ts";

const number = (type: Type, value: Value): Operand => ({ kind: "value", type, value });

/** A number that a helper gives; the same in the whole run, and costing a call, where nothing else is said. */
function fromHelper(
  name: string,
  doc: string,
  type: Type,
  helper: string,
  more: { readonly part?: "low" | "high"; readonly cost?: number; readonly sameInRun?: true } = {},
): Builtin {
  const { part, ...columns } = more;
  return {
    doc,
    signature: name,
    ...columns,
    check: () => type,
    lower: (l) => {
      const v = l.b.helper(helper, []);
      if (part === "high") return number(type, l.b.binary("shr", v, 32));
      return number(type, part === "low" ? l.b.zext(v, 32) : v);
    },
  };
}

/** The process's or the thread's id. */
function currentId(name: string, doc: string, field: "tgid" | "pid", half: "low" | "high"): Builtin {
  return {
    doc,
    signature: name,
    sameInRun: true,
    cost: 3,
    check: () => UINT32,
    lower: (l) => number(UINT32, currentIdValue(l, field, half)),
  };
}

/** Steps from the current task, or a given one, along fields of struct task_struct. */
function fromTask(name: string, doc: string, path: readonly string[], type: Type): Builtin {
  return {
    doc,
    signature: `${name}[(task)]`,
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
  pid: currentId("pid", "Process id (the kernel's tgid).", "tgid", "high"),
  tid: currentId("tid", "Thread id (the kernel's pid).", "pid", "low"),
  uid: fromHelper("uid", "User id.", UINT32, "get_current_uid_gid", { part: "low", cost: 8, sameInRun: true }),
  gid: fromHelper("gid", "Group id.", UINT32, "get_current_uid_gid", { part: "high", cost: 8, sameInRun: true }),
  cpu: fromHelper("cpu", "Number of this CPU.", UINT32, "get_smp_processor_id", { cost: 2, sameInRun: true }),
  numaid: fromHelper("numaid", "Number of this CPU's NUMA node.", UINT32, "get_numa_node_id"),
  cgroup: fromHelper("cgroup", "Id of the current cgroup (v2).", UINT64, "get_current_cgroup_id"),
  rand: fromHelper("rand", "A random 32-bit number.", UINT32, "get_prandom_u32"),
  jiffies: fromHelper("jiffies", "Jiffies of the kernel.", UINT64, "jiffies64"),
  elapsed: {
    doc: "Nanoseconds since the script began.",
    signature: "elapsed",
    check: () => UINT64,
    lower: (l) => {
      const now = l.b.helper("ktime_get_boot_ns", []);
      return number(UINT64, l.b.binary("sub", now, l.b.load("u64", l.b.mapValue(GLOBALS, HEADER.startTime), 0)));
    },
  },
  comm: {
    doc: "Name of the thread.",
    signature: "comm",
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
    doc: "The current task: struct task_struct *.",
    signature: "curtask",
    sameInRun: true,
    cost: 2,
    check: taskType,
    lower: (l) => number(taskType(l.check), l.b.helper("get_current_task", [])),
  },
  ppid: fromTask("ppid", "Process id of the parent.", ["real_parent", "tgid"], INT32),
  pcomm: fromTask("pcomm", "Name of the parent process.", ["real_parent", "comm"], COMM_TYPE),
  leader_tid: fromTask("leader_tid", "Thread id of the process's first thread.", ["group_leader", "pid"], INT32),
  leader_comm: fromTask("leader_comm", "Name of the process's first thread.", ["group_leader", "comm"], COMM_TYPE),
  username: {
    doc: "Name of the user.",
    signature: "username",
    check: () => ({ kind: "username" }),
    lower: (l) => number({ kind: "username" }, l.b.zext(l.b.helper("get_current_uid_gid", []), 32)),
  },
  ncpus: {
    doc: "Number of possible CPUs.",
    signature: "ncpus",
    cost: 0,
    check: () => UINT64,
    lower: (l) => number(UINT64, l.b.const(l.check.env.cpus)),
  },
  cpid: {
    doc: "Process id of the command started with -c.",
    signature: "cpid",
    cost: 0,
    check: (c, use) =>
      c.env.childPid === undefined
        ? error(c, "SCRY1242", "cpid can only be used with the -c option", use.span)
        : UINT32,
    lower: (l) => number(UINT32, l.b.const(l.check.env.childPid ?? 0)),
  },
  has_cpid: {
    doc: "Was a command started with -c?",
    signature: "has_cpid",
    check: () => ({ kind: "bool" }),
    lower: (l) => number({ kind: "bool" }, l.b.const(l.check.env.childPid === undefined ? 0 : 1)),
  },
};
