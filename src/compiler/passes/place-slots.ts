// Moves slots that the stack has no room for into scratch memory: element 0 of a per-CPU array.
//
// The largest go first, and any beyond LARGEST bytes, but for those that must be on the stack. The pointer is looked up once, in the lowest block that dominates
// every use and is in no loop, so a predicate before it stays first. The look-up cannot fail for element 0, but the
// verifier wants it checked: the run returns 0 then.

import { dominators, loopDepths } from "../dominators.ts";
import { StackError } from "../errors.ts";
import { constantPool, endOf, newBlock, newInstr, replaceValues, terminatorArgs } from "../graph.ts";
import { type Block, edgesOf, type Instr, type IrFunction, type Value, VOID } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** A slot above this never goes on the stack (bytes). */
const LARGEST = 256;

const aligned = (size: number): number => (size + 7) & ~7;

interface Slot {
  readonly instr: Instr;
  readonly size: number;
}

function slotsOf(fn: IrFunction): Slot[] {
  const found: Slot[] = [];
  for (const block of fn.blocks) {
    for (const instr of block.instrs) {
      if (instr.operation.op === "slot") found.push({ instr, size: aligned(instr.operation.size) });
    }
  }
  return found;
}

const isReserve = ({ operation }: Instr): boolean =>
  operation.op === "helper" && operation.helper === "ringbuf_reserve";

function cutBefore(block: Block, holds: (instr: Instr) => boolean): number {
  const first = block.instrs.findIndex(holds);
  return first < 0 ? block.instrs.length : first;
}

/** Bytes of all slots of a function. */
export function slotBytes(fn: IrFunction): number {
  return slotsOf(fn).reduce((sum, { size }) => sum + size, 0);
}

export const placeSlots: Pass = {
  name: "place-slots",
  run(fn, context) {
    const slots = slotsOf(fn);
    let total = slots.reduce((sum, { size }) => sum + size, 0);
    if (total === 0) return;
    const large: Slot[] = [];
    // Room for the key of the scratch map itself.
    const room = context.stack - 8;
    for (const slot of [...slots].sort((a, b) => b.size - a.size)) {
      if (slot.size <= LARGEST && total <= room) break;
      if (slot.instr.operation.op === "slot" && slot.instr.operation.onStack === true) continue;
      large.push(slot);
      total -= slot.size;
    }
    if (large.length === 0) return;
    if (context.scratchMap === undefined) {
      throw new StackError(
        fn.name,
        slots.reduce((sum, { size }) => sum + size, 0),
      );
    }

    const wanted = new Set<Value>(large.map(({ instr }) => instr));
    const tree = dominators(fn);
    const depths = loopDepths(tree);
    let place: Block | undefined;
    const use = (value: Value, block: Block): void => {
      if (wanted.has(value)) place = place === undefined ? block : tree.common(place, block);
    };
    for (const block of tree.order) {
      for (const instr of block.instrs) for (const arg of instr.args) use(arg, block);
      const end = endOf(block);
      for (const arg of terminatorArgs(end)) use(arg, block);
      for (const edge of edgesOf(end)) for (const arg of edge.args) use(arg, block);
    }
    if (place === undefined) return;
    const outside = (block: Block): Block => {
      let outer = block;
      while ((depths.get(outer) ?? 0) > 0) outer = tree.parent(outer) as Block;
      return outer;
    };
    const usesWanted = (instr: Instr): boolean => instr.args.some((arg) => wanted.has(arg));
    let at = outside(place);
    let cut = cutBefore(at, usesWanted);
    // A run that returns here may hold no record of the ring that it has not given back.
    for (let above: Block | undefined = at; above !== undefined; above = tree.parent(above)) {
      const reserve = above.instrs.slice(0, above === at ? cut : undefined).findIndex(isReserve);
      if (reserve < 0) continue;
      at = outside(above);
      cut = at === above ? reserve : at.instrs.length;
    }

    // at: … | look up, test; after: the rest of the block
    const span = at.instrs[cut]?.span ?? at.span;
    const after = newBlock(fn, "scratch", span);
    after.instrs = at.instrs.slice(cut);
    after.terminator = at.terminator;
    const fail = newBlock(fn, "none", span);
    const constant = constantPool(fn);
    fail.terminator = { kind: "return", value: constant(0n) };

    const instrs = at.instrs.slice(0, cut).filter((instr) => !wanted.has(instr));
    const known = new Set(instrs);
    // The pool may have put a constant at the head meanwhile.
    for (const instr of at.instrs)
      if (instr.operation.op === "const" && !known.has(instr) && !after.instrs.includes(instr)) instrs.unshift(instr);
    const emit = (operation: Instr["operation"], args: Value[], type: Value["type"]): Instr => {
      const made = newInstr(fn, operation, args, type, span);
      instrs.push(made);
      return made;
    };
    const map = context.scratchMap;
    const key = emit({ op: "slot", size: 4 }, [], { kind: "stack" });
    emit({ op: "store", size: 32, offset: 0 }, [key, constant(0n)], VOID);
    const handle = emit({ op: "map", map }, [], { kind: "map", map });
    const base = emit({ op: "helper", helper: "map_lookup_elem" }, [handle, key], {
      kind: "map-value",
      map,
      nullable: true,
    });
    at.terminator = {
      kind: "branch",
      condition: "eq",
      width: 64,
      a: base,
      b: constant(0n),
      then: { block: fail, args: [] },
      else: { block: after, args: [] },
      unlikely: "then",
    };

    const replaced = new Map<Value, Value>();
    const addresses: Instr[] = [];
    for (const { instr, size } of large) {
      const address = newInstr(
        fn,
        { op: "add", width: 64 },
        [base, constant(BigInt(context.scratchSize))],
        { kind: "map-value", map, nullable: false },
        span,
      );
      addresses.push(address);
      replaced.set(instr, address);
      context.scratchSize += size;
    }
    // Constants that the pool made just now belong before everything.
    for (const instr of at.instrs)
      if (instr.operation.op === "const" && !instrs.includes(instr) && !after.instrs.includes(instr))
        instrs.unshift(instr);
    at.instrs = instrs;
    after.instrs = [...addresses, ...after.instrs.filter((instr) => !wanted.has(instr))];
    fn.blocks.push(after, fail);
    for (const block of fn.blocks) {
      if (block.instrs.some((instr) => wanted.has(instr)))
        block.instrs = block.instrs.filter((instr) => !wanted.has(instr));
    }
    replaceValues(fn, replaced);
  },
};
