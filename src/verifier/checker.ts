// What every check needs to know: the program, its maps, the profile, and the ids that are given out.

import type { BpfObject, MapSpec, ProgramSpec } from "../object/index.ts";
import type { ProgramGraph } from "./program-graph.ts";

export type Profile = "linux" | "strict";

export class Checker {
  readonly graph: ProgramGraph;
  readonly program: ProgramSpec;
  readonly object: BpfObject;
  readonly strict: boolean;
  readonly machine: string;
  readonly cpus: number;
  /** Bytes of stack that each function uses, by its first slot. */
  readonly stackDepth: Map<number, number> = new Map();
  readonly #maps: ReadonlyMap<string, MapSpec>;
  #ids = 0;

  constructor(
    graph: ProgramGraph,
    program: ProgramSpec,
    object: BpfObject,
    options: { strict: boolean; machine: string; cpus: number },
  ) {
    this.graph = graph;
    this.program = program;
    this.object = object;
    this.strict = options.strict;
    this.machine = options.machine;
    this.cpus = options.cpus;
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
}
