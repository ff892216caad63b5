// The stack of a process whose code keeps no frame pointers: frame by frame, each caller's registers from the tables that
// were made of the files' .eh_frame (src/dwarf/unwind-table.ts). Code without a table (what a JIT has made, Go) is taken
// to keep frame pointers. Only for x86-64.
//
// The tables of a process are made when the first address of it is met that no mapping is known for: the program asks for
// them and gives the stack as far as it came.

import { FunctionBuilder, INT, type Value } from "../../compiler/index.ts";
import { currentIdValue } from "./builtin-variables.ts";
import type { Lengths } from "./lower-memory.ts";
import { DISPLACED, stackMaps } from "./lower-stacks.ts";
import { counted } from "./lower-strings.ts";
import {
  Frame,
  follow,
  must,
  type Registers,
  replacedReturn,
  returnProbes,
  userRegisters,
  variable,
} from "./lower-unwind-registers.ts";
import { step, stepByPointer } from "./lower-unwind-step.ts";
import { askFor, element, findProcess, searchRule } from "./lower-unwind-tables.ts";
import type { Lowering } from "./lowering.ts";
import { HEADER } from "./storage.ts";
import type { Type } from "./types.ts";
import { CacheEntry, UNWIND, UNWIND_CACHE } from "./unwind-layout.ts";

const BPF_NOEXIST = 1;
const EEXIST = 17;
/** Frames at the most where the verifier follows every turn of a loop (before Linux 6.9). */
const MOST_FOLLOWED = 48;

/** Writes the number of the present stack and the process it belongs to. */
export function unwoundStackInto(l: Lowering, type: Type, to: Value, offset: number): Lengths {
  const b = l.b;
  if (type.kind !== "ustack") return [];
  l.script.stackLimits.add(type.limit);
  l.script.unwinds = true;
  const result = variable("stack");
  const process = currentIdValue(l, "tgid", "high");
  b.write(result, b.const(-1));
  const after = b.block("unwound");
  l.scoped(() => {
    const { ip, sp, bp } = userRegisters(l, after);
    b.write(result, b.call(unwindFunction(l, type.limit), [process, b.read(ip), b.read(sp), b.read(bp)]));
    b.jump(after);
  });
  follow(l, after);
  b.store(64, to, offset, b.read(result));
  b.store(64, to, offset + 8, process);
  return [];
}

/** A function of the program that unwinds up to so many frames and gives the stack's number; made once. */
function unwindFunction(l: Lowering, limit: number): string {
  const name = `unwind_${limit}`;
  if (l.functions.some((f) => f.name === name)) return name;
  const outer = { b: l.b, known: l.known };
  const b = new FunctionBuilder(name, [INT, INT, INT, INT]);
  b.span = outer.b.span;
  l.b = b;
  l.known = [new Map()];
  const registers: Registers = { ip: variable("ip"), sp: variable("sp"), bp: variable("bp") };
  for (const [i, part] of (["ip", "sp", "bp"] as const).entries()) b.write(registers[part], b.param(i + 1));
  const bytes = (limit + 1) * 8;
  const frames = b.slot(bytes);
  // On the stack the kernel may want all of it to be written before it is read.
  if (bytes <= 256) b.zero(frames, 0, bytes);
  const key = b.slot(8);
  const hash = walk(l, registers, b.param(0), frames, key, limit);
  b.return(keep(l, frames, hash, key, limit));
  l.functions.push(b.finish());
  l.b = outer.b;
  l.known = outer.known;
  return name;
}

