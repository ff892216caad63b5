// Functions that the compiler itself has (GNU C's `__builtin_…`, `__sync_…`, `__atomic_…`, and clang's for BPF): how each
// reads its arguments, and its type. One row each. What can be settled at once becomes a constant; the rest is a node.

import type { Span } from "../source/index.ts";
import type { CExpression } from "./tree.ts";
import { refuse, type Typing, WRONG_TYPE } from "./typing.ts";

/** What a builtin reads its arguments with. */
export interface BuiltinContext {
  readonly name: string;
  readonly typing: Typing;
  span(): Span;
  open(): void;
  close(): void;
  comma(): void;
  next(text: string): boolean;
  type(): number;
  isType(): boolean;
  argument(): CExpression;
  word(): string;
}

type Builtin = (c: BuiltinContext) => CExpression;
type Wanted = "pointer" | "int" | "unsigned" | "long" | "unsignedLong" | "any" | "place";

/** A function of fixed parameters. */
const plain =
  (
    wanted: readonly Wanted[],
    result: "void" | "int" | "long" | "unsigned" | "unsignedLong" | "pointer" | "first",
  ): Builtin =>
  (c) => {
    c.open();
    const { typing } = c;
    const args = wanted.map((what, i) => {
      if (i > 0) c.comma();
      return converted(typing, c.argument(), what);
    });
    c.close();
    const type =
      result === "void"
        ? 0
        : result === "pointer"
          ? typing.types.pointer(0)
          : result === "first"
            ? (args[0]?.type ?? 0)
            : typing[result];
    return settled(c, { kind: "builtin", name: c.name.replace(/^__builtin_/, ""), args, type, span: c.span() });
  };

function converted(typing: Typing, arg: CExpression, what: Wanted): CExpression {
  if (what === "place") return arg;
  if (what === "any") return typing.value(arg);
  if (what === "pointer") return typing.assigned(arg, typing.types.pointer(0), "an address");
  return typing.assigned(arg, typing[what], "an argument");
}

/** Of constants, a constant. */
function settled(c: BuiltinContext, node: Extract<CExpression, { kind: "builtin" }>): CExpression {
  const [first] = node.args;
  const swap = /^bswap(16|32|64)$/.exec(node.name);
  if (first?.kind !== "constant" || node.args.length !== 1) return node;
  if (swap !== null) {
    const bytes = Number(swap[1]) / 8;
    let result = 0n;
    for (let i = 0; i < bytes; i++) result = (result << 8n) | ((first.value >> BigInt(8 * i)) & 255n);
    return c.typing.constant(result, node.type, node.span);
  }
  const bits = /ll?$/.test(node.name) ? 64 : 32;
  const value = BigInt.asUintN(bits, first.value);
  const digits = value.toString(2);
  if (/^ctzl*$/.test(node.name) && value !== 0n)
    return c.typing.constant(BigInt(digits.length - 1 - digits.lastIndexOf("1")), node.type, node.span);
  if (/^clzl*$/.test(node.name) && value !== 0n)
    return c.typing.constant(BigInt(bits - digits.length), node.type, node.span);
  if (/^popcountl*$/.test(node.name))
    return c.typing.constant(BigInt(digits.replaceAll("0", "").length), node.type, node.span);
  return node;
}

/** `f(p, value)` on an integer in memory, whose type it has; `order` arguments that say how strictly follow. */
const atomic =
  (operands: number, order: number, result: "value" | "void" | "bool" = "value"): Builtin =>
  (c) => {
    c.open();
    const { typing } = c;
    const pointer = typing.value(c.argument());
    if (!typing.isPointer(pointer.type)) return refuse(WRONG_TYPE, `${c.name} takes an address`, pointer.span);
    const type = typing.target(pointer.type);
    if (!typing.isScalar(type)) return refuse(WRONG_TYPE, `${c.name} of ${typing.name(type)}`, pointer.span);
    const args = [pointer];
    for (let i = 0; i < operands; i++) {
      c.comma();
      args.push(typing.assigned(c.argument(), type, "an operand"));
    }
    for (let i = 0; i < order; i++) if (c.next(",")) c.argument();
    while (c.next(",")) c.argument();
    c.close();
    const of = result === "void" ? 0 : result === "bool" ? typing.bool : type;
    return { kind: "builtin", name: c.name, args, type: of, span: c.span() };
  };

