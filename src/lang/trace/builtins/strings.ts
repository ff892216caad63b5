// Strings and bytes: str, buf, strlen, strncmp, strcontains, strftime, ntop, pton, macaddr, bswap.

import {
  atMost,
  compareStrings,
  compareText,
  containsText,
  either,
  eitherNumber,
  findString,
  type Lengths,
  memoryDifference,
  readForeign,
  stringLength,
  tellIfNegative,
  writeText,
} from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import { providerOf } from "../../../probes/index.ts";
import {
  type AddressSpace,
  BOOL,
  INT32,
  isNumeric,
  SHORT_STRING,
  sizeOf,
  type Type,
  typeName,
  UINT64,
  utf8,
  utf8Length,
} from "../../../schema/index.ts";
import {
  type BuiltinUse,
  bytesInPlace,
  type CheckState,
  check,
  constant,
  constantText,
  error,
  narrowBytes,
} from "../check/index.ts";
import { branchByProbe, type LowerState, operand, ownMemory, typeOf, value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtins } from "./builtin.ts";

/** In which memory an address lies; one without a type means the process's, but for kernel functions' arguments. */
function spaceOf(l: LowerState, e: Expression): AddressSpace {
  const type = typeOf(l, e);
  if (type.kind === "pointer" || type.kind === "array") return type.space;
  return providerOf(l.probe.provider)?.addresses ?? "user";
}

/** What strstr answers where there is nothing: -ENOENT (asm-generic/errno-base.h). */
const ABSENT = -2;

function literal(c: CheckState, call: BuiltinUse, index: number): number | undefined {
  const e = call.args[index];
  if (e === undefined) return undefined;
  check(c, e);
  const n = constant(c, e);
  return n === undefined ? undefined : Number(n);
}

const stringOnly = (c: CheckState, call: BuiltinUse, index: number): Type => {
  const e = call.args[index] as Expression;
  const type = check(c, e);
  if (type.kind !== "string" && type.kind !== "none")
    error(c, "SCRY1280", `${call.name}() expects a string argument (${typeName(type)} provided)`, e.span);
  return type;
};

/** `str($1)`, `str($1 + n)`, `str($1, n)`: texts from the command line. */
function parameterText(c: CheckState, use: BuiltinUse): string | undefined {
  const [e, length] = use.args;
  const moved = e?.kind === "binary" && e.operator === "+" && e.left.kind === "parameter" ? e.left : undefined;
  const parameter = moved ?? e;
  if (parameter?.kind !== "parameter" || parameter.index === 0) return undefined;
  const skip = e?.kind === "binary" && moved !== undefined ? constant(c, e.right) : 0n;
  const n = length === undefined ? undefined : constant(c, length);
  if (skip === undefined || skip < 0n || (length !== undefined && (n === undefined || n < 0n))) return undefined;
  const text = (c.env.params[parameter.index - 1] ?? "").slice(Number(skip));
  return n === undefined ? text : text.slice(0, Number(n));
}

/** What str() gives before the script runs: of a parameter its text, of a literal number its digits. */
function foldedText(c: CheckState, use: BuiltinUse): string | undefined {
  const [e, length] = use.args;
  const negative = e?.kind === "unary" && e.operator === "-" && e.operand.kind === "integer";
  if (e?.kind !== "integer" && !negative) return parameterText(c, use);
  const text = String(constant(c, e));
  const n = length === undefined ? undefined : constant(c, length);
  if (length !== undefined && (n === undefined || n < 0n)) return undefined;
  return n === undefined ? text : text.slice(0, Number(n));
}

