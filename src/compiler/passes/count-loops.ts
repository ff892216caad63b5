// For kernels without may_goto (before Linux 6.9): the loops that it would end get a counter of their own, which the
// verifier follows turn by turn until it ends. A loop that counts to a constant by itself needs none.
//
// What such a loop costs the verifier is its body times its turns, and of loops in each other the product; so the turns
// are as many as fit into a part of its million instructions (Linux 5.2) and of the 8,192 branches that it may have put
// off at a time. Nothing is hidden from it here (launder-loops): each comparison that it can decide is one branch less.

import { dominators, type Loop, loops } from "../dominators.ts";
import { constantOf, constantPool, endOf, mapEdges, newInstr } from "../graph.ts";
import { type Block, edgesOf, INT, type IrFunction, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** Instructions that all turns of a nest of loops together may take the verifier. */
const BUDGET = 200_000;
const MOST_TURNS = 1024;
const LEAST_TURNS = 8;

/** Whether the loop has a number that starts as a constant, grows by one, and is compared with a third on each turn. */
function countsByItself(fn: IrFunction, { header, latches, blocks }: Loop, asking: Block): boolean {
  const end = endOf(asking);
  const check = end.kind === "may-goto" ? endOf(end.next.block) : undefined;
  if (check?.kind !== "branch" || blocks.has(check.then.block) === blocks.has(check.else.block)) return false;
  const index = header.params.indexOf(check.a);
  if (index < 0 || constantOf(check.b) === undefined || check.condition === "ne" || check.condition === "eq")
    return false;
  return fn.blocks.every((block) =>
    edgesOf(endOf(block)).every((edge) => {
      if (edge.block !== header) return true;
      const value = edge.args[index] as Value;
      if (!latches.includes(block)) return constantOf(value) !== undefined;
      const { def } = value;
      return def?.operation.op === "add" && def.args[0] === check.a && (constantOf(def.args[1] as Value) ?? 0n) > 0n;
    }),
  );
}

/** Loops around may_goto, each with the blocks that ask, and how many turns it gets. */
function openLoops(fn: IrFunction): Map<Loop, { readonly asking: Block[]; readonly turns: number }> {
  const all = loops(dominators(fn));
  const asking = new Map<Loop, Block[]>();
  for (const block of fn.blocks) {
    if (endOf(block).kind !== "may-goto") continue;
    const around = all.filter((loop) => loop.blocks.has(block)).sort((a, b) => a.blocks.size - b.blocks.size);
    if (around[0] !== undefined) asking.set(around[0], [...(asking.get(around[0]) ?? []), block]);
  }
  const open = [...asking.keys()];
  const within = (inner: Loop, outer: Loop): boolean => inner !== outer && outer.blocks.has(inner.header);
  const height = (loop: Loop): number =>
    1 + Math.max(0, ...open.filter((inner) => within(inner, loop)).map((inner) => height(inner)));
  return new Map(
    open.map((loop) => {
      const outermost = open
        .filter((outer) => outer === loop || within(loop, outer))
        .reduce((a, b) => (a.blocks.size > b.blocks.size ? a : b));
      let weight = 0;
      for (const block of outermost.blocks) weight += block.instrs.length + 2;
      const turns = Math.floor((BUDGET / weight) ** (1 / height(outermost)));
      return [loop, { asking: asking.get(loop) as Block[], turns: Math.max(LEAST_TURNS, Math.min(MOST_TURNS, turns)) }];
    }),
  );
}

export const countLoops: Pass = {
  name: "count-loops",
  run(fn, context) {
    if (context.mayGoto || !fn.blocks.some((block) => endOf(block).kind === "may-goto")) return;
    const constant = constantPool(fn);
    for (const [loop, { asking, turns }] of openLoops(fn)) {
      if (asking.some((block) => countsByItself(fn, loop, block))) continue;
      const { header, latches } = loop;
      const left = { id: fn.nextId++, type: INT } as Value;
      header.params.push(left);
      const fewer = newInstr(fn, { op: "sub", width: 64 }, [left, constant(1n)], INT, header.span);
      header.instrs.unshift(fewer);
      for (const block of fn.blocks) {
        const from = latches.includes(block) ? fewer : undefined;
        block.terminator = mapEdges(endOf(block), (edge) =>
          edge.block === header ? { block: header, args: [...edge.args, from ?? constant(BigInt(turns))] } : edge,
        );
      }
      for (const block of asking) {
        const end = endOf(block);
        if (end.kind !== "may-goto") continue;
        block.terminator = {
          kind: "branch",
          condition: "ne",
          width: 64,
          a: left,
          b: constant(0n),
          then: end.next,
          else: end.exit,
          unlikely: "else",
        };
      }
    }
    // One that is not needed, or that no loop is around any more, goes on.
    for (const block of fn.blocks) {
      const end = endOf(block);
      if (end.kind === "may-goto") block.terminator = { kind: "jump", to: end.next };
    }
  },
};
