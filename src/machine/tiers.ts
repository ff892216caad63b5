// How a program is run: by the interpreter in JavaScript, by the one in Wasm, or compiled; and what happens when it calls
// back or hands on to another program.

import type { BpfObject } from "../object/index.ts";
import type { WasmFunction } from "../wasm/index.ts";
import { ColdEngine, instantiateInterpreter } from "./cold-engine.ts";
import { type Compiled, compileProgram } from "./compile.ts";
import type { Loaded } from "./load.ts";
import type { EmbeddedMap } from "./maps.ts";
import { MAY_GOTO_TURNS, type Memory, STACK_TOP, State } from "./memory.ts";
import { judge, type Protection } from "./proof.ts";
import type { Tier } from "./run.ts";
import type { Runtime } from "./runtime.ts";
import { type Trap, TrapSignal } from "./trap.ts";
import { trapOf } from "./trap-of.ts";

/** Below this the JavaScript interpreter is done before Wasm would have started. */
const COLD_AFTER = 5_000;
/** About what compiling costs, in instructions of the cold tier. */
const HOT_AFTER = 300_000;

export type RunTier = Exclude<Tier, "auto">;

/** What is running, for helpers that call back; `trusted`: in a world as the verifier expects it to be. */
export interface Running {
  readonly loaded: Loaded;
  tier: RunTier;
  readonly trusted: boolean;
}

export class Tiers {
  running: Running | undefined;
  readonly #object: BpfObject;
  readonly #memory: Memory;
  readonly #runtime: Runtime;
  readonly #programs: ReadonlyMap<string, Loaded>;
  /** The Wasm interpreter, once it was needed. */
  #coldEntry: WasmFunction | undefined;

  constructor(object: BpfObject, memory: Memory, runtime: Runtime, programs: ReadonlyMap<string, Loaded>) {
    this.#object = object;
    this.#memory = memory;
    this.#runtime = runtime;
    this.#programs = programs;
    runtime.callback = (slot, frame) => this.callBack(slot, frame);
    runtime.tailCall = (map, index, frame) => this.tailCall(map, index, frame);
  }

  readonly #isReplaced = (id: number): boolean => this.#runtime.replaced.has(id);

  verdict(loaded: Loaded): NonNullable<Loaded["verdict"]> {
    if (loaded.verdict === undefined) {
      const result = loaded.trust === "ask" ? judge(this.#object, loaded.program, this.#isReplaced) : undefined;
      loaded.verdict = { result, trusted: result?.accepted === true };
    }
    return loaded.verdict;
  }

  protection(loaded: Loaded, asVerified: boolean): Protection {
    if (loaded.trust === "vouched") return "bare";
    return asVerified && loaded.trust === "ask" && this.verdict(loaded).trusted ? "counted" : "checked";
  }

  compiled(loaded: Loaded, asVerified: boolean): Compiled | undefined {
    if (loaded.tooLarge) return undefined;
    const protection = this.protection(loaded, asVerified);
    let compiled = loaded.compiled.get(protection);
    if (compiled === undefined) {
      compiled = compileProgram(loaded.program, this.#memory, this.#runtime, protection);
      if (compiled === undefined) loaded.tooLarge = true;
      else loaded.compiled.set(protection, compiled);
    }
    return compiled;
  }

  /** Compile what will run (or has run) long enough to pay for it. */
  choose(loaded: Loaded, runs: number, instructions: number): RunTier {
    const expected = loaded.heat + runs * instructions;
    const hot = loaded.compiled.size > 0 || expected > HOT_AFTER || runs > 10_000;
    if (hot && !loaded.tooLarge) return "jit";
    return expected > COLD_AFTER ? "wasm-interpreter" : "interpreter";
  }

  resetRun(budget: number): void {
    const memory = this.#memory;
    memory.budget = budget;
    memory.u32[State.MAY_GOTO >>> 2] = MAY_GOTO_TURNS;
    memory.u32[State.TAIL_CALLS >>> 2] = 0;
    memory.u32[State.TRAP_KIND >>> 2] = 0;
    memory.i32[State.TRAP_SLOT >>> 2] = -1;
    memory.u32[State.FRAME >>> 2] = STACK_TOP;
  }

  /** Many runs in one call of compiled code, on one budget for all. */
  repeat(loaded: Loaded, times: number, budget: number, asVerified: boolean): Trap | undefined {
    this.#memory.budget = Math.min(budget * times, 2 ** 62);
    this.running = { loaded, tier: "jit", trusted: asVerified };
    try {
      this.compiled(loaded, asVerified)?.repeat(times);
      return undefined;
    } catch (error) {
      return trapOf(this.#memory, loaded.program, error);
    } finally {
      this.running = undefined;
    }
  }

  /** Runs a function by one of the tiers, and says what trap it ended in. */
  execute(loaded: Loaded, tier: RunTier, asVerified: boolean): Trap | undefined {
    const before = this.running;
    try {
      this.#enter(loaded, tier, asVerified, 0, STACK_TOP);
      return undefined;
    } catch (error) {
      return trapOf(this.#memory, loaded.program, error);
    } finally {
      this.running = before;
    }
  }

  #enter(loaded: Loaded, tier: RunTier, trusted: boolean, slot: number, frame: number): void {
    this.running = { loaded, tier, trusted };
    if (tier === "jit") {
      const compiled = this.compiled(loaded, trusted);
      if (compiled !== undefined) {
        if (compiled.call(slot, frame)) return;
      }
      tier = "wasm-interpreter";
      this.running.tier = tier;
    }
    if (tier === "wasm-interpreter") {
      if (loaded.cold === undefined) {
        this.#coldEntry ??= instantiateInterpreter(this.#memory, this.#runtime);
        loaded.cold = new ColdEngine(loaded.program, this.#memory, this.#coldEntry, loaded.decoded);
      }
      loaded.cold.call(slot, frame);
    } else loaded.interpreter.call(slot, frame);
  }

  callBack(slot: number, frame: number): void {
    const running = this.running;
    if (running === undefined) throw new TrapSignal("internal", "a callback outside of a run");
    if (running.tier === "jit") {
      // Code that is not checked counts its own loops only, not those that helpers make of it.
      if (this.#memory.budget <= 0) throw new TrapSignal("budget", "the run used up its budget of instructions");
      this.#memory.budget -= 1;
    }
    this.#enter(running.loaded, running.tier, running.trusted, slot, frame);
    this.running = running;
  }

  tailCall(map: EmbeddedMap, index: number, frame: number): boolean {
    const name = map.programs.get(index);
    const loaded = name === undefined ? undefined : this.#programs.get(name);
    const running = this.running;
    if (loaded === undefined || running === undefined) return false;
    // A program that is checked may hand on anything for a context.
    const trusted =
      running.trusted &&
      running.loaded.program.spec.type === loaded.program.spec.type &&
      this.protection(running.loaded, running.trusted) !== "checked";
    this.#enter(loaded, running.tier, trusted, 0, frame);
    this.running = running;
    return true;
  }
}
