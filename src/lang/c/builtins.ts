// The compiler's own functions as IR: bytes, bits, memory, atomic operations, questions of the kernel's types. One row each.

import { type CExpression, refuse } from "../../c/index.ts";
import { type AtomicOp, INT, type Value, type Width } from "../../compiler/index.ts";
import { CORE_QUESTIONS, type CoreQuestion } from "../../object/index.ts";
import { ValueLowering } from "./values.ts";

type Builtin = Extract<CExpression, { kind: "builtin" }>;

/** Bytes that memcmp compares one by one. */
const MOST_COMPARED = 512;

const FIELD_QUESTIONS: readonly CoreQuestion[] = CORE_QUESTIONS.slice(0, 6);
const TYPE_QUESTIONS: readonly CoreQuestion[] = ["type-exists", "type-size", "type-matches"];

export abstract class BuiltinLowering extends ValueLowering {
  protected builtin(of: Builtin): Value {
    const row = ROWS[of.name] ?? (/^__(?:sync|atomic)_/.test(of.name) ? atomic : undefined);
    if (row === undefined) return refuse("SCRY1038", `'${of.name}' is not supported`, of.span);
    return row(this, of);
  }

  /** Nothing behind this is reached. */
  abstract stop(): Value;

  within<T>(lower: () => T): T {
    return this.preserving(lower);
  }
  widthOf(type: number): Width {
    return this.width(type);
  }
  get rules(): ValueLowering["typing"] {
    return this.typing;
  }
  /** The type that a pointer had before it became `void *`. */
  alignmentOf(pointer: CExpression): number {
    let at = pointer;
    while (at.kind === "convert" && this.typing.isPointer(at.of.type)) at = at.of;
    if (at.kind === "address" || at.kind === "decay") return this.#placeAlignment(at.of);
    const target = this.typing.target(at.type);
    return target === 0 ? 1 : this.typing.types.alignof(target);
  }
  /** Characters in an aligned struct lie better than characters alone. */
  #placeAlignment(place: CExpression): number {
    const { typing } = this;
    const of = (distance: number): number => (distance === 0 ? 8 : distance & -distance);
    switch (place.kind) {
      case "member":
        return Math.min(this.#placeAlignment(place.of), of(place.bitOffset / 8));
      case "element": {
        const size = typing.size(place.type);
        const distance = place.index.kind === "constant" ? Number(place.index.value) * size : size;
        return Math.min(this.#placeAlignment(place.of), of(distance));
      }
      default:
        return typing.types.alignof(place.type);
    }
  }
  /** What is asked of the kernel's types about a type, by ids of the text. */
  askType(ask: CoreQuestion, type: number, access: string, assumed: bigint, wide = false): Value {
    this.shared.types.ask(ask, type, access);
    return this.b.core(ask, type, access, assumed, wide);
  }
}

type Row = (l: BuiltinLowering, of: Builtin) => Value;

const arg = (of: Builtin, i: number): CExpression => of.args[i] as CExpression;

function constant(of: Builtin, i: number, what: string): number {
  const value = arg(of, i);
  if (value.kind === "constant") return Number(value.value);
  return refuse("SCRY1011", `${what} of ${of.name} must be a constant`, value.span);
}

const swap =
  (bits: 16 | 32 | 64): Row =>
  (l, of) =>
    l.b.bswap(l.value(arg(of, 0)), bits);

/** By parts: BPF has no instruction for it. Of the bits below the lowest one, `x & -x` less one. */
const population = (l: BuiltinLowering, value: Value): Value => {
  const { b } = l;
  const mask = (n: bigint): bigint => BigInt.asIntN(64, n);
  const pairs = b.binary("sub", value, b.and(b.binary("shr", value, 1), mask(0x5555555555555555n)));
  const fours = b.add(
    b.and(pairs, mask(0x3333333333333333n)),
    b.and(b.binary("shr", pairs, 2), mask(0x3333333333333333n)),
  );
  const bytes = b.and(b.add(fours, b.binary("shr", fours, 4)), mask(0x0f0f0f0f0f0f0f0fn));
  return b.binary("shr", b.binary("mul", bytes, mask(0x0101010101010101n)), 56);
};

/** The argument in 64 bits, without a sign. */
const unsigned = (l: BuiltinLowering, of: Builtin): Value => {
  const value = l.value(arg(of, 0));
  return l.widthOf(arg(of, 0).type) === 64 ? value : l.b.zext(value, 32);
};

const trailing = (l: BuiltinLowering, value: Value): Value => {
  const { b } = l;
  return population(l, b.binary("sub", b.and(value, b.neg(value)), 1));
};

const leading: Row = (l, of) => {
  const { b } = l;
  let value = unsigned(l, of);
  for (const by of [1, 2, 4, 8, 16, 32]) value = b.binary("or", value, b.binary("shr", value, by));
  return b.emit({ op: "sub", width: 64 }, [b.const(l.widthOf(arg(of, 0).type)), population(l, value)], INT);
};

const copied: Row = (l, of) => {
  const bytes = constant(of, 2, "the size");
  const [to, from] = [arg(of, 0), arg(of, 1)];
  const target = l.target(to);
  const align = Math.min(l.alignmentOf(to), l.alignmentOf(from));
  l.copy(target, l.target(from), bytes, align);
  return l.pointer(target);
};

const filled: Row = (l, of) => {
  const target = l.target(arg(of, 0));
  l.fill(target, l.value(arg(of, 1)), constant(of, 2, "the size"), l.alignmentOf(arg(of, 0)));
  return l.pointer(target);
};

/** The characters of a text that is written where it is pointed to; what is beyond its end is none of it. */
function textOf(pointer: CExpression): Uint8Array | undefined {
  let at = pointer;
  while (at.kind === "convert" || at.kind === "decay") at = at.of;
  return at.kind === "text" ? at.bytes : undefined;
}

const compared: Row = (l, of) => {
  const { b } = l;
  const bytes = constant(of, 2, "the size");
  if (bytes > MOST_COMPARED) refuse("SCRY1311", `memcmp of ${bytes} bytes`, of.span);
  const byteOf = (pointer: CExpression): ((i: number) => Value) => {
    const text = textOf(pointer);
    if (text !== undefined) return (i) => b.const(text[i] ?? 0);
    const place = l.target(pointer);
    return (i) => b.load("u8", place.base, place.offset + i);
  };
  const [left, right] = [byteOf(arg(of, 0)), byteOf(arg(of, 1))];
  const result = { name: "order", type: INT };
  const after = b.block("after");
  for (let i = 0; i < bytes; i++) {
    const [x, y] = [left(i), right(i)];
    const next = b.block("next");
    b.write(result, b.binary("sub", x, y));
    // As wide as the result is: whoever asks for that needs not ask again.
    b.branch("ne", x, y, after, next, { width: 32 });
    b.enter(next);
  }
  b.write(result, b.const(0));
  b.jump(after);
  b.enter(after);
  return b.read(result);
};

const atomic: Row = (l, of) => {
  const { b, rules: typing } = l;
  const pointer = arg(of, 0);
  const bytes = typing.size(typing.target(pointer.type));
  if (bytes !== 4 && bytes !== 8)
    return refuse("SCRY1035", `${of.name} of ${bytes} bytes; BPF has them of 4 and 8`, of.span);
  const size = (bytes * 8) as 32 | 64;
  const { base, offset } = l.target(pointer);
  const { name } = of;
  const operand = (i: number): Value => l.value(arg(of, i));
  if (name === "__atomic_load_n") return b.load(`u${size}`, base, offset);
  if (name === "__atomic_store_n" || name === "__sync_lock_release") {
    b.store(size, base, offset, name === "__atomic_store_n" ? operand(1) : b.const(0));
    return b.const(0);
  }
  if (/compare_and_swap$/.test(name)) {
    const expected = operand(1);
    const old = b.atomic("cmpxchg", size, base, offset, operand(2), true, expected);
    if (name === "__sync_val_compare_and_swap") return old;
    const result = { name: "swapped", type: INT };
    b.write(result, b.const(0));
    b.when("eq", old, expected, () => b.write(result, b.const(1)), { width: size });
    return b.read(result);
  }
  if (/exchange_n$|test_and_set$/.test(name)) return b.atomic("xchg", size, base, offset, operand(1), true);
  const found = /_(add|sub|and|or|xor)(?:_|$)/.exec(name.replace("_and_", "_"))?.[1];
  if (found === undefined) return refuse("SCRY1038", `'${name}' is not supported`, of.span);
  const value = operand(1);
  const given = found === "sub" ? b.neg(value, size) : value;
  const what: AtomicOp = found === "sub" ? "add" : (found as AtomicOp);
  // That the answer is not wanted, dce cannot say of what acts: whoever lowers a statement says it.
  const old = b.atomic(what, size, base, offset, given, l.wanted);
  if (!l.wanted || !/_fetch$/.test(name)) return l.wanted ? old : b.const(0);
  return b.binary(what as "add", old, given, size);
};

const fieldInfo: Row = (l, of) => {
  const which = FIELD_QUESTIONS[constant(of, 1, "the question")];
  let place = arg(of, 0);
  while (place.kind === "decay" || place.kind === "convert" || place.kind === "address") place = place.of;
  const way = l.way(place);
  if (which === undefined || way === undefined || way.parts.length === 0)
    return refuse("SCRY1035", "a question of a member of a struct is asked here", of.span);
  return l.question(which, way.type, way.parts);
};

const typeInfo: Row = (l, of) => {
  const ask = TYPE_QUESTIONS[constant(of, 1, "the question")];
  const type = of.of ?? 0;
  if (ask === undefined) return refuse("SCRY1035", "a question of a type is asked here", of.span);
  return l.askType(ask, type, "0", ask === "type-size" ? BigInt(l.rules.size(type)) : 1n);
};

const enumValue: Row = (l, of) => {
  const exists = constant(of, 1, "the question") === 0;
  const place = arg(of, 0);
  const type = l.rules.resolve(of.of ?? 0);
  const held = place.kind === "dereference" ? place.pointer : undefined;
  const value = held?.kind === "constant" ? held.value : undefined;
  if ((type.kind !== "enum" && type.kind !== "enum64") || value === undefined)
    return refuse("SCRY1035", "a question of an enumerator is asked here", of.span);
  const index = type.values.findIndex((v) => BigInt.asUintN(64, v.value) === BigInt.asUintN(64, value));
  if (index < 0) return refuse("SCRY1035", `no enumerator has the value ${value}`, of.span);
  const own = type.values[index]?.value ?? 0n;
  const assumed = type.kind === "enum" ? BigInt.asIntN(32, own) : own;
  return exists
    ? l.askType("enumerator-exists", of.of ?? 0, `${index}`, 1n)
    : l.askType("enumerator-value", of.of ?? 0, `${index}`, assumed, true);
};

const typeId: Row = (l, of) =>
  l.askType(constant(of, 1, "the question") === 0 ? "type-id-local" : "type-id", of.of ?? 0, "0", 0n, true);

const ROWS: Readonly<Record<string, Row>> = Object.assign(Object.create(null) as object, {
  bswap16: swap(16),
  bswap32: swap(32),
  bswap64: swap(64),
  memcpy: copied,
  memmove: copied,
  memset: filled,
  memcmp: compared,
  expect: ((l, of) => l.value(arg(of, 0))) as Row,
  abs: ((l, of) => {
    const { b } = l;
    const value = l.value(arg(of, 0));
    const sign = b.binary("sar", value, 31, 32);
    return b.emit({ op: "sub", width: 32 }, [b.binary("xor", value, sign, 32), sign], INT);
  }) as Row,
  unreachable: ((l) => l.stop()) as Row,
  trap: ((l) => l.stop()) as Row,
  __sync_synchronize: ((l) => l.b.const(0)) as Row,
  ...Object.fromEntries(
    ["", "l", "ll"].flatMap((s): [string, Row][] => [
      [`ctz${s}`, (l, of) => trailing(l, unsigned(l, of))],
      [`clz${s}`, leading],
      [`popcount${s}`, (l, of) => population(l, unsigned(l, of))],
      [
        `ffs${s}`,
        (l, of) => {
          // 0 for 0, else one more than the place of the lowest one.
          const value = unsigned(l, of);
          const result = { name: "first", type: INT };
          l.b.write(result, l.b.const(0));
          l.b.when("ne", value, 0, () => l.b.write(result, l.b.add(trailing(l, value), 1)));
          return l.b.read(result);
        },
      ],
    ]),
  ),
  preserve_access_index: ((l, of) => l.within(() => l.value(arg(of, 0)))) as Row,
  preserve_field_info: fieldInfo,
  preserve_type_info: typeInfo,
  preserve_enum_value: enumValue,
  btf_type_id: typeId,
});
