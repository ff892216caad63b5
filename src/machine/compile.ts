// A program to a module of Wasm: a function for each function of the program, those of the maps that it uses, and the
// entries that the machine calls.
//
//     run()                       the entry, with r1 to r5 from the state page, r0 to it
//     call_SLOT(frame)            a callback, the same way
//     repeat(n)                   the same, n times
//
// A batch is a module of its own, with one function: the entry over n packets, in a loop.

import { SkBuff, XdpMd } from "../object/index.ts";
import {
  Access,
  compileWasm,
  I32,
  I64,
  instantiateWasm,
  type ValueType,
  Wasm,
  type WasmFunction,
  type WasmFunctionBuilder,
  WasmModule,
} from "../wasm/index.ts";
import { compileFunction } from "./compile-function.ts";
import { type FramePlace, FunctionState, type Given, type ModuleState } from "./compile-state.ts";
import { Op, WORDS } from "./decoded.ts";
import { type Flow, flowOf } from "./flow.ts";
import { CONTEXT, MAY_GOTO_TURNS, type Memory, STACK_TOP, State } from "./memory.ts";
import { HEADROOM } from "./packet.ts";
import type { Program } from "./program.ts";
import type { Protection } from "./proof.ts";
import type { Batch } from "./run.ts";
import type { Runtime } from "./runtime.ts";
import { TRAP_KINDS } from "./trap.ts";
import { createMapFunctions, type MapFunctions } from "./wasm-maps.ts";
import { type Widths, widthsOf } from "./widths.ts";

/** A program as Wasm, bound to its machine. */
export interface Compiled {
  readonly bytes: Uint8Array;
  /** Runs the entry, or a callback, with its frame at that address; false where it was not compiled for that. */
  readonly call: (slot: number, frame: number) => boolean;
  /** Runs the entry so often with the same r1 to r5. */
  readonly repeat: (times: number) => void;
}

/**
 * Runs the entry on each packet of a table from State.BATCH to `end`, and puts each answer so far behind the packet's
 * entry.
 */
export type CompiledBatch = (end: number, distance: number) => void;

/** No more instructions than so many times those of the program are written, however its functions overlap. */
const GROWTH = 4;
/** Loops in loops: V8 looks through each when it compiles it. */
const NESTED = 500;
/** Bytes; V8 takes no function of more than 7,654,321. */
const LARGEST = 7_500_000;
/** Instructions that calls written in place may add. */
const INLINE_TOTAL = 4000;

/**
 * Undefined for what would not end well: functions that share so much code that compiling them one by one takes forever,
 * loops nested so deep that V8 does, and more code than it takes.
 */
export function compileProgram(
  program: Program,
  memory: Memory,
  runtime: Runtime,
  protection: Protection,
): Compiled | undefined {
  const compiler = new ModuleCompiler(program, memory, runtime, protection);
  return compiler.feasible ? compiler.compile() : undefined;
}

/** The same for batches of a kind. */
export function compileBatch(
  program: Program,
  memory: Memory,
  runtime: Runtime,
  protection: Protection,
  kind: Batch["kind"],
): CompiledBatch | undefined {
  const compiler = new ModuleCompiler(program, memory, runtime, protection);
  return compiler.feasible ? compiler.compileBatch(kind) : undefined;
}

class ModuleCompiler implements ModuleState {
  readonly program: Program;
  /** Every access is checked, and every instruction counted. */
  readonly checked: boolean;
  /** Turns of loops are counted. */
  readonly counted: boolean;
  /** Where the machine's addresses end and its shadow begins. */
  readonly limit: number;
  readonly memory: Memory;
  readonly runtime: Runtime;
  readonly feasible: boolean;
  /** Calls may nest deeper than eight: recursion, long chains, or callbacks on top of others. */
  readonly depthIsUnknown: boolean;
  readonly wasm: WasmModule;
  readonly maps: MapFunctions;
  readonly anyHelperFunction: number;
  readonly packetFunction: number;
  checkFunction = 0;
  readonly #flows = new Map<number, Flow>();
  readonly #widths = new Map<number, Widths>();
  readonly #calls = new Map<number, Set<number>>();
  readonly #helpers = new Map<number, number>();
  readonly #functions = new Map<number, WasmFunctionBuilder>();
  readonly #costs = new WeakMap<Flow, Int32Array>();
  #entry = 0;
  #inlined = 0;

