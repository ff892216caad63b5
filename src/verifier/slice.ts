// Runs a refused path once more, and keeps only what the failing operands depend on: the instructions that made them,
// and the branches that looked at them.

import { type Instruction, isConditional, isGoto, jumpDistance, Opcode, slotsOf } from "../isa/index.ts";
import { helper } from "../object/index.ts";
import { effects, type ProgramGraph } from "./program-graph.ts";
import type { Trail } from "./state.ts";

interface Visit {
  readonly slot: number;
  readonly depth: number;
}

const MAX_VISITS = 20_000;

/** The decisions of a path in the order in which they were taken. */
export function decisions(trail: Trail | undefined): Trail[] {
  const list: Trail[] = [];
  for (let at = trail; at !== undefined; at = at.parent) list.push(at);
  return list.reverse();
}

/** Every instruction of a path up to `end`, where it was refused; its last 20,000. */
function retrace(graph: ProgramGraph, trail: readonly Trail[], end: number): Visit[] {
  const visits: Visit[] = [];
  const returns: { slot: number; again: boolean }[] = [];
  let next = 0;
  let slot = 0;
  for (;;) {
    visits.push({ slot, depth: returns.length });
    if (visits.length > 2 * MAX_VISITS) visits.splice(0, MAX_VISITS);
    if (next >= trail.length && slot === end) return visits;
    const i = graph.code[slot];
    // What is refused before it is run at all.
    if (i === undefined) return visits;
    const decision = trail[next];
    const mine = decision?.slot === slot ? decision : undefined;
    if (isConditional(i.op)) {
      if (mine === undefined) return visits;
      next++;
      slot = mine.to;
    } else if (i.op === Opcode.EXIT) {
      const back = returns.pop();
      if (back === undefined) return visits;
      slot = back.again ? back.slot : back.slot + 1;
    } else if (i.op === Opcode.CALL && i.src === 1) {
      returns.push({ slot, again: false });
      slot = slot + i.imm + 1;
    } else if (i.op === Opcode.CALL && mine !== undefined) {
      next++;
      returns.push({ slot, again: true });
      slot = mine.to;
    } else if (isGoto(i.op)) {
      slot = slot + 1 + (jumpDistance(i) ?? 0);
    } else {
      slot += slotsOf(i.op);
    }
    // An endless loop without a decision in it has no end to find.
    if (visits.length > MAX_VISITS && next >= trail.length) return visits;
  }
}

const registerAt = (depth: number, register: number): string => `${depth}:r${register}`;
const stackAt = (depth: number, off: number): string => `${depth}:fp${off}`;

/** The slots that matter for `registers` of the last instruction, in the order in which they ran, each once. */
export function sliceOf(
  graph: ProgramGraph,
  trail: readonly Trail[],
  end: number,
  registers: readonly number[],
): number[] {
  const visits = retrace(graph, trail, end);
  const last = visits[visits.length - 1];
  if (last === undefined || last.slot !== end) return [end];
  const wanted = new Set(registers.filter((r) => r !== 10).map((r) => registerAt(last.depth, r)));
  const order: number[] = [end];
  const known = new Set(order);
  const keep = (slot: number): void => {
    if (known.has(slot)) return;
    known.add(slot);
    order.push(slot);
  };
  for (let at = visits.length - 2; at >= 0 && wanted.size > 0; at--) {
    const { slot, depth } = visits[at] as Visit;
    const i = graph.code[slot] as Instruction;
    const after = visits[at + 1] as Visit;
    if (after.depth > depth) {
      // A call: its arguments are what the function was given.
      let any = false;
      for (let r = 1; r <= 5; r++) {
        if (!wanted.delete(registerAt(after.depth, r))) continue;
        wanted.add(registerAt(depth, r));
        any = true;
      }
      if (any) keep(slot);
      continue;
    }
    if (after.depth < depth) {
      if (wanted.delete(registerAt(after.depth, 0))) {
        wanted.add(registerAt(depth, 0));
        keep(slot);
      }
      continue;
    }
    visit(graph, i, slot, depth, wanted, keep);
  }
  return order.reverse();
}

function visit(
  graph: ProgramGraph,
  i: Instruction,
  slot: number,
  depth: number,
  wanted: Set<string>,
  keep: (slot: number) => void,
): void {
  const uses = effects(i, (distance) => graph.live[slot + distance + 1] ?? 0);
  const want = (mask: number): void => {
    for (let r = 0; r < 10; r++) if ((mask & (1 << r)) !== 0) wanted.add(registerAt(depth, r));
  };
  if (isConditional(i.op)) {
    for (let r = 0; r < 10; r++) {
      if ((uses.uses & (1 << r)) !== 0 && wanted.has(registerAt(depth, r))) {
        keep(slot);
        want(uses.uses);
        return;
      }
    }
    return;
  }
  const type = i.op & 7;
  // A spill: the place on the stack is wanted no longer, its source is.
  if ((type === 2 || type === 3) && i.dst === 10 && wanted.delete(stackAt(depth, i.off))) {
    keep(slot);
    if (type === 3) want(1 << i.src);
    return;
  }
  let hit = false;
  for (let r = 0; r < 10; r++) if ((uses.defines & (1 << r)) !== 0 && wanted.delete(registerAt(depth, r))) hit = true;
  if (!hit) return;
  keep(slot);
  if (type === 1 && i.src === 10) wanted.add(stackAt(depth, i.off));
  // Of a helper's arguments only what its result depends on: for most, none but the map and the size.
  else if (i.op === Opcode.CALL && i.src === 0) want(helperUses(i.imm));
  else want(uses.uses);
}

function helperUses(id: number): number {
  let mask = 0;
  helper(id)?.args.forEach((kind, index) => {
    if (kind === "map" || kind === "allocation-size") mask |= 1 << (index + 1);
  });
  return mask;
}
