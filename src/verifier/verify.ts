// The verifier's face: proves each program of an object safe, or says why not.

import { type BpfObject, LinkError, type LinkedProgram, link, type ProgramSpec } from "../object/index.ts";
import { Checker, type Profile } from "./checker.ts";
import { Explorer, type Outcome, VISIT_WORDS } from "./explore.ts";
import { buildGraph, PlacedFault, type ProgramGraph } from "./program-graph.ts";
import type { Fault, Refusal } from "./refusal.ts";
import { earlyRefusal, refusalOf } from "./report.ts";
import { stackOf } from "./stack-depth.ts";

export interface VerifyOptions {
  /** `linux` takes what the running kernel would; `strict` also wants no division by what may be zero. Both prove the end. */
  readonly profile: Profile;
  /** Whose registers a kprobe's context has. Default: x86_64. */
  readonly machine?: "x86_64" | "aarch64";
  /** May stack that was never written be read? Linux lets the privileged do so, and that is the default. */
  readonly unwrittenStack?: "allow" | "refuse";
  /** Possible CPUs: bounds `get_smp_processor_id`. Default: 8192. */
  readonly cpus?: number;
  /** For programs of other machines: r1 points to so many bytes of memory, and r2 holds their number. */
  readonly memory?: number;
  /**
   * Do maps that programs may only read keep what they begin with, as loaders freeze them? Default: yes. Their numbers are
   * constants then, and code that they exclude is not followed.
   */
  readonly frozen?: boolean;
  /** Instructions to follow before giving up on a program. By default as many as take less than two seconds. */
  readonly budget?: number;
}

export interface Accepted {
  readonly program: string;
  readonly accepted: true;
  /** Instructions followed, each as often as it was. */
  readonly visited: number;
  /** States kept to compare with. */
  readonly states: number;
  /** Bytes of stack, of the deepest chain of calls. */
  readonly stackBytes: number;
  /** Loops had to be run turn by turn. */
  readonly stepped: boolean;
}

export interface Refused {
  readonly program: string;
  readonly accepted: false;
  readonly refusal: Refusal;
  readonly visited: number;
}

export type ProgramResult = Accepted | Refused;

export interface VerifyResult {
  /** All of them are. */
  readonly accepted: boolean;
  readonly programs: readonly ProgramResult[];
}

/** Verifies every program of an object. Never throws for a bad program: a refusal is data. */
export function verify(object: BpfObject, options: VerifyOptions): VerifyResult {
  const programs = object.programs.map((program) => verifyProgram(object, program, options));
  return { accepted: programs.every((one) => one.accepted), programs };
}

/** With widening a program is followed only a few times over: what needs more is left to stepping. */
const WIDENING_VISITS = 20_000;
/** As many as Linux follows (BPF_COMPLEXITY_LIMIT_INSNS): real programs need half of that and more. */
const STEPPING_VISITS = 1_000_000;
/** More for programs that are long: for each slot so many. */
const VISITS_PER_SLOT = 2;
/** Comparing and copying states is most of the work where there are many of them: it is bounded too, in words. */
const WIDENING_WORDS = 2_500_000;
const WORDS_PER_SLOT = 40;
const STEPPING_WORDS = 8_000_000;
/** BPF_COMPLEXITY_LIMIT_INSNS: no more is followed by Linux, so no more is taken. */
const MAX_SLOTS = 1_000_000;

