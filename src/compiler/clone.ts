// A copy of a function, for trying something that changes it in place.

import { endOf, mapEdges, mapTerminatorValues } from "./graph.ts";
import type { Block, Instr, IrFunction, Value } from "./ir.ts";

/** A copy that shares nothing that passes change. Ids stay. */
export function cloneFunction(fn: IrFunction): IrFunction {
  const values = new Map<Value, Value>();
  const param = (value: Value): Value => {
    const copy: Value = { id: value.id, type: value.type };
    values.set(value, copy);
    return copy;
  };
  const params = fn.params.map(param);
  const blocks = new Map<Block, Block>();
  for (const block of fn.blocks) {
    const instrs = block.instrs.map((instr): Instr => {
      const copy = {
        id: instr.id,
        type: instr.type,
        operation: instr.operation,
        args: instr.args,
        span: instr.span,
      } as Instr & { def: Instr };
      copy.def = copy;
      values.set(instr, copy);
      return copy;
    });
    blocks.set(block, { ...block, params: block.params.map(param), instrs });
  }
  const copied = (value: Value): Value => values.get(value) as Value;
  for (const block of blocks.values()) {
    for (const instr of block.instrs) instr.args = instr.args.map(copied);
    const end = mapTerminatorValues(endOf(block), copied);
    block.terminator = mapEdges(end, (edge) => ({ block: blocks.get(edge.block) as Block, args: edge.args }));
  }
  return { ...fn, params, blocks: [...blocks.values()] };
}
