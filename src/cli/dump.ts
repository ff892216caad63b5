// `-d STAGE`: the program after a stage of its compilation.

import { pipeline } from "../compiler/index.ts";
import { disassemble } from "../isa/index.ts";
import { type BpfObject, helperName, type ObjectInstruction } from "../object/index.ts";
import { UsageError } from "./options.ts";

export interface Dumper {
  readonly compile: (stage: string, program: string, text: () => string) => void;
  readonly object: (object: BpfObject) => void;
  /** The kernel's verifier shall log. */
  readonly verifier: boolean;
}

/** What bpftrace calls its stages, as ours that are most like them. */
const BPFTRACE_STAGES: Readonly<Record<string, string>> = {
  parse: "ast",
  types: "ast",
  codegen: "ir",
  "codegen-opt": "asm",
  libbpf: "verifier",
  dis: "asm",
};

/** Prints the stages that are wanted: one name, several with commas, or `all`. (`trace` is for `main`.) */
export function dumper(wanted: string, write: (text: string) => void): Dumper {
  const stages = wanted.split(",").map((stage) => BPFTRACE_STAGES[stage] ?? stage);
  const known = ["ast", "ir", ...pipeline.map((s) => s.pass.name), "asm", "verifier", "all", "trace"];
  for (const s of stages)
    if (!known.includes(s)) throw new UsageError(`unknown stage '${s}'; stages are ${known.join(", ")}`);
  const wants = (stage: string): boolean => stages.includes(stage) || stages.includes("all");
  return {
    compile: (stage, program, text) => {
      if (wants(stage)) write(`--- ${stage}${program === "" ? "" : ` of ${program}`}\n${text()}\n`);
    },
    object: (object) => {
      if (!wants("asm")) return;
      for (const p of object.programs) {
        for (const f of p.functions)
          write(`--- asm of ${p.name}${f.name === p.name ? "" : ` ${f.name}`}\n${assembly(f.code)}\n`);
      }
    },
    verifier: wants("verifier"),
  };
}

function assembly(code: readonly ObjectInstruction[]): string {
  return disassemble(code, {
    helper: helperName,
    symbol: (instruction) => {
      const ref = (instruction as ObjectInstruction).ref;
      if (ref === undefined) return undefined;
      switch (ref.kind) {
        case "map":
        case "map-value":
          return ref.map;
        case "call":
        case "function":
          return ref.function;
        case "kfunc":
        case "ksym":
          return ref.name;
        case "type-id":
        case "field-offset":
          return ref.type;
        default:
          return undefined;
      }
    },
  });
}
