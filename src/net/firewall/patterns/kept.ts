// Walks over bytes that are kept in a map's value, the first of a stream: from where an earlier walk has ended, to where the bytes end now.

import { type FunctionBuilder, INT, type Value } from "../../../compiler/index.ts";
import type { Forgotten } from "../forgotten.ts";
import type { ContentMatcher } from "./compile.ts";
import { walkServerName } from "./scan.ts";
import { type Table, Walk } from "./table.ts";

/** Bytes of a stream that names of TLS are looked for in: greetings have grown by the keys that stand quantum computers. */
const TLS_BYTES = 2048;
/** Before a message of DNS stands its length, where it goes over TCP (RFC 1035, 4.2.2). */
const DNS_LENGTH = 2;
/** Room behind the kept bytes, which loads at their end may reach into. */
export const KEPT_ROOM = 16;

/** The part of a stream that a function looks at. */
export const streamPart = ({ name, bytes }: Pick<ContentMatcher, "name" | "bytes">): { from: number; to: number } =>
  name === "dns" ? { from: DNS_LENGTH, to: DNS_LENGTH + bytes } : { from: 0, to: name === "tls" ? TLS_BYTES : bytes };

/** Bytes kept in memory: at `offset` from `base`, a power of two with KEPT_ROOM behind them. */
export interface Kept {
  readonly base: Value;
  readonly offset: number;
  readonly size: number;
  /** Makes room for a number up to twice the size, which the verifier forgets. */
  readonly number: (value: Value) => Forgotten;
}

/** How far an automaton is: what it has found, and in which state it is. */
export interface Progress {
  readonly found: Value;
  readonly state: Value;
}

/** Goes on from a state over the bytes from `from` to `to`, which are `most` at most. */
export function walkKept(
  b: FunctionBuilder,
  table: Table,
  { base, offset, size, number }: Kept,
  { from, to, most }: { readonly from: Value; readonly to: Value; readonly most: number },
  state: Value,
): Progress {
  const walk = new Walk(b, table, state);
  const at = number(from);
  const end = number(to);
  const turn = { name: "turn", type: INT };
  const [head, eight, rest, done] = [b.block("head"), b.block("eight"), b.block("rest"), b.block("done")];
  const place = (index: Value): Value => b.add(base, b.and(index, size - 1));
  b.write(turn, b.const(0));
  b.jump(head);
  b.at(head);
  // So many turns, which the verifier counts.
  b.must("ult", b.read(turn), Math.ceil(most / 8), rest);
  b.branch("ule", b.add(at.read(), 8), end.read(), eight, rest);
  b.enter(eight);
  const index = at.read();
  const word = b.load("u64", place(index), offset);
  for (let i = 0; i < 8; i++)
    walk.byte(i === 7 ? b.binary("shr", word, 56) : b.and(i === 0 ? word : b.binary("shr", word, 8 * i), 255));
  at.write(b.add(index, 8));
  b.write(turn, b.add(b.read(turn), 1));
  b.jump(head);
  b.seal(head);
  b.enter(rest);
  const last = place(at.read());
  for (let i = 0; i < 7; i++) {
    b.must("ult", b.add(at.read(), i), end.read(), done);
    walk.byte(b.load("u8", last, offset + i));
  }
  b.jump(done);
  b.enter(done);
  return walk;
}

/**
 * The bits of the server's name in a greeting, of which `seen` bytes are there; `cut` is run where its name may lie where it is not
 * looked for: in a second record, behind too many extensions, or behind all bytes that are kept.
 */
export function nameKept(
  b: FunctionBuilder,
  table: Table,
  { base, offset, size, number }: Kept,
  seen: Forgotten,
  cut: () => void,
): Value {
  const found = { name: "found", type: INT };
  const [none, parted, short, done] = [b.block("none"), b.block("parted"), b.block("short"), b.block("done")];
  const place = (from: Value): Value => b.add(base, b.and(from, size - 1));
  const bits = walkServerName(
    b,
    table,
    {
      start: b.const(0),
      number: (bytes, from, plus) => {
        b.must("ule", b.add(from, plus + bytes), seen.read(), short);
        return b.load(bytes === 1 ? "u8" : "u16", place(from), offset + plus);
      },
      // An offset until the letter itself: what is added to an address has to have bounds.
      letters: (from) => number(from).read(),
      letter: (letters, index) => {
        const at = b.add(letters, index);
        b.must("ult", at, seen.read(), short);
        return b.load("u8", place(at), offset);
      },
    },
    none,
    parted,
  );
  b.write(found, bits);
  b.jump(done);
  b.enter(short);
  b.branch("ult", seen.read(), TLS_BYTES, none, parted);
  b.enter(parted);
  cut();
  b.write(found, b.const(0));
  b.jump(done);
  b.enter(none);
  b.write(found, b.const(0));
  b.jump(done);
  b.enter(done);
  return b.read(found);
}
