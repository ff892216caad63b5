// The program as the verifier walks it: one instruction for each slot, its functions, where paths join, where loops
// begin, and which registers are still wanted. Refuses what does not hold together (check_subprogs, check_cfg).

import {
  ARGUMENTS,
  argumentRegisters,
  EncodingError,
  type Instruction,
  isConditional,
  isGoto,
  Jmp,
  jumpDistance,
  Opcode,
  type RegisterEffect,
  registerEffect,
  slotsOf,
  successors,
  validate,
} from "../isa/index.ts";
import { helper, type LinkedProgram, type MachineReference } from "../object/index.ts";
import type { Span } from "../source/index.ts";
import type { Fault } from "./refusal.ts";

export interface FunctionRange {
  readonly name: string;
  readonly start: number;
  /** One past its last slot. */
  readonly end: number;
  readonly parameters: number;
  /** Id of its `func` in the object's types, where the kernel verifies it apart from its callers. */
  readonly type: number | undefined;
}

export interface ProgramGraph {
  /** By slot; undefined at the second slot of a wide instruction. */
  readonly code: readonly (Instruction | undefined)[];
  /** Where control goes from each slot, inside of the same function. */
  readonly next: readonly (readonly number[])[];
  readonly references: readonly (MachineReference | undefined)[];
  readonly spans: readonly (Span | undefined)[];
  readonly functions: readonly FunctionRange[];
  /** The function that each slot is of. */
  readonly functionOf: readonly FunctionRange[];
  /** Slots where paths join or loops begin (mark_prune_point): where states are compared. */
  readonly prunePoints: readonly boolean[];
  /** Slots that are come to as often as the machine lets them: may_goto, and calls that run callbacks. */
  readonly turning: Uint8Array;
  /** For each head of a loop, what is in it; undefined elsewhere. */
  readonly loops: readonly (LoopBody | undefined)[];
  /** Numbers that branches inside of a loop compare with, by head; ascending. */
  readonly thresholds: readonly (readonly bigint[] | undefined)[];
  /** Registers that may still be read, as bits, before each slot. */
  readonly live: Uint16Array;
  /** For each head of a loop, what the loop writes: registers as bits, and places of its frame below r10. */
  readonly written: readonly (LoopWrites | undefined)[];
  /** Has a loop that can be entered in the middle: only execution can tell whether it ends. */
  readonly irreducible: boolean;
  /**
   * Slots that are come to from behind, or by a call. In a pass over the program in (reversed) postorder a fact that
   * changes elsewhere reaches all that depends on it in the same pass; only here it takes another one.
   */
  readonly again: Uint8Array;
  /** Every slot after those that follow it, as far as loops let it: the order for facts that come from behind. */
  readonly postorder: readonly number[];
}

/** The slots of a loop. */
export class LoopBody {
  /** In ascending order. */
  readonly slots: readonly number[];
  readonly #first: number;
  readonly #inside: Uint8Array;

  constructor(slots: readonly number[]) {
    this.slots = slots;
    this.#first = slots[0] ?? 0;
    this.#inside = new Uint8Array((slots.at(-1) ?? 0) - this.#first + 1);
    for (const slot of slots) this.#inside[slot - this.#first] = 1;
  }

  has(slot: number): boolean {
    return this.#inside[slot - this.#first] === 1;
  }
}

export interface LoopWrites {
  readonly registers: number;
  readonly stack: ReadonlySet<number>;
}

/** A fault with its place. */
export class PlacedFault extends Error {
  readonly fault: Fault;
  readonly slot: number;
  constructor(slot: number, fault: Fault) {
    super(fault.message);
    this.slot = slot;
    this.fault = fault;
  }
}

function fail(slot: number, reason: Fault["reason"], message: string): never {
  throw new PlacedFault(slot, { reason, message, registers: [] });
}

