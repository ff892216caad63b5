// Stacks: the kernel keeps each distinct one once in a table of its own and gives its number, which is what a key or a
// record carries. Two stacks may want the same place of that table: the second one is then put, whole, into a map of
// ours under a number made of its addresses.

import { INT, type Value, type Variable } from "../compiler/index.ts";
import { DISPLACED, HEADER, STACK_NUMBER_BITS, stackMaps, type Type } from "../schema/index.ts";
import { either } from "./choice.ts";
import { processOfAddress } from "./current-task.ts";
import type { Lengths } from "./long-strings.ts";
import { contextOf, increment, type ProgramState, scoped } from "./state.ts";

/** linux/bpf.h */
const BPF_F_USER_STACK = 256;
const BPF_NOEXIST = 1;
const EEXIST = 17;

/** Writes the number of the present stack, and for a user's stack the process it belongs to. */
export function stackInto(p: ProgramState, type: Type, to: Value, offset: number): Lengths {
  const b = p.b;
  if (type.kind !== "kstack" && type.kind !== "ustack") return [];
  p.object.stackLimits.add(type.limit);
  const flags = type.kind === "ustack" ? BPF_F_USER_STACK : 0;
  const maps = stackMaps(type.limit);
  const id = b.helper("get_stackid", [contextOf(p), b.map(maps.table), b.const(flags)]);
  const result: Variable = { name: "stack", type: INT };
  const after = b.block("after");
  const displaced = b.block("displaced");
  b.write(result, id);
  b.must("slt", id, 0, after, { unlikely: "then" });
  // Other errors mean that there is no stack: a kernel thread has no user's stack.
  b.branch("eq", id, -EEXIST, displaced, after, { unlikely: "then" });
  b.enter(displaced);
  b.write(
    result,
    scoped(p, () => displacedStack(p, type.limit, flags, maps.displaced)),
  );
  b.jump(after);
  b.enter(after);
  b.store(
    64,
    to,
    offset,
    withLength(p, b.read(result), () => stackLength(p, type)),
  );
  if (type.kind === "ustack") b.store(64, to, offset + 8, processOfAddress(p));
  return [];
}

/** The number of frames of the present stack, up to the type's limit; 0 where there is none. */
export function stackLength(p: ProgramState, type: Type): Value {
  const b = p.b;
  if (type.kind !== "kstack" && type.kind !== "ustack") return b.const(0);
  const frames = b.slot(type.limit * 8);
  if (p.object.target.lacks?.("currentTaskBtf") === true) b.zero(frames, 0, type.limit * 8);
  const flags = type.kind === "ustack" ? BPF_F_USER_STACK : 0;
  const bytes = b.helper("get_stack", [contextOf(p), frames, b.const(type.limit * 8), b.const(flags)]);
  return either(
    p,
    (some, none) => b.branch("sgt", bytes, 0, some, none),
    () => b.binary("shr", bytes, 3),
    () => b.const(0),
  );
}

/** A stack's number with how many frames it has, where the script asks for that. */
export function withLength(p: ProgramState, number: Value, length: () => Value): Value {
  if (p.object.stackLengths !== true) return number;
  return either(
    p,
    (some, none) => p.b.branch("sge", number, 0, some, none),
    () => p.b.binary("or", number, p.b.binary("shl", length(), STACK_NUMBER_BITS)),
    () => number,
  );
}

/** How many frames a stack has that was taken before, by its number; 0 where there was none. */
export function keptLength(p: ProgramState, number: Value): Value {
  return either(
    p,
    (some, none) => p.b.branch("sge", number, 0, some, none),
    () => p.b.binary("shr", number, STACK_NUMBER_BITS),
    () => p.b.const(0),
  );
}

/** Keeps the stack in our own map; gives its number, or a negative one where that failed. */
function displacedStack(p: ProgramState, limit: number, flags: number, map: string): Value {
  const b = p.b;
  const frames = b.slot(limit * 8);
  const result: Variable = { name: "number", type: INT };
  const hash: Variable = { name: "hash", type: INT };
  const lost = b.block("lost");
  const after = b.block("kept");
  b.write(result, b.const(-1));
  // Raw tracepoints of kernels before 5.11 take no memory that nothing was written to.
  if (p.object.target.lacks?.("currentTaskBtf") === true) b.zero(frames, 0, limit * 8);
  const bytes = b.helper("get_stack", [contextOf(p), frames, b.const(limit * 8), b.const(flags)]);
  b.must("sgt", bytes, 0, after);
  b.write(hash, bytes);
  p.b.loop(limit, (index, leave) => {
    const next = b.block("mix");
    const frame = b.load("u64", b.add(frames, b.binary("shl", index, 3)), 0);
    b.branch("eq", frame, 0, leave, next);
    b.enter(next);
    const mixed = b.binary("mul", b.binary("xor", b.read(hash), frame), 0x9e3779b97f4a7c15n);
    b.write(hash, b.binary("xor", mixed, b.binary("shr", mixed, 29)));
  });
  const number = b.binary("or", b.and(b.read(hash), DISPLACED - 1), DISPLACED);
  const key = b.slot(8);
  b.store(64, key, 0, number);
  b.write(result, number);
  const kept = b.helper("map_update_elem", [b.map(map), key, frames, b.const(BPF_NOEXIST)]);
  const failed = b.block("failed");
  b.branch("eq", kept, 0, after, failed);
  b.enter(failed);
  b.branch("eq", kept, -EEXIST, after, lost);
  b.enter(lost);
  increment(p, HEADER.stackLost);
  b.jump(after);
  b.enter(after);
  return b.read(result);
}
