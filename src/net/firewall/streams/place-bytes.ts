// Bytes of segments are put where they belong among the first of their stream. What is there stays: of bytes that come again it is told
// whether they are the same.

import { type Block, type FunctionBuilder, INT, type Value, type Variable } from "../../../compiler/index.ts";
import type { Forgotten } from "../forgotten.ts";
import { HOOKS } from "../hooks.ts";
import { packetBounds } from "../parse-packet.ts";
import { MOST_OFFSET, type PacketContext } from "../patterns/index.ts";
import { HEADER, type StreamLayout } from "./layout.ts";

/** A segment and its stream. */
export interface Placing {
  readonly b: FunctionBuilder;
  readonly layout: StreamLayout;
  readonly context: PacketContext;
  readonly stream: Value;
  readonly told: Value;
  /** Where its payload lies in the frame. */
  readonly offset: Value;
}

/** Puts a segment's bytes where they belong, eight at a time. Not 0: it says other bytes than are there. */
export function placeBytes(
  placing: Placing,
  { at, take, seen, plain }: Readonly<Record<"at" | "take" | "seen" | "plain", Forgotten>>,
  unclear: Block,
): Value {
  const { b, stream } = placing;
  const { size, kept } = placing.layout;
  const turn: Variable = { name: "turn", type: INT };
  const other: Variable = { name: "other", type: INT };
  const source = sourceOf(placing, take, unclear);
  const [head, body, next, tail, done] = [
    b.block("head"),
    b.block("body"),
    b.block("next"),
    b.block("tail"),
    b.block("done"),
  ];
  b.write(turn, b.const(0));
  b.write(other, b.const(0));
  b.jump(head);
  b.at(head);
  b.must("ult", b.read(turn), size / 8, tail);
  b.branch("ult", b.read(turn), b.binary("shr", take.read(), 3), body, tail);
  b.enter(body);
  const index = b.add(at.read(), b.binary("shl", b.read(turn), 3));
  const place = b.add(stream, b.and(index, size - 1));
  const word = source.word(b.read(turn), unclear);
  const [write, some, again, each] = [b.block("write"), b.block("some"), b.block("again"), b.block("each")];
  b.branch("uge", index, plain.read(), write, some);
  b.enter(write);
  b.store(64, place, kept, word);
  b.jump(next);
  b.enter(some);
  b.branch("ule", b.add(index, 8), seen.read(), again, each);
  b.enter(again);
  b.write(other, b.binary("or", b.read(other), b.binary("xor", b.load("u64", place, kept), word)));
  b.jump(next);
  b.enter(each);
  placeEight(placing, { index, word }, seen, other);
  b.jump(next);
  b.enter(next);
  source.advance();
  b.write(turn, b.add(b.read(turn), 1));
  b.jump(head);
  b.seal(head);
  b.enter(tail);
  const whole = b.and(take.read(), 2 * size - 8);
  const byte = source.rest(whole, unclear);
  const last: Variable = { name: "last", type: INT };
  const few = b.block("few");
  b.write(last, b.const(0));
  for (let i = 0; i < 7; i++) {
    b.must("ugt", b.and(take.read(), 7), i, few);
    b.write(last, b.binary("or", b.read(last), b.binary("shl", byte(i), 8 * i)));
  }
  b.jump(few);
  b.enter(few);
  b.must("ne", b.and(take.read(), 7), 0, done);
  const rest = { index: b.add(at.read(), whole), word: b.read(last), count: b.and(take.read(), 7) };
  placeEight(placing, rest, seen, other);
  b.jump(done);
  b.enter(done);
  return b.read(other);
}

/** Where a segment's bytes are loaded from: the packet; in tc a copy of it, since it need not lie in one piece. */
function sourceOf(
  { b, layout, context, told, offset }: Placing,
  take: Forgotten,
  unclear: Block,
): {
  readonly word: (turn: Value, unclear: Block) => Value;
  readonly advance: () => void;
  /** Bytes behind so many, one by one. */
  readonly rest: (whole: Value, unclear: Block) => (i: number) => Value;
} {
  const { size, scratch } = layout;
  if (context === "tc") {
    // From 1 to the size, whatever the verifier knows of it.
    const bytes = b.add(b.and(b.binary("sub", take.read(), 1), size - 1), 1);
    const copied = b.helper("skb_load_bytes", [b.param(0), offset, b.add(told, scratch), bytes]);
    b.must("eq", copied, 0, unclear, { unlikely: "else" });
    return {
      word: (turn) => b.load("u64", b.add(told, b.and(b.binary("shl", turn, 3), size - 1)), scratch),
      advance: () => undefined,
      rest: (whole) => {
        const from = b.add(told, b.and(whole, size - 1));
        return (i) => b.load("u8", from, scratch + i);
      },
    };
  }
  const place: Variable = { name: "place", type: { kind: "packet" } };
  const { start, end } = packetBounds(b, HOOKS.xdp);
  const begin = b.add(start, b.and(offset, MOST_OFFSET));
  b.write(place, begin);
  const within = (at: Value, bytes: number, otherwise: Block): void =>
    b.must("ule", b.add(at, bytes), end, otherwise, { unlikely: "else" });
  return {
    word: (_, otherwise) => {
      within(b.read(place), 8, otherwise);
      return b.load("u64", b.read(place));
    },
    advance: () => b.write(place, b.add(b.read(place), 8)),
    rest: (whole, otherwise) => {
      const from = b.add(begin, whole);
      return (i) => {
        within(from, i + 1, otherwise);
        return b.load("u8", from, i);
      };
    },
  };
}

