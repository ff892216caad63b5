// Numbers as the names they stand for: errors, signals, system calls; and addresses from their text.

import { contextOf, eitherNumber } from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import type { ProgramType } from "../../../object/index.ts";
import {
  BOOL,
  INT64,
  isNumeric,
  isScalar,
  type NamedTable,
  NONE,
  numberName,
  sizeOf,
  type Type,
  typeName,
  utf8Length,
} from "../../../schema/index.ts";
import { type BuiltinUse, type CheckState, check, constant, constantText, error } from "../check/index.ts";
import { type LowerState, ownMemory, typeOf, value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import { addressBytes } from "./address-text.ts";
import type { Builtin, Builtins, Said } from "./builtin.ts";

function named(name: string, said: Said, table: NamedTable): Builtin {
  const known = (c: CheckState, use: BuiltinUse): string | undefined => {
    const n = constant(c, use.args[0] as Expression);
    return n === undefined || table === "syscall" ? undefined : numberName(table, Number(BigInt.asIntN(32, n)));
  };
  return {
    ...said,
    signature: `${name}(number)`,
    types: "int → string",
    arity: [1, 1],
    foldText: known,
    check: (c, use) => {
      const e = use.args[0] as Expression;
      const type = check(c, e);
      if (type.kind !== "none" && !isNumeric(type))
        error(c, "SCRY1287", `${name}() expects an integer argument (${typeName(type)} provided)`, e.span);
      const text = known(c, use);
      return text === undefined ? { kind: "named", table } : { kind: "string", size: utf8Length(text) + 1 };
    },
    lower: (l, use) => ({ kind: "value", type: { kind: "named", table }, value: value(l, use.args[0] as Expression) }),
  };
}

const bytesOf = (c: CheckState, use: BuiltinUse): readonly number[] | undefined => {
  const text = constantText(c, use.args[0] as Expression);
  return text === undefined ? undefined : addressBytes(text);
};

/** Programs that may call bpf_probe_write_user (bpf_tracing_func_proto in kernel/trace/bpf_trace.c). */
const WRITERS: ReadonlySet<ProgramType> = new Set(["kprobe", "tracepoint", "raw_tracepoint", "tracing", "perf_event"]);
/** Bytes that are put on the stack. */
const MOST_WRITTEN = 256n;

const isAddress = (type: Type): boolean => type.kind === "pointer" || type.kind === "int" || type.kind === "none";

/** Does it stand for bytes that the program has itself? */
const isBytes = (type: Type): boolean => type.kind === "string" || type.kind === "buffer" || type.kind === "array";

/** A number as it is; of what stands for bytes the address at which the program has them. */
function addressOf(l: LowerState, e: Expression): Value {
  if (!isBytes(typeOf(l, e))) return value(l, e);
  const { pointer, offset } = ownMemory(l, e);
  return offset === 0 ? pointer : l.b.add(pointer, offset);
}

export const nameBuiltins: Builtins = {
  strerror: named(
    "strerror",
    {
      doc: 'What the number of an error means, as strerror(3): 2 is "No such file or directory".',
      example: "tracepoint:syscalls:sys_exit_openat /args.ret < 0/ { @[strerror(-args.ret)] = count(); }",
    },
    "errno",
  ),
  signal_name: named(
    "signal_name",
    {
      doc: "What a signal means by its number, as strsignal(3).",
      example: "tracepoint:signal:signal_generate { @[signal_name(args.sig)] = count(); }",
    },
    "signal",
  ),
  syscall_name: named(
    "syscall_name",
    {
      doc: "Name of a system call by its number.",
      example: "tracepoint:raw_syscalls:sys_enter { @[syscall_name(args.id)] = count(); }",
    },
    "syscall",
  ),
  pton: {
    doc: "An IPv4 or IPv6 address from its text as 4 or 16 bytes.",
    signature: 'pton("address")',
    types: "string literal → uint8[4] or uint8[16]",
    example: 'begin { print(ntop(pton("127.0.0.1"))); exit(); }',
    arity: [1, 1],
    check: (c, use): Type => {
      const e = use.args[0] as Expression;
      check(c, e);
      const text = constantText(c, e);
      if (text === undefined)
        return error(c, "SCRY1270", "pton() expects an string literal at the first argument", use.span);
      const bytes = bytesOf(c, use);
      if (bytes === undefined)
        return error(c, "SCRY1285", `pton() expects a valid IPv4/IPv6 address, got ${text}`, use.span);
      return {
        kind: "array",
        of: { kind: "int", bits: 8, signed: false },
        count: bytes.length,
        space: "kernel",
      };
    },
    into: (l, use, _type, to, offset) => {
      for (const [i, byte] of (bytesOf(l.check, use) ?? []).entries()) l.b.store(8, to, offset + i, byte);
      return [];
    },
  },
  debugf: {
    doc: "Writes to the kernel's trace pipe (/sys/kernel/tracing/trace_pipe) by a format of the kernel's, with three values at the most.",
    signature: 'debugf("format", …)',
    types: "string literal, int, … → none",
    example: 'begin { debugf("hello from %d", pid); exit(); }',
    arity: [1, 4],
    effects: true,
    check: (c, use) => {
      for (const e of use.args) check(c, e);
      if (constantText(c, use.args[0] as Expression) === undefined)
        return error(c, "SCRY1270", "debugf() requires a string literal for its format", use.span);
      return NONE;
    },
    lower: (l, use) => {
      const format = constantText(l.check, use.args[0] as Expression) ?? "";
      const bytes = [...new TextEncoder().encode(format), 0];
      const slot = l.b.slot(Math.ceil(bytes.length / 8) * 8);
      for (const [i, byte] of bytes.entries()) l.b.store(8, slot, i, byte);
      const values = use.args.slice(1).map((e) => addressOf(l, e));
      l.b.helper("trace_printk", [slot, l.b.const(bytes.length), ...values]);
      return { kind: "none" };
    },
  },
  override: {
    doc: "Makes the probed function return this number at once, without being run. The kernel allows it for functions that are made for it alone (ALLOW_ERROR_INJECTION).",
    signature: "override(number)",
    types: "int → none",
    example: 'kprobe:should_failslab /comm == "victim"/ { override(-12); }',
    arity: [1, 1],
    unsafe: "function",
    effects: true,
    where: {
      allows: (variant) => variant.attach.kind === "kprobe",
      message: (_use, probe) => `override can not be used with "${probe.provider}" probes`,
    },
    check: (c, use) => {
      check(c, use.args[0] as Expression);
      return NONE;
    },
    lower: (l, use) => {
      l.b.helper("override_return", [contextOf(l), value(l, use.args[0] as Expression)]);
      return { kind: "none" };
    },
  },
  write_user: {
    doc: "Writes to the memory of the process: bytes from an address, or a number as wide as what the pointer points to. Was it written?",
    signature: "write_user(pointer, from, bytes) or write_user(pointer, number)",
    types: "pointer, pointer, int literal → bool",
    example: 'uprobe:/bin/bash:readline { _ = write_user((int32 *)reg("sp"), 1); }',
    arity: [2, 3],
    unsafe: "macro",
    effects: true,
    where: {
      allows: (variant) => WRITERS.has(variant.programType),
      message: (_use, probe) => `write_user can not be used with "${probe.provider}" probes`,
    },
    check: (c, use) => {
      const [to, what, bytes] = use.args as [Expression, Expression, Expression?];
      const addresses = bytes === undefined ? [to] : [to, what];
      const types = use.args.map((e) => check(c, e));
      for (const [i, type] of types.entries())
        if (addresses.includes(use.args[i] as Expression) && !isAddress(type) && !(i === 1 && isBytes(type)))
          error(
            c,
            "SCRY1287",
            `write_user() expects a pointer (${typeName(type)} provided)`,
            (use.args[i] as Expression).span,
          );
      const count = bytes === undefined ? 1n : constant(c, bytes);
      const from = types[1] as Type;
      if (bytes !== undefined && count !== undefined && isBytes(from) && count > BigInt(sizeOf(from)))
        error(c, "SCRY1287", `write_user() is given ${sizeOf(from)} bytes, not ${count}`, bytes.span);
      if (bytes !== undefined && (count === undefined || count < 1n || count > MOST_WRITTEN))
        error(c, "SCRY1287", `write_user() writes 1 to ${MOST_WRITTEN} bytes, as a literal says`, bytes.span);
      return BOOL;
    },
    lower: (l, use) => {
      const [to, what, bytes] = use.args as [Expression, Expression, Expression?];
      const { b } = l;
      const target = typeOf(l, to);
      const wanted = target.kind === "pointer" && target.to !== undefined && isScalar(target.to) ? target.to : INT64;
      const size = bytes === undefined ? sizeOf(wanted) : Number(constant(l.check, bytes));
      const slot = b.slot(Math.ceil(size / 8) * 8);
      if (bytes === undefined) b.store(64, slot, 0, value(l, what));
      else b.helper("probe_read_kernel", [slot, b.const(size), addressOf(l, what)]);
      const answer = b.helper("probe_write_user", [value(l, to), slot, b.const(size)]);
      return {
        kind: "value",
        type: BOOL,
        value: eitherNumber(l, (yes, no) => b.branch("eq", answer, 0, yes, no), 1, 0),
      };
    },
  },
};
