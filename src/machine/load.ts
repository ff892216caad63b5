// An object's maps and programs, planned and made ready.

import { type BpfObject, MAP_TYPES } from "../object/index.ts";
import { type Diagnostic, DiagnosticError } from "../source/index.ts";
import type { ProgramResult } from "../verifier/index.ts";
import type { ColdEngine } from "./cold-engine.ts";
import type { Compiled, CompiledBatch } from "./compile.ts";
import { Interpreter } from "./interpreter.ts";
import { HEADER_BYTES, type MapLayout, planMap } from "./map-header.ts";
import type { Memory, MemoryPlan } from "./memory.ts";
import { type Program, prepare } from "./program.ts";
import { judgeNow, type Protection } from "./proof.ts";
import type { Batch, MachineOptions } from "./run.ts";
import type { Runtime } from "./runtime.ts";

export interface Loaded {
  readonly program: Program;
  /** Somebody vouches for it, the verifier is asked before it is compiled, or it is always checked. */
  readonly trust: "vouched" | "ask" | "none";
  /** What the verifier said, and whether that counts here; undefined: not asked yet. */
  verdict: { readonly result: ProgramResult | undefined; readonly trusted: boolean } | undefined;
  readonly interpreter: Interpreter;
  /** Where there is room for its decoded instructions. */
  readonly decoded: number;
  cold: ColdEngine | undefined;
  readonly compiled: Map<Protection, Compiled>;
  tooLarge: boolean;
  readonly batches: Map<`${Batch["kind"]} ${Protection}`, CompiledBatch>;
  /** Instructions that interpreters have spent on it. */
  heat: number;
}

/** Plans the memory of an object's maps. Throws a DiagnosticError that says everything that is wrong with them. */
export function planMaps(object: BpfObject, plan: MemoryPlan, headers: number, cpus: number): MapLayout[] {
  const layouts: MapLayout[] = [];
  const diagnostics: Diagnostic[] = [];
  object.maps.forEach((spec, i) => {
    try {
      const layout = planMap(plan, spec, headers + i * HEADER_BYTES, cpus);
      if (layout !== undefined) layouts.push(layout);
      else {
        const message =
          MAP_TYPES[spec.type] === undefined
            ? `map "${spec.name}": there is no type of map ${spec.type}`
            : `map "${spec.name}": the embedded machine has no maps of type ${spec.type}`;
        diagnostics.push({ code: "SCRY7010", severity: "error", message });
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      diagnostics.push({
        code: "SCRY7011",
        severity: "error",
        message: `map "${spec.name}" (${spec.type}) cannot be made: ${error.message}`,
      });
    }
  });
  if (diagnostics.length > 0) throw new DiagnosticError(diagnostics, object.source);
  return layouts;
}

/** Makes an object's programs ready to run. Throws a DiagnosticError that says everything that this machine cannot do. */
export function loadPrograms(
  object: BpfObject,
  options: Pick<MachineOptions, "verified" | "verify">,
  memory: Memory,
  runtime: Runtime,
  layouts: ReadonlyMap<string, MapLayout>,
  decoded: readonly number[],
): Map<string, Loaded> {
  const programs = new Map<string, Loaded>();
  const isReplaced = (id: number): boolean => runtime.replaced.has(id);
  const diagnostics: Diagnostic[] = [];
  const { verified, verify = "linux" } = options;
  for (const [index, spec] of object.programs.entries()) {
    try {
      const program = prepare(
        spec,
        {
          map: (name) => layouts.get(name)?.header,
          mapValue: (name, offset) => {
            const layout = layouts.get(name);
            if (layout?.kind.shape !== "array" || offset < 0 || offset >= layout.spec.valueSize) return undefined;
            return layout.data + offset;
          },
          hasHelper: (id) => runtime.helper(id) !== undefined,
        },
        object.source,
      );
      const safe = typeof verified === "function" ? verified(spec.name) : (verified ?? false);
      let verdict: Loaded["verdict"];
      if (verify === "strict") {
        const { result, complaints, trusted } = judgeNow(object, program, isReplaced, verify);
        diagnostics.push(...complaints);
        verdict = { result, trusted };
      }
      programs.set(spec.name, {
        program,
        trust: safe ? "vouched" : verify === false ? "none" : "ask",
        verdict,
        interpreter: new Interpreter(program, memory, runtime),
        decoded: decoded[index] as number,
        cold: undefined,
        compiled: new Map(),
        tooLarge: false,
        batches: new Map(),
        heat: 0,
      });
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      diagnostics.push(...error.diagnostics);
    }
  }
  if (diagnostics.length > 0) throw new DiagnosticError(diagnostics, object.source);
  return programs;
}
