// The program as the verifier walks it: one instruction for each slot, its functions, where paths meet, where loops
// begin, and which registers are still wanted. Refuses what does not hold together (check_subprogs, check_cfg).

import { EncodingError, type Instruction, Jmp, jumpDistance, Opcode, validate } from "../isa/index.ts";
import { helper, type LinkedProgram, type MachineReference } from "../object/index.ts";
import type { Span } from "../source/index.ts";
import type { Fault } from "./refusal.ts";

export interface FunctionRange {
  readonly name: string;
  readonly start: number;
  /** One past its last slot. */
  readonly end: number;
  readonly parameters: number;
}

export interface ProgramGraph {
  /** By slot; undefined at the second slot of a wide instruction. */
  readonly code: readonly (Instruction | undefined)[];
  readonly references: readonly (MachineReference | undefined)[];
  readonly spans: readonly (Span | undefined)[];
  readonly functions: readonly FunctionRange[];
  /** The function that each slot is of. */
  readonly functionOf: readonly FunctionRange[];
  /** Slots where paths meet or loops begin: where states are compared. */
  readonly meets: readonly boolean[];
  /** Slots that are come to as often as the machine lets them: may_goto, and calls that run callbacks. */
  readonly turning: Uint8Array;
  /** For each head of a loop, which slots are in it; undefined elsewhere. */
  readonly loops: readonly (Uint8Array | undefined)[];
  /** Numbers that branches inside of a loop compare with, by head; ascending. */
  readonly thresholds: readonly (readonly bigint[] | undefined)[];
  /** Registers that may still be read, as bits, before each slot. */
  readonly live: Uint16Array;
  /** Has a loop that can be entered in the middle: only execution can tell whether it ends. */
  readonly irreducible: boolean;
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

export const isConditional = (i: Instruction): boolean =>
  ((i.op & 7) === 5 || (i.op & 7) === 6) &&
  i.op !== Opcode.JA &&
  i.op !== Opcode.GOTOL &&
  i.op !== Opcode.GOTOX &&
  i.op !== Opcode.CALL &&
  i.op !== Opcode.CALLX &&
  i.op !== Opcode.EXIT;

const isJump = (i: Instruction): boolean => i.op === Opcode.JA || i.op === Opcode.GOTOL;

/** Where control goes inside of the same function. */
export function successors(i: Instruction, slot: number): readonly number[] {
  if (i.op === Opcode.EXIT) return [];
  const next = slot + (i.op === Opcode.LDDW ? 2 : 1);
  if (isJump(i)) return [next + (jumpDistance(i) ?? 0)];
  if (isConditional(i)) return [next, next + i.off];
  return [next];
}

/** Throws PlacedFault. */
export function buildGraph(linked: LinkedProgram): ProgramGraph {
  const size = linked.slots;
  const code: (Instruction | undefined)[] = new Array(size).fill(undefined);
  let slot = 0;
  for (const instruction of linked.instructions) {
    code[slot] = instruction;
    slot += instruction.op === Opcode.LDDW ? 2 : 1;
  }
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
  checkFlow(code, functions, functionOf);
  const partial = { code, functions, functionOf };
  const { meets, turning, loops, irreducible } = findLoops(partial, size);
  return {
    ...partial,
    references,
    spans,
    meets,
    turning,
    loops,
    irreducible,
    thresholds: loops.map((body) => (body === undefined ? undefined : findThresholds(code, body))),
    live: liveness(partial, size),
  };
}

/** The functions that are named, and those that only a call or an address shows (raw bytecode). */
function functionRanges(
  linked: LinkedProgram,
  code: readonly (Instruction | undefined)[],
  size: number,
): FunctionRange[] {
  const starts = new Map(linked.functions.map(({ slot, name, parameters }) => [slot, { name, parameters }]));
  code.forEach((instruction, slot) => {
    if (instruction === undefined) return;
    const { op, src, imm } = instruction;
    if ((op !== Opcode.CALL || src !== 1) && (op !== Opcode.LDDW || src !== 4)) return;
    const target = slot + imm + 1;
    if (target < 0 || target >= size || code[target] === undefined) {
      fail(slot, "flow", `A call leads to slot ${target}, where no instruction begins`);
    }
    if (!starts.has(target)) starts.set(target, { name: `function_${target}`, parameters: 5 });
  });
  const sorted = [...starts].sort(([a], [b]) => a - b);
  return sorted.map(([start, { name, parameters }], i) => ({
    name,
    start,
    end: sorted[i + 1]?.[0] ?? size,
    parameters,
  }));
}

function checkFlow(
  code: readonly (Instruction | undefined)[],
  functions: readonly FunctionRange[],
  functionOf: readonly FunctionRange[],
): void {
  for (const { start, end, name } of functions) {
    let last = end - 1;
    while (last > start && code[last] === undefined) last--;
    const ending = code[last];
    if (ending === undefined || (ending.op !== Opcode.EXIT && !isJump(ending))) {
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
    const local =
      (instruction.op === Opcode.CALL && instruction.src === 1) ||
      (instruction.op === Opcode.LDDW && instruction.src === 4);
    if (local) work.push(slot + instruction.imm + 1);
    for (const next of successors(instruction, slot)) {
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

type Shape = Pick<ProgramGraph, "code" | "functions" | "functionOf">;

/** Join points, and loops: a depth-first search finds the edges that go back, a backward walk what is inside. */
function findLoops(graph: Shape, size: number): Pick<ProgramGraph, "meets" | "turning" | "loops" | "irreducible"> {
  const { code, functions } = graph;
  const predecessors: number[][] = Array.from({ length: size }, () => []);
  code.forEach((instruction, slot) => {
    if (instruction === undefined) return;
    for (const next of successors(instruction, slot)) predecessors[next]?.push(slot);
  });
  const meets: boolean[] = predecessors.map((from) => from.length > 1);
  const turning = new Uint8Array(size);
  code.forEach((i, slot) => {
    if (i === undefined) return;
    const callsBack = i.op === Opcode.CALL && i.src === 0 && helper(i.imm)?.args.includes("function") === true;
    if (!callsBack && i.op !== Opcode.MAY_GOTO) return;
    meets[slot] = true;
    turning[slot] = 1;
  });
  for (const { start } of functions) meets[start] = true;
  const loops: (Uint8Array | undefined)[] = new Array(size).fill(undefined);
  const color = new Uint8Array(size);
  let irreducible = false;
  for (const { start } of functions) {
    const stack: { slot: number; next: number }[] = [{ slot: start, next: 0 }];
    color[start] = 1;
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { slot: number; next: number };
      const targets = successors(code[top.slot] as Instruction, top.slot);
      const target = targets[top.next++];
      if (target === undefined) {
        color[top.slot] = 2;
        stack.pop();
      } else if (color[target] === 0) {
        color[target] = 1;
        stack.push({ slot: target, next: 0 });
      } else if (color[target] === 1) {
        meets[target] = true;
        const body = (loops[target] ??= new Uint8Array(size));
        body[target] = 1;
        const work = [top.slot];
        while (work.length > 0) {
          const slot = work.pop() as number;
          if (body[slot] === 1) continue;
          body[slot] = 1;
          // Whoever gets to the function's start without passing the head came in by another way.
          if (slot === start) irreducible = true;
          work.push(...(predecessors[slot] as number[]));
        }
      }
    }
  }
  return { meets, turning, loops, irreducible };
}

function findThresholds(code: readonly (Instruction | undefined)[], body: Uint8Array): bigint[] {
  const found = new Set<bigint>();
  for (let slot = 0; slot < body.length; slot++) {
    const i = code[slot];
    if (body[slot] === 0 || i === undefined || !isConditional(i) || (i.op & 8) !== 0 || i.op === Opcode.MAY_GOTO)
      continue;
    if ((i.op & 0xf0) === Jmp.JSET) continue;
    const limits = (i.op & 7) === 6 ? [BigInt(i.imm), BigInt(i.imm >>> 0)] : [BigInt(i.imm)];
    for (const limit of limits) for (const near of [-1n, 0n, 1n]) found.add(limit + near);
  }
  return [...found].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Registers read and written, as bits; `wanted` has those that a called function reads, by the call's distance. */
export function effects(i: Instruction, wanted: (distance: number) => number): { uses: number; defines: number } {
  const dst = 1 << i.dst;
  const src = 1 << i.src;
  const type = i.op & 7;
  switch (type) {
    case 0: {
      const mode = i.op & 0xe0;
      if (mode === 0x20) return { uses: 1 << 6, defines: 0x3f };
      if (mode === 0x40) return { uses: (1 << 6) | src, defines: 0x3f };
      return { uses: 0, defines: dst };
    }
    case 1:
      return { uses: src, defines: dst };
    case 2:
      return { uses: dst, defines: 0 };
    case 3: {
      if ((i.op & 0xe0) !== 0xc0) return { uses: dst | src, defines: 0 };
      if (i.imm === 0x100) return { uses: src, defines: dst };
      if (i.imm === 0xf1) return { uses: dst | src | 1, defines: 1 };
      return { uses: dst | src, defines: (i.imm & 1) === 1 ? src : 0 };
    }
    case 4:
    case 7: {
      const code = i.op & 0xf0;
      const register = (i.op & 8) !== 0 && code !== 0xd0 ? src : 0;
      return { uses: (code === 0xb0 ? 0 : dst) | register, defines: dst };
    }
    default: {
      if (i.op === Opcode.EXIT) return { uses: 1, defines: 0 };
      if (i.op === Opcode.CALL) {
        if (i.src === 1) return { uses: wanted(i.imm) & 0x3e, defines: 0x3f };
        const count = i.src === 0 ? helperArguments(i.imm) : 5;
        return { uses: ((1 << count) - 1) << 1, defines: 0x3f };
      }
      if (i.op === Opcode.CALLX) return { uses: 0x3e | dst, defines: 0x3f };
      if (!isConditional(i) || i.op === Opcode.MAY_GOTO) return { uses: 0, defines: 0 };
      return { uses: dst | ((i.op & 8) !== 0 ? src : 0), defines: 0 };
    }
  }
}

function helperArguments(id: number): number {
  const entry = helper(id);
  return entry === undefined || entry.variadic === true ? 5 : entry.args.length;
}

function liveness({ code }: Shape, size: number): Uint16Array {
  const live = new Uint16Array(size + 1);
  let changed = true;
  while (changed) {
    changed = false;
    for (let slot = size - 1; slot >= 0; slot--) {
      const instruction = code[slot];
      if (instruction === undefined) continue;
      const { uses, defines } = effects(instruction, (distance) => live[slot + distance + 1] ?? 0x3e);
      let after = 0;
      for (const next of successors(instruction, slot)) after |= live[next] as number;
      const before = (after & ~defines) | uses | (1 << 10);
      if (before !== live[slot]) {
        live[slot] = before;
        changed = true;
      }
    }
  }
  return live;
}
