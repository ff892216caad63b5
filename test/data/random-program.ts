// Random programs that the kernel's verifier accepts: every arithmetic operation of both widths, loads and stores of all
// sizes on the stack and in a map's value, atomics, branches of all kinds, bounded loops, local calls, helpers of maps.
// The same seed gives the same program.

import {
  Alu,
  Atomic,
  aluImm,
  aluReg,
  atomic,
  branchImm,
  branchReg,
  callHelper,
  callLocal,
  exit,
  type Instruction,
  Jmp,
  type JumpCode,
  load,
  loadAcquire,
  loadSigned,
  type MemoryBits,
  movImm,
  movReg,
  neg,
  signExtend,
  slotsOf,
  storeImm,
  storeReg,
  storeRelease,
  swap,
  wide,
} from "../../src/isa/index.ts";
import type { BpfObject, ObjectInstruction } from "../../src/object/index.ts";

/** Numbers in [0, 2^32), by mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Bytes of the value that a program works on. */
export const STATE_BYTES = 64;
const POINTER = 9;
const COUNTER = 8;
/** Stack below the words that all loads and stores use is for keys and values. */
const STACK_WORDS = 8;

const ALU = [
  Alu.ADD,
  Alu.SUB,
  Alu.MUL,
  Alu.DIV,
  Alu.OR,
  Alu.AND,
  Alu.LSH,
  Alu.RSH,
  Alu.MOD,
  Alu.XOR,
  Alu.MOV,
  Alu.ARSH,
];
const JUMPS: readonly JumpCode[] = [
  Jmp.JEQ,
  Jmp.JGT,
  Jmp.JGE,
  Jmp.JSET,
  Jmp.JNE,
  Jmp.JSGT,
  Jmp.JSGE,
  Jmp.JLT,
  Jmp.JLE,
  Jmp.JSLT,
  Jmp.JSLE,
];
const INTERESTING = [
  0, 1, 2, 7, 8, 31, 32, 63, 255, 256, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -1, -2, -128, -0x80000000,
];

class Generator {
  readonly code: ObjectInstruction[] = [];
  readonly #next: () => number;
  readonly #withMaps: boolean;

  constructor(next: () => number, withMaps: boolean) {
    this.#next = next;
    this.#withMaps = withMaps;
  }

  below(n: number): number {
    return this.#next() % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  scalar(): number {
    return this.below(8);
  }
  immediate(): number {
    return this.below(3) === 0 ? this.#next() | 0 : this.pick(INTERESTING);
  }
  emit(...instructions: readonly ObjectInstruction[]): void {
    this.code.push(...instructions);
  }

