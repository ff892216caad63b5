// Which programs an event runs.

import type { BpfObject, ProgramSpec } from "../object/index.ts";
import { probeName } from "./event-context.ts";

export interface Attached {
  readonly spec: ProgramSpec;
  readonly cookie: bigint | undefined;
}

/** Which programs each probe runs, in the object's order. */
export function attachedPrograms(object: BpfObject): ReadonlyMap<string, readonly Attached[]> {
  const probes = new Map<string, Attached[]>();
  for (const spec of object.programs)
    for (const target of spec.attach) {
      const name = probeName(target, spec);
      if (name === undefined) continue;
      const entry = { spec, cookie: target.cookie };
      const list = probes.get(name);
      if (list === undefined) probes.set(name, [entry]);
      else list.push(entry);
    }
  return probes;
}
