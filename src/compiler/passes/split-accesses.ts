// Loads and stores of slots at places that are not aligned for them, in parts: on the stack the kernel takes none other.
// Up to here they were whole, so that what was stored is known when it is loaded again.

import { constantOf, constantPool, newInstr } from "../graph.ts";
import { INT, type Instr, type LoadSize, type StoreSize, type Value, VOID } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** By how many bytes an address in a slot is known not to be off; more than any access where that is not known. */
function alignment(base: Value): number {
  const { def } = base;
  if (base.type.kind !== "stack" || def === undefined) return 8;
  const { operation, args } = def;
  if (operation.op !== "add") return 8;
  return Math.min(alignment(args[0] as Value), divisor(args[1] as Value));
}

/** A power of two, up to 8, that divides a number; 8 where that is not known. */
function divisor({ def }: Value): number {
  if (def === undefined) return 8;
  const { operation, args } = def;
  const power = (n: bigint): number => (n === 0n ? 8 : Math.min(8, Number(n & -n)));
  if (operation.op === "const") return power(operation.value);
  const by = args[1] === undefined ? undefined : constantOf(args[1]);
  if (by === undefined) return 8;
  if (operation.op === "mul") return power(by);
  return operation.op === "shl" ? power(1n << (by & 63n)) : 8;
}

export const splitAccesses: Pass = {
  name: "split-accesses",
  run(fn) {
    let constants: ((value: bigint) => Value) | undefined;
    for (const block of fn.blocks) {
      const step = ({ operation, args }: Instr): number => {
        if (operation.op !== "load" && operation.op !== "store") return 0;
        const [base] = args as [Value];
        if (base.type.kind !== "stack") return 0;
        const bytes = operation.op === "load" ? Number(operation.size.slice(1)) / 8 : operation.size / 8;
        const { offset } = operation;
        const aligned = Math.min(alignment(base), offset === 0 ? 8 : Math.min(8, offset & -offset));
        return aligned < bytes ? aligned : 0;
      };
      if (!block.instrs.some((instr) => step(instr) > 0)) continue;
      constants ??= constantPool(fn);
      const constant = constants;
      const out: Instr[] = [];
      for (const instr of [...block.instrs]) {
        const bytes = step(instr);
        const { operation, args, span } = instr;
        const emit = (op: Instr["operation"], operands: Value[], type = INT): Value => {
          const made = newInstr(fn, op, operands, type, span);
          out.push(made);
          return made;
        };
        const at = (n: number): Value => constant(BigInt(n * 8));
        const [base, stored] = args as [Value, Value];
        if (bytes > 0 && operation.op === "store") {
          for (let n = 0; n < operation.size / 8; n += bytes) {
            const part = n === 0 ? stored : emit({ op: "shr", width: 64 }, [stored, at(n)]);
            const size = (bytes * 8) as StoreSize;
            emit({ op: "store", size, offset: operation.offset + n }, [base, part], VOID);
          }
          continue;
        }
        if (bytes > 0 && operation.op === "load") {
          const bits = Number(operation.size.slice(1));
          const part = (n: number): Value =>
            emit({ op: "load", size: `u${bytes * 8}` as LoadSize, offset: operation.offset + n }, [base]);
          let whole = part(0);
          for (let n = bytes; n < bits / 8; n += bytes) {
            const placed = emit({ op: "shl", width: 64 }, [part(n), at(n)]);
            const last = n + bytes === bits / 8 && !operation.size.startsWith("s");
            if (last) {
              instr.operation = { op: "or", width: 64 };
              instr.args = [whole, placed];
            } else whole = emit({ op: "or", width: 64 }, [whole, placed]);
          }
          if (operation.size.startsWith("s")) {
            instr.operation = { op: "sext", bits: bits as 8 | 16 | 32 };
            instr.args = [whole];
          }
        }
        out.push(instr);
      }
      // New constants were put at the head of the entry meanwhile.
      if (block === fn.blocks[0]) {
        const known = new Set(out);
        out.unshift(...block.instrs.filter((one) => one.operation.op === "const" && !known.has(one)));
      }
      block.instrs = out;
    }
  },
};
