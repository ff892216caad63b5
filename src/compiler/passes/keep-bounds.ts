// The kernel's verifier can lose the link between a register and where it was spilled: always before Linux 6.8 (by the
// same measure as may_goto), and later where it keeps a state while only one of the two is left. So a number is compared
// in a copy of its own, and where the comparison bounds it, what follows uses a new value, the copy masked. That value is
// bounded from its first moment, so it is bounded too when it comes back from the stack; the old one was spilled before
// it was compared, and would come back as any number. On newer kernels this is done in functions that spill registers,
// where a size or an address depends on the number.

import { boundedValues } from "../bounded-values.ts";
import { dominators } from "../dominators.ts";
import { constantOf, constantPool, endOf, mapEdges, mapTerminatorValues, newBlock, newInstr } from "../graph.ts";
import { type Block, type Edge, INT, type Instr, type IrFunction, type Terminator, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** Ones from the highest bit of the number down. */
function maskOf(most: bigint): bigint {
  let mask = 1n;
  while (mask < most) mask = (mask << 1n) | 1n;
  return mask;
}

/** Puts a block of its own into an edge. */
function splitEdge(fn: IrFunction, from: Block, edge: Edge): void {
  const between = newBlock(fn, "bounded", edge.block.span);
  between.terminator = { kind: "jump", to: edge };
  fn.blocks.push(between);
  from.terminator = mapEdges(endOf(from), (e) => (e === edge ? { block: between, args: [] } : e));
}

/** The end of `block` bounds a number on one of its ways. */
interface Check {
  readonly block: Block;
  readonly side: "then" | "else";
  readonly most: bigint;
}

function checksOf(fn: IrFunction, wanted: ReadonlySet<Value> | undefined): Check[] {
  const tree = dominators(fn);
  return tree.order.flatMap((block): Check[] => {
    const end = endOf(block);
    if (end.kind !== "branch" || end.width !== 64 || end.a.type.kind !== "int" || constantOf(end.a) !== undefined)
      return [];
    if (wanted !== undefined && !wanted.has(end.a)) return [];
    const limit = constantOf(end.b);
    if (limit === undefined || limit <= 0n) return [];
    const { condition } = end;
    const inThen = condition === "ult" || condition === "ule";
    if (!inThen && condition !== "ugt" && condition !== "uge") return [];
    const side = inThen ? "then" : "else";
    const edge = end[side];
    if (tree.predecessors(edge.block).length !== 1) {
      // Others lead there as well: what is bounded is only what this way hands over.
      if (!edge.args.includes(end.a)) return [];
      splitEdge(fn, block, edge);
    }
    return [{ block, side, most: condition === "ult" || condition === "uge" ? limit - 1n : limit }];
  });
}

/** The blocks that read each value. */
function readers(blocks: readonly Block[]): Map<Value, Set<Block>> {
  const found = new Map<Value, Set<Block>>();
  for (const block of blocks) {
    const note = (value: Value): Value => {
      const known = found.get(value);
      if (known === undefined) found.set(value, new Set([block]));
      else known.add(block);
      return value;
    };
    for (const instr of block.instrs) instr.args.forEach(note);
    mapTerminatorValues(endOf(block), note);
  }
  return found;
}

export const keepBounds: Pass = {
  name: "keep-bounds",
  run(fn, context) {
    if (context.bounds === "none") return;
    const checks = checksOf(fn, context.bounds === "addresses" ? boundedValues(fn) : undefined);
    if (checks.length === 0) return;
    const constant = constantPool(fn);
    const tree = dominators(fn);
    const uses = readers(tree.order);
    for (const { block, side, most } of checks) {
      const end = endOf(block) as Terminator & { kind: "branch" };
      const bounded = end[side].block;
      const old = end.a;
      const copy = newInstr(fn, { op: "add", width: 64 }, [old, constant(0n)], INT, block.span);
      block.instrs.push(copy);
      block.terminator = { ...end, a: copy };
      const kept: Instr = newInstr(fn, { op: "and", width: 64 }, [copy, constant(maskOf(most))], INT, bounded.span);
      bounded.instrs.unshift(kept);
      const change = (value: Value): Value => (value === old ? kept : value);
      const below = [...(uses.get(old) ?? [])].filter((reader) => tree.dominates(bounded, reader));
      for (const reader of below) {
        for (const instr of reader.instrs) if (instr !== kept) instr.args = instr.args.map(change);
        reader.terminator = mapTerminatorValues(endOf(reader), change);
      }
      uses.set(kept, new Set(below));
    }
  },
};
