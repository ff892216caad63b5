// Work on strings that needs a loop in the kernel: lengths, searches, argument vectors.

import { type Block, INT, type Value, type Variable } from "../compiler/index.ts";
import { sizeOf, utf8 } from "../schema/index.ts";
import { reserve, submit } from "./events.ts";
import { type MemorySpace, type Operand, readForeign } from "./memory.ts";
import { addSite, type ProgramState } from "./state.ts";

/** Bytes before the NUL. */
export function stringLength(p: ProgramState, op: Operand & { kind: "memory" }): Value {
  const b = p.b;
  const length: Variable = { name: "length", type: INT };
  b.write(length, b.const(0));
  b.loop(sizeOf(op.type), (at, leave) => {
    b.write(length, at);
    const next = b.block("next");
    b.branch("eq", b.load("u8", b.add(b.add(op.pointer, op.offset), at), 0), 0, leave, next);
    b.enter(next);
  });
  return b.read(length);
}

/** 1 where the text stands somewhere in the string. */
export function containsText(p: ProgramState, op: Operand & { kind: "memory" }, text: string): Value {
  const b = p.b;
  const needle = utf8(text);
  const result: Variable = { name: "contains", type: INT };
  if (needle.length === 0) return b.const(1);
  b.write(result, b.const(0));
  const room = sizeOf(op.type) - needle.length;
  if (room < 0) return b.const(0);
  b.loop(room + 1, (at, leave) => {
    const start = b.add(b.add(op.pointer, op.offset), at);
    const next = b.block("next");
    const more = b.block("more");
    b.branch("eq", b.load("u8", start, 0), 0, leave, more);
    b.enter(more);
    for (const [i, byte] of needle.entries()) {
      b.must("eq", b.load("u8", start, i), byte, next);
    }
    b.write(result, b.const(1));
    b.jump(leave);
    b.enter(next);
  });
  return b.read(result);
}

/** Where a string of our own memory stands in another, in bytes; `absent` where it does not. */
export function findString(
  p: ProgramState,
  hay: Operand & { kind: "memory" },
  needle: Operand & { kind: "memory" },
  absent: number,
): Value {
  const b = p.b;
  const result: Variable = { name: "found", type: INT };
  const start: Variable = { name: "start", type: INT };
  const matched: Variable = { name: "matched", type: INT };
  const [head, go, leave] = [b.block("head"), b.block("go"), b.block("leave")];
  const [compare, look, same, other, found] = ["compare", "look", "same", "other", "found"].map((n) => b.block(n)) as [
    Block,
    Block,
    Block,
    Block,
    Block,
  ];
  b.write(result, b.const(absent));
  b.write(start, b.const(0));
  b.write(matched, b.const(0));
  b.jump(head);
  b.at(head);
  b.mayGoto(go, leave);
  b.enter(go);
  const i = b.read(start);
  const j = b.read(matched);
  // What is matched in full is found: to the needle's end, or to the end of its room.
  b.branch("ult", j, sizeOf(needle.type), compare, found);
  b.enter(compare);
  const wanted = b.load("u8", b.add(b.add(needle.pointer, needle.offset), j), 0);
  b.must("ne", wanted, 0, found);
  const at = b.add(i, j);
  b.must("ult", at, sizeOf(hay.type), leave);
  b.jump(look);
  b.enter(look);
  const here = b.load("u8", b.add(b.add(hay.pointer, hay.offset), at), 0);
  b.branch("eq", here, wanted, same, other);
  b.enter(same);
  b.write(matched, b.add(j, 1));
  b.jump(head);
  b.enter(other);
  b.must("ne", here, 0, leave);
  b.write(start, b.add(i, 1));
  b.write(matched, b.const(0));
  b.jump(head);
  b.seal(head);
  b.enter(found);
  b.write(result, i);
  b.jump(leave);
  b.enter(leave);
  return b.read(result);
}

/** The difference of the first bytes that differ, of so many; 0 where none do (memcmp(3)). */
export function memoryDifference(
  p: ProgramState,
  x: Operand & { kind: "memory" },
  y: Operand & { kind: "memory" },
  count: number,
): Value {
  const b = p.b;
  const result: Variable = { name: "difference", type: INT };
  b.write(result, b.const(0));
  b.loop(Math.min(count, sizeOf(x.type), sizeOf(y.type)), (at, leave, next) => {
    const left = b.load("u8", b.add(b.add(x.pointer, x.offset), at), 0);
    const right = b.load("u8", b.add(b.add(y.pointer, y.offset), at), 0);
    b.write(result, b.binary("sub", left, right));
    b.branch("eq", left, right, next, leave);
  });
  return b.read(result);
}

/** As bpftrace: sixteen strings at the most. */
const JOIN_STRINGS = 16;

/** Sends the strings of an argument vector (char **): each in a place of its own. */
export function joinInto(p: ProgramState, array: Value, space: MemorySpace, separator: string): void {
  const b = p.b;
  const size = Math.ceil((p.object.maxStrlen + 1) / 8) * 8;
  const bytes = 8 + JOIN_STRINGS * size;
  const site = addSite(p, { kind: "join", separator, size }, [], bytes, "events");
  reserve(p, site, bytes, (record) => {
    b.store(32, record, 0, site.id);
    const slot = b.slot(8);
    const full = b.block("full");
    const strings: Variable = { name: "count", type: INT };
    b.write(strings, b.const(0));
    for (let i = 0; i < JOIN_STRINGS; i++) {
      b.store(64, slot, 0, 0);
      readForeign(p, slot, 0, 8, array, i * 8, space);
      const address = b.load("u64", slot, 0);
      b.must("ne", address, 0, full);
      b.helper(space === "user" ? "probe_read_user_str" : "probe_read_kernel_str", [
        b.add(record, 8 + i * size),
        b.const(size),
        address,
      ]);
      b.write(strings, b.const(i + 1));
    }
    b.jump(full);
    b.enter(full);
    b.store(32, record, 4, b.read(strings));
    submit(p, record, "events");
  });
}
