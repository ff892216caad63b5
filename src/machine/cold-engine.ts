import type { Memory } from "./memory.ts";
import { Interpreter } from "./interpreter.ts";
import type { Program } from "./program.ts";
import type { Runtime } from "./runtime.ts";
export class ColdEngine {
  readonly #i: Interpreter;
  constructor(program: Program, memory: Memory, runtime: Runtime) {
    this.#i = new Interpreter(program, memory, runtime);
  }
  call(slot: number, frame: number): void {
    this.#i.call(slot, frame);
  }
}
