// Comparing memory of our own: a string with a text by whole words, two strings byte by byte.

import type { Block, Value } from "../compiler/index.ts";
import { sizeOf, utf8 } from "../schema/index.ts";
import type { Operand } from "./memory.ts";
import type { ProgramState } from "./state.ts";

/** A string of our own memory against a text, by whole words; `limit` bytes at the most (strncmp). */
export function compareText(
  p: ProgramState,
  op: Operand & { kind: "memory" },
  text: string,
  limit: number,
  equal: Block,
  different: Block,
): void {
  const b = p.b;
  const bytes = [...utf8(text), 0].slice(0, limit);
  const room = op.type.kind === "string" ? op.type.size : sizeOf(op.type);
  if (bytes.length > room) {
    // It can be equal only where the string was cut; a cut string ends in its last byte.
    b.jump(different);
    return;
  }
  // Where the rest is known to be zero, whole words can be compared.
  if (op.padded === true && limit > bytes.length) while (bytes.length % 8 !== 0 && bytes.length < room) bytes.push(0);
  for (let at = 0; at < bytes.length; ) {
    const place = op.offset + at;
    const left = bytes.length - at;
    const step =
      place % 8 === 0 && left >= 8 ? 8 : place % 4 === 0 && left >= 4 ? 4 : place % 2 === 0 && left >= 2 ? 2 : 1;
    let word = 0n;
    for (let i = step - 1; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i] as number);
    b.must("eq", b.load(`u${step * 8}` as "u8", op.pointer, place), b.const(word), different);
    at += step;
  }
  b.jump(equal);
}

/** Two strings of our own memory, byte by byte, `limit` bytes at the most. */
export function compareStrings(
  p: ProgramState,
  a: Operand & { kind: "memory" },
  c: Operand & { kind: "memory" },
  limit: number | undefined,
  equal: Block,
  different: Block,
): void {
  const b = p.b;
  const room = Math.min(
    a.type.kind === "string" ? a.type.size : 1,
    c.type.kind === "string" ? c.type.size : 1,
    limit ?? Number.MAX_SAFE_INTEGER,
  );
  b.loop(room, (at, leave, next) => {
    const x = b.load("u8", b.add(b.add(a.pointer, a.offset), at), 0);
    const y = b.load("u8", b.add(b.add(c.pointer, c.offset), at), 0);
    b.must("eq", x, y, different);
    b.branch("eq", x, 0, leave, next);
  });
  b.jump(equal);
}

/** Goes on where two buffers of our own memory have the same bytes: their lengths, then as many bytes. */
export function compareBuffers(
  p: ProgramState,
  a: Operand & { kind: "memory" },
  c: Operand & { kind: "memory" },
  different: Block,
): void {
  const b = p.b;
  const length = b.load("u32", a.pointer, a.offset);
  b.must("eq", length, b.load("u32", c.pointer, c.offset), different);
  const room = Math.min(...[a, c].map(({ type }) => (type.kind === "buffer" ? type.size : 0)));
  b.loop(room, (at, leave, next) => {
    const more = b.block("more");
    b.branch("ult", at, length, more, leave);
    b.enter(more);
    const byte = (op: Operand & { kind: "memory" }): Value => b.load("u8", b.add(b.add(op.pointer, op.offset), at), 4);
    b.branch("eq", byte(a), byte(c), next, different);
  });
}
