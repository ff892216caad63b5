// The stack of a process whose code keeps no frame pointers: frame by frame, each caller's registers from the tables that
// were made of the files' .eh_frame (src/dwarf/unwind-table.ts). Code without a table (what a JIT has made, Go) is taken
// to keep frame pointers. Only for x86-64.
//
// The tables of a process are made when the first address of it is seen that no mapping is known for: the program asks for
// them and gives the stack as far as it came.

import { FunctionBuilder, INT, type Value } from "../compiler/index.ts";
import { CacheEntry, DISPLACED, HEADER, stackMaps, type Type, UNWIND, UNWIND_CACHE } from "../schema/index.ts";
import { globalId } from "./current-task.ts";
import type { Lengths } from "./long-strings.ts";
import { withLength } from "./stacks.ts";
import { increment, type ProgramState, scoped, within } from "./state.ts";
import {
  FrameKind,
  type Registers,
  replacedReturn,
  returnProbes,
  userRegisters,
  variable,
} from "./unwind-registers.ts";
import { step, stepByPointer } from "./unwind-step.ts";
import { askFor, element, findProcess, searchRule } from "./unwind-tables.ts";

const BPF_NOEXIST = 1;
const EEXIST = 17;
/** Frames at the most where the verifier follows every turn of a loop (before Linux 6.9). */
const MOST_FOLLOWED = 48;

/** Writes the number of the present stack and the process it belongs to. */
export function unwoundStackInto(p: ProgramState, type: Type, to: Value, offset: number): Lengths {
  const b = p.b;
  if (type.kind !== "ustack") return [];
  p.object.stackLimits.add(type.limit);
  p.object.unwinds = true;
  const result = variable("stack");
  const process = globalId(p, "process");
  b.write(result, b.const(-1));
  const after = b.block("unwound");
  scoped(p, () => {
    const { ip, sp, bp } = userRegisters(p, after);
    b.write(result, b.call(unwindFunction(p, type.limit), [process, b.read(ip), b.read(sp), b.read(bp)]));
    b.jump(after);
  });
  p.b.enter(after);
  b.store(64, to, offset, b.read(result));
  b.store(64, to, offset + 8, process);
  return [];
}

/** A function of the program that unwinds up to so many frames and gives the stack's number; made once. */
function unwindFunction(p: ProgramState, limit: number): string {
  const name = `unwind_${limit}`;
  if (p.functions.some((f) => f.name === name)) return name;
  const b = new FunctionBuilder(name, [INT, INT, INT, INT]);
  b.span = p.b.span;
  within(p, b, () => {
    const registers: Registers = { ip: variable("ip"), sp: variable("sp"), bp: variable("bp") };
    for (const [i, part] of (["ip", "sp", "bp"] as const).entries()) b.write(registers[part], b.param(i + 1));
    const bytes = (limit + 1) * 8;
    const frames = b.slot(bytes);
    // On the stack the kernel may want all of it to be written before it is read.
    if (bytes <= 256) b.zero(frames, 0, bytes);
    const key = b.slot(8);
    const hash = walk(p, registers, b.param(0), frames, key, limit);
    const number = keep(p, frames, hash, key, limit);
    b.return(withLength(p, number, () => countFrames(p, frames, limit)));
    p.functions.push(b.finish());
  });
  return name;
}

