// What every check needs to know: the program, its maps, the profile, and the ids that are given out.

import type { BpfObject, MapSpec, ProgramSpec } from "../object/index.ts";
import { PlacedFault, type ProgramGraph } from "./program-graph.ts";
import type { Fault } from "./refusal.ts";
import { type Relevance, relevanceOf } from "./relevance.ts";

export type Profile = "linux" | "strict";

export class Checker {
  readonly graph: ProgramGraph;
  readonly relevance: Relevance;
  readonly program: ProgramSpec;
  readonly object: BpfObject;
  readonly strict: boolean;
  /** Stack that was never written must not be read. */
  readonly wholeStack: boolean;
  readonly machine: string;
  readonly cpus: number;
  /** Bytes that r1 points to, in place of a context. */
  readonly memory: number | undefined;
  /** Bytes of stack that each function uses, by its first slot. */
  readonly stackDepth: Map<number, number> = new Map();
  readonly #maps: ReadonlyMap<string, MapSpec>;
  #ids = 0;

  constructor(
    graph: ProgramGraph,
    program: ProgramSpec,
    object: BpfObject,
    options: { strict: boolean; wholeStack: boolean; machine: string; cpus: number; memory: number | undefined },
  ) {
    this.graph = graph;
    this.relevance = relevanceOf(graph);
    this.program = program;
    this.object = object;
    this.strict = options.strict;
    this.wholeStack = options.wholeStack;
    this.machine = options.machine;
    this.cpus = options.cpus;
    this.memory = options.memory;
    this.#maps = new Map(object.maps.map((map) => [map.name, map]));
  }

  map(name: string): MapSpec | undefined {
    return this.#maps.get(name);
  }

  newId(): number {
    return ++this.#ids;
  }

  usesStack(slot: number, bytes: number): void {
    const start = this.graph.functionOf[slot]?.start ?? 0;
    if (bytes > (this.stackDepth.get(start) ?? 0)) this.stackDepth.set(start, bytes);
  }

  /** Are maps and their values there, also where no path comes by (resolve_pseudo_ldimm64)? Throws PlacedFault. */
  checkReferences(): void {
    for (const [slot, ref] of this.graph.references.entries()) {
      if (ref?.kind !== "map" && ref?.kind !== "map-value") continue;
      const map = this.map(ref.map);
      const fail = (reason: Fault["reason"], message: string): never => {
        throw new PlacedFault(slot, { reason, message, registers: [] });
      };
      if (map === undefined) {
        fail("unsupported", `The object has no map called ${ref.map}`);
        continue;
      }
      if (ref.kind === "map") continue;
      if (map.type !== "array" && map.type !== "percpu_array") {
        fail("argument", `Only an array's element has an address, and ${map.name} is of type ${map.type}`);
      }
      if (map.maxEntries !== 1) {
        fail("argument", `Only an array of one element has an address, and ${map.name} has ${map.maxEntries}`);
      }
      if (ref.offset < 0 || ref.offset >= map.valueSize) {
        fail("bounds", `Byte ${ref.offset} of ${map.name}, whose values have ${map.valueSize} bytes`);
      }
    }
  }
}
