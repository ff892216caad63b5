// Follows every path of a program, depth first, and compares states where paths join.
//
// `widening`: what comes to a loop's head again is made more general until a state there covers it, so that the cost
// does not depend on how often a loop turns; too many states where paths join are joined. Whether loops end is then
// asked of their counters.
// `stepping`: as the kernel does it, loops are run, and a path ends only where a state is covered by one whose paths
// have all been followed to their ends. Exact, but its cost is the number of turns.

import { Opcode } from "../isa/index.ts";
import { isIteratorNext } from "../object/index.ts";
import type { Checker } from "./checker.ts";
import { covers } from "./compare.ts";
import { comparable, join, sameShape } from "./join.ts";
import { COUNT_TURNS, endless, LoopCounters, leaving } from "./loop-counters.ts";
import { type Fault, FaultSignal, refuse } from "./refusal.ts";
import { constant, UNKNOWN } from "./scalar.ts";
import { copyState, type Frame, newFrame, type SavedNode, type State } from "./state.ts";
import { step } from "./step.ts";
import { pointer } from "./value.ts";

/** States kept at a loop's head before widening begins, and where paths join before they are joined. */
const HEAD_STATES = 1;
const MEET_STATES = 6;
/** After so many joins at one place the bounds are not helped by what the loop compares with any more. */
const THRESHOLD_JOINS = 6;
/** After so many joins where paths join, bounds that still move are let go there too. */
const MEET_JOINS = 12;
/** Kinds of states, by what they point to, that are kept apart before they are joined after all. */
const MAX_SHAPES = 6;
/**
 * How many states a place keeps when stepping, when one that never covers anything is dropped, and with how many of those
 * that a state continues it is compared: that a loop stands still shows at the newest.
 */
const STEP_STATES = 128;
const STEP_MISSES = 3;
const STEP_ANCESTORS = 4;

/** What decides shows early: it is taken in after so many instructions, and then ever more rarely. */
const FIRST_LOOK = 32;

/** States kept to be compared again. */
const MAX_COVERED = 20_000;

export interface Outcome {
  readonly fault?: Fault;
  /** Where it was found. */
  readonly state?: State;
  /** Instructions followed. */
  readonly visited: number;
  readonly saved: number;
}

export interface Limits {
  /** Instructions to follow. */
  readonly visits: number;
  /** Words of states to compare and to copy, with `VISIT_WORDS` for each instruction. */
  readonly words: number;
}

/** What following an instruction costs, in words of states compared. */
export const VISIT_WORDS = 3;

interface Saved {
  readonly state: State;
  readonly node: SavedNode | undefined;
  hits: number;
  misses: number;
}

/** What was found at one slot. */
interface Meeting {
  states: Saved[];
  joins: number;
}

export class Explorer {
  readonly #checker: Checker;
  readonly #widening: boolean;
  readonly #limits: Limits;
  readonly #counters: LoopCounters;
  readonly #meetings: (Meeting | undefined)[] = [];
  readonly #work: State[] = [];
  /** With widening: states at which a path ended, because they were covered. */
  #ended: State[] = [];
  /** Without: the same, each behind the one that covers it. */
  readonly #covered: State[] = [];
  #renewAt = FIRST_LOOK;
  #renewed = false;
  readonly #open = new Map<number, boolean>();
  #visited = 0;
  #words = 0;
  #count = 0;
  #current: State | undefined;

  constructor(checker: Checker, widening: boolean, limits: Limits) {
    this.#checker = checker;
    this.#widening = widening;
    this.#limits = limits;
    this.#counters = new LoopCounters(checker);
    checker.stepping(!widening);
  }