  constructor(program: Program, memory: Memory, runtime: Runtime, protection: Protection) {
    this.program = program;
    this.memory = memory;
    this.runtime = runtime;
    this.checked = protection === "checked";
    this.limit = memory.limit;
    this.feasible = this.#findFunctions();
    const loops = [...this.#flows.values()].some((flow) => flow.loopHead.includes(1));
    this.counted = this.checked || (protection === "counted" && loops);
    this.depthIsUnknown = program.callbacks.size > 0 || this.#depth() > 7;
    this.wasm = new WasmModule(memory.wasm.buffer.byteLength / 65536);
    for (const id of program.helpers) this.#helpers.set(id, this.wasm.import(`helper_${id}`, [], [I32]));
    this.anyHelperFunction = this.wasm.import("helper", [I32], [I32]);
    this.packetFunction = this.wasm.import("packet", [I32, I32], [I32]);
    this.maps = createMapFunctions(this.wasm, memory, runtime);
  }

  flow(slot: number): Flow {
    let flow = this.#flows.get(slot);
    if (flow === undefined) this.#flows.set(slot, (flow = flowOf(this.program, slot)));
    return flow;
  }

  /** The widths of a function's registers, when r1 to r5 may be anything and the others are 0. */
  widths(slot: number): Widths {
    let widths = this.#widths.get(slot);
    if (widths === undefined) {
      const bound = (register: number): number => (register >= 1 && register <= 5 ? Number.POSITIVE_INFINITY : 0);
      this.#widths.set(slot, (widths = this.#widthsFor(slot, bound)));
    }
    return widths;
  }

  #widthsFor(slot: number, entryBound: (register: number) => number): Widths {
    const { program, checked } = this;
    return widthsOf({
      program,
      flow: this.flow(slot),
      checked,
      entryBound,
      isReplaced: (helper) => this.isReplaced(helper),
    });
  }

  helperFunction(id: number): number {
    return this.#helpers.get(id) as number;
  }

  /** True for a helper that the user of the machine put in place of the machine's own. */
  isReplaced(id: number): boolean {
    return this.runtime.replaced.has(id);
  }

  inline(fn: FunctionState, given: Given): void {
    compileFunction(fn, given);
  }

