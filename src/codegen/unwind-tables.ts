// Look-ups in the tables for unwinding, from within the kernel; and asking for those that are not there yet.

import type { Block, FunctionBuilder, Value, Variable } from "../compiler/index.ts";
import { UnwindKind } from "../dwarf/index.ts";
import { MappingEntry, ProcessEntry, UNWIND, WantedRecord } from "../schema/index.ts";
import type { ProgramState } from "./state.ts";
import { variable } from "./unwind-registers.ts";

const BPF_NOEXIST = 1;
/** bpf_ringbuf_output: wake the reader whatever it waits for. */
const BPF_RB_FORCE_WAKEUP = 2;
/** Turns of a search in a table of up to 2^24 rows. */
const TURNS = 24;
/** Between two requests for a process, unless they are answered. */
const QUIET_NANOSECONDS = 20_000_000;

/** What the tables say of an address: the second word of its row, NONE for code without a table. */
export function searchRule(p: ProgramState, first: Value, last: Value, pc: Value, key: Value, unknown: Block): Value {
  const b = p.b;
  const next = searched(p, UNWIND.mappings, "u64", first, last, pc, key);
  p.b.must("ne", next, first, unknown);
  const entry = element(p, UNWIND.mappings, b.binary("sub", next, 1), key, unknown);
  p.b.must("ult", pc, b.load("u64", entry, MappingEntry.end), unknown);
  const address = b.binary("sub", pc, b.load("u64", entry, MappingEntry.shift));
  const from = b.load("u32", entry, MappingEntry.first);
  const to = b.add(from, b.load("u32", entry, MappingEntry.count));
  const above = searched(p, UNWIND.rows, "u32", from, to, address, key);
  const rule = variable("found");
  const done = b.block("found");
  b.write(rule, b.const(UnwindKind.NONE));
  p.b.must("ne", above, from, done);
  const row = element(p, UNWIND.rows, b.binary("sub", above, 1), key, done);
  b.write(rule, b.load("u32", row, 4));
  b.jump(done);
  p.b.enter(done);
  return b.read(rule);
}

/** An element of an array that user space fills. */
export function element(p: ProgramState, map: string, index: Value, key: Value, none: Block): Value {
  const b = p.b;
  b.store(32, key, 0, index);
  const found = b.helper("map_lookup_elem", [b.map(map), key], { kind: "map-value", map, nullable: true });
  const some = b.block("element");
  b.branch("ne", found, 0, some, none);
  p.b.enter(some);
  return found;
}

/** The number of the first element from `from` to `to` that begins above `wanted`: by halves, each begins with its own. */
function searched(
  p: ProgramState,
  map: string,
  size: "u32" | "u64",
  from: Value,
  to: Value,
  wanted: Value,
  key: Value,
): Value {
  const b = p.b;
  const low = variable("low");
  const high = variable("high");
  b.write(low, from);
  b.write(high, to);
  p.b.loop(TURNS, (_turn, leave) => {
    p.b.must("ult", b.read(low), b.read(high), leave);
    const middle = b.binary("shr", b.add(b.read(low), b.read(high)), 1);
    const entry = element(p, map, middle, key, leave);
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
  p: ProgramState,
  process: Value,
  key: Value,
  first: Variable,
  last: Variable,
  generation: Variable,
): void {
  const b = p.b;
  b.store(32, key, 0, process);
  const entry = b.helper("map_lookup_elem", [b.map(UNWIND.processes), key], {
    kind: "map-value",
    map: UNWIND.processes,
    nullable: true,
  });
  const some = b.block("process");
  const after = b.block("after");
  b.branch("ne", entry, 0, some, after);
  p.b.enter(some);
  const from = b.load("u32", entry, ProcessEntry.first);
  b.write(first, from);
  b.write(last, b.add(from, b.load("u32", entry, ProcessEntry.count)));
  b.write(generation, b.load("u32", entry, ProcessEntry.generation));
  b.jump(after);
  p.b.enter(after);
}

/** Asks for the process's mappings, unless that was done a moment ago. */
export function askFor(p: ProgramState, process: Value, address: Value, key: Value, words: Value): void {
  const b = p.b;
  const now = b.helper("ktime_get_ns", []);
  const quiet = b.add(now, QUIET_NANOSECONDS);
  const send = b.block("send");
  const first = b.block("first-sight");
  b.store(32, key, 0, process);
  const entry = b.helper("map_lookup_elem", [b.map(UNWIND.processes), key], {
    kind: "map-value",
    map: UNWIND.processes,
    nullable: true,
  });
  b.must("ne", entry, 0, first);
  b.when("ugt", now, b.load("u64", entry, ProcessEntry.quiet), () => {
    b.store(64, entry, ProcessEntry.quiet, quiet);
    b.jump(send);
    b.enter(first);
    const fresh = b.slot(ProcessEntry.size);
    b.zero(fresh, 0, ProcessEntry.size);
    b.store(64, fresh, ProcessEntry.quiet, quiet);
    b.helper("map_update_elem", [b.map(UNWIND.processes), key, fresh, b.const(BPF_NOEXIST)]);
    b.jump(send);
    b.enter(send);
    request(b, process, address, words);
  });
}

/** Tells the reader that a process's mappings are wanted. */
export function request(b: FunctionBuilder, process: Value, address: Value | number, words: Value): void {
  b.store(64, words, WantedRecord.process, process);
  b.store(64, words, WantedRecord.address, address);
  b.helper("ringbuf_output", [b.map(UNWIND.wanted), words, b.const(WantedRecord.size), b.const(BPF_RB_FORCE_WAKEUP)]);
}
