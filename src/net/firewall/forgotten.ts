// Numbers that the verifier forgets: ways that differ in them alone are then one to it, and what follows is verified once. It forgets
// what is written into the middle of a word of the stack, and into a map's value.

import { type FunctionBuilder, INT, type Value } from "../../compiler/index.ts";

/** A place for a number from 0 to `most` (a power of two less one, below 65,536). Each time it is read it is any of them. */
export interface Forgotten {
  readonly write: (value: Value | number) => void;
  readonly read: () => Value;
}

/** Two bytes of the memory, which is the stack's where none is given. */
export function forgetting(
  b: FunctionBuilder,
  most: number,
  value?: Value,
  memory?: { readonly base: Value; readonly offset: number },
): Forgotten {
  const { base, offset } = memory ?? { base: b.slot(8, true), offset: 2 };
  const write = (next: Value | number): void => b.store(16, base, offset, next);
  if (value !== undefined) write(value);
  return {
    write,
    read: () => b.and(b.emit({ op: "load", size: "u16", offset, volatile: true }, [base], INT), most),
  };
}

/** A number that the verifier knows nothing of but that it is from 0 to `most`. */
export const forgotten = (b: FunctionBuilder, value: Value, most: number): Value => forgetting(b, most, value).read();
