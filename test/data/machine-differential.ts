// One random program, run by every tier, and what each made of it: r0 and the state it worked on, as text.

import { embedded, type Machine } from "../../src/machine/machine.ts";
import type { MachineOptions, Tier } from "../../src/machine/run.ts";
import type { BpfObject } from "../../src/object/index.ts";
import { randomProgram, randomState } from "./random-program.ts";

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
  return outcomeOn(embedded(object, { batchBytes: 64, ...options }), seed, options.tier ?? "auto");
}

/** The same on a machine that may have run the program before. */
function outcomeOn(machine: Machine, seed: number, tier: Tier): Outcome | { readonly trap: string } {
  machine.maps.get("hash")?.clear();
  machine.maps.get("array")?.clear();
  machine.maps.get("state")?.update(KEY, randomState(seed));
  const result = machine.run("random", { packet: new Uint8Array(64), tier });
  if (result.trap !== undefined) return { trap: `${result.trap.kind} at ${result.trap.slot}: ${result.trap.message}` };
  return { value: result.value, state: hex(machine.maps.get("state")?.lookup(KEY) ?? KEY) };
}

interface TierCase {
  readonly name: string;
  readonly tier: Tier;
  readonly verify: "linux" | false;
  readonly verified: boolean;
}

/** Compiled code three times: always checked, checked where the verifier says so, and never checked. */
export const TIERS: readonly TierCase[] = [
  { name: "interpreter", tier: "interpreter", verify: false, verified: false },
  { name: "wasm-interpreter", tier: "wasm-interpreter", verify: false, verified: false },
  { name: "jit", tier: "jit", verify: false, verified: false },
  { name: "jit verified", tier: "jit", verify: "linux", verified: false },
  { name: "jit unchecked", tier: "jit", verify: false, verified: true },
];

/** What differs between the tiers on the program of a seed; undefined: nothing. */
export function differenceOf(seed: number): string | undefined {
  return compareTiers(seed).difference;
}

/** The same, and what the last of the tiers made of it. */
export function compareTiers(seed: number): {
  readonly difference?: string;
  readonly outcome: ReturnType<typeof outcomeOf>;
} {
  const object = randomProgram(seed);
  let machine: Machine | undefined;
  let before: TierCase | undefined;
  let outcome: ReturnType<typeof outcomeOf> = { trap: "none" };
  // Code that nobody checks is what verified code is, but for the counting.
  const outcomes = TIERS.filter(({ verified }) => !verified).map((one) => {
    const { name, tier, verify, verified } = one;
    if (machine === undefined || before?.verify !== verify || before.verified !== verified) {
      machine = embedded(object, { batchBytes: 64, verify, verified });
    }
    before = one;
    outcome = outcomeOn(machine, seed, tier);
    return [name, JSON.stringify(outcome)] as const;
  });
  const [first] = outcomes;
  const other = outcomes.find(([, outcome]) => outcome !== first?.[1] || outcome.includes("trap"));
  if (other === undefined) return { outcome };
  return { difference: `seed ${seed}: ${first?.[0]} ${first?.[1]}, ${other[0]} ${other[1]}`, outcome };
}
