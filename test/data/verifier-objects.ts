// An object of one program from assembler text; names of maps and helpers are those of the cases.

import { assembleSymbolic } from "../../src/isa/index.ts";
import { type BpfObject, helperId, type ObjectInstruction } from "../../src/object/index.ts";
import type { ProgramType } from "../../src/object/program-types.ts";
import { CASE_MAPS } from "./verifier-cases.ts";

export function objectOf(code: string, type: ProgramType = "raw_tracepoint"): BpfObject {
  const instructions = assembleSymbolic(code, { helper: helperId }).map((i): ObjectInstruction => {
    const { symbol, ...plain } = i;
    if (symbol?.kind === "map") return { ...plain, src: 1, ref: { kind: "map", map: symbol.name } };
    if (symbol?.kind === "map_value") {
      return { ...plain, src: 2, ref: { kind: "map-value", map: symbol.name, offset: symbol.offset } };
    }
    return plain;
  });
  return {
    maps: CASE_MAPS,
    programs: [{ name: "case", type, attach: [], functions: [{ name: "case", code: instructions, parameters: 1 }] }],
    license: "GPL",
  };
}
