// Walking and rewriting a function's graph: predecessors, orders, uses, replacement of values, new constants.

import {
  type Block,
  type Edge,
  edgesOf,
  INT,
  type Instr,
  type IrFunction,
  type Operation,
  type Terminator,
  type Value,
  type ValueType,
} from "./ir.ts";

/** The values that a terminator reads itself, without those it hands to the next block. */
export function terminatorArgs(terminator: Terminator): readonly Value[] {
  if (terminator.kind === "branch") return [terminator.a, terminator.b];
  return terminator.kind === "return" ? [terminator.value] : [];
}

/** The end of a finished block. */
export function endOf(block: Block): Terminator {
  if (block.terminator === undefined) throw new Error(`block ${block.name} has no terminator`);
  return block.terminator;
}

/** Rewrites the edges of a terminator. Gives the same object when nothing changed. */
export function mapEdges(terminator: Terminator, change: (edge: Edge) => Edge): Terminator {
  switch (terminator.kind) {
    case "jump": {
      const to = change(terminator.to);
      return to === terminator.to ? terminator : { kind: "jump", to };
    }
    case "branch": {
      const then = change(terminator.then);
      const otherwise = change(terminator.else);
      return then === terminator.then && otherwise === terminator.else
        ? terminator
        : { ...terminator, then, else: otherwise };
    }
    case "may-goto": {
      const next = change(terminator.next);
      const exit = change(terminator.exit);
      return next === terminator.next && exit === terminator.exit ? terminator : { kind: "may-goto", next, exit };
    }
    case "return":
      return terminator;
  }
}

/** Rewrites every value that a terminator reads. Gives the same object when nothing changed. */
export function mapTerminatorValues(terminator: Terminator, change: (value: Value) => Value): Terminator {
  const changed = mapEdges(terminator, (edge) => {
    for (let i = 0; i < edge.args.length; i++) {
      if (change(edge.args[i] as Value) !== edge.args[i]) return { block: edge.block, args: edge.args.map(change) };
    }
    return edge;
  });
  if (changed.kind === "branch") {
    const a = change(changed.a);
    const b = change(changed.b);
    return a === changed.a && b === changed.b ? changed : { ...changed, a, b };
  }
  if (changed.kind === "return") {
    const value = change(changed.value);
    return value === changed.value ? changed : { kind: "return", value };
  }
  return changed;
}

/** Blocks that can be reached, each before its successors where there is no loop. */
export function reversePostorder(fn: IrFunction): Block[] {
  const entry = fn.blocks[0] as Block;
  const seen = new Set<Block>([entry]);
  const order: Block[] = [];
  // Iterative: a long unrolled script has more blocks than the stack has frames.
  const stack: { block: Block; edges: readonly Edge[]; next: number }[] = [
    { block: entry, edges: edgesOf(endOf(entry)), next: 0 },
  ];
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as (typeof stack)[number];
    const edge = top.edges[top.next++];
    if (edge === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (!seen.has(edge.block)) {
      seen.add(edge.block);
      stack.push({ block: edge.block, edges: edgesOf(endOf(edge.block)), next: 0 });
    }
  }
  return order.reverse();
}

/** The blocks with an edge to each block, one entry for each edge. */
export function predecessors(fn: IrFunction): Map<Block, Block[]> {
  const found = new Map<Block, Block[]>();
  for (const block of fn.blocks) found.set(block, []);
  for (const block of fn.blocks) {
    for (const edge of edgesOf(endOf(block))) found.get(edge.block)?.push(block);
  }
  return found;
}

/** How often each value is read. */
export function useCounts(fn: IrFunction): Map<Value, number> {
  const counts = new Map<Value, number>();
  const count = (value: Value): void => {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  };
  for (const block of fn.blocks) {
    for (const instr of block.instrs) for (const arg of instr.args) count(arg);
    const end = endOf(block);
    for (const arg of terminatorArgs(end)) count(arg);
    for (const edge of edgesOf(end)) for (const arg of edge.args) count(arg);
  }
  return counts;
}

/** Replaces values everywhere; chains (a → b, b → c) are followed. */
export function replaceValues(fn: IrFunction, replaced: Map<Value, Value>): void {
  if (replaced.size === 0) return;
  const resolve = resolver(replaced);
  for (const block of fn.blocks) {
    for (const instr of block.instrs) {
      const args = instr.args;
      for (let i = 0; i < args.length; i++) args[i] = resolve(args[i] as Value);
    }
    block.terminator = mapTerminatorValues(endOf(block), resolve);
  }
  retype(fn);
}

/**
 * An address that is counted from one of which more is known now is of its kind: what is written through it can then be
 * followed to its slot.
 */
function retype(fn: IrFunction): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of fn.blocks)
      for (const instr of block.instrs) {
        const { operation, args, type } = instr;
        if ((operation.op !== "add" && operation.op !== "sub") || operation.width !== 64) continue;
        const [base, distance] = args as [Value, Value];
        const vague = type.kind === "memory" || type.kind === "int";
        if (!vague || base.type.kind === type.kind || base.type.kind === "int" || distance.type.kind !== "int")
          continue;
        instr.type = base.type;
        changed = true;
      }
  }
}

/** Follows chains of replacement. */
export function resolver(replaced: Map<Value, Value>): (value: Value) => Value {
  return (value) => {
    let at = value;
    for (;;) {
      const next = replaced.get(at);
      if (next === undefined) return at;
      at = next;
    }
  };
}

/** An instruction that belongs to no block yet. */
export function newInstr(
  fn: IrFunction,
  operation: Operation,
  args: Value[],
  type: ValueType,
  span: Instr["span"],
): Instr {
  const instr = { id: fn.nextId++, type, operation, args, span } as Instr & { def: Instr };
  instr.def = instr;
  return instr;
}

/** A block that nothing leads to yet; it is not in the function's list. */
export function newBlock(fn: IrFunction, name: string, span: Block["span"]): Block {
  const id = fn.nextId++;
  return { id, name: `${name}${id}`, params: [], instrs: [], terminator: undefined, span };
}

/** The constant that a value is, or undefined. */
export function constantOf(value: Value): bigint | undefined {
  const operation = value.def?.operation;
  return operation?.op === "const" ? operation.value : undefined;
}

/** True for a value that is this constant. */
export function isConstant(value: Value, constant: bigint): boolean {
  return constantOf(value) === constant;
}

/** Gives constants, one instruction for each, at the head of the entry block, where they dominate everything. */
export function constantPool(fn: IrFunction): (value: bigint) => Value {
  const known = new Map<bigint, Value>();
  const entry = fn.blocks[0] as Block;
  for (const instr of entry.instrs) {
    if (instr.operation.op === "const" && !known.has(instr.operation.value)) known.set(instr.operation.value, instr);
  }
  return (value) => {
    const wrapped = BigInt.asIntN(64, value);
    let found = known.get(wrapped);
    if (found === undefined) {
      const instr = newInstr(fn, { op: "const", value: wrapped }, [], INT, undefined);
      entry.instrs.unshift(instr);
      known.set(wrapped, instr);
      found = instr;
    }
    return found;
  };
}
