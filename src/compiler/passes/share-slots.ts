// Lets slots that are never needed at the same time share their place, so that a script of many statements does not
// need scratch memory for its keys.
//
// Instructions are numbered in reverse postorder. Outside of loops a run only ever goes up in that order, so two slots
// whose first and last uses do not overlap never hold anything at once. A slot used in a loop is taken as used in all
// of the outermost one around; one whose address goes where it cannot be followed, everywhere.

import { dominators, loops } from "../dominators.ts";
import { endOf, replaceValues, terminatorArgs } from "../graph.ts";
import { type Block, edgesOf, type Instr, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

interface Lifetime {
  readonly slot: Instr;
  readonly size: number;
  from: number;
  to: number;
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
        lifetimes.set(instr, { slot: instr, size, from: Number.POSITIVE_INFINITY, to: -1 });
      }
    }
    if (lifetimes.size < 2) return;

    const tree = dominators(fn);
    const starts = new Map<Block, number>();
    let count = 0;
    for (const block of tree.order) {
      starts.set(block, count);
      count += block.instrs.length + 1;
    }
    // The stretch of the outermost loop around each block.
    const around = new Map<Block, { from: number; to: number }>();
    for (const loop of loops(tree)) {
      if (around.has(loop.header)) continue;
      let from = count;
      let to = 0;
      for (const block of loop.blocks) {
        from = Math.min(from, starts.get(block) as number);
        to = Math.max(to, (starts.get(block) as number) + block.instrs.length);
      }
      for (const block of loop.blocks) around.set(block, { from, to });
    }
    const use = (value: Value, block: Block, at: number): void => {
      const life = lifetimes.get(rootSlot(value) as Instr);
      if (life === undefined) return;
      const loop = around.get(block);
      life.from = Math.min(life.from, loop?.from ?? at);
      life.to = Math.max(life.to, loop?.to ?? at);
    };
    const everywhere = (value: Value): void => {
      const life = lifetimes.get(rootSlot(value) as Instr);
      if (life === undefined) return;
      life.from = 0;
      life.to = count;
    };
    for (const block of tree.order) {
      let at = starts.get(block) as number;
      for (const { operation, args } of block.instrs) {
        const [, ...others] = args;
        for (const arg of args) use(arg, block, at);
        if (operation.op === "store" || operation.op === "atomic" || operation.op === "kfunc")
          others.forEach(everywhere);
        at++;
      }
      const end = endOf(block);
      for (const arg of terminatorArgs(end)) everywhere(arg);
      for (const edge of edgesOf(end)) edge.args.forEach(everywhere);
    }

    // Areas that are free again, by their size.
    const replaced = new Map<Value, Value>();
    const sizes = new Map<Instr, number>();
    const busy: { area: Instr; size: number; to: number }[] = [];
    const free = new Map<number, Instr[]>();
    const order = [...lifetimes.values()].filter(({ to }) => to >= 0).sort((a, b) => a.from - b.from);
    for (const life of order) {
      for (let i = busy.length - 1; i >= 0; i--) {
        const taken = busy[i] as (typeof busy)[number];
        if (taken.to >= life.from) continue;
        busy.splice(i, 1);
        const list = free.get(taken.size);
        if (list === undefined) free.set(taken.size, [taken.area]);
        else list.push(taken.area);
      }
      const area = free.get(life.size)?.pop() ?? life.slot;
      if (area !== life.slot) replaced.set(life.slot, area);
      sizes.set(area, life.size);
      busy.push({ area, size: life.size, to: life.to });
    }
    if (replaced.size === 0) return;
    // What is shared must stand above all its users; and has the size of the largest.
    const shared = new Set(replaced.values()) as Set<Instr>;
    for (const area of shared) area.operation = { op: "slot", size: sizes.get(area) as number };
    for (const block of fn.blocks) {
      if (block.instrs.some((instr) => shared.has(instr) || replaced.has(instr))) {
        block.instrs = block.instrs.filter((instr) => !shared.has(instr) && !replaced.has(instr));
      }
    }
    (fn.blocks[0] as Block).instrs.unshift(...shared);
    replaceValues(fn, replaced);
  },
};
