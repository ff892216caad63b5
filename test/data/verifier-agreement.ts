// What the kernel's verifier and ours say of the same program, and the classes of their differences. Needs root and a
// kernel with BPF.

import { loadObject, VerifierError } from "../../src/kernel/index.ts";
import { embedded } from "../../src/machine/index.ts";
import type { BpfObject } from "../../src/object/index.ts";
import { type ProgramResult, verifyProgram } from "../../src/verifier/index.ts";

export interface Said {
  /** Absent where the program is accepted. */
  readonly refusal?: string;
  /** Microseconds that the kernel's verifier took, and instructions that it followed, where it says so. */
  readonly microseconds?: number;
  readonly followed?: number;
}

type LoadOptions = Parameters<typeof loadObject>[1];

/** What the kernel says of an object; throws what is no verdict (a map that cannot be made). */
export function kernelSays(object: BpfObject, options: LoadOptions = {}): Said {
  try {
    // BPF_LOG_STATS: the log has the numbers only.
    const loaded = loadObject(object, { ...options, logLevel: 4 as 1 });
    loaded.close();
    return numbers([...loaded.programs.values()].map(({ log }) => log ?? "").join("\n"));
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return { ...numbers(error.log), refusal: reasonOf(object, options) };
  }
}

function numbers(log: string): Pick<Said, "microseconds" | "followed"> {
  const time = /verification time (\d+) usec/.exec(log)?.[1];
  const followed = /processed (\d+) insns/.exec(log)?.[1];
  return {
    ...(time === undefined ? {} : { microseconds: Number(time) }),
    ...(followed === undefined ? {} : { followed: Number(followed) }),
  };
}

/** The last line of the kernel's log that says why. */
function reasonOf(object: BpfObject, options: LoadOptions): string {
  try {
    loadObject(object, options).close();
    return "refused once, and accepted the second time";
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const lines = error.log.trim().split("\n");
    const reasons = lines.filter((line) => !/^(processed|verification time|stack depth|mark_precise)/.test(line));
    return reasons.pop() ?? "refused";
  }
}

export interface Difference {
  /** Who refuses. */
  readonly side: "kernel" | "scry";
  /** Of the kernel's message, or of ours. */
  readonly pattern: RegExp;
  readonly name: string;
}

/** Why the two differ where they do. */
const DIFFERENCES: readonly Difference[] = [
  {
    side: "kernel",
    pattern: /outside of the allowed memory range|unbounded memory access|unbounded min value|invalid access to/,
    name: "we know more of a number: bounds behind sign extensions, shifts to and fro, joins",
  },
  {
    side: "kernel",
    pattern: /infinite loop|back-edge|too (many|large)|sequence of 8193 jumps/,
    name: "we prove a loop's end without running it",
  },
  { side: "scry", pattern: /too many paths/, name: "more states than we follow in the time that we give ourselves" },
  { side: "scry", pattern: /not known to end|may never end/, name: "a loop whose end only running it shows" },
  {
    side: "scry",
    pattern: /offset in|out of all bounds|outside of the 512|may be negative|no bound/,
    name: "a relation between two numbers that the kernel finds by running the loop",
  },
];

export interface Verdict {
  readonly kernel: Said;
  readonly ours: ProgramResult;
  readonly agree: boolean;
  /** The class of the difference, with the reason, numbers left out. */
  readonly difference?: string;
}

/** Both verdicts on one program of an object. */
export function compareVerdicts(
  object: BpfObject,
  program: BpfObject["programs"][number],
  options: LoadOptions = {},
): Verdict {
  const one: BpfObject = { ...object, programs: [program] };
  const kernel = kernelSays(one, options);
  const ours = verifyProgram(one, program, { profile: "linux", cpus: 2 });
  if ((kernel.refusal === undefined) === ours.accepted) return { kernel, ours, agree: true };
  const side = ours.accepted ? "kernel" : "scry";
  const reason = ours.accepted ? (kernel.refusal ?? "") : ours.refusal.message;
  const known = DIFFERENCES.find((one) => one.side === side && one.pattern.test(reason))?.name ?? "not known";
  const who = side === "kernel" ? "the kernel refuses, we accept" : "we refuse, the kernel accepts";
  return { kernel, ours, agree: false, difference: `${who}: ${known}: ${reason.replace(/-?\d+/g, "N")}` };
}

/** Runs a program that was accepted in the checked interpreter, with three inputs; what trapped, or undefined. */
export function trapOf(object: BpfObject): string | undefined {
  const machine = embedded(object, { budget: 20_000_000, tier: "interpreter" });
  const xdp = object.programs[0]?.type === "xdp";
  for (let k = 0; k < 3; k++) {
    const words = Array.from({ length: 12 }, (_, i) => [0n, BigInt(i), (1n << 64n) - 1n - BigInt(i)][k] as bigint);
    const packet = new Uint8Array([14, 20, 60][k] as number).fill(k * 77);
    const { trap } = machine.run(undefined, xdp ? { packet } : { context: words });
    if (trap !== undefined) return `${trap.message} at slot ${trap.slot}`;
  }
  return undefined;
}
