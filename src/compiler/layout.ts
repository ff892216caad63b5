// The order of the blocks in the code: what follows a block for free is what most likely comes next.
// What is said to be unlikely, and what only returns, goes to the end.

import { dominators, type Loop, loopDepths, loops } from "./dominators.ts";
import { endOf } from "./graph.ts";
import { type Block, edgesOf, type IrFunction } from "./ir.ts";

export interface Layout {
  readonly order: readonly Block[];
  /** Executions of a block for one of the entry, estimated. */
  frequency(block: Block): number;
  /** True where the way from one block to another comes round a loop. */
  comesRound(from: Block, to: Block): boolean;
}

const UNLIKELY = 0.02;
const LOOP = 10;

/** How likely each edge of the block is, in their order. */
function likelihoods(block: Block, depths: ReadonlyMap<Block, number>): number[] {
  const end = endOf(block);
  if (end.kind === "jump") return [1];
  if (end.kind === "may-goto") return [1, UNLIKELY];
  if (end.kind === "return") return [];
  if (end.unlikely !== undefined) return end.unlikely === "then" ? [UNLIKELY, 1 - UNLIKELY] : [1 - UNLIKELY, UNLIKELY];
  const here = depths.get(block) ?? 0;
  const then = depths.get(end.then.block) ?? 0;
  const otherwise = depths.get(end.else.block) ?? 0;
  if (then < here && otherwise >= here) return [1 / LOOP, 1 - 1 / LOOP];
  if (otherwise < here && then >= here) return [1 - 1 / LOOP, 1 / LOOP];
  return [0.5, 0.5];
}

/** True for a block that does nothing but return. */
const onlyReturns = (block: Block): boolean =>
  endOf(block).kind === "return" && block.instrs.every((instr) => instr.operation.op === "const");

/** True when the edge's block ends the run without doing anything, perhaps by way of a block that jumps there. */
function isExit(block: Block): boolean {
  const end = endOf(block);
  return onlyReturns(block) || (end.kind === "jump" && block.instrs.length === 0 && onlyReturns(end.to.block));
}

/**
 * The block after the test at the top of a loop. When it is placed first and the test after the end of the body, each
 * turn takes one jump instead of two. Undefined where a loop has no such test, or none but at its end.
 */
function bodyToPlaceFirst(loop: Loop): Block | undefined {
  let at = loop.header;
  for (let steps = 0; steps < 8; steps++) {
    const end = endOf(at);
    if (end.kind === "jump") at = end.to.block;
    else if (end.kind === "may-goto") at = end.next.block;
    else if (end.kind === "branch") {
      const then = loop.blocks.has(end.then.block);
      const otherwise = loop.blocks.has(end.else.block);
      if (then === otherwise) return undefined;
      const body = then ? end.then.block : end.else.block;
      return body === loop.header ? undefined : body;
    } else return undefined;
    if (at === loop.header || !loop.blocks.has(at)) return undefined;
  }
  return undefined;
}

/**
 * `rotate`: the test at the top of a loop may stand behind its body, so that the loop comes round by falling into it.
 * Kernels before may_goto (check_cfg up to Linux 6.8) take only a jump for that.
 */
export function layout(fn: IrFunction, rotate = true): Layout {
  const tree = dominators(fn);
  const depths = loopDepths(tree);
  const frequencies = new Map<Block, number>();
  const position = new Map<Block, number>();
  tree.order.forEach((block, i) => {
    position.set(block, i);
  });
  frequencies.set(tree.order[0] as Block, 1);
  tree.order.forEach((block, i) => {
    let frequency = frequencies.get(block) ?? 0;
    const isHeader = tree.hasLoops && tree.predecessors(block).some((pred) => tree.dominates(block, pred));
    if (isHeader) frequency *= LOOP;
    frequencies.set(block, frequency);
    const shares = likelihoods(block, depths);
    edgesOf(endOf(block)).forEach((edge, at) => {
      if ((position.get(edge.block) as number) <= i) return;
      frequencies.set(edge.block, (frequencies.get(edge.block) ?? 0) + frequency * (shares[at] as number));
    });
  });

  const all = loops(tree);
  const bodies = new Map<Block, Block>();
  for (const loop of rotate ? all : []) {
    const body = bodyToPlaceFirst(loop);
    if (body !== undefined) bodies.set(loop.header, body);
  }
  const placed = new Set<Block>();
  const order: Block[] = [];
  const soon: Block[] = [];
  const late: Block[] = [];
  /** True for a block where paths join that are not all placed yet: it comes after them. */
  const waits = (block: Block): boolean => {
    const preds = tree.predecessors(block);
    return preds.length > 1 && preds.some((pred) => !placed.has(pred));
  };
  const chain = (start: Block): void => {
    let block: Block | undefined = start;
    while (block !== undefined && !placed.has(block)) {
      const body = bodies.get(block);
      if (body !== undefined) {
        // Once: when the end of the body leads here again, the header is next.
        bodies.delete(block);
        if (!placed.has(body)) {
          soon.push(block);
          block = body;
          continue;
        }
      }
      placed.add(block);
      order.push(block);
      const open: { block: Block; share: number }[] = [];
      const shares = likelihoods(block, depths);
      edgesOf(endOf(block)).forEach((edge, at) => {
        if (!placed.has(edge.block)) open.push({ block: edge.block, share: shares[at] as number });
      });
      // A may_goto must fall through to its next block; a branch may go either way.
      if (open.length === 2) {
        const [a, b] = open as [(typeof open)[number], (typeof open)[number]];
        const aLater =
          a.share < b.share || (a.share === b.share && (isExit(a.block) || (!isExit(b.block) && !waits(b.block))));
        if (aLater) open.reverse();
        const other = (open[1] as (typeof open)[number]).block;
        ((open[1] as (typeof open)[number]).share <= UNLIKELY ? late : soon).push(other);
      }
      block = open[0]?.block;
    }
  };
  chain(tree.order[0] as Block);
  for (;;) {
    const next = soon.pop() ?? late.shift();
    if (next === undefined) break;
    chain(next);
  }
  return {
    order,
    frequency: (block) => frequencies.get(block) ?? 0,
    comesRound: (from, to) => tree.dominates(to, from),
  };
}
