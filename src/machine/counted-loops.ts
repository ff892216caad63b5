// Loops with a counter: a register that holds nothing but constants and what is added to it, compared with a constant.

import { Opcode } from "../isa/index.ts";
import { WORDS } from "./decoded.ts";
import type { BasicBlock, Flow } from "./flow.ts";
import type { Program } from "./program.ts";
import { DEFINES, DST, FIELDS, REGISTERS, RESULT, SLOT, type Values } from "./register-values.ts";

/** Which comparisons of a counter with a constant go on counting: when they hold, or when they do not. */
const GOES_ON: ReadonlyMap<number, { readonly taken: boolean; readonly exact: boolean }> = new Map([
  [0x15, { taken: false, exact: true }],
  [0x55, { taken: true, exact: true }],
  [0x25, { taken: false, exact: false }],
  [0x35, { taken: false, exact: false }],
  [0x65, { taken: false, exact: false }],
  [0x75, { taken: false, exact: false }],
  [0xa5, { taken: true, exact: false }],
  [0xb5, { taken: true, exact: false }],
  [0xc5, { taken: true, exact: false }],
  [0xd5, { taken: true, exact: false }],
]);

export interface CountedLoop {
  /** Which ends in the comparison. */
  readonly block: BasicBlock;
  /** What counting writes, and its upper bound. */
  readonly value: number;
  readonly limit: number;
  /** A number that divides how often the counter is counted; undefined where that is not known. */
  readonly turns: number | undefined;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/**
 * Loops with a counter. A web that holds nothing but constants and `r += STEP`, where
 * what is counted is compared with a constant at the end of its block, and forgotten where the loop ends, stays below
 * that constant: it goes in again only as one that has not reached it. (`!=` must meet it exactly.)
 */
export function countedLoops(program: Program, flow: Flow, values: Values, web: Int32Array): readonly CountedLoop[] {
  const { code } = program;
  const { instructions, firstOf } = values;
  interface Web {
    readonly starts: number[];
    steps: number;
    other: boolean;
  }
  const webs = new Map<number, Web>();
  const counters: { block: BasicBlock; register: number; value: number; step: number }[] = [];
  for (const block of flow.blocks) {
    const lastStep = new Map<number, { value: number; step: number }>();
    for (let at = firstOf[block.index] as number; at < (firstOf[block.index + 1] as number); at += FIELDS) {
      const slot = instructions[at + SLOT] as number;
      const words = slot * WORDS;
      let value = instructions[at + RESULT] as number;
      for (let r = 0, left = instructions[at + DEFINES] as number; left !== 0; r++, left >>= 1) {
        if ((left & 1) === 0) continue;
        const key = web[value] as number;
        let one = webs.get(key);
        if (one === undefined) webs.set(key, (one = { starts: [], steps: 0, other: false }));
        lastStep.delete(r);
        const op = code[words] as number;
        const imm = code[words + 4] as number;
        if ((op === Opcode.MOV64_IMM || op === Opcode.MOV32_IMM) && imm >= 0) one.starts.push(imm);
        else if (op === Opcode.ADD64_IMM && imm > 0 && web[instructions[at + DST] as number] === key) {
          one.steps++;
          lastStep.set(r, { value, step: imm });
        } else one.other = true;
        value++;
      }
    }
    if (block.ending !== "branch") continue;
    const register = code[block.last * WORDS + 1] as number;
    const counter = lastStep.get(register);
    if (counter !== undefined) counters.push({ block, register, ...counter });
  }
  // What comes in from outside is no constant.
  for (let r = 0; r < REGISTERS; r++) {
    const one = webs.get(web[r] as number);
    if (one !== undefined && ((flow.liveIn[0] as number) >> r) & 1) one.other = true;
  }
  const loops: CountedLoop[] = [];
  for (const { block, register, value, step } of counters) {
    const one = webs.get(web[value] as number);
    const goesOn = GOES_ON.get(code[block.last * WORDS] as number);
    const end = code[block.last * WORDS + 4] as number;
    if (one === undefined || one.other || one.steps !== 1 || goesOn === undefined || end < 0) continue;
    const leaves = block.next[goesOn.taken ? 1 : 0] as number;
    if (((flow.liveIn[leaves] as number) >> register) & 1) continue;
    if (goesOn.exact && !one.starts.every((start) => start < end && (end - start) % step === 0)) continue;
    const counts = one.starts.map((start) => (end - start) / step);
    const turns = goesOn.exact ? counts.reduce(divisor, 0) : undefined;
    loops.push({ block, value, limit: Math.max(end, ...one.starts) + step, turns });
  }
  return loops;
}
