// Addresses and what stands for them: ksym, usym, kaddr, uaddr, stacks, registers, cgroups, and the forms of builtins
// that take an argument (nsecs(tai), kstack(3)).

import { contextOf, type Operand, processOfAddress, stackInto, unwoundStackInto } from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import { register } from "../../../elf/index.ts";
import { registerOffsets } from "../../../probes/index.ts";
import { isNumeric, type StackMode, type Type, typeName, UINT64 } from "../../../schema/index.ts";
import {
  type BuiltinUse,
  type CheckState,
  check,
  constant,
  constantText,
  error,
  firstVariant,
} from "../check/index.ts";
import { typeOf, value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtin, Builtins } from "./builtin.ts";

const number = (type: Type, v: Value): Operand => ({ kind: "value", type, value: v });

function addressArgument(c: CheckState, call: BuiltinUse): void {
  const e = call.args[0] as Expression;
  const type = check(c, e);
  if (type.kind !== "none" && !isNumeric(type))
    error(c, "SCRY1287", `${call.name}() expects an integer or pointer argument (${typeName(type)} provided)`, e.span);
}

/** A pointer to what a symbol of so many bytes is taken for: a signed integer, of 64 bits where there is none that large. */
function pointerOfSize(size: number): Type {
  const bits = size === 1 || size === 2 || size === 4 ? ((size * 8) as 8 | 16 | 32) : 64;
  return { kind: "pointer", to: { kind: "int", bits, signed: true }, space: "user" };
}

const STACK_MODES: readonly StackMode[] = ["bpftrace", "perf", "raw", "build_id"];
const MAX_FRAMES = 127;

const STACKS = {
  kstack: "The kernel's stack",
  ustack: "The process's stack",
  dw_ustack: "The process's stack by its files' tables (.eh_frame), for code without frame pointers (x86-64)",
} as const;

function stack(kind: keyof typeof STACKS): Builtin {
  return {
    doc: `${STACKS[kind]}; a mode (bpftrace, perf, raw, build_id) and a number of frames may be given. As a map's key it counts what came the same way.`,
    signature: `${kind}([mode, ][frames])`,
    types: `mode, int literal → ${kind === "kstack" ? kind : "ustack"}`,
    example: `profile:hz:99 { @[${kind}(5)] = count(); }`,
    arity: [0, 2],
    alsoVariable: true,
    ...(kind === "dw_ustack" ? {} : { wants: "stack" }),
    where: {
      allows: (variant) => variant.context !== "none" || variant.programType === "raw_tracepoint",
      message: (_use, probe) => `The ${kind} builtin cannot be used in ${probe.provider} probes`,
    },
    check: (c, call) => {
      let mode = c.options.stackMode;
      let limit = MAX_FRAMES;
      if (kind === "dw_ustack" && c.env.machine !== "x86_64")
        return error(c, "SCRY1243", "dw_ustack is available on x86-64 only", call.span);
      if (kind === "dw_ustack" && c.env.recordsOnly === true)
        return error(
          c,
          "SCRY1241",
          "dw_ustack needs the memory of the process, which a recording has not got",
          call.span,
        );
      for (const [i, e] of call.args.entries()) {
        if (e.kind === "identifier" && (STACK_MODES as readonly string[]).includes(e.name)) {
          if (i > 0) error(c, "SCRY1288", `${kind}: the mode comes before the number of frames`, e.span);
          mode = e.name as StackMode;
          continue;
        }
        if (e.kind === "identifier") {
          error(c, "SCRY1288", `invalid stack mode: ${e.name}`, e.span, [`Modes are ${STACK_MODES.join(", ")}`]);
          continue;
        }
        check(c, e);
        const n = constant(c, e);
        if (n === undefined || n < 1n) error(c, "SCRY1288", `${kind} limit must be a positive literal`, e.span);
        else if (n > BigInt(MAX_FRAMES))
          error(c, "SCRY1288", `${kind} limit shouldn't exceed ${MAX_FRAMES}, ${n} given`, e.span);
        else limit = Number(n);
      }
      return { kind: kind === "kstack" ? kind : "ustack", limit, mode };
    },
    into: (l, _call, type, to, offset) =>
      kind === "dw_ustack" ? unwoundStackInto(l, type, to, offset) : stackInto(l, type, to, offset),
  };
}

const CLOCKS: Readonly<Record<string, string>> = {
  boot: "ktime_get_boot_ns",
  monotonic: "ktime_get_ns",
  tai: "ktime_get_tai_ns",
  sw_tai: "ktime_get_tai_ns",
};

