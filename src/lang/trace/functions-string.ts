// Strings and bytes: str, buf, strlen, strncmp, strcontains, strftime, ntop, pton, macaddr, bswap.

import type { Value } from "../../compiler/index.ts";
import type { CallExpression, Expression } from "./ast.ts";
import type { BuiltinFunction } from "./builtin-functions.ts";
import type { Checker } from "./checker.ts";
import { SHORT_STRING, sizeOf } from "./layout.ts";
import { atMost, either, eitherNumber } from "./lower-choice.ts";
import { compareStrings, compareText } from "./lower-conditions.ts";
import { value } from "./lower-expressions.ts";
import { type Lengths, operand, ownMemory, readForeign, writeText } from "./lower-memory.ts";
import { containsText, stringLength } from "./lower-strings.ts";
import type { Lowering } from "./lowering.ts";
import { utf8Length } from "./type-rules.ts";
import { type AddressSpace, BOOL, isNumeric, type Type, typeName, UINT64 } from "./types.ts";

/** In which memory an address lies; one without a type means the process's, but for kernel functions' arguments. */
function spaceOf(l: Lowering, e: Expression): AddressSpace {
  if (e.type?.kind === "pointer" || e.type?.kind === "array") return e.type.space;
  const provider = l.probe.provider;
  return provider === "kprobe" ||
    provider === "kretprobe" ||
    provider === "fentry" ||
    provider === "fexit" ||
    provider === "rawtracepoint"
    ? "kernel"
    : "user";
}

function literal(c: Checker, call: CallExpression, index: number): number | undefined {
  const e = call.args[index];
  if (e === undefined) return undefined;
  c.check(e);
  const n = c.constant(e);
  return n === undefined ? undefined : Number(n);
}

const stringOnly = (c: Checker, call: CallExpression, index: number): Type => {
  const e = call.args[index] as Expression;
  const type = c.check(e);
  if (type.kind !== "string" && type.kind !== "none")
    c.error("SCRY1280", `${call.name}() expects a string argument (${typeName(type)} provided)`, e.span);
  return type;
};

