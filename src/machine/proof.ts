// Which programs may run without checks. The verifier's word holds under what it takes for granted: the context of the
// program's type, maps as the object declares them, helpers that give what the kernel's give. Where this machine differs
// (there are no kernel objects to read through, maps of maps hold any map, helpers may be one's own, raw programs get
// memory of any size) programs stay checked, whatever the verifier says.

import { type BpfObject, helper, type ProgramType } from "../object/index.ts";
import type { Diagnostic } from "../source/index.ts";
import { type Profile, type ProgramResult, type Refusal, verifyProgram } from "../verifier/index.ts";
import { MAP_KINDS } from "./map-header.ts";
import type { Program } from "./program.ts";
import type { RunInput } from "./run.ts";

/** How compiled code is held: every access checked and every instruction counted, turns of loops counted, or nothing. */
export type Protection = "checked" | "counted" | "bare";

/** Instructions that the verifier may follow for a program that has become hot: at most about a tenth of a second. */
const LAZY_BUDGET = 10_000;

/** Types whose context is a packet's description. */
const ON_PACKETS: ReadonlySet<ProgramType> = new Set<ProgramType>([
  "xdp",
  "socket_filter",
  "sched_cls",
  "sched_act",
  "cgroup_skb",
]);

/** Types whose context is numbers. */
const ON_NUMBERS: ReadonlySet<ProgramType> = new Set<ProgramType>([
  "kprobe",
  "tracepoint",
  "raw_tracepoint",
  "raw_tracepoint_writable",
  "perf_event",
]);

/**
 * A context of numbers has at least so many bytes, zeros behind what was given: a program may read all that the verifier
 * knows of its type's, whatever the machine that it is verified for.
 */
export const contextFloor = (type: ProgramType): number =>
  ON_NUMBERS.has(type) ? (type === "tracepoint" ? 8192 : 2048) : 0;

/** Does a run set up what the verifier expects of a program of this type? */
export function isAsVerified(type: ProgramType, input: RunInput): boolean {
  if (input.packet !== undefined) return ON_PACKETS.has(type);
  return input.memory === undefined && ON_NUMBERS.has(type);
}

/** Is everything that a program uses the same here as where the verifier comes from? */
function isFamiliar(object: BpfObject, program: Program, isReplaced: (id: number) => boolean): boolean {
  const { type } = program.spec;
  if (!ON_PACKETS.has(type) && !ON_NUMBERS.has(type)) return false;
  if (object.maps.some((map) => MAP_KINDS[map.type]?.ofMaps)) return false;
  if (program.linked.relocations.some(({ ref }) => ref.kind !== "map" && ref.kind !== "map-value")) return false;
  for (const id of program.helpers) {
    if (isReplaced(id)) return false;
    switch (helper(id)?.returns) {
      case "int":
      case "void":
      case "map-value":
      case "map-value-or-null":
      case "record-or-null":
        break;
      default:
        return false;
    }
  }
  return true;
}

/** What the verifier says of a program that this machine could then trust; undefined where it could not. */
export function judge(
  object: BpfObject,
  program: Program,
  isReplaced: (id: number) => boolean,
): ProgramResult | undefined {
  // Every instruction has to be followed at least once.
  if (program.slots > LAZY_BUDGET || !isFamiliar(object, program, isReplaced)) return undefined;
  return verifyProgram(object, program.spec, { profile: "linux", budget: LAZY_BUDGET, frozen: false });
}

/** The same at once and by a profile: complaints about a program that is refused, and whether it may run unchecked. */
export function judgeNow(
  object: BpfObject,
  program: Program,
  isReplaced: (id: number) => boolean,
  profile: Profile,
): { readonly result: ProgramResult; readonly complaints: readonly Diagnostic[]; readonly trusted: boolean } {
  const result = verifyProgram(object, program.spec, { profile });
  const complaints = result.accepted ? [] : [complaintOf(result.refusal)];
  return { result, complaints, trusted: result.accepted && isFamiliar(object, program, isReplaced) };
}

function complaintOf({ program, code, slot, message, span, missing }: Refusal): Diagnostic {
  return {
    code,
    severity: "error",
    message: `program "${program}" at ${slot}: ${message}`,
    ...(span === undefined ? {} : { span }),
    ...(missing === undefined ? {} : { hints: [missing] }),
  };
}
