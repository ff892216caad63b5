// Look-ups in the tables for unwinding, from within the kernel; and asking for those that are not there yet.

import type { Block, Value, Variable } from "../../compiler/index.ts";
import { UnwindKind } from "../../dwarf/index.ts";
import { counted } from "./lower-strings.ts";
import { follow, must, variable } from "./lower-unwind-registers.ts";
import type { Lowering } from "./lowering.ts";
import { MappingEntry, ProcessEntry, UNWIND, WantedRecord } from "./unwind-layout.ts";

const BPF_NOEXIST = 1;
/** bpf_ringbuf_output: wake the reader whatever it waits for. */
const BPF_RB_FORCE_WAKEUP = 2;
/** Turns of a search in a table of up to 2^24 rows. */
const TURNS = 24;
/** Between two requests for a process, unless they are answered. */
const QUIET_NANOSECONDS = 20_000_000;

/** What the tables say of an address: the second word of its row, NONE for code without a table. */
export function searchRule(l: Lowering, first: Value, last: Value, pc: Value, key: Value, unknown: Block): Value {
  const b = l.b;
  const next = searched(l, UNWIND.mappings, "u64", first, last, pc, key);
  must(l, "ne", next, first, unknown);
  const entry = element(l, UNWIND.mappings, b.binary("sub", next, 1), key, unknown);
  must(l, "ult", pc, b.load("u64", entry, MappingEntry.end), unknown);
  const address = b.binary("sub", pc, b.load("u64", entry, MappingEntry.shift));
  const from = b.load("u32", entry, MappingEntry.first);
  const to = b.add(from, b.load("u32", entry, MappingEntry.count));
  const above = searched(l, UNWIND.rows, "u32", from, to, address, key);
  const rule = variable("found");
  const done = b.block("found");
  b.write(rule, b.const(UnwindKind.NONE));
  must(l, "ne", above, from, done);
  const row = element(l, UNWIND.rows, b.binary("sub", above, 1), key, done);
  b.write(rule, b.load("u32", row, 4));
  b.jump(done);
  follow(l, done);
  return b.read(rule);
}

/** An element of an array that user space fills. */
export function element(l: Lowering, map: string, index: Value, key: Value, none: Block): Value {
  const b = l.b;
  b.store(32, key, 0, index);
  const found = b.helper("map_lookup_elem", [b.map(map), key], { kind: "map-value", map, nullable: true });
  const some = b.block("element");
  b.branch("ne", found, 0, some, none);
  follow(l, some);
  return found;
}

/** The number of the first element from `from` to `to` that begins above `wanted`: by halves, each begins with its own. */
function searched(
  l: Lowering,
  map: string,
  size: "u32" | "u64",
  from: Value,
  to: Value,
  wanted: Value,
  key: Value,
): Value {
  const b = l.b;
  const low = variable("low");
  const high = variable("high");
  b.write(low, from);
  b.write(high, to);
  counted(l, TURNS, (_turn, leave) => {
    must(l, "ult", b.read(low), b.read(high), leave);
    const middle = b.binary("shr", b.add(b.read(low), b.read(high)), 1);
    const entry = element(l, map, middle, key, leave);
    // All ones where the element begins above: which half it is would be a branch that no processor can foresee.
    const above = b.binary("sar", b.binary("sub", wanted, b.load(size, entry, 0)), 63);
    const upper = b.binary("sub", b.add(middle, 1), b.read(low));
    b.write(low, b.add(b.read(low), b.binary("and", upper, b.binary("xor", above, -1))));
    b.write(high, b.add(b.read(high), b.binary("and", b.binary("sub", middle, b.read(high)), above)));
  });
  return b.read(low);
}

/** Which mappings are this process's; none where it is not known. */
export function findProcess(
  l: Lowering,
  process: Value,
  key: Value,
  first: Variable,
  last: Variable,
  generation: Variable,
): void {
  const b = l.b;
  b.store(32, key, 0, process);
  const entry = b.helper("map_lookup_elem", [b.map(UNWIND.processes), key], {
    kind: "map-value",
    map: UNWIND.processes,
    nullable: true,
  });
  const some = b.block("process");
  const after = b.block("after");
  b.branch("ne", entry, 0, some, after);
  follow(l, some);
  const from = b.load("u32", entry, ProcessEntry.first);
  b.write(first, from);
  b.write(last, b.add(from, b.load("u32", entry, ProcessEntry.count)));
  b.write(generation, b.load("u32", entry, ProcessEntry.generation));
  b.jump(after);
  follow(l, after);
}

/** Asks for the process's mappings, unless that was done a moment ago. */
export function askFor(l: Lowering, process: Value, address: Value, key: Value, words: Value): void {
  const b = l.b;
  const now = b.helper("ktime_get_ns", []);
  const quiet = b.add(now, QUIET_NANOSECONDS);
  const asked = b.block("asked");
  const send = b.block("send");
  const first = b.block("first-sight");
  const seen = b.block("seen");
  b.store(32, key, 0, process);
  const entry = b.helper("map_lookup_elem", [b.map(UNWIND.processes), key], {
    kind: "map-value",
    map: UNWIND.processes,
    nullable: true,
  });
  b.branch("ne", entry, 0, seen, first);
  b.seal(seen);
  b.at(seen);
  const late = b.block("late");
  b.branch("ugt", now, b.load("u64", entry, ProcessEntry.quiet), late, asked);
  b.seal(late);
  b.at(late);
  b.store(64, entry, ProcessEntry.quiet, quiet);
  b.jump(send);
  b.seal(first);
  b.at(first);
  const fresh = b.slot(ProcessEntry.size);
  b.zero(fresh, 0, ProcessEntry.size);
  b.store(64, fresh, ProcessEntry.quiet, quiet);
  b.helper("map_update_elem", [b.map(UNWIND.processes), key, fresh, b.const(BPF_NOEXIST)]);
  b.jump(send);
  b.seal(send);
  b.at(send);
  request(b, process, address, words);
  b.jump(asked);
  b.seal(asked);
  b.at(asked);
}

/** Tells the reader that a process's mappings are wanted. */
export function request(b: Lowering["b"], process: Value, address: Value | number, words: Value): void {
  b.store(64, words, WantedRecord.process, process);
  b.store(64, words, WantedRecord.address, address);
  b.helper("ringbuf_output", [b.map(UNWIND.wanted), words, b.const(WantedRecord.size), b.const(BPF_RB_FORCE_WAKEUP)]);
}
