// Variables that tell of the probe: its name, arguments, result, context; the goroutine that it runs on.

import {
  accessOperand,
  argument,
  contextOf,
  copyInto,
  fail,
  goid,
  type Operand,
  padGaps,
  readForeign,
  syscallNumber,
  writeText,
} from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import {
  type GoroutineAccess,
  goroutineAccess,
  type ProbeArgument,
  type ResolvedProbe,
  registerOffsets,
} from "../../../probes/index.ts";
import { elementOffsets, type Type, UINT32, UINT64, utf8Length } from "../../../schema/index.ts";
import {
  type BuiltinUse,
  type CheckState,
  error,
  firstProbe,
  firstVariant,
  probeArguments,
  valued,
} from "../check/index.ts";
import type { LowerState } from "../lower/index.ts";
import type { Builtin, Builtins, Said } from "./builtin.ts";

const number = (type: Type, value: Value): Operand => ({ kind: "value", type, value });

/** What `probetype` says; the probes of the script's own life are all "special". */
const probeType = (probe: ResolvedProbe): string => (probe.special === true ? "special" : probe.provider);

/** The text where the unit has but one probe. */
const ofOnly =
  (text: (probe: ResolvedProbe) => string | undefined) =>
  (c: CheckState): string | undefined =>
    c.unit.resolved.length === 1 ? text(firstProbe(c)) : undefined;

/** A number that tells which of the unit's probes has fired; the reader knows the names (see `Unit.numbers`). */
function probeNumber(l: LowerState): Value {
  if (l.unit.resolved.length === 1) return l.b.const(l.unit.numbers[0] ?? 0n);
  const { syscall } = l.variant;
  if (syscall !== undefined)
    return l.b.add(syscallNumber(l, syscall.exit), (l.unit.numbers[0] ?? 0n) - BigInt(syscall.number));
  return l.b.helper("get_attach_cookie", [contextOf(l)]);
}

const argumentNumber = (use: BuiltinUse): number | undefined => {
  const match = /^s?arg(\d+)$/.exec(use.name);
  return match === null ? undefined : Number(match[1]);
};

const unknown = (c: CheckState, use: BuiltinUse): Type =>
  error(c, "SCRY1223", `Unknown identifier: '${use.name}'`, use.span, ["Arguments are arg0, arg1, …"]);

/** `args`, `vars`, `ctx`: their fields are the probe's arguments (see check/fields.ts). */
const whole = (name: string, said: Said): Builtin => ({
  ...said,
  types: "record",
  signature: `${name}.NAME`,
  members: true,
  check: (c, use) => {
    const all = [...argumentsOf(c, use)];
    return { kind: "record", names: all.map((a) => a.name), elements: all.map((a) => valued(c, a.type)) };
  },
  into: (l, use, type, to, offset, options) => {
    if (type.kind !== "record") return [];
    const offsets = elementOffsets(type.elements);
    if (options.pad) padGaps(l, type, to, offset);
    return [...argumentsOf(l.check, use)].flatMap((a, i) =>
      copyInto(l, argument(l, a), type.elements[i] as Type, to, offset + (offsets[i] as number), options),
    );
  },
});

/** All arguments of the probe that can be read. */
function argumentsOf(c: CheckState, use: BuiltinUse): readonly ProbeArgument[] {
  const args = probeArguments(c, use);
  return args === undefined ? [] : [...args.values()].filter((a) => a.access.kind !== "lost" && a.type.kind !== "none");
}

const goroutine = (c: CheckState): GoroutineAccess | undefined => {
  const own = firstVariant(c).goroutine;
  if (own !== undefined) return own;
  const process = c.env.goProcess?.();
  return process === undefined ? undefined : goroutineAccess(process, c.env, false);
};

