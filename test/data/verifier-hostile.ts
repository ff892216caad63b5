// Programs made to take a verifier's time or to trip it, as long as Linux takes them or longer. In assembler text.

import type { BpfObject } from "../../src/object/index.ts";
import { objectOf } from "./verifier-objects.ts";

const times = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join("\n");

const END = "r0 = 0\nexit";
/** r7 to r9 hold what nobody knows. */
const UNKNOWNS = "r7 = *(u64 *)(r1 + 0)\nr8 = *(u64 *)(r1 + 8)\nr9 = *(u64 *)(r1 + 16)\nr6 = r1";

const HEAVY: { readonly [name: string]: () => string } = {
  "65,000 instructions in a row": () => `r0 = 1\n${times(65_000, (i) => `r0 += ${i}`)}\nexit`,
  "4,000 branches that all count": () =>
    `${UNKNOWNS}\nr0 = 0\n${times(4000, (i) => `if r7 & ${1 << (i % 31)} goto l${i}\nr0 += ${1 << (i % 20)}\nl${i}: r8 += 1`)}
r2 = map_value[global]+0 ll\nr0 &= 63\nr2 += r0\nr3 = *(u8 *)(r2 + 0)\n${END}`,
  "paths that differ in every word of the stack": () =>
    `${UNKNOWNS}\n${times(64, (k) => `*(u64 *)(r10 - ${8 * k + 8}) = 0`)}
${times(60, (i) => `if r${7 + (i % 3)} > r${7 + ((i + 1) % 3)} goto l${i}\n*(u64 *)(r10 - ${8 * i + 8}) = 1\nl${i}: r0 = 0`)}
${times(60, (i) => `r2 = *(u64 *)(r10 - ${8 * i + 8})\nr3 = map_value[global]+0 ll\nr3 += r2\nr4 = *(u8 *)(r3 + 0)`)}\n${END}`,
  "loops in loops, 500 deep": () =>
    `${UNKNOWNS}\nr0 = 0\n${times(500, (i) => `l${i}: r0 += 1`)}\n${times(500, (i) => `r7 += 1\nif r7 < ${i} goto l${499 - i}`)}\n${END}`,
  "5,000 loops one after another": () =>
    `${times(5000, (i) => `r0 = 0\nl${i}: r0 += 1\nif r0 < 100 goto l${i}`)}\nexit`,
  "blocks in the wrong order": () =>
    `r0 = 1\ngoto l14999\n${times(15_000, (i) => `l${i}: r0 += 1\n${i === 0 ? "exit" : `goto l${i - 1}`}`)}`,
  "a chain of 10,000 functions": () => `${times(10_000, (i) => `f${i}: call f${i + 1}\nexit`)}\nf10000: ${END}`,
  "a function that calls itself 10,000 times": () => `f: ${times(10_000, () => "call f")}\nexit`,
  "a call of each of 5,000 functions": () =>
    `${times(5000, (i) => `call f${i}`)}\nexit\n${times(5000, (i) => `f${i}: ${END}`)}`,
  "8 frames with full stacks, and branches in the last": () =>
    `${times(
      7,
      (f) =>
        `f${f}: r6 = r1\n${times(6, (k) => `r2 = *(u64 *)(r6 + ${8 * k})\n*(u64 *)(r10 - ${8 * k + 8}) = r2`)}\nr1 = r6\ncall f${f + 1}\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit`,
    )}
f7: r6 = r1\nr7 = *(u64 *)(r6 + 0)\n${times(300, (i) => `if r7 & ${1 << (i % 31)} goto l${i}\n*(u64 *)(r10 - ${8 * (i % 6) + 8}) = r7\nl${i}: r0 = 0`)}\nexit`,
  "a loop entered in its middle": () =>
    `${UNKNOWNS}\nr0 = 0\nif r7 == 0 goto in\nloop: r0 += 1\nin: r0 += 1\nif r0 < r8 goto loop\n${END}`,
  "2,000 loops entered in their middle": () =>
    `${UNKNOWNS}\nr0 = 0\n${times(2000, (i) => `if r7 == ${i} goto in${i}\nloop${i}: r0 += 1\nin${i}: r0 += 1\nif r0 < r8 goto loop${i}`)}\n${END}`,
  "a billion turns": () => `r0 = 0\nl: r0 += 1\nif r0 < 1000000000 goto l\n${END}`,
  "a loop without a counter": () => "r0 = 1\nl: r0 *= 3\nif r0 != 0 goto l\nexit",
  "a loop that stands still": () => "r0 = 0\nl: goto l",
  "a loop that moves the whole stack each turn": () =>
    `${UNKNOWNS}\n${times(64, (k) => `*(u64 *)(r10 - ${8 * k + 8}) = ${k}`)}\nr0 = 0
l: ${times(63, (k) => `r2 = *(u64 *)(r10 - ${8 * k + 16})\n*(u64 *)(r10 - ${8 * k + 8}) = r2\nif r2 == 7000 goto l${k}\nr2 = 0\nl${k}: r3 = 0`)}
*(u64 *)(r10 - 512) = r0\nr0 += 7\nif r0 != r7 goto l\n${END}`,
  "may_goto in may_goto": () =>
    `${UNKNOWNS}\nr0 = 0\n${times(150, (i) => `l${i}: may_goto o${i}\nr0 += ${i}`)}\n${times(150, (i) => `goto l${149 - i}\no${149 - i}: r0 += 1`)}\n${END}`,
  "4,000 buffers of 512 bytes": () =>
    `${times(4000, () => "r1 = r10\nr1 += -512\nr2 = 512\nr3 = 0\ncall probe_read_kernel")}\n${END}`,
  "2,000 look-ups whose results are kept": () =>
    `${times(2000, (i) => `r1 = map[table] ll\nr2 = r10\nr2 += -8\n*(u64 *)(r10 - 8) = ${i}\ncall map_lookup_elem\n*(u64 *)(r10 - ${16 + 8 * (i % 60)}) = r0\nif r0 == 0 goto l${i}\nr0 = 0\nl${i}: r3 = 0`)}\n${END}`,
  "1,000 records that are never given back": () =>
    `${times(1000, () => "r1 = map[ring] ll\nr2 = 8\nr3 = 0\ncall ringbuf_reserve")}\n${END}`,
  "20 records under branches": () =>
    `${UNKNOWNS}\n${times(20, (i) => `r1 = map[ring] ll\nr2 = 8\nr3 = 0\ncall ringbuf_reserve\nif r0 == 0 goto l${i}\n*(u64 *)(r10 - ${8 * i + 8}) = r0\nl${i}: r3 = 0`)}\n${END}`,
  "copies of copies": () =>
    `${UNKNOWNS}\n${times(60, (i) => `*(u64 *)(r10 - ${8 * i + 8}) = r7`)}\n${times(5000, (i) => `if r7 > ${100_000 - i} goto out`)}\nout: ${END}`,
};

export interface Hostile {
  readonly name: string;
  readonly object: BpfObject;
}

/** Well-formed programs with a great many paths, states, loops, functions or instructions. */
export const heavyPrograms = (): Hostile[] =>
  Object.entries(HEAVY).map(([name, code]) => ({ name, object: objectOf(code()) }));
