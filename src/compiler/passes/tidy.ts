// Drops blocks that nothing leads to, and parameters of blocks that are always the same value.
// First of all, since every other pass takes reachable blocks for granted, and after each pass that changes branches.

import { endOf, mapEdges, replaceValues, resolver, reversePostorder } from "../graph.ts";
import { type Block, type Edge, edgesOf, type IrFunction, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** Keeps the reachable blocks, in their order. */
export function dropUnreachable(fn: IrFunction): void {
  const reached = new Set(reversePostorder(fn));
  if (reached.size !== fn.blocks.length) fn.blocks = fn.blocks.filter((block) => reached.has(block));
}

/** Removes the parameters for which `keep` is false, and the arguments for them. */
export function keepParams(fn: IrFunction, keep: (param: Value, block: Block) => boolean): void {
  const kept = new Map<Block, number[]>();
  for (const block of fn.blocks) {
    const at = block.params.flatMap((param, i) => (keep(param, block) ? [i] : []));
    if (at.length === block.params.length) continue;
    kept.set(block, at);
    block.params = at.map((i) => block.params[i] as Value);
  }
  if (kept.size === 0) return;
  const change = (edge: Edge): Edge => {
    const at = kept.get(edge.block);
    return at === undefined ? edge : { block: edge.block, args: at.map((i) => edge.args[i] as Value) };
  };
  for (const block of fn.blocks) block.terminator = mapEdges(endOf(block), change);
}

/** Parameters that get one value on every edge, or themselves, are that value. */
function dropTrivialParams(fn: IrFunction): void {
  const replaced = new Map<Value, Value>();
  const resolve = resolver(replaced);
  const incoming = new Map<Block, Edge[]>();
  for (const block of fn.blocks) if (block.params.length > 0) incoming.set(block, []);
  if (incoming.size === 0) return;
  for (const block of fn.blocks) for (const edge of edgesOf(endOf(block))) incoming.get(edge.block)?.push(edge);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [block, edges] of incoming) {
      block.params.forEach((param, i) => {
        if (replaced.has(param)) return;
        let only: Value | undefined;
        for (const edge of edges) {
          const value = resolve(edge.args[i] as Value);
          if (value === param || value === only) continue;
          if (only !== undefined) return;
          only = value;
        }
        if (only === undefined) return;
        replaced.set(param, only);
        changed = true;
      });
    }
  }
  if (replaced.size === 0) return;
  keepParams(fn, (param) => !replaced.has(param));
  replaceValues(fn, replaced);
}

export const tidy: Pass = {
  name: "tidy",
  run(fn) {
    dropUnreachable(fn);
    dropTrivialParams(fn);
  },
};
