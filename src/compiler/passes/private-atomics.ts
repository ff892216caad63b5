// Does without atomic operations on the run's own slots: nobody else sees them, so a load, the operation and a store
// do the same, without the bus lock, and are then open to the other passes.
//
// It is also needed: the verifier of Linux 6.18 does not follow precision through an atomic operation that fetches
// from the stack, and may take a branch on what was fetched for decided that is not. Early, for reuse-memory.
//
// Kernels before 5.12 have only the addition that answers nothing. There, the others are made in the same way wherever
// they are, and an addition that answers is a load before one that does not: what happens between the two is missed.

import { endOf, newBlock, newInstr, replaceValues } from "../graph.ts";
import { type AtomicOp, type Block, INT, type Instr, type IrFunction, type LoadSize, type Value, VOID } from "../ir.ts";
import type { Pass } from "./pass.ts";

type Atomic = Extract<Instr["operation"], { op: "atomic" }>;

const isPrivate = (instr: Instr): boolean =>
  instr.operation.op === "atomic" && (instr.args[0] as Value).type.kind === "stack";

const isUnknown = ({ operation }: Instr): boolean =>
  operation.op === "atomic" && (operation.what !== "add" || operation.fetch);

const plain = (what: AtomicOp): "add" | "and" | "or" | "xor" | undefined =>
  what === "xchg" || what === "cmpxchg" ? undefined : what;

/** The code for one operation, up to where a compare decides; the old value is its result. */
function expand(fn: IrFunction, instr: Instr, out: Instr[]): { old: Instr; store: Instr } {
  const { size, offset, what } = instr.operation as Atomic;
  const [pointer, value] = instr.args as [Value, Value];
  const old = newInstr(fn, { op: "load", size: `u${size}` as LoadSize, offset }, [pointer], INT, instr.span);
  out.push(old);
  if (!isPrivate(instr) && what === "add") {
    const operation: Atomic = { ...(instr.operation as Atomic), fetch: false };
    return { old, store: newInstr(fn, operation, [pointer, value], VOID, instr.span) };
  }
  let put = value;
  const op = plain(what);
  if (op !== undefined) {
    const result = newInstr(fn, { op, width: size }, [old, value], INT, instr.span);
    out.push(result);
    put = result;
  }
  return { old, store: newInstr(fn, { op: "store", size, offset }, [pointer, put], VOID, instr.span) };
}

export const privateAtomics: Pass = {
  name: "private-atomics",
  run(fn, context) {
    const isPlain = (instr: Instr): boolean => isPrivate(instr) || (!context.atomicFetch && isUnknown(instr));
    const replaced = new Map<Value, Value>();
    // The list grows while it is walked: what follows a compare becomes a block of its own.
    for (let i = 0; i < fn.blocks.length; i++) {
      const block = fn.blocks[i] as Block;
      if (!block.instrs.some(isPlain)) continue;
      const out: Instr[] = [];
      const instrs = block.instrs;
      block.instrs = out;
      for (let at = 0; at < instrs.length; at++) {
        const instr = instrs[at] as Instr;
        if (!isPlain(instr)) {
          out.push(instr);
          continue;
        }
        const { old, store } = expand(fn, instr, out);
        replaced.set(instr, old);
        const { what, size } = instr.operation as Atomic;
        if (what !== "cmpxchg") {
          out.push(store);
          continue;
        }
        const same = newBlock(fn, "same", instr.span);
        const after = newBlock(fn, "after", instr.span);
        same.instrs = [store];
        same.terminator = { kind: "jump", to: { block: after, args: [] } };
        after.instrs = instrs.slice(at + 1);
        after.terminator = endOf(block);
        block.terminator = {
          kind: "branch",
          condition: "eq",
          width: size,
          a: old,
          b: instr.args[2] as Value,
          then: { block: same, args: [] },
          else: { block: after, args: [] },
        };
        fn.blocks.splice(i + 1, 0, same, after);
        break;
      }
    }
    replaceValues(fn, replaced);
  },
};