/** Puts the addresses into `frames`, a zero behind the last; gives a number made of them. */
function walk(l: Lowering, registers: Registers, process: Value, frames: Value, key: Value, limit: number): Value {
  const b = l.b;
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
  findProcess(l, process, key, first, last, generation);

  const followed = l.script.checker.env.lacks?.("mayGoto") === true;
  const most = followed ? Math.min(limit, MOST_FOLLOWED) : limit;
  const returns = followed ? undefined : returnProbes(l);
  // A return address that a probe has replaced takes a turn more.
  counted(l, returns === undefined ? most : most * 2, (_turn, leave) => {
    const pc = b.binary("sub", b.read(ip), b.and(b.read(frame), 1));
    const known = b.block("known");
    const search = b.block("search");
    const unknown = b.block("unknown");
    const moved = b.block("moved");
    const append = (): void => {
      const place = b.read(depth);
      must(l, "ult", place, most, end);
      b.write(depth, b.add(place, 1));
      const at = b.add(frames, b.binary("shl", place, 3));
      b.store(64, at, 0, b.read(ip));
      b.store(64, at, 8, 0);
      const mixed = b.binary("mul", b.binary("xor", b.read(hash), b.read(ip)), 0x9e3779b97f4a7c15n);
      b.write(hash, b.binary("xor", mixed, b.binary("shr", mixed, 29)));
    };
    // Most addresses were met before.
    const slot = b.binary("shr", b.binary("mul", pc, 0x9e3779b97f4a7c15n), 64 - Math.log2(UNWIND_CACHE));
    const memory = element(l, UNWIND.cache, slot, key, unknown);
    const held = b.load("u64", memory, CacheEntry.rule);
    must(l, "eq", b.binary("xor", b.load("u64", memory, CacheEntry.check), held), pc, search);
    must(l, "eq", b.binary("shr", held, 32), b.read(generation), search);
    b.write(rule, b.zext(held, 32));
    b.jump(known);
    b.seal(search);
    b.at(search);
    const fresh = searchRule(l, b.read(first), b.read(last), pc, key, unknown);
    b.write(rule, fresh);
    const holds = b.binary("or", b.binary("shl", b.read(generation), 32), fresh);
    b.store(64, memory, CacheEntry.check, b.binary("xor", pc, holds));
    b.store(64, memory, CacheEntry.rule, holds);
    b.jump(known);
    b.seal(unknown);
    b.at(unknown);
    if (returns !== undefined) {
      const strange = b.block("strange");
      must(l, "ne", b.read(frame), Frame.INTERRUPTED, strange);
      replacedReturn(l, returns, b.binary("sub", b.read(sp), 8), ip, words, strange);
      b.jump(moved);
      b.seal(strange);
      b.at(strange);
    }
    l.count(HEADER.stackCut);
    askFor(l, process, pc, key, words);
    // Where frame pointers have led to what is no code, the stack has ended before.
    must(l, "ne", b.read(frame), Frame.GUESSED, end);
    append();
    b.jump(end);

    b.seal(known);
    b.at(known);
    append();
    const pointers = b.block("frame-pointers");
    const cut = b.block("cut");
    step(l, b.read(rule), registers, words, frame, { moved, pointers, cut, end: leave });
    b.seal(pointers);
    b.at(pointers);
    stepByPointer(l, registers, words, frame, { moved, cut, end: leave });
    b.seal(cut);
    b.at(cut);
    l.count(HEADER.stackCut);
    b.jump(end);
    b.seal(moved);
    b.at(moved);
    // Threads that nobody has called end in a zero.
    must(l, "ne", b.read(ip), 0, leave);
  });
  b.jump(end);
  b.seal(end);
  b.at(end);
  return b.read(hash);
}

/** Keeps the stack under a number made of its addresses; gives the number, or -1 where there was no room. */
function keep(l: Lowering, frames: Value, hash: Value, key: Value, limit: number): Value {
  const b = l.b;
  const number = variable("number");
  const map = stackMaps(limit).displaced;
  const after = b.block("kept");
  const fresh = b.block("new");
  b.write(number, b.binary("or", b.and(hash, DISPLACED - 1), DISPLACED));
  b.store(64, key, 0, b.read(number));
  const there = b.helper("map_lookup_elem", [b.map(map), key], { kind: "map-value", map, nullable: true });
  b.branch("eq", there, 0, fresh, after, { unlikely: "then" });
  follow(l, fresh);
  const kept = b.helper("map_update_elem", [b.map(map), key, frames, b.const(BPF_NOEXIST)]);
  const failed = b.block("failed");
  const lost = b.block("lost");
  b.branch("eq", kept, 0, after, failed);
  follow(l, failed);
  b.branch("eq", kept, -EEXIST, after, lost);
  follow(l, lost);
  l.count(HEADER.stackLost);
  b.write(number, b.const(-1));
  b.jump(after);
  follow(l, after);
  return b.read(number);
}
