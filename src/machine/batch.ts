import type { ProgramSpec } from "../object/index.ts";
import { compileBatch } from "./compile.ts";
import type { Loaded } from "./load.ts";
import { type Memory, State } from "./memory.ts";
import { HEADROOM, packetKind, packetOffset } from "./packet.ts";
import { isAsVerified } from "./proof.ts";
import type { Batch, BatchResult, RunInput } from "./run.ts";
import type { Runtime } from "./runtime.ts";
import type { Tiers } from "./tiers.ts";
import type { Trap } from "./trap.ts";
import { trapOf } from "./trap-of.ts";
import type { Area, World } from "./world.ts";

/** What stands in for a packet where only its being one matters. */
const A_PACKET: RunInput = { packet: new Uint8Array(14) };

/**
 * Puts packets (or, as "memory", any bytes) into the machine's memory for `runBatch`, in place of those that were there.
 * Throws RangeError when they do not fit in `batchBytes`.
 */
export function loadBatch(
  memory: Memory,
  area: Area,
  type: ProgramSpec["type"],
  packets: readonly Uint8Array[],
  as: "packet" | "memory",
): Batch {
  const kind = as === "memory" ? "memory" : packetKind(type);
  const { start, end } = area;
  memory.allow(start, end - start, "none");
  const headroom = kind === "memory" ? 0 : HEADROOM;
  const table = start;
  // Address and length of each, then the answers.
  let at = Math.ceil((table + packets.length * 16) / 8) * 8;
  packets.forEach((packet, i) => {
    const offset = kind === "memory" ? 0 : Math.min(packet.length, packetOffset(type));
    const data = at + headroom;
    if (data + packet.length > end)
      throw new RangeError(`${packets.length} packets do not fit in ${end - start} bytes`);
    memory.u8.set(packet, data);
    memory.u32[(table >>> 2) + i * 2] = data + offset;
    memory.u32[(table >>> 2) + i * 2 + 1] = packet.length - offset;
    memory.allow((data + offset) & ~7, packet.length - offset + ((data + offset) & 7), "write");
    at = Math.ceil((data + packet.length + 8) / 8) * 8;
  });
  return { count: packets.length, table, kind };
}

/** Parts of the machine that a batch runs on; `area` is where its packets are. */
export interface BatchParts {
  readonly memory: Memory;
  readonly runtime: Runtime;
  readonly world: World;
  readonly tiers: Tiers;
  readonly area: Area;
}

/** Runs a program over every packet of a batch, inside Wasm; `budget` is for all of it. */
export function runBatch(parts: BatchParts, loaded: Loaded, batch: Batch, budget: number): BatchResult {
  const { memory, runtime, world, tiers, area } = parts;
  const trusted =
    batch.kind === packetKind(loaded.program.spec.type) && isAsVerified(loaded.program.spec.type, A_PACKET);
  const protection = tiers.protection(loaded, trusted);
  let run = loaded.batches.get(`${batch.kind} ${protection}`);
  if (run === undefined) {
    run = compileBatch(loaded.program, memory, runtime, protection, batch.kind);
    if (run !== undefined) loaded.batches.set(`${batch.kind} ${protection}`, run);
  }
  if (run === undefined) throw new RangeError(`program "${loaded.program.name}" is too large to be compiled`);
  const answers = batch.table + batch.count * 8;
  const traps = new Map<number, Trap>();
  runtime.effects.length = 0;
  if (batch.kind === "memory") runtime.packetKind = "none";
  else world.enter(loaded.program.spec, A_PACKET);
  tiers.running = { loaded, tier: "jit", trusted };
  memory.u32[State.BATCH >>> 2] = batch.table;
  memory.u32[State.AREA_END >>> 2] = area.end;
  for (;;) {
    tiers.resetRun(budget);
    try {
      run(answers, answers - batch.table);
      break;
    } catch (error) {
      const entry = memory.u32[State.BATCH >>> 2] as number;
      const at = (entry - batch.table) / 8;
      traps.set(at, trapOf(memory, loaded.program, error));
      memory.i64[(answers >>> 3) + at] = 0n;
      memory.u32[State.BATCH >>> 2] = entry + 8;
    }
  }
  tiers.running = undefined;
  return { values: new BigUint64Array(memory.wasm.buffer, answers, batch.count), traps };
}
