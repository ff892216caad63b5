// Lets slots that are never needed at the same time share their place, so that a script of many statements does not
// need scratch memory for its keys.
//
// A slot is needed wherever a use of it may lie behind and another one ahead: in all of a loop that uses it, and from its
// first to its last use in a block that no way comes back to. One whose address goes where it cannot be followed is needed
// everywhere.

import { dominators } from "../dominators.ts";
import { endOf, predecessors, replaceValues, terminatorArgs } from "../graph.ts";
import { type Block, edgesOf, type Instr, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** Instructions of one block, the first and the last of them. */
interface Stretch {
  from: number;
  to: number;
}

interface Lifetime {
  readonly slot: Instr;
  readonly size: number;
  readonly uses: Map<Block, Stretch>;
  everywhere: boolean;
}

/** A place for slots: where it is taken. */
interface Area {
  readonly slot: Instr;
  readonly size: number;
  readonly taken: Map<Block, Stretch[]>;
}

/** The slot that an address was computed from, by whatever distance. */
function rootSlot(value: Value): Instr | undefined {
  let at = value.def;
  while (at !== undefined && at.type.kind === "stack" && (at.operation.op === "add" || at.operation.op === "sub")) {
    at = (at.args[0] as Value).def;
  }
  return at?.operation.op === "slot" ? at : undefined;
}

export const shareSlots: Pass = {
  name: "share-slots",
  run(fn) {
    const lifetimes = new Map<Instr, Lifetime>();
    for (const block of fn.blocks) {
      for (const instr of block.instrs) {
        if (instr.operation.op !== "slot" || instr.operation.onStack === true) continue;
        const size = (instr.operation.size + 7) & ~7;
        lifetimes.set(instr, { slot: instr, size, uses: new Map(), everywhere: false });
      }
    }
    if (lifetimes.size < 2) return;

    const { order } = dominators(fn);
    const before = predecessors(fn);
    const lifetimeOf = (value: Value): Lifetime | undefined => lifetimes.get(rootSlot(value) as Instr);
    for (const block of order) {
      let at = 0;
      for (const { operation, args } of block.instrs) {
        for (const arg of args) {
          const life = lifetimeOf(arg);
          if (life === undefined) continue;
          const known = life.uses.get(block);
          if (known === undefined) life.uses.set(block, { from: at, to: at });
          else known.to = at;
        }
        if (operation.op === "store" || operation.op === "atomic" || operation.op === "kfunc")
          for (const arg of args.slice(1)) kept(lifetimeOf(arg));
        at++;
      }
      const end = endOf(block);
      for (const arg of terminatorArgs(end)) kept(lifetimeOf(arg));
      for (const edge of edgesOf(end)) for (const arg of edge.args) kept(lifetimeOf(arg));
    }

    // In the order of their first uses, each in the first area of its size that is free where it is needed.
    const areas: Area[] = [];
    const replaced = new Map<Value, Value>();
    const used = [...lifetimes.values()].filter((life) => life.uses.size > 0 || life.everywhere);
    for (const life of inOrder(used, order)) {
      const needed = life.everywhere ? wholeOf(order) : stretches(life.uses, before);
      const area = areas.find((one) => one.size === life.size && isFree(one, needed));
      if (area === undefined) {
        areas.push({ slot: life.slot, size: life.size, taken: new Map([...needed].map(([b, s]) => [b, [s]])) });
        continue;
      }
      replaced.set(life.slot, area.slot);
      for (const [block, stretch] of needed) {
        const list = area.taken.get(block);
        if (list === undefined) area.taken.set(block, [stretch]);
        else list.push(stretch);
      }
    }
    if (replaced.size === 0) return;
    // What is shared must stand above all its users; and has the size of the largest.
    const shared = new Set(replaced.values()) as Set<Instr>;
    for (const { slot, size } of areas) if (shared.has(slot)) slot.operation = { op: "slot", size };
    for (const block of fn.blocks) {
      if (block.instrs.some((instr) => shared.has(instr) || replaced.has(instr))) {
        block.instrs = block.instrs.filter((instr) => !shared.has(instr) && !replaced.has(instr));
      }
    }
    (fn.blocks[0] as Block).instrs.unshift(...shared);
    replaceValues(fn, replaced);
  },
};

function kept(life: Lifetime | undefined): void {
  if (life !== undefined) life.everywhere = true;
}

function inOrder(lifetimes: readonly Lifetime[], order: readonly Block[]): readonly Lifetime[] {
  const place = new Map(order.map((block, i) => [block, i]));
  const first = ({ uses, everywhere }: Lifetime): readonly [number, number] => {
    let found: readonly [number, number] = [everywhere ? -1 : order.length, 0];
    for (const [block, { from }] of uses) {
      const at = place.get(block) ?? order.length;
      if (at < found[0]) found = [at, from];
    }
    return found;
  };
  return lifetimes
    .map((life) => ({ life, at: first(life) }))
    .sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1])
    .map(({ life }) => life);
}

const END = Number.POSITIVE_INFINITY;

const wholeOf = (blocks: readonly Block[]): ReadonlyMap<Block, Stretch> =>
  new Map(blocks.map((block) => [block, { from: -1, to: END }]));

/** Where uses may lie behind and ahead. */
function stretches(
  uses: ReadonlyMap<Block, Stretch>,
  before: ReadonlyMap<Block, readonly Block[]>,
): ReadonlyMap<Block, Stretch> {
  const behind = reached([...uses.keys()], (block) => edgesOf(endOf(block)).map((edge) => edge.block));
  const ahead = reached([...uses.keys()], (block) => before.get(block) ?? []);
  const found = new Map<Block, Stretch>();
  for (const [block, { from, to }] of uses)
    found.set(block, { from: behind.has(block) ? -1 : from, to: ahead.has(block) ? END : to });
  for (const block of behind) if (ahead.has(block) && !found.has(block)) found.set(block, { from: -1, to: END });
  return found;
}

/** What can be reached from these by a step or more. */
function reached(from: readonly Block[], next: (block: Block) => readonly Block[]): ReadonlySet<Block> {
  const found = new Set<Block>();
  const open = [...from];
  for (let block = open.pop(); block !== undefined; block = open.pop()) {
    for (const one of next(block)) {
      if (found.has(one)) continue;
      found.add(one);
      open.push(one);
    }
  }
  return found;
}

function isFree(area: Area, needed: ReadonlyMap<Block, Stretch>): boolean {
  for (const [block, { from, to }] of needed)
    for (const taken of area.taken.get(block) ?? []) if (taken.from <= to && from <= taken.to) return false;
  return true;
}
