// A value that is worked out in one of two ways.

import { type Block, INT, type Value, type Variable } from "../compiler/index.ts";
import { type ProgramState, scoped } from "./state.ts";

/** `test` ends the present block by going to one of its two blocks; each of the others gives the value there. */
export function either(
  p: ProgramState,
  test: (yes: Block, no: Block) => void,
  whenYes: () => Value,
  whenNo: () => Value,
): Value {
  const b = p.b;
  const result: Variable = { name: "choice", type: INT };
  const yes = b.block("yes");
  const no = b.block("no");
  const after = b.block("after");
  scoped(p, () => test(yes, no));
  for (const [block, run] of [
    [yes, whenYes],
    [no, whenNo],
  ] as const) {
    b.enter(block);
    b.write(result, scoped(p, run));
    b.jump(after);
  }
  b.enter(after);
  return b.read(result);
}

/** The number, or `most` where it is greater (unsigned). */
export function atMost(p: ProgramState, n: Value, most: number): Value {
  return either(
    p,
    (within, beyond) => p.b.branch("ule", n, most, within, beyond),
    () => n,
    () => p.b.const(most),
  );
}

/** One of two numbers. */
export function eitherNumber(p: ProgramState, test: (yes: Block, no: Block) => void, whenYes = 1, whenNo = 0): Value {
  return either(
    p,
    test,
    () => p.b.const(whenYes),
    () => p.b.const(whenNo),
  );
}
