// Why a program is refused, as data: one code for each kind of mistake, where, on which path, what check is missing,
// and the lines that matter. And as text.

import { disassembleOne, type Instruction } from "../isa/index.ts";
import { formatDiagnostic, lineColumn, lineText, type SourceText, type Span } from "../source/index.ts";

export type RefusalReason =
  | "encoding"
  | "flow"
  | "uninitialised"
  | "arithmetic"
  | "null"
  | "bounds"
  | "packet"
  | "context"
  | "pointer"
  | "readonly"
  | "alignment"
  | "argument"
  | "helper"
  | "reference"
  | "result"
  | "stack"
  | "endless"
  | "complex"
  | "division"
  | "unsupported";

interface RefusalEntry {
  readonly code: `SCRY${number}`;
  readonly about: string;
}

/** One entry for each kind of refusal: its code and what it is about. */
export const REFUSALS: { readonly [reason in RefusalReason]: RefusalEntry } = {
  encoding: { code: "SCRY3001", about: "an instruction that does not exist" },
  flow: { code: "SCRY3002", about: "jumps and functions that do not hold together" },
  uninitialised: { code: "SCRY3003", about: "a register or stack byte that was never written" },
  arithmetic: { code: "SCRY3004", about: "arithmetic that a pointer does not allow" },
  null: { code: "SCRY3005", about: "a pointer that may be null" },
  bounds: { code: "SCRY3006", about: "an access outside of its memory" },
  packet: { code: "SCRY3007", about: "a packet access that was not checked against the packet's end" },
  context: { code: "SCRY3008", about: "an access to the context that this kind of program does not have" },
  pointer: { code: "SCRY3009", about: "an access through something that is not a pointer to memory" },
  readonly: { code: "SCRY3010", about: "a store to memory that is only read" },
  alignment: { code: "SCRY3011", about: "an access that is not aligned" },
  argument: { code: "SCRY3012", about: "an argument that a function does not take" },
  helper: { code: "SCRY3013", about: "a function that is not there for this program" },
  reference: { code: "SCRY3014", about: "something that is not given back, or used after" },
  result: { code: "SCRY3015", about: "a result that this kind of program must not return" },
  stack: { code: "SCRY3016", about: "calls too deep, or too much stack" },
  endless: { code: "SCRY3017", about: "a loop that is not known to end" },
  complex: { code: "SCRY3018", about: "a program with too many paths to follow" },
  division: { code: "SCRY3019", about: "a division by what may be zero" },
  unsupported: { code: "SCRY3020", about: "something that this verifier does not know" },
};

/** One conditional jump on the way to the refusal and how it went. */
export interface Assumption {
  readonly slot: number;
  readonly taken: boolean;
  readonly text: string;
  readonly span?: Span;
}

export interface SliceLine {
  readonly slot: number;
  readonly text: string;
  readonly span?: Span;
}

export interface Refusal {
  readonly program: string;
  readonly function: string;
  readonly slot: number;
  readonly instruction: string;
  readonly span?: Span;
  readonly reason: RefusalReason;
  readonly code: `SCRY${number}`;
  /** In the user's terms. */
  readonly message: string;
  /** The check that would make it safe, where there is one. */
  readonly missing?: string;
  /** The branches that were assumed, in order; the last 64 of them. */
  readonly path: readonly Assumption[];
  /** Only what the failing operands depend on, in the order in which it ran; the last is the failing instruction. */
  readonly slice: readonly SliceLine[];
}

/** What is known where the verifier stumbles. */
export interface Fault {
  readonly reason: RefusalReason;
  readonly message: string;
  readonly missing?: string;
  /** Registers of the failing instruction that are to blame, for the slice. */
  readonly registers: readonly number[];
  /** Where, if not where the state stands. */
  readonly slot?: number;
  /** Slots that matter besides: where what is lost was taken, what leads out of a loop. */
  readonly also?: readonly number[];
}

/** Thrown inside the verifier only; leaves it as a Refusal. */
export class FaultSignal extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

export function refuse(reason: RefusalReason, message: string, registers: readonly number[], missing?: string): never {
  throw new FaultSignal({ reason, message, registers, ...(missing === undefined ? {} : { missing }) });
}

export const instructionText = (instruction: Instruction): string => disassembleOne(instruction);

/** The refusal as text: the diagnostic with its source line, then path, missing check and slice. No trailing newline. */
export function formatRefusal(refusal: Refusal, source?: SourceText): string {
  const lines = [
    formatDiagnostic(
      {
        code: refusal.code,
        severity: "error",
        message: refusal.message,
        ...(refusal.span === undefined ? {} : { span: refusal.span }),
      },
      source,
    ),
    `  in ${refusal.program}${refusal.function === refusal.program ? "" : `, function ${refusal.function}`}, ` +
      `at ${refusal.slot}: ${refusal.instruction}`,
  ];
  const place = (span: Span | undefined): string => {
    if (span === undefined || source === undefined) return "";
    const own = span.file ?? source;
    const { line, column } = lineColumn(own, span.start);
    return `   ${own.name}:${line}:${column} ${lineText(own, line).trim()}`;
  };
  if (refusal.path.length > 0) {
    lines.push("  on the path where:");
    for (const step of refusal.path) {
      lines.push(`    ${step.slot}: ${step.text} is ${step.taken ? "true" : "false"}${place(step.span)}`);
    }
  }
  if (refusal.slice.length > 1) {
    lines.push("  what it depends on:");
    for (const line of refusal.slice) lines.push(`    ${line.slot}: ${line.text}${place(line.span)}`);
  }
  if (refusal.missing !== undefined) lines.push(`  missing: ${refusal.missing}`);
  return lines.join("\n");
}
