// What rules ask beyond a packet's fields: rates, flows, blocked sources. Each is code that goes on where the condition holds and to a
// block where it does not, and the map that it remembers in.

import type { Block, FunctionBuilder, Value, Variable } from "../../compiler/index.ts";
import type { MapSpec } from "../../object/index.ts";
import { FLOW } from "./parse-packet.ts";
import type { Limit } from "./rules.ts";

const INT = { kind: "int" } as const;
const BPF_ANY = 0;
const BPF_NOEXIST = 1;
/** BPF_F_NO_PREALLOC is not for LRU maps: their entries are made ahead. */
const FLOWS = 65_536;

/** What the code knows of the packet. */
export interface PacketState {
  /** `struct flow`, filled in. */
  readonly flow: Value;
  /** Bytes of the frame. */
  readonly length: Value;
}

const entry = (b: FunctionBuilder, map: string, key: Value): Value =>
  b.helper("map_lookup_elem", [b.map(map), key], { kind: "map-value", map, nullable: true });
const update = (b: FunctionBuilder, map: string, key: Value, value: Value, flags: number): Value =>
  b.helper("map_update_elem", [b.map(map), key, value, b.const(flags)]);

// --- rates -----------------------------------------------------------------------------------------------------------

export const LIMITS = "limits";
/** Key: a masked address (16 bytes), the rule, and the version of IP; value: the time from which on nothing is owed (nanoseconds). */
export const limitMap: MapSpec = { name: LIMITS, type: "lru_hash", keySize: 24, valueSize: 8, maxEntries: FLOWS };

/** A limit in the terms of the code: nanoseconds that a unit costs, in 1/1024; and what may be owed at most. */
export function limitTerms({ rate, burst }: Limit): { readonly unit: number; readonly most: bigint } {
  const unit = Math.max(1, Math.round((1e9 * 1024) / rate.amount));
  const units = burst ?? Math.max(1, Math.round(rate.amount));
  return { unit, most: (BigInt(units) * BigInt(unit)) >> 10n };
}

/**
 * Goes on where the packet keeps the rate, else to `over`. A packet costs the time that the rate gives it; what is owed beyond now
 * is at most the burst's cost (the generic cell rate algorithm, ITU-T I.371). The time is written by compare-and-swap, four times at
 * most; then it is added to, so that nothing goes uncounted: so many CPUs as meet there may each let one packet too many pass.
 * Without such instructions (Linux before 5.12) it is written plainly, and packets that meet are counted as one.
 */
export function keepsRate(
  b: FunctionBuilder,
  limit: Limit,
  rule: Value,
  { flow, length }: PacketState,
  over: Block,
  swap: boolean,
): void {
  const { unit, most } = limitTerms(limit);
  const key = b.slot(24);
  const { per } = limit;
  if (per === undefined) {
    b.store(64, key, 0, 0);
    b.store(64, key, 8, 0);
  } else {
    const at = per.side === "source" ? FLOW.source : FLOW.destination;
    const high = b.load("u64", flow, at);
    const low = b.load("u64", flow, at + 8);
    b.when(
      "eq",
      b.load("u8", flow, FLOW.version),
      4,
      () => {
        b.store(64, key, 0, high);
        b.store(64, key, 8, b.and(low, b.const(maskBytes(96 + per.bits4, 8))));
      },
      {
        otherwise: () => {
          b.store(64, key, 0, b.and(high, b.const(maskBytes(per.bits6, 0))));
          b.store(64, key, 8, b.and(low, b.const(maskBytes(per.bits6, 8))));
        },
      },
    );
  }
  b.store(32, key, 16, rule);
  // Packets without addresses are none of `::`.
  b.store(32, key, 20, per === undefined ? 0 : b.load("u8", flow, FLOW.version));
  const cost =
    limit.rate.of === "packets"
      ? b.const(Math.max(1, Math.round(unit / 1024)))
      : b.binary("shr", b.binary("mul", length, unit), 10);
  const now = b.helper("ktime_get_ns", []);
  const fits = b.block("fits");
  const found = b.block("found");
  const first = b.block("first");
  const place = entry(b, LIMITS, key);
  b.branch("eq", place, 0, first, found, { unlikely: "then" });
  b.enter(first);
  b.must("ule", cost, b.const(most), over);
  const value = b.slot(8);
  b.store(64, value, 0, b.add(now, cost));
  update(b, LIMITS, key, value, BPF_NOEXIST);
  b.jump(fits);
  b.enter(found);
  const owed: Variable = { name: "owed", type: INT };
  b.write(owed, b.load("u64", place, 0));
  for (let i = 0; i < (swap ? 4 : 1); i++) {
    const before = b.read(owed);
    const from: Variable = { name: "from", type: INT };
    b.write(from, before);
    b.when("ult", before, now, () => b.write(from, now));
    const next = b.add(b.read(from), cost);
    b.must("ule", b.binary("sub", next, now), b.const(most), over);
    if (!swap) {
      b.store(64, place, 0, next);
      continue;
    }
    const seen = b.atomic("cmpxchg", 64, place, 0, next, true, before);
    const again = b.block("again");
    b.branch("eq", seen, before, fits, again, { unlikely: "else" });
    b.enter(again);
    b.write(owed, seen);
  }
  if (swap) b.atomic("add", 64, place, 0, cost);
  b.jump(fits);
  b.enter(fits);
}

