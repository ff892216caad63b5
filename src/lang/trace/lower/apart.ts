// Bodies that become functions of their own: those of `for` over a map, which the kernel calls back for each entry, and
// those of heavy loops. Variables that they share with the code around them live in memory (`captured`, check/state.ts).

import { within } from "../../../codegen/index.ts";
import type { FunctionBuilder, Value } from "../../../compiler/index.ts";
import type { VariableInfo } from "../check/index.ts";
import type { LoopTargets, LowerState, Pair } from "./state.ts";

export interface Apart {
  /** How a turn ends. */
  readonly loop: LoopTargets;
  /** How it leaves the whole probe. */
  readonly leave: () => void;
  /** How it leaves the function of the script that it stands in. */
  readonly returned: () => void;
  /** The program's context as the function has it. */
  readonly context: () => Value;
  /** Entries that loops over maps have come to, as the function sees them. */
  readonly pairs: ReadonlyMap<VariableInfo, Pair>;
}

/** What `run` lowers goes to the function `b`. */
export function lowerApart(l: LowerState, b: FunctionBuilder, apart: Apart, run: () => void): void {
  const { context, pairs, loops, leaveFunction, places, inlined } = l;
  l.context = apart.context;
  l.pairs = apart.pairs;
  l.places = new Map([...l.places].filter(([, place]) => place.kind === "frame"));
  l.loops = [apart.loop];
  l.leaveFunction = apart.leave;
  if (inlined !== undefined) l.inlined = { ...inlined, leave: apart.returned };
  within(l, b, run);
  l.functions.push(b.finish());
  Object.assign(l, { context, pairs, loops, leaveFunction, inlined });
  // Memory of the function's own stack means nothing outside of it, nor in the next one.
  const shared = [...l.places].filter(([, place]) => place.kind === "frame");
  l.places = new Map([...places, ...shared]);
}
