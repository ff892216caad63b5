// exit, signal, and what is asked of types: sizeof, offsetof.

import type { CallExpression, Expression } from "./ast.ts";
import type { BuiltinFunction } from "./builtin-functions.ts";
import type { Checker } from "./checker.ts";
import { sizeOf } from "./layout.ts";
import { condition } from "./lower-conditions.ts";
import { emitEvent } from "./lower-events.ts";
import { value } from "./lower-expressions.ts";
import { deadEnd } from "./lower-loops.ts";
import { INT64, NONE, type Type, typeName, UINT64 } from "./types.ts";

/** asm-generic/signal.h */
const SIGNALS =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split(
    " ",
  );

function signalNumber(c: Checker, e: Expression): number | undefined {
  const text = c.constantText(e);
  if (e.kind === "string" && text !== undefined) {
    const at = SIGNALS.indexOf(text.replace(/^SIG/, ""));
    return at < 0 ? undefined : at + 1;
  }
  const n = c.constant(e);
  return n === undefined || n < 1n || n > 64n ? undefined : Number(n);
}

function sender(name: "signal" | "signal_thread", helper: "send_signal" | "send_signal_thread"): BuiltinFunction {
  return {
    doc: `Sends a signal to the current ${name === "signal" ? "process" : "thread"}.`,
    signature: `${name}(number) or ${name}("SIGUSR1")`,
    arity: [1, 1],
    unsafe: true,
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = c.check(e);
      const context = c.unit.forms[0]?.context;
      if (context === "none" || context === "iter")
        return c.error("SCRY1241", `${name} can not be used with "${c.unit.resolved[0]?.provider}" probes`, call.span);
      if (e.kind === "string" || c.constant(e) !== undefined) {
        if (signalNumber(c, e) === undefined)
          return c.error(
            "SCRY1291",
            e.kind === "string"
              ? `"${e.value}" is not a valid signal`
              : `signal number out of range (${c.constant(e)})`,
            e.span,
          );
      } else if (type.kind !== "none" && type.kind !== "int")
        return c.error("SCRY1291", `${name}() takes a number or a name`, e.span);
      return NONE;
    },
    lower: (l, call) => {
      const e = call.args[0] as Expression;
      const known = signalNumber(l.script.checker, e);
      l.b.helper(helper, [known === undefined ? value(l, e) : l.b.const(known)]);
      return { kind: "none" };
    },
  };
}

const typeAsked = (c: Checker, call: CallExpression): Type =>
  call.typeArgument !== undefined ? c.typeFrom(call.typeArgument) : c.check(call.args[0] as Expression);

function bytesOf(c: Checker, type: Type): number {
  if (type.kind === "struct") return c.env.btf()?.sizeof(type.btf.id) ?? 0;
  return sizeOf(type);
}

export const controlFunctions: Readonly<Record<string, BuiltinFunction>> = {
  exit: {
    doc: "Ends the script; with a number, scry exits with it.",
    signature: "exit([code])",
    arity: [0, 1],
    check: (c, call) => {
      const e = call.args[0];
      if (e !== undefined) {
        const type = c.check(e);
        if (type.kind !== "none" && type.kind !== "int")
          c.error("SCRY1292", `exit() only supports int arguments (${typeName(type)} provided)`, e.span);
      }
      return NONE;
    },
    lower: (l, call) => {
      const code: Expression = call.args[0] ?? { kind: "integer", value: 0n, span: call.span, type: INT64 };
      emitEvent(l, { kind: "exit" }, [{ expression: code, type: INT64 }], "control");
      if (l.leaveFunction !== undefined) l.leaveFunction();
      else l.leave(0);
      deadEnd(l);
      return { kind: "none" };
    },
  },
  assert: {
    doc: "Ends the script with code 1 when the condition does not hold; fails the test that it is in.",
    signature: 'assert(condition, "message")',
    arity: [2, 2],
    check: (c, call) => {
      const [condition, message] = call.args as [Expression, Expression];
      const type = c.check(condition);
      if (type.kind !== "none" && type.kind !== "int" && type.kind !== "bool" && type.kind !== "pointer")
        c.error("SCRY1294", `assert() takes a condition (${typeName(type)} provided)`, condition.span);
      c.check(message);
      if (c.constantText(message) === undefined)
        c.error("SCRY1270", "assert() requires a string literal for its message", message.span);
      return NONE;
    },
    lower: (l, call) => {
      const [e, message] = call.args as [Expression, Expression];
      const holds = l.b.block("holds");
      const fails = l.b.block("fails");
      l.scoped(() => condition(l, e, holds, fails));
      l.b.seal(fails);
      l.b.at(fails);
      const text = `assert failed: ${l.script.checker.constantText(message) ?? ""}`;
      emitEvent(l, { kind: "printf", format: [text], stream: "error", span: call.span }, [], "events");
      const code: Expression = { kind: "integer", value: 1n, span: call.span, type: INT64 };
      emitEvent(l, { kind: "exit" }, [{ expression: code, type: INT64 }], "control");
      if (l.leaveFunction !== undefined) l.leaveFunction();
      else l.leave(1);
      l.b.seal(holds);
      l.b.at(holds);
      return { kind: "none" };
    },
  },
  signal: sender("signal", "send_signal"),
  signal_thread: sender("signal_thread", "send_signal_thread"),
  sizeof: {
    doc: "Bytes of a type or of an expression's value.",
    signature: "sizeof(type or expression)",
    arity: [0, 1],
    check: (c, call) => {
      if (call.typeArgument === undefined && call.args.length === 0)
        return c.error("SCRY1226", "sizeof() needs a type or an expression", call.span);
      typeAsked(c, call);
      return UINT64;
    },
    lower: (l, call) => ({
      kind: "value",
      type: UINT64,
      value: l.b.const(bytesOf(l.script.checker, typeAsked(l.script.checker, call))),
    }),
  },
  offsetof: {
    doc: "Bytes from the start of a struct to a field.",
    signature: "offsetof(struct x, field)",
    arity: [1, 2],
    check: (c, call) => {
      if (fieldOffset(c, call) === undefined)
        return c.error("SCRY1293", "offsetof() needs a struct and one of its fields", call.span);
      return UINT64;
    },
    lower: (l, call) => ({ kind: "value", type: UINT64, value: l.b.const(fieldOffset(l.script.checker, call) ?? 0) }),
  },
};

function fieldOffset(c: Checker, call: CallExpression): number | undefined {
  const type = typeAsked(c, call);
  const path = (e: Expression | undefined): string[] | undefined =>
    e?.kind === "identifier" ? [e.name] : e?.kind === "field" ? [...(path(e.object) ?? []), e.name] : undefined;
  const names = path(call.args.at(-1));
  if (type.kind !== "struct" || names === undefined) return undefined;
  const field = c.env.btf()?.field(type.btf.id, names);
  return field === undefined ? undefined : field.bitOffset / 8;
}
