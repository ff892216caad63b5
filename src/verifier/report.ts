// A fault as a refusal: with the path that led there, and only the lines that it depends on.

import { type Instruction, Opcode, slotsOf } from "../isa/index.ts";
import type { LinkedProgram, ProgramSpec } from "../object/index.ts";
import type { Span } from "../source/index.ts";
import type { Outcome } from "./explore.ts";
import type { ProgramGraph } from "./program-graph.ts";
import { type Assumption, type Fault, instructionText, REFUSALS, type Refusal, type SliceLine } from "./refusal.ts";
import { decisions, sliceOf } from "./slice.ts";
import type { Trail } from "./state.ts";

function instructionAt(linked: LinkedProgram, wanted: number): Instruction | undefined {
  let slot = 0;
  for (const instruction of linked.instructions) {
    if (slot >= wanted) return instruction;
    slot += slotsOf(instruction.op);
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

/** The refusal of a program that does not even hold together. */
export function earlyRefusal(
  linked: LinkedProgram | undefined,
  program: ProgramSpec,
  slot: number,
  fault: Fault,
): Refusal {
  const span = linked === undefined ? undefined : spanAt(linked, slot);
  const text = linked === undefined ? "" : textOf(instructionAt(linked, slot));
  const line: SliceLine = { slot, text, ...(span === undefined ? {} : { span }) };
  return {
    program: program.name,
    function: program.functions[0]?.name ?? program.name,
    slot,
    instruction: text,
    ...(span === undefined ? {} : { span }),
    ...about(fault),
    path: [],
    slice: [line],
  };
}

function about(fault: Fault): Pick<Refusal, "reason" | "code" | "message" | "missing"> {
  const { reason, message, missing } = fault;
  return { reason, code: REFUSALS[reason].code, message, ...(missing === undefined ? {} : { missing }) };
}

const MAX_PATH = 64;

/** The refusal of a program at the end of a path. */
export function refusalOf(program: ProgramSpec, graph: ProgramGraph, state: Outcome["state"], fault: Fault): Refusal {
  const slot = fault.slot ?? state?.pc ?? 0;
  const trail = decisions(state?.trail);
  const sliced = state === undefined ? [slot] : sliceOf(graph, trail, slot, fault.registers);
  const slice = [...(fault.also ?? []).filter((at) => !sliced.includes(at)), ...sliced];
  const lineOf = (at: number): SliceLine => {
    const place = graph.spans[at];
    return { slot: at, text: textOf(graph.code[at]), ...(place === undefined ? {} : { span: place }) };
  };
  const assumed = trail.filter((one) => !one.forced && graph.code[one.slot]?.op !== Opcode.CALL).slice(-MAX_PATH);
  const path = assumed.map((one: Trail): Assumption => {
    const line = lineOf(one.slot);
    return { ...line, taken: one.taken, text: line.text.replace(/^if\s+/, "").replace(/\s*goto.*$/, "") };
  });
  const { text, span } = lineOf(slot);
  return {
    program: program.name,
    function: graph.functionOf[slot]?.name ?? program.name,
    slot,
    instruction: text,
    ...(span === undefined ? {} : { span }),
    ...about(fault),
    path,
    slice: slice.map(lineOf),
  };
}
