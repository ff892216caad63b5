// Random instructions, one of every operation of the table, for property tests.
import fc from "fast-check";
import type { Instruction } from "../../src/isa/instruction.ts";
import { type Field, type Operation, operations } from "../../src/isa/operations.ts";

const field = (kind: Field, low: number, high: number): fc.Arbitrary<number> =>
  kind === "register"
    ? fc.integer({ min: 0, max: 10 })
    : kind === "free"
      ? fc.integer({ min: low, max: high })
      : fc.constant(kind);

function instructionOf(row: Operation): fc.Arbitrary<Instruction> {
  const dst = field(row.dst, 0, 15);
  const src = field(row.src, 0, 15);
  const off = field(row.off, -32768, 32767);
  const imm = field(row.imm, -(2 ** 31), 2 ** 31 - 1);
  if (row.form !== "wide") return fc.record({ op: fc.constant(row.op), dst, src, off, imm });
  const half = row.src === 1 || row.src === 4 || row.src === 5;
  return fc
    .record({ dst, src, value: fc.bigInt({ min: 0n, max: (1n << (half ? 32n : 64n)) - 1n }) })
    .map(({ dst, src, value }) => ({
      op: row.op,
      dst,
      src,
      off: 0,
      imm: Number(BigInt.asIntN(32, value)),
      imm64: value,
    }));
}

/** Any valid instruction; jumps may lead anywhere. */
export const arbitraryInstruction: fc.Arbitrary<Instruction> = fc
  .constantFrom(...operations())
  .chain((row) => instructionOf(row));
