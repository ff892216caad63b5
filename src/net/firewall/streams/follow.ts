// The function that follows streams: a segment's bytes are put where they belong among the first bytes of its stream, and the automata
// go on over those that are there without a gap. A byte that is there stays: a segment that says another is unclear.
//
// It is verified once and by itself, so what it is told beside numbers, and what it answers beside one, lies in a map of one element; its own numbers
// too, since little is left of the stack.

import {
  type Block,
  FunctionBuilder,
  INT,
  type IrFunction,
  type Value,
  type Variable,
} from "../../../compiler/index.ts";
import { type Forgotten, forgetting } from "../forgotten.ts";
import {
  type CompiledContent,
  MOST_OFFSET,
  nameKept,
  type PacketContext,
  streamPart,
  walkKept,
} from "../patterns/index.ts";
import { BLANK, FLAGS, HEADER, STREAMS, type StreamLayout, streamLayout, TOLD } from "./layout.ts";
import { closeGap, placeBytes } from "./place-bytes.ts";

export const FOLLOW_FUNCTION = "follow_stream";
/**
 * What a segment is, as the function is told it. Strange are fragments, of which the rest comes without ports, and segments with urgent
 * data, of which the receiver takes a byte out.
 */
export const MARKS = { syn: 1, strange: 2 } as const;
/** Bytes beyond which a stream is so long that its numbers will come round, and beyond which they lie before its beginning. */
export const FAR: number = 2 ** 30;
export const BEFORE: number = 2 ** 31;

const value = (map: string) => ({ kind: "map-value", map, nullable: true }) as const;

/** (context, number of the first byte, its place in the frame, bytes, marks): 1 where the segment is unclear, else 0. */
export function followFunction(content: CompiledContent, context: PacketContext): IrFunction {
  const b = new FunctionBuilder(FOLLOW_FUNCTION, [{ kind: "ctx" }, INT, INT, INT, INT]);
  new Follower(b, content, context).write();
  return { ...b.finish(), global: true };
}

class Follower {
  readonly #b: FunctionBuilder;
  readonly #content: CompiledContent;
  readonly #context: PacketContext;
  readonly #layout: StreamLayout;
  /** Not 0: the segment is unclear. */
  readonly #bad: Variable = { name: "bad", type: INT };
  #numbers = 0;

  constructor(b: FunctionBuilder, content: CompiledContent, context: PacketContext) {
    this.#b = b;
    this.#content = content;
    this.#context = context;
    this.#layout = streamLayout(content);
  }

