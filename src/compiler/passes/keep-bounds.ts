// The kernel's verifier can lose the link between a register and where it was spilled: always before Linux 6.8 (by the
// same measure as may_goto), and later where it keeps a state while only one of the two is left. So a number is compared
// in a copy of its own, and where the comparison bounds it, what follows uses a new value, the copy masked. That value is
// bounded from its first moment, so it is bounded too when it comes back from the stack; the old one was spilled before
// it was compared, and would come back as any number. On newer kernels this is done where a size or an address depends
// on it.

import { boundedValues } from "../bounded-values.ts";
import { dominators } from "../dominators.ts";
import { constantOf, constantPool, endOf, mapEdges, mapTerminatorValues, newBlock, newInstr } from "../graph.ts";
import { type Block, type Edge, INT, type Instr, type IrFunction, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** Ones from the highest bit of the number down. */
function maskOf(most: bigint): bigint {
  let mask = 1n;
  while (mask < most) mask = (mask << 1n) | 1n;
  return mask;
}

function splitEdge(fn: IrFunction, from: Block, edge: Edge): void {
  const between = newBlock(fn, "bounded", edge.block.span);
  between.terminator = { kind: "jump", to: edge };
  fn.blocks.push(between);
  from.terminator = mapEdges(endOf(from), (e) => (e === edge ? { block: between, args: [] } : e));
}

export const keepBounds: Pass = {
  name: "keep-bounds",
  run(fn, context) {
    const wanted = context.mayGoto ? boundedValues(fn) : undefined;
    const constant = constantPool(fn);
    for (const block of dominators(fn).order) {
      const end = endOf(block);
      if (end.kind !== "branch" || end.width !== 64 || end.a.type.kind !== "int" || constantOf(end.a) !== undefined)
        continue;
      if (wanted !== undefined && !wanted.has(end.a)) continue;
      const limit = constantOf(end.b);
      if (limit === undefined || limit <= 0n) continue;
      const { condition } = end;
      const inThen = condition === "ult" || condition === "ule";
      if (!inThen && condition !== "ugt" && condition !== "uge") continue;
      const edge = inThen ? end.then : end.else;
      let tree = dominators(fn);
      if (tree.predecessors(edge.block).length !== 1) {
        // Others lead there as well: what is bounded is only what this way hands over.
        if (!edge.args.includes(end.a)) continue;
        splitEdge(fn, block, edge);
        tree = dominators(fn);
      }
      const most = condition === "ult" || condition === "uge" ? limit - 1n : limit;
      const now = endOf(block) as typeof end;
      const bounded = (inThen ? now.then : now.else).block;
      const old = end.a;
      const copy = newInstr(fn, { op: "add", width: 64 }, [old, constant(0n)], INT, block.span);
      block.instrs.push(copy);
      block.terminator = { ...now, a: copy };
      const kept: Instr = newInstr(fn, { op: "and", width: 64 }, [copy, constant(maskOf(most))], INT, bounded.span);
      bounded.instrs.unshift(kept);
      const reachable = new Set(tree.order);
      const change = (value: Value): Value => (value === old ? kept : value);
      for (const below of fn.blocks) {
        if (!reachable.has(below) || !tree.dominates(bounded, below)) continue;
        for (const instr of below.instrs) if (instr !== kept) instr.args = instr.args.map(change);
        below.terminator = mapTerminatorValues(endOf(below), change);
      }
    }
  },
};
