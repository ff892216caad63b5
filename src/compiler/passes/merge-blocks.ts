// Joins a block with the only block that leads to it, sends edges past blocks that only jump on, and returns at once
// where a jump leads to a block that does nothing but return a constant: one instruction fewer on that path.

import { endOf, mapEdges, predecessors, replaceValues } from "../graph.ts";
import { type Block, type Edge, edgesOf, type IrFunction, type Terminator, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";
import { dropUnreachable } from "./tidy.ts";

const isConst = (value: Value): boolean => value.def?.operation.op === "const";
const isEmpty = (block: Block): boolean => block.instrs.every((instr) => instr.operation.op === "const");

/** Where an edge ends up when empty blocks on the way are passed over. */
function followed(edge: Edge, entry: Block, usedElsewhere: ReadonlySet<Value>): Edge {
  let at = edge;
  for (let steps = 0; steps < 100; steps++) {
    const { block } = at;
    const end = endOf(block);
    if (block === entry || end.kind !== "jump" || end.to.block === block || !isEmpty(block)) return at;
    // Its parameters may only feed the jump: otherwise the blocks below need them.
    if (block.params.some((param) => usedElsewhere.has(param))) return at;
    const here = at;
    const args = end.to.args.map((arg) => {
      const i = block.params.indexOf(arg);
      return i < 0 ? arg : (here.args[i] as Value);
    });
    at = { block: end.to.block, args };
  }
  return edge;
}

/** Values that something other than the jump of their own, empty block reads. */
function usedBeyondJumps(fn: IrFunction): Set<Value> {
  const used = new Set<Value>();
  for (const block of fn.blocks) {
    const end = endOf(block);
    for (const instr of block.instrs) for (const arg of instr.args) used.add(arg);
    if (end.kind === "branch") used.add(end.a).add(end.b);
    if (end.kind === "return") used.add(end.value);
    const own = end.kind === "jump" ? new Set(block.params) : undefined;
    for (const edge of edgesOf(end)) for (const arg of edge.args) if (!own?.has(arg)) used.add(arg);
  }
  return used;
}

function threadEdges(fn: IrFunction): void {
  const entry = fn.blocks[0] as Block;
  // A branch whose ways are one becomes a jump below.
  const passable = fn.blocks.some((block) => {
    const end = endOf(block);
    const only = end.kind === "jump" || (end.kind === "branch" && end.then.block === end.else.block);
    return only && isEmpty(block);
  });
  const used = passable ? usedBeyondJumps(fn) : new Set<Value>();
  for (const block of fn.blocks) {
    const changed = mapEdges(endOf(block), (edge) => followed(edge, entry, used));
    block.terminator = changed;
    // Both ways of a branch may have become one.
    if (changed.kind === "branch" && changed.then.block === changed.else.block) {
      const same = changed.then.args.every((arg, i) => arg === changed.else.args[i]);
      if (same) block.terminator = { kind: "jump", to: changed.then };
    }
  }
}

function returnEarly(fn: IrFunction): void {
  for (const block of fn.blocks) {
    const end = endOf(block);
    if (end.kind !== "jump" || !isEmpty(end.to.block)) continue;
    const { to } = end;
    const target = endOf(to.block);
    if (target.kind !== "return") continue;
    const i = to.block.params.indexOf(target.value);
    const value = i < 0 ? target.value : (to.args[i] as Value);
    if (i < 0 && !isConst(value)) continue;
    block.terminator = { kind: "return", value } satisfies Terminator;
  }
}

/** Blocks that only return the same constant become one. */
function shareReturns(fn: IrFunction): void {
  const byValue = new Map<bigint, Block>();
  const same = new Map<Block, Block>();
  for (const block of fn.blocks) {
    const end = endOf(block);
    if (end.kind !== "return" || block === fn.blocks[0] || block.params.length > 0 || !isEmpty(block)) continue;
    const operation = end.value.def?.operation;
    if (operation?.op !== "const") continue;
    const known = byValue.get(operation.value);
    if (known === undefined) byValue.set(operation.value, block);
    else same.set(block, known);
  }
  if (same.size === 0) return;
  for (const block of fn.blocks) {
    block.terminator = mapEdges(endOf(block), (edge) => {
      const known = same.get(edge.block);
      return known === undefined ? edge : { block: known, args: [] };
    });
  }
}

function mergeStraight(fn: IrFunction): void {
  const preds = predecessors(fn);
  const replaced = new Map<Value, Value>();
  const gone = new Set<Block>();
  for (const block of fn.blocks) {
    if (gone.has(block)) continue;
    for (;;) {
      const end = endOf(block);
      if (end.kind !== "jump") break;
      const next = end.to.block;
      if (next === block || next === fn.blocks[0] || preds.get(next)?.length !== 1) break;
      next.params.forEach((param, i) => {
        replaced.set(param, end.to.args[i] as Value);
      });
      for (const instr of next.instrs) block.instrs.push(instr);
      block.terminator = endOf(next);
      block.span ??= next.span;
      gone.add(next);
    }
  }
  if (gone.size === 0) return;
  fn.blocks = fn.blocks.filter((block) => !gone.has(block));
  replaceValues(fn, replaced);
}

/** A constant's place says nothing, and a block that is passed over must hold none that others read. */
function gatherConstants(fn: IrFunction): void {
  const [entry, ...others] = fn.blocks as [Block, ...Block[]];
  for (const block of others) {
    const constants = block.instrs.filter(({ operation }) => operation.op === "const");
    if (constants.length === 0) continue;
    entry.instrs.unshift(...constants);
    block.instrs = block.instrs.filter(({ operation }) => operation.op !== "const");
  }
}

export const mergeBlocks: Pass = {
  name: "merge-blocks",
  run(fn) {
    gatherConstants(fn);
    threadEdges(fn);
    returnEarly(fn);
    dropUnreachable(fn);
    shareReturns(fn);
    dropUnreachable(fn);
    mergeStraight(fn);
  },
};
