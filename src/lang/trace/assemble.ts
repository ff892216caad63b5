// The object of a script, of its programs and of all maps that they use; and the script as data for its reader.

import { globalsSpec, type ObjectState } from "../../codegen/index.ts";
import { BPF_F_NO_PREALLOC, type BpfObject, type MapSpec, type ProgramSpec } from "../../object/index.ts";
import { providerOf } from "../../probes/index.ts";
import {
  CONTROL,
  type CompiledScript,
  EVENTS,
  GLOBALS,
  PACKETS,
  selectionMaps,
  stackMaps,
  unwindMaps,
} from "../../schema/index.ts";
import type { CheckedScript, Unit } from "./check/index.ts";
import { probeNames, type ScriptProgram } from "./programs.ts";
import type { ScriptStorage } from "./storage.ts";

const PAGE = 4096;
const CONTROL_BYTES = 1 << 16;
const STACK_ENTRIES = 1 << 13;
/** Bytes of an event ring that only probes write to that seldom fire. */
const SMALL_RING = 1 << 18;

export function assemble(
  { state, units }: CheckedScript,
  { object: shared }: ScriptStorage,
  programs: readonly ScriptProgram[],
  ringBytes: number,
): CompiledScript {
  const { env, options, source, diagnostics } = state;
  const { plan, sites } = shared;
  const maps: MapSpec[] = [
    ...plan.specs,
    ...programs.flatMap((p) => (p.scratch === undefined ? [] : [p.scratch])),
    ...[...shared.stackLimits].flatMap(stackSpecs),
    ...(shared.unwinds ? unwindMaps() : []),
    ...selectionMaps(),
    ...ringSpecs(shared, units, ringBytes, options.ringPages),
    globalsSpec(plan, sites.length),
  ];
  const specs = programs.map((p) => p.spec);
  const one = env.pid ?? env.follow;
  const used = usedMaps(specs);
  const object: BpfObject = {
    maps: maps.filter((m) => m.name === GLOBALS || m.type === "ringbuf" || used.has(m.name) || plan.specs.includes(m)),
    programs: specs,
    license: options.license,
    source,
  };
  return {
    object,
    source,
    options,
    types: () => env.btf(),
    cpus: env.cpus,
    maps: [...plan.maps.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    plan,
    sites,
    programs: new Map(programs.map((p) => [p.spec.name, p.role])),
    probeNames: probeNames(units),
    // A probe that is at several places, as an inlined function's, is one.
    probeCount: units.reduce((n, u) => n + new Set(u.resolved.map((r) => r.name)).size, 0),
    endsByItself: units.every((u) => providerOf(u.resolved[0]?.provider ?? "")?.endsByItself === true),
    warnings: diagnostics.filter((d) => d.severity === "warning"),
    ...(env.follow === undefined ? {} : { follows: { pid: env.follow, waits: env.follow === env.childPid } }),
    ...(env.cgroup === undefined ? {} : { cgroup: env.cgroup }),
    ...(shared.unwinds
      ? {
          unwinds: {
            ...(one === undefined ? {} : { pid: one }),
            ...(env.childPid === undefined ? {} : { childPid: env.childPid }),
          },
        }
      : {}),
  };
}

function stackSpecs(limit: number): MapSpec[] {
  const names = stackMaps(limit);
  const common = { valueSize: limit * 8, maxEntries: STACK_ENTRIES };
  return [
    { name: names.table, type: "stack_trace", keySize: 4, ...common },
    { name: names.displaced, type: "hash", keySize: 8, ...common, flags: BPF_F_NO_PREALLOC },
  ];
}

/** A control record says how full the event ring was, so that order is kept: with control records there are both rings. */
function ringSpecs(shared: ObjectState, units: readonly Unit[], ringBytes: number, pages: number): MapSpec[] {
  const sends = (ring: "events" | "control" | "packets"): boolean => shared.sites.some((s) => s.ring === ring);
  const ring = (name: string, maxEntries: number): MapSpec => ({
    name,
    type: "ringbuf",
    keySize: 0,
    valueSize: 0,
    maxEntries,
  });
  const events = sends("events") ? ringSize(shared, units, ringBytes, pages) : PAGE;
  return [
    ...(sends("events") || sends("control") ? [ring(EVENTS, events)] : []),
    ...(sends("control") ? [ring(CONTROL, CONTROL_BYTES)] : []),
    ...(sends("packets")
      ? [{ name: PACKETS, type: "perf_event_array", keySize: 4, valueSize: 4, maxEntries: 0 } as const]
      : []),
  ];
}

/** Scripts that print only from begin, end and timers need no great ring. */
function ringSize(shared: ObjectState, units: readonly Unit[], ringBytes: number, pages: number): number {
  // What the user has asked for, as the power of two that a ring must be.
  if (pages > 0) return 2 ** Math.ceil(Math.log2(pages * PAGE));
  const least = shared.sites.reduce((most, s) => Math.max(most, s.size), 0) * 64;
  const seldom = units.every((u) => providerOf(u.resolved[0]?.provider ?? "")?.seldom === true);
  const wanted = seldom ? Math.min(ringBytes, SMALL_RING) : ringBytes;
  return Math.max(wanted, 2 ** Math.ceil(Math.log2(Math.max(PAGE, least))));
}

function usedMaps(programs: readonly ProgramSpec[]): ReadonlySet<string> {
  const used = new Set<string>();
  for (const p of programs)
    for (const f of p.functions)
      for (const i of f.code) if (i.ref?.kind === "map" || i.ref?.kind === "map-value") used.add(i.ref.map);
  return used;
}
