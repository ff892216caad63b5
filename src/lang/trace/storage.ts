// The storage of a script: the plan of its maps, and the room that its programs need beside them.

import {
  MOST_COMPARED,
  mapNumber,
  type ObjectState,
  planStorage,
  SYSCALL_BITS,
  scriptMap,
} from "../../codegen/index.ts";
import { sizeOf } from "../../schema/index.ts";
import type { CheckedScript, Unit } from "./check/index.ts";
import { type Probe, type Statement, walkBlock, walkProbe } from "./parse/index.ts";

export interface ScriptStorage {
  /** What the programs share while they are made. */
  readonly object: ObjectState;
  /** Which table of bits has a unit's system calls; absent: they are compared one by one. */
  readonly tables: ReadonlyMap<Unit, number>;
}

export function planScript({ state, units }: CheckedScript): ScriptStorage {
  const { env, options } = state;
  const tables: Uint8Array[] = [];
  const tableOf = new Map<Unit, number>();
  for (const unit of units) {
    const numbers = unit.variants.flatMap((f) => (f.syscall === undefined ? [] : [f.syscall.number]));
    if (numbers.length <= MOST_COMPARED) continue;
    const bits = new Uint8Array(SYSCALL_BITS / 8);
    for (const n of numbers) bits[n >> 3] = (bits[n >> 3] as number) | (1 << (n & 7));
    tableOf.set(unit, tables.length);
    tables.push(bits);
  }
  const plan = planStorage([...state.maps.values()], {
    cpus: env.cpus,
    maxKeys: options.maxMapKeys,
    frameBytes: units.reduce((bytes, unit) => bytes + frameBytes(unit), 0),
    tables,
  });
  const object: ObjectState = {
    target: env,
    ...(env.pid === undefined ? {} : { pid: env.pid }),
    ...(env.follow === undefined ? {} : { follow: true }),
    ...(env.cgroup === undefined ? {} : { cgroup: true }),
    maxStrlen: options.maxStrlen,
    ...(env.tellErrors === true ? { tellErrors: true } : {}),
    ...(options.clockMap === "" ? {} : { clock: (p) => mapNumber(p, scriptMap(p, options.clockMap), undefined) }),
    plan,
    sites: [],
    stackLimits: new Set(),
    ...(state.stackLengths ? { stackLengths: true } : {}),
    unwinds: false,
    frameBytes: 0,
  };
  return { object, tables: tableOf };
}

/** Room for variables that callbacks share with the code around them, and for words that say where a run is. */
function frameBytes(unit: Unit): number {
  const scratch = unit.variants[0]?.attach.kind === "uprobe" ? 8 : 0; // says that scratch memory is in use
  const shared = [...new Set(unit.variables.values())]
    .filter((info) => info.captured)
    .reduce((bytes, info) => bytes + Math.ceil(Math.max(1, sizeOf(info.type)) / 8) * 8, 0);
  return scratch + shared + 8 * mapLoops(unit.probe);
}

/** Loops over maps; those of a body that is unrolled are made again for each turn. */
function mapLoops(probe: Probe): number {
  const times = new Map<Statement, number>();
  let count = 0;
  walkProbe(probe, {
    statement: (s) => {
      const here = times.get(s) ?? 1;
      if (s.kind === "for-map") count += here;
      if (s.kind !== "unroll") return;
      const turns = s.count.kind === "integer" ? Number(s.count.value) : MOST_TURNS;
      walkBlock(s.body, { statement: (inner) => times.set(inner, here * turns) });
    },
  });
  return count;
}

/** Of `unroll`. */
const MOST_TURNS = 100;
