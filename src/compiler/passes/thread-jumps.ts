// Sends an edge past a block that only branches on one of its own parameters, where the argument is a constant.
//
//     jump join(1)            →   jump yes
//     join(%p): branch ne.64 %p, 0, yes, no
//
// That is what `a && b`, `!a` and comparisons leave behind when their value is branched on. A loop's header is left
// alone: bypassing its test would turn the loop round and lose bounds that the verifier learns at its top.

import { computeCondition } from "../arithmetic.ts";
import { dominators } from "../dominators.ts";
import { constantOf, endOf, mapEdges } from "../graph.ts";
import { type Block, type Edge, edgesOf, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";
import { dropUnreachable } from "./tidy.ts";

function branchesOnItsParameter(block: Block): boolean {
  const end = endOf(block);
  return end.kind === "branch" && (block.params.includes(end.a) || block.params.includes(end.b));
}

export const threadJumps: Pass = {
  name: "thread-jumps",
  run(fn) {
    if (!fn.blocks.some(branchesOnItsParameter)) return;
    const tree = dominators(fn);
    const headers = new Set<Block>();
    for (const block of tree.hasLoops ? tree.order : []) {
      if (tree.predecessors(block).some((pred) => tree.dominates(block, pred))) headers.add(block);
    }
    // Parameters that are read outside of their own block's end must stay where they are.
    const blockOf = new Map<Value, Block>();
    for (const block of fn.blocks) for (const param of block.params) blockOf.set(param, block);
    const beyond = new Set<Value>();
    for (const block of fn.blocks) {
      for (const instr of block.instrs) for (const arg of instr.args) beyond.add(arg);
      const end = endOf(block);
      if (end.kind === "return") beyond.add(end.value);
      if (end.kind === "branch") for (const arg of [end.a, end.b]) if (blockOf.get(arg) !== block) beyond.add(arg);
      for (const edge of edgesOf(end)) for (const arg of edge.args) if (blockOf.get(arg) !== block) beyond.add(arg);
    }
    const bypassed = (edge: Edge): Edge => {
      let at = edge;
      for (let steps = 0; steps < 20; steps++) {
        const { block, args } = at;
        const end = endOf(block);
        if (headers.has(block) || block.instrs.some((i) => i.operation.op !== "const")) return at;
        if (end.kind !== "branch" || block.params.some((param) => beyond.has(param))) return at;
        const given = (value: Value): Value => {
          const i = block.params.indexOf(value);
          return i < 0 ? value : (args[i] as Value);
        };
        const a = constantOf(given(end.a));
        const b = constantOf(given(end.b));
        if (a === undefined || b === undefined) return at;
        const next = computeCondition(end.condition, end.width, a, b) ? end.then : end.else;
        at = { block: next.block, args: next.args.map(given) };
      }
      return at;
    };
    let changed = false;
    for (const block of fn.blocks) {
      const end = endOf(block);
      const next = mapEdges(end, bypassed);
      if (next !== end) {
        block.terminator = next;
        changed = true;
      }
    }
    if (changed) dropUnreachable(fn);
  },
};
