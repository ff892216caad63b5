// Turns `zero` and `copy` into stores and loads of 8, 4, 2 and 1 bytes, or for long areas into one helper call.
//
// `probe_read_kernel` from address 0 fails at once and zeroes its destination, as its contract says (bpf-helpers(7));
// from a good address it copies. Either costs about as much as sixteen stores.

import { constantPool, newInstr } from "../graph.ts";
import { INT, type Instr, type LoadSize, type StoreSize, type Value, VOID } from "../ir.ts";
import type { Pass } from "./pass.ts";

/** Longer areas go through the helper (bytes). */
export const UNROLLED_BYTES = 128;

/** The widest aligned accesses that cover `size` bytes: pairs of offset and width in bytes. */
export function pieces(size: number, alignment: number): { at: number; bytes: 1 | 2 | 4 | 8 }[] {
  const found: { at: number; bytes: 1 | 2 | 4 | 8 }[] = [];
  for (let at = 0; at < size; ) {
    const left = size - at;
    const place = (alignment + at) & 7;
    const bytes =
      place === 0 && left >= 8 ? 8 : (place & 3) === 0 && left >= 4 ? 4 : (place & 1) === 0 && left >= 2 ? 2 : 1;
    found.push({ at, bytes });
    at += bytes;
  }
  return found;
}

export const expandMemory: Pass = {
  name: "expand-memory",
  run(fn) {
    let constants: ((value: bigint) => Value) | undefined;
    for (const block of fn.blocks) {
      if (!block.instrs.some(({ operation: { op } }) => op === "zero" || op === "copy")) continue;
      constants ??= constantPool(fn);
      const constant = constants;
      const out: Instr[] = [];
      for (const instr of [...block.instrs]) {
        const { operation, args, span } = instr;
        const emit = (op: Instr["operation"], operands: Value[], type = VOID): Instr => {
          const made = newInstr(fn, op, operands, type, span);
          out.push(made);
          return made;
        };
        const at = (pointer: Value, offset: number): Value =>
          offset === 0 ? pointer : emit({ op: "add", width: 64 }, [pointer, constant(BigInt(offset))], pointer.type);
        const [to, from] = args as [Value, Value];
        if (operation.op === "zero") {
          if (operation.size > UNROLLED_BYTES) {
            const target = at(to, operation.offset);
            emit(
              { op: "helper", helper: "probe_read_kernel" },
              [target, constant(BigInt(operation.size)), constant(0n)],
              INT,
            );
            continue;
          }
          for (const piece of pieces(operation.size, operation.offset & 7)) {
            const size = (piece.bytes * 8) as StoreSize;
            emit({ op: "store", size, offset: operation.offset + piece.at }, [to, constant(0n)]);
          }
        } else if (operation.op === "copy") {
          if (operation.size > UNROLLED_BYTES) {
            const target = at(to, operation.toOffset);
            const source = at(from, operation.fromOffset);
            emit(
              { op: "helper", helper: "probe_read_kernel" },
              [target, constant(BigInt(operation.size)), source],
              INT,
            );
            continue;
          }
          // Both places must be aligned for an access, so their offsets are taken together.
          const alignment = ((operation.toOffset ^ operation.fromOffset) & 7) === 0 ? operation.toOffset & 7 : 1;
          const list =
            alignment === 1 && operation.toOffset !== operation.fromOffset
              ? commonPieces(operation.size, operation.toOffset, operation.fromOffset)
              : pieces(operation.size, alignment);
          for (const piece of list) {
            const size = (piece.bytes * 8) as StoreSize;
            const value = emit(
              { op: "load", size: `u${size}` as LoadSize, offset: operation.fromOffset + piece.at },
              [from],
              INT,
            );
            emit({ op: "store", size, offset: operation.toOffset + piece.at }, [to, value]);
          }
        } else out.push(instr);
      }
      // New constants were put at the head of the entry meanwhile.
      if (block === fn.blocks[0]) {
        const known = new Set(out);
        out.unshift(...block.instrs.filter((instr) => instr.operation.op === "const" && !known.has(instr)));
      }
      block.instrs = out;
    }
  },
};

/** Accesses that are aligned at both places. */
function commonPieces(size: number, to: number, from: number): { at: number; bytes: 1 | 2 | 4 | 8 }[] {
  const found: { at: number; bytes: 1 | 2 | 4 | 8 }[] = [];
  for (let at = 0; at < size; ) {
    const both = (to + at) | (from + at) | 8;
    const aligned = both & -both;
    let bytes: 1 | 2 | 4 | 8 = 8;
    while (bytes > aligned || bytes > size - at) bytes = (bytes / 2) as 1 | 2 | 4;
    found.push({ at, bytes });
    at += bytes;
  }
  return found;
}
