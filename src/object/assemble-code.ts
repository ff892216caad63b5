// Programs written as assembly text: names of maps, functions and kernel functions become references.

import { assembleSymbolic, type Symbolic } from "../isa/index.ts";
import { DiagnosticError } from "../source/index.ts";
import { helperId } from "./helpers.ts";
import type { ObjectInstruction, Reference } from "./object.ts";

/**
 * Assembles one function of a program: `r1 = map[hits] ll`, `r7 = map_value[data] + 8 ll`, `call map_lookup_elem`, and
 * `call name` or `r2 = function[name] ll` for other functions of it. Throws DiagnosticError for bad text.
 */
export function assembleCode(text: string): ObjectInstruction[] {
  return assembleSymbolic(text, { helper: helperId }).map(({ symbol, ...instruction }) =>
    symbol === undefined ? instruction : { ...instruction, ref: reference(symbol) },
  );
}

function reference(symbol: Symbolic): Reference {
  switch (symbol.kind) {
    case "map":
      return { kind: "map", map: symbol.name };
    case "map_value":
      return { kind: "map-value", map: symbol.name, offset: symbol.offset };
    case "call":
      return { kind: "call", function: symbol.name };
    case "function":
      return { kind: "function", function: symbol.name };
    case "kfunc":
      return { kind: "kfunc", name: symbol.name };
    default:
      throw new DiagnosticError([
        {
          code: "SCRY8006",
          severity: "error",
          message: `${symbol.kind}[${symbol.name}]: an object refers to maps, values of maps and functions only`,
        },
      ]);
  }
}
