// Functions that send something to the reader: printf and its kin, time, join, cat, system.

import { emitPacket, joinInto } from "../../../codegen/index.ts";
import {
  type EventAction,
  type FormatPart,
  type FormatSpec,
  isAggregate,
  isFloatConversion,
  isNumeric,
  isReadableAggregate,
  NONE,
  parseFormat,
  type Type,
  typeName,
} from "../../../schema/index.ts";
import { type BuiltinUse, type CheckState, check, constant, constantText, error } from "../check/index.ts";
import { emitEvent, formatEvent, typeOf, value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtin, Builtins, Said } from "./builtin.ts";

const NUMERIC = "diouxXcp";

/** Checks a format and its arguments; gives the format's parts. */
function checkFormat(c: CheckState, call: BuiltinUse): FormatPart[] | undefined {
  const e = call.args[0] as Expression;
  check(c, e);
  const format = constantText(c, e);
  if (format === undefined) {
    error(c, "SCRY1270", `${call.name}() requires a string literal for its format`, e.span);
    for (const a of call.args.slice(1)) check(c, a);
    return undefined;
  }
  const parts = parseFormat(format);
  const specs = parts.filter((p): p is FormatSpec => typeof p !== "string");
  const wanted = specs.length;
  const args = call.args.slice(1);
  const types = args.map((a) => check(c, a));
  if (args.length !== wanted) {
    error(
      c,
      "SCRY1272",
      args.length < wanted
        ? `not enough arguments for format string (${args.length} supplied, ${wanted} expected)`
        : `too many arguments for format string (${args.length} supplied, ${wanted} expected)`,
      call.span,
    );
    return undefined;
  }
  let next = 0;
  for (const spec of specs) {
    const type = types[next] as Type;
    const place = (args[next] as Expression).span;
    next++;
    if (type.kind === "none") {
      if (c.final && !c.diagnostics.some((d) => d.severity === "error"))
        error(c, "SCRY1273", `${call.name}: ${spec.text} has no value to print`, place);
      continue;
    }
    const mismatch = (): Type =>
      error(c, "SCRY1273", `unsupported format specifier for type '${typeName(type)}': ${spec.conversion}`, call.span);
    if (isFloatConversion(spec.conversion)) {
      if (type.kind !== "float")
        error(c, "SCRY1271", `${call.name}: unsupported format specifier: ${spec.text}`, e.span, [
          `%${spec.conversion} is for a float or double, and this is of type '${typeName(type)}'`,
        ]);
    } else if (type.kind === "float" && spec.conversion !== "s") {
      error(c, "SCRY1273", `unsupported format specifier for type '${typeName(type)}': ${spec.conversion}`, call.span, [
        "Use %f, %e, %g or %a; (int64)x is the number without its fraction",
      ]);
    } else if (NUMERIC.includes(spec.conversion)) {
      if (!isNumeric(type) && type.kind !== "username" && type.kind !== "ksym") mismatch();
    } else if (spec.conversion.startsWith("r")) {
      if (type.kind !== "buffer") mismatch();
    } else if (isAggregate(type) && !isReadableAggregate(type)) mismatch();
    else if (type.kind === "args" || type.kind === "ctx" || type.kind === "struct") mismatch();
  }
  return parts;
}

function formatted(
  name: string,
  said: Said,
  action: (format: readonly FormatPart[]) => EventAction,
  unsafe = false,
): Builtin {
  return {
    ...said,
    signature: `${name}(format, …)`,
    types: "string literal, … → none",
    arity: [1, 129],
    ...(unsafe ? { unsafe: "function" } : {}),
    check: (c, call) => {
      checkFormat(c, call);
      return NONE;
    },
    lower: (l, call) => {
      const text = constantText(l.check, call.args[0] as Expression) ?? "";
      formatEvent(l, parseFormat(text), call.args.slice(1), action);
      return { kind: "none" };
    },
  };
}

function located(name: "errorf" | "warnf", said: Said): Builtin {
  const stream = name === "errorf" ? "error" : "warn";
  const base = formatted(name, said, (format) => ({ kind: "printf", format, stream }));
  return {
    ...base,
    lower: (l, call) => {
      const text = constantText(l.check, call.args[0] as Expression) ?? "";
      formatEvent(l, parseFormat(text), call.args.slice(1), (format) => ({
        kind: "printf",
        format,
        stream,
        span: call.span,
      }));
      return { kind: "none" };
    },
  };
}

