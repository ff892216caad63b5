// The intermediate representation: SSA over basic blocks, with block parameters in place of phi nodes.
//
// Every value is 64 bits wide in a register. An operation may be 32 bits wide (`add.32`): it takes the low halves and
// zero-extends its result, as eBPF's ALU32 does. A value has a provenance, because that is what the kernel's verifier
// reasons in. Passes change this graph in place; the text form (`text.ts`) writes and parses it.
//
//     program "tracepoint:syscalls:sys_exit_read" (%ctx: ctx) {
//     entry:
//       %0 = helper get_current_pid_tgid
//       %1 = shr.64 %0, 32
//       branch eq.64 %1, 4242, b1, done
//     …

import type { CoreQuestion } from "../object/index.ts";
import type { Span } from "../source/index.ts";

export type Width = 32 | 64;

/** What a value is, as the kernel's verifier sees it. */
export type ValueType =
  | { readonly kind: "int" }
  | { readonly kind: "ctx" }
  /** Address in this function's stack frame. */
  | { readonly kind: "stack" }
  | { readonly kind: "map"; readonly map: string }
  /** Address in a value of a map; `nullable` until compared with zero. */
  | { readonly kind: "map-value"; readonly map: string; readonly nullable: boolean }
  /** A reserved ring-buffer record; `nullable` until compared with zero. */
  | { readonly kind: "record"; readonly nullable: boolean }
  /** A kernel object known by BTF (`task_struct` from get_current_task_btf). */
  | { readonly kind: "kernel"; readonly type: string }
  | { readonly kind: "packet" }
  | { readonly kind: "packet-end" }
  /** Other memory that the verifier knows the size of (callback arguments, iterators). */
  | { readonly kind: "memory" }
  | { readonly kind: "function" }
  | { readonly kind: "void" };

export const INT: ValueType = { kind: "int" };
export const VOID: ValueType = { kind: "void" };

export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "mod"
  | "sdiv"
  | "smod"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | "sar";
export type LoadSize = "u8" | "u16" | "u32" | "u64" | "s8" | "s16" | "s32";
export type StoreSize = 8 | 16 | 32 | 64;
/** `set`: `(a & b) != 0`, eBPF's jset. */
export type Condition = "eq" | "ne" | "ult" | "ule" | "ugt" | "uge" | "slt" | "sle" | "sgt" | "sge" | "set";
export type AtomicOp = "add" | "and" | "or" | "xor" | "xchg" | "cmpxchg";

export interface Value {
  /** Unique in its function; printed as `%id`. */
  readonly id: number;
  type: ValueType;
  /** Of a parameter: no more low bits than this are ever set. Worked out anew by `fold`. */
  bits?: number;
  /** The instruction that defines it; absent for a parameter of a block or of the function. */
  readonly def?: Instr;
}

/** What an instruction does; its operands are in `Instr.args`, in the order given in each comment. */
export type Operation =
  /** no operands */
  | { readonly op: "const"; readonly value: bigint }
  /** a, b */
  | { readonly op: BinaryOp; readonly width: Width }
  /** a */
  | { readonly op: "neg"; readonly width: Width }
  /** a: keep the low bits, fill the rest with zero or with the sign */
  | { readonly op: "zext" | "sext"; readonly bits: 8 | 16 | 32 }
  /** a: reverse the bytes of the low bits, zero the rest */
  | { readonly op: "bswap"; readonly bits: 16 | 32 | 64 }
  /** pointer */
  | {
      readonly op: "load";
      readonly size: LoadSize;
      readonly offset: number /** Others write there. */;
      readonly volatile?: true;
    }
  /** pointer, value */
  | { readonly op: "store"; readonly size: StoreSize; readonly offset: number }
  /** pointer, value; for cmpxchg: pointer, value, expected. Gives the old value when `fetch`. */
  | {
      readonly op: "atomic";
      readonly what: AtomicOp;
      readonly size: 32 | 64;
      readonly offset: number;
      readonly fetch: boolean;
    }
  /** pointer: zero `size` bytes, whose place is known to be `align`-aligned */
  | { readonly op: "zero"; readonly size: number; readonly offset: number }
  /** destination, source: copy `size` bytes between 8-aligned places */
  | { readonly op: "copy"; readonly size: number; readonly toOffset: number; readonly fromOffset: number }
  /**
   * an area of the run's own memory, 8-aligned, not initialised; on the stack or, when that is full, in scratch, but for
   * one that keeps an address that only the stack can hold
   */
  | { readonly op: "slot"; readonly size: number; readonly onStack?: true }
  | { readonly op: "map"; readonly map: string }
  /** the address of a byte of element 0 of an array map */
  | { readonly op: "map-value"; readonly map: string; readonly offset: number }
  | { readonly op: "function"; readonly function: string }
  /** up to five arguments */
  | { readonly op: "helper"; readonly helper: string }
  /** weak: 0 in place of the call where the kernel has none, and never reached then */
  | { readonly op: "kfunc"; readonly kfunc: string; readonly weak?: true }
  | { readonly op: "call"; readonly function: string }
  /**
   * what the running kernel's types answer (CO-RE), where the object's own say `value`; `wide`: of 64 bits. Added to an
   * address, it becomes the offset of loads and stores
   */
  | {
      readonly op: "core";
      readonly ask: CoreQuestion;
      readonly type: number;
      readonly access: string;
      readonly value: bigint;
      readonly wide?: true;
    }
  /** the address of a variable or function of the kernel */
  | { readonly op: "ksym"; readonly name: string; readonly typed: boolean; readonly weak: boolean }
  /** the BTF id of a kernel type, known when loaded */
  | { readonly op: "type-id"; readonly type: string };

export interface Instr extends Value {
  operation: Operation;
  args: Value[];
  span: Span | undefined;
}

export type Terminator =
  | { readonly kind: "jump"; readonly to: Edge }
  | {
      readonly kind: "branch";
      readonly condition: Condition;
      readonly width: Width;
      readonly a: Value;
      readonly b: Value;
      readonly then: Edge;
      readonly else: Edge;
      /** The side that is rarely taken, to be laid out away from the straight line. */
      readonly unlikely?: "then" | "else";
    }
  /** eBPF's may_goto: goes to `exit` when the run's budget of iterations is used up, else to `next`. */
  | { readonly kind: "may-goto"; readonly next: Edge; readonly exit: Edge }
  | { readonly kind: "return"; readonly value: Value };

/** A way out of a block, with a value for each parameter of the block that it leads to. */
export interface Edge {
  readonly block: Block;
  readonly args: readonly Value[];
}

export interface Block {
  readonly id: number;
  readonly name: string;
  params: Value[];
  instrs: Instr[];
  /** Undefined only while the block is being built. */
  terminator: Terminator | undefined;
  span: Span | undefined;
}

export interface IrFunction {
  readonly name: string;
  readonly params: readonly Value[];
  /** The kernel's verifier walks it once, apart from its callers, of which it then knows nothing; its result is a number. */
  global?: true;
  /** The first is the entry; it has no parameters and no predecessors. */
  blocks: Block[];
  /** The next free value and block id. */
  nextId: number;
}

/** One program: its entry function first, then what it calls or hands out as callbacks. */
export interface IrProgram {
  readonly name: string;
  readonly functions: IrFunction[];
}

/** The blocks a terminator leads to, in order. */
export function edgesOf(terminator: Terminator): readonly Edge[] {
  switch (terminator.kind) {
    case "jump":
      return [terminator.to];
    case "branch":
      return [terminator.then, terminator.else];
    case "may-goto":
      return [terminator.next, terminator.exit];
    case "return":
      return [];
  }
}
