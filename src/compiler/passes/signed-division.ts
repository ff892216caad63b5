// For instruction sets before version 4 (Linux 6.6): signed division and remainder by unsigned ones, without a branch.
// With s = the sign as all ones or all zeros, (x ^ s) - s is the absolute value, and gives a result its sign again.

import { newInstr, replaceValues } from "../graph.ts";
import { INT, type Instr, type IrFunction, type Operation, type Value } from "../ir.ts";
import { knownBits } from "./fold.ts";
import type { Pass } from "./pass.ts";

function expand(fn: IrFunction, instr: Instr, out: Instr[]): Value {
  const { op, width } = instr.operation as Extract<Operation, { op: "sdiv" | "smod"; width: 32 | 64 }>;
  const add = (operation: Operation, ...args: Value[]): Value => {
    const made = newInstr(fn, operation, args, INT, instr.span);
    out.push(made);
    return made;
  };
  const whole = (value: Value): Value => (width === 32 ? add({ op: "sext", bits: 32 }, value) : value);
  const narrow = (value: Value | undefined): boolean => knownBits(value as Value) < width;
  const [left, right] = instr.args;
  if (narrow(left) && narrow(right)) return add({ op: op === "sdiv" ? "div" : "mod", width }, ...instr.args);
  const a = whole(left as Value);
  const b = whole(right as Value);
  const by63 = add({ op: "const", value: 63n });
  const sign = (value: Value): Value => add({ op: "sar", width: 64 }, value, by63);
  const flipped = (value: Value, mask: Value): Value =>
    add({ op: "sub", width: 64 }, add({ op: "xor", width: 64 }, value, mask), mask);
  const signA = sign(a);
  // Of a divisor that has no sign, nothing is to be turned round.
  const signB = narrow(right) ? undefined : sign(b);
  const dividend = flipped(a, signA);
  const divisor = signB === undefined ? b : flipped(b, signB);
  const plain = add({ op: op === "sdiv" ? "div" : "mod", width: 64 }, dividend, divisor);
  // The remainder has the sign of the dividend (RFC 9669, section 4.1).
  const both = op === "sdiv" && signB !== undefined;
  const result = flipped(plain, both ? add({ op: "xor", width: 64 }, signA, signB) : signA);
  return width === 32 ? add({ op: "zext", bits: 32 }, result) : result;
}

export const signedDivision: Pass = {
  name: "signed-division",
  run(fn, context) {
    if (context.cpu >= 4) return;
    const replaced = new Map<Value, Value>();
    for (const block of fn.blocks) {
      if (!block.instrs.some(({ operation }) => operation.op === "sdiv" || operation.op === "smod")) continue;
      const out: Instr[] = [];
      for (const instr of block.instrs) {
        const { op } = instr.operation;
        if (op === "sdiv" || op === "smod") replaced.set(instr, expand(fn, instr, out));
        else out.push(instr);
      }
      block.instrs = out;
    }
    replaceValues(fn, replaced);
  },
};