  write(): void {
    const b = this.#b;
    const [sequence, offset, length, marks] = [b.param(1), b.param(2), b.param(3), b.param(4)];
    const [answer, lost, nothing] = [b.block("answer"), b.block("lost"), b.block("nothing")];
    const key = b.slot(8);
    b.store(32, key, 0, 0);
    const told = b.helper("map_lookup_elem", [b.map(TOLD), key], value(TOLD));
    const there = b.block("there");
    const never = b.block("never");
    b.branch("ne", told, 0, there, never);
    b.enter(never);
    b.return(1);
    b.enter(there);
    b.write(this.#bad, b.const(0));
    const stream = this.#stream(told, lost, nothing);

    b.must("ne", length, 0, answer);
    const merge = b.block("merge");
    const unclear = b.block("unclear");
    const flags = b.load("u32", stream, HEADER.flags);
    b.must("eq", b.and(flags, FLAGS.past), 0, answer);
    const at = b.zext(b.binary("sub", sequence, b.load("u32", stream, HEADER.begin)), 32);
    const behind = b.block("behind");
    b.branch("ult", at, this.#layout.size, merge, behind);
    b.enter(behind);
    const before = b.block("before");
    const after = b.block("after");
    b.branch("uge", at, BEFORE, before, after);
    b.enter(before);
    b.branch("ne", b.and(flags, FLAGS.syn), 0, unclear, answer);
    b.enter(after);
    b.must("uge", at, FAR, answer);
    b.must("uge", b.load("u32", stream, HEADER.seen), this.#layout.size, answer);
    b.store(32, stream, HEADER.flags, b.binary("or", flags, FLAGS.past));
    b.jump(answer);

    b.enter(merge);
    b.must("eq", b.and(marks, MARKS.strange), 0, unclear, { unlikely: "else" });
    b.must("ule", offset, MOST_OFFSET, unclear, { unlikely: "else" });
    this.#merge(stream, told, at, offset, length, unclear);
    b.jump(answer);
    b.enter(unclear);
    b.write(this.#bad, b.const(1));
    b.jump(answer);
    b.enter(answer);
    for (const kind of this.#content.matchers.keys())
      b.store(64, told, this.#layout.answer(kind), b.load("u64", stream, this.#layout.found(kind)));
    const result: Variable = { name: "result", type: INT };
    b.write(result, b.const(0));
    b.when("ne", b.read(this.#bad), 0, () => b.write(result, b.const(1)));
    b.when("ne", b.and(b.load("u32", stream, HEADER.flags), FLAGS.cut), 0, () => b.write(result, b.const(1)));
    b.return(b.read(result));

    for (const [block, answered] of [
      [nothing, 0],
      [lost, 1],
    ] as const) {
      b.enter(block);
      for (const kind of this.#content.matchers.keys()) b.store(64, told, this.#layout.answer(kind), 0);
      b.return(answered);
    }
  }

  /** The stream's entry, made anew by a SYN that it did not begin with. To `nothing` where it says nothing yet. */
  #stream(told: Value, lost: Block, nothing: Block): Value {
    const b = this.#b;
    const [sequence, length, marks] = [b.param(1), b.param(3), b.param(4)];
    const stream: Variable = { name: "stream", type: value(STREAMS) };
    const [known, fresh, make, ready] = [b.block("known"), b.block("fresh"), b.block("make"), b.block("ready")];
    const syn = b.and(marks, MARKS.syn);
    const found = b.helper("map_lookup_elem", [b.map(STREAMS), told], value(STREAMS));
    b.branch("ne", found, 0, known, fresh);
    b.enter(fresh);
    b.branch("eq", b.binary("or", length, syn), 0, nothing, make);
    b.enter(known);
    b.write(stream, found);
    const again = b.block("again");
    b.branch("eq", syn, 0, ready, again);
    b.enter(again);
    b.branch("eq", b.load("u32", found, HEADER.begin), b.zext(sequence, 32), ready, make);
    b.enter(make);
    b.helper("map_update_elem", [b.map(STREAMS), told, b.mapValue(BLANK, 0), b.const(0)]);
    const made = b.helper("map_lookup_elem", [b.map(STREAMS), told], value(STREAMS));
    b.must("ne", made, 0, lost);
    b.store(32, made, HEADER.begin, sequence);
    b.store(32, made, HEADER.flags, syn);
    b.write(stream, made);
    b.jump(ready);
    b.enter(ready);
    return b.read(stream);
  }

  /** Puts the segment's bytes in their place, and walks over what is there without a gap. */
  #merge(stream: Value, told: Value, first: Value, offset: Value, length: Value, unclear: Block): void {
    const b = this.#b;
    const { size } = this.#layout;
    const number = (value: Value): Forgotten =>
      forgetting(b, 2 * size - 1, value, { base: told, offset: this.#layout.number(this.#numbers++) });
    const at = number(first);
    const seen = number(b.load("u32", stream, HEADER.seen));
    const ahead = number(b.load("u32", stream, HEADER.ahead));
    const take = number(length);
    const room = b.binary("sub", b.const(size), first);
    b.when("ugt", length, room, () => take.write(room));
    /** Bytes from here on are written without a look at what is there. */
    const plain = number(b.const(size));
    b.when("ule", at.read(), seen.read(), () => {
      plain.write(seen.read());
      b.when("ugt", ahead.read(), seen.read(), () => plain.write(ahead.read()));
    });
    const placing = { b, layout: this.#layout, context: this.#context, stream, told, offset };
    b.write(this.#bad, placeBytes(placing, { at, take, seen, plain }, unclear));

    const now = number(seen.read());
    const end = number(b.add(at.read(), take.read()));
    b.when("ule", at.read(), seen.read(), () => b.when("ugt", end.read(), seen.read(), () => now.write(end.read())), {
      otherwise: () => b.when("ugt", end.read(), ahead.read(), () => b.store(32, stream, HEADER.ahead, end.read())),
    });
    const grown = b.block("grown");
    const same = b.block("same");
    b.branch("ugt", now.read(), seen.read(), grown, same);
    b.enter(grown);
    b.when("ne", ahead.read(), 0, () => closeGap(placing, ahead, now), { unlikely: "then" });
    b.store(32, stream, HEADER.seen, now.read());
    this.#walk(stream, seen, now, number);
    b.jump(same);
    b.enter(same);
  }

  /** Each kind goes on over the bytes that are there now. */
  #walk(stream: Value, seen: Forgotten, now: Forgotten, number: (value: Value) => Forgotten): void {
    const b = this.#b;
    const { size, kept, found, state } = this.#layout;
    const bytes = { base: stream, offset: kept, size, number };
    const more = (kind: number, bits: Value): void =>
      b.store(64, stream, found(kind), b.binary("or", b.load("u64", stream, found(kind)), bits));
    for (const [kind, matcher] of this.#content.matchers.entries()) {
      if (matcher.name === "tls") {
        const cut = (): void => {
          const flags = b.load("u32", stream, HEADER.flags);
          b.store(32, stream, HEADER.flags, b.binary("or", flags, FLAGS.cut));
        };
        b.when("eq", b.load("u64", stream, found(kind)), 0, () =>
          more(kind, nameKept(b, matcher.table, bytes, now, cut)),
        );
        continue;
      }
      const part = streamPart(matcher);
      const from: Variable = { name: "from", type: INT };
      const to: Variable = { name: "to", type: INT };
      b.write(from, seen.read());
      b.when("ult", b.read(from), part.from, () => b.write(from, b.const(part.from)));
      b.write(to, now.read());
      b.when("ugt", b.read(to), part.to, () => b.write(to, b.const(part.to)));
      b.when("ult", b.read(from), b.read(to), () => {
        const stretch = { from: b.read(from), to: b.read(to), most: part.to - part.from };
        const walk = walkKept(b, matcher.table, bytes, stretch, b.load("u16", stream, state(kind)));
        b.store(16, stream, state(kind), walk.state);
        more(kind, walk.found);
      });
    }
  }
}
