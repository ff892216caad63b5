// What a compiled script needs and this kernel has not got, said before it is loaded, with the place in the script.
//
// The compiler writes around what it can (see `lacks` of live-environment.ts). What is left are helpers: each is tried
// once, in the type of program that calls it. Kernels new enough to have the newest that the language uses are not asked.

import { Opcode } from "../isa/index.ts";
import { hasFeature, hasHelper } from "../kernel/index.ts";
import { type BpfObject, helper, helperName } from "../object/index.ts";
import type { Diagnostic } from "../source/index.ts";

const { CALL } = Opcode;
/** MAX_BPF_STACK, to which keys were limited until Linux 5.17. */
const LONGEST_OLD_KEY = 512;

/** One error for each helper that a program calls and the kernel does not know; none where all is there. */
export function missingParts(object: BpfObject): Diagnostic[] {
  // Linux 6.9 has every helper that the language uses.
  if (hasFeature("mayGoto") || !hasFeature("tracingPrograms")) return [];
  const found = new Map<number, Diagnostic>();
  for (const map of object.maps) {
    if (map.keySize <= LONGEST_OLD_KEY || !/hash/.test(map.type) || hasFeature("longKeys")) continue;
    found.set(-1, {
      code: "SCRY2005",
      severity: "error",
      message: `This kernel has no keys of ${map.keySize} bytes, ${LONGEST_OLD_KEY} at the most: ${map.name.replace(/^AT_/, "@").replace(/\.long$/, "")} would need them`,
      hints: [`Shorten its strings: str(…, 64), or config = { max_strlen = ${LONGEST_OLD_KEY / 4} }`],
    });
  }
  for (const program of object.programs) {
    for (const { code } of program.functions) {
      for (const { op, src, imm, span, ref } of code) {
        if (op !== CALL || src !== 0 || ref !== undefined || found.has(imm)) continue;
        // A tracing program cannot be tried without a target; what it may call, kprobes may, but for these.
        if (program.type === "tracing" && TRACING_ONLY.has(helperName(imm) ?? "")) continue;
        if (hasHelper(program.type === "tracing" ? "kprobe" : program.type, imm)) continue;
        const name = helperName(imm) ?? `number ${imm}`;
        const since = helper(imm)?.since;
        found.set(imm, {
          code: "SCRY2005",
          severity: "error",
          message: `This kernel has no bpf_${name} for programs of this kind${since === undefined ? "" : `, which came with Linux ${since}`}`,
          ...(span === undefined ? {} : { span }),
          hints: [alternatives[name] ?? "Leave out what needs it, or run on a newer kernel"],
        });
      }
    }
  }
  return [...found.values()];
}

/** Helpers of tracing programs alone; whether the function at hand may call them, the kernel says when it is loaded. */
const TRACING_ONLY: ReadonlySet<string> = new Set(["d_path"]);

const alternatives: Readonly<Record<string, string>> = {
  for_each_map_elem: "Walking a map and len(@map) need it: print the map, and count its entries from what is printed",
  map_lookup_percpu_elem: "Reading sum(), count() and their like back in a script needs it: print the map instead",
};