/** Puts the addresses into `frames`, a zero behind the last; gives a number made of them. */
function walk(p: ProgramState, registers: Registers, process: Value, frames: Value, key: Value, limit: number): Value {
  const b = p.b;
  const { ip, sp } = registers;
  const frame = variable("frame");
  const hash = variable("hash");
  const first = variable("first");
  const last = variable("last");
  const generation = variable("generation");
  const rule = variable("rule");
  const end = b.block("end");
  const words = b.slot(16);
  const depth = variable("depth");
  for (const zero of [depth, frame, hash, first, last, generation]) b.write(zero, b.const(0));
  findProcess(p, process, key, first, last, generation);

  const followed = p.object.target.lacks?.("mayGoto") === true;
  const most = followed ? Math.min(limit, MOST_FOLLOWED) : limit;
  const returns = followed ? undefined : returnProbes(p);
  // A return address that a probe has replaced takes a turn more.
  p.b.loop(returns === undefined ? most : most * 2, (_turn, leave) => {
    const pc = b.binary("sub", b.read(ip), b.and(b.read(frame), 1));
    const known = b.block("known");
    const search = b.block("search");
    const unknown = b.block("unknown");
    const moved = b.block("moved");
    const append = (): void => {
      const place = b.read(depth);
      p.b.must("ult", place, most, end);
      b.write(depth, b.add(place, 1));
      const at = b.add(frames, b.binary("shl", place, 3));
      b.store(64, at, 0, b.read(ip));
      b.store(64, at, 8, 0);
      const mixed = b.binary("mul", b.binary("xor", b.read(hash), b.read(ip)), 0x9e3779b97f4a7c15n);
      b.write(hash, b.binary("xor", mixed, b.binary("shr", mixed, 29)));
    };
    // Most addresses were seen before.
    const slot = b.binary("shr", b.binary("mul", pc, 0x9e3779b97f4a7c15n), 64 - Math.log2(UNWIND_CACHE));
    const memory = element(p, UNWIND.cache, slot, key, unknown);
    const held = b.load("u64", memory, CacheEntry.rule);
    p.b.must("eq", b.binary("xor", b.load("u64", memory, CacheEntry.check), held), pc, search);
    p.b.must("eq", b.binary("shr", held, 32), b.read(generation), search);
    b.write(rule, b.zext(held, 32));
    b.jump(known);
    b.enter(search);
    const fresh = searchRule(p, b.read(first), b.read(last), pc, key, unknown);
    b.write(rule, fresh);
    const holds = b.binary("or", b.binary("shl", b.read(generation), 32), fresh);
    b.store(64, memory, CacheEntry.check, b.binary("xor", pc, holds));
    b.store(64, memory, CacheEntry.rule, holds);
    b.jump(known);
    b.enter(unknown);
    if (returns !== undefined) {
      const strange = b.block("strange");
      p.b.must("ne", b.read(frame), FrameKind.INTERRUPTED, strange);
      replacedReturn(p, returns, b.binary("sub", b.read(sp), 8), ip, words, strange);
      b.jump(moved);
      b.enter(strange);
    }
    increment(p, HEADER.stackCut);
    askFor(p, process, pc, key, words);
    // Where frame pointers have led to what is no code, the stack has ended before.
    p.b.must("ne", b.read(frame), FrameKind.GUESSED, end);
    append();
    b.jump(end);

    b.enter(known);
    append();
    const pointers = b.block("frame-pointers");
    const cut = b.block("cut");
    step(p, b.read(rule), registers, words, frame, { moved, pointers, cut, end: leave });
    b.enter(pointers);
    stepByPointer(p, registers, words, frame, { moved, cut, end: leave });
    b.enter(cut);
    increment(p, HEADER.stackCut);
    b.jump(end);
    b.enter(moved);
    // Threads that nobody has called end in a zero.
    p.b.must("ne", b.read(ip), 0, leave);
  });
  b.jump(end);
  b.enter(end);
  return b.read(hash);
}

/** The frames of a stack end with a zero, or with the room for them. */
function countFrames(p: ProgramState, frames: Value, limit: number): Value {
  const b = p.b;
  const count = variable("count");
  b.write(count, b.const(0));
  b.loop(limit, (index, leave) => {
    const next = b.block("frame");
    b.branch("eq", b.load("u64", b.add(frames, b.binary("shl", index, 3)), 0), 0, leave, next);
    b.enter(next);
    b.write(count, b.add(b.read(count), 1));
  });
  return b.read(count);
}

/** Keeps the stack under a number made of its addresses; gives the number, or -1 where there was no room. */
function keep(p: ProgramState, frames: Value, hash: Value, key: Value, limit: number): Value {
  const b = p.b;
  const number = variable("number");
  const map = stackMaps(limit).displaced;
  const after = b.block("kept");
  const fresh = b.block("new");
  b.write(number, b.binary("or", b.and(hash, DISPLACED - 1), DISPLACED));
  b.store(64, key, 0, b.read(number));
  const there = b.helper("map_lookup_elem", [b.map(map), key], { kind: "map-value", map, nullable: true });
  b.branch("eq", there, 0, fresh, after, { unlikely: "then" });
  p.b.enter(fresh);
  const kept = b.helper("map_update_elem", [b.map(map), key, frames, b.const(BPF_NOEXIST)]);
  const failed = b.block("failed");
  const lost = b.block("lost");
  b.branch("eq", kept, 0, after, failed);
  p.b.enter(failed);
  b.branch("eq", kept, -EEXIST, after, lost);
  p.b.enter(lost);
  increment(p, HEADER.stackLost);
  b.write(number, b.const(-1));
  b.jump(after);
  p.b.enter(after);
  return b.read(number);
}