/** The mask of the first `bits` bits of an address, of its eight bytes from `at` on, as a little-endian number. */
function maskBytes(bits: number, at: number): bigint {
  let mask = 0n;
  for (let i = 0; i < 8; i++) {
    const own = Math.max(0, Math.min(8, bits - (at + i) * 8));
    mask |= BigInt((0xff << (8 - own)) & 0xff) << BigInt(i * 8);
  }
  return BigInt.asIntN(64, mask);
}

// --- blocked sources -------------------------------------------------------------------------------------------------

export const BLOCKED = "blocked";
/** Key: a source (16 bytes); value: until when (nanoseconds of CLOCK_MONOTONIC), and the rule that has blocked it. */
export const blockedMap: MapSpec = { name: BLOCKED, type: "lru_hash", keySize: 16, valueSize: 16, maxEntries: FLOWS };

/** Goes on where the source is not blocked; `refused` is given the rule that has blocked it, and ends its block. */
export function isFree(b: FunctionBuilder, { flow }: PacketState, refused: (rule: Value) => void): void {
  const free = b.block("free");
  const found = b.block("found");
  const late = b.block("blocked");
  b.must("ne", b.load("u8", flow, FLOW.version), 0, free);
  const place = entry(b, BLOCKED, b.add(flow, FLOW.source));
  b.branch("eq", place, 0, free, found, { unlikely: "else" });
  b.enter(found);
  b.branch("ult", b.helper("ktime_get_ns", []), b.load("u64", place, 0), late, free);
  b.enter(late);
  refused(b.load("u32", place, 8));
  b.enter(free);
}

/** Blocks the packet's source from now on, where it has one. */
export function blockSource(b: FunctionBuilder, seconds: number, rule: Value, { flow }: PacketState): void {
  const value = b.slot(16);
  b.store(64, value, 0, b.add(b.helper("ktime_get_ns", []), b.const(BigInt(Math.round(seconds * 1e9)))));
  b.store(64, value, 8, rule);
  b.when("ne", b.load("u8", flow, FLOW.version), 0, () => update(b, BLOCKED, b.add(flow, FLOW.source), value, BPF_ANY));
}

// --- flows -----------------------------------------------------------------------------------------------------------

export const FLOW_MAP = "flows";
/** Key: `struct flow`; value: when a packet of it was last seen (nanoseconds of CLOCK_MONOTONIC). */
export const flowMap: MapSpec = {
  name: FLOW_MAP,
  type: "lru_hash",
  keySize: FLOW.bytes,
  valueSize: 8,
  maxEntries: 4 * FLOWS,
};
/** Seconds without a packet after which a flow is forgotten: of TCP, and of all others. */
export const IDLE = { tcp: 3600, other: 120 } as const;
/** A flow's time is written anew when it is so old (nanoseconds): not for every packet. */
const FRESH = 1e9;

/** Goes on where the flow is known and not idle, else to `fresh`. */
export function isEstablished(b: FunctionBuilder, { flow }: PacketState, fresh: Block): void {
  const place = entry(b, FLOW_MAP, flow);
  b.must("ne", place, 0, fresh);
  const now = b.helper("ktime_get_ns", []);
  const age = b.binary("sub", now, b.load("u64", place, 0));
  const idle: Variable = { name: "idle", type: INT };
  b.write(idle, b.const(BigInt(IDLE.other) * 1_000_000_000n));
  b.when("eq", b.load("u8", flow, FLOW.protocol), 6, () => b.write(idle, b.const(BigInt(IDLE.tcp) * 1_000_000_000n)));
  b.must("sle", age, b.read(idle), fresh);
  b.when("sgt", age, FRESH, () => b.store(64, place, 0, now), { unlikely: "then" });
}

/** Remembers the flow. */
export function rememberFlow(b: FunctionBuilder, { flow }: PacketState): void {
  const value = b.slot(8);
  b.store(64, value, 0, b.helper("ktime_get_ns", []));
  update(b, FLOW_MAP, flow, value, BPF_ANY);
}
