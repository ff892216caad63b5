// The embedded machine: an object, loaded, with its maps; its programs run here as the kernel would run them.

import { countSlots } from "../isa/index.ts";
import type { BpfObject } from "../object/index.ts";
import { DiagnosticError } from "../source/index.ts";
import type { ProgramResult } from "../verifier/index.ts";
import { type Attached, attachedPrograms } from "./attached.ts";
import { type BatchParts, loadBatch, runBatch } from "./batch.ts";
import { decodedBytes } from "./cold-engine.ts";
import { lineHits } from "./coverage.ts";
import { type EventArguments, EventMemory, eventContext } from "./event-context.ts";
import { byNumber } from "./helper-table.ts";
import { mapHelpers } from "./helpers-map.ts";
import { packetHelpers } from "./helpers-packet.ts";
import { traceHelpers } from "./helpers-trace.ts";
import { type Loaded, loadPrograms, planMaps } from "./load.ts";
import { HEADER_BYTES, installMap, MOST_KEY_BYTES } from "./map-header.ts";
import { EmbeddedMap } from "./maps.ts";
import { FRAMES, Memory, MemoryPlan, State } from "./memory.ts";
import { PACKET_BYTES } from "./packet.ts";
import { type Program, rawProgram, spanOf } from "./program.ts";
import type { Batch, BatchResult, Fired, MachineOptions, RunInput, RunResult, Step } from "./run.ts";
import { Runtime } from "./runtime.ts";
import { Tiers } from "./tiers.ts";
import { type Trap, TrapSignal } from "./trap.ts";
import { trapOf } from "./trap-of.ts";
import { type Area, World } from "./world.ts";

const DEFAULT_BUDGET = 1_000_000_000;
const startedAt = performance.now();
const sinceStart = (): bigint => BigInt(Math.round((performance.now() - startedAt) * 1e6));

/** Loads an object. Throws a DiagnosticError that says everything that this machine cannot do of it. */
export function embedded(object: BpfObject, options: MachineOptions = {}): Machine {
  return new Machine(object, options);
}

/** A machine for one raw program: r1 is its memory, r2 the length. Throws EncodingError for bytes that are no program. */
export function embeddedRaw(bytes: Uint8Array, options: Omit<MachineOptions, "verify"> = {}): Machine {
  return new Machine({ maps: [], programs: [rawProgram(bytes)], license: "GPL" }, { ...options, verify: false });
}

export class Machine {
  readonly object: BpfObject;
  readonly maps: ReadonlyMap<string, EmbeddedMap>;
  readonly cpus: number;
  readonly #memory: Memory;
  readonly #runtime: Runtime;
  readonly #programs: ReadonlyMap<string, Loaded>;
  /** What pointers of events point to. */
  readonly #events = new EventMemory();
  /** Which programs each probe runs. */
  #probes: ReadonlyMap<string, readonly Attached[]> | undefined;
  readonly #options: MachineOptions;
  readonly #parts: BatchParts;
  readonly #world: World;
  readonly #tiers: Tiers;

