// exit, signal, and what is asked of types: sizeof, offsetof.

import { deadEnd, scoped } from "../../../codegen/index.ts";
import { INT64, NONE, sizeOf, type Type, typeName, UINT64 } from "../../../schema/index.ts";
import {
  type BuiltinUse,
  type CheckState,
  check,
  constant,
  constantText,
  error,
  narrowBytes,
  typeFrom,
  typeGiven,
} from "../check/index.ts";
import { condition, emitEvent, leaveProbe, literal, value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtin, Builtins } from "./builtin.ts";

/** asm-generic/signal.h */
const SIGNALS =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split(
    " ",
  );

function signalNumber(c: CheckState, e: Expression): number | undefined {
  const text = constantText(c, e);
  if (e.kind === "string" && text !== undefined) {
    const at = SIGNALS.indexOf(text.replace(/^SIG/, ""));
    return at < 0 ? undefined : at + 1;
  }
  const n = constant(c, e);
  return n === undefined || n < 1n || n > 64n ? undefined : Number(n);
}

function sender(name: "signal" | "signal_thread", helper: "send_signal" | "send_signal_thread"): Builtin {
  return {
    doc: `Sends a signal to the current ${name === "signal" ? "process" : "thread"}, by its number or its name.`,
    signature: `${name}(number) or ${name}("SIGUSR1")`,
    types: "int or string literal → none",
    example: `tracepoint:syscalls:sys_enter_openat /comm == "runaway"/ { ${name}("SIGSTOP"); }`,
    arity: [1, 1],
    unsafe: "macro",
    where: {
      allows: (variant) => variant.context !== "none" && variant.context !== "iter",
      message: (_use, probe) => `${name} can not be used with "${probe.provider}" probes`,
    },
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = check(c, e);
      if (e.kind === "string" || constant(c, e) !== undefined) {
        if (signalNumber(c, e) === undefined)
          return error(
            c,
            "SCRY1291",
            e.kind === "string"
              ? `"${e.value}" is not a valid signal`
              : `signal number out of range (${constant(c, e)})`,
            e.span,
          );
      } else if (type.kind !== "none" && type.kind !== "int")
        return error(c, "SCRY1291", `${name}() takes a number or a name`, e.span);
      return NONE;
    },
    lower: (l, call) => {
      const e = call.args[0] as Expression;
      const known = signalNumber(l.check, e);
      l.b.helper(helper, [known === undefined ? value(l, e) : l.b.const(known)]);
      return { kind: "none" };
    },
  };
}

export const typeAsked = (c: CheckState, call: BuiltinUse): Type =>
  call.typeArgument !== undefined ? typeFrom(c, call.typeArgument) : typeGiven(c, call.args[0] as Expression);

function bytesAsked(c: CheckState, call: BuiltinUse): number {
  const e = call.args[0];
  const narrow = call.typeArgument === undefined && e !== undefined ? narrowBytes(c, e) : undefined;
  return narrow ?? bytesOf(c, typeAsked(c, call));
}

function bytesOf(c: CheckState, type: Type): number {
  if (type.kind === "struct") return c.env.btf()?.sizeof(type.btf.id) ?? 0;
  return sizeOf(type);
}