export const stringFunctions: Readonly<Record<string, BuiltinFunction>> = {
  str: {
    doc: "The string at an address, up to max_strlen bytes or the given length.",
    signature: "str(address[, length])",
    arity: [1, 2],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const known = call.args[1] === undefined ? undefined : c.constant(call.args[1]);
      const most = c.options.maxStrlen + 1;
      const text = c.parameterText(call);
      if (text !== undefined) return { kind: "string", size: utf8Length(text) + 1 };
      const type = c.check(e);
      if (
        type.kind !== "none" &&
        type.kind !== "int" &&
        type.kind !== "pointer" &&
        type.kind !== "string" &&
        type.kind !== "array"
      )
        c.error(
          "SCRY1281",
          `str() expects an integer or a pointer type as first argument (${typeName(type)} provided)`,
          e.span,
        );
      const length = call.args[1];
      if (length === undefined)
        return { kind: "string", size: type.kind === "string" ? Math.min(type.size, most) : most };
      const lengthType = c.check(length);
      if (lengthType.kind !== "none" && !isNumeric(lengthType))
        c.error(
          "SCRY1281",
          `str() expects an integer as second argument (${typeName(lengthType)} provided)`,
          length.span,
        );
      if (known !== undefined && known < 0n) c.error("SCRY1281", "str cannot use negative length", length.span);
      if (known === undefined) return { kind: "string", size: most };
      // The length counts the NUL, but for a literal's.
      return { kind: "string", size: Math.max(1, Math.min(Number(known) + (e.kind === "string" ? 1 : 0), most)) };
    },
    into: (l, call, type, to, offset, options) => {
      const b = l.b;
      const e = call.args[0] as Expression;
      const size = type.kind === "string" ? type.size : 64;
      const text = l.script.checker.parameterText(call);
      if (text !== undefined) {
        writeText(l, text, size, to, offset, options);
        return [];
      }
      const own = call.type?.kind === "string" ? call.type.size : size;
      const most = Math.min(size, own);
      let address: Value;
      let space: AddressSpace | "own" | "ctx";
      const op = operand(l, e);
      if (op.kind === "memory" && (e.type?.kind === "string" || e.type?.kind === "array")) {
        address = op.offset === 0 ? op.pointer : b.add(op.pointer, op.offset);
        space = op.space;
      } else {
        address = value(l, e);
        space = spaceOf(l, e);
      }
      if (options.pad) b.zero(to, offset, size);
      const destination = offset === 0 ? to : b.add(to, offset);
      const length = call.args[1];
      const known = length === undefined ? undefined : l.script.checker.constant(length);
      let limit: Value = b.const(most);
      if (length !== undefined && known === undefined) {
        // The length counts the NUL; never more than there is room, and room for the NUL always.
        const n = value(l, length);
        limit = either(
          l,
          (few, more) => b.branch("ule", n, 1, few, more),
          () => b.const(1),
          () => atMost(l, n, most),
        );
      }
      const got = b.helper(space === "user" ? "probe_read_user_str" : "probe_read_kernel_str", [
        destination,
        limit,
        address,
      ]);
      return options.short === true && own > SHORT_STRING ? [got] : [];
    },
  },
  buf: {
    doc: "Bytes at an address.",
    signature: "buf(address[, length])",
    arity: [1, 2],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = c.check(e);
      const length = call.args[1];
      if (length === undefined) {
        if (type.kind === "array") return { kind: "buffer", size: sizeOf(type) };
        if (type.kind === "string") return { kind: "buffer", size: type.size };
        if (type.kind !== "none")
          c.error("SCRY1282", "buf() expects a length argument for a pointer or an integer", call.span);
        return { kind: "buffer", size: c.options.maxStrlen };
      }
      if (
        type.kind !== "none" &&
        type.kind !== "int" &&
        type.kind !== "pointer" &&
        type.kind !== "array" &&
        type.kind !== "string"
      )
        c.error("SCRY1282", `buf() expects an integer, an array or a pointer (${typeName(type)} provided)`, e.span);
      c.check(length);
      const known = c.constant(length);
      if (known !== undefined && known < 0n) c.error("SCRY1282", "buf cannot use negative length", length.span);
      return {
        kind: "buffer",
        size: known === undefined ? c.options.maxStrlen : Math.min(Number(known), c.options.maxStrlen),
      };
    },
    into: (l, call, type, to, offset, options) => {
      const b = l.b;
      const e = call.args[0] as Expression;
      const size = type.kind === "buffer" ? type.size : 64;
      const op = operand(l, e);
      const memory = op.kind === "memory" && (e.type?.kind === "array" || e.type?.kind === "string");
      const address = memory ? (op.offset === 0 ? op.pointer : b.add(op.pointer, op.offset)) : value(l, e);
      const space = memory ? op.space : spaceOf(l, e);
      if (options.pad) b.zero(to, offset, Math.ceil((size + 4) / 4) * 4);
      const length = call.args[1];
      const known = length === undefined ? BigInt(size) : l.script.checker.constant(length);
      let n: Value;
      if (known !== undefined) n = b.const(Math.min(Number(known), size));
      else {
        n = atMost(l, value(l, length as Expression), size);
      }
      b.store(32, to, offset, n);
      b.helper(space === "user" ? "probe_read_user" : "probe_read_kernel", [b.add(to, offset + 4), n, address]);
      return [];
    },
  },
  strlen: {
    doc: "Length of a string in bytes.",
    signature: "strlen(string)",
    arity: [1, 1],
    check: (c, call) => {
      stringOnly(c, call, 0);
      return UINT64;
    },
    lower: (l, call) => {
      const e = call.args[0] as Expression;
      const text = l.script.checker.constantText(e);
      return {
        kind: "value",
        type: UINT64,
        value: text !== undefined ? l.b.const(text.length) : stringLength(l, ownMemory(l, e)),
      };
    },
  },
  strncmp: {
    doc: "0 when the first n bytes of two strings are the same, else not 0.",
    signature: "strncmp(a, b, n)",
    arity: [3, 3],
    check: (c, call) => {
      stringOnly(c, call, 0);
      stringOnly(c, call, 1);
      const n = literal(c, call, 2);
      if (n === undefined || n < 0)
        c.error(
          "SCRY1283",
          n === undefined
            ? "strncmp() requires a literal for its length"
            : "Builtin strncmp requires a non-negative literal",
          (call.args[2] as Expression).span,
        );
      return UINT64;
    },
    lower: (l, call) => {
      const b = l.b;
      const [x, y, limit] = call.args as [Expression, Expression, Expression];
      const n = Number(l.script.checker.constant(limit) ?? 0n);
      const left = l.script.checker.constantText(x);
      const right = l.script.checker.constantText(y);
      if (left !== undefined && right !== undefined)
        return { kind: "value", type: UINT64, value: b.const(left.slice(0, n) === right.slice(0, n) ? 0 : 1) };
      if (n === 0) return { kind: "value", type: UINT64, value: b.const(0) };
      return {
        kind: "value",
        type: UINT64,
        value: eitherNumber(
          l,
          (equal, different) => {
            const text = left ?? right;
            if (text !== undefined) compareText(l, ownMemory(l, left === undefined ? x : y), text, n, equal, different);
            else compareStrings(l, ownMemory(l, x), ownMemory(l, y), n, equal, different);
          },
          0,
          1,
        ),
      };
    },
  },
  strcontains: {
    doc: "True when the first string contains the second, which must be a literal.",
    signature: "strcontains(haystack, needle)",
    arity: [2, 2],
    check: (c, call) => {
      stringOnly(c, call, 0);
      stringOnly(c, call, 1);
      if (c.constantText(call.args[1] as Expression) === undefined)
        c.error(
          "SCRY1908",
          "strcontains() with a needle that is not a literal is not supported yet",
          (call.args[1] as Expression).span,
        );
      return BOOL;
    },
    lower: (l, call) => {
      const [x, y] = call.args as [Expression, Expression];
      const needle = l.script.checker.constantText(y) ?? "";
      const hay = l.script.checker.constantText(x);
      if (hay !== undefined) return { kind: "value", type: BOOL, value: l.b.const(hay.includes(needle) ? 1 : 0) };
      return { kind: "value", type: BOOL, value: containsText(l, ownMemory(l, x), needle) };
    },
  },
  strftime: {
    doc: "The time of an event by a format of strftime(3); %f are microseconds.",
    signature: "strftime(format, nsecs)",
    arity: [2, 2],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      c.check(e);
      const format = c.constantText(e);
      if (format === undefined) c.error("SCRY1270", "strftime() requires a string literal for its format", e.span);
      const type = c.check(call.args[1] as Expression);
      if (type.kind !== "none" && !isNumeric(type))
        c.error("SCRY1284", `strftime() only supports integer arguments (${typeName(type)} provided)`, call.span);
      return { kind: "timestamp", format: format ?? "" };
    },
    into: (l, call, _type, to, offset) => {
      l.b.store(64, to, offset, value(l, call.args[1] as Expression));
      return [];
    },
  },
  ntop: {
    doc: "An IPv4 or IPv6 address as text.",
    signature: "ntop([family, ]address)",
    arity: [1, 2],
    check: (c, call) => {
      const e = call.args.at(-1) as Expression;
      if (call.args.length === 2) c.check(call.args[0] as Expression);
      const type = c.check(e);
      if (type.kind !== "none" && type.kind !== "int" && !isBytes(type, 4) && !isBytes(type, 16))
        c.error("SCRY1285", `ntop() expects an integer or array argument, got ${typeName(type)}`, e.span);
      return { kind: "inet" };
    },
    into: (l, call, _type, to, offset) => inetInto(l, call, to, offset),
  },
  macaddr: {
    doc: "Six bytes as a MAC address.",
    signature: "macaddr(bytes)",
    arity: [1, 1],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = c.check(e);
      if (type.kind !== "none" && !isBytes(type, 6))
        c.error(
          "SCRY1286",
          `macaddr() only supports array or string arguments of 6 bytes (${typeName(type)} provided)`,
          e.span,
        );
      return { kind: "mac" };
    },
    into: (l, call, _type, to, offset) => {
      bytesInto(l, call.args[0] as Expression, to, offset, 6);
      return [];
    },
  },
  bswap: {
    doc: "The bytes of a number in reverse order.",
    signature: "bswap(n)",
    arity: [1, 1],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = c.check(e);
      if (type.kind === "none") return UINT64;
      if (type.kind !== "int")
        return c.error("SCRY1287", `bswap() only supports integer arguments (${typeName(type)} provided)`, e.span);
      return { kind: "int", bits: type.bits, signed: false };
    },
    lower: (l, call) => {
      const e = call.args[0] as Expression;
      const bits = e.type?.kind === "int" ? e.type.bits : 64;
      const v = value(l, e);
      return { kind: "value", type: { kind: "int", bits, signed: false }, value: bits === 8 ? v : l.b.bswap(v, bits) };
    },
  },
};

