// One program on the Wasm interpreter: its instructions decoded into the machine's memory, and the calls into Wasm.

import { compileWasm, instantiateWasm, type WasmFunction } from "../wasm/index.ts";
import { Op, WORDS } from "./decoded.ts";
import { FRAME_BYTES, type Memory, STACK_TOP, State } from "./memory.ts";
import type { Program } from "./program.ts";
import type { Runtime } from "./runtime.ts";
import { TrapSignal } from "./trap.ts";
import { DECODED_BYTES, interpreterBytes } from "./wasm-interpreter.ts";

/** The interpreter in Wasm: compiled once, for all programs of all machines. */
let interpreter: object | undefined;

/** Instructions between two looks at the budget. */
const SLICE = 0x3fffffff;

/** The interpreter's entry for a machine; one for all its programs. */
export function instantiateInterpreter(memory: Memory, runtime: Runtime): WasmFunction {
  const env = {
    memory: memory.wasm,
    limit: memory.limit | 0,
    helper: (id: number) => (runtime.callHelper(id) ? 1 : 0),
    packet: (offset: number, size: number) => (runtime.loadPacket(offset, size) ? 1 : 0),
  };
  return instantiateWasm((interpreter ??= compileWasm(interpreterBytes())), { env }).run as WasmFunction;
}

export class ColdEngine {
  readonly #memory: Memory;
  readonly #run: WasmFunction;
  readonly #code: number;

  /** `code`: the address of room for the program's decoded instructions, and one more. */
  constructor(program: Program, memory: Memory, run: WasmFunction, code: number) {
    this.#memory = memory;
    this.#run = run;
    this.#code = code;
    decodeInto(memory, program, code);
  }

  /** Runs a function to its end, as the reference interpreter does. Throws a TrapSignal, or what Wasm throws. */
  call(slot: number, frame: number): void {
    const memory = this.#memory;
    const r = memory.i64;
    const first = State.REGISTERS >>> 3;
    const saved: bigint[] = [];
    for (let i = 6; i < 11; i++) saved.push(r[first + i] as bigint);
    for (const register of [0, 6, 7, 8, 9]) r[first + register] = 0n;
    r[first + 10] = BigInt(frame);
    const depth = (STACK_TOP - frame) / FRAME_BYTES;
    memory.i32[State.PC >>> 2] = this.#code + slot * DECODED_BYTES;
    memory.i32[State.DEPTH >>> 2] = depth;
    for (;;) {
      const left = memory.budget;
      if (left <= 0) throw new TrapSignal("budget", "the run used up its budget of instructions", this.#slot());
      const slice = left < SLICE ? left : SLICE;
      const pc = memory.i32[State.PC >>> 2] as number;
      if (this.#run(pc, memory.i32[State.DEPTH >>> 2] as number, depth, this.#code, slice) === 0) break;
    }
    for (let i = 6; i < 11; i++) r[first + i] = saved[i - 6] as bigint;
  }

  #slot(): number {
    return ((this.#memory.i32[State.PC >>> 2] as number) - this.#code) / DECODED_BYTES;
  }
}

/** Bytes that a program of so many slots takes. */
export const decodedBytes = (slots: number): number => (slots + 1) * DECODED_BYTES;

const register = (number: number): number => State.REGISTERS + number * 8;

function decodeInto(memory: Memory, program: Program, at: number): void {
  for (let slot = 0; slot <= program.slots; slot++) {
    const words = slot * WORDS;
    const to = (at + slot * DECODED_BYTES) >>> 2;
    const op = program.code[words] as number;
    const type = op & 7;
    // Branches, jumps and local calls go to a slot, everything else has a distance.
    const target = op === Op.CALL_LOCAL || type === 5 || type === 6;
    const off = program.code[words + 3] as number;
    memory.i32[to] = op;
    memory.i32[to + 1] = register(program.code[words + 1] as number);
    memory.i32[to + 2] = register(program.code[words + 2] as number);
    memory.i32[to + 3] = target ? at + off * DECODED_BYTES : off;
    memory.i32[to + 4] = program.code[words + 4] as number;
    memory.i32[to + 5] = program.code[words + 5] as number;
  }
}