export const controlBuiltins: Builtins = {
  exit: {
    doc: "Ends the script: maps are printed, and end probes run. With a number, scry exits with it.",
    signature: "exit([code])",
    types: "int → none",
    example: "interval:s:10 { exit(); }",
    arity: [0, 1],
    check: (c, call) => {
      const e = call.args[0];
      if (e !== undefined) {
        const type = check(c, e);
        if (type.kind !== "none" && type.kind !== "int")
          error(c, "SCRY1292", `exit() only supports int arguments (${typeName(type)} provided)`, e.span);
      }
      return NONE;
    },
    lower: (l, call) => {
      const code = call.args[0] ?? literal(l, 0n, call.span);
      emitEvent(l, { kind: "exit" }, [{ expression: code, type: INT64 }], "control");
      leaveProbe(l, 0);
      deadEnd(l);
      return { kind: "none" };
    },
  },
  unwatch: {
    doc: "Takes the watchpoints of an address away, soon after it is called: what happens meanwhile is still seen.",
    signature: "unwatch(address)",
    types: "int → none",
    example: "watchpoint:0x10000000:8:w { @first = nsecs; unwatch(0x10000000); }",
    arity: [1, 1],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = check(c, e);
      if (type.kind !== "none" && type.kind !== "int")
        error(c, "SCRY1292", `unwatch() only supports int arguments (${typeName(type)} provided)`, call.span);
      return NONE;
    },
    lower: (l, call) => {
      emitEvent(l, { kind: "unwatch" }, [{ expression: call.args[0] as Expression, type: UINT64 }], "control");
      return { kind: "none" };
    },
  },
  assert: {
    doc: "Ends the script with code 1 and the message when the condition does not hold; in a test: probe the test has failed.",
    signature: 'assert(condition, "message")',
    types: "int, bool or pointer; string literal → none",
    example: 'begin { assert(ncpus > 0, "a CPU is needed"); exit(); }',
    arity: [2, 2],
    check: (c, call) => {
      const [condition, message] = call.args as [Expression, Expression];
      const type = check(c, condition);
      if (type.kind !== "none" && type.kind !== "int" && type.kind !== "bool" && type.kind !== "pointer")
        error(c, "SCRY1294", `assert() takes a condition (${typeName(type)} provided)`, condition.span);
      check(c, message);
      if (constantText(c, message) === undefined)
        error(c, "SCRY1270", "assert() requires a string literal for its message", message.span);
      return NONE;
    },
    lower: (l, call) => {
      const [e, message] = call.args as [Expression, Expression];
      const holds = l.b.block("holds");
      const fails = l.b.block("fails");
      scoped(l, () => condition(l, e, holds, fails));
      l.b.enter(fails);
      const text = `assert failed: ${constantText(l.check, message) ?? ""}`;
      emitEvent(l, { kind: "printf", format: [text], stream: "error", span: call.span }, [], "events");
      emitEvent(l, { kind: "exit" }, [{ expression: literal(l, 1n, call.span), type: INT64 }], "control");
      leaveProbe(l, 1);
      l.b.enter(holds);
      return { kind: "none" };
    },
  },
  signal: sender("signal", "send_signal"),
  signal_thread: sender("signal_thread", "send_signal_thread"),
  sizeof: {
    doc: "Bytes of a type, or of an expression's value.",
    signature: "sizeof(type or expression)",
    types: "type or any → uint64",
    example: "begin { print(sizeof(uint64)); exit(); }",
    arity: [0, 1],
    check: (c, call) => {
      if (call.typeArgument === undefined && call.args.length === 0)
        return error(c, "SCRY1226", "sizeof() needs a type or an expression", call.span);
      typeAsked(c, call);
      return UINT64;
    },
    fold: (c, call) =>
      call.typeArgument === undefined && call.args.length === 0 ? undefined : BigInt(bytesAsked(c, call)),
    lower: (l, call) => ({
      kind: "value",
      type: UINT64,
      value: l.b.const(bytesAsked(l.check, call)),
    }),
  },
  offsetof: {
    doc: "Bytes from the start of a struct to a field of it.",
    signature: "offsetof(struct x, field)",
    types: "type or struct; field → uint64",
    example: "begin { print(offsetof(struct task_struct, comm)); exit(); }",
    arity: [1, 2],
    check: (c, call) => {
      if (fieldOffset(c, call) !== undefined) return UINT64;
      const type = typeAsked(c, call);
      const names = memberPath(call.args.at(-1));
      // Of a type that is not known that was said.
      if (type.kind === "none") return UINT64;
      return error(
        c,
        "SCRY1293",
        type.kind === "struct" && names !== undefined
          ? `'${typeName(type)}' has no field named '${names.join(".")}'`
          : "offsetof() needs a struct and one of its fields",
        call.span,
      );
    },
    fold: (c, call) => BigInt(fieldOffset(c, call) ?? 0),
    lower: (l, call) => ({ kind: "value", type: UINT64, value: l.b.const(fieldOffset(l.check, call) ?? 0) }),
  },
};

const fieldOffset = (c: CheckState, call: BuiltinUse): number | undefined =>
  memberOffset(c, typeAsked(c, call), call.args.at(-1));

/** The names of `a.b.c`. */
const memberPath = (e: Expression | undefined): string[] | undefined =>
  e?.kind === "identifier" ? [e.name] : e?.kind === "field" ? [...(memberPath(e.object) ?? []), e.name] : undefined;

/** Bytes from the start of a struct to the field that `a.b.c` names; undefined where there is none. */
export function memberOffset(c: CheckState, type: Type, member: Expression | undefined): number | undefined {
  const names = memberPath(member);
  if (type.kind !== "struct" || names === undefined) return undefined;
  const field = c.env.btf()?.field(type.btf.id, names);
  // Of a bit field: its first byte.
  return field === undefined ? undefined : field.bitOffset >> 3;
}
