// Work on strings that needs a loop in the kernel: lengths, searches, argument vectors.

import { INT, type Value, type Variable } from "../../compiler/index.ts";
import { sizeOf } from "./layout.ts";
import { submit } from "./lower-events.ts";
import { type MemorySpace, type Operand, readForeign, utf8 } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import { EVENTS, HEADER } from "./storage.ts";

/** Runs the body with 0, 1, … below `count` until it leaves. */
export function counted(
  l: Lowering,
  count: number | Value,
  body: (index: Value, leave: ReturnType<Lowering["b"]["block"]>) => void,
): void {
  const b = l.b;
  const index: Variable = { name: "index", type: INT };
  const head = b.block("head");
  const check = b.block("check");
  const run = b.block("run");
  const leave = b.block("leave");
  b.write(index, b.const(0));
  b.jump(head);
  b.at(head);
  b.mayGoto(check, leave);
  b.seal(check);
  b.at(check);
  const at = b.read(index);
  b.branch("ult", at, count, run, leave);
  b.seal(run);
  b.at(run);
  body(at, leave);
  b.write(index, b.add(at, 1));
  b.jump(head);
  b.seal(head);
  b.seal(leave);
  b.at(leave);
}

/** Bytes before the NUL. */
export function stringLength(l: Lowering, op: Operand & { kind: "memory" }): Value {
  const b = l.b;
  const length: Variable = { name: "length", type: INT };
  b.write(length, b.const(0));
  counted(l, sizeOf(op.type), (at, leave) => {
    b.write(length, at);
    const next = b.block("next");
    b.branch("eq", b.load("u8", b.add(b.add(op.pointer, op.offset), at), 0), 0, leave, next);
    b.seal(next);
    b.at(next);
  });
  return b.read(length);
}

/** 1 where the text stands somewhere in the string. */
export function containsText(l: Lowering, op: Operand & { kind: "memory" }, text: string): Value {
  const b = l.b;
  const needle = utf8(text);
  const result: Variable = { name: "contains", type: INT };
  if (needle.length === 0) return b.const(1);
  b.write(result, b.const(0));
  const room = sizeOf(op.type) - needle.length;
  if (room < 0) return b.const(0);
  counted(l, room + 1, (at, leave) => {
    const start = b.add(b.add(op.pointer, op.offset), at);
    const next = b.block("next");
    const more = b.block("more");
    b.branch("eq", b.load("u8", start, 0), 0, leave, more);
    b.seal(more);
    b.at(more);
    for (const [i, byte] of needle.entries()) {
      const same = b.block("same");
      b.branch("eq", b.load("u8", start, i), byte, same, next);
      b.seal(same);
      b.at(same);
    }
    b.write(result, b.const(1));
    b.jump(leave);
    b.seal(next);
    b.at(next);
  });
  return b.read(result);
}

/** As bpftrace: sixteen strings at the most. */
const JOIN_STRINGS = 16;

/** Sends the strings of an argument vector (char **): each in a place of its own. */
export function joinInto(l: Lowering, array: Value, space: MemorySpace, separator: string): void {
  const b = l.b;
  const size = Math.ceil((l.script.checker.options.maxStrlen + 1) / 8) * 8;
  const bytes = 8 + JOIN_STRINGS * size;
  const site = l.site({ kind: "join", separator, size }, [], bytes, "events");
  const record = b.helper("ringbuf_reserve", [b.map(EVENTS), b.const(bytes), b.const(0)], {
    kind: "record",
    nullable: true,
  });
  const got = b.block("reserved");
  const lost = b.block("lost");
  const after = b.block("sent");
  b.branch("ne", record, 0, got, lost, { unlikely: "else" });
  b.seal(lost);
  b.at(lost);
  l.count(HEADER.lost);
  b.jump(after);
  b.seal(got);
  b.at(got);
  b.store(32, record, 0, site.id);
  const slot = b.slot(8);
  const full = b.block("full");
  const count: Variable = { name: "count", type: INT };
  b.write(count, b.const(0));
  for (let i = 0; i < JOIN_STRINGS; i++) {
    b.store(64, slot, 0, 0);
    readForeign(l, slot, 0, 8, array, i * 8, space);
    const address = b.load("u64", slot, 0);
    const next = b.block("string");
    b.branch("ne", address, 0, next, full);
    b.seal(next);
    b.at(next);
    b.helper(space === "user" ? "probe_read_user_str" : "probe_read_kernel_str", [
      b.add(record, 8 + i * size),
      b.const(size),
      address,
    ]);
    b.write(count, b.const(i + 1));
  }
  b.jump(full);
  b.seal(full);
  b.at(full);
  b.store(32, record, 4, b.read(count));
  submit(l, record, "events");
  b.jump(after);
  b.seal(after);
  b.at(after);
}
