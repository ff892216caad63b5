// Follows every path of a program, depth first, and compares states where paths meet.
//
// `widening`: what comes to a loop's head again is made more general until a state there covers it, so that the cost
// does not depend on how often a loop turns; too many states where paths meet are joined. Whether loops end is then
// asked of their counters: a place that every turn changes by a known amount in the same direction, within bounds.
// `stepping`: as the kernel does it, loops are run, and a path ends only where a state is covered by one whose paths
// have all been followed to their ends. Exact, but its cost is the number of turns.

import type { Checker } from "./checker.ts";
import { comparable, covers, join } from "./compare.ts";
import { type Fault, FaultSignal, refuse } from "./refusal.ts";
import { constant, type Drift, type Scalar, UNKNOWN, withDrift } from "./scalar.ts";
import {
  ALL_MISC,
  ALL_SPILL,
  ALL_ZERO,
  Byte,
  byteOf,
  copyFrames,
  EMPTY_SLOT,
  MISC_SLOT,
  newFrame,
  type SavedNode,
  type StackSlot,
  type State,
  topFrame,
  withByte,
} from "./state.ts";
import { step } from "./step.ts";
import { pointer, UNINIT, type Value } from "./value.ts";

/** States kept at a loop's head before widening begins, and where paths meet before they are joined. */
const HEAD_STATES = 2;
const MEET_STATES = 12;
/** After so many at one place the bounds are not helped by what the loop compares with any more. */
const THRESHOLD_STATES = 8;
/** How many states a place keeps when stepping. */
const STEP_STATES = 64;
/** May_goto and callbacks turn at most so often (BPF_MAX_LOOPS). */
const MAX_TURNS = 1n << 23n;
/** Of Linux's 1,000,000 instructions at most so many turns of one loop. */
const LINUX_TURNS = 1_000_000n;
/** Where the count of turns stands among the places of a loop. */
const TURNS = -1;

export interface Outcome {
  readonly fault?: Fault;
  /** Where it was found. */
  readonly state?: State;
  /** Instructions followed. */
  readonly visited: number;
  readonly saved: number;
}

interface Saved {
  readonly state: State;
  readonly node: SavedNode | undefined;
}

/** What is known of a loop's counters: places that every turn moved, and by how much at least. */
interface LoopRecord {
  readonly pc: number;
  readonly depth: number;
  /** Undefined until a turn is over. */
  steps: Map<number, { least: bigint; up: boolean }> | undefined;
}

export class Explorer {
  readonly #checker: Checker;
  readonly #widening: boolean;
  readonly #budget: number;
  readonly #saved: (Saved[] | undefined)[] = [];
  readonly #loops = new Map<number, LoopRecord>();
  readonly #work: State[] = [];
  #visited = 0;
  #count = 0;

  constructor(checker: Checker, widening: boolean, budget: number) {
    this.#checker = checker;
    this.#widening = widening;
    this.#budget = budget;
  }

  run(): Outcome {
    let state: State = this.#entry();
    const push = (other: State): void => {
      if (other.origin !== undefined) other.origin.open++;
      this.#work.push(other);
    };
    try {
      for (;;) {
        this.#follow(state, push);
        const next = this.#work.pop();
        if (next === undefined) break;
        state = next;
      }
      if (this.#widening) {
        const endless = this.#checkEnds();
        if (endless !== undefined) return this.#outcome(endless, undefined);
      }
      return this.#outcome(undefined, undefined);
    } catch (error) {
      if (!(error instanceof FaultSignal)) throw error;
      return this.#outcome(error.fault, this.#current ?? state);
    }
  }

  #current: State | undefined;

