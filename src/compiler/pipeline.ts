// The list of passes, with the reason for their order.

import { countLoops } from "./passes/count-loops.ts";
import { dce } from "./passes/dce.ts";
import { deadStores } from "./passes/dead-stores.ts";
import { dissolveJoins } from "./passes/dissolve-joins.ts";
import { expandMemory } from "./passes/expand-memory.ts";
import { fold } from "./passes/fold.ts";
import { hoist } from "./passes/hoist.ts";
import { keepBounds } from "./passes/keep-bounds.ts";
import { launderLoops } from "./passes/launder-loops.ts";
import { mergeBlocks } from "./passes/merge-blocks.ts";
import type { Pass } from "./passes/pass.ts";
import { placeSlots } from "./passes/place-slots.ts";
import { privateAtomics } from "./passes/private-atomics.ts";
import { reuseMemory } from "./passes/reuse-memory.ts";
import { reuseValues } from "./passes/reuse-values.ts";
import { shareSlots } from "./passes/share-slots.ts";
import { signedDivision } from "./passes/signed-division.ts";
import { sink } from "./passes/sink.ts";
import { splitAccesses } from "./passes/split-accesses.ts";
import { splitEdges } from "./passes/split-edges.ts";
import { threadJumps } from "./passes/thread-jumps.ts";
import { tidy } from "./passes/tidy.ts";

/** A pass, and why it stands where it does. */
export interface Stage {
  readonly pass: Pass;
  readonly reason: string;
}

export const pipeline: readonly Stage[] = [
  { pass: tidy, reason: "first: the others take reachable blocks and useful parameters for granted" },
  { pass: signedDivision, reason: "early: what becomes of it is open to all the others" },
  { pass: privateAtomics, reason: "early: what becomes of it is open to all the others" },
  { pass: fold, reason: "decides branches on constants, which opens up the rest" },
  { pass: threadJumps, reason: "booleans became branches on 0/1 parameters; these must go before blocks are joined" },
  { pass: mergeBlocks, reason: "longer blocks show more to the passes that look for what is known already" },
  { pass: tidy, reason: "threading leaves parameters with one value" },
  {
    pass: reuseMemory,
    reason: "equal look-ups become one pointer, so that reuse-values sees the same null check twice",
  },
  { pass: reuseValues, reason: "after look-ups are shared; settles branches that an earlier one decided" },
  { pass: fold, reason: "shared values and settled branches make new constants" },
  { pass: threadJumps, reason: "settled branches make new constant arguments" },
  { pass: dissolveJoins, reason: "what threading left because its parameters are read behind one side" },
  { pass: mergeBlocks, reason: "settled branches leave straight lines" },
  { pass: tidy, reason: "and unreachable blocks" },
  { pass: deadStores, reason: "after loads found their values; what they copied is then no more read" },
  { pass: dce, reason: "before slots are placed: those that are not read take no room" },
  { pass: threadJumps, reason: "joins in which nothing is stored any more only branch" },
  { pass: mergeBlocks, reason: "what is behind a join that is passed by has one way to it now" },
  { pass: tidy, reason: "and unreachable blocks" },
  { pass: shareSlots, reason: "after dce, so that it sees only real uses; less is left for scratch" },
  { pass: placeSlots, reason: "knows every slot that is left; its addresses are folded next" },
  { pass: fold, reason: "offsets of scratch go into loads and stores; the last time that constants are folded" },
  { pass: reuseValues, reason: "addresses in maps have one base for all accesses" },
  { pass: expandMemory, reason: "after everything that reasons about whole areas" },
  { pass: splitAccesses, reason: "where slots are is known, and all that follows values through them has been" },
  { pass: hoist, reason: "after the last fold: what is left in a loop is what has to be computed" },
  { pass: countLoops, reason: "after the last fold; leaves launder-loops nothing to hide" },
  { pass: keepBounds, reason: "after the last fold, to which its masks are nothing" },
  { pass: launderLoops, reason: "after the last fold, which would see through it" },
  { pass: sink, reason: "late: what was shared before is needed on fewer paths now" },
  { pass: dce, reason: "what folding and sharing left" },
  { pass: mergeBlocks, reason: "placing slots cut blocks" },
  { pass: splitEdges, reason: "last: the moves of edges need blocks, which the passes before would remove" },
];

/** Where the slots are placed: what comes from here on is done again when the stack turns out too small. */
export const placeAt: number = pipeline.findIndex(({ pass }) => pass === placeSlots);
