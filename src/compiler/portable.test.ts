// Portable code goes through the check of ways that kernels before Linux 6.9 make (kernel/bpf/verifier.c, check_cfg): an
// instruction that is no jump must not fall into one that is still being followed.

import fc from "fast-check";
import { expect, test } from "vitest";
import { randomProgram } from "../../test/data/random-ir.ts";
import { Opcode, slotsOf } from "../isa/index.ts";
import type { ObjectInstruction } from "../object/index.ts";
import { compile } from "./compile.ts";

/** The first instruction (in slots) from which the way back would be refused; undefined where all is well. */
function backEdge(code: readonly ObjectInstruction[]): number | undefined {
  const at = new Map<number, ObjectInstruction>();
  let slots = 0;
  for (const instr of code) {
    at.set(slots, instr);
    slots += slotsOf(instr.op);
  }
  const state = new Map<number, "followed" | "done">();
  const stack: { slot: number; next: { to: number; jumps: boolean }[] }[] = [];
  const enter = (slot: number): void => {
    const instr = at.get(slot);
    if (instr === undefined) throw new Error(`no instruction at slot ${slot}`);
    state.set(slot, "followed");
    const jump = slot + 1 + instr.off;
    const isJump = (instr.op & 7) === 5 || (instr.op & 7) === 6;
    const next =
      instr.op === Opcode.EXIT
        ? []
        : instr.op === Opcode.JA
          ? [{ to: jump, jumps: true }]
          : isJump && instr.op !== Opcode.CALL
            ? [
                { to: slot + 1, jumps: true },
                { to: jump, jumps: true },
              ]
            : [{ to: slot + slotsOf(instr.op), jumps: false }];
    stack.push({ slot, next });
  };
  enter(0);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const way = top.next.pop();
    if (way === undefined) {
      state.set(top.slot, "done");
      stack.pop();
    } else if (!state.has(way.to)) enter(way.to);
    else if (state.get(way.to) === "followed" && !way.jumps) return top.slot;
  }
  return undefined;
}

test("random programs come round their loops by jumps", { timeout: 60_000 }, () => {
  const seed = Number(process.env.SCRY_SEED ?? Date.now() & 0x7fffffff);
  console.log(`seed ${seed}`);
  let refusedOtherwise = 0;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9999 }), { minLength: 20, maxLength: 400, size: "max" }), (tape) => {
      const codeOf = (portable: boolean): (readonly ObjectInstruction[])[] =>
        compile(randomProgram(tape), { cpu: 3, portable, scratch: { map: "scratch" } }).functions.map(
          ({ code }) => code,
        );
      for (const code of codeOf(true)) expect(backEdge(code)).toBeUndefined();
      for (const code of codeOf(false)) if (backEdge(code) !== undefined) refusedOtherwise++;
    }),
    { seed, numRuns: 150 },
  );
  expect(refusedOtherwise).toBeGreaterThan(0);
});
