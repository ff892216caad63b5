// Code between the IR and the object: eBPF instructions whose registers are not chosen yet.
//
// Numbers 0..10 are the machine's own registers; from FIRST_VIRTUAL on they are virtual, each defined in one block
// (perhaps in several steps there: `d = a; d += b`) and read anywhere below. Values that cost one instruction to make
// anew (constants, addresses of slots and maps) never sit in a virtual register across other code: they are made
// where they are needed.

import { type Instruction, rolesOf } from "../isa/index.ts";
import type { Reference } from "../object/index.ts";
import type { Span } from "../source/index.ts";

export const FIRST_VIRTUAL = 16;
export const NONE = -1;

/** An area of the frame; `offset` from r10 is known once the frame is laid out. */
export interface FrameArea {
  readonly size: number;
  offset: number;
}

export interface MachineInstr {
  readonly op: number;
  dst: number;
  src: number;
  off: number;
  imm: number;
  readonly imm64: bigint | undefined;
  readonly ref: Reference | undefined;
  readonly span: Span | undefined;
  readonly roles: number;
  /** Its offset is added to `off` of a load or store, or to `imm` of an addition, when the frame is laid out. */
  readonly area: FrameArea | undefined;
}

/** What a parameter of a block gets on the way in. */
export type EdgeSource =
  | { readonly kind: "register"; readonly register: number }
  /** Made on the way in: the instructions write to register 0 for the wanted one. */
  | { readonly kind: "made"; readonly code: readonly MachineInstr[] };

/** What the parameters of the target get, in their order. */
export interface MachineEdge {
  readonly to: MachineBlock;
  readonly sources: EdgeSource[];
}

export type MachineEnd =
  | { readonly kind: "jump"; readonly to: MachineEdge }
  /** The compare itself; its offset is open. Edges of a branch carry no sources. */
  | {
      readonly kind: "branch";
      readonly compare: MachineInstr;
      readonly yes: MachineBlock;
      readonly no: MachineBlock;
    }
  | { readonly kind: "may-goto"; readonly next: MachineBlock; readonly exit: MachineBlock }
  | { readonly kind: "return" };

export interface MachineBlock {
  readonly name: string;
  /** In the order of the layout. */
  index: number;
  /** Virtual registers. */
  readonly params: number[];
  readonly code: MachineInstr[];
  end: MachineEnd;
  readonly span: Span | undefined;
  /** Executions, estimated: 1 for the entry, ten times as many for each loop around. */
  readonly frequency: number;
}

export interface MachineFunction {
  readonly name: string;
  readonly blocks: MachineBlock[];
  /** The next free virtual register. */
  nextRegister: number;
  /** Areas of the frame that the program asked for. */
  readonly areas: FrameArea[];
  readonly hasMayGoto: boolean;
}

/** A machine instruction; all have one shape, since the allocator goes over them many times. */
export function machineInstr(
  instruction: Instruction,
  span: Span | undefined,
  area?: FrameArea,
  ref?: Reference,
): MachineInstr {
  const { op, dst, src, off, imm, imm64 } = instruction;
  return { op, dst, src, off, imm, imm64, ref, span, roles: rolesOf(instruction), area };
}
