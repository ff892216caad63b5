// Moves what has no effect down to where it is needed: a predicate comes before any work that only passes on.
// Never into a loop, and never up. Loads are moved only from the context, which does not change.

import { helper } from "../../object/index.ts";
import { dominators, loopDepths } from "../dominators.ts";
import { constantOf, endOf, terminatorArgs } from "../graph.ts";
import { type Block, edgesOf, type Instr, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

function mayMove(instr: Instr): boolean {
  const { operation } = instr;
  switch (operation.op) {
    case "const":
    case "store":
    case "atomic":
    case "zero":
    case "copy":
    case "kfunc":
    case "call":
      return false;
    case "load":
      return (instr.args[0] as Value).type.kind === "ctx";
    case "helper":
      return helper(operation.helper)?.constant === true;
    default:
      return true;
  }
}

/**
 * What only the jump at the end hands on (`i + 1`) is made right before it, where its operand is not needed any more:
 * both can have one register then.
 */
function postpone(block: Block, target: ReadonlyMap<Value, Block>): void {
  const handed = new Set<Value>();
  for (const edge of edgesOf(endOf(block))) for (const arg of edge.args) handed.add(arg);
  const late = new Set<Instr>();
  for (let i = block.instrs.length - 1; i >= 0; i--) {
    const instr = block.instrs[i] as Instr;
    const [, second] = instr.args;
    const step = second !== undefined && constantOf(second) !== undefined && "width" in instr.operation;
    if (step && handed.has(instr) && target.get(instr) === block) late.add(instr);
    for (const arg of instr.args) handed.delete(arg);
  }
  if (late.size > 0) block.instrs = [...block.instrs.filter((instr) => !late.has(instr)), ...late];
}

export const sink: Pass = {
  name: "sink",
  run(fn) {
    if (fn.blocks.length === 1) return;
    const tree = dominators(fn);
    const depths = loopDepths(tree);
    const depth = (block: Block): number => depths.get(block) ?? 0;
    // The lowest block that dominates all uses found so far; uses are seen bottom up, so chains sink as a whole.
    const target = new Map<Value, Block>();
    const use = (value: Value, block: Block): void => {
      const known = target.get(value);
      target.set(value, known === undefined ? block : tree.common(known, block));
    };
    // Dominators come before what they dominate: backwards, users come before their operands.
    const order = [...tree.order].reverse();
    for (const block of order) {
      const end = endOf(block);
      for (const arg of terminatorArgs(end)) use(arg, block);
      for (const edge of edgesOf(end)) for (const arg of edge.args) use(arg, block);
    }
    const arriving = new Map<Block, Instr[]>();
    for (const block of order) {
      const kept: Instr[] = [];
      const place = (instr: Instr): Block => {
        const lowest = target.get(instr);
        if (lowest === undefined || lowest === block || !mayMove(instr)) return block;
        // Up again until it is not in a deeper loop than where it was.
        let at = lowest;
        while (depth(at) > depth(block)) at = tree.parent(at) as Block;
        return at;
      };
      for (let i = block.instrs.length - 1; i >= 0; i--) {
        const instr = block.instrs[i] as Instr;
        const to = place(instr);
        for (const arg of instr.args) use(arg, to);
        if (to === block) kept.push(instr);
        else {
          const list = arriving.get(to);
          if (list === undefined) arriving.set(to, [instr]);
          else list.push(instr);
        }
      }
      block.instrs = kept.reverse();
      if (endOf(block).kind === "jump") postpone(block, target);
    }
    // What arrives was collected users first.
    for (const [block, instrs] of arriving) block.instrs.unshift(...instrs.reverse());
  },
};
