// The builtin variables: one entry each, with all there is to know of it.

import type { Value } from "../../compiler/index.ts";
import type { Expression, IdentifierExpression } from "./ast.ts";
import { builtinFunctions } from "./builtin-functions.ts";
import type { Checker } from "./checker.ts";
import { checkGoid, goid } from "./go-functions.ts";
import { accessOperand, contextOf } from "./lower-arguments.ts";
import { fieldOperand } from "./lower-fields.ts";
import { type IntoOptions, type Lengths, type Operand, writeText } from "./lower-memory.ts";
import { stackInto } from "./lower-stacks.ts";
import { unwoundStackInto } from "./lower-unwind.ts";
import type { Lowering } from "./lowering.ts";
import type { ResolvedProbe } from "./probes.ts";
import { registerOffsets } from "./registers.ts";
import { GLOBALS, HEADER } from "./storage.ts";
import { probeType, utf8Length } from "./type-rules.ts";
import { INT32, type Type, UINT32, UINT64 } from "./types.ts";

export interface BuiltinVariable {
  readonly doc: string;
  check(c: Checker, e: IdentifierExpression): Type;
  lower?(l: Lowering, e: IdentifierExpression): Operand;
  into?(l: Lowering, e: IdentifierExpression, type: Type, to: Value, offset: number, options: IntoOptions): Lengths;
}

const number = (type: Type, value: Value): Operand => ({ kind: "value", type, value });

/** A number that a helper gives. */
function fromHelper(doc: string, type: Type, helper: string, part?: "low" | "high"): BuiltinVariable {
  return {
    doc,
    check: () => type,
    lower: (l) => {
      const v = l.b.helper(helper, []);
      if (part === "high") return number(type, l.b.binary("shr", v, 32));
      return number(type, part === "low" ? l.b.zext(v, 32) : v);
    },
  };
}

/** Steps from the current task along fields of struct task_struct. */
function fromTask(doc: string, path: readonly string[], type: Type): BuiltinVariable {
  return {
    doc,
    check: (c, e) =>
      c.env.btf() === undefined
        ? c.error(
            "SCRY1229",
            `The kernel's type information (BTF) is needed for ${e.name} and is not available`,
            e.span,
          )
        : type,
    lower: (l, e) => fieldOperand(l, taskField(l, e, path)),
  };
}

function taskField(
  l: Lowering,
  e: IdentifierExpression,
  path: readonly string[],
): Extract<Expression, { kind: "field" }> {
  let object: Expression = { kind: "identifier", name: "curtask", span: e.span };
  for (const name of path) object = { kind: "field", object, name, nameSpan: e.span, span: e.span };
  l.script.checker.check(object);
  return object as Extract<Expression, { kind: "field" }>;
}

/**
 * The current task and where a field of it lies: read in place, which costs a load where a helper is a call (the kernel
 * inlines get_current_task_btf, and lets programs read what BTF knows). Undefined without BTF.
 */
export function currentField(l: Lowering, name: string): { readonly task: Value; readonly offset: number } | undefined {
  const { env } = l.script.checker;
  if (env.lacks?.("currentTaskBtf") === true) return undefined;
  const btf = env.btf();
  const id = btf?.find("task_struct", "struct");
  const field = id === undefined ? undefined : btf?.field(id, [name]);
  if (field === undefined) return undefined;
  const task = l.once("task", () => l.b.helper("get_current_task_btf", [], { kind: "kernel", type: "task_struct" }));
  return { task, offset: field.bitOffset / 8 };
}

/** The process's or the thread's id. */
export function currentId(doc: string, field: "tgid" | "pid", half: "low" | "high"): BuiltinVariable {
  return { doc, check: () => UINT32, lower: (l) => number(UINT32, currentIdValue(l, field, half)) };
}

export function currentIdValue(l: Lowering, field: "tgid" | "pid", half: "low" | "high"): Value {
  const from = currentField(l, field);
  if (from !== undefined) return l.b.load("u32", from.task, from.offset);
  const both = l.b.helper("get_current_pid_tgid", []);
  return half === "high" ? l.b.binary("shr", both, 32) : l.b.zext(both, 32);
}

