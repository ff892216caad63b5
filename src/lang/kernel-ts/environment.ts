// What a function that stands within another one reaches of its variables. The kernel hands such a function one address: that of
// a list of words on the stack of whoever called, each a value or the address of a variable that may change.

import type { CExpression, CVariable } from "../../c/index.ts";
import type { Origin } from "./origin.ts";
import type { Types } from "./types.ts";
import type { Value } from "./values.ts";

export class Environment {
  readonly #types: Types;
  /** The function's parameter: the address of the words. */
  readonly #parameter: CVariable;
  readonly #words: { readonly variable: CVariable; readonly byAddress: boolean }[] = [];

  constructor(types: Types, parameter: CVariable) {
    this.#types = types;
    this.#parameter = parameter;
  }

  /** A value of the outer function, as the inner one reads it. */
  captured(value: Value): Value {
    if (value.kind === "plain") return { ...value, of: this.#replaced(value.of) };
    if (value.kind === "maybe")
      return { ...value, present: this.#replaced(value.present), of: this.#replaced(value.of) };
    if (value.kind === "map") {
      const present = this.#replaced(value.present);
      return { ...value, present, map: { ...value.map, at: present } };
    }
    return value;
  }

  /** What the words are, as expressions of the outer function. */
  words(): readonly CExpression[] {
    const { typing, c } = this.#types;
    return this.#words.map(({ variable, byAddress }) => {
      const { span, type } = variable;
      const of: CExpression = { kind: "variable", variable, type, span };
      const value = byAddress
        ? typing.address(of, span)
        : typing.isPointer(type)
          ? of
          : typing.cast(of, this.#types.u64);
      return typing.explicit(byAddress ? typing.cast(value, c.pointer(0)) : value, this.#types.u64, span);
    });
  }

  origins(): readonly Origin[] {
    return this.#words.map(({ variable, byAddress }) => (byAddress ? "near" : this.#types.origin(variable.type)));
  }

  #replaced(of: CExpression): CExpression {
    if (of.kind === "variable") return /^(?:local|parameter)$/.test(of.variable.storage) ? this.#word(of.variable) : of;
    const copy: Record<string, unknown> = { ...of };
    for (const [key, value] of Object.entries(copy)) {
      if (isExpression(value)) copy[key] = this.#replaced(value);
      else if (Array.isArray(value)) copy[key] = value.map((one) => (isExpression(one) ? this.#replaced(one) : one));
    }
    return copy as unknown as CExpression;
  }

  #word(variable: CVariable): CExpression {
    const { typing, c } = this.#types;
    const { span, type } = variable;
    let index = this.#words.findIndex((word) => word.variable === variable);
    if (index < 0) {
      const byAddress = !variable.constant || !typing.isScalar(type);
      if (byAddress) variable.addressed = true;
      index = this.#words.push({ variable, byAddress }) - 1;
    }
    const parameter: CExpression = {
      kind: "variable",
      variable: this.#parameter,
      type: this.#parameter.type,
      span,
    };
    const word = typing.index(parameter, typing.constant(BigInt(index), typing.int, span), span);
    if (this.#words[index]?.byAddress !== true) return typing.explicit(word, type, span);
    return typing.dereference(typing.explicit(word, c.pointer(type), span), span);
  }
}

const isExpression = (value: unknown): value is CExpression =>
  typeof value === "object" && value !== null && "kind" in value && "span" in value && "type" in value;
