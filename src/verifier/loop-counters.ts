// Do loops end? A loop's counter is a place that every turn moves by a known amount in the same direction, within bounds.
// When a loop's head is come to, its numbers are marked with where they stand (`Drift`), and what is added to them is
// carried along; back at the head the marks say how far each place has moved in the turn.

import { type Instruction, isConditional } from "../isa/index.ts";
import type { Checker } from "./checker.ts";
import type { LoopBody, ProgramGraph } from "./program-graph.ts";
import type { Fault } from "./refusal.ts";
import { type Drift, type Scalar, withDrift } from "./scalar.ts";
import { ownStack, type State, topFrame } from "./state.ts";
import type { Value } from "./value.ts";

/** May_goto and callbacks turn at most so often (BPF_MAX_LOOPS). */
const MAX_TURNS = 1n << 23n;
/** Of Linux's 1,000,000 instructions at most so many turns of one loop. */
const LINUX_TURNS = 1_000_000n;
/** Of loops in loops a number keeps the marks of so many besides the innermost. */
const MAX_HEADS = 7;
/** Where the count of turns stands among the places of a loop; registers are 0 to 9, stack words 16 and up. */
const TURNS = -1;
const FIRST_WORD = 16;

/** What makes a loop's end known. */
export const COUNT_TURNS =
  "count its turns with a constant step, and compare the counter with a constant on every turn";

interface Step {
  readonly least: bigint;
  readonly up: boolean;
}

/** What is known of a loop's counters: places that every turn moved, and by how much at least. */
interface LoopRecord {
  readonly pc: number;
  readonly depth: number;
  /** Undefined until a turn is over. */
  steps: Map<number, Step> | undefined;
}

export class LoopCounters {
  readonly #checker: Checker;
  readonly #loops = new Map<number, LoopRecord>();

  constructor(checker: Checker) {
    this.#checker = checker;
  }

