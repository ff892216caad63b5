// The embedded machine: an object, loaded, with its maps; its programs run here as the kernel would run them.

import { countSlots } from "../isa/index.ts";
import { type BpfObject, MAP_TYPES, type ProgramSpec } from "../object/index.ts";
import { type Diagnostic, DiagnosticError } from "../source/index.ts";
import type { ProgramResult } from "../verifier/index.ts";
import { ColdEngine, decodedBytes, instantiateInterpreter } from "./cold-engine.ts";
import { type Compiled, type CompiledBatch, compileBatch, compileProgram } from "./compile.ts";
import { lineHits } from "./coverage.ts";
import { type EventArguments, EventMemory, eventContext, probeName } from "./event-context.ts";
import { byNumber } from "./helper.ts";
import { mapHelpers } from "./helpers-map.ts";
import { packetHelpers } from "./helpers-packet.ts";
import { traceHelpers } from "./helpers-trace.ts";
import { Interpreter } from "./interpreter.ts";
import { HEADER_BYTES, installMap, type MapLayout, MOST_KEY_BYTES, planMap } from "./map-header.ts";
import { EmbeddedMap } from "./maps.ts";
import { CONTEXT, CONTEXT_BYTES, MAY_GOTO_TURNS, Memory, MemoryPlan, STACK_BASE, STACK_TOP, State } from "./memory.ts";
import { HEADROOM, PACKET_BYTES, packetKind, packetOffset, placePacket, SkBuff, setPacket } from "./packet.ts";
import { type Program, prepare, rawProgram, spanOf } from "./program.ts";
import { CONTEXT_FLOOR, hasContextOfNumbers, isAsVerified, judge, judgeNow, type Protection } from "./proof.ts";
import type { Batch, BatchResult, Fired, MachineOptions, RunInput, RunResult, Step, Tier } from "./run.ts";
import { Runtime } from "./runtime.ts";
import { accessMessage, TRAP_KINDS, type Trap, TrapSignal } from "./trap.ts";
import type { WasmFunction } from "./webassembly.ts";

interface Loaded {
  readonly program: Program;
  /** Somebody vouches for it, the verifier is asked before it is compiled, or it is always checked. */
  readonly trust: "vouched" | "ask" | "none";
  /** What the verifier said, and whether that counts here; undefined: not asked yet. */
  verdict: { readonly result: ProgramResult | undefined; readonly trusted: boolean } | undefined;
  readonly interpreter: Interpreter;
  /** Where there is room for its decoded instructions. */
  readonly decoded: number;
  cold: ColdEngine | undefined;
  readonly compiled: Map<Protection, Compiled>;
  tooLarge: boolean;
  readonly batches: Map<`${Batch["kind"]} ${Protection}`, CompiledBatch>;
  /** Instructions that interpreters have spent on it. */
  heat: number;
}

/** A place that a program is attached to. */
interface Attached {
  readonly spec: ProgramSpec;
  readonly cookie: bigint | undefined;
}

const DEFAULT_BUDGET = 1_000_000_000;
/** Below this the JavaScript interpreter is done before Wasm would have started. */
const COLD_AFTER = 5_000;
/** About what compiling costs, in instructions of the cold tier. */
const HOT_AFTER = 300_000;
/** Where tasks lie that nobody gives an address, by their number. */
const TASK_HIGH = 0xffff_8880;
const TASK_BYTES = 0x4000;

