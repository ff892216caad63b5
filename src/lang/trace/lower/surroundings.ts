// What a callback sees of the function that it is made in: pointers, which lie in memory of that function's stack. The
// callback gets the address of that memory; the verifier knows what was put there (kernel/bpf/verifier.c, spilled registers).

import type { FunctionBuilder, Value, ValueType } from "../../../compiler/index.ts";

export class Surroundings {
  readonly #outer: FunctionBuilder;
  readonly #memory: () => Value;
  readonly #inner: FunctionBuilder;
  readonly #shared: (() => Value)[] = [];

  /** `memory`: the parameter of the callback that says where it lies. */
  constructor(outer: FunctionBuilder, inner: FunctionBuilder, memory: () => Value) {
    this.#outer = outer;
    this.#inner = inner;
    this.#memory = memory;
  }

  /** A pointer of the function around, in the callback; it is put into the memory only where it is asked for. */
  bring(outside: () => Value, type: ValueType): () => Value {
    let at: number | undefined;
    return () => {
      at ??= this.#shared.push(outside) - 1;
      return this.#inner.load("u64", this.#memory(), at * 8, type);
    };
  }

  /** Puts there what was asked for, once the callback is made; gives the address. */
  address(): Value {
    const outer = this.#outer;
    if (this.#shared.length === 0) return outer.const(0);
    const memory = outer.slot(this.#shared.length * 8, true);
    for (const [i, outside] of this.#shared.entries()) outer.store(64, memory, i * 8, outside());
    return memory;
  }
}