export const outputBuiltins: Builtins = {
  printf: formatted(
    "printf",
    {
      doc: "Prints by a format, as printf(3): %d, %s, %x and others, with flags, width and precision. `scry help topics` lists the conversions.",
      example: 'tracepoint:syscalls:sys_enter_openat { printf("%-16s %6d %s\\n", comm, pid, str(args.filename)); }',
    },
    (format) => ({ kind: "printf", format, stream: "out" }),
  ),
  errorf: located("errorf", {
    doc: "Prints an error by a format to standard error, with the place in the script. The script goes on.",
    example: 'tracepoint:syscalls:sys_enter_openat /args.dfd == 0/ { errorf("%s: an odd folder", comm); }',
  }),
  warnf: located("warnf", {
    doc: "Prints a warning by a format to standard error, with the place in the script.",
    example: 'begin { warnf("%d CPUs\\n", ncpus); exit(); }',
  }),
  cat: formatted(
    "cat",
    {
      doc: "Prints a file, up to max_cat_bytes of it; its name is given by a format. It is read when the event is printed.",
      example: 'begin { cat("/proc/loadavg"); exit(); }',
    },
    (format) => ({ kind: "cat", format }),
  ),
  system: formatted(
    "system",
    {
      doc: "Runs a shell command, given by a format, when the event is printed, and prints what that writes.",
      example: 'begin { system("uptime"); exit(); }',
    },
    (format) => ({ kind: "system", format }),
    true,
  ),
  skboutput: {
    doc: "Writes a packet (struct sk_buff) to a pcap file, whose packets begin with their IP header: so many bytes of it, without those before the offset (14 of an Ethernet header). Gives 0, or a negative number where it cannot.",
    signature: "skboutput(path, skb, length, offset)",
    types: "string literal, struct sk_buff *, int, int literal → int32",
    example: 'fentry:__dev_queue_xmit { $ok = skboutput("/tmp/out.pcap", args.skb, args.skb.len, 14); }',
    since: "5.5",
    arity: [4, 4],
    where: {
      allows: (variant) => variant.programType === "tracing",
      message: (_use, probe) => `skboutput can not be used with "${probe.provider}" probes`,
    },
    check: (c, call) => {
      const [path, packet, length, from] = call.args as [Expression, Expression, Expression, Expression];
      for (const e of call.args) check(c, e);
      if (constantText(c, path) === undefined)
        error(c, "SCRY1270", "skboutput() requires a string literal for its path", path.span);
      const type = check(c, packet);
      const to = type.kind === "pointer" ? type.to : undefined;
      if (type.kind !== "none" && !(to?.kind === "struct" && /(^|\s)sk_buff$/.test(to.btf.name)))
        error(
          c,
          "SCRY1274",
          `skboutput() takes a pointer to a struct sk_buff (${typeName(type)} provided)`,
          packet.span,
        );
      const size = check(c, length);
      if (size.kind !== "int" && size.kind !== "none")
        error(c, "SCRY1274", `skboutput() only supports int arguments (${typeName(size)} provided)`, length.span);
      const bytes = constant(c, from);
      if (bytes === undefined || bytes < 0n || bytes > 65_535n)
        error(c, "SCRY1270", "skboutput() requires a literal from 0 to 65535 for its offset", from.span);
      return { kind: "int", bits: 32, signed: true };
    },
    lower: (l, call) => {
      const [path, packet, length, from] = call.args as [Expression, Expression, Expression, Expression];
      const action = {
        kind: "packet",
        path: constantText(l.check, path) ?? "",
        from: Number(constant(l.check, from) ?? 0n),
      } as const;
      return {
        kind: "value",
        type: { kind: "int", bits: 32, signed: true },
        value: emitPacket(l, action, value(l, packet), value(l, length)),
      };
    },
  },
  time: {
    doc: "Prints the time of day by a format of strftime(3), which is `%H:%M:%S\\n` where none is given. The time is that of printing; see strftime for an event's own.",
    signature: "time([format])",
    types: "string → none",
    example: 'interval:s:1 { time("%H:%M:%S\\n"); }',
    arity: [0, 1],
    check: (c, call) => {
      const e = call.args[0];
      if (e !== undefined) {
        check(c, e);
        if (constantText(c, e) === undefined)
          error(c, "SCRY1270", "time() requires a string literal for its format", e.span);
      }
      return NONE;
    },
    lower: (l, call) => {
      const e = call.args[0];
      const format = e === undefined ? "%H:%M:%S\n" : (constantText(l.check, e) ?? "");
      emitEvent(l, { kind: "time", format }, [], "events");
      return { kind: "none" };
    },
  },
  join: {
    doc: "Prints the strings of an array that ends in a null pointer (char **), such as argv, with spaces or another text between them; up to 16.",
    signature: "join(array[, separator])",
    types: "pointer, string → none",
    example: "tracepoint:syscalls:sys_enter_execve { join(args.argv); }",
    arity: [1, 2],
    check: (c, call) => {
      const type = check(c, call.args[0] as Expression);
      if (type.kind !== "none" && type.kind !== "int" && type.kind !== "pointer")
        error(c, "SCRY1274", `join() only supports int or pointer arguments (${typeName(type)} provided)`, call.span);
      const separator = call.args[1];
      if (separator !== undefined) {
        check(c, separator);
        if (constantText(c, separator) === undefined)
          error(c, "SCRY1270", "join() requires a string literal for its separator", separator.span);
      }
      return NONE;
    },
    lower: (l, call) => {
      const separator = call.args[1];
      const e = call.args[0] as Expression;
      const array = typeOf(l, e);
      joinInto(
        l,
        value(l, e),
        array.kind === "pointer" ? array.space : "user",
        separator === undefined ? " " : (constantText(l.check, separator) ?? " "),
      );
      return { kind: "none" };
    },
  },
};
