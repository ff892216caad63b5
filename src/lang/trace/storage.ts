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
import { blocksOf, type Expression, expressionsOf, expressionsOfStatement, type Statement } from "./parse/index.ts";

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
    maxStrlen: options.maxStrlen,
    ...(env.tellErrors === true ? { tellErrors: true } : {}),
    ...(options.clockMap === "" ? {} : { clock: (p) => mapNumber(p, scriptMap(p, options.clockMap), undefined) }),
    plan,
    sites: [],
    stackLimits: new Set(),
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
  const { predicate, body } = unit.probe;
  const words = (predicate === undefined ? 0 : blockBytes(predicate)) + sum(body.statements, loopBytes);
  return scratch + shared + words;
}

/** A word for each `for` over a map, wherever it stands; an unrolled body is lowered again for each turn. */
function loopBytes(s: Statement): number {
  const inner =
    sum(expressionsOfStatement(s), blockBytes) + sum(blocksOf(s), ({ statements }) => sum(statements, loopBytes));
  if (s.kind === "unroll") return inner * (s.count.kind === "integer" ? Number(s.count.value) : MOST_TURNS);
  return s.kind === "for-map" ? 8 + inner : inner;
}

/** The same of the statements within an expression. */
function blockBytes(e: Expression): number {
  const inner = sum(expressionsOf(e), blockBytes);
  return e.kind === "block" ? inner + sum(e.statements, loopBytes) + blockBytes(e.value) : inner;
}

const sum = <T>(parts: readonly T[], bytes: (part: T) => number): number => parts.reduce((n, p) => n + bytes(p), 0);

/** Of `unroll`. */
const MOST_TURNS = 100;
