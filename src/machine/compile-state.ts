// What those who write a function know of it and of its module: registers, locals, the budget, how deep they are nested.
// They are functions that take it; what calls back (a function written in place of its call) is a field of it.

import { type Code, I32, I64, type ValueType, Wasm, type WasmFunctionBuilder } from "../wasm/index.ts";
import type { Flow } from "./flow.ts";
import { type Memory, State } from "./memory.ts";
import type { Program } from "./program.ts";
import type { Runtime } from "./runtime.ts";
import { TRAP_KINDS, type TrapKind } from "./trap.ts";
import type { BlockFacts } from "./values.ts";
import type { MapFunctions } from "./wasm-maps.ts";
import type { Widths } from "./widths.ts";
/** Where r10 points: a fixed address in the entry, a distance from a parameter elsewhere. */
export interface FramePlace {
  readonly local: number | undefined;
  readonly offset: number;
}

/** What is known of the module that functions are written into; `compile.ts` makes it. */
export interface ModuleState {
  readonly program: Program;
  /** Every access is checked, and every instruction counted. */
  readonly checked: boolean;
  /** Turns of loops are counted. */
  readonly counted: boolean;
  /** Where the machine's addresses end and its shadow begins. */
  readonly limit: number;
  readonly memory: Memory;
  readonly runtime: Runtime;
  /** Calls may nest deeper than eight: recursion, long chains, or callbacks on top of others. */
  readonly depthIsUnknown: boolean;
  readonly maps: MapFunctions;
  readonly anyHelperFunction: number;
  readonly packetFunction: number;
  readonly checkFunction: number;
  flow(slot: number): Flow;
  /** The widths of a function's registers, when r1 to r5 may be anything and the others are 0. */
  widths(slot: number): Widths;
  helperFunction(id: number): number;
  /** True for a helper that the user of the machine put in place of the machine's own. */
  isReplaced(id: number): boolean;
  functionIndex(slot: number): number;
  /** Calls no other function of the program. */
  isLeaf(slot: number): boolean;
  /** May so many instructions more be written in place? Takes them from what may be. */
  mayInline(instructions: number): boolean;
  /** Instructions from a loop's head to the last block that jumps back to it, in reverse post-order. */
  loopCost(flow: Flow, head: number): number;
  /** Writes a function in place of its call; `given` as of `compileFunction`. */
  inline(fn: FunctionState, given: Given): void;
}

/** Pushes what a register holds at a function's start, and says of which type it is; undefined for those that are 0. */
export type Given = (register: number) => ValueType | undefined;

/** Where a function's instructions go: into a Wasm function of their own, or into that of their caller. */
export class FunctionState {
  readonly module: ModuleState;
  readonly builder: WasmFunctionBuilder;
  readonly code: Code;
  readonly flow: Flow;
  readonly frame: FramePlace;
  readonly widths: Widths;
  /** Registers (a bit each) that are in an i32 local here. */
  narrow = 0;
  /** Of the registers that the present instruction writes, those that go to an i32 local. */
  writes = 0;
  /** Registers that are read after a call, by its slot. */
  readonly liveAfter: Map<number, number>;
  facts: BlockFacts;
  /** Locals of rotations' operands, in this block. */
  kept: ({ readonly type: ValueType; readonly local: number } | undefined)[] = [];
  /** Written into its caller's function; its result goes to this i64 local. */
  readonly answer: number | undefined;
  /** Locals of r0 to r9, by type. */
  readonly locals: { readonly [type: number]: (number | undefined)[] } = { [I32]: [], [I64]: [] };
  /** Of counted code: the local that holds the budget while this function runs. */
  readonly #fuel: number | undefined;
  /** Where an inlined function's `exit` goes, as a height of nesting. */
  exitHeight = 0;
  height: number;
  readonly #spare: { readonly [type: number]: number[] };
  /** The heights of nesting at which a block and a loop of each place end. */
  readonly blocks: Int32Array;
  readonly loops: Int32Array;

  constructor(
    module: ModuleState,
    builder: WasmFunctionBuilder,
    flow: Flow,
    frame: FramePlace,
    widths: Widths,
    inside?: { readonly host: FunctionState; readonly answer: number },
  ) {
    this.module = module;
    this.builder = builder;
    this.code = builder.code;
    this.flow = flow;
    this.frame = frame;
    this.widths = widths;
    this.answer = inside?.answer;
    const host = inside?.host;
    this.height = host?.height ?? 0;
    this.#fuel = !module.counted ? undefined : host === undefined ? builder.local(I64) : host.#fuel;
    this.#spare = host === undefined ? { [I32]: [], [I64]: [] } : host.#spare;
    this.blocks = new Int32Array(flow.blocks.length);
    this.loops = new Int32Array(flow.blocks.length);
    this.liveAfter = new Map();
    this.facts = { atCall: new Map(), frame: new Map(), keep: new Map(), rotate: new Map() };
  }

