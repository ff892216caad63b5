// Checks that a function is what the passes take for granted: SSA dominance, arguments of edges, operand counts.
// Run in tests after every pass; too slow to run in earnest.

import { dominators } from "./dominators.ts";
import { endOf, terminatorArgs } from "./graph.ts";
import { type Block, edgesOf, type Instr, type IrFunction, type Operation, type Value } from "./ir.ts";

const COUNTS: Partial<Record<Operation["op"], number>> = {
  const: 0,
  slot: 0,
  map: 0,
  "map-value": 0,
  function: 0,
  "type-id": 0,
  core: 0,
  ksym: 0,
  neg: 1,
  zext: 1,
  sext: 1,
  bswap: 1,
  load: 1,
  zero: 1,
  add: 2,
  sub: 2,
  mul: 2,
  div: 2,
  mod: 2,
  sdiv: 2,
  smod: 2,
  and: 2,
  or: 2,
  xor: 2,
  shl: 2,
  shr: 2,
  sar: 2,
  store: 2,
  copy: 2,
};

/** Everything that is wrong with the function, in words; empty when it is sound. */
export function validate(fn: IrFunction): string[] {
  const wrong: string[] = [];
  const entry = fn.blocks[0];
  if (entry === undefined) return ["no blocks"];
  if (entry.params.length > 0) wrong.push("the entry block has parameters");
  for (const block of fn.blocks) if (block.terminator === undefined) wrong.push(`${block.name}: no terminator`);
  if (wrong.length > 0) return wrong;

  const listed = new Set(fn.blocks);
  if (listed.size !== fn.blocks.length) wrong.push("a block is listed twice");
  for (const block of fn.blocks) {
    for (const edge of edgesOf(endOf(block))) {
      if (!listed.has(edge.block))
        wrong.push(`${block.name}: leads to ${edge.block.name}, which is not in the function`);
      if (edge.block === entry) wrong.push(`${block.name}: leads to the entry`);
      if (edge.args.length !== edge.block.params.length) {
        wrong.push(
          `${block.name}: ${edge.args.length} arguments for the ${edge.block.params.length} parameters of ${edge.block.name}`,
        );
      }
    }
  }
  if (wrong.length > 0) return wrong;

  const tree = dominators(fn);
  // Where each value is defined; parameters at -1.
  const places = new Map<Value, { block: Block; at: number }>();
  const define = (value: Value, block: Block, at: number): void => {
    if (places.has(value)) wrong.push(`%${value.id} is defined twice`);
    if (value.id >= fn.nextId) wrong.push(`%${value.id} is beyond the next free id ${fn.nextId}`);
    places.set(value, { block, at });
  };
  for (const param of fn.params) define(param, entry, -1);
  for (const block of tree.order) {
    for (const param of block.params) define(param, block, -1);
    block.instrs.forEach((instr, at) => {
      define(instr, block, at);
    });
  }
  const ids = new Set<number>();
  for (const value of places.keys()) {
    if (ids.has(value.id)) wrong.push(`two values have the id ${value.id}`);
    ids.add(value.id);
  }
  const use = (value: Value, block: Block, at: number): void => {
    const place = places.get(value);
    if (place === undefined) wrong.push(`${block.name}: %${value.id} is used and defined nowhere`);
    else if (place.block === block ? place.at >= at : !tree.dominates(place.block, block)) {
      wrong.push(`${block.name}: %${value.id} is used where its definition in ${place.block.name} does not reach`);
    }
  };
  const checkInstr = (instr: Instr, block: Block, at: number): void => {
    const { operation, args } = instr;
    if (instr.def !== instr) wrong.push(`${block.name}: %${instr.id} does not name itself as its definition`);
    const count = COUNTS[operation.op];
    if (count !== undefined && args.length !== count)
      wrong.push(`${block.name}: ${operation.op} has ${args.length} operands`);
    if (args.length > 5) wrong.push(`${block.name}: ${operation.op} has more than five operands`);
    for (const arg of args) {
      use(arg, block, at);
      if (arg.type.kind === "void") wrong.push(`${block.name}: %${arg.id} has no value`);
    }
  };
  for (const block of tree.order) {
    block.instrs.forEach((instr, at) => {
      checkInstr(instr, block, at);
    });
    const end = endOf(block);
    for (const arg of terminatorArgs(end)) use(arg, block, Number.POSITIVE_INFINITY);
    for (const edge of edgesOf(end)) for (const arg of edge.args) use(arg, block, Number.POSITIVE_INFINITY);
  }
  return wrong;
}
