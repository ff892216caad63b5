// The flow graph of one function of a program: blocks, reverse post-order, dominators, loops, and which registers live.
// Nothing here recurses: a program may have 65,000 blocks one after another.

import { isConditional, Opcode, slotsOf } from "../isa/index.ts";
import { effectOf, Op, WORDS } from "./decoded.ts";
import type { Program } from "./program.ts";

export interface BasicBlock {
  /** Its place in reverse post-order, which is also its place in `Flow.blocks`. */
  readonly index: number;
  /** First slot, and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** Slot of the last instruction. */
  readonly last: number;
  readonly ending: "branch" | "goto" | "exit" | "fall" | "bad";
  /** Of a branch: where it goes when the condition holds, then where else. Otherwise at most one. */
  readonly next: readonly number[];
}

export interface Flow {
  readonly start: number;
  /** In reverse post-order; the first is the entry. What is not reached is not here. */
  readonly blocks: readonly BasicBlock[];
  /** Immediate dominators; the entry's is itself. */
  readonly dominator: Int32Array;
  /** Targets of a jump backwards. */
  readonly loopHead: Uint8Array;
  /** How many jumps forward lead to a block. */
  readonly forward: Int32Array;
  /** … and how many backward. */
  readonly backward: Int32Array;
  /** False: some loop can be entered beside its head, so that it cannot be written with structured control flow. */
  readonly reducible: boolean;
  /** Loops that are open at once, at most, from their heads to the last jump back to them. */
  readonly loopDepth: number;
  /** Registers (a bit each) that are read before they are written, from the start of each block on. */
  readonly liveIn: Uint16Array;
  readonly instructions: number;
}

const opAt = (program: Program, slot: number): number => program.code[slot * WORDS] as number;

/** The flow graph of the function that starts at a slot. */
export function flowOf(program: Program, start: number): Flow {
  const { code, slots } = program;
  const target = (slot: number): number => code[slot * WORDS + 3] as number;
  /** Where one ends up who goes to a slot: jumps to jumps are gone through, within reason. */
  const arrive = (slot: number): number => {
    let at = slot;
    for (let hops = 0; hops < 8 && at < slots && opAt(program, at) === Opcode.JA; hops++) at = target(at);
    return at;
  };
  const after = (slot: number): number => slot + slotsOf(opAt(program, slot));

  // Which slots start a block: found by following every path once.
  const leader = new Set([start]);
  const seen = new Set<number>();
  const work = [start];
  let instructions = 0;
  while (work.length > 0) {
    let slot = work.pop() as number;
    while (slot < slots && !seen.has(slot)) {
      seen.add(slot);
      instructions++;
      const op = opAt(program, slot);
      if (op === Opcode.EXIT || op === Op.BAD) break;
      if (op === Opcode.JA || isConditional(op)) {
        leader.add(arrive(target(slot)));
        work.push(arrive(target(slot)));
        if (op === Opcode.JA) break;
        leader.add(arrive(slot + 1));
        leader.add(slot + 1);
      }
      slot = after(slot);
    }
  }

  // Blocks by their first slot, then an order by iterative depth-first search.
  interface Draft {
    end: number;
    last: number;
    ending: BasicBlock["ending"];
    next: number[];
  }
  const drafts = new Map<number, Draft>();
  const draft = (first: number): Draft => {
    let slot = first;
    let last = first;
    for (;;) {
      if (slot >= slots) return { end: slot, last, ending: "bad", next: [] };
      const op = opAt(program, slot);
      last = slot;
      if (op === Opcode.EXIT) return { end: slot + 1, last, ending: "exit", next: [] };
      if (op === Op.BAD) return { end: slot + 1, last, ending: "bad", next: [] };
      if (op === Opcode.JA) return { end: slot + 1, last, ending: "goto", next: [arrive(target(slot))] };
      if (isConditional(op)) {
        const next = [arrive(target(slot)), arrive(slot + 1)];
        return next[0] === next[1]
          ? {
              end: slot + 1,
              last,
              ending: op === Opcode.MAY_GOTO ? "branch" : "goto",
              next: op === Opcode.MAY_GOTO ? next : [next[1] as number],
            }
          : { end: slot + 1, last, ending: "branch", next };
      }
      slot = after(slot);
      if (leader.has(slot) && slot < slots) return { end: slot, last, ending: "fall", next: [arrive(slot)] };
    }
  };
  const order: number[] = [];
  const path: { slot: number; at: number }[] = [{ slot: start, at: 0 }];
  drafts.set(start, draft(start));
  while (path.length > 0) {
    const top = path[path.length - 1] as { slot: number; at: number };
    const { next } = drafts.get(top.slot) as Draft;
    if (top.at === next.length) {
      order.push(top.slot);
      path.pop();
      continue;
    }
    const to = next[top.at++] as number;
    if (!drafts.has(to)) {
      drafts.set(to, draft(to));
      path.push({ slot: to, at: 0 });
    }
  }
  order.reverse();
  const indexOf = new Map(order.map((slot, i) => [slot, i]));
  const blocks: BasicBlock[] = order.map((slot, index) => {
    const { end, last, ending, next } = drafts.get(slot) as Draft;
    return { index, start: slot, end, last, ending, next: next.map((to) => indexOf.get(to) as number) };
  });

  const shape = shapeOf(blocks);
  return { start, blocks, ...shape, liveIn: liveness(program, blocks), instructions };
}

