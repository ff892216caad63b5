// The verifier's face: proves each program of an object safe, or says why not.

import { type Instruction, Opcode } from "../isa/index.ts";
import { type BpfObject, LinkError, type LinkedProgram, link, type ProgramSpec } from "../object/index.ts";
import type { Span } from "../source/index.ts";
import { Checker, type Profile } from "./checker.ts";
import { Explorer, type Outcome } from "./explore.ts";
import { buildGraph, PlacedFault, type ProgramGraph } from "./program-graph.ts";
import { type Assumption, type Fault, instructionText, REFUSALS, type Refusal, type SliceLine } from "./refusal.ts";
import { decisions, sliceOf } from "./slice.ts";
import type { Trail } from "./state.ts";

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
  /** Instructions to follow before giving up on a program. Default and most: 20,000, and then 50,000 turn by turn. */
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

const DEFAULT_BUDGET = 50_000;
/** With widening a program is followed only a few times over: what needs more is left to stepping. */
const WIDENING_BUDGET = 20_000;
/** Stepping keeps many states to compare with, so that it is much slower than the kernel's. */
const STEPPING_BUDGET = 50_000;

/** Verifies one program of an object. */
export function verifyProgram(object: BpfObject, program: ProgramSpec, options: VerifyOptions): ProgramResult {
  let linked: LinkedProgram;
  try {
    linked = link(program);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    return early(program, 0, { reason: "flow", message: error.message, registers: [] }, undefined, undefined);
  }
  const settings = {
    strict: options.profile === "strict",
    wholeStack: options.unwrittenStack === "refuse",
    machine: options.machine ?? "x86_64",
    cpus: options.cpus ?? 8192,
    memory: options.memory,
  };
  let graph: ProgramGraph;
  let checker: Checker;
  try {
    graph = buildGraph(linked);
    checker = new Checker(graph, program, object, settings);
    checker.checkReferences();
  } catch (error) {
    if (!(error instanceof PlacedFault)) throw error;
    return early(program, error.slot, error.fault, instructionAt(linked, error.slot), spanAt(linked, error.slot));
  }
  const budget = options.budget ?? DEFAULT_BUDGET;
  const first = new Explorer(checker, true, Math.min(budget, WIDENING_BUDGET)).run();
  let result: Outcome = first;
  let stepped = false;
  // A refusal may be due to what widening lost, or to a loop without a counter: then only running it can tell.
  if (
    first.fault !== undefined &&
    (first.state === undefined || first.state.blurred || first.fault.reason === "complex")
  ) {
    const second = new Explorer(
      new Checker(graph, program, object, settings),
      false,
      Math.min(budget, STEPPING_BUDGET),
    ).run();
    stepped = true;
    const lost = second.fault?.reason === "complex" && first.fault.reason !== "complex";
    result = lost ? { ...first, visited: first.visited + second.visited } : second;
  }
  if (result.fault !== undefined) return refused(program, graph, result, result.fault);
  const depth = stackOf(checker);
  if ("fault" in depth) return refused(program, graph, { visited: result.visited, saved: 0 }, depth.fault);
  return {
    program: program.name,
    accepted: true,
    visited: result.visited,
    states: result.saved,
    stackBytes: depth.bytes,
    stepped,
  };
}

function instructionAt(linked: LinkedProgram, wanted: number): Instruction | undefined {
  let slot = 0;
  for (const instruction of linked.instructions) {
    if (slot >= wanted) return instruction;
    slot += instruction.op === Opcode.LDDW ? 2 : 1;
  }
  return undefined;
}

function spanAt(linked: LinkedProgram, slot: number): Span | undefined {
  let span: Span | undefined;
  for (const line of linked.lines) if (line.slot <= slot) span = line.span;
  return span;
}

function textOf(instruction: Instruction | undefined): string {
  if (instruction === undefined) return "";
  try {
    return instructionText(instruction);
  } catch {
    return `opcode 0x${instruction.op.toString(16)}`;
  }
}

function early(
  program: ProgramSpec,
  slot: number,
  fault: Fault,
  instruction: Instruction | undefined,
  span: Span | undefined,
): Refused {
  const line: SliceLine = { slot, text: textOf(instruction), ...(span === undefined ? {} : { span }) };
  return {
    program: program.name,
    accepted: false,
    visited: 0,
    refusal: {
      program: program.name,
      function: program.functions[0]?.name ?? program.name,
      slot,
      instruction: line.text,
      ...(span === undefined ? {} : { span }),
      reason: fault.reason,
      code: REFUSALS[fault.reason].code,
      message: fault.message,
      ...(fault.missing === undefined ? {} : { missing: fault.missing }),
      path: [],
      slice: [line],
    },
  };
}

