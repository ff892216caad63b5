// Lays the functions of a program out one after another, as the kernel loads them, and resolves what refers to a place
// in the same program. What only a machine can know (maps, kernel functions, types, fields) is listed for the loader.

import { type Instruction, Opcode, SLOT_BYTES, slotsOf } from "../isa/index.ts";
import type { Span } from "../source/index.ts";
import type { FunctionSpec, ProgramSpec, Reference } from "./object.ts";

/** A reference that the machine fills in; the places of functions are resolved already. */
export type MachineReference = Exclude<Reference, { readonly kind: "call" | "function" }>;

export interface LinkedFunction extends Pick<FunctionSpec, "name" | "parameters" | "global" | "type"> {
  readonly slot: number;
}

export interface LinkedProgram {
  readonly instructions: readonly Instruction[];
  /** Where each function starts, in order; the first is the entry, at slot 0. */
  readonly functions: readonly LinkedFunction[];
  /** What is left to fill in: the slot, and the index of the instruction in `instructions`. */
  readonly relocations: readonly { readonly slot: number; readonly index: number; readonly ref: MachineReference }[];
  /**
   * Where the source changes, by ascending slot. When there are any, every function's first slot has one, as the kernel
   * demands (kernel/bpf/verifier.c, check_btf_line).
   */
  readonly lines: readonly { readonly slot: number; readonly span: Span }[];
  /** Slots in all. */
  readonly slots: number;
  /** Bytes in all. */
  readonly bytes: number;
}

/** A program whose references do not hold together: a mistake of whoever made it. */
export class LinkError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "LinkError";
  }
}

/** Throws LinkError for a reference to a function that is not there, or on an instruction that cannot carry it. */
export function link(program: ProgramSpec): LinkedProgram {
  const starts = new Map<string, number>();
  const functions: LinkedFunction[] = [];
  let slot = 0;
  let firstSpan: Span | undefined;
  for (const { name, code, parameters, global, type } of program.functions) {
    if (starts.has(name)) throw new LinkError(`program ${program.name}: two functions are called ${name}`);
    if (code.length === 0) throw new LinkError(`program ${program.name}: function ${name} is empty`);
    starts.set(name, slot);
    functions.push({
      name,
      slot,
      parameters,
      ...(global === undefined ? {} : { global }),
      ...(type === undefined ? {} : { type }),
    });
    for (const instruction of code) {
      slot += slotsOf(instruction.op);
      firstSpan ??= instruction.span;
    }
  }
  if (functions.length === 0) throw new LinkError(`program ${program.name} has no function`);

  const instructions: Instruction[] = [];
  const relocations: { slot: number; index: number; ref: MachineReference }[] = [];
  const lines: { slot: number; span: Span }[] = [];
  let span: Span | undefined;
  slot = 0;
  for (const { name, code } of program.functions) {
    // A function without any place of its own borrows the nearest, since it must have one.
    let wanted =
      firstSpan === undefined ? undefined : (code.find((one) => one.span !== undefined)?.span ?? span ?? firstSpan);
    span = undefined;
    for (const instruction of code) {
      const here = instruction.span ?? wanted;
      wanted = undefined;
      if (
        here !== undefined &&
        (span === undefined || here.start !== span.start || here.end !== span.end || here.file !== span.file)
      ) {
        lines.push({ slot, span: here });
        span = here;
      }
      const ref = instruction.ref;
      if (ref === undefined) {
        instructions.push(instruction);
      } else if (ref.kind === "call" || ref.kind === "function") {
        const target = starts.get(ref.function);
        const needed = ref.kind === "call" ? Opcode.CALL : Opcode.LDDW;
        if (target === undefined) {
          throw new LinkError(
            `program ${program.name}: ${name} refers to a function ${ref.function} that is not there`,
          );
        }
        if (instruction.op !== needed) {
          throw new LinkError(
            `program ${program.name}: ${name}, slot ${slot}: a reference of kind ${ref.kind} on opcode ${instruction.op}`,
          );
        }
        const imm = target - slot - 1;
        const { op, dst, off } = instruction;
        instructions.push(
          ref.kind === "call"
            ? { op, dst, src: 1, off, imm }
            : { op, dst, src: 4, off, imm, imm64: BigInt.asUintN(32, BigInt(imm)) },
        );
      } else {
        relocations.push({ slot, index: instructions.length, ref });
        instructions.push(instruction);
      }
      slot += slotsOf(instruction.op);
    }
  }
  return { instructions, functions, relocations, lines, slots: slot, bytes: slot * SLOT_BYTES };
}
