// One random program, run by every tier, and what each made of it: r0 and the state it worked on, as text.

import type { BpfObject } from "../object/index.ts";
import { embedded } from "./machine.ts";
import { randomProgram, randomState } from "./random-program.test-data.ts";
import type { MachineOptions, Tier } from "./run.ts";

const KEY = new Uint8Array(4);

/** r0, the state and the entries of the hash, sorted. */
export interface Outcome {
  readonly value: number;
  readonly state: string;
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export function outcomeOf(
  object: BpfObject,
  seed: number,
  options: MachineOptions,
): Outcome | { readonly trap: string } {
  const machine = embedded(object, { batchBytes: 64, ...options });
  machine.maps.get("state")?.update(KEY, randomState(seed));
  const result = machine.run("random", { packet: new Uint8Array(64) });
  if (result.trap !== undefined) return { trap: `${result.trap.kind} at ${result.trap.slot}: ${result.trap.message}` };
  return { value: result.value, state: hex(machine.maps.get("state")?.lookup(KEY) ?? KEY) };
}

export const TIERS: readonly { readonly name: string; readonly tier: Tier; readonly verified: boolean }[] = [
  { name: "interpreter", tier: "interpreter", verified: false },
  { name: "wasm-interpreter", tier: "wasm-interpreter", verified: false },
  { name: "jit", tier: "jit", verified: false },
  { name: "jit unchecked", tier: "jit", verified: true },
];

/** What differs between the tiers on the program of a seed; undefined: nothing. */
export function differenceOf(seed: number): string | undefined {
  const object = randomProgram(seed);
  const outcomes = TIERS.map(
    ({ name, ...options }) => [name, JSON.stringify(outcomeOf(object, seed, options))] as const,
  );
  const [first] = outcomes;
  const other = outcomes.find(([, outcome]) => outcome !== first?.[1] || outcome.includes("trap"));
  return other === undefined ? undefined : `seed ${seed}: ${first?.[0]} ${first?.[1]}, ${other[0]} ${other[1]}`;
}