  setScalars(first: number, last: number): void {
    for (let register = first; register <= last; register++) {
      if (this.below(2) === 0) this.emit(movImm(register, this.immediate()));
      else this.emit(wide(register, (BigInt(this.#next()) << 32n) | BigInt(this.#next())));
    }
  }

  /** A random stretch; `depth` 0 has no branches, loops or calls. */
  body(count: number, depth: number): void {
    for (let i = 0; i < count; i++) {
      const kind = this.below(depth > 0 ? 20 : 14);
      if (kind < 6) this.arithmetic();
      else if (kind < 8) this.unary();
      else if (kind < 10) this.memory();
      else if (kind < 11) this.indexed();
      else if (kind < 12) this.atomic();
      else if (kind < 14) this.rotation();
      else if (kind < 17) this.branch(depth);
      else if (kind < 18) this.loop(depth);
      else if (this.#withMaps) this.mapCall();
      else this.arithmetic();
    }
  }

  arithmetic(): void {
    const width = this.pick([32, 64] as const);
    const code = this.pick(ALU);
    const signed = (code === Alu.DIV || code === Alu.MOD) && this.below(2) === 0;
    const dst = this.scalar();
    const shift = code === Alu.LSH || code === Alu.RSH || code === Alu.ARSH;
    if (this.below(2) === 0) this.emit(aluReg(code, width, dst, this.scalar(), signed));
    else if (shift) this.emit(aluImm(code, width, dst, this.below(width)));
    else {
      const imm = this.immediate();
      const divides = code === Alu.DIV || code === Alu.MOD;
      this.emit(aluImm(code, width, dst, divides && imm === 0 ? 3 : imm, signed));
    }
  }

  unary(): void {
    const dst = this.scalar();
    const width = this.pick([32, 64] as const);
    switch (this.below(4)) {
      case 0:
        this.emit(neg(dst, width));
        return;
      case 1:
        this.emit(swap(this.pick(["le", "be", "bswap"] as const), dst, this.pick([16, 32, 64] as const)));
        return;
      case 2:
        this.emit(signExtend(dst, this.scalar(), this.pick(width === 64 ? [8, 16, 32] : [8, 16]) as 8, width));
        return;
      default:
        this.emit(wide(dst, (BigInt(this.#next()) << 32n) | BigInt(this.#next())));
        return;
    }
  }

  /** What compilers make of a rotation, sometimes a little wrong. */
  rotation(): void {
    const width = this.pick([32, 64] as const);
    const bits = 1 + this.below(width - 1);
    const [a, b] = [this.scalar(), this.scalar()];
    if (a === b) return;
    this.emit(movReg(a, b, width));
    this.emit(
      aluImm(Alu.LSH, width, a, bits),
      aluImm(Alu.RSH, width, b, this.below(8) === 0 ? this.below(width) : width - bits),
    );
    this.emit(aluReg(this.pick([Alu.OR, Alu.XOR, Alu.ADD]), width, a, b));
  }

  place(bits: number): { base: number; off: number } {
    const bytes = bits / 8;
    if (this.below(2) === 0) return { base: POINTER, off: this.below(STATE_BYTES / bytes) * bytes };
    return { base: 10, off: -8 * STACK_WORDS + this.below((8 * STACK_WORDS) / bytes) * bytes };
  }

  memory(): void {
    const bits = this.pick([8, 16, 32, 64] as readonly MemoryBits[]);
    const { base, off } = this.place(bits);
    switch (this.below(4)) {
      case 0:
        this.emit(load(bits, this.scalar(), base, off));
        return;
      case 1:
        this.emit(bits === 64 ? load(bits, this.scalar(), base, off) : loadSigned(bits, this.scalar(), base, off));
        return;
      case 2:
        this.emit(storeImm(bits, base, off, this.immediate()));
        return;
      default:
        this.emit(storeReg(bits, base, off, this.scalar()));
        return;
    }
  }

  atomic(): void {
    const bits = this.pick([32, 64] as const);
    const { base, off } = this.place(bits);
    const plain = this.pick([Atomic.ADD, Atomic.OR, Atomic.AND, Atomic.XOR]);
    const fetch = this.below(2) === 0 ? Atomic.FETCH : 0;
    const code = this.pick([plain | fetch, plain | fetch, Atomic.XCHG, Atomic.CMPXCHG]);
    if (this.below(6) === 0)
      this.emit(loadAcquire(bits, this.scalar(), base, off), storeRelease(bits, base, off, this.scalar()));
    else {
      this.emit(atomic(code, bits, base, off, this.scalar()));
      // Linux 6.18 forgets to clear the upper half of r0 where the path behind this one was pruned, since x86 writes
      // eax only when the values differ (seen with seed 1410793293; RFC 9669 wants it cleared).
      if (code === Atomic.CMPXCHG && bits === 32) this.emit(movReg(0, 0, 32));
    }
  }

  slotsFrom(index: number): number {
    return this.code.slice(index).reduce((sum, instruction) => sum + slotsOf(instruction.op), 0);
  }

  branch(depth: number): void {
    const width = this.pick([32, 64] as const);
    const code = this.pick(JUMPS);
    const at = this.code.length;
    const test = (off: number): Instruction =>
      registerForm ? branchReg(code, width, dst, src, off) : branchImm(code, width, dst, imm, off);
    const registerForm = this.below(2) === 0;
    const [dst, src, imm] = [this.scalar(), this.scalar(), this.immediate()];
    this.emit(test(0));
    this.body(1 + this.below(4), depth - 1);
    if (this.below(2) === 0) {
      this.code[at] = test(this.slotsFrom(at + 1));
      return;
    }
    const over = this.code.length;
    this.emit(movImm(0, 0));
    this.code[at] = test(this.slotsFrom(at + 1));
    this.body(1 + this.below(4), depth - 1);
    this.code[over] = { op: 0x05, dst: 0, src: 0, off: this.slotsFrom(over + 1), imm: 0 };
  }

  loop(depth: number): void {
    // One at a time: the counter is a register of its own, and an inner loop would take it.
    if (depth < 3) {
      this.arithmetic();
      return;
    }
    const turns = 1 + this.below(4);
    const up = this.below(2) === 0;
    const step = up ? this.pick([1, 2, 8, 0x1000_0000]) : -1;
    const first = up ? this.pick([0, 0, 3, 0x7000_0000]) : turns;
    const end = up ? first + turns * step : 0;
    // A bound that 32 bits of an immediate cannot say: counted down then.
    if (end > 0x7fff_ffff) {
      this.arithmetic();
      return;
    }
    this.emit(movImm(COUNTER, first));
    const start = this.code.length;
    // Often of one block, which the compiler writes several times over.
    this.body(1 + this.below(5), this.below(2));
    this.emit(aluImm(Alu.ADD, 64, COUNTER, step));
    // Sometimes somebody looks at the counter.
    if (this.below(3) === 0) this.emit(movReg(this.scalar(), COUNTER, this.pick([32, 64] as const)));
    const width = this.pick([32, 64] as const);
    const back = -this.slotsFrom(start) - 1;
    const code = up ? this.pick([Jmp.JNE, Jmp.JLT, Jmp.JSLT]) : Jmp.JNE;
    if (this.below(3) === 0) {
      // The way that compilers write it when the loop's end is the condition.
      const over = up && code !== Jmp.JNE ? Jmp.JGE : Jmp.JEQ;
      this.emit(branchImm(over, width, COUNTER, end, 1), { op: 0x05, dst: 0, src: 0, off: back - 1, imm: 0 });
    } else this.emit(branchImm(code, width, COUNTER, end, back));
    if (this.below(3) === 0) this.emit(aluReg(Alu.ADD, 64, this.scalar(), COUNTER));
  }

  /** A load or store at an address that is computed: state + (number & mask). */
  indexed(): void {
    const index = this.scalar();
    const at = this.scalar();
    if (index === at) return;
    const bits = this.pick([8, 16, 32, 64] as readonly MemoryBits[]);
    this.emit(aluImm(Alu.AND, this.pick([32, 64] as const), index, this.pick([1, 3, 7])));
    this.emit(aluImm(Alu.LSH, this.pick([32, 64] as const), index, 3));
    this.emit(movReg(at, POINTER), aluReg(Alu.ADD, 64, at, index));
    const value = this.scalar();
    if (value === at) this.emit(load(bits, at, at, 0));
    else {
      this.emit(this.below(2) === 0 ? load(bits, value, at, 0) : storeReg(bits, at, 0, value));
      this.emit(movImm(at, this.immediate()));
    }
  }

  mapCall(): void {
    const key = -8 * STACK_WORDS - 8;
    const value = key - 8;
    this.emit(storeReg(64, 10, value, this.scalar()), storeImm(64, 10, key, this.below(6)));
    this.emit({ ...wide(1, 0n, 1), ref: { kind: "map", map: this.pick(["hash", "array"]) } });
    this.emit(movReg(2, 10), aluImm(Alu.ADD, 64, 2, key));
    switch (this.below(3)) {
      case 0:
        this.emit(movReg(3, 10), aluImm(Alu.ADD, 64, 3, value), movImm(4, this.below(3)), callHelper(2));
        break;
      case 1:
        this.emit(callHelper(1), branchImm(Jmp.JEQ, 64, 0, 0, 1), load(64, 0, 0, 0));
        break;
      default:
        this.emit(callHelper(3));
    }
    this.setScalars(1, 5);
  }
}

const FOLD = 31;

/** An object with the program "random", the array "state" that it works on, and the maps "hash" and "array". */
export function randomProgram(seed: number, options: { readonly maps?: boolean } = {}): BpfObject {
  const next = randomNumbers(seed);
  const generator = new Generator(next, options.maps ?? true);
  generator.emit({ ...wide(1, 0n, 1), ref: { kind: "map", map: "state" } });
  generator.emit(storeImm(32, 10, -8, 0), movReg(2, 10), aluImm(Alu.ADD, 64, 2, -8), callHelper(1));
  generator.emit(branchImm(Jmp.JNE, 64, 0, 0, 1), exit(), movReg(POINTER, 0), movImm(COUNTER, 0));
  for (let i = 1; i <= STACK_WORDS; i++) generator.emit(storeImm(64, 10, -8 * i, generator.immediate()));
  generator.setScalars(0, 7);
  generator.body(4 + generator.below(20), 3);
  // A function that mixes two numbers, called now and then.
  const calls = generator.below(2) === 0;
  const call = generator.code.length;
  if (calls) {
    generator.emit(callLocal(0));
    generator.setScalars(1, 5);
    generator.body(2 + generator.below(6), 1);
  }
  for (let register = 1; register <= 7; register++) {
    generator.emit(aluImm(Alu.MUL, 64, 0, FOLD), aluReg(Alu.ADD, 64, 0, register));
  }
  for (let i = 1; i <= STACK_WORDS; i++) {
    generator.emit(load(64, 1, 10, -8 * i), aluImm(Alu.MUL, 64, 0, FOLD), aluReg(Alu.XOR, 64, 0, 1));
  }
  generator.emit(storeReg(64, POINTER, 0, 0), exit());
  if (calls) {
    generator.code[call] = callLocal(generator.slotsFrom(call + 1));
    generator.emit(movReg(0, 1), movImm(6, generator.immediate()));
    for (let i = 0; i < 6; i++) {
      const code = generator.pick([Alu.ADD, Alu.XOR, Alu.MUL, Alu.SUB, Alu.OR]);
      generator.emit(aluReg(code, 64, 0, generator.pick([1, 2, 3, 4, 5, 6])));
    }
    generator.emit(storeReg(64, 10, -8, 0), loadSigned(32, 6, 10, -8), aluReg(Alu.XOR, 64, 0, 6), exit());
  }
  const map = (name: string, type: "array" | "hash", valueSize: number, maxEntries: number, keySize = 4) => ({
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
  });
  return {
    maps: [map("state", "array", STATE_BYTES, 1), map("hash", "hash", 8, 4, 8), map("array", "array", 8, 4)],
    programs: [
      {
        name: "random",
        type: "socket_filter",
        attach: [],
        functions: [{ name: "random", code: generator.code, parameters: 1 }],
      },
    ],
    license: "GPL",
  };
}

/** What the program's state starts with. */
export function randomState(seed: number): Uint8Array {
  const next = randomNumbers(seed ^ 0x5bd1e995);
  return Uint8Array.from({ length: STATE_BYTES }, () => next() & 255);
}