  /** `start`: the first slot of the program, or of a function that is verified by itself. */
  run(start = 0): Outcome {
    let state: State = this.#entry(start);
    const push = (other: State): void => {
      if (other.origin !== undefined) other.origin.open++;
      for (const { stack } of other.frames) this.#words += 10 + stack.length;
      this.#work.push(other);
    };
    try {
      for (;;) {
        this.#follow(state, push);
        const next = this.#work.pop();
        if (next !== undefined) {
          state = next;
          continue;
        }
        if (!this.#widening) return this.#outcome(undefined, undefined);
        const unproven = this.#checkEnds();
        if (!this.#checker.renew()) return this.#outcome(unproven, undefined);
        // More matters than was thought: what was taken for covered is looked at again.
        const again = this.#ended.pop();
        if (again === undefined) return this.#outcome(unproven, undefined);
        for (const one of this.#ended) this.#work.push(one);
        this.#ended = [];
        state = again;
      }
    } catch (error) {
      if (!(error instanceof FaultSignal)) throw error;
      // That widening knows no end of a loop is no path that can be gone.
      const isPath = !this.#widening || error.fault.reason !== "endless";
      return this.#outcome(error.fault, isPath ? (this.#current ?? state) : undefined);
    }
  }

  #takeIn(): void {
    if (this.#visited < this.#renewAt) return;
    this.#renewAt = 2 * this.#visited;
    if (this.#checker.renew()) this.#renewed = true;
  }

  /** Has more shown to matter while it ran, so that what was taken for covered is to be compared again? */
  get renewed(): boolean {
    return this.#renewed;
  }

  /** When run without widening: is what was taken for covered so with all that has shown to decide since, too? */
  stands(): boolean {
    const { relevance } = this.#checker;
    const covered = this.#covered;
    if (this.#widening || covered.length >= MAX_COVERED) return false;
    for (let i = 0; i < covered.length; i += 2) {
      if (!covers(this.#checker, relevance, covered[i] as State, covered[i + 1] as State)) return false;
    }
    return true;
  }

  #checkEnds(): Fault | undefined {
    if (!this.#checker.graph.irreducible) {
      return this.#counters.check((pc) => this.#meetings[pc]?.states.map((one) => one.state) ?? []);
    }
    const message = "A loop that is entered in its middle: whether it ends is not known";
    return { reason: "endless", message, registers: [] };
  }

  #outcome(fault: Fault | undefined, state: State | undefined): Outcome {
    return {
      ...(fault === undefined ? {} : { fault }),
      ...(state === undefined ? {} : { state }),
      visited: this.#visited,
      saved: this.#count,
    };
  }

  #entry(start: number): State {
    const frame = newFrame(-1);
    const { memory, graph } = this.#checker;
    if (start !== 0) {
      for (let r = 1; r <= (graph.functionOf[start]?.parameters ?? 0); r++) frame.regs[r] = UNKNOWN;
    } else if (memory === undefined) {
      frame.regs[1] = pointer("context");
    } else {
      frame.regs[1] = pointer("memory", { size: memory });
      frame.regs[2] = constant(BigInt(memory));
    }
    frame.regs[10] = pointer("stack", { frame: 0 });
    return {
      pc: start,
      frames: [frame],
      refs: [],
      locked: 0,
      regions: 0,
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
    const { prunePoints } = this.#checker.graph;
    const { visits, words } = this.#limits;
    for (;;) {
      this.#current = state;
      if (prunePoints[state.pc] === true) {
        const next = this.#widening ? this.#meet(state) : this.#meetStepping(state);
        if (next === undefined) break;
        state = next;
        this.#current = state;
      }
      if (++this.#visited > visits || this.#words + VISIT_WORDS * this.#visited > words) {
        refuse(
          "complex",
          `The program has too many paths to follow: after ${this.#visited} instructions there is no end in sight`,
          [],
          "split it into smaller programs, or let its branches meet earlier",
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
    if (body === undefined) return false;
    let known = this.#open.get(pc);
    if (known === undefined) {
      known = body.slots.some((slot) => {
        const ref = graph.references[slot];
        return graph.code[slot]?.op === Opcode.MAY_GOTO || (ref?.kind === "kfunc" && isIteratorNext(ref.name));
      });
      this.#open.set(pc, known);
    }
    return known;
  }

  #covers(old: State, now: State): boolean {
    this.#words += 4;
    for (let i = 0; i < old.frames.length; i++) this.#words += (old.frames[i] as Frame).stack.length >> 2;
    return covers(this.#checker, this.#checker.relevance, old, now);
  }

  #meet(state: State): State | undefined {
    const { pc } = state;
    const { graph } = this.#checker;
    const body = graph.loops[pc];
    if (body !== undefined && !this.#counters.turn(state, body)) throw new FaultSignal(endless(graph, pc));
    const meeting = (this.#meetings[pc] ??= { states: [], joins: 0 });
    const { states } = meeting;
    for (let i = states.length - 1; i >= 0; i--) {
      if (!this.#covers((states[i] as Saved).state, state)) continue;
      // Its turn has been counted.
      state.from = -1;
      this.#ended.push(state);
      return undefined;
    }
    const isHead = body !== undefined || graph.turning[pc] === 1;
    const limit = isHead ? HEAD_STATES : MEET_STATES;
    let next = state;
    const last = this.#lastAlike(states, state, limit);
    if (last >= 0) {
      meeting.joins++;
      next = join(this.#checker, (states[last] as Saved).state, state, {
        widen: isHead || meeting.joins > MEET_JOINS,
        thresholds: meeting.joins > THRESHOLD_JOINS ? undefined : graph.thresholds[pc],
      });
      if (body !== undefined) this.#counters.mark(next);
      // What was joined is covered.
      states.splice(last, 1);
    }
    this.#save(states, next, undefined);
    return next;
  }

  /** The newest state to join with, where there are `limit` that are much the same; otherwise -1. */
  #lastAlike(states: readonly Saved[], state: State, limit: number): number {
    if (states.length < limit) return -1;
    let alike = 0;
    let last = -1;
    let lastAtAll = -1;
    for (let i = 0; i < states.length; i++) {
      const one = states[i] as Saved;
      if (!comparable(one.state, state)) continue;
      lastAtAll = i;
      if (!sameShape(this.#checker, one.state, state)) continue;
      alike++;
      last = i;
    }
    if (alike >= limit) return last;
    return states.length >= limit * MAX_SHAPES ? lastAtAll : -1;
  }

  #meetStepping(state: State): State | undefined {
    const { pc } = state;
    const meeting = (this.#meetings[pc] ??= { states: [], joins: 0 });
    const { states } = meeting;
    this.#takeIn();
    const open = this.#isOpenHead(pc);
    let ancestors = 0;
    for (let i = states.length - 1; i >= 0; i--) {
      const one = states[i] as Saved;
      const { state: old, node } = one;
      const goesOn = node !== undefined && node.open > 0;
      // It covers nothing before its paths have ended, and there may be one for each turn of a loop.
      if (goesOn && !open && ++ancestors > STEP_ANCESTORS) continue;
      if (!this.#covers(old, state)) {
        if (goesOn) continue;
        one.misses++;
        // The newest one tells whether a loop stands still.
        const useless = one.misses > STEP_MISSES * (one.hits + 1) && i < states.length - 1;
        if (useless && !open) states.splice(i, 1);
        continue;
      }
      one.hits++;
      // … or it turned by the machine's leave, which ends.
      if (open || !goesOn || old.turns.umin !== state.turns.umin) {
        if (this.#covered.length < MAX_COVERED) this.#covered.push(old, state);
        return undefined;
      }
      const { needed } = this.#checker;
      if (covers(this.#checker, needed, old, state) && covers(this.#checker, needed, state, old)) {
        throw new FaultSignal({
          reason: "endless",
          message: "This loop may never end: it can come back to where it was with nothing changed",
          missing: COUNT_TURNS,
          registers: [],
          also: leaving(this.#checker.graph, pc),
        });
      }
    }
    let next = state;
    if (open) {
      const last = this.#lastAlike(states, state, HEAD_STATES);
      if (last >= 0) {
        const thresholds = ++meeting.joins > THRESHOLD_JOINS ? undefined : this.#checker.graph.thresholds[pc];
        next = join(this.#checker, (states[last] as Saved).state, state, { widen: true, thresholds });
      }
    }
    next.turns = state.turns;
    const node: SavedNode = { parent: next.origin, open: 1 };
    next.origin = node;
    if (states.length >= STEP_STATES) {
      const closed = states.findIndex((one) => one.node?.open === 0);
      states.splice(closed < 0 ? 0 : closed, 1);
    }
    this.#save(states, next, node);
    return next;
  }

  #save(states: Saved[], state: State, node: SavedNode | undefined): void {
    states.push({ state: copyState(state), node, hits: 0, misses: 0 });
    this.#count++;
  }
}

function closeNode(origin: SavedNode | undefined): void {
  let node = origin;
  while (node !== undefined) {
    node.open--;
    if (node.open > 0) return;
    node = node.parent;
  }
}