/** Verifies one program of an object. */
export function verifyProgram(object: BpfObject, program: ProgramSpec, options: VerifyOptions): ProgramResult {
  let linked: LinkedProgram;
  try {
    linked = link(program);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    return refused(
      program,
      0,
      earlyRefusal(undefined, program, 0, { reason: "flow", message: error.message, registers: [] }),
    );
  }
  const settings = {
    strict: options.profile === "strict",
    wholeStack: options.unwrittenStack === "refuse",
    machine: options.machine ?? "x86_64",
    cpus: options.cpus ?? 8192,
    memory: options.memory,
    frozen: options.frozen ?? true,
  };
  let graph: ProgramGraph;
  let checker: Checker;
  try {
    if (linked.slots > MAX_SLOTS) {
      const message = `The program has ${linked.slots} slots, and Linux takes at most ${MAX_SLOTS}`;
      throw new PlacedFault(0, { reason: "complex", message, registers: [] });
    }
    graph = buildGraph(linked);
    checker = new Checker(graph, program, object, settings);
    checker.checkReferences();
  } catch (error) {
    if (!(error instanceof PlacedFault)) throw error;
    return refused(program, 0, earlyRefusal(linked, program, error.slot, error.fault));
  }
  const budget = options.budget ?? Number.POSITIVE_INFINITY;
  let visited = 0;
  let states = 0;
  let stepped = false;
  const { called } = checker;
  // While one is followed others may be found to be called, and come behind it.
  for (const start of called.add(0)) {
    const part = judge(checker, start, budget - visited);
    const { result } = part;
    visited += result.visited;
    states += result.saved;
    stepped ||= part.stepped;
    if (result.fault !== undefined) {
      return refused(program, visited, refusalOf(program, graph, result.state, result.fault));
    }
  }
  const depth = stackOf(checker);
  if ("fault" in depth) return refused(program, visited, refusalOf(program, graph, undefined, depth.fault));
  return {
    program: program.name,
    accepted: true,
    visited,
    states,
    stackBytes: depth.bytes,
    stepped,
  };
}

const refused = (program: ProgramSpec, visited: number, refusal: Refusal): Refused => ({
  program: program.name,
  accepted: false,
  refusal,
  visited,
});

/** Explores with widening first, and turn by turn only where that is no answer. */
function judge(checker: Checker, start: number, budget: number): { result: Outcome; stepped: boolean } {
  const size = checker.graph.code.length;
  const first = explore(checker, start, true, Math.min(budget, WIDENING_VISITS + VISITS_PER_SLOT * size));
  const { fault } = first;
  // A refusal may be due to what widening lost, or to a loop without a counter: then only running it can tell.
  const open = fault !== undefined && (first.state === undefined || first.state.blurred || fault.reason === "complex");
  if (!open) return { result: first, stepped: false };
  const second = explore(checker, start, false, Math.min(budget, STEPPING_VISITS));
  const visited = first.visited + second.visited;
  if (second.fault?.reason !== "complex") return { result: { ...second, visited }, stepped: true };
  // Where running it came to no end either, a loop without a known end says more.
  if (fault.reason === "endless") return { result: { ...first, visited }, stepped: true };
  // What was found with loops taken together may be no mistake at all: that the time ran out is what is known.
  const hint =
    fault.reason === "complex" ? second.fault.missing : `with all turns of its loops taken together: ${fault.message}`;
  const told: Fault = { ...second.fault, ...(hint === undefined ? {} : { missing: hint }) };
  return { result: { ...second, fault: told, visited }, stepped: true };
}

/** Explores until what decides is known: each time, more of it is. */
function explore(checker: Checker, start: number, widening: boolean, visits: number): Outcome {
  let visited = 0;
  for (let round = 0; ; round++) {
    const base = widening ? WIDENING_WORDS + VISIT_WORDS * visits : STEPPING_WORDS;
    const words = base + WORDS_PER_SLOT * checker.graph.code.length;
    const explorer = new Explorer(checker, widening, { visits: visits - visited, words });
    const outcome = explorer.run(start);
    visited += outcome.visited;
    const { fault, state } = outcome;
    // A path that fails is one that can be gone, whatever was left out.
    const sure = fault !== undefined && state !== undefined && !state.blurred && !UNSURE.has(fault.reason);
    if (sure || visited >= visits) return { ...outcome, visited };
    const more = checker.renew(round >= MAX_ROUNDS);
    if (!more && (fault !== undefined || !explorer.renewed)) return { ...outcome, visited };
    // Where widening knows no end of a loop, knowing more of what decides gives it none.
    if (widening && fault?.reason === "endless") return { ...outcome, visited };
    if (fault === undefined && explorer.stands()) return { ...outcome, visited };
    // What a function that is verified by itself needs is added to what the others do.
    if (start === 0) checker.stackDepth.clear();
  }
}

/** Refusals that rest on states being equal. */
const UNSURE: ReadonlySet<string> = new Set(["endless", "complex"]);
const MAX_ROUNDS = 6;
