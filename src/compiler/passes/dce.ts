// Drops what nothing reads: pure operations, loads, parameters of blocks, and slots that are only written to.
// Liveness is found from the instructions that act on the world, so a value that only feeds itself round a loop goes.

import { helper } from "../../object/index.ts";
import { endOf, terminatorArgs } from "../graph.ts";
import { type Block, type Edge, edgesOf, type Instr, type IrFunction, type Operation, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";
import { keepParams } from "./tidy.ts";

/** True for an instruction that does nothing but give its value. */
export function isPure(operation: Operation): boolean {
  switch (operation.op) {
    case "store":
    case "atomic":
    case "zero":
    case "copy":
    case "kfunc":
    case "call":
      return false;
    case "helper":
      return helper(operation.helper)?.silent === true;
    default:
      return true;
  }
}

/** The slot that an address is in, when it is a slot or a constant distance from one. */
export function slotOf(pointer: Value): Instr | undefined {
  let at: Instr | undefined = pointer.def;
  while (at?.operation.op === "add" && at.type.kind === "stack") at = (at.args[0] as Value).def;
  return at?.operation.op === "slot" ? at : undefined;
}

/** Slots whose content is never looked at: every use is the address of a store. */
function unreadSlots(fn: IrFunction): Set<Instr> {
  const slots = new Set<Instr>();
  for (const block of fn.blocks) for (const instr of block.instrs) if (instr.operation.op === "slot") slots.add(instr);
  if (slots.size === 0) return slots;
  const read = (value: Value): void => {
    const slot = slotOf(value);
    if (slot !== undefined) slots.delete(slot);
  };
  for (const block of fn.blocks) {
    for (const { operation, args } of block.instrs) {
      const written = operation.op === "store" || operation.op === "zero" || operation.op === "copy";
      const address = operation.op === "add";
      args.forEach((arg, i) => {
        if (!(i === 0 && (written || address))) read(arg);
      });
      // An address that is computed cannot be followed.
      if (operation.op === "add" && (args[1] as Value).def?.operation.op !== "const") read(args[0] as Value);
    }
    const end = endOf(block);
    for (const arg of terminatorArgs(end)) read(arg);
    for (const edge of edgesOf(end)) edge.args.forEach(read);
  }
  return slots;
}

export const dce: Pass = {
  name: "dce",
  run(fn) {
    const unread = unreadSlots(fn);
    const needed = new Set<Value>();
    const work: Value[] = [];
    const need = (value: Value): void => {
      if (needed.has(value)) return;
      needed.add(value);
      work.push(value);
    };
    const incoming = new Map<Value, { block: Block; at: number }>();
    const edges = new Map<Block, Edge[]>();
    for (const block of fn.blocks) {
      edges.set(block, edges.get(block) ?? []);
      block.params.forEach((param, at) => {
        incoming.set(param, { block, at });
      });
      for (const instr of block.instrs) {
        if (isPure(instr.operation)) continue;
        const { op } = instr.operation;
        const slot = op === "store" || op === "zero" || op === "copy" ? slotOf(instr.args[0] as Value) : undefined;
        if (slot !== undefined && unread.has(slot)) continue;
        need(instr);
        instr.args.forEach(need);
      }
      const end = endOf(block);
      terminatorArgs(end).forEach(need);
      for (const edge of edgesOf(end)) {
        const list = edges.get(edge.block);
        if (list === undefined) edges.set(edge.block, [edge]);
        else list.push(edge);
      }
    }
    for (let value = work.pop(); value !== undefined; value = work.pop()) {
      if (value.def !== undefined) value.def.args.forEach(need);
      else {
        const param = incoming.get(value);
        if (param !== undefined) for (const edge of edges.get(param.block) ?? []) need(edge.args[param.at] as Value);
      }
    }
    for (const block of fn.blocks) {
      if (block.instrs.some((instr) => !needed.has(instr)))
        block.instrs = block.instrs.filter((instr) => needed.has(instr));
    }
    keepParams(fn, (param) => needed.has(param));
  },
};