  constructor(object: BpfObject, options: MachineOptions) {
    this.object = object;
    this.#options = options;
    this.cpus = options.cpus ?? 1;
    if (!(this.cpus >= 1 && this.cpus <= 1024)) throw new RangeError(`${this.cpus} CPUs: 1 to 1024 are possible`);
    const plan = new MemoryPlan(Math.min(options.memoryLimit ?? 2 ** 30, 3 * 2 ** 30));
    const room = (bytes: number): Area => {
      const start = plan.reserve(bytes, 8);
      return { start, end: start + bytes };
    };
    const packet = room(PACKET_BYTES);
    const area = room(options.batchBytes ?? 2 ** 20);
    const largest = Math.max(0, ...object.maps.map((map) => (map.valueSize <= 2 ** 26 ? map.valueSize : 0)));
    const scratch = room(MOST_KEY_BYTES + 4096 + largest);
    const largestKey = Math.max(0, ...object.maps.map((map) => Math.min(map.keySize, MOST_KEY_BYTES)));
    const shownKeys = room(FRAMES * ((largestKey + 7) & ~7));
    const headers = plan.reserve(object.maps.length * HEADER_BYTES, 128);
    const layouts = planMaps(object, plan, headers, this.cpus);
    let memory: Memory;
    let decoded: readonly number[];
    try {
      decoded = object.programs.map((program) =>
        plan.reserve(decodedBytes(program.functions.reduce((sum, fn) => sum + countSlots(fn.code), 0))),
      );
      memory = this.#memory = new Memory(plan);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const message = `there is not enough memory for the machine: ${error.message}`;
      throw new DiagnosticError([{ code: "SCRY7011", severity: "error", message }], object.source);
    }
    memory.u32[State.HEADERS >>> 2] = headers;
    memory.u32[State.HEADERS_END >>> 2] = headers + object.maps.length * HEADER_BYTES;
    const maps = new Map<string, EmbeddedMap>();
    layouts.forEach((layout, i) => {
      installMap(memory, layout, i);
      maps.set(layout.spec.name, new EmbeddedMap(memory, layout, scratch.start, (name) => maps.get(name)));
    });
    this.maps = maps;
    for (const map of maps.values()) fillEntries(map);
    const helpers = byNumber(mapHelpers, traceHelpers, packetHelpers);
    for (const [id, helper] of options.helpers ?? []) helpers.set(id, helper);
    const runtime = (this.#runtime = new Runtime({
      memory,
      maps: [...maps.values()],
      scratch: scratch.start,
      scratchBytes: scratch.end - scratch.start,
      shownKey: shownKeys.start,
      helpers,
      replaced: new Set(options.helpers?.keys()),
      clock: options.clock ?? sinceStart,
      random: options.random ?? (() => Math.floor(Math.random() * 2 ** 32)),
    }));
    const events = this.#events;
    const { foreign } = options;
    runtime.foreign = (address, size, space) => events.read(address, size) ?? foreign?.(address, size, space);
    const named = new Map(layouts.map((layout) => [layout.spec.name, layout]));
    this.#programs = loadPrograms(object, options, memory, runtime, named, decoded);
    const stackIsUsed = [...this.#programs.values()].some(({ program }) => program.usesStack);
    this.#world = new World(memory, runtime, this.cpus, packet, stackIsUsed);
    this.#tiers = new Tiers(object, memory, runtime, this.#programs);
    this.#parts = { memory, runtime, world: this.#world, tiers: this.#tiers, area };
  }

  /** The program of a name; the only one where there is no name. Throws RangeError where there is none. */
  program(name?: string): Program {
    return this.#loaded(name).program;
  }

  /** Runs a program once (or `repeat` times) and says what came of it. Never throws for what the program does. */
  run(name?: string, input: RunInput = {}): RunResult {
    const loaded = this.#loaded(name);
    const runtime = this.#runtime;
    if (runtime.effects.length > 0) runtime.effects.length = 0;
    this.#world.enter(loaded.program.spec, input);
    const budget = this.#options.budget ?? DEFAULT_BUDGET;
    const repeat = input.repeat ?? 1;
    let trap: Trap | undefined;
    let instructions = 0;
    const first = State.REGISTERS >>> 3;
    const setup = repeat > 1 ? this.#memory.i64.slice(first, first + 6) : undefined;
    const wanted = input.coverage === undefined ? (input.tier ?? this.#options.tier ?? "auto") : "interpreter";
    for (let turn = 0; turn < repeat && trap === undefined; turn++) {
      this.#tiers.resetRun(budget);
      if (turn > 0 && setup !== undefined) this.#memory.i64.set(setup, first);
      const tier =
        wanted === "auto" ? this.#tiers.choose(loaded, repeat - turn, instructions / Math.max(1, turn)) : wanted;
      loaded.interpreter.coverage = input.coverage;
      if (tier === "jit" && repeat - turn > 1 && this.#tiers.compiled(loaded, this.#world.asVerified) !== undefined) {
        trap = this.#tiers.repeat(loaded, repeat - turn, budget, this.#world.asVerified);
        break;
      }
      trap = this.#tiers.execute(loaded, tier, this.#world.asVerified);
      const spent = budget - this.#memory.budget;
      instructions += spent;
      if (tier !== "jit") loaded.heat += spent;
    }
    loaded.interpreter.coverage = undefined;
    return this.#result(trap, instructions, input);
  }

  /** Names of the probes that programs are attached to; `fire` knows these, and programs by their names. */
  get probes(): readonly string[] {
    return [...this.#attached().keys()];
  }

  #attached(): ReadonlyMap<string, readonly Attached[]> {
    return (this.#probes ??= attachedPrograms(this.object));
  }

  /**
   * Something happens: runs every program that is attached to the probe (or has this name), in the object's order, with
   * a context made of `args`. Says what came of each. Throws RangeError where nothing is attached to it, or where a
   * value does not fit into its field; fields that no program looks at are left out.
   */
  fire(probe: string, args: EventArguments = {}, input: Omit<RunInput, "context" | "packet" | "memory"> = {}): Fired[] {
    const named = this.object.programs.find((p) => p.name === probe);
    const found = this.#attached().get(probe) ?? (named === undefined ? [] : [{ spec: named, cookie: undefined }]);
    if (found.length === 0) throw new RangeError(`no program is attached to ${probe}`);
    return found.map(({ spec, cookie }) => {
      const context = eventContext(spec.context ?? { size: 0, fields: [] }, args, this.#events);
      const result = this.run(spec.name, { ...(cookie === undefined ? {} : { cookie }), ...input, context });
      return { program: spec.name, ...result };
    });
  }

  /** Runs one program on an event, as `fire` does. */
  runEvent(name: string, args: EventArguments, input: Omit<RunInput, "context" | "packet" | "memory"> = {}): RunResult {
    const { spec } = this.program(name);
    const context = eventContext(spec.context ?? { size: 0, fields: [] }, args, this.#events);
    return this.run(name, { ...input, context });
  }

  /** Puts bytes where programs find them by `probe_read`, for a while (16 MiB of them are kept); answers their address. */
  place(bytes: Uint8Array, space: "user" | "kernel"): bigint {
    return this.#events.place(bytes, space);
  }

  /**
   * Runs a program one instruction at a time by the reference interpreter: yields before every instruction, and returns
   * what `run` would.
   */
  *steps(name?: string, input: RunInput = {}): Generator<Step, RunResult> {
    const loaded = this.#loaded(name);
    const { interpreter, program } = loaded;
    this.#runtime.effects.length = 0;
    this.#world.enter(program.spec, input);
    const budget = this.#options.budget ?? DEFAULT_BUDGET;
    this.#tiers.resetRun(budget);
    this.#tiers.running = { loaded, tier: "interpreter", trusted: false };
    interpreter.coverage = input.coverage;
    interpreter.enter(0);
    let trap: Trap | undefined;
    for (let count = 0; trap === undefined; count++) {
      const span = spanOf(program, interpreter.pc);
      const first = State.REGISTERS >>> 3;
      const registers = [...this.#memory.i64.subarray(first, first + 11)].map((value) => BigInt.asUintN(64, value));
      yield { slot: interpreter.pc, registers, depth: interpreter.depth, ...(span === undefined ? {} : { span }) };
      try {
        if (count >= budget)
          throw new TrapSignal("budget", "the run used up its budget of instructions", interpreter.pc);
        if (interpreter.step()) break;
      } catch (error) {
        trap = trapOf(this.#memory, program, error);
      }
    }
    interpreter.coverage = undefined;
    this.#tiers.running = undefined;
    return this.#result(trap, budget - this.#memory.budget, input);
  }

  /** Compiles now what `run` would compile when it is hot; false where the program is too large for that. */
  compile(name?: string): boolean {
    return this.#tiers.compiled(this.#loaded(name), true) !== undefined;
  }

  /** Counts for `RunInput.coverage`, one for each slot of a program; give it to as many runs as wanted. */
  newCoverage(name?: string): Uint8Array {
    return new Uint8Array(this.#loaded(name).program.slots);
  }

  /**
   * By line of the object's source (from 1 on) how often it was run, up to 255: of those lines that became instructions,
   * with 0 for those that were never run. Empty where the object has no source.
   */
  lineHits(coverage: Uint8Array, name?: string): ReadonlyMap<number, number> {
    return lineHits(this.#loaded(name).program, coverage, this.object.source);
  }

  /**
   * What the verifier says of a program; it is asked now if it was not before. Undefined where its word would not count:
   * with `verified` or `verify: false`, in raw programs, in types of programs and with helpers that are other here than
   * in the kernel.
   */
  verdict(name?: string): ProgramResult | undefined {
    return this.#tiers.verdict(this.#loaded(name)).result;
  }

  /** Does compiled code of this program run without checks, on a context or packet as its type has? */
  isUnchecked(name?: string): boolean {
    return this.#tiers.protection(this.#loaded(name), true) !== "checked";
  }

  /** The Wasm that a program is compiled to, for those who want to look at it; undefined where it is too large. */
  wasm(name?: string): Uint8Array | undefined {
    return this.#tiers.compiled(this.#loaded(name), true)?.bytes;
  }

  /**
   * Puts packets (or, as "memory", any bytes) into the machine's memory for `runBatch`, in place of those that were there.
   * Throws RangeError when they do not fit in `batchBytes`.
   */
  loadBatch(packets: readonly Uint8Array[], name?: string, as: "packet" | "memory" = "packet"): Batch {
    return loadBatch(this.#memory, this.#parts.area, this.#loaded(name).program.spec.type, packets, as);
  }

  /** Runs a program over every packet of a batch, inside Wasm. */
  runBatch(batch: Batch, name?: string): BatchResult {
    const budget = this.#options.budget ?? DEFAULT_BUDGET;
    return runBatch(this.#parts, this.#loaded(name), batch, budget);
  }

  #loaded(name: string | undefined): Loaded {
    const loaded = name === undefined ? this.#programs.values().next().value : this.#programs.get(name);
    if (loaded === undefined) throw new RangeError(`there is no program ${name === undefined ? "" : `"${name}"`}`);
    return loaded;
  }

  #result(trap: Trap | undefined, instructions: number, input: RunInput): RunResult {
    const memory = this.#memory;
    const low = State.REGISTERS >>> 2;
    if (trap !== undefined) memory.u32.fill(0, low, low + 2);
    const result: { -readonly [field in keyof RunResult]: RunResult[field] } = {
      value: memory.u32[low] as number,
      r0: memory.u64[low >>> 1] as bigint,
      instructions,
      effects: this.#runtime.effects.slice(),
    };
    if (trap !== undefined) result.trap = trap;
    if (input.packet !== undefined || input.memory !== undefined) {
      const start = memory.u32[State.PACKET >>> 2] as number;
      result.packet = memory.copy(start, (memory.u32[State.PACKET_END >>> 2] as number) - start);
    }
    return result;
  }
}

/** What an object says to be in its maps of maps and arrays of programs from the start. */
function fillEntries(map: EmbeddedMap): void {
  for (const { index, name } of map.spec.entries ?? [])
    if (map.spec.type === "prog_array") map.setProgram(index, name);
    else map.setMap(new Uint8Array(Uint32Array.of(index).buffer), name);
}