/** A question of the kernel's types, and which one: `name(place-or-type, number)`. */
const asked: Builtin = (c) => {
  c.open();
  const of = c.argument();
  c.comma();
  const which = c.argument();
  c.close();
  const wide = /type_id|enum_value/.test(c.name);
  return {
    kind: "builtin",
    name: c.name.replace(/^__builtin_/, ""),
    args: [of, which],
    of: of.type,
    type: wide ? c.typing.unsignedLong : c.typing.unsigned,
    span: c.span(),
  };
};

const bits = (result: "int", ...names: string[]): Record<string, Builtin> =>
  Object.fromEntries(
    names.flatMap((name) => [
      [`__builtin_${name}`, plain(["unsigned"], result)],
      [`__builtin_${name}l`, plain(["unsignedLong"], result)],
      [`__builtin_${name}ll`, plain(["unsignedLong"], result)],
    ]),
  );

const memory: Readonly<Record<string, Builtin>> = {
  memcpy: plain(["pointer", "pointer", "unsignedLong"], "pointer"),
  memmove: plain(["pointer", "pointer", "unsignedLong"], "pointer"),
  memset: plain(["pointer", "int", "unsignedLong"], "pointer"),
  memcmp: plain(["pointer", "pointer", "unsignedLong"], "int"),
};

