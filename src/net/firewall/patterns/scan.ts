// Functions over a packet's payload: given its context and where the payload begins, they answer with the bits of all patterns that
// match. They read data and data_end themselves, and nothing behind the packet's end.

import { type Block, FunctionBuilder, INT, type IrFunction, type Value } from "../../../compiler/index.ts";
import { type Table, Walk } from "./table.ts";

/** Whose context it is: struct xdp_md, or struct __sk_buff of tc. */
export type PacketContext = "xdp" | "tc";
const DATA: Readonly<Record<PacketContext, { readonly data: number; readonly end: number }>> = {
  xdp: { data: 0, end: 4 },
  tc: { data: 76, end: 80 },
};
/** Offsets beyond are taken for no payload: no header is so long. */
export const MOST_OFFSET = 2047;
/** Bytes of a payload that are looked at, at most. */
export const MOST_BYTES = 1536;

interface Payload {
  readonly b: FunctionBuilder;
  readonly data: Value;
  readonly end: Value;
  /** Of the payload, from `data`. */
  readonly offset: Value;
}

/** A function (context, offset of the payload) that answers 0 where there is no payload. */
function payloadFunction(
  name: string,
  context: PacketContext,
  body: (payload: Payload, none: Block) => void,
): IrFunction {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }, INT]);
  const none = b.block("none");
  const { data, end } = DATA[context];
  b.must("ule", b.param(1), MOST_OFFSET, none);
  const payload: Payload = {
    b,
    data: b.load("u32", b.param(0), data, { kind: "packet" }),
    end: b.load("u32", b.param(0), end, { kind: "packet-end" }),
    offset: b.and(b.param(1), MOST_OFFSET),
  };
  body(payload, none);
  b.enter(none);
  b.return(0);
  return b.finish();
}

/** Walks over the first bytes of a payload, at most `bytes`, a multiple of 8. */
export function scanFunction(name: string, table: Table, bytes: number, context: PacketContext): IrFunction {
  return payloadFunction(name, context, ({ b, data, end, offset }) => {
    const walk = new Walk(b, table);
    const done = b.block("done");
    const place = { name: "place", type: { kind: "packet" } as const };
    const turn = { name: "turn", type: INT };
    const [head, eight, rest] = [b.block("head"), b.block("eight"), b.block("rest")];
    b.write(place, b.add(data, offset));
    b.write(turn, b.const(0));
    b.jump(head);
    b.at(head);
    // So many turns, which the verifier counts: no kernel needs more than a loop.
    b.must("ult", b.read(turn), bytes / 8, done);
    b.branch("ule", b.add(b.read(place), 8), end, eight, rest);
    b.enter(eight);
    const word = b.load("u64", b.read(place));
    for (let i = 0; i < 8; i++) {
      const byte =
        i === 0 ? b.and(word, 255) : i === 7 ? b.binary("shr", word, 56) : b.and(b.binary("shr", word, 8 * i), 255);
      walk.byte(byte);
    }
    b.write(place, b.add(b.read(place), 8));
    b.write(turn, b.add(b.read(turn), 1));
    b.jump(head);
    b.seal(head);
    // What is left is less than eight bytes.
    b.enter(rest);
    for (let i = 0; i < 7; i++) {
      b.must("ule", b.add(b.read(place), i + 1), end, done);
      walk.byte(b.load("u8", b.read(place), i));
    }
    b.jump(done);
    b.enter(done);
    b.return(walk.found);
  });
}

// --- TLS ------------------------------------------------------------------------------------------------------------------

/** Extensions of a greeting that are looked at. */
export const MOST_EXTENSIONS = 40;
/** Of a server's name (RFC 6066, 3; a name of DNS). */
export const MOST_NAME = 255;

/** Bytes that a greeting is read from: where it begins, and how what lies there is loaded, unless it goes to `none`. */
export interface GreetingBytes {
  readonly start: Value;
  /** A number at `from` and some bytes, as it lies in memory. */
  readonly number: (bytes: 1 | 2, from: Value, plus: number) => Value;
  /** What `byte` is given: the place of the name's first letter. */
  readonly letters: (from: Value) => Value;
  readonly letter: (letters: Value, index: Value) => Value;
}