/**
 * Writes those of eight bytes (or of the first `count`) that are not there yet, and compares the others with what is; without a
 * jump, which the verifier would follow.
 */
function placeEight(
  { b, layout, stream }: Placing,
  { index, word, count }: { readonly index: Value; readonly word: Value; readonly count?: Value },
  seen: Forgotten,
  other: Variable,
): void {
  const { size, kept, bitmap } = layout;
  const at = b.and(index, size - 1);
  const place = b.add(stream, at);
  const bits = b.add(stream, b.binary("shr", at, 3));
  const shift = b.and(at, 7);
  const known = b.load("u16", bits, bitmap);
  // Bits of those before `seen`: all, if it is eight or more away.
  const away = b.binary("sub", seen.read(), index);
  const short = b.binary("shr", b.binary("sub", away, 8), 63);
  const positive = b.binary("sub", b.binary("shr", away, 63), 1);
  const first = b.binary("sub", b.binary("shl", short, b.and(b.and(away, positive), 7)), short);
  const whole = b.and(b.binary("sub", short, 1), 0xff);
  const those = b.and(b.binary("or", b.binary("or", b.binary("shr", known, shift), first), whole), 0xff);
  const all = count === undefined ? b.const(0xff) : b.binary("sub", b.binary("shl", b.const(1), count), 1);
  const old = b.load("u64", place, kept);
  const differs = b.and(b.binary("xor", old, word), spread(b, b.and(those, all)));
  b.write(other, b.binary("or", b.read(other), differs));
  const made = b.binary("xor", word, differs);
  const mine = count === undefined ? made : b.binary("xor", old, b.and(b.binary("xor", old, made), spread(b, all)));
  b.store(64, place, kept, mine);
  b.store(16, bits, bitmap, b.binary("or", known, b.binary("shl", all, shift)));
}

/** What came before its time is behind no gap any more, as far as it reaches. */
export function closeGap({ b, layout, stream }: Placing, ahead: Forgotten, now: Forgotten): void {
  const { size, bitmap } = layout;
  const turn: Variable = { name: "turn", type: INT };
  const [head, done] = [b.block("head"), b.block("done")];
  b.write(turn, b.const(0));
  b.jump(head);
  b.at(head);
  b.must("ule", b.read(turn), size / 8, done);
  b.must("ult", now.read(), size, done);
  const index = b.and(now.read(), size - 1);
  const word = b.load("u16", b.add(stream, b.binary("shr", index, 3)), bitmap);
  const bits = b.and(b.binary("shr", word, b.and(index, 7)), 0xff);
  // How many of the lowest are there: one bit for each of them, counted.
  const low = b.binary("shr", b.binary("xor", bits, b.add(bits, 1)), 1);
  const pairs = b.binary("sub", low, b.and(b.binary("shr", low, 1), 0x55));
  const fours = b.add(b.and(pairs, 0x33), b.and(b.binary("shr", pairs, 2), 0x33));
  now.write(b.add(index, b.and(b.add(fours, b.binary("shr", fours, 4)), 15)));
  b.must("eq", bits, 0xff, done);
  b.write(turn, b.add(b.read(turn), 1));
  b.jump(head);
  b.seal(head);
  b.enter(done);
  b.when("uge", now.read(), ahead.read(), () => b.store(32, stream, HEADER.ahead, 0));
}

/** A byte 0xff for each of eight bits that is set. */
function spread(b: FunctionBuilder, bits: Value): Value {
  const word = (byte: bigint): Value => b.const(BigInt.asIntN(64, byte * 0x0101_0101_0101_0101n));
  const one = b.and(b.binary("mul", bits, word(1n)), b.const(BigInt.asIntN(64, 0x8040_2010_0804_0201n)));
  const high = b.and(b.binary("or", b.add(one, word(0x7fn)), one), word(0x80n));
  return b.binary("mul", b.binary("shr", high, 7), 0xff);
}
