// A firewall on trial: when its time is over, the program before it decides again. That is done in the program itself, whoever is there
// to see to it or not.

import type { FunctionBuilder } from "../../compiler/index.ts";
import type { MapSpec } from "../../object/index.ts";

/** Until when it is on trial (nanoseconds of CLOCK_MONOTONIC; 0: it is not), and the program before it. */
export const CONTROL = "control";
export const PREVIOUS = "previous";
/** BPF_F_MMAPABLE (linux/bpf.h). */
const MMAPABLE = 1 << 10;

export const controlMap: MapSpec = {
  name: CONTROL,
  type: "array",
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  flags: MMAPABLE,
};
export const previousMap: MapSpec = { name: PREVIOUS, type: "prog_array", keySize: 4, valueSize: 4, maxEntries: 1 };

/** Goes on while the time is not over, else to the program before; where there is none, `allow` is answered. */
export function endTrial(b: FunctionBuilder, allow: number): void {
  const on = b.block("on");
  const trial = b.block("trial");
  const over = b.block("over");
  // User space writes there.
  const until = b.emit({ op: "load", size: "u64", offset: 0, volatile: true }, [b.mapValue(CONTROL, 0)], {
    kind: "int",
  });
  b.branch("eq", until, 0, on, trial);
  b.enter(trial);
  b.branch("ult", b.helper("ktime_get_ns", []), until, on, over, { unlikely: "else" });
  b.enter(over);
  b.helper("tail_call", [b.param(0), b.map(PREVIOUS), b.const(0)]);
  b.return(allow);
  b.enter(on);
}
