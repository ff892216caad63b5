// Lets the verifier come to an end with unbounded loops: what changes from one turn of a may_goto loop to the next is
// hidden from it.
//
// The verifier takes a may_goto loop for done when the state at its head is within one seen before; a counter that it
// knows (0, then 1, then 2 …) never is. So every integer parameter of such a loop's head has a zero added that the
// verifier takes for any number: the difference of an unknown value with itself, one subtraction for the whole run
// (the verifier does not compare the operands of a subtraction) and one addition for each parameter and turn.
// A number that such a loop keeps in a slot is hidden likewise where the loop reads it back: the verifier follows what
// is stored on the stack as well. So are numbers that paths within a loop bring together (a comparison's 0 or 1), or
// each of them would be a path of its own in each turn; not those whose bounds matter. Bounds that are checked inside of the loop hold as usual. Nothing that folds constants may run after this.

import { boundedValues } from "../bounded-values.ts";
import { type Dominators, dominators, type Loop, loops } from "../dominators.ts";
import { endOf, newInstr, replaceValues } from "../graph.ts";
import { type Block, INT, type Instr, type IrFunction, type LoadSize, type Value } from "../ir.ts";
import { slotOf } from "./dce.ts";
import type { Pass } from "./pass.ts";

/** Bits of the loads that zero-extend. */
const NARROW: Partial<Record<LoadSize, 8 | 16 | 32>> = { u8: 8, u16: 16, u32: 32 };

const SOURCE = "get_current_pid_tgid";

/** The innermost loops around may_goto. */
function openLoops(tree: Dominators): Set<Loop> {
  const all = loops(tree);
  const found = new Set<Loop>();
  for (const block of tree.order) {
    if (endOf(block).kind !== "may-goto") continue;
    let inner: Loop | undefined;
    for (const loop of all) {
      if (loop.blocks.has(block) && (inner === undefined || loop.blocks.size < inner.blocks.size)) inner = loop;
    }
    if (inner !== undefined) found.add(inner);
  }
  return found;
}

/** Loads of a loop from slots that it stores to. */
function carriedBySlots(loop: Loop): Instr[] {
  const stored = new Set<Instr>();
  for (const block of loop.blocks) {
    for (const { operation, args } of block.instrs) {
      const slot = operation.op === "store" ? slotOf(args[0] as Value) : undefined;
      if (slot !== undefined) stored.add(slot);
    }
  }
  if (stored.size === 0) return [];
  return [...loop.blocks].flatMap((block) =>
    block.instrs.filter((instr) => {
      if (instr.operation.op !== "load" || instr.type.kind !== "int") return false;
      const slot = slotOf(instr.args[0] as Value);
      return slot !== undefined && stored.has(slot);
    }),
  );
}

/** A value at the end of `block`, or above it, that is zero and looks like any number. */
function unknownZero(fn: IrFunction, tree: Dominators, block: Block): Value {
  let source: Instr | undefined;
  for (const above of tree.order) {
    if (!tree.dominates(above, block)) continue;
    source ??= above.instrs.find(({ operation }) => operation.op === "helper" && operation.helper === SOURCE);
  }
  const span = block.span;
  if (source === undefined) {
    source = newInstr(fn, { op: "helper", helper: SOURCE }, [], INT, span);
    block.instrs.push(source);
  }
  const zero = newInstr(fn, { op: "sub", width: 64 }, [source, source], INT, span);
  block.instrs.push(zero);
  return zero;
}

export const launderLoops: Pass = {
  name: "launder-loops",
  run(fn) {
    if (!fn.blocks.some((block) => endOf(block).kind === "may-goto")) return;
    const tree = dominators(fn);
    const open = [...openLoops(tree)];
    const loads = open.flatMap(carriedBySlots);
    const hasNumbers = (block: Block): boolean => block.params.some((param) => param.type.kind === "int");
    if (loads.length === 0 && !open.some((loop) => [...loop.blocks].some(hasNumbers))) return;
    // One zero for all, made outside of every loop.
    const all = loops(tree);
    let place = open.map((loop) => loop.header).reduce((a, b) => tree.common(a, b));
    while (all.some((loop) => loop.blocks.has(place))) place = tree.parent(place) as Block;
    const zero = unknownZero(fn, tree, place);
    const replaced = new Map<Value, Value>();
    const additions: Instr[] = [];
    const headers = new Set(open.map((loop) => loop.header));
    const bounded = boundedValues(fn);
    // A counted loop inside comes to its end because the verifier follows its counter: nothing of it is hidden.
    const counted = all.filter(
      (loop) =>
        !headers.has(loop.header) &&
        open.some((outer) => outer.blocks.has(loop.header) && loop.blocks.size < outer.blocks.size),
    );
    for (const header of new Set(open.flatMap((loop) => [loop.header, ...loop.blocks]))) {
      if (!headers.has(header) && counted.some((loop) => loop.blocks.has(header))) continue;
      const made: Instr[] = [];
      for (const param of header.params) {
        if (param.type.kind !== "int" || (!headers.has(header) && bounded.has(param))) continue;
        const hidden = newInstr(fn, { op: "add", width: 64 }, [zero, zero], INT, header.span);
        replaced.set(param, hidden);
        made.push(hidden);
        additions.push(hidden);
      }
      header.instrs.unshift(...made);
    }
    for (const block of loads.length > 0 ? fn.blocks : []) {
      block.instrs = block.instrs.flatMap((instr) => {
        if (!loads.includes(instr)) return [instr];
        const hidden = newInstr(fn, { op: "add", width: 64 }, [instr, zero], INT, instr.span);
        // That a narrow load gives a small number may have been relied on already.
        const narrow = instr.operation.op === "load" ? NARROW[instr.operation.size] : undefined;
        const small =
          narrow === undefined ? hidden : newInstr(fn, { op: "zext", bits: narrow }, [hidden], INT, instr.span);
        replaced.set(instr, small);
        additions.push(hidden);
        return narrow === undefined ? [instr, hidden] : [instr, hidden, small];
      });
    }
    replaceValues(fn, replaced);
    // What is hidden is read here and nowhere else.
    const hiddenValues = [...replaced.keys()];
    additions.forEach((instr, i) => {
      instr.args = [hiddenValues[i] as Value, zero];
    });
  },
};