/**
 * Dominators by Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm", over jumps forward only: one pass is
 * enough then. Where every jump backwards leads to a block that dominates it they are those of the whole graph, and
 * where one does not nobody asks for them.
 */
function shapeOf(
  blocks: readonly BasicBlock[],
): Pick<Flow, "dominator" | "loopHead" | "forward" | "backward" | "reducible" | "loopDepth"> {
  const count = blocks.length;
  const before: number[][] = Array.from({ length: count }, () => []);
  for (const block of blocks) {
    for (const to of block.next) if (to > block.index) (before[to] as number[]).push(block.index);
  }
  const dominator = new Int32Array(count).fill(-1);
  dominator[0] = 0;
  const meet = (a: number, b: number): number => {
    let x = a;
    let y = b;
    while (x !== y) {
      while (x > y) x = dominator[x] as number;
      while (y > x) y = dominator[y] as number;
    }
    return x;
  };
  for (let i = 1; i < count; i++) {
    const list = before[i] as number[];
    // From the last on: where thousands of checks leave for one place, each is a step from the next.
    let best = list[list.length - 1] as number;
    for (let at = list.length - 2; at >= 0; at--) best = meet(best, list[at] as number);
    dominator[i] = best;
  }
  // Depths in the tree of dominators, to ask "does a dominate b" by going up no further than needed.
  const depth = new Int32Array(count);
  for (let i = 1; i < count; i++) depth[i] = (depth[dominator[i] as number] as number) + 1;
  const enter = new Int32Array(count);
  const leave = new Int32Array(count);
  numberTree(dominator, enter, leave);
  const loopHead = new Uint8Array(count);
  const forward = new Int32Array(count);
  const backward = new Int32Array(count);
  let reducible = true;
  for (const block of blocks) {
    for (const to of block.next) {
      if (to > block.index) forward[to] = (forward[to] as number) + 1;
      else {
        loopHead[to] = 1;
        backward[to] = (backward[to] as number) + 1;
        const dominates =
          (enter[to] as number) <= (enter[block.index] as number) &&
          (leave[to] as number) >= (leave[block.index] as number);
        if (!dominates) reducible = false;
      }
    }
  }
  return { dominator, loopHead, forward, backward, reducible, loopDepth: depthOfLoops(blocks) };
}

function depthOfLoops(blocks: readonly BasicBlock[]): number {
  // By block: loops that end behind it.
  const ends = new Int32Array(blocks.length);
  const last = new Map<number, number>();
  for (const block of blocks) for (const to of block.next) if (to <= block.index) last.set(to, block.index);
  for (const end of last.values()) ends[end] = (ends[end] as number) + 1;
  let open = 0;
  let depth = 0;
  for (let i = 0; i < blocks.length; i++) {
    if (last.has(i)) depth = Math.max(depth, ++open);
    open -= ends[i] as number;
  }
  return depth;
}

/** When a walk over the tree of dominators comes to each node, and when it leaves it. */
function numberTree(dominator: Int32Array, enter: Int32Array, leave: Int32Array): void {
  const children: number[][] = Array.from({ length: dominator.length }, () => []);
  for (let i = 1; i < dominator.length; i++) (children[dominator[i] as number] as number[]).push(i);
  let clock = 0;
  const path = [{ node: 0, at: 0 }];
  enter[0] = clock++;
  while (path.length > 0) {
    const top = path[path.length - 1] as { node: number; at: number };
    const child = (children[top.node] as number[])[top.at++];
    if (child === undefined) {
      leave[top.node] = clock++;
      path.pop();
    } else {
      enter[child] = clock++;
      path.push({ node: child, at: 0 });
    }
  }
}

function liveness(program: Program, blocks: readonly BasicBlock[]): Uint16Array {
  const uses = new Uint16Array(blocks.length);
  const defines = new Uint16Array(blocks.length);
  for (const block of blocks) {
    let used = 0;
    let defined = 0;
    if (block.start < program.slots) {
      for (let slot = block.start; slot <= block.last; slot += slotsOf(opAt(program, slot))) {
        const effect = effectOf(program.code, slot);
        used |= effect.uses & ~defined;
        defined |= effect.defines;
      }
    }
    uses[block.index] = used;
    defines[block.index] = defined;
  }
  const liveIn = new Uint16Array(blocks.length);
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = blocks.length - 1; i >= 0; i--) {
      let out = 0;
      for (const to of (blocks[i] as BasicBlock).next) out |= liveIn[to] as number;
      const value = (uses[i] as number) | (out & ~(defines[i] as number));
      if (value !== liveIn[i]) {
        liveIn[i] = value;
        changed = true;
      }
    }
  }
  return liveIn;
}