  functionIndex(slot: number): number {
    return (this.#functions.get(slot) as WasmFunctionBuilder).index;
  }

  /** Calls no other function of the program. */
  isLeaf(slot: number): boolean {
    return (this.#calls.get(slot) as Set<number>).size === 0;
  }

  mayInline(instructions: number): boolean {
    if (this.#inlined + instructions > INLINE_TOTAL) return false;
    this.#inlined += instructions;
    return true;
  }

  /** Instructions from a loop's head to the last block that jumps back to it, in reverse post-order. */
  loopCost(flow: Flow, head: number): number {
    let costs = this.#costs.get(flow);
    if (costs === undefined) {
      const sums = new Int32Array(flow.blocks.length + 1);
      flow.blocks.forEach((block, i) => {
        sums[i + 1] = (sums[i] as number) + (block.end - block.start);
      });
      costs = new Int32Array(flow.blocks.length);
      for (const block of flow.blocks) {
        for (const to of block.next)
          if (to <= block.index) costs[to] = (sums[block.index + 1] as number) - (sums[to] as number);
      }
      this.#costs.set(flow, costs);
    }
    return Math.max(1, costs[head] as number);
  }

  /** Functions for all that is called; none is empty when this returns. */
  #declare(): void {
    const { wasm } = this;
    if (this.checked) this.checkFunction = this.#check();
    const entry = wasm.function([I64, I64, I64, I64, I64], [I64]);
    this.#entry = entry.index;
    // The entry is a function like others only for those that call it.
    const called = new Set([...this.program.callbacks, ...[...this.#calls.values()].flatMap((calls) => [...calls])]);
    for (const slot of called) {
      this.#functions.set(slot, wasm.function([...this.#arguments(slot).map(() => I64 as ValueType), I32], [I64]));
    }
    this.#function(0, entry, [1, 2, 3, 4, 5], { local: undefined, offset: STACK_TOP });
    for (const [slot, builder] of this.#functions) {
      const given = this.#arguments(slot);
      this.#function(slot, builder, given, { local: given.length, offset: 0 });
    }
    for (const slot of this.program.callbacks) {
      const callback = wasm.function([I32], [], `call_${slot}`);
      const { code } = callback;
      code.i32(0);
      for (const register of this.#arguments(slot)) code.i32(0).access(Access.i64_load, State.REGISTERS + register * 8);
      code.get(0).call(this.functionIndex(slot)).access(Access.i64_store, State.REGISTERS);
    }
  }

  #instantiate(bytes: Uint8Array): { readonly [name: string]: WasmFunction } {
    const { runtime } = this;
    const env: { [name: string]: unknown } = {
      memory: this.memory.wasm,
      helper: (id: number) => (runtime.callHelper(id) ? 1 : 0),
      packet: (offset: number, size: number) => (runtime.loadPacket(offset, size) ? 1 : 0),
    };
    for (const id of this.program.helpers) {
      const helper = runtime.helper(id);
      if (helper !== undefined) env[`helper_${id}`] = () => (runtime.runHelper(helper) ? 1 : 0);
    }
    return instantiateWasm(compileWasm(bytes), { env });
  }

  compile(): Compiled | undefined {
    this.#declare();
    this.#run();
    this.#repeat();
    const bytes = this.wasm.finish();
    if (bytes.length > LARGEST) return undefined;
    const exports = this.#instantiate(bytes);
    const run = exports.run as WasmFunction;
    const repeat = exports.repeat as WasmFunction;
    return {
      bytes,
      call: (slot, frame) => {
        if (slot === 0 && frame === STACK_TOP) {
          run();
          return true;
        }
        const callback = exports[`call_${slot}`];
        if (callback === undefined) return false;
        callback(frame);
        return true;
      },
      repeat: (times) => {
        repeat(times);
      },
    };
  }

  /** Finds what is called, by the flow of what calls it; false when that grows out of proportion. */
  #findFunctions(): boolean {
    const { program } = this;
    const work = [0, ...program.callbacks];
    let total = 0;
    while (work.length > 0) {
      const slot = work.pop() as number;
      if (this.#calls.has(slot)) continue;
      const flow = this.flow(slot);
      total += flow.instructions;
      if (total > GROWTH * program.slots + 1000 || flow.loopDepth > NESTED) return false;
      const calls = new Set<number>();
      for (const block of flow.blocks) {
        for (let at = block.start; at <= block.last && at < program.slots; at++) {
          if (program.code[at * WORDS] === Op.CALL_LOCAL) calls.add(program.code[at * WORDS + 3] as number);
        }
      }
      this.#calls.set(slot, calls);
      work.push(...calls);
    }
    return true;
  }

  /** Frames of the longest chain of calls; 8 stands for any more, and for recursion. */
  #depth(): number {
    let level = new Set([0]);
    for (let depth = 0; depth < 8; depth++) {
      const next = new Set<number>();
      for (const slot of level) for (const callee of this.#calls.get(slot) ?? []) next.add(callee);
      if (next.size === 0) return depth;
      level = next;
    }
    return 8;
  }

  #arguments(slot: number): number[] {
    const live = this.flow(slot).liveIn[0] as number;
    return [1, 2, 3, 4, 5].filter((register) => ((live >> register) & 1) === 1);
  }

  #function(slot: number, builder: WasmFunctionBuilder, given: readonly number[], frame: FramePlace): void {
    compileFunction(new FunctionState(this, builder, this.flow(slot), frame, this.widths(slot)), (register) => {
      const place = given.indexOf(register);
      if (place < 0) return undefined;
      builder.code.get(place);
      return I64;
    });
  }

  /** `check(address, size, write, slot)`: exact, byte by byte of the shadow; a trap where it says no. */
  #check(): number {
    const fn = this.wasm.function([I64, I32, I32, I32], []);
    const { code } = fn;
    const at = fn.local(I32);
    const left = fn.local(I32);
    const room = fn.local(I32);
    const [address, size, write, slot] = [0, 1, 2, 3];
    code.block();
    code.get(address).i64(this.limit, 0).op(Wasm.i64_ge_u).brIf(0);
    code.get(address).get(size).op(Wasm.i64_extend_i32_u, Wasm.i64_add).i64(this.limit, 0).op(Wasm.i64_gt_u).brIf(0);
    code.get(address).op(Wasm.i32_wrap).set(at).get(size).set(left);
    code.loop();
    code.get(left).op(Wasm.i32_eqz).if().op(Wasm.return).end();
    code.get(at).i32(3).op(Wasm.i32_shr_u).access(Access.i32_load8_u, this.limit);
    code.i32(0).i32(4).get(write).op(Wasm.select, Wasm.i32_shr_u).i32(15).op(Wasm.i32_and).set(room);
    // What is wanted of this word: up to its end, or the rest.
    code
      .get(at)
      .i32(7)
      .op(Wasm.i32_and)
      .get(left)
      .op(Wasm.i32_add)
      .get(room)
      .op(Wasm.i32_le_u)
      .if()
      .op(Wasm.return)
      .end();
    code.get(room).i32(8).op(Wasm.i32_ne).brIf(1);
    code.get(left).i32(8).get(at).i32(7).op(Wasm.i32_and, Wasm.i32_sub, Wasm.i32_sub).set(left);
    code.get(at).i32(-8).op(Wasm.i32_and).i32(8).op(Wasm.i32_add).set(at);
    code.br(0).end().end();
    code.i32(0).get(address).access(Access.i64_store, State.TRAP_ADDRESS);
    code.i32(0).get(size).access(Access.i32_store, State.TRAP_SIZE);
    code.i32(0).get(slot).access(Access.i32_store, State.TRAP_SLOT);
    code.i32(0).i32(TRAP_KINDS.indexOf("write")).i32(TRAP_KINDS.indexOf("read")).get(write).op(Wasm.select);
    code.access(Access.i32_store, State.TRAP_KIND).op(Wasm.unreachable);
    return fn.index;
  }

  /** `run()`: the entry, with r1 to r5 from the state page. */
  #run(): void {
    const run = this.wasm.function([], [], "run");
    run.code.i32(0);
    for (let register = 1; register <= 5; register++)
      run.code.i32(0).access(Access.i64_load, State.REGISTERS + register * 8);
    run.code.call(this.#entry).access(Access.i64_store, State.REGISTERS);
  }

  /** `repeat(n)`: as `run`, n times with the same r1 to r5. */
  #repeat(): void {
    const fn = this.wasm.function([I32], [], "repeat");
    const { code } = fn;
    const registers = [1, 2, 3, 4, 5].map((register) => {
      const local = fn.local(I64);
      code
        .i32(0)
        .access(Access.i64_load, State.REGISTERS + register * 8)
        .set(local);
      return local;
    });
    code.loop();
    code.i32(0).i32(MAY_GOTO_TURNS).access(Access.i32_store, State.MAY_GOTO);
    code.i32(0).i32(0).access(Access.i32_store, State.TAIL_CALLS);
    code.i32(0);
    for (const local of registers) code.get(local);
    code.call(this.#entry).access(Access.i64_store, State.REGISTERS);
    code.get(0).i32(1).op(Wasm.i32_sub).tee(0).brIf(0).end();
  }

  /** The entry over n packets, written into the loop itself: a call and its stack check cost as much as a small filter. */
  compileBatch(kind: Batch["kind"]): CompiledBatch | undefined {
    const { wasm } = this;
    this.#declare();
    const fn = wasm.function([I32, I32], [], "batch");
    const { code } = fn;
    const [end, distance] = [0, 1];
    const flow = this.flow(0);
    const frame = { local: undefined, offset: STACK_TOP };
    // Packets and the context lie in the machine's memory, and lengths are less than that.
    const bound = (register: number): number => (register === 1 || register === 2 ? this.limit : 0);
    const widths = this.#widthsFor(0, bound);
    const host = new FunctionState(this, fn, flow, frame, widths);
    const answer = fn.local(I64);
    const entry = fn.local(I32);
    const data = fn.local(I32);
    const length = fn.local(I32);
    const dataEnd = fn.local(I32);
    const word = (base: number, offset: number, local: number): void => {
      code
        .i32(0)
        .get(local)
        .access(Access.i32_store, base + offset);
    };
    // As few numbers as can be are kept from one packet to the next: the program wants the registers.
    code.i32(0).access(Access.i32_load, State.BATCH).set(entry);
    code.block().loop();
    host.height = 2;
    code.get(entry).get(end).op(Wasm.i32_ge_u).brIf(1);
    word(State.BATCH, 0, entry);
    code.get(entry).access(Access.i32_load, 0).set(data);
    code.get(entry).access(Access.i32_load, 4).set(length);
    if (kind !== "memory") {
      code.get(data).get(length).op(Wasm.i32_add).set(dataEnd);
      word(State.PACKET, 0, data);
      word(State.PACKET_END, 0, dataEnd);
      code.i32(0).get(data).i32(14).op(Wasm.i32_add).access(Access.i32_store, State.PACKET_NETWORK);
      code.i32(0).get(data).i32(HEADROOM).op(Wasm.i32_sub).access(Access.i32_store, State.AREA);
    }
    if (kind === "xdp") {
      word(CONTEXT, XdpMd.DATA, data);
      word(CONTEXT, XdpMd.DATA_END, dataEnd);
      word(CONTEXT, XdpMd.DATA_META, data);
    }
    if (kind === "skb") {
      word(CONTEXT, SkBuff.DATA, data);
      word(CONTEXT, SkBuff.DATA_META, data);
      word(CONTEXT, SkBuff.DATA_END, dataEnd);
      word(CONTEXT, SkBuff.LEN, length);
      word(CONTEXT, SkBuff.WIRE_LEN, length);
      code
        .i32(0)
        .get(data)
        .access(Access.i32_load16_u, 12)
        .access(Access.i32_store, CONTEXT + SkBuff.PROTOCOL);
    }
    host.loadBudget();
    compileFunction(new FunctionState(this, fn, flow, frame, widths, { host, answer }), (register) => {
      if (register === 1 && kind !== "memory") code.i32(CONTEXT);
      else if (register === 1) code.get(data);
      else if (register === 2 && kind === "memory") code.get(length);
      else return undefined;
      return I32;
    });
    code.get(entry).get(distance).op(Wasm.i32_add).get(answer).access(Access.i64_store, 0);
    code.get(entry).i32(8).op(Wasm.i32_add).set(entry).br(0);
    code.end().end();
    const bytes = wasm.finish();
    return bytes.length > LARGEST ? undefined : (this.#instantiate(bytes).batch as CompiledBatch);
  }
}