export const addressBuiltins: Builtins = {
  kstack: stack("kstack"),
  ustack: stack("ustack"),
  dw_ustack: stack("dw_ustack"),
  ksym: {
    doc: "Name of a kernel address, with the distance from its start; looked up where it is printed.",
    signature: "ksym(address)",
    types: "int or pointer → ksym",
    example: "tracepoint:timer:hrtimer_start { @[ksym(args.function)] = count(); }",
    arity: [1, 1],
    check: (c, call) => {
      addressArgument(c, call);
      return { kind: "ksym" };
    },
    lower: (l, call) => number({ kind: "ksym" }, value(l, call.args[0] as Expression)),
  },
  usym: {
    doc: "Name of an address of the process; looked up where it is printed.",
    signature: "usym(address)",
    types: "int or pointer → usym",
    example: 'uprobe:/bin/bash:readline { print(usym(reg("ip"))); }',
    arity: [1, 1],
    check: (c, call) => {
      addressArgument(c, call);
      return { kind: "usym" };
    },
    into: (l, call, _type, to, offset) => {
      const b = l.b;
      b.store(64, to, offset, value(l, call.args[0] as Expression));
      b.store(64, to, offset + 8, processOfAddress(l));
      return [];
    },
  },
  kaddr: {
    doc: "Address of a kernel symbol.",
    signature: 'kaddr("name")',
    types: "string literal → uint64",
    example: 'begin { printf("%x\\n", kaddr("vfs_read")); exit(); }',
    arity: [1, 1],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      check(c, e);
      const name = constantText(c, e);
      if (name === undefined) return error(c, "SCRY1270", "kaddr() requires a string literal", e.span);
      if (c.env.kernelAddress(name) === undefined)
        return error(c, "SCRY1289", `Failed to resolve kernel symbol: ${name}`, call.span);
      return UINT64;
    },
    lower: (l, call) =>
      number(
        UINT64,
        l.b.const(l.check.env.kernelAddress(constantText(l.check, call.args[0] as Expression) ?? "") ?? 0n),
      ),
  },
  uaddr: {
    doc: "Address of a symbol of the probed program, where that is loaded: a pointer to an integer of the symbol's size.",
    signature: 'uaddr("name")',
    types: "string literal → pointer",
    example: 'uprobe:/bin/bash:readline { printf("%d\\n", *uaddr("history_length")); }',
    arity: [1, 1],
    wants: "place",
    where: {
      allows: (variant) => variant.attach.kind === "uprobe",
      message: () => "uaddr can only be used with u(ret)probes and usdt probes",
    },
    check: (c, call) => {
      const e = call.args[0] as Expression;
      check(c, e);
      const name = constantText(c, e);
      const { attach } = firstVariant(c);
      if (name === undefined) return error(c, "SCRY1270", "uaddr() requires a string literal", e.span);
      if (attach.kind !== "uprobe") return UINT64;
      const symbol = c.env.userSymbol(attach.path, name, attach.offset);
      if (symbol === undefined) return error(c, "SCRY1289", `Could not resolve symbol: ${attach.path}:${name}`, e.span);
      return pointerOfSize(symbol.size);
    },
    lower: (l, call) => {
      const { b } = l;
      const { attach } = l.variant;
      const name = constantText(l.check, call.args[0] as Expression) ?? "";
      const symbol = attach.kind === "uprobe" ? l.check.env.userSymbol(attach.path, name, attach.offset) : undefined;
      const type = pointerOfSize(symbol?.size ?? 0);
      if (attach.kind !== "uprobe" || symbol?.distance === undefined)
        return number(type, b.const(symbol?.address ?? 0n));
      // Where this code stands says where the file was loaded; what returns stands in its caller.
      const code = attach.return
        ? b.helper("get_func_ip", [contextOf(l)])
        : b.load("u64", contextOf(l), registerOffsets(l.check.env.machine).instructionPointer);
      return number(type, b.add(code, b.const(symbol.distance)));
    },
  },
  reg: {
    doc: "A register of the probed code by its name, as `ip`, `sp`, `di` on x86-64.",
    signature: 'reg("name")',
    types: "string literal → uint64",
    example: 'uprobe:/bin/bash:readline { printf("%x\\n", reg("sp")); }',
    arity: [1, 1],
    where: {
      allows: (variant) => variant.context === "registers",
      message: () => "reg can only be used with kprobes, uprobes and usdt probes",
    },
    check: (c, call) => {
      const e = call.args[0] as Expression;
      check(c, e);
      const name = constantText(c, e) ?? "";
      if (registerOffset(c, name) === undefined)
        return error(
          c,
          "SCRY1289",
          `'${name}' is not a valid register on this architecture (${c.env.machine})`,
          e.span,
        );
      return UINT64;
    },
    lower: (l, call) =>
      number(
        UINT64,
        l.b.load(
          "u64",
          contextOf(l),
          registerOffset(l.check, constantText(l.check, call.args[0] as Expression) ?? "") ?? 0,
        ),
      ),
  },
  cgroupid: {
    doc: "Id of the cgroup (v2) at a path, to be compared with cgroup.",
    signature: 'cgroupid("/sys/fs/cgroup/…")',
    types: "string literal → uint64",
    example: 'tracepoint:syscalls:sys_enter_openat /cgroup == cgroupid("/sys/fs/cgroup")/ { @[comm] = count(); }',
    arity: [1, 1],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      check(c, e);
      const path = constantText(c, e);
      if (path === undefined) return error(c, "SCRY1270", "cgroupid() requires a string literal", e.span);
      if (c.env.cgroupId(path) === undefined)
        return error(c, "SCRY1289", `Failed to get the id of the cgroup '${path}'`, e.span);
      return UINT64;
    },
    lower: (l, call) =>
      number(UINT64, l.b.const(l.check.env.cgroupId(constantText(l.check, call.args[0] as Expression) ?? "") ?? 0n)),
  },
  cgroup_path: {
    doc: "Paths of a cgroup by its id, one for each hierarchy, or for those whose names match the filter; looked up where it is printed.",
    signature: 'cgroup_path(id[, "filter"])',
    types: "int, string literal → cgroup_path",
    example: "tracepoint:syscalls:sys_enter_openat { print(cgroup_path(cgroup)); }",
    arity: [1, 2],
    check: (c, call) => {
      const [id, filter] = call.args as [Expression, Expression?];
      const type = check(c, id);
      if (type.kind !== "none" && type.kind !== "int")
        error(c, "SCRY1287", `cgroup_path() only supports int arguments (${type.kind} provided)`, call.span);
      if (filter === undefined) return { kind: "cgroup_path" };
      check(c, filter);
      const text = constantText(c, filter);
      if (text === undefined) return error(c, "SCRY1270", "cgroup_path() requires a string literal", filter.span);
      return { kind: "cgroup_path", filter: text };
    },
    lower: (l, call) => number(typeOf(l, call), value(l, call.args[0] as Expression)),
  },
  nsecs: {
    doc: "Nanoseconds of a clock: boot (as without an argument; it goes on while the system sleeps), monotonic or tai.",
    signature: "nsecs([boot|monotonic|tai|sw_tai])",
    types: "clock → uint64",
    example:
      "tracepoint:syscalls:sys_enter_openat { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_openat /@start[tid]/ { @ns = hist(nsecs - @start[tid]); _ = delete(@start, tid); }",
    since: "6.1, for tai",
    arity: [0, 1],
    alsoVariable: true,
    check: (c, call) => {
      const e = call.args[0];
      if (e === undefined) return UINT64;
      if (e.kind === "identifier" && CLOCKS[e.name] !== undefined) return UINT64;
      return error(
        c,
        "SCRY1287",
        e.kind === "identifier" ? `Invalid timestamp mode: ${e.name}` : "Invalid timestamp mode",
        e.span,
        ["Clocks are boot, monotonic, tai and sw_tai"],
      );
    },
    lower: (l, call) => {
      const e = call.args[0];
      const clock = e?.kind === "identifier" ? (CLOCKS[e.name] ?? "ktime_get_boot_ns") : "ktime_get_boot_ns";
      return number(UINT64, l.b.helper(clock, []));
    },
  },
  kptr: pointerTo("kptr", "kernel"),
  uptr: pointerTo("uptr", "user"),
};