/**
 * Walks over the server's name in a ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), and its end; gives the bits of what matches. Goes to
 * `none` where this is no such greeting, or its name is not there; to `cut`, if one is given, where the greeting goes on in another
 * record than its first, or has more extensions than are looked at.
 */
export function walkServerName(
  b: FunctionBuilder,
  table: Table,
  bytes: GreetingBytes,
  none: Block,
  cut: Block = none,
): Value {
  const at = { name: "at", type: INT };
  b.write(at, bytes.start);
  /** A number of the network's order. */
  const number = (size: 1 | 2, from: Value, plus = 0): Value => {
    const loaded = bytes.number(size, from, plus);
    return size === 1 ? loaded : b.bswap(loaded, 16);
  };
  const skip = (by: Value | number): void => b.write(at, b.add(b.read(at), by));
  // Record: type 22, version 3.x, length; message: type 1, length of 3; version 2, random 32.
  b.must("eq", number(1, bytes.start), 22, none);
  b.must("eq", number(1, bytes.start, 1), 3, none);
  b.must("eq", number(1, bytes.start, 5), 1, none);
  if (cut !== none) {
    b.must("eq", number(1, bytes.start, 6), 0, cut);
    const record = number(2, bytes.start, 3);
    b.must("uge", record, b.add(number(2, bytes.start, 7), 4), cut);
  }
  skip(5 + 4 + 2 + 32);
  for (const size of [1, 2, 1] as const) {
    const length = number(size, b.read(at));
    skip(b.add(length, size));
  }
  const extensions = number(2, b.read(at));
  skip(2);
  const last = b.add(b.read(at), extensions);
  const found = b.block("found");
  const turn = { name: "turn", type: INT };
  const [head, next] = [b.block("head"), b.block("next")];
  b.write(turn, b.const(0));
  b.jump(head);
  b.at(head);
  const here = b.read(at);
  b.must("ult", here, last, none);
  b.must("ult", b.read(turn), MOST_EXTENSIONS, cut);
  const type = number(2, here);
  const length = number(2, here, 2);
  b.branch("eq", type, 0, found, next);
  b.enter(next);
  b.write(at, b.add(b.add(here, length), 4));
  b.write(turn, b.add(b.read(turn), 1));
  b.jump(head);
  b.seal(head);
  b.enter(found);
  // A list, of which the first is looked at: type 0 is a host's name.
  b.must("eq", number(1, here, 6), 0, none);
  const size = number(2, here, 7);
  b.must("ule", size, MOST_NAME, none);
  const place = bytes.letters(b.add(here, 9));
  const walk = new Walk(b, table);
  const ended = b.block("ended");
  const index = { name: "index", type: INT };
  const [letters, letter] = [b.block("letters"), b.block("letter")];
  b.write(index, b.const(0));
  b.jump(letters);
  b.at(letters);
  b.branch("ult", b.read(index), MOST_NAME, letter, ended);
  b.enter(letter);
  const i = b.read(index);
  b.must("ult", i, size, ended);
  walk.byte(bytes.letter(place, i));
  b.write(index, b.add(i, 1));
  b.jump(letters);
  b.seal(letters);
  b.enter(ended);
  walk.end();
  return walk.found;
}

/** Walks over the server's name of a greeting that a packet has whole; 0 where it has none. */
export function serverNameFunction(name: string, table: Table, context: PacketContext): IrFunction {
  return payloadFunction(name, context, ({ b, data, end, offset }, none) => {
    // Offsets that no packet has are none.
    const placeOf = (from: Value): Value => b.add(data, b.and(from, 4095));
    const found = walkServerName(
      b,
      table,
      {
        start: offset,
        number: (bytes, from, plus) => {
          b.must("ule", from, 4095, none);
          const place = placeOf(from);
          b.must("ule", b.add(place, plus + bytes), end, none);
          return b.load(bytes === 1 ? "u8" : "u16", place, plus);
        },
        letters: placeOf,
        letter: (place, index) => {
          const byte = b.add(place, index);
          b.must("ule", b.add(byte, 1), end, none);
          return b.load("u8", byte);
        },
      },
      none,
    );
    b.return(found);
  });
}