  /** One number for each head of a loop in each depth of calls. */
  #headOf(pc: number, depth: number): number {
    return pc + depth * this.#checker.graph.code.length;
  }

  /** At a loop's head: what a turn did to its counters, and the start of the next one. False where none is left. */
  turn(state: State, body: LoopBody): boolean {
    const depth = state.frames.length;
    const head = this.#headOf(state.pc, depth);
    let record = this.#loops.get(head);
    if (record === undefined) this.#loops.set(head, (record = { pc: state.pc, depth, steps: undefined }));
    if (state.from >= 0 && body.has(state.from)) {
      const steps = new Map<number, Step>();
      const { steps: known } = record;
      this.#eachPlace(state, (loc, value) => {
        const drift = value.drift?.find((one) => one.head === head && one.loc === loc);
        if (drift === undefined || drift.delta === 0n) return undefined;
        const up = drift.delta > 0n;
        const amount = up ? drift.delta : -drift.delta;
        const before = known?.get(loc);
        if (known === undefined) steps.set(loc, { least: amount, up });
        else if (before?.up === up) steps.set(loc, { least: amount < before.least ? amount : before.least, up });
        return undefined;
      });
      record.steps = steps;
      if (steps.size === 0) return false;
    }
    this.mark(state);
    return true;
  }

  /** Begins a turn: every number of this frame stands where it stands. */
  mark(state: State): void {
    const head = this.#headOf(state.pc, state.frames.length);
    this.#eachPlace(state, (loc, value) => {
      const { drift } = value;
      if (drift?.some((one) => one.head === head && one.loc === loc && one.delta === 0n) === true) {
        if (drift.every((one) => one.head !== head || one.loc === loc)) return undefined;
      }
      const mine: Drift = { head, loc, delta: 0n };
      const others = drift?.filter((one) => one.head !== head).slice(-MAX_HEADS);
      return withDrift(value, others === undefined || others.length === 0 ? [mine] : [...others, mine]);
    });
  }

  /** Places of the running frame that the loop writes, with numbers that matter, and the count of turns. */
  #eachPlace(state: State, visit: (loc: number, value: Scalar) => Scalar | undefined): void {
    const { graph, needed } = this.#checker;
    const written = graph.written[state.pc];
    const frame = topFrame(state);
    const { regs } = frame;
    const mask = (needed.registers[state.pc] ?? 0) & (written?.registers ?? 0x3ff);
    for (let r = 0; r < 10; r++) {
      if ((mask & (1 << r)) === 0) continue;
      const value = regs[r] as Value;
      if (value.kind === "scalar") regs[r] = visit(r, value) ?? value;
    }
    if (written !== undefined && written.stack.size > 0) {
      const words = needed.stack(graph.functionOf[state.pc]?.start ?? 0);
      for (const off of written.stack) {
        const word = -off / 8 - 1;
        const slot = frame.stack[word];
        if (slot?.value?.kind !== "scalar" || words[word] !== 1) continue;
        const value = visit(FIRST_WORD + word, slot.value);
        if (value !== undefined) ownStack(frame)[word] = { value, spilled: slot.spilled, bytes: slot.bytes };
      }
    }
    state.turns = visit(TURNS, state.turns) ?? state.turns;
  }

  /**
   * Does every loop that was run end? `statesAt` gives what was found at a loop's head. A counter proves it only if
   * states that differ in it were told apart: where they were not, the checker is told, and exploring must go on.
   */
  check(statesAt: (pc: number) => readonly State[]): Fault | undefined {
    for (const { pc, depth, steps } of this.#loops.values()) {
      if (steps === undefined) continue;
      const states = statesAt(pc).filter((state) => state.frames.length === depth);
      const proofs = [...steps].filter(([loc, { least }]) => loc === TURNS || this.#isBounded(states, loc, least));
      const [first] = proofs;
      if (first === undefined) return endless(this.#checker.graph, pc);
      if (proofs.some(([loc]) => this.#isToldApart(pc, loc))) continue;
      const [loc] = first;
      if (loc < FIRST_WORD) this.#checker.countsBy(pc, loc);
      else this.#checker.countsByWord(pc, loc - FIRST_WORD);
    }
    return undefined;
  }

  #isToldApart(pc: number, loc: number): boolean {
    const { graph, relevance } = this.#checker;
    if (loc === TURNS) return true;
    if (loc < FIRST_WORD) return ((relevance.registers[pc] ?? 0) & (1 << loc)) !== 0;
    return relevance.stack(graph.functionOf[pc]?.start ?? 0)[loc - FIRST_WORD] === 1;
  }

  #isBounded(states: readonly State[], loc: number, least: bigint): boolean {
    let min: bigint | undefined;
    let max: bigint | undefined;
    for (const state of states) {
      const value = placeOf(state, loc);
      if (value?.kind !== "scalar") return false;
      min = min === undefined || value.smin < min ? value.smin : min;
      max = max === undefined || value.smax > max ? value.smax : max;
    }
    if (min === undefined || max === undefined) return false;
    return (max - min) / least <= (this.#checker.strict ? MAX_TURNS : LINUX_TURNS);
  }
}

/** What is said of a loop that nothing is known to end. */
export const endless = (graph: ProgramGraph, pc: number): Fault => ({
  reason: "endless",
  message: "This loop is not known to end",
  missing: COUNT_TURNS,
  registers: [],
  slot: pc,
  also: leaving(graph, pc),
});

/** The conditions that lead out of a loop; none where nothing does. */
export function leaving({ loops, code, next: following }: ProgramGraph, pc: number): number[] {
  const body = loops[pc];
  if (body === undefined) return [];
  return body.slots.filter((slot) => {
    const i = code[slot] as Instruction;
    return isConditional(i.op) && following[slot]?.some((next) => !body.has(next)) === true;
  });
}

function placeOf(state: State, loc: number): Value | undefined {
  const frame = topFrame(state);
  return loc < FIRST_WORD ? frame.regs[loc] : frame.stack[loc - FIRST_WORD]?.value;
}