function probeProvides(c: Checker, e: IdentifierExpression, what: boolean, message: string): boolean {
  if (!what) c.error("SCRY1241", message, e.span);
  return what;
}

const COMM = 16;

/** A stack as a variable is its function called without arguments. */
function stack(name: string, doc: string, write: typeof stackInto): BuiltinVariable {
  return {
    doc,
    check: (c, e) =>
      builtinFunctions[name]?.check(c, { kind: "call", name, nameSpan: e.span, args: [], span: e.span }) ?? UINT64,
    into: (l, _e, type, to, offset) => write(l, type, to, offset),
  };
}

export const builtinVariables: Readonly<Record<string, BuiltinVariable>> = {
  pid: currentId("Process id (the kernel's tgid).", "tgid", "high"),
  tid: currentId("Thread id (the kernel's pid).", "pid", "low"),
  uid: fromHelper("User id.", UINT32, "get_current_uid_gid", "low"),
  gid: fromHelper("Group id.", UINT32, "get_current_uid_gid", "high"),
  cpu: fromHelper("Number of this CPU.", UINT32, "get_smp_processor_id"),
  numaid: fromHelper("Number of this CPU's NUMA node.", UINT32, "get_numa_node_id"),
  cgroup: fromHelper("Id of the current cgroup (v2).", UINT64, "get_current_cgroup_id"),
  rand: fromHelper("A random 32-bit number.", UINT32, "get_prandom_u32"),
  jiffies: fromHelper("Jiffies of the kernel.", UINT64, "jiffies64"),
  nsecs: fromHelper("Nanoseconds since boot, sleep included.", UINT64, "ktime_get_boot_ns"),
  elapsed: {
    doc: "Nanoseconds since the script began.",
    check: () => UINT64,
    lower: (l) =>
      number(
        UINT64,
        l.b.binary(
          "sub",
          l.b.helper("ktime_get_boot_ns", []),
          l.b.load("u64", l.b.mapValue(GLOBALS, HEADER.startTime), 0),
        ),
      ),
  },
  comm: {
    doc: "Name of the thread.",
    check: () => ({ kind: "string", size: COMM }),
    into: (l, _e, type, to, offset, options) => {
      const b = l.b;
      const size = type.kind === "string" ? type.size : COMM;
      const from = currentField(l, "comm");
      if (from !== undefined && size >= COMM && from.offset % 8 === 0) {
        for (let i = 0; i < COMM; i += 8) b.store(64, to, offset + i, b.load("u64", from.task, from.offset + i));
        if (options.pad && size > COMM) b.zero(to, offset + COMM, size - COMM);
        return [];
      }
      b.helper("get_current_comm", [offset === 0 ? to : b.add(to, offset), b.const(Math.min(size, COMM))]);
      if (options.pad && size > COMM) b.zero(to, offset + COMM, size - COMM);
      return [];
    },
    // The kernel fills the rest with zeros (strscpy_pad).
    lower: (l, _e) => {
      const slot = l.once("comm", () => {
        const made = l.b.slot(COMM);
        builtinVariables.comm?.into?.(l, _e, { kind: "string", size: COMM }, made, 0, { pad: true });
        return made;
      });
      return {
        kind: "memory",
        type: { kind: "string", size: COMM },
        pointer: slot,
        offset: 0,
        space: "own",
        padded: true,
      };
    },
  },
  curtask: {
    doc: "The current task: struct task_struct *.",
    check: (c) => {
      const id = c.env.btf()?.find("task_struct", "struct");
      return id === undefined
        ? UINT64
        : {
            kind: "pointer",
            space: "kernel",
            to: { kind: "struct", btf: { id, name: "struct task_struct" }, space: "kernel" },
          };
    },
    lower: (l, e) => number(e.type ?? UINT64, l.b.helper("get_current_task", [])),
  },
  ppid: fromTask("Process id of the parent.", ["real_parent", "tgid"], INT32),
  pcomm: {
    doc: "Name of the parent process.",
    check: (c, e) =>
      c.env.btf() === undefined
        ? c.error("SCRY1229", "The kernel's type information (BTF) is needed for pcomm and is not available", e.span)
        : { kind: "string", size: COMM },
    lower: (l, e) => fieldOperand(l, taskField(l, e, ["real_parent", "comm"])),
  },
  leader_tid: fromTask("Thread id of the process's first thread.", ["group_leader", "pid"], INT32),
  leader_comm: {
    doc: "Name of the process's first thread.",
    check: (c, e) =>
      c.env.btf() === undefined
        ? c.error(
            "SCRY1229",
            "The kernel's type information (BTF) is needed for leader_comm and is not available",
            e.span,
          )
        : { kind: "string", size: COMM },
    lower: (l, e) => fieldOperand(l, taskField(l, e, ["group_leader", "comm"])),
  },
  goid: {
    doc: "Id of the goroutine, in probes of Go functions, and in others with -p of a Go program; 0 in its runtime.",
    check: checkGoid,
    lower: (l, e) => number(UINT64, goid(l, e)),
  },
  username: {
    doc: "Name of the user.",
    check: () => ({ kind: "username" }),
    lower: (l) => number({ kind: "username" }, l.b.zext(l.b.helper("get_current_uid_gid", []), 32)),
  },
  ncpus: {
    doc: "Number of possible CPUs.",
    check: () => UINT64,
    lower: (l) => number(UINT64, l.b.const(l.script.checker.env.cpus)),
  },
  cpid: {
    doc: "Process id of the command started with -c.",
    check: (c, e) =>
      c.env.childPid === undefined ? c.error("SCRY1242", "cpid can only be used with the -c option", e.span) : UINT32,
    lower: (l) => number(UINT32, l.b.const(l.script.checker.env.childPid ?? 0)),
  },
  has_cpid: {
    doc: "Was a command started with -c?",
    check: () => ({ kind: "bool" }),
    lower: (l) => number({ kind: "bool" }, l.b.const(l.script.checker.env.childPid === undefined ? 0 : 1)),
  },
  usermode: {
    doc: "1 when the CPU was in user mode, else 0 (x86-64).",
    check: (c, e) =>
      registerOffsets(c.env.machine).codeSegment === undefined
        ? c.error("SCRY1243", "usermode is available on x86-64 only", e.span)
        : probeProvides(
              c,
              e,
              c.unit.forms[0]?.context === "perf",
              "usermode is available in profile, interval, software and hardware probes",
            )
          ? UINT32
          : UINT32,
    lower: (l) => {
      const cs = l.b.load("u64", contextOf(l), registerOffsets(l.script.checker.env.machine).codeSegment ?? 0);
      return number(UINT32, l.b.binary("shr", l.b.and(cs, 3), 1));
    },
  },
  probe: {
    doc: "Full name of the probe.",
    check: () => ({ kind: "probe" }),
    lower: (l) => number({ kind: "probe" }, probeNumber(l)),
  },
  func: {
    doc: "Name of the probed function.",
    check: (c, e) => {
      const first = c.unit.resolved[0] as ResolvedProbe;
      if (first.func === undefined)
        return c.error(
          "SCRY1241",
          "The func builtin can only be used with kprobe, kretprobe, uprobe, uretprobe, fentry, fexit and usdt probes",
          e.span,
        );
      return { kind: "probe", function: true };
    },
    lower: (l) => number({ kind: "probe", function: true }, probeNumber(l)),
  },
  probetype: {
    doc: "Kind of the probe: `tracepoint`.",
    check: (c) => ({ kind: "string", size: utf8Length(probeType(c.unit.resolved[0] as ResolvedProbe)) + 1 }),
    into: (l, _e, type, to, offset, options) => {
      writeText(l, probeType(l.probe), type.kind === "string" ? type.size : 64, to, offset, options);
      return [];
    },
  },
  argN: {
    doc: "arg0, arg1, …: arguments of the probed function, USDT probe or raw tracepoint.",
    check: (c, e) => {
      const n = argumentNumber(e.name);
      const form = c.unit.forms[0];
      const probe = c.unit.resolved[0] as ResolvedProbe;
      if (n === undefined)
        return c.error("SCRY1223", `Unknown identifier: '${e.name}'`, e.span, ["Arguments are arg0, arg1, …"]);
      if (e.name.startsWith("s")) {
        if (form?.context !== "registers" || probe.provider === "usdt")
          return c.error("SCRY1241", "sargN can only be used with kprobe and uprobe probes", e.span);
        return UINT64;
      }
      if (probe.numberedArgs === 0)
        return c.error(
          "SCRY1241",
          probe.provider === "usdt"
            ? "This USDT probe has no arguments"
            : `The ${e.name} builtin can only be used with kprobes, uprobes, usdt and rawtracepoint probes`,
          e.span,
        );
      if (n >= probe.numberedArgs)
        return c.error(
          "SCRY1244",
          probe.provider === "usdt"
            ? `Invalid argument index: ${e.name}. The probe has ${probe.numberedArgs} arguments`
            : `${c.env.machine} doesn't support ${e.name}`,
          e.span,
        );
      return form?.args?.get(e.name)?.type ?? UINT64;
    },
    lower: (l, e) => {
      const n = argumentNumber(e.name) ?? 0;
      if (e.name.startsWith("s")) {
        // Above the return address, which a call leaves on top of the stack.
        const slot = l.b.slot(8);
        const sp = l.b.load("u64", contextOf(l), registerOffsets(l.script.checker.env.machine).stackPointer);
        const space = l.form.attach.kind === "uprobe" ? "user" : "kernel";
        l.b.helper(`probe_read_${space}`, [slot, l.b.const(8), l.b.add(sp, 8 * (n + 1))]);
        return number(UINT64, l.b.load("u64", slot, 0));
      }
      const typed = l.form.args?.get(e.name);
      if (typed !== undefined) return accessOperand(l, typed.access, typed.type);
      return accessOperand(
        l,
        l.form.context === "raw" ? { kind: "raw", index: n } : { kind: "register", index: n },
        UINT64,
      );
    },
  },
  retval: {
    doc: "What the probed function returned.",
    check: (c, e) =>
      (c.unit.resolved[0] as ResolvedProbe).returns ??
      c.error(
        "SCRY1241",
        (c.unit.resolved[0] as ResolvedProbe).noReturns ??
          "The retval builtin can only be used with kretprobe, uretprobe and fexit probes",
        e.span,
      ),
    lower: (l, e) => {
      if (l.form.context === "raw")
        return accessOperand(l, { kind: "raw", index: l.form.args?.size ?? 0 }, e.type ?? UINT64);
      return accessOperand(l, { kind: "return-register" }, UINT64);
    },
  },
  args: {
    doc: "The probe's arguments by name: args.filename.",
    check: (c, e) =>
      c.error("SCRY1906", "'args' as a whole is not supported yet", e.span, ["Read its fields: args.NAME"]),
  },
  ctx: {
    doc: "The program's context; in iter probes its fields: ctx.task.",
    check: () => UINT64,
    lower: (l) => number(UINT64, l.b.add(contextOf(l), 0)),
  },
  kstack: stack("kstack", "The kernel's stack: kstack, kstack(3), kstack(perf, 5).", stackInto),
  ustack: stack("ustack", "The process's stack: ustack, ustack(3), ustack(perf, 5).", stackInto),
  dw_ustack: stack(
    "dw_ustack",
    "The process's stack by its files' tables (.eh_frame), for code without frame pointers: dw_ustack(3).",
    unwoundStackInto,
  ),
};

function argumentNumber(name: string): number | undefined {
  const match = /^s?arg(\d+)$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** A number that tells which of the unit's probes has fired; the reader knows the names (see `Unit.numbers`). */
function probeNumber(l: Lowering): Value {
  if (l.unit.resolved.length === 1) return l.b.const(l.unit.numbers[0] ?? 0n);
  if (l.form.syscall !== undefined)
    return l.b.add(l.syscallNumber(), (l.unit.numbers[0] ?? 0n) - BigInt(l.form.syscall.number));
  return l.b.helper("get_attach_cookie", [contextOf(l)]);
}