export const probeBuiltins: Builtins = {
  goid: {
    doc: "Id of the goroutine, in probes of Go functions, and in others with -p of a Go program; 0 in its runtime.",
    signature: "goid",
    types: "uint64",
    example: "uprobe:./server:main.handle { @[goid] = count(); }",
    wants: "goroutine",
    check: (c, use) => {
      const access = goroutine(c);
      if (typeof access === "object") return UINT64;
      const why = "goid is known in probes of Go functions, and elsewhere with -p of a Go program";
      return error(c, "SCRY1245", access === undefined ? why : `goid: ${access}`, use.span);
    },
    lower: (l, use) => {
      const access = goroutine(l.check);
      if (typeof access !== "object") return fail(l, "SCRY1245", "goid is not known here", use.span);
      return number(UINT64, goid(l, access));
    },
  },
  usermode: {
    doc: "1 when the CPU was in user mode, or the task came from there into the kernel; else 0 (x86-64).",
    signature: "usermode",
    types: "uint32",
    example: 'profile:hz:99 { @[usermode ? "user" : "kernel"] = count(); }',
    since: "5.15, but for profile and counters",
    check: (c, use) =>
      registerOffsets(c.env.machine).codeSegment === undefined
        ? error(c, "SCRY1243", "usermode is available on x86-64 only", use.span)
        : UINT32,
    lower: (l) => {
      const at = registerOffsets(l.check.env.machine).codeSegment ?? 0;
      let cs: Value;
      if (l.variant.context === "perf") cs = l.b.load("u64", contextOf(l), at);
      else {
        // Elsewhere it is asked how the task came into the kernel.
        const slot = l.b.slot(8);
        l.b.store(64, slot, 0, 0);
        readForeign(l, slot, 0, 8, l.b.helper("task_pt_regs", [l.b.helper("get_current_task_btf", [])]), at, "kernel");
        cs = l.b.load("u64", slot, 0);
      }
      return number(UINT32, l.b.binary("shr", l.b.and(cs, 3), 1));
    },
  },
  probe: {
    doc: "Full name of the probe that has fired.",
    signature: "probe",
    types: "probe",
    example: "tracepoint:syscalls:sys_enter_* { @[probe] = count(); }",
    wants: "identity",
    foldText: ofOnly((probe) => probe.name),
    check: () => ({ kind: "probe" }),
    lower: (l) => number({ kind: "probe" }, probeNumber(l)),
  },
  func: {
    doc: "Name of the probed function.",
    signature: "func",
    types: "func",
    example: "kprobe:vfs_* { @[func] = count(); }",
    wants: "identity",
    where: {
      allows: (_form, probe) => probe.func !== undefined,
      message: () =>
        "The func builtin can only be used with kprobe, kretprobe, uprobe, uretprobe, fentry, fexit and usdt probes",
    },
    foldText: ofOnly((probe) => probe.func),
    check: () => ({ kind: "probe", function: true }),
    lower: (l) => number({ kind: "probe", function: true }, probeNumber(l)),
  },
  probetype: {
    doc: "Kind of the probe, as text: `tracepoint`; that of begin, end and the like is `special`.",
    signature: "probetype",
    types: "string",
    example: "tracepoint:syscalls:sys_enter_openat, software:page-faults:100 { @[probetype] = count(); }",
    foldText: ofOnly(probeType),
    check: (c) => ({ kind: "string", size: utf8Length(probeType(firstProbe(c))) + 1 }),
    into: (l, _use, type, to, offset, options) => {
      writeText(l, probeType(l.probe), type.kind === "string" ? type.size : 64, to, offset, options);
      return [];
    },
  },
  argN: {
    doc: "arg0, arg1, …: arguments of the probed function, USDT probe or raw tracepoint, by their places and without their types. Where types are known, args is better.",
    signature: "argN",
    types: "uint64",
    example: 'kprobe:vfs_read { printf("%s reads %d bytes\\n", comm, arg2); }',
    wants: "numbered",
    cost: 1,
    check: (c, use) => {
      const n = argumentNumber(use);
      if (n === undefined) return unknown(c, use);
      const probe = firstProbe(c);
      const isUsdt = probe.provider === "usdt";
      if (probe.numberedArgs === 0)
        return error(
          c,
          "SCRY1241",
          isUsdt
            ? "This USDT probe has no arguments"
            : `The ${use.name} builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes`,
          use.span,
        );
      if (n >= probe.numberedArgs)
        return error(
          c,
          "SCRY1244",
          isUsdt
            ? `Invalid argument index: ${use.name}. The probe has ${probe.numberedArgs} arguments`
            : `${c.env.machine} doesn't support ${use.name}`,
          use.span,
        );
      return firstVariant(c).args?.get(use.name)?.type ?? UINT64;
    },
    lower: (l, use) => {
      const index = argumentNumber(use) ?? 0;
      const named = l.variant.args?.get(use.name);
      if (named !== undefined) return accessOperand(l, named.access, named.type);
      return accessOperand(l, { kind: l.variant.context === "raw" ? "raw" : "register", index }, UINT64);
    },
  },
  sargN: {
    doc: "sarg0, sarg1, …: words of the stack above the return address, where arguments are that did not fit into registers.",
    signature: "sargN",
    types: "uint64",
    example: 'uprobe:/bin/bash:readline { printf("%x\\n", sarg0); }',
    wants: "numbered",
    where: {
      allows: (variant, probe) => variant.context === "registers" && probe.provider !== "usdt",
      message: () => "sargN can only be used with kprobe and uprobe probes",
    },
    check: (c, use) => (argumentNumber(use) === undefined ? unknown(c, use) : UINT64),
    lower: (l, use) => {
      // Above the return address, which a call leaves on top of the stack.
      const slot = l.b.slot(8);
      const sp = l.b.load("u64", contextOf(l), registerOffsets(l.check.env.machine).stackPointer);
      const space = l.variant.attach.kind === "uprobe" ? "user" : "kernel";
      const address = l.b.add(sp, 8 * ((argumentNumber(use) ?? 0) + 1));
      l.b.helper(`probe_read_${space}`, [slot, l.b.const(8), address]);
      return number(UINT64, l.b.load("u64", slot, 0));
    },
  },
  retval: {
    doc: "What the probed function returned.",
    signature: "retval",
    types: "uint64, or its type where that is known",
    example: "uretprobe:/bin/bash:readline { print(str(retval)); }",
    wants: "result",
    cost: 1,
    where: {
      allows: (_form, probe) => probe.returns !== undefined,
      message: (_use, probe) =>
        probe.noReturns ?? "The retval builtin can only be used with kretprobe, uretprobe and fexit probes",
    },
    check: (c) => firstProbe(c).returns as Type,
    lower: (l) => {
      if (l.variant.context !== "raw") return accessOperand(l, { kind: "return-register" }, UINT64);
      return accessOperand(l, { kind: "raw", index: l.variant.args?.size ?? 0 }, l.probe.returns ?? UINT64);
    },
  },
  args: whole("args", {
    doc: "The probe's arguments by their names and with their types: fields of a tracepoint's record, parameters of a function where BTF or DWARF knows them. `scry -lv PROBE` lists them.",
    example: 'tracepoint:syscalls:sys_enter_openat { printf("%s %d\\n", str(args.filename), args.flags); }',
  }),
  vars: whole("vars", {
    doc: "The variables that can be seen at a line of source, by debug information.",
    example: "uprobe:./server@request.c:42 { @length = hist(vars.length); }",
  }),
  ctx: {
    doc: "The program's context, as the kernel gives it; in iter probes its fields.",
    signature: "ctx",
    types: "uint64",
    example: 'iter:task { printf("%d %s\\n", ctx.task->pid, ctx.task->comm); }',
    wants: "context",
    members: true,
    check: () => UINT64,
    lower: (l) => number(UINT64, l.b.add(contextOf(l), 0)),
  },
};