export const stringBuiltins: Builtins = {
  str: {
    doc: "The string at an address, up to max_strlen bytes or the given length, which counts the zero at the end. Of a parameter ($1) its text, of a literal number its digits.",
    signature: "str(address[, length])",
    types: "int, pointer, string or array; int → string",
    example: "tracepoint:syscalls:sys_enter_openat { print(str(args.filename)); }",
    arity: [1, 2],
    foldText: foldedText,
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const known = call.args[1] === undefined ? undefined : constant(c, call.args[1]);
      const most = c.options.maxStrlen + 1;
      const text = foldedText(c, call);
      if (text !== undefined) return { kind: "string", size: utf8Length(text) + 1 };
      const type = check(c, e);
      if (
        type.kind !== "none" &&
        type.kind !== "int" &&
        type.kind !== "pointer" &&
        type.kind !== "string" &&
        type.kind !== "array"
      )
        error(
          c,
          "SCRY1281",
          `str() expects a string, integer or a pointer type as first argument (${typeName(type)} provided)`,
          call.span,
        );
      const length = call.args[1];
      if (length === undefined)
        return { kind: "string", size: type.kind === "string" ? Math.min(type.size, most) : most };
      const lengthType = check(c, length);
      if (lengthType.kind !== "none" && !isNumeric(lengthType))
        error(
          c,
          "SCRY1281",
          `str() expects an integer as second argument (${typeName(lengthType)} provided)`,
          length.span,
        );
      if (known !== undefined && known < 0n) error(c, "SCRY1281", "str cannot use negative length", length.span);
      if (known === undefined) return { kind: "string", size: most };
      // The length counts the NUL, but for a literal's.
      return { kind: "string", size: Math.max(1, Math.min(Number(known) + (e.kind === "string" ? 1 : 0), most)) };
    },
    into: (l, call, type, to, offset, options) => {
      const b = l.b;
      const e = call.args[0] as Expression;
      const size = type.kind === "string" ? type.size : 64;
      const text = foldedText(l.check, call);
      if (text !== undefined) {
        writeText(l, text, size, to, offset, options);
        return [];
      }
      const held = typeOf(l, call);
      const own = held.kind === "string" ? held.size : size;
      const most = Math.min(size, own);
      let address: Value;
      let space: AddressSpace | "own" | "ctx";
      const op = operand(l, e);
      if (op.kind === "memory" && (typeOf(l, e).kind === "string" || typeOf(l, e).kind === "array")) {
        address = op.offset === 0 ? op.pointer : b.add(op.pointer, op.offset);
        space = op.space;
      } else {
        address = value(l, e);
        space = spaceOf(l, e);
      }
      if (options.pad) b.zero(to, offset, size);
      const destination = offset === 0 ? to : b.add(to, offset);
      const length = call.args[1];
      const known = length === undefined ? undefined : constant(l.check, length);
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
      tellIfNegative(l, space === "user" ? "probe_read_user_str" : "probe_read_kernel_str", got);
      return options.short === true && own > SHORT_STRING ? [got] : [];
    },
  },
  buf: {
    doc: "Bytes at an address, up to max_strlen: so many as the length says, or all of an array. Printed by %r, %rx and %rh.",
    signature: "buf(address[, length])",
    types: "int, pointer, string or array; int → buffer",
    example: 'tracepoint:syscalls:sys_enter_write { printf("%r\\n", buf(args.buf, args.count)); }',
    arity: [1, 2],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = check(c, e);
      const length = call.args[1];
      if (length === undefined) {
        if (type.kind === "array") return { kind: "buffer", size: sizeOf(type) };
        if (type.kind === "string") return { kind: "buffer", size: bytesInPlace(c, e, type) };
        if (type.kind !== "none")
          error(c, "SCRY1282", "buf() expects a length argument for a pointer or an integer", call.span);
        return { kind: "buffer", size: c.options.maxStrlen };
      }
      if (
        type.kind !== "none" &&
        type.kind !== "int" &&
        type.kind !== "pointer" &&
        type.kind !== "array" &&
        type.kind !== "string"
      )
        error(c, "SCRY1282", `buf() expects an integer, an array or a pointer (${typeName(type)} provided)`, e.span);
      check(c, length);
      const known = constant(c, length);
      if (known !== undefined && known < 0n) error(c, "SCRY1282", "buf cannot use negative length", length.span);
      return {
        kind: "buffer",
        size: known === undefined ? c.options.maxStrlen : Math.min(Number(known), c.options.maxStrlen),
      };
    },
    into: (l, call, type, to, offset, options) => {
      const b = l.b;
      const e = call.args[0] as Expression;
      const size = type.kind === "buffer" ? type.size : 64;
      const text = constantText(l.check, e);
      const wanted = call.args[1] === undefined ? BigInt(size) : constant(l.check, call.args[1]);
      if (text !== undefined && wanted !== undefined) {
        // Behind the text's end there is nothing.
        const bytes = utf8(text);
        const count = Math.min(Number(wanted), size);
        if (options.pad) b.zero(to, offset, Math.ceil((size + 4) / 4) * 4);
        b.store(32, to, offset, count);
        for (let i = 0; i < count; i++) b.store(8, to, offset + 4 + i, bytes[i] ?? 0);
        return [];
      }
      const op = operand(l, e);
      const memory = op.kind === "memory" && (typeOf(l, e).kind === "array" || typeOf(l, e).kind === "string");
      const address = memory ? (op.offset === 0 ? op.pointer : b.add(op.pointer, op.offset)) : value(l, e);
      const space = memory ? op.space : spaceOf(l, e);
      if (options.pad) b.zero(to, offset, Math.ceil((size + 4) / 4) * 4);
      const length = call.args[1];
      const known = length === undefined ? BigInt(size) : constant(l.check, length);
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
    doc: "Length of a string in bytes, without the zero at its end.",
    signature: "strlen(string)",
    types: "string → uint64",
    example: "tracepoint:syscalls:sys_enter_openat { @length = hist(strlen(str(args.filename))); }",
    arity: [1, 1],
    check: (c, call) => {
      stringOnly(c, call, 0);
      return UINT64;
    },
    lower: (l, call) => {
      const e = call.args[0] as Expression;
      const text = constantText(l.check, e);
      return {
        kind: "value",
        type: UINT64,
        value: text !== undefined ? l.b.const(text.length) : stringLength(l, ownMemory(l, e)),
      };
    },
  },
  strncmp: {
    doc: "0 when the first n bytes of two strings are the same, else not 0. Whole strings are compared by ==.",
    signature: "strncmp(a, b, n)",
    types: "string, string, int literal → uint64",
    example: 'tracepoint:syscalls:sys_enter_openat /strncmp(comm, "ssh", 3) == 0/ { print(str(args.filename)); }',
    arity: [3, 3],
    check: (c, call) => {
      stringOnly(c, call, 0);
      stringOnly(c, call, 1);
      const n = literal(c, call, 2);
      if (n === undefined || n < 0)
        error(
          c,
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
      const n = Number(constant(l.check, limit) ?? 0n);
      const left = constantText(l.check, x);
      const right = constantText(l.check, y);
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
    doc: "True when the first string contains the second.",
    signature: "strcontains(haystack, needle)",
    types: "string, string → bool",
    example:
      'tracepoint:syscalls:sys_enter_openat { $file = str(args.filename); if (strcontains($file, "/etc/")) { print($file); } }',
    arity: [2, 2],
    check: (c, call) => {
      const [x, y] = call.args as [Expression, Expression];
      stringOnly(c, call, 1);
      // Of the name of the probe it is known for each of them.
      if (check(c, x).kind !== "probe" || constantText(c, y) === undefined) stringOnly(c, call, 0);
      return BOOL;
    },
    lower: (l, call) => {
      const [x, y] = call.args as [Expression, Expression];
      const needle = constantText(l.check, y);
      const hay = constantText(l.check, x);
      const type = typeOf(l, x);
      if (type.kind === "probe" && hay === undefined && needle !== undefined) {
        const holds = (name: string | undefined): boolean => name?.includes(needle) === true;
        const answer = eitherNumber(
          l,
          (yes, no) => branchByProbe(l, x, (p) => holds(type.function === true ? p.func : p.name), yes, no),
          1,
          0,
        );
        return { kind: "value", type: BOOL, value: answer };
      }
      if (hay !== undefined && needle !== undefined)
        return { kind: "value", type: BOOL, value: l.b.const(hay.includes(needle) ? 1 : 0) };
      if (needle !== undefined) return { kind: "value", type: BOOL, value: containsText(l, ownMemory(l, x), needle) };
      const at = findString(l, ownMemory(l, x), ownMemory(l, y), ABSENT);
      return {
        kind: "value",
        type: BOOL,
        value: eitherNumber(l, (yes, no) => l.b.branch("sge", at, 0, yes, no), 1, 0),
      };
    },
  },
  strstr: {
    doc: "Where the second string stands in the first, in bytes from 0; negative where it does not.",
    signature: "strstr(haystack, needle)",
    types: "string, string → int32",
    example: 'tracepoint:syscalls:sys_enter_openat { @place = lhist(strstr(str(args.filename), "lib"), 0, 100, 10); }',
    arity: [2, 2],
    check: (c, call) => {
      stringOnly(c, call, 0);
      stringOnly(c, call, 1);
      return INT32;
    },
    lower: (l, call) => {
      const [x, y] = call.args as [Expression, Expression];
      const needle = constantText(l.check, y);
      const hay = constantText(l.check, x);
      if (hay !== undefined && needle !== undefined) {
        const at = hay.indexOf(needle);
        return { kind: "value", type: INT32, value: l.b.const(at < 0 ? ABSENT : at) };
      }
      return { kind: "value", type: INT32, value: findString(l, ownMemory(l, x), ownMemory(l, y), ABSENT) };
    },
  },
  memcmp: {
    doc: "0 when so many bytes of two strings or arrays are the same, else the difference of the first that are not.",
    signature: "memcmp(a, b, n)",
    types: "string or array, string or array, int literal → int32",
    example: 'tracepoint:syscalls:sys_enter_openat /memcmp(comm, "bash", 4) == 0/ { print(str(args.filename)); }',
    arity: [3, 3],
    check: (c, call) => {
      for (const e of call.args.slice(0, 2)) {
        const type = check(c, e);
        if (!["string", "array", "buffer", "struct", "none"].includes(type.kind))
          error(c, "SCRY1280", `memcmp() expects strings or arrays (${typeName(type)} provided)`, e.span);
      }
      const n = literal(c, call, 2);
      if (n === undefined || n < 0)
        error(c, "SCRY1283", "memcmp() requires a literal for its length", (call.args[2] as Expression).span);
      return INT32;
    },
    lower: (l, call) => {
      const [x, y, limit] = call.args as [Expression, Expression, Expression];
      const n = Number(constant(l.check, limit) ?? 0n);
      return { kind: "value", type: INT32, value: memoryDifference(l, ownMemory(l, x), ownMemory(l, y), n) };
    },
  },
  str_concat: {
    doc: "Two strings as one.",
    signature: "str_concat(a, b)",
    types: "string, string → string",
    example: 'tracepoint:syscalls:sys_enter_openat { @[str_concat(comm, " opens")] = count(); }',
    arity: [2, 2],
    check: (c, call) => {
      const [x, y] = [stringOnly(c, call, 0), stringOnly(c, call, 1)];
      const size = (t: Type): number => (t.kind === "string" ? t.size : 1);
      return { kind: "string", size: size(x) + size(y) - 1 };
    },
    into: (l, call, type, to, offset, options) => {
      const b = l.b;
      const size = type.kind === "string" ? type.size : 1;
      const [x, y] = call.args.map((e) => ownMemory(l, e)) as [
        ReturnType<typeof ownMemory>,
        ReturnType<typeof ownMemory>,
      ];
      const room = (op: ReturnType<typeof ownMemory>): number => sizeOf(op.type);
      if (options.pad) b.zero(to, offset, size);
      const at = (op: ReturnType<typeof ownMemory>): Value => b.add(op.pointer, op.offset);
      const first = Math.min(room(x), size);
      const start = offset === 0 ? to : b.add(to, offset);
      const got = b.helper("probe_read_kernel_str", [start, b.const(first), at(x)]);
      // It counts the NUL, which the second one takes the place of.
      const length = atMost(l, b.binary("sub", got, 1), first - 1);
      b.helper("probe_read_kernel_str", [b.add(start, length), b.const(Math.min(room(y), size - first + 1)), at(y)]);
      return options.short === true && size > SHORT_STRING ? [b.const(SHORT_STRING)] : [];
    },
  },
  strftime: {
    doc: "The time of an event, from nanoseconds since the system was started, by a format of strftime(3); %f are microseconds.",
    signature: "strftime(format, nsecs)",
    types: "string literal, int → timestamp",
    example: 'tracepoint:syscalls:sys_enter_openat { printf("%s %s\\n", strftime("%H:%M:%S.%f", nsecs), comm); }',
    arity: [2, 2],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      check(c, e);
      const format = constantText(c, e);
      if (format === undefined) error(c, "SCRY1270", "strftime() requires a string literal for its format", e.span);
      const type = check(c, call.args[1] as Expression);
      if (type.kind !== "none" && !isNumeric(type))
        error(c, "SCRY1284", `strftime() only supports integer arguments (${typeName(type)} provided)`, call.span);
      return { kind: "timestamp", format: format ?? "" };
    },
    into: (l, call, _type, to, offset) => {
      l.b.store(64, to, offset, value(l, call.args[1] as Expression));
      return [];
    },
  },
  ntop: {
    doc: "An IPv4 or IPv6 address as text: of a number, 4 or 16 bytes. The family (AF_INET 2, AF_INET6 10) follows from the size where it is not given.",
    signature: "ntop([family, ]address)",
    types: "int, int or array → inet",
    example: "begin { print(ntop(0x0100007f)); exit(); }",
    arity: [1, 2],
    check: (c, call) => {
      const e = call.args.at(-1) as Expression;
      if (call.args.length === 2) check(c, call.args[0] as Expression);
      const type = check(c, e);
      if (type.kind !== "none" && type.kind !== "int" && ![4, 16].includes(bytesOfArray(c, e, type) ?? 0))
        error(c, "SCRY1285", `ntop() expects an integer or array argument, got ${typeName(type)}`, e.span);
      return { kind: "inet" };
    },
    into: (l, call, _type, to, offset) => inetInto(l, call, to, offset),
  },
  macaddr: {
    doc: "Six bytes as a MAC address.",
    signature: "macaddr(bytes)",
    types: "array or string of 6 bytes → mac_address",
    example:
      "rawtracepoint:netif_receive_skb { $skb = (struct sk_buff *)arg0; $frame = (struct ethhdr *)($skb->head + $skb->mac_header); print(macaddr($frame->h_source)); }",
    arity: [1, 1],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = check(c, e);
      if (e.kind === "string") error(c, "SCRY1286", "macaddr() does not support literal string arguments", call.span);
      else if (type.kind !== "none" && bytesOfArray(c, e, type) !== 6)
        error(
          c,
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
    doc: "The bytes of a number in reverse order, as between the network and a little-endian machine.",
    signature: "bswap(n)",
    types: "int → uint8, uint16, uint32 or uint64",
    example: 'begin { printf("%x\\n", bswap((uint16)0x1234)); exit(); }',
    arity: [1, 1],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      const type = check(c, e);
      if (type.kind === "none") return UINT64;
      if (e.kind === "integer") return { kind: "int", bits: literalWidth(c, e), signed: false };
      if (type.kind !== "int")
        return error(c, "SCRY1287", `bswap() only supports integer arguments (${typeName(type)} provided)`, e.span);
      return { kind: "int", bits: type.bits, signed: false };
    },
    lower: (l, call) => {
      const e = call.args[0] as Expression;
      const type = typeOf(l, e);
      const bits = e.kind === "integer" ? literalWidth(l.check, e) : type.kind === "int" ? type.bits : 64;
      const v = value(l, e);
      return { kind: "value", type: { kind: "int", bits, signed: false }, value: bits === 8 ? v : l.b.bswap(v, bits) };
    },
  },
};

