// Moves what a loop computes anew in each turn from values of outside to the block before it. Only arithmetic: what is loaded
// may change, and an address in a frame is one instruction wherever it is needed.

import { dominators, loops } from "../dominators.ts";
import { constantOf, endOf } from "../graph.ts";
import type { Block, Instr, Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** Each takes a register in all of the loop. */
const MOST = 2;

const movable = (instr: Instr): boolean =>
  instr.type.kind === "int" && ("width" in instr.operation || /^(?:zext|sext|bswap)$/.test(instr.operation.op));

export const hoist: Pass = {
  name: "hoist",
  run(fn) {
    const tree = dominators(fn);
    if (!tree.hasLoops) return;
    // Inner loops last: what they give up may go on from the loop around.
    for (const { header, latches, blocks } of loops(tree).reverse()) {
      const outside = tree.predecessors(header).filter((pred) => !latches.includes(pred));
      const [before] = outside;
      if (before === undefined || outside.length !== 1 || endOf(before).kind !== "jump") continue;
      const inside = new Set<Value>();
      for (const block of blocks) {
        for (const param of block.params) inside.add(param);
        for (const instr of block.instrs) inside.add(instr);
      }
      let left = MOST;
      const always = (block: Block): boolean => latches.every((latch) => tree.dominates(block, latch));
      for (const block of tree.order) {
        if (!blocks.has(block) || !always(block)) continue;
        const kept: Instr[] = [];
        for (const instr of block.instrs) {
          const still = instr.args.some((arg) => inside.has(arg) && constantOf(arg) === undefined);
          if (left === 0 || still || !movable(instr) || instr.args.every((arg) => constantOf(arg) !== undefined)) {
            kept.push(instr);
            continue;
          }
          inside.delete(instr);
          before.instrs.push(instr);
          left--;
        }
        block.instrs = kept;
      }
    }
  },
};
