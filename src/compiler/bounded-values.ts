// Numbers whose bounds the verifier must know: sizes and other arguments of helpers, addresses; and all that these are
// made of.

import { endOf } from "./graph.ts";
import { edgesOf, type IrFunction, type Value } from "./ir.ts";

export function boundedValues(fn: IrFunction): Set<Value> {
  const found = new Set<Value>();
  const work: Value[] = [];
  const need = (value: Value | undefined): void => {
    if (value === undefined || found.has(value)) return;
    found.add(value);
    work.push(value);
  };
  const incoming = new Map<Value, Value[]>();
  for (const block of fn.blocks) {
    for (const instr of block.instrs) {
      const { op } = instr.operation;
      if (op === "helper" || op === "kfunc" || op === "call") for (const arg of instr.args) need(arg);
      else if (op === "load" || op === "store" || op === "atomic" || op === "zero") need(instr.args[0]);
      else if (op === "copy") instr.args.forEach(need);
    }
    for (const edge of edgesOf(endOf(block))) {
      edge.block.params.forEach((param, i) => {
        const args = incoming.get(param);
        const arg = edge.args[i] as Value;
        if (args === undefined) incoming.set(param, [arg]);
        else args.push(arg);
      });
    }
  }
  for (let value = work.pop(); value !== undefined; value = work.pop()) {
    for (const arg of value.def?.args ?? incoming.get(value) ?? []) need(arg);
  }
  return found;
}