  #outcome(fault: Fault | undefined, state: State | undefined): Outcome {
    return {
      ...(fault === undefined ? {} : { fault }),
      ...(state === undefined ? {} : { state }),
      visited: this.#visited,
      saved: this.#count,
    };
  }

  #entry(): State {
    const frame = newFrame(-1);
    const { memory } = this.#checker;
    if (memory === undefined) {
      frame.regs[1] = pointer("context");
    } else {
      frame.regs[1] = pointer("memory", { size: memory });
      frame.regs[2] = constant(BigInt(memory));
    }
    frame.regs[10] = pointer("stack", { frame: 0 });
    return {
      pc: 0,
      frames: [frame],
      refs: [],
      locked: false,
      turns: constant(0n),
      trail: undefined,
      from: -1,
      blurred: false,
      origin: undefined,
    };
  }

  /** To the end of a path, or to where what follows is known already. */
  #follow(first: State, push: (other: State) => void): void {
    let state = first;
    const { meets } = this.#checker.graph;
    for (;;) {
      this.#current = state;
      if (meets[state.pc] === true) {
        const next = this.#widening ? this.#meet(state) : this.#meetStepping(state);
        if (next === undefined) break;
        state = next;
        this.#current = state;
      }
      if (++this.#visited > this.#budget) {
        refuse(
          "complex",
          `The program has too many paths to follow: after ${this.#budget} instructions there is no end`,
          [],
        );
      }
      if (!step(this.#checker, state, push)) break;
    }
    closeNode(state.origin);
  }

  /** Callbacks come back to the call of their helper; may_goto turns as long as the machine lets it. */
  #isOpenHead(pc: number): boolean {
    const { graph } = this.#checker;
    if (graph.turning[pc] === 1) return true;
    const body = graph.loops[pc];
    return body !== undefined && this.#mayGotoInside(pc, body);
  }

  readonly #open = new Map<number, boolean>();
  #mayGotoInside(pc: number, body: Uint8Array): boolean {
    let known = this.#open.get(pc);
    if (known === undefined) {
      known = body.some((inside, slot) => inside === 1 && this.#checker.graph.code[slot]?.op === 0xe5);
      this.#open.set(pc, known);
    }
    return known;
  }

  #meet(state: State): State | undefined {
    const { pc } = state;
    const { graph, wholeStack: strict } = this.#checker;
    const body = graph.loops[pc];
    if (body !== undefined) this.#turn(state, body);
    const list = (this.#saved[pc] ??= []);
    for (let i = list.length - 1; i >= 0; i--) if (covers((list[i] as Saved).state, state, strict)) return undefined;
    const isHead = body !== undefined || graph.turning[pc] === 1;
    const alike = list.filter((one) => comparable(one.state, state));
    const limit = isHead ? HEAD_STATES : MEET_STATES;
    let next = state;
    const last = alike[alike.length - 1];
    if (last !== undefined && alike.length >= limit) {
      next = join(
        last.state,
        state,
        {
          widen: isHead || alike.length > 2 * limit,
          thresholds: alike.length > THRESHOLD_STATES ? undefined : graph.thresholds[pc],
          strict,
        },
        () => this.#checker.newId(),
      );
      if (body !== undefined) this.#mark(next, pc);
    }
    this.#save(list, next, undefined);
    return next;
  }

  #meetStepping(state: State): State | undefined {
    const { pc } = state;
    const { wholeStack: strict } = this.#checker;
    const list = (this.#saved[pc] ??= []);
    const open = this.#isOpenHead(pc);
    for (let i = list.length - 1; i >= 0; i--) {
      const { state: old, node } = list[i] as Saved;
      if (!covers(old, state, strict)) continue;
      if (open || node === undefined || node.open === 0) return undefined;
      // It turned by the machine's leave, which ends.
      if (old.turns.umin !== state.turns.umin) return undefined;
      if (covers(this.#trimmed(state), old, strict)) {
        refuse("endless", "This loop never ends: it comes back to where it was, and nothing has changed", []);
      }
    }
    let next = state;
    if (open) {
      const alike = list.filter((one) => comparable(one.state, state));
      const last = alike[alike.length - 1];
      if (last !== undefined && alike.length >= HEAD_STATES) {
        const thresholds = alike.length > THRESHOLD_STATES ? undefined : this.#checker.graph.thresholds[pc];
        next = join(last.state, state, { widen: true, thresholds, strict }, () => this.#checker.newId());
      }
    }
    next.turns = state.turns;
    const node: SavedNode = { parent: next.origin, open: 1 };
    next.origin = node;
    if (list.length >= STEP_STATES) list.shift();
    this.#save(list, next, node);
    return next;
  }

  #save(list: Saved[], state: State, node: SavedNode | undefined): void {
    list.push({ state: this.#trimmed(state), node });
    this.#count++;
  }

  /** A copy in which only what may still be read counts. */
  #trimmed(state: State): State {
    const { graph, relevance } = this.#checker;
    const { live } = graph;
    const frames = copyFrames(state.frames);
    frames.forEach((frame, depth) => {
      const above = frames[depth + 1];
      // A caller goes on behind its call, but comes back to the call itself where it waits for callbacks.
      const at = above === undefined ? state.pc : above.callback === undefined ? above.callSite + 1 : above.callSite;
      const wanted = at < 0 ? 0xffff : (live[at] ?? 0xffff);
      const matter = at < 0 ? 0xffff : (relevance.registers[at] ?? 0xffff);
      for (let r = 0; r < 10; r++) {
        if ((wanted & (1 << r)) === 0) frame.regs[r] = UNINIT;
        else if ((matter & (1 << r)) === 0 && frame.regs[r]?.kind === "scalar") frame.regs[r] = UNKNOWN;
      }
      if (above !== undefined && above.callback === undefined) frame.regs[0] = UNINIT;
      const start = graph.functionOf[at]?.start ?? 0;
      frame.stack.forEach((slot, i) => {
        if (slot === EMPTY_SLOT || slot.value?.kind === "pointer" || relevance.stack(start, -8 * (i + 1))) return;
        frame.stack[i] = forgotten(slot);
      });
    });
    return { ...state, frames, trail: undefined };
  }

  /** At a loop's head: what a turn did to its counters, and the start of the next one. */
  #turn(state: State, body: Uint8Array): void {
    const depth = state.frames.length;
    const size = this.#checker.graph.code.length;
    const head = state.pc + depth * size;
    let record = this.#loops.get(head);
    if (record === undefined) this.#loops.set(head, (record = { pc: state.pc, depth, steps: undefined }));
    if (state.from >= 0 && body[state.from] === 1) {
      const moved = new Map<number, bigint>();
      this.#eachPlace(state, (loc, value) => {
        const drift = value.drift?.find((one) => one.head === head && one.loc === loc);
        if (drift !== undefined && drift.delta !== 0n) moved.set(loc, drift.delta);
        return undefined;
      });
      const steps = new Map<number, { least: bigint; up: boolean }>();
      for (const [loc, delta] of moved) {
        const up = delta > 0n;
        const amount = up ? delta : -delta;
        const before = record.steps?.get(loc);
        if (record.steps === undefined) steps.set(loc, { least: amount, up });
        else if (before !== undefined && before.up === up) {
          steps.set(loc, { least: amount < before.least ? amount : before.least, up });
        }
      }
      record.steps = steps;
    }
    this.#mark(state, state.pc);
  }

  /** Begins a turn: every number of this frame stands where it stands. */
  #mark(state: State, pc: number): void {
    const head = pc + state.frames.length * this.#checker.graph.code.length;
    this.#eachPlace(state, (loc, value) => {
      const mine: Drift = { head, loc, delta: 0n };
      const others = value.drift?.filter((one) => one.head !== head);
      return withDrift(value, others === undefined || others.length === 0 ? [mine] : [...others, mine]);
    });
  }

  /** Every place of the running frame with a number that matters, and the count of turns; a result replaces it. */
  #eachPlace(state: State, visit: (loc: number, value: Scalar) => Scalar | undefined): void {
    const { graph, relevance } = this.#checker;
    const { regs, stack } = topFrame(state);
    const matter = relevance.registers[state.pc] ?? 0;
    for (let r = 0; r < 10; r++) {
      const value = regs[r] as Value;
      if (value.kind === "scalar" && (matter & (1 << r)) !== 0) regs[r] = visit(r, value) ?? value;
    }
    const start = graph.functionOf[state.pc]?.start ?? 0;
    for (let i = 0; i < stack.length; i++) {
      const slot = stack[i] ?? EMPTY_SLOT;
      if (slot.value?.kind !== "scalar" || !relevance.stack(start, -8 * (i + 1))) continue;
      const value = visit(16 + i, slot.value);
      if (value !== undefined) stack[i] = { ...slot, value };
    }
    state.turns = visit(TURNS, state.turns) ?? state.turns;
  }

  /** Does every loop that was run end? */
  #checkEnds(): Fault | undefined {
    const { graph, strict } = this.#checker;
    if (graph.irreducible) {
      return {
        reason: "endless",
        message: "A loop that is entered in its middle: whether it ends is not known",
        registers: [],
      };
    }
    for (const { pc, depth, steps } of this.#loops.values()) {
      if (steps === undefined) continue;
      const states = (this.#saved[pc] ?? []).filter(({ state }) => state.frames.length === depth);
      const ends = [...steps].some(([loc, { least }]) => {
        if (loc === TURNS) return true;
        let min: bigint | undefined;
        let max: bigint | undefined;
        for (const { state } of states) {
          const value = placeOf(state, loc);
          if (value?.kind !== "scalar") return false;
          min = min === undefined || value.smin < min ? value.smin : min;
          max = max === undefined || value.smax > max ? value.smax : max;
        }
        if (min === undefined || max === undefined) return false;
        return (max - min) / least <= (strict ? MAX_TURNS : LINUX_TURNS);
      });
      if (!ends) {
        return {
          reason: "endless",
          message: `The loop at slot ${pc} is not known to end`,
          missing: "count its turns with a constant step, and compare the counter with a constant on every turn",
          registers: [],
        };
      }
    }
    return undefined;
  }
}

/** A slot of which only counts what was written at all. */
function forgotten(slot: StackSlot): StackSlot {
  if (slot.bytes === ALL_MISC || slot.bytes === ALL_SPILL || slot.bytes === ALL_ZERO) return MISC_SLOT;
  let bytes = slot.bytes;
  for (let i = 0; i < 8; i++) if (byteOf(slot, i) !== Byte.INVALID) bytes = withByte(bytes, i, Byte.MISC);
  return { value: undefined, spilled: 0, bytes };
}

function closeNode(origin: SavedNode | undefined): void {
  let node = origin;
  while (node !== undefined) {
    node.open--;
    if (node.open > 0) return;
    node = node.parent;
  }
}

function placeOf(state: State, loc: number): Value | undefined {
  const frame = topFrame(state);
  return loc < 16 ? frame.regs[loc] : frame.stack[loc - 16]?.value;
}
