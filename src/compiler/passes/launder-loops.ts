// Lets the verifier come to an end with unbounded loops: what changes from one turn of a may_goto loop to the next is
// hidden from it.
//
// The verifier takes a may_goto loop for done when the state at its head is within one seen before; a counter that it
// knows (0, then 1, then 2 …) never is. So every integer parameter of such a loop's head has a zero added that the
// verifier takes for any number: the difference of an unknown value with itself, one subtraction for the whole run
// (the verifier does not compare the operands of a subtraction) and one addition for each parameter and turn.
// Bounds that are checked inside of the loop hold as usual. Nothing that folds constants may run after this.

import { type Dominators, dominators, type Loop, loops } from "../dominators.ts";
import { endOf, newInstr, replaceValues } from "../graph.ts";
import { type Block, INT, type Instr, type IrFunction, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";

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
    const open = [...openLoops(tree)].filter(({ header }) => header.params.some((param) => param.type.kind === "int"));
    if (open.length === 0) return;
    // One zero for all, made outside of every loop.
    const all = loops(tree);
    let place = open.map((loop) => loop.header).reduce((a, b) => tree.common(a, b));
    while (all.some((loop) => loop.blocks.has(place))) place = tree.parent(place) as Block;
    const zero = unknownZero(fn, tree, place);
    const replaced = new Map<Value, Value>();
    const additions: Instr[] = [];
    for (const { header } of open) {
      const made: Instr[] = [];
      for (const param of header.params) {
        if (param.type.kind !== "int") continue;
        const hidden = newInstr(fn, { op: "add", width: 64 }, [zero, zero], INT, header.span);
        replaced.set(param, hidden);
        made.push(hidden);
        additions.push(hidden);
      }
      header.instrs.unshift(...made);
    }
    replaceValues(fn, replaced);
    // The parameter itself is read here and nowhere else.
    const params = [...replaced.keys()];
    additions.forEach((instr, i) => {
      instr.args = [params[i] as Value, zero];
    });
  },
};
