// The dominator tree (Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm", 2001) and natural loops.

import { endOf, reversePostorder } from "./graph.ts";
import { type Block, edgesOf, type IrFunction } from "./ir.ts";

export interface Dominators {
  /** Reachable blocks in reverse postorder. */
  readonly order: readonly Block[];
  readonly predecessors: ReadonlyMap<Block, readonly Block[]>;
  readonly children: ReadonlyMap<Block, readonly Block[]>;
  /** The immediate dominator; undefined for the entry. */
  parent(block: Block): Block | undefined;
  /** True when every way to `b` leads through `a`; a block dominates itself. */
  dominates(a: Block, b: Block): boolean;
  /** The lowest block that dominates both. */
  common(a: Block, b: Block): Block;
}

export function dominators(fn: IrFunction): Dominators {
  const order = reversePostorder(fn);
  const index = new Map<Block, number>();
  order.forEach((block, i) => {
    index.set(block, i);
  });
  const preds: number[][] = order.map(() => []);
  const predecessors = new Map<Block, Block[]>();
  for (const block of order) predecessors.set(block, []);
  order.forEach((block, i) => {
    for (const edge of edgesOf(endOf(block))) {
      (preds[index.get(edge.block) as number] as number[]).push(i);
      (predecessors.get(edge.block) as Block[]).push(block);
    }
  });

  const parents = new Int32Array(order.length).fill(-1);
  parents[0] = 0;
  const intersect = (first: number, second: number): number => {
    let a = first;
    let b = second;
    while (a !== b) {
      while (a > b) a = parents[a] as number;
      while (b > a) b = parents[b] as number;
    }
    return a;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < order.length; i++) {
      let parent = -1;
      for (const pred of preds[i] as number[]) {
        if (parents[pred] === -1) continue;
        parent = parent === -1 ? pred : intersect(pred, parent);
      }
      if (parents[i] !== parent) {
        parents[i] = parent;
        changed = true;
      }
    }
  }

  const children = new Map<Block, Block[]>();
  for (const block of order) children.set(block, []);
  for (let i = 1; i < order.length; i++) {
    (children.get(order[parents[i] as number] as Block) as Block[]).push(order[i] as Block);
  }
  // Numbers of a walk of the tree answer `dominates` in constant time.
  const enter = new Int32Array(order.length);
  const leave = new Int32Array(order.length);
  let clock = 0;
  const stack: { at: number; next: number }[] = [{ at: 0, next: 0 }];
  enter[0] = clock++;
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { at: number; next: number };
    const child = (children.get(order[top.at] as Block) as Block[])[top.next++];
    if (child === undefined) {
      leave[top.at] = clock++;
      stack.pop();
    } else {
      const at = index.get(child) as number;
      enter[at] = clock++;
      stack.push({ at, next: 0 });
    }
  }

  return {
    order,
    predecessors,
    children,
    parent: (block) => {
      const i = index.get(block) as number;
      return i === 0 ? undefined : order[parents[i] as number];
    },
    dominates: (a, b) => {
      const i = index.get(a) as number;
      const j = index.get(b) as number;
      return (enter[i] as number) <= (enter[j] as number) && (leave[j] as number) <= (leave[i] as number);
    },
    common: (a, b) => order[intersect(index.get(a) as number, index.get(b) as number)] as Block,
  };
}

/** A natural loop: its header dominates the sources of the back edges (`latches`). */
export interface Loop {
  readonly header: Block;
  readonly latches: readonly Block[];
  readonly blocks: ReadonlySet<Block>;
}

/** All natural loops, one for each header, in the order of the headers. */
export function loops(tree: Dominators): Loop[] {
  const found: Loop[] = [];
  for (const header of tree.order) {
    const latches = (tree.predecessors.get(header) as readonly Block[]).filter((pred) => tree.dominates(header, pred));
    if (latches.length === 0) continue;
    const blocks = new Set<Block>([header]);
    const work = [...latches];
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      if (blocks.has(block)) continue;
      blocks.add(block);
      work.push(...(tree.predecessors.get(block) as readonly Block[]));
    }
    found.push({ header, latches, blocks });
  }
  return found;
}

/** How many loops each block is in. */
export function loopDepths(tree: Dominators): Map<Block, number> {
  const depths = new Map<Block, number>();
  for (const loop of loops(tree)) for (const block of loop.blocks) depths.set(block, (depths.get(block) ?? 0) + 1);
  return depths;
}