/** Bits of the smallest type that has the number. */
const literalWidth = (c: CheckState, e: Expression): 8 | 16 | 32 | 64 =>
  ((narrowBytes(c, e) ?? 8) * 8) as 8 | 16 | 32 | 64;

/** Bytes of an array, or of a text where it lies. */
const bytesOfArray = (c: CheckState, e: Expression, type: Type): number | undefined =>
  type.kind === "array" ? sizeOf(type) : type.kind === "string" ? bytesInPlace(c, e, type) : undefined;

function bytesInto(l: LowerState, e: Expression, to: Value, offset: number, size: number): void {
  const op = operand(l, e);
  if (op.kind !== "memory") return;
  if (op.space === "kernel" || op.space === "user") readForeign(l, to, offset, size, op.pointer, op.offset, op.space);
  else for (let i = 0; i < size; i++) l.b.store(8, to, offset + i, l.b.load("u8", op.pointer, op.offset + i));
}

/** linux/socket.h */
const AF_INET = 2;
const AF_INET6 = 10;

function inetInto(l: LowerState, call: BuiltinUse, to: Value, offset: number): Lengths {
  const b = l.b;
  const e = call.args.at(-1) as Expression;
  const type = typeOf(l, e);
  for (let i = 0; i < 20; i += 4) b.store(32, to, offset + i, 0);
  const size = bytesOfArray(l.check, e, type) ?? 4;
  const family =
    call.args.length === 2 ? value(l, call.args[0] as Expression) : b.const(size === 16 ? AF_INET6 : AF_INET);
  b.store(32, to, offset, family);
  if (type.kind === "int") b.store(32, to, offset + 4, value(l, e));
  else bytesInto(l, e, to, offset + 4, Math.min(16, size));
  return [];
}