function pointerTo(name: "kptr" | "uptr", space: "kernel" | "user"): Builtin {
  return {
    doc: `Says that an address is in ${space === "kernel" ? "the kernel's" : "the process's"} memory: what is read through it is read there.`,
    signature: `${name}(address)`,
    types: "int or pointer → pointer",
    example:
      name === "kptr"
        ? 'begin { print(str(kptr(kaddr("linux_banner")))); exit(); }'
        : "tracepoint:syscalls:sys_enter_openat { print(str(uptr(args.filename))); }",
    arity: [1, 1],
    check: (c, call) => {
      const type = check(c, call.args[0] as Expression);
      if (type.kind === "pointer")
        return { ...type, space, ...(type.to?.kind === "struct" ? { to: { ...type.to, space } } : {}) };
      if (type.kind !== "none" && type.kind !== "int")
        error(
          c,
          "SCRY1287",
          `${name}() only supports integer or pointer arguments (${typeName(type)} provided)`,
          call.span,
        );
      return { kind: "pointer", space };
    },
    lower: (l, call) => number(typeOf(l, call), value(l, call.args[0] as Expression)),
  };
}

function registerOffset(c: CheckState, name: string): number | undefined {
  const wide = c.env.machine === "x86_64" && /^(ax|bx|cx|dx|si|di|bp|sp|ip)$/.test(name) ? `r${name}` : name;
  return register(wide, c.env.machine)?.offset;
}
