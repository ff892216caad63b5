// A value that is worked out in one of two ways.

import { type Block, INT, type Value, type Variable } from "../../compiler/index.ts";
import type { Lowering } from "./lowering.ts";

/** `test` ends the present block by going to one of its two blocks; each of the others gives the value there. */
export function either(
  l: Lowering,
  test: (yes: Block, no: Block) => void,
  whenYes: () => Value,
  whenNo: () => Value,
): Value {
  const b = l.b;
  const result: Variable = { name: "choice", type: INT };
  const yes = b.block("yes");
  const no = b.block("no");
  const after = b.block("after");
  l.scoped(() => test(yes, no));
  for (const [block, run] of [
    [yes, whenYes],
    [no, whenNo],
  ] as const) {
    b.seal(block);
    b.at(block);
    b.write(result, l.scoped(run));
    b.jump(after);
  }
  b.seal(after);
  b.at(after);
  return b.read(result);
}

/** The number, or `most` where it is greater (unsigned). */
export function atMost(l: Lowering, n: Value, most: number): Value {
  return either(
    l,
    (within, beyond) => l.b.branch("ule", n, most, within, beyond),
    () => n,
    () => l.b.const(most),
  );
}

/** One of two numbers. */
export function eitherNumber(l: Lowering, test: (yes: Block, no: Block) => void, whenYes = 1, whenNo = 0): Value {
  return either(
    l,
    test,
    () => l.b.const(whenYes),
    () => l.b.const(whenNo),
  );
}
