// The builtin functions: one table, gathered from a file for each family.

import type { Value } from "../../compiler/index.ts";
import type { CallExpression } from "./ast.ts";
import type { Checker } from "./checker.ts";
import { addressFunctions } from "./functions-address.ts";
import { aggregateFunctions } from "./functions-aggregate.ts";
import { controlFunctions } from "./functions-control.ts";
import { mapFunctions } from "./functions-map.ts";
import { outputFunctions } from "./functions-output.ts";
import { stringFunctions } from "./functions-string.ts";
import type { IntoOptions, Lengths, Operand } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import type { AggregateType, Type } from "./types.ts";

export interface BuiltinFunction {
  readonly doc: string;
  /** As help shows it: `str(addr[, length])`. */
  readonly signature: string;
  /** Least and greatest number of arguments. */
  readonly arity: readonly [number, number];
  /** Has effects on the system: only with --unsafe. */
  readonly unsafe?: boolean;
  check(c: Checker, call: CallExpression): Type;
  lower?(l: Lowering, call: CallExpression): Operand;
  into?(l: Lowering, call: CallExpression, type: Type, to: Value, offset: number, options: IntoOptions): Lengths;
  /** For functions that give a map its value: what is worked out once, and what is done to the value. */
  readonly aggregate?: {
    prepare(l: Lowering, call: CallExpression, type: AggregateType): Value | undefined;
    update(l: Lowering, type: AggregateType, prepared: Value | undefined, pointer: Value, offset: number): void;
  };
}

let table: Readonly<Record<string, BuiltinFunction>> | undefined;

const families = (): Readonly<Record<string, BuiltinFunction>> => ({
  ...outputFunctions,
  ...aggregateFunctions,
  ...mapFunctions,
  ...stringFunctions,
  ...addressFunctions,
  ...controlFunctions,
});

/** Every function by its name. Made at first use, because the families and the checker know each other. */
export const builtinFunctions: Readonly<Record<string, BuiltinFunction>> = new Proxy(
  {} as Record<string, BuiltinFunction>,
  {
    get: (_t, name) => {
      table ??= Object.assign(Object.create(null) as Record<string, BuiltinFunction>, families());
      return table[name as string];
    },
    ownKeys: () => Object.keys((table ??= families())),
    getOwnPropertyDescriptor: (_t, name) => ({
      enumerable: true,
      configurable: true,
      value: (table ??= families())[name as string],
    }),
  },
);