const MAX_PATH = 64;

function refused(program: ProgramSpec, graph: ProgramGraph, { state, visited }: Outcome, fault: Fault): Refused {
  const slot = state?.pc ?? Number(/at slot (\d+)/.exec(fault.message)?.[1] ?? 0);
  const trail = decisions(state?.trail);
  const slice = state === undefined ? [slot] : sliceOf(graph, trail, slot, fault.registers);
  const span = graph.spans[slot];
  const lineOf = (at: number): SliceLine => {
    const place = graph.spans[at];
    return { slot: at, text: textOf(graph.code[at]), ...(place === undefined ? {} : { span: place }) };
  };
  const assumed = trail.filter((one) => !one.forced && graph.code[one.slot]?.op !== Opcode.CALL).slice(-MAX_PATH);
  const path = assumed.map((one: Trail): Assumption => {
    const place = graph.spans[one.slot];
    const text = textOf(graph.code[one.slot])
      .replace(/^if\s+/, "")
      .replace(/\s*goto.*$/, "");
    return { slot: one.slot, taken: one.taken, text, ...(place === undefined ? {} : { span: place }) };
  });
  return {
    program: program.name,
    accepted: false,
    visited,
    refusal: {
      program: program.name,
      function: graph.functionOf[slot]?.name ?? program.name,
      slot,
      instruction: textOf(graph.code[slot]),
      ...(span === undefined ? {} : { span }),
      reason: fault.reason,
      code: REFUSALS[fault.reason].code,
      message: fault.message,
      ...(fault.missing === undefined ? {} : { missing: fault.missing }),
      path,
      slice: slice.map(lineOf),
    },
  };
}

const MAX_STACK = 512;
const MAX_DEPTH = 8;
const PRIVATE_STACKS: ReadonlySet<string> = new Set(["kprobe", "tracepoint", "perf_event", "raw_tracepoint"]);

/** Stack of the deepest chain of calls (check_max_stack_depth); frames are rounded up to 16 bytes. */
function stackOf({ graph, stackDepth, strict, program }: Checker): { bytes: number } | { fault: Fault } {
  const calls = new Map<number, Set<number>>();
  graph.code.forEach((i, slot) => {
    if (i === undefined) return;
    const local = (i.op === Opcode.CALL && i.src === 1) || (i.op === Opcode.LDDW && i.src === 4);
    if (!local) return;
    const from = graph.functionOf[slot]?.start ?? 0;
    const to = slot + i.imm + 1;
    let targets = calls.get(from);
    if (targets === undefined) calls.set(from, (targets = new Set()));
    targets.add(to);
  });
  let fault: Fault | undefined;
  const known = new Map<number, { bytes: number; depth: number }>();
  const open = new Set<number>();
  const measure = (start: number): { bytes: number; depth: number } => {
    const done = known.get(start);
    if (done !== undefined) return done;
    if (open.has(start)) {
      fault ??= { reason: "stack", message: `The function at slot ${start} calls itself`, registers: [] };
      return { bytes: 0, depth: 0 };
    }
    open.add(start);
    let bytes = 0;
    let depth = 0;
    for (const target of calls.get(start) ?? []) {
      const inner = measure(target);
      bytes = Math.max(bytes, inner.bytes);
      depth = Math.max(depth, inner.depth);
    }
    open.delete(start);
    const result = { bytes: bytes + Math.ceil((stackDepth.get(start) ?? 0) / 16) * 16, depth: depth + 1 };
    known.set(start, result);
    return result;
  };
  const total = measure(0);
  // Linux gives every function of a program that may interrupt another a stack of its own (bpf_enable_priv_stack, 6.13).
  const apart = !strict && PRIVATE_STACKS.has(program.type);
  if (fault === undefined && total.depth > MAX_DEPTH) {
    fault = {
      reason: "stack",
      message: `Calls are ${total.depth} deep, and at most ${MAX_DEPTH} can be open`,
      registers: [],
    };
  }
  if (fault === undefined && total.bytes > MAX_STACK && !apart) {
    fault = {
      reason: "stack",
      message: `The functions that are open at once use ${total.bytes} bytes of stack, and there are ${MAX_STACK}`,
      registers: [],
    };
  }
  return fault === undefined ? { bytes: total.bytes } : { fault };
}