const NO_STACK: readonly bigint[] = [];
/** What stands in for a packet where only its being one matters. */
const A_PACKET: RunInput = { packet: new Uint8Array(14) };

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
  readonly #programs = new Map<string, Loaded>();
  /** What pointers of events point to. */
  readonly #events = new EventMemory();
  /** Which programs each probe runs. */
  #probes: Map<string, Attached[]> | undefined;
  readonly #options: MachineOptions;
  readonly #packet: { readonly start: number; readonly end: number };
  readonly #batch: { readonly start: number; readonly end: number };
  readonly #decoded: readonly number[];
  /** What the last run set up: bytes of context that are let at, bytes of memory, and the name. */
  #contextBytes = 0;
  #memoryBytes = 0;
  #comm: string | undefined;
  /** The Wasm interpreter, once it was needed. */
  #coldEntry: WasmFunction | undefined;
  /** Who is running, for helpers that call back; `trusted`: as the verifier expects it to. */
  #running: { loaded: Loaded; tier: Exclude<Tier, "auto">; trusted: boolean } | undefined;
  /** Some program has a frame that it looks at. */
  #stackIsUsed = false;
  /** The world that was entered last is what the verifier expects of the program. */
  #asVerified = false;

  constructor(object: BpfObject, options: MachineOptions) {
    this.object = object;
    this.#options = options;
    this.cpus = options.cpus ?? 1;
    if (!(this.cpus >= 1 && this.cpus <= 1024)) throw new RangeError(`${this.cpus} CPUs: 1 to 1024 are possible`);
    const layouts: MapLayout[] = [];
    const plan = new MemoryPlan(Math.min(options.memoryLimit ?? 2 ** 30, 3 * 2 ** 30));
    const room = (bytes: number): { start: number; end: number } => {
      const start = plan.reserve(bytes, 8);
      return { start, end: start + bytes };
    };
    this.#packet = room(PACKET_BYTES);
    this.#batch = room(options.batchBytes ?? 2 ** 20);
    const largest = Math.max(0, ...object.maps.map((map) => (map.valueSize <= 2 ** 26 ? map.valueSize : 0)));
    const scratch = room(MOST_KEY_BYTES + 4096 + largest);
    const headers = plan.reserve(object.maps.length * HEADER_BYTES, 128);
    this.#plan(plan, headers, layouts);
    let memory: Memory;
    try {
      this.#decoded = object.programs.map((program) =>
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
    const helpers = byNumber(mapHelpers, traceHelpers, packetHelpers);
    for (const [id, helper] of options.helpers ?? []) helpers.set(id, helper);
    this.#runtime = new Runtime({
      memory,
      maps: [...maps.values()],
      scratch: scratch.start,
      scratchBytes: scratch.end - scratch.start,
      helpers,
      replaced: new Set(options.helpers?.keys()),
      clock: options.clock ?? sinceStart,
      random: options.random ?? (() => Math.floor(Math.random() * 2 ** 32)),
    });
    const events = this.#events;
    const { foreign } = options;
    this.#runtime.foreign = (address, size, space) => events.read(address, size) ?? foreign?.(address, size, space);
    this.#runtime.callback = (slot, frame) => this.#callBack(slot, frame);
    this.#runtime.tailCall = (map, index, frame) => this.#tailCall(map, index, frame);
    this.#load(new Map(layouts.map((layout) => [layout.spec.name, layout])));
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
    this.#enterWorld(loaded.program.spec, input);
    const budget = this.#options.budget ?? DEFAULT_BUDGET;
    const repeat = input.repeat ?? 1;
    let trap: Trap | undefined;
    let instructions = 0;
    const first = State.REGISTERS >>> 3;
    const setup = repeat > 1 ? this.#memory.i64.slice(first, first + 6) : undefined;
    const wanted = input.coverage === undefined ? (input.tier ?? this.#options.tier ?? "auto") : "interpreter";
    for (let turn = 0; turn < repeat && trap === undefined; turn++) {
      this.#resetRun(budget);
      if (turn > 0 && setup !== undefined) this.#memory.i64.set(setup, first);
      const tier = wanted === "auto" ? this.#choose(loaded, repeat - turn, instructions / Math.max(1, turn)) : wanted;
      loaded.interpreter.coverage = input.coverage;
      if (tier === "jit" && repeat - turn > 1 && this.#compiled(loaded, this.#asVerified) !== undefined) {
        trap = this.#repeat(loaded, repeat - turn, budget);
        break;
      }
      trap = this.#execute(loaded, tier);
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

  #attached(): ReadonlyMap<string, readonly Attached[]> {
    if (this.#probes !== undefined) return this.#probes;
    const probes = new Map<string, Attached[]>();
    for (const spec of this.object.programs)
      for (const target of spec.attach) {
        const name = probeName(target, spec);
        if (name === undefined) continue;
        const entry = { spec, cookie: target.cookie };
        const list = probes.get(name);
        if (list === undefined) probes.set(name, [entry]);
        else list.push(entry);
      }
    this.#probes = probes;
    return probes;
  }

  /**
   * Runs a program one instruction at a time by the reference interpreter: yields before every instruction, and returns
   * what `run` would.
   */
  *steps(name?: string, input: RunInput = {}): Generator<Step, RunResult> {
    const loaded = this.#loaded(name);
    const { interpreter, program } = loaded;
    this.#runtime.effects.length = 0;
    this.#enterWorld(program.spec, input);
    const budget = this.#options.budget ?? DEFAULT_BUDGET;
    this.#resetRun(budget);
    this.#running = { loaded, tier: "interpreter", trusted: false };
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
        trap = this.#trapOf(program, error);
      }
    }
    interpreter.coverage = undefined;
    this.#running = undefined;
    return this.#result(trap, budget - this.#memory.budget, input);
  }

  /** Compiles now what `run` would compile when it is hot; false where the program is too large for that. */
  compile(name?: string): boolean {
    return this.#compiled(this.#loaded(name), true) !== undefined;
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
    return this.#verdict(this.#loaded(name)).result;
  }

  /** Does compiled code of this program run without checks, on a context or packet as its type has? */
  isUnchecked(name?: string): boolean {
    return this.#protection(this.#loaded(name), true) !== "checked";
  }

  /** The Wasm that a program is compiled to, for those who want to look at it; undefined where it is too large. */
  wasm(name?: string): Uint8Array | undefined {
    return this.#compiled(this.#loaded(name), true)?.bytes;
  }

  /**
   * Puts packets (or, as "memory", any bytes) into the machine's memory for `runBatch`, in place of those that were there.
   * Throws RangeError when they do not fit in `batchBytes`.
   */
  loadBatch(packets: readonly Uint8Array[], name?: string, as: "packet" | "memory" = "packet"): Batch {
    const { spec } = this.#loaded(name).program;
    const kind = as === "memory" ? "memory" : packetKind(spec.type);
    const memory = this.#memory;
    const { start, end } = this.#batch;
    memory.allow(start, end - start, "none");
    const headroom = kind === "memory" ? 0 : HEADROOM;
    const table = start;
    // Address and length of each, then the answers.
    let at = Math.ceil((table + packets.length * 16) / 8) * 8;
    packets.forEach((packet, i) => {
      const offset = kind === "memory" ? 0 : Math.min(packet.length, packetOffset(spec.type));
      const data = at + headroom;
      if (data + packet.length > end)
        throw new RangeError(`${packets.length} packets do not fit in ${end - start} bytes`);
      memory.u8.set(packet, data);
      memory.u32[(table >>> 2) + i * 2] = data + offset;
      memory.u32[(table >>> 2) + i * 2 + 1] = packet.length - offset;
      memory.allow((data + offset) & ~7, packet.length - offset + ((data + offset) & 7), "write");
      at = Math.ceil((data + packet.length + 8) / 8) * 8;
    });
    return { count: packets.length, table, kind };
  }

  /** Runs a program over every packet of a batch, inside Wasm. */
  runBatch(batch: Batch, name?: string): BatchResult {
    const loaded = this.#loaded(name);
    const memory = this.#memory;
    const trusted =
      batch.kind === packetKind(loaded.program.spec.type) && isAsVerified(loaded.program.spec.type, A_PACKET);
    const protection = this.#protection(loaded, trusted);
    let run = loaded.batches.get(`${batch.kind} ${protection}`);
    if (run === undefined) {
      run = compileBatch(loaded.program, memory, this.#runtime, protection, batch.kind);
      if (run !== undefined) loaded.batches.set(`${batch.kind} ${protection}`, run);
    }
    if (run === undefined) throw new RangeError(`program "${loaded.program.name}" is too large to be compiled`);
    const answers = batch.table + batch.count * 8;
    const traps = new Map<number, Trap>();
    this.#runtime.effects.length = 0;
    if (batch.kind === "memory") this.#runtime.packetKind = "none";
    else this.#enterWorld(loaded.program.spec, A_PACKET);
    this.#running = { loaded, tier: "jit", trusted };
    memory.u32[State.BATCH >>> 2] = batch.table;
    memory.u32[State.AREA_END >>> 2] = this.#batch.end;
    for (;;) {
      this.#resetRun(this.#options.budget ?? DEFAULT_BUDGET);
      try {
        run(answers, answers - batch.table);
        break;
      } catch (error) {
        const entry = memory.u32[State.BATCH >>> 2] as number;
        const at = (entry - batch.table) / 8;
        traps.set(at, this.#trapOf(loaded.program, error));
        memory.i64[(answers >>> 3) + at] = 0n;
        memory.u32[State.BATCH >>> 2] = entry + 8;
      }
    }
    this.#running = undefined;
    return { values: new BigUint64Array(memory.wasm.buffer, answers, batch.count), traps };
  }

  #plan(plan: MemoryPlan, headers: number, layouts: MapLayout[]): void {
    const diagnostics: Diagnostic[] = [];
    this.object.maps.forEach((spec, i) => {
      try {
        const layout = planMap(plan, spec, headers + i * HEADER_BYTES, this.cpus);
        if (layout !== undefined) layouts.push(layout);
        else {
          const message =
            MAP_TYPES[spec.type] === undefined
              ? `map "${spec.name}": there is no type of map ${spec.type}`
              : `map "${spec.name}": the embedded machine has no maps of type ${spec.type}`;
          diagnostics.push({ code: "SCRY7010", severity: "error", message });
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        diagnostics.push({
          code: "SCRY7011",
          severity: "error",
          message: `map "${spec.name}" (${spec.type}) cannot be made: ${error.message}`,
        });
      }
    });
    if (diagnostics.length > 0) throw new DiagnosticError(diagnostics, this.object.source);
  }

  #load(layouts: ReadonlyMap<string, MapLayout>): void {
    const diagnostics: Diagnostic[] = [];
    const { verified, verify = "linux" } = this.#options;
    for (const [index, spec] of this.object.programs.entries()) {
      try {
        const program = prepare(
          spec,
          {
            map: (name) => layouts.get(name)?.header,
            mapValue: (name, offset) => {
              const layout = layouts.get(name);
              if (layout?.kind.shape !== "array" || offset < 0 || offset >= layout.spec.valueSize) return undefined;
              return layout.data + offset;
            },
            hasHelper: (id) => this.#runtime.helper(id) !== undefined,
          },
          this.object.source,
        );
        const safe = typeof verified === "function" ? verified(spec.name) : (verified ?? false);
        let verdict: Loaded["verdict"];
        if (verify === "strict") {
          const { result, complaints, trusted } = judgeNow(this.object, program, this.#isReplaced, verify);
          diagnostics.push(...complaints);
          verdict = { result, trusted };
        }
        this.#stackIsUsed ||= program.usesStack;
        this.#programs.set(spec.name, {
          program,
          trust: safe ? "vouched" : verify === false ? "none" : "ask",
          verdict,
          interpreter: new Interpreter(program, this.#memory, this.#runtime),
          decoded: this.#decoded[index] as number,
          cold: undefined,
          compiled: new Map(),
          tooLarge: false,
          batches: new Map(),
          heat: 0,
        });
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        diagnostics.push(...error.diagnostics);
      }
    }
    if (diagnostics.length > 0) throw new DiagnosticError(diagnostics, this.object.source);
  }

  #loaded(name: string | undefined): Loaded {
    const loaded = name === undefined ? this.#programs.values().next().value : this.#programs.get(name);
    if (loaded === undefined) throw new RangeError(`there is no program ${name === undefined ? "" : `"${name}"`}`);
    return loaded;
  }

  readonly #isReplaced = (id: number): boolean => this.#runtime.replaced.has(id);

  #verdict(loaded: Loaded): NonNullable<Loaded["verdict"]> {
    if (loaded.verdict === undefined) {
      const result = loaded.trust === "ask" ? judge(this.object, loaded.program, this.#isReplaced) : undefined;
      loaded.verdict = { result, trusted: result?.accepted === true };
    }
    return loaded.verdict;
  }

  #protection(loaded: Loaded, asVerified: boolean): Protection {
    if (loaded.trust === "vouched") return "bare";
    return asVerified && loaded.trust === "ask" && this.#verdict(loaded).trusted ? "counted" : "checked";
  }

  #compiled(loaded: Loaded, asVerified: boolean): Compiled | undefined {
    if (loaded.tooLarge) return undefined;
    const protection = this.#protection(loaded, asVerified);
    let compiled = loaded.compiled.get(protection);
    if (compiled === undefined) {
      compiled = compileProgram(loaded.program, this.#memory, this.#runtime, protection);
      if (compiled === undefined) loaded.tooLarge = true;
      else loaded.compiled.set(protection, compiled);
    }
    return compiled;
  }

  /** Compile what will run (or has run) long enough to pay for it. */
  #choose(loaded: Loaded, runs: number, instructions: number): Exclude<Tier, "auto"> {
    const expected = loaded.heat + runs * instructions;
    const hot = loaded.compiled.size > 0 || expected > HOT_AFTER || runs > 10_000;
    if (hot && !loaded.tooLarge) return "jit";
    return expected > COLD_AFTER ? "wasm-interpreter" : "interpreter";
  }

  #resetRun(budget: number): void {
    const memory = this.#memory;
    memory.budget = budget;
    memory.u32[State.MAY_GOTO >>> 2] = MAY_GOTO_TURNS;
    memory.u32[State.TAIL_CALLS >>> 2] = 0;
    memory.u32[State.TRAP_KIND >>> 2] = 0;
    memory.i32[State.TRAP_SLOT >>> 2] = -1;
    memory.u32[State.FRAME >>> 2] = STACK_TOP;
  }

  /** Many runs in one call of compiled code, on one budget for all. */
  #repeat(loaded: Loaded, times: number, budget: number): Trap | undefined {
    this.#memory.budget = Math.min(budget * times, 2 ** 62);
    this.#running = { loaded, tier: "jit", trusted: this.#asVerified };
    try {
      this.#compiled(loaded, this.#asVerified)?.repeat(times);
      return undefined;
    } catch (error) {
      return this.#trapOf(loaded.program, error);
    } finally {
      this.#running = undefined;
    }
  }

  /** Runs a function by one of the tiers, and says what trap it ended in. */
  #execute(loaded: Loaded, tier: Exclude<Tier, "auto">): Trap | undefined {
    const before = this.#running;
    try {
      this.#enter(loaded, tier, this.#asVerified, 0, STACK_TOP);
      return undefined;
    } catch (error) {
      return this.#trapOf(loaded.program, error);
    } finally {
      this.#running = before;
    }
  }

  #enter(loaded: Loaded, tier: Exclude<Tier, "auto">, trusted: boolean, slot: number, frame: number): void {
    this.#running = { loaded, tier, trusted };
    if (tier === "jit") {
      const compiled = this.#compiled(loaded, trusted);
      if (compiled !== undefined) {
        if (compiled.call(slot, frame)) return;
      }
      tier = "wasm-interpreter";
      this.#running.tier = tier;
    }
    if (tier === "wasm-interpreter") {
      if (loaded.cold === undefined) {
        this.#coldEntry ??= instantiateInterpreter(this.#memory, this.#runtime);
        loaded.cold = new ColdEngine(loaded.program, this.#memory, this.#coldEntry, loaded.decoded);
      }
      loaded.cold.call(slot, frame);
    } else loaded.interpreter.call(slot, frame);
  }

  #callBack(slot: number, frame: number): void {
    const running = this.#running;
    if (running === undefined) throw new TrapSignal("internal", "a callback outside of a run");
    if (running.tier === "jit") {
      // Code that is not checked counts its own loops only, not those that helpers make of it.
      if (this.#memory.budget <= 0) throw new TrapSignal("budget", "the run used up its budget of instructions");
      this.#memory.budget -= 1;
    }
    this.#enter(running.loaded, running.tier, running.trusted, slot, frame);
    this.#running = running;
  }

  #tailCall(map: EmbeddedMap, index: number, frame: number): boolean {
    const name = map.programs.get(index);
    const loaded = name === undefined ? undefined : this.#programs.get(name);
    const running = this.#running;
    if (loaded === undefined || running === undefined) return false;
    // A program that is checked may hand on anything for a context.
    const trusted =
      running.trusted &&
      running.loaded.program.spec.type === loaded.program.spec.type &&
      this.#protection(running.loaded, running.trusted) !== "checked";
    this.#enter(loaded, running.tier, trusted, 0, frame);
    this.#running = running;
    return true;
  }

  #trapOf(program: Program, error: unknown): Trap {
    const memory = this.#memory;
    let kind: Trap["kind"] = "internal";
    let message = "";
    let slot = -1;
    const recorded = TRAP_KINDS[memory.u32[State.TRAP_KIND >>> 2] as number];
    if (error instanceof TrapSignal) {
      kind = error.kind;
      message = error.message;
      // Compiled code says where a helper was called before it calls it.
      slot = error.slot >= 0 ? error.slot : (memory.i32[State.TRAP_SLOT >>> 2] as number);
    } else if (recorded !== undefined && recorded !== "none") {
      kind = recorded;
      slot = memory.i32[State.TRAP_SLOT >>> 2] as number;
      message = recordedMessage(memory, kind);
    } else if (error instanceof Error) {
      // Wasm's own traps: in code that is not checked, a wild access; or nesting that is too deep.
      const depth = error instanceof RangeError;
      const wild = /out of bounds/.test(error.message);
      kind = depth ? "call-depth" : wild ? "read" : "internal";
      message = wild ? "an access outside of the machine's memory" : error.message;
    }
    memory.u32[State.TRAP_KIND >>> 2] = 0;
    const span = spanOf(program, slot);
    return { kind, slot, message, ...(span === undefined ? {} : { span }) };
  }

  /** Sets up who runs, and r1 and r2. */
  #enterWorld(spec: ProgramSpec, input: RunInput): void {
    const memory = this.#memory;
    const runtime = this.#runtime;
    const cpu = input.cpu ?? 0;
    if (!(cpu >= 0 && cpu < this.cpus)) throw new RangeError(`CPU ${cpu}: there are ${this.cpus}`);
    const pid = input.pid ?? 0;
    const tid = input.tid ?? pid;
    memory.u32[State.CPU >>> 2] = cpu;
    memory.u32[State.PID_TGID >>> 2] = tid;
    memory.u32[(State.PID_TGID >>> 2) + 1] = pid;
    memory.u32[State.UID_GID >>> 2] = input.uid ?? 0;
    memory.u32[(State.UID_GID >>> 2) + 1] = input.gid ?? 0;
    if (input.comm !== this.#comm) {
      this.#comm = input.comm;
      memory.u8.fill(0, State.COMM, State.COMM + 16);
      memory.u8.set(new TextEncoder().encode(input.comm ?? "").subarray(0, 15), State.COMM);
    }
    if (input.task !== undefined) memory.i64[State.TASK >>> 3] = BigInt.asIntN(64, input.task);
    else {
      memory.u32[State.TASK >>> 2] = tid * TASK_BYTES;
      memory.u32[(State.TASK >>> 2) + 1] = TASK_HIGH + Math.floor((tid * TASK_BYTES) / 4294967296);
    }
    if (input.cookie !== undefined) memory.i64[State.COOKIE >>> 3] = BigInt.asIntN(64, input.cookie);
    else memory.u32[State.COOKIE >>> 2] = memory.u32[(State.COOKIE >>> 2) + 1] = 0;
    runtime.kernelStack = input.kernelStack ?? NO_STACK;
    runtime.userStack = input.userStack ?? NO_STACK;
    runtime.returnValue = 0;
    runtime.contextBytes = 0;
    runtime.packetKind = "none";
    this.#asVerified = isAsVerified(spec.type, input);
    memory.allow(CONTEXT, this.#contextBytes, "none");
    this.#contextBytes = input.packet === undefined ? 0 : SkBuff.BYTES;
    if (this.#stackIsUsed) memory.u8.fill(0, STACK_BASE, STACK_TOP);
    const registers = State.REGISTERS >>> 2;
    for (let i = 0; i < 22; i++) memory.u32[registers + i] = 0;
    memory.u32[registers + 2] = CONTEXT;
    if (input.packet !== undefined) {
      runtime.packetKind = packetKind(spec.type);
      // What a run on plain memory left open of the same area.
      memory.allow(this.#packet.start, this.#memoryBytes, "none");
      this.#memoryBytes = 0;
      placePacket(memory, this.#packet, spec.type, input.packet, input);
    } else if (input.memory !== undefined) {
      this.#placeMemory(input.memory);
    } else {
      const bytes =
        input.context === undefined
          ? new Uint8Array(0)
          : input.context instanceof Uint8Array
            ? input.context
            : new Uint8Array(BigInt64Array.from(input.context.map((word) => BigInt.asIntN(64, word))).buffer);
      if (bytes.length > CONTEXT_BYTES) throw new RangeError(`a context of ${bytes.length} bytes; 65536 is the most`);
      const room = hasContextOfNumbers(spec.type) ? Math.max(bytes.length, CONTEXT_FLOOR) : bytes.length;
      memory.u8.fill(0, CONTEXT + bytes.length, CONTEXT + room);
      memory.u8.set(bytes, CONTEXT);
      memory.allow(CONTEXT, room, "write");
      this.#contextBytes = (room + 7) & ~7;
      runtime.contextBytes = bytes.length;
    }
  }

  #placeMemory(bytes: Uint8Array): void {
    const memory = this.#memory;
    const { start, end } = this.#packet;
    if (start + bytes.length > end) throw new RangeError(`${bytes.length} bytes of memory; 65536 is the most`);
    memory.allow(start, this.#memoryBytes, "none");
    setPacket(memory, start, start);
    this.#memoryBytes = (bytes.length + 7) & ~7;
    memory.u32[State.PACKET >>> 2] = start;
    memory.u32[State.PACKET_END >>> 2] = start + bytes.length;
    memory.u32[State.PACKET_NETWORK >>> 2] = start;
    memory.u8.set(bytes, start);
    memory.allow(start, bytes.length, "write");
    memory.u32[(State.REGISTERS >>> 2) + 2] = bytes.length === 0 ? 0 : start;
    memory.u32[(State.REGISTERS >>> 2) + 4] = bytes.length;
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

function recordedMessage(memory: Memory, kind: Trap["kind"]): string {
  switch (kind) {
    case "read":
    case "write":
      return accessMessage(
        kind === "write",
        memory.u32[State.TRAP_SIZE >>> 2] as number,
        memory.u32[State.TRAP_ADDRESS >>> 2] as number,
        memory.u32[(State.TRAP_ADDRESS >>> 2) + 1] as number,
      );
    case "budget":
      return "the run used up its budget of instructions";
    case "call-depth":
      return "more than 8 frames of local calls";
    default:
      return "there is no instruction here";
  }
}