  /** A local for a moment; give it back with `release`. */
  take(type: ValueType): number {
    return (this.#spare[type] as number[]).pop() ?? this.builder.local(type);
  }

  release(type: ValueType, local: number): void {
    (this.#spare[type] as number[]).push(local);
  }

  /** The local that holds a register as that type. */
  local(register: number, type: ValueType): number {
    const locals = this.locals[type] as (number | undefined)[];
    return (locals[register] ??= this.take(type));
  }

  /** Is a register, or r10, in an i32 here? */
  isNarrow(register: number): boolean {
    return register === 10 || ((this.narrow >> register) & 1) === 1;
  }

  /** Leaves the function, with r0 or with the 64 bits that `push` leaves on the stack. */
  exit(push: () => void = () => pushWide(this, 0)): void {
    if (this.answer !== undefined) {
      push();
      this.code.set(this.answer).br(this.height - this.exitHeight);
    } else {
      this.storeBudget();
      push();
      this.code.op(Wasm.return);
    }
  }

  /** Takes 64 bits from the stack into r0. */
  setResult(): void {
    popWide(this, 0);
  }

  /** The budget is in a local; around whatever else may spend of it, it goes to the state page and comes back. */
  storeBudget(): void {
    if (this.#fuel !== undefined) this.code.i32(0).get(this.#fuel).access(0x37, State.BUDGET);
  }
  loadBudget(): void {
    if (this.#fuel !== undefined) this.code.i32(0).access(0x29, State.BUDGET).set(this.#fuel);
  }

  /** Ends the program with a trap. */
  fail(kind: TrapKind, slot: number): void {
    this.storeBudget();
    this.code.i32(0).i32(TRAP_KINDS.indexOf(kind)).access(0x36, State.TRAP_KIND);
    this.code.i32(0).i32(slot).access(0x36, State.TRAP_SLOT);
    this.code.op(Wasm.unreachable);
  }

  /** Takes instructions from the budget; a trap when there are none left. */
  spend(count: number): void {
    const fuel = this.#fuel as number;
    const { code } = this;
    code.get(fuel).i64(count).op(Wasm.i64_sub).tee(fuel).i64(0).op(Wasm.i64_lt_s).if();
    this.fail("budget", -1);
    code.end();
  }
}

/** Pushes the low half of a register, as an i32. */
export function pushNarrow(fn: FunctionState, register: number): void {
  const { code, frame } = fn;
  if (register < 10) {
    if (fn.isNarrow(register)) code.get(fn.local(register, I32));
    else code.get(fn.local(register, I64)).op(Wasm.i32_wrap);
  } else if (frame.local === undefined) code.i32(frame.offset);
  else {
    code.get(frame.local);
    if (frame.offset !== 0) code.i32(frame.offset).op(Wasm.i32_add);
  }
}

/** Pushes a register, 64 bits. */
export function pushWide(fn: FunctionState, register: number): void {
  const { code, frame } = fn;
  if (register === 10 && frame.local === undefined) code.i64(frame.offset);
  else if (fn.isNarrow(register)) {
    pushNarrow(fn, register);
    code.op(Wasm.i64_extend_i32_u);
  } else code.get(fn.local(register, I64));
}

/** Does the present instruction leave a register in an i32? */
export const writesNarrow = (fn: FunctionState, register: number): boolean => ((fn.writes >> register) & 1) === 1;

/** Takes 64 bits from the stack into a register. One that cannot be written (r10) loses them. */
export function popWide(fn: FunctionState, register: number): void {
  const { code } = fn;
  if (register === 10) code.op(Wasm.drop);
  else if (writesNarrow(fn, register)) code.op(Wasm.i32_wrap).set(fn.local(register, I32));
  else code.set(fn.local(register, I64));
}

/** Takes an i32 from the stack into a register, whose upper half becomes 0. */
export function popNarrow(fn: FunctionState, register: number): void {
  const { code } = fn;
  if (register === 10) code.op(Wasm.drop);
  else if (writesNarrow(fn, register)) code.set(fn.local(register, I32));
  else code.op(Wasm.i64_extend_i32_u).set(fn.local(register, I64));
}