export const BUILTINS: Readonly<Record<string, Builtin>> = Object.assign(Object.create(null) as object, {
  ...Object.fromEntries(Object.entries(memory).map(([name, builtin]) => [`__builtin_${name}`, builtin])),
  ...memory,
  ...bits("int", "ctz", "clz", "popcount", "ffs"),
  __builtin_bswap16: ((c) => {
    const node = plain(["unsigned"], "unsigned")(c);
    return { ...node, type: c.typing.types.int("unsigned short", 2, false) };
  }) as Builtin,
  __builtin_bswap32: plain(["unsigned"], "unsigned"),
  __builtin_bswap64: plain(["unsignedLong"], "unsignedLong"),
  __builtin_unreachable: plain([], "void"),
  __builtin_trap: plain([], "void"),
  __builtin_abs: plain(["int"], "int"),
  __builtin_expect: ((c) => {
    c.open();
    const value = c.typing.assigned(c.argument(), c.typing.long, "a value");
    c.comma();
    const wanted = c.argument();
    c.close();
    if (value.kind === "constant") return value;
    return { kind: "builtin", name: "expect", args: [value, wanted], type: value.type, span: c.span() };
  }) as Builtin,
  __builtin_constant_p: ((c) => {
    c.open();
    const value = c.typing.value(c.argument());
    c.close();
    const text = value.kind === "decay" && value.of.kind === "text";
    return c.typing.constant(value.kind === "constant" || text ? 1n : 0n, c.typing.int, c.span());
  }) as Builtin,
  __builtin_choose_expr: ((c) => {
    c.open();
    const condition = c.typing.value(c.argument());
    c.comma();
    const then = c.argument();
    c.comma();
    const otherwise = c.argument();
    c.close();
    if (condition.kind !== "constant") return refuse("SCRY1011", "this is no constant", condition.span);
    return condition.value !== 0n ? then : otherwise;
  }) as Builtin,
  __builtin_types_compatible_p: ((c) => {
    c.open();
    const a = c.type();
    c.comma();
    const b = c.type();
    c.close();
    return c.typing.constant(sameTypes(c.typing, a, b) ? 1n : 0n, c.typing.int, c.span());
  }) as Builtin,
  __builtin_object_size: ((c) => {
    c.open();
    c.argument();
    c.comma();
    c.argument();
    c.close();
    return c.typing.constant(-1n, c.typing.unsignedLong, c.span());
  }) as Builtin,
  __builtin_offsetof: ((c) => {
    c.open();
    const type = c.type();
    c.comma();
    const span = c.span();
    const { typing } = c;
    const zero = typing.constant(0n, typing.types.pointer(type), span);
    let place = typing.member(typing.dereference(zero, span), c.word(), span);
    for (;;) {
      if (c.next(".")) place = typing.member(place, c.word(), span);
      else if (c.next("[")) {
        place = typing.index(place, c.argument(), span);
        if (!c.next("]")) c.close();
      } else break;
    }
    c.close();
    return typing.cast(typing.address(place, c.span()), typing.unsignedLong);
  }) as Builtin,
  __builtin_preserve_access_index: ((c) => {
    c.open();
    const of = c.typing.value(c.argument());
    c.close();
    return { kind: "builtin", name: "preserve_access_index", args: [of], type: of.type, span: c.span() };
  }) as Builtin,
  __builtin_preserve_field_info: asked,
  __builtin_preserve_type_info: asked,
  __builtin_preserve_enum_value: asked,
  __builtin_btf_type_id: asked,
  _Generic: ((c) => {
    c.open();
    const { type } = c.typing.value(c.argument());
    let chosen: CExpression | undefined;
    let other: CExpression | undefined;
    while (c.next(",")) {
      const named = c.next("default") ? undefined : c.type();
      if (!c.next(":")) c.close();
      const value = c.argument();
      if (named === undefined) other = value;
      else if (sameTypes(c.typing, named, type)) chosen ??= value;
    }
    c.close();
    return chosen ?? other ?? refuse(WRONG_TYPE, `no association of _Generic is for ${c.typing.name(type)}`, c.span());
  }) as Builtin,
  ...Object.fromEntries(
    ["add", "sub", "and", "or", "xor"].flatMap((op) => [
      [`__sync_fetch_and_${op}`, atomic(1, 0)],
      [`__sync_${op}_and_fetch`, atomic(1, 0)],
      [`__atomic_fetch_${op}`, atomic(1, 1)],
      [`__atomic_${op}_fetch`, atomic(1, 1)],
    ]),
  ),
  __sync_lock_test_and_set: atomic(1, 0),
  __sync_lock_release: atomic(0, 0, "void"),
  __sync_val_compare_and_swap: atomic(2, 0),
  __sync_bool_compare_and_swap: atomic(2, 0, "bool"),
  __atomic_exchange_n: atomic(1, 1),
  __atomic_load_n: atomic(0, 1),
  __atomic_store_n: atomic(1, 1, "void"),
  __sync_synchronize: plain([], "void"),
});

/** C11 6.2.7, as far as macros ask: qualifiers count behind pointers only, names of integers of one size do not. */
export function sameTypes(typing: Typing, a: number, b: number, depth = 0): boolean {
  const x = typing.resolve(a);
  const y = typing.resolve(b);
  if (x.id === y.id || depth > 16) return true;
  if (x.kind === "ptr" && y.kind === "ptr")
    return qualifiers(typing, x.type) === qualifiers(typing, y.type) && sameTypes(typing, x.type, y.type, depth + 1);
  if (x.kind === "array" && y.kind === "array")
    return (
      (x.count === y.count || x.count === 0 || y.count === 0) && sameTypes(typing, x.element, y.element, depth + 1)
    );
  if (x.kind === "int" && y.kind === "int")
    return (
      x.size === y.size && x.signed === y.signed && x.bool === y.bool && (x.name === "char") === (y.name === "char")
    );
  return x.kind === y.kind && x.name !== "" && x.name === y.name;
}

/** `const` and `volatile` of what a pointer leads to. */
function qualifiers(typing: Typing, type: number): string {
  const found = new Set<string>();
  let at = typing.types.type(type);
  for (let depth = 0; depth < 64; depth++) {
    if (at.kind === "const" || at.kind === "volatile") found.add(at.kind);
    else if (at.kind !== "typedef" && at.kind !== "type_tag") break;
    at = typing.types.type(at.type);
  }
  return [...found].sort().join(" ");
}