/** Throws PlacedFault. */
export function buildGraph(linked: LinkedProgram): ProgramGraph {
  const size = linked.slots;
  const code: (Instruction | undefined)[] = new Array(size).fill(undefined);
  let slot = 0;
  for (const instruction of linked.instructions) {
    // All made in one way: those of the many makers of instructions are slow to read.
    const { op, dst, src, off, imm, imm64 } = instruction;
    code[slot] = imm64 === undefined ? { op, dst, src, off, imm } : { op, dst, src, off, imm, imm64 };
    slot += slotsOf(instruction.op);
  }
  checkFields(linked.instructions);
  try {
    validate(linked.instructions);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    const at = code[error.slot];
    fail(error.slot, at !== undefined && jumpDistance(at) !== undefined ? "flow" : "encoding", error.message);
  }
  const references: (MachineReference | undefined)[] = new Array(size).fill(undefined);
  for (const { slot: at, ref } of linked.relocations) references[at] = ref;
  const spans: (Span | undefined)[] = new Array(size).fill(undefined);
  linked.lines.forEach((line, i) => {
    spans.fill(line.span, line.slot, linked.lines[i + 1]?.slot ?? size);
  });
  const functions = functionRanges(linked, code, size);
  const functionOf: FunctionRange[] = [];
  for (const range of functions) for (let s = range.start; s < range.end; s++) functionOf[s] = range;
  const next = code.map((instruction, at) => (instruction === undefined ? [] : successors(instruction, at)));
  checkFlow(code, next, functions, functionOf);
  const partial = { code, next, functions, functionOf };
  const { prunePoints, turning, loops, irreducible, postorder } = findLoops(partial, size);
  const moved = movedConstants(code);
  const again = new Uint8Array(size);
  for (const head of loops.keys()) if (loops[head] !== undefined) again[head] = 1;
  code.forEach((i, at) => {
    const target = i === undefined ? undefined : functionCalled(i, at);
    if (target !== undefined) again[target] = 1;
  });
  return {
    ...partial,
    references,
    spans,
    prunePoints,
    turning,
    loops,
    irreducible,
    again,
    postorder,
    thresholds: loops.map((body) => (body === undefined ? undefined : findThresholds(code, body, moved))),
    written: loops.map((body) => (body === undefined ? undefined : findWrites(code, body))),
    live: liveness(partial, again, postorder),
  };
}

/** The first slot of the function that an instruction calls, or takes the address of. */
const functionCalled = (i: Instruction, slot: number): number | undefined =>
  (i.op === Opcode.CALL && i.src === 1) || (i.op === Opcode.LDDW && i.src === 4) ? slot + i.imm + 1 : undefined;

const isWhole = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

/** Whoever makes an object in memory may put anything into it. */
function checkFields(instructions: readonly Instruction[]): void {
  let slot = 0;
  for (const { op, dst, src, off, imm } of instructions) {
    if (
      !isWhole(op, 0, 0xff) ||
      !isWhole(dst, 0, 0xf) ||
      !isWhole(src, 0, 0xf) ||
      !isWhole(off, -0x8000, 0x7fff) ||
      !isWhole(imm, -0x8000_0000, 0x7fff_ffff)
    ) {
      fail(slot, "encoding", "A field of this instruction holds what an instruction cannot");
    }
    slot += slotsOf(op);
  }
}

/** The functions that are named, and those that only a call or an address shows (raw bytecode). */
function functionRanges(
  linked: LinkedProgram,
  code: readonly (Instruction | undefined)[],
  size: number,
): FunctionRange[] {
  const starts = new Map(
    linked.functions.map(({ slot, name, parameters, type }) => [slot, { name, parameters, type }]),
  );
  code.forEach((instruction, slot) => {
    if (instruction === undefined) return;
    const target = functionCalled(instruction, slot);
    if (target === undefined) return;
    if (target < 0 || target >= size || code[target] === undefined) {
      fail(slot, "flow", `A call leads to slot ${target}, where no instruction begins`);
    }
    if (!starts.has(target)) starts.set(target, { name: `function_${target}`, parameters: 5, type: undefined });
  });
  const sorted = [...starts].sort(([a], [b]) => a - b);
  return sorted.map(([start, { name, parameters, type }], i) => ({
    name,
    start,
    end: sorted[i + 1]?.[0] ?? size,
    parameters,
    type,
  }));
}

function checkFlow(
  code: readonly (Instruction | undefined)[],
  following: readonly (readonly number[])[],
  functions: readonly FunctionRange[],
  functionOf: readonly FunctionRange[],
): void {
  for (const { start, end, name } of functions) {
    let last = end - 1;
    while (last > start && code[last] === undefined) last--;
    const ending = code[last];
    if (ending === undefined || (ending.op !== Opcode.EXIT && !isGoto(ending.op))) {
      fail(last, "flow", `The function ${name} runs past its end: its last instruction is neither exit nor a jump`);
    }
  }
  const reached = new Uint8Array(code.length);
  const work = [0];
  while (work.length > 0) {
    const slot = work.pop() as number;
    if (reached[slot] === 1) continue;
    reached[slot] = 1;
    const instruction = code[slot] as Instruction;
    if (instruction.op === Opcode.GOTOX) {
      fail(slot, "unsupported", "Jumps through a register are not supported");
    }
    const called = functionCalled(instruction, slot);
    if (called !== undefined) work.push(called);
    for (const next of following[slot] as readonly number[]) {
      if (next < 0 || next >= code.length || functionOf[next] !== functionOf[slot]) {
        fail(slot, "flow", `A jump leaves its function: it leads from slot ${slot} to slot ${next}`);
      }
      if (code[next] === undefined) {
        fail(slot, "flow", `A jump leads into the middle of the wide instruction at slot ${next - 1}`);
      }
      work.push(next);
    }
  }
  code.forEach((instruction, slot) => {
    if (instruction !== undefined && reached[slot] === 0) {
      fail(slot, "flow", `The instruction at slot ${slot} can never be reached`);
    }
  });
}

