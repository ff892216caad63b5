// One classic program for packets of several kinds of interfaces, where the kernel knows which each is of: it asks for the kind, and
// goes on with the program for that.

import type { ClassicInstruction } from "../../isa/index.ts";

/** `ld [SKF_AD_OFF + SKF_AD_HATYPE]` (linux/filter.h): ARPHRD_… of linux/if_arp.h. */
const LOAD_HARDWARE: ClassicInstruction = { code: 0x20, jt: 0, jf: 0, k: 0xfffff01c };
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const NOTHING: ClassicInstruction = { code: 0x06, jt: 0, jf: 0, k: 0 };
/** Programs begin with A as zero. */
const CLEAR: ClassicInstruction = { code: 0x00, jt: 0, jf: 0, k: 0 };

export interface ByHardware {
  readonly hardware: readonly number[];
  readonly program: readonly ClassicInstruction[];
}

/** Packets of other kinds do not match. At most 250 kinds. */
export function classicByHardware(rows: readonly ByHardware[]): readonly ClassicInstruction[] {
  const kinds = rows.flatMap(({ hardware }, row) => hardware.map((kind) => ({ kind, row })));
  // Load, a test for each kind, the end, a jump to each program; then the programs.
  const jumps = 1 + kinds.length + 1;
  const starts: number[] = [];
  let start = jumps + rows.length;
  for (const { program } of rows) {
    starts.push(start);
    start += 1 + program.length;
  }
  return [
    LOAD_HARDWARE,
    ...kinds.map(({ kind, row }, i) => ({ code: JUMP_EQUAL, jt: jumps + row - (1 + i) - 1, jf: 0, k: kind })),
    NOTHING,
    ...starts.map((to, row) => ({ code: JUMP, jt: 0, jf: 0, k: to - (jumps + row) - 1 })),
    ...rows.flatMap(({ program }) => [CLEAR, ...program]),
  ];
}
