// The dominator tree (Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm", 2001) and natural loops.

import { endOf, reversePostorder } from "./graph.ts";
import { type Block, edgesOf, type IrFunction } from "./ir.ts";

export interface Dominators {
  /** Reachable blocks in reverse postorder. */
  readonly order: readonly Block[];
  /** False when no edge leads back: there is no loop at all. */
  readonly hasLoops: boolean;
  /** One entry for each edge. */
  predecessors(block: Block): readonly Block[];
  /** The blocks that this one immediately dominates. */
  children(block: Block): readonly Block[];
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
  order.forEach((block, i) => {
    for (const edge of edgesOf(endOf(block))) {
      (preds[index.get(edge.block) as number] as number[]).push(i);
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

  // Made when asked for: many passes need only a part.
  const children: number[][] = order.map(() => []);
  for (let i = 1; i < order.length; i++) (children[parents[i] as number] as number[]).push(i);
  // Numbers of a walk of the tree answer `dominates` in constant time.
  let numbers: { enter: Int32Array; leave: Int32Array } | undefined;
  const number = (): { enter: Int32Array; leave: Int32Array } => {
    const enter = new Int32Array(order.length);
    const leave = new Int32Array(order.length);
    const next = new Int32Array(order.length);
    const stack = [0];
    let clock = 1;
    while (stack.length > 0) {
      const at = stack[stack.length - 1] as number;
      const child = (children[at] as number[])[(next[at] as number)++];
      if (child === undefined) {
        leave[at] = clock++;
        stack.pop();
      } else {
        enter[child] = clock++;
        stack.push(child);
      }
    }
    return { enter, leave };
  };
  const blocksAt = (list: readonly number[]): Block[] => list.map((i) => order[i] as Block);
  let hasLoops = false;
  for (let i = 0; i < order.length && !hasLoops; i++) hasLoops = (preds[i] as number[]).some((pred) => pred >= i);

  return {
    order,
    hasLoops,
    predecessors: (block) => blocksAt(preds[index.get(block) as number] as number[]),
    children: (block) => blocksAt(children[index.get(block) as number] as number[]),
    parent: (block) => {
      const i = index.get(block) as number;
      return i === 0 ? undefined : order[parents[i] as number];
    },
    dominates: (a, b) => {
      numbers ??= number();
      const { enter, leave } = numbers;
      const i = index.get(a) as number;
      const j = index.get(b) as number;
      return (enter[i] as number) <= (enter[j] as number) && (leave[j] as number) <= (leave[i] as number);
    },
    common: (a, b) => (a === b ? a : (order[intersect(index.get(a) as number, index.get(b) as number)] as Block)),
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
  if (!tree.hasLoops) return found;
  for (const header of tree.order) {
    const latches = tree.predecessors(header).filter((pred) => tree.dominates(header, pred));
    if (latches.length === 0) continue;
    const blocks = new Set<Block>([header]);
    const work = [...latches];
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      if (blocks.has(block)) continue;
      blocks.add(block);
      work.push(...tree.predecessors(block));
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