type Shape = Pick<ProgramGraph, "code" | "next" | "functions" | "functionOf">;

/** Slots of all loops together, each as often as it is in one: loops in loops in loops. */
const MAX_LOOP_SLOTS = 4_000_000;

/** Join points, and loops: a depth-first search finds the edges that go back, a backward walk what is inside. */
function findLoops(
  graph: Shape,
  size: number,
): Pick<ProgramGraph, "prunePoints" | "turning" | "loops" | "irreducible" | "postorder"> {
  const { code, functions } = graph;
  const predecessors: number[][] = code.map(() => []);
  graph.next.forEach((following, slot) => {
    for (const next of following) predecessors[next]?.push(slot);
  });
  const prunePoints: boolean[] = predecessors.map((from) => from.length > 1);
  const turning = new Uint8Array(size);
  code.forEach((i, slot) => {
    if (i === undefined) return;
    const callsBack = i.op === Opcode.CALL && i.src === 0 && helper(i.imm)?.args.includes("function") === true;
    if (!callsBack && i.op !== Opcode.MAY_GOTO) return;
    prunePoints[slot] = true;
    turning[slot] = 1;
  });
  for (const { start } of functions) prunePoints[start] = true;
  const color = new Uint8Array(size);
  const postorder: number[] = [];
  /** Where the edges that go back come from, by the head. */
  const backEdges = new Map<number, number[]>();
  for (const { start } of functions) {
    if (color[start] !== 0) continue;
    const stack: { slot: number; next: number }[] = [{ slot: start, next: 0 }];
    color[start] = 1;
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { slot: number; next: number };
      const target = graph.next[top.slot]?.[top.next++];
      if (target === undefined) {
        color[top.slot] = 2;
        postorder.push(top.slot);
        stack.pop();
      } else if (color[target] === 0) {
        color[target] = 1;
        stack.push({ slot: target, next: 0 });
      } else if (color[target] === 1) {
        prunePoints[target] = true;
        const known = backEdges.get(target);
        if (known === undefined) backEdges.set(target, [top.slot]);
        else known.push(top.slot);
      }
    }
  }
  return { prunePoints, turning, postorder, ...loopBodies(graph, backEdges, predecessors) };
}

function loopBodies(
  { code, functionOf }: Shape,
  backEdges: ReadonlyMap<number, readonly number[]>,
  predecessors: readonly (readonly number[])[],
): Pick<ProgramGraph, "loops" | "irreducible"> {
  const loops: (LoopBody | undefined)[] = new Array(code.length).fill(undefined);
  /** The head for which a slot was come by last. */
  const seen = new Int32Array(code.length).fill(-1);
  let irreducible = false;
  let total = 0;
  for (const [head, sources] of backEdges) {
    const start = functionOf[head]?.start;
    const slots = [head];
    seen[head] = head;
    const work = [...sources];
    while (work.length > 0) {
      const slot = work.pop() as number;
      if (seen[slot] === head) continue;
      seen[slot] = head;
      slots.push(slot);
      // Whoever gets to the function's start without passing the head came in by another way.
      if (slot === start) irreducible = true;
      for (const before of predecessors[slot] as readonly number[]) work.push(before);
    }
    total += slots.length;
    if (total > MAX_LOOP_SLOTS) fail(head, "complex", "The program has too many loops in loops");
    loops[head] = new LoopBody(slots.sort((a, b) => a - b));
  }
  return { loops, irreducible };
}

/** What the program moves into registers, by register: where a loop compares with a register, that may be its limit. */
function movedConstants(code: readonly (Instruction | undefined)[]): readonly ReadonlySet<bigint>[] {
  const moved: Set<bigint>[] = Array.from({ length: 11 }, () => new Set());
  for (const i of code) {
    if (i === undefined) continue;
    const set = moved[i.dst] as Set<bigint>;
    if (set.size >= MAX_MOVED) continue;
    if (i.op === Opcode.MOV64_IMM) set.add(BigInt(i.imm));
    else if (i.op === Opcode.MOV32_IMM) set.add(BigInt(i.imm >>> 0));
    else if (i.op === Opcode.LDDW && i.src === 0) set.add(BigInt.asIntN(64, i.imm64 ?? BigInt(i.imm)));
  }
  return moved;
}
const MAX_MOVED = 32;
/** A loop that compares with more is not helped by them. */
const MAX_THRESHOLDS = 200;