const isBytes = (type: Type, count: number): boolean =>
  (type.kind === "array" && sizeOf(type) === count) || (type.kind === "string" && type.size === count);

function bytesInto(l: Lowering, e: Expression, to: Value, offset: number, size: number): void {
  const op = operand(l, e);
  if (op.kind !== "memory") return;
  if (op.space === "kernel" || op.space === "user") readForeign(l, to, offset, size, op.pointer, op.offset, op.space);
  else for (let i = 0; i < size; i++) l.b.store(8, to, offset + i, l.b.load("u8", op.pointer, op.offset + i));
}

/** linux/socket.h */
const AF_INET = 2;
const AF_INET6 = 10;

function inetInto(l: Lowering, call: CallExpression, to: Value, offset: number): Lengths {
  const b = l.b;
  const e = call.args.at(-1) as Expression;
  const type = e.type as Type;
  for (let i = 0; i < 20; i += 4) b.store(32, to, offset + i, 0);
  const family =
    call.args.length === 2 ? value(l, call.args[0] as Expression) : b.const(isBytes(type, 16) ? AF_INET6 : AF_INET);
  b.store(32, to, offset, family);
  if (type.kind === "int") b.store(32, to, offset + 4, value(l, e));
  else bytesInto(l, e, to, offset + 4, Math.min(16, sizeOf(type)));
  return [];
}