function findThresholds(
  code: readonly (Instruction | undefined)[],
  body: LoopBody,
  moved: readonly ReadonlySet<bigint>[],
): bigint[] {
  const found = new Set<bigint>();
  for (const slot of body.slots) {
    const i = code[slot] as Instruction;
    if (!isConditional(i.op) || i.op === Opcode.MAY_GOTO) continue;
    if ((i.op & 0xf0) === Jmp.JSET) continue;
    const limits =
      (i.op & 8) !== 0
        ? [...(moved[i.src] as ReadonlySet<bigint>), ...(moved[i.dst] as ReadonlySet<bigint>)]
        : (i.op & 7) === 6
          ? [BigInt(i.imm), BigInt(i.imm >>> 0)]
          : [BigInt(i.imm)];
    for (const limit of limits) for (const near of [-1n, 0n, 1n]) found.add(limit + near);
  }
  if (found.size > MAX_THRESHOLDS) return [];
  return [...found].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function findWrites(code: readonly (Instruction | undefined)[], body: LoopBody): LoopWrites {
  let registers = 0;
  const stack = new Set<number>();
  for (const slot of body.slots) {
    const i = code[slot] as Instruction;
    registers |= effects(i, () => 0).defines;
    const type = i.op & 7;
    if ((type === 2 || type === 3) && i.dst === 10) stack.add(Math.floor(i.off / 8) * 8);
  }
  return { registers, stack };
}

/** Registers read and written, as bits; `wanted` has those that a called function reads, by the call's distance. */
export function effects(i: Instruction, wanted: (distance: number) => number): RegisterEffect {
  if (i.op !== Opcode.CALL) return registerEffect(i, ARGUMENTS);
  const taken = i.src === 1 ? wanted(i.imm) : argumentRegisters(i.src === 0 ? helperArguments(i.imm) : 5);
  return registerEffect(i, taken);
}

function helperArguments(id: number): number {
  const entry = helper(id);
  return entry === undefined || entry.variadic === true ? 5 : entry.args.length;
}

/** Passes over a program before a fact is given up that still changes: loops in loops in loops. */
export const MAX_PASSES = 40;

function liveness(
  { code, next, functions, functionOf }: Shape,
  again: Uint8Array,
  postorder: readonly number[],
): Uint16Array {
  const size = code.length;
  const live = new Uint16Array(size + 1);
  const uses = new Uint16Array(size);
  const kept = new Uint16Array(size);
  /** The first slot of the function that is called, or -1. */
  const called = new Int32Array(size).fill(-1);
  /** Where functions end whose result is wanted only where a call of them wants it, by their first slot. */
  const ends = new Map<number, number[]>();
  for (const { start, type } of functions) if (start > 0 && type === undefined) ends.set(start, []);
  for (const slot of postorder) {
    const instruction = code[slot] as Instruction;
    const effect = effects(instruction, () => 0);
    uses[slot] = effect.uses | (1 << 10);
    kept[slot] = ~effect.defines;
    if (instruction.op === Opcode.CALL && instruction.src === 1) called[slot] = slot + instruction.imm + 1;
    // A callback's result is looked at by whoever calls it.
    else if (instruction.op === Opcode.LDDW && instruction.src === 4) ends.delete(slot + instruction.imm + 1);
  }
  for (const slot of postorder) {
    if ((code[slot] as Instruction).op !== Opcode.EXIT) continue;
    const own = ends.get(functionOf[slot]?.start ?? 0);
    if (own === undefined) continue;
    own.push(slot);
    uses[slot] = 1 << 10;
  }
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    let changed = false;
    for (const slot of postorder) {
      let after = 0;
      for (const to of next[slot] as readonly number[]) after |= live[to] as number;
      let before = (after & (kept[slot] as number)) | (uses[slot] as number);
      const target = called[slot] as number;
      if (target >= 0) {
        before |= (live[target] as number) & 0x3e;
        const own = (after & 1) === 0 ? undefined : ends.get(target);
        if (own !== undefined) {
          for (const end of own) uses[end] = (uses[end] as number) | 1;
          ends.delete(target);
          changed = true;
        }
      }
      if (before !== live[slot]) {
        live[slot] = before;
        changed ||= again[slot] === 1;
      }
    }
    if (!changed) return live;
  }
  return live.fill(0x7ff);
}
