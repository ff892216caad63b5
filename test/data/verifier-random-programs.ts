// Random programs that look like what people write: arithmetic, branches, map look-ups with and without null checks,
// stack accesses in and out of bounds, packets with and without checks. One seed, one program.

import {
  Alu,
  type AluCode,
  Atomic,
  aluImm,
  aluReg,
  atomic,
  branchImm,
  branchReg,
  callHelper,
  exit,
  type Instruction,
  Jmp,
  type JumpCode,
  load,
  loadSigned,
  type MemoryBits,
  movImm,
  movReg,
  neg,
  signExtend,
  storeImm,
  storeReg,
  swap,
  wide,
} from "../../src/isa/index.ts";
import type { BpfObject, MapSpec, ObjectInstruction } from "../../src/object/index.ts";
import type { ProgramType } from "../../src/object/program-types.ts";

export const RANDOM_MAPS: readonly MapSpec[] = [
  { name: "values", type: "array", keySize: 4, valueSize: 64, maxEntries: 4 },
  { name: "table", type: "hash", keySize: 8, valueSize: 48, maxEntries: 16 },
  { name: "global", type: "array", keySize: 4, valueSize: 64, maxEntries: 1 },
  { name: "ring", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 },
];

/** mulberry32 */
function generator(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const mapAddress = (dst: number, map: string): ObjectInstruction => ({
  ...wide(dst, 0n, 1),
  ref: { kind: "map", map },
});
const mapValue = (dst: number, map: string, offset: number): ObjectInstruction => ({
  ...wide(dst, 0n, 2),
  ref: { kind: "map-value", map, offset },
});

const slotsOf = (code: readonly Instruction[]): number => code.reduce((n, i) => n + (i.op === 0x18 ? 2 : 1), 0);

class Maker {
  readonly #random: () => number;
  readonly #xdp: boolean;
  /** Registers that hold numbers (with luck), pointers excepted. r6 is the context. */
  readonly #numbers = [0, 7, 8, 9];
  constructor(seed: number, xdp: boolean) {
    this.#random = generator(seed);
    this.#xdp = xdp;
  }

  below(n: number): number {
    return Math.floor(this.#random() * n);
  }
  chance(p: number): boolean {
    return this.#random() < p;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  immediate(): number {
    return this.pick([
      0,
      1,
      2,
      3,
      4,
      7,
      8,
      15,
      16,
      31,
      32,
      63,
      64,
      100,
      255,
      -1,
      -2,
      -8,
      0x7fffffff,
      -0x80000000,
      this.below(128),
      this.below(1 << 20),
    ]);
  }

  number(): number {
    // Now and then a register that may hold anything.
    return this.chance(0.03) ? this.pick([1, 2, 3, 4, 5]) : this.pick(this.#numbers);
  }

  arithmetic(): Instruction[] {
    const width = this.chance(0.35) ? 32 : 64;
    const dst = this.number();
    const roll = this.below(20);
    if (roll === 0) return [neg(dst, width)];
    if (roll === 1) return [swap(this.pick(["le", "be", "bswap"]), dst, this.pick([16, 32, 64]))];
    if (roll === 2) return [signExtend(dst, this.number(), this.pick([8, 16]), width)];
    if (roll === 3) return [movReg(dst, this.number(), width)];
    if (roll === 4) return [movImm(dst, this.immediate(), width)];
    const code: AluCode = this.pick([
      Alu.ADD,
      Alu.SUB,
      Alu.MUL,
      Alu.AND,
      Alu.AND,
      Alu.OR,
      Alu.XOR,
      Alu.LSH,
      Alu.RSH,
      Alu.ARSH,
      Alu.DIV,
      Alu.MOD,
    ]);
    const shifts = code === Alu.LSH || code === Alu.RSH || code === Alu.ARSH;
    if (this.chance(0.5)) return [aluReg(code, width, dst, this.number())];
    if (shifts) return [aluImm(code, width, dst, this.below(this.chance(0.02) ? 70 : width))];
    if (code === Alu.DIV || code === Alu.MOD)
      return [aluImm(code, width, dst, this.chance(0.02) ? 0 : 1 + this.below(100))];
    return [aluImm(code, width, dst, this.immediate())];
  }

  condition(over: number): Instruction {
    const code: JumpCode = this.pick([
      Jmp.JEQ,
      Jmp.JNE,
      Jmp.JGT,
      Jmp.JGE,
      Jmp.JLT,
      Jmp.JLE,
      Jmp.JSGT,
      Jmp.JSGE,
      Jmp.JSLT,
      Jmp.JSLE,
      Jmp.JSET,
    ]);
    const width = this.chance(0.3) ? 32 : 64;
    return this.chance(0.7)
      ? branchImm(code, width, this.number(), this.immediate(), over)
      : branchReg(code, width, this.number(), this.number(), over);
  }

  bits(): MemoryBits {
    return this.pick([8, 16, 32, 64]);
  }

  stackOffset(bits: MemoryBits): number {
    const size = bits / 8;
    if (this.chance(0.02)) return this.pick([0, -516, -520, 4, -3, -511]);
    return -size * (1 + this.below(Math.min(64, 256) / size));
  }

  stack(): Instruction[] {
    const bits = this.bits();
    const off = this.stackOffset(bits);
    switch (this.below(5)) {
      case 0:
        return [storeImm(bits, 10, off, this.immediate())];
      case 1:
        return [load(bits, this.number(), 10, off)];
      case 2:
        return [
          movReg(2, 10),
          aluImm(Alu.ADD, 64, 2, off),
          load(bits, this.number(), 2, this.chance(0.9) ? 0 : this.below(16) - 8),
        ];
      case 3: {
        // At an offset that depends on a value.
        const r = this.number();
        return [
          movReg(3, r),
          aluImm(Alu.AND, 64, 3, this.pick([7, 8, 15, 31, 56, 63, 24, -1])),
          movReg(2, 10),
          aluImm(Alu.ADD, 64, 2, -64),
          aluReg(Alu.ADD, 64, 2, 3),
          ...(this.chance(0.5) ? [storeReg(8, 2, 0, this.number())] : [load(8, this.number(), 2, 0)]),
        ];
      }
      default:
        return [storeReg(bits, 10, off, this.number())];
    }
  }

  /** Makes r1..: looks up, checks (or not), uses. */
  lookup(): ObjectInstruction[] {
    const array = this.chance(0.6);
    const key: ObjectInstruction[] = array
      ? this.chance(0.5)
        ? [storeImm(32, 10, -4, this.below(6))]
        : [storeReg(32, 10, -4, this.number())]
      : this.chance(0.9)
        ? [storeReg(64, 10, -8, this.number())]
        : [];
    const use = this.useValue(0, array ? 64 : 48);
    const check = this.chance(0.9)
      ? [branchImm(Jmp.JEQ, 64, 0, 0, slotsOf(use) + (this.chance(0.96) ? 0 : -slotsOf(use)))]
      : [];
    return [
      ...key,
      movReg(2, 10),
      aluImm(Alu.ADD, 64, 2, array ? -4 : -8),
      mapAddress(1, array ? "values" : "table"),
      callHelper(1),
      ...check,
      ...use,
      movImm(0, this.below(10)),
    ];
  }

  useValue(base: number, size: number): ObjectInstruction[] {
    const bits = this.bits();
    const bytes = bits / 8;
    const off = this.chance(0.93) ? this.below(Math.floor(size / bytes)) * bytes : size - bytes + this.below(9) - 1;
    switch (this.below(5)) {
      case 0:
        return [storeReg(bits, base, off, this.pick([7, 8, 9]))];
      case 1:
        return [load(bits, this.pick([7, 8, 9]), base, off)];
      case 2:
        return this.chance(0.5) && off % 8 === 0
          ? [
              atomic(
                this.pick([Atomic.ADD, Atomic.OR, Atomic.ADD | Atomic.FETCH, Atomic.XCHG]),
                64,
                base,
                off,
                this.pick([7, 8, 9]),
              ),
            ]
          : [loadSigned(this.pick([8, 16, 32]), this.pick([7, 8, 9]), base, off - (off % 4))];
      default: {
        // Indexed by a number, bounded in one way or another.
        const r = this.pick([7, 8, 9]);
        const limit = this.pick([size - bytes, size - bytes, size, 15, 31, 63]);
        const access = this.chance(0.5) ? [load(bits, 4, base, 0)] : [storeReg(bits, base, 0, 3)];
        const indexed = [aluReg(Alu.ADD, 64, base, 3), ...access];
        switch (this.below(5)) {
          case 0:
            return [movReg(3, r), aluImm(Alu.AND, 64, 3, this.pick([7, 15, 31, 63])), ...indexed];
          case 1:
            return [movReg(3, r), branchImm(Jmp.JGT, 64, 3, limit, indexed.length), ...indexed];
          case 2:
            return [
              movReg(3, r),
              branchImm(Jmp.JSGT, 64, 3, limit, indexed.length + 1),
              branchImm(Jmp.JSLT, 64, 3, 0, indexed.length),
              ...indexed,
            ];
          case 3:
            return [movReg(3, r, 32), branchImm(Jmp.JGE, 32, 3, limit, indexed.length), ...indexed];
          default:
            return [movReg(3, r), branchImm(Jmp.JSGT, 64, 3, limit, indexed.length), ...indexed];
        }
      }
    }
  }

  global(): ObjectInstruction[] {
    return [mapValue(2, "global", this.chance(0.97) ? this.below(8) * 8 : 64), ...this.useValue(2, 64)];
  }

  ring(): ObjectInstruction[] {
    const size = this.pick([8, 16, 32]);
    const use: ObjectInstruction[] = [
      ...this.useValueSimple(0, size),
      ...(this.chance(0.93) ? [movReg(1, 0), movImm(2, 0), callHelper(this.pick([132, 133]))] : []),
    ];
    return [
      mapAddress(1, "ring"),
      movImm(2, size),
      movImm(3, 0),
      callHelper(131),
      ...(this.chance(0.95) ? [branchImm(Jmp.JEQ, 64, 0, 0, slotsOf(use))] : []),
      ...use,
      movImm(0, 1),
    ];
  }

  useValueSimple(base: number, size: number): Instruction[] {
    const bits = this.bits();
    const bytes = bits / 8;
    return [storeReg(bits, base, this.chance(0.95) ? this.below(size / bytes) * bytes : size, this.pick([7, 8, 9]))];
  }

  packet(): Instruction[] {
    const need = this.pick([1, 2, 4, 8, 14, 20, 34]);
    const bits = this.bits();
    const bytes = bits / 8;
    const off = this.chance(0.9) ? this.below(Math.max(1, need - bytes + 1)) : need;
    const access = this.chance(0.7)
      ? load(bits, this.pick([7, 8, 9]), 2, off)
      : storeReg(bits, 2, off, this.pick([7, 8, 9]));
    const variable: Instruction[] = this.chance(0.3)
      ? [
          movReg(5, this.pick([7, 8, 9])),
          aluImm(Alu.AND, 64, 5, this.pick([7, 63, 255, 0xffff, -1])),
          aluReg(Alu.ADD, 64, 2, 5),
        ]
      : [];
    const compare: Instruction = this.pick([
      branchReg(Jmp.JGT, 64, 4, 3, 1),
      branchReg(Jmp.JGT, 64, 4, 3, 1),
      branchReg(Jmp.JGE, 64, 4, 3, 1),
      branchReg(Jmp.JLT, 64, 3, 4, 1),
      branchReg(Jmp.JLE, 64, 3, 4, 1),
      branchReg(Jmp.JLE, 64, 4, 3, 1),
    ]);
    return [
      load(32, 2, 6, 0),
      load(32, 3, 6, 4),
      ...variable,
      movReg(4, 2),
      aluImm(Alu.ADD, 64, 4, need),
      ...(this.chance(0.92) ? [compare] : []),
      access,
    ];
  }

  loop(depth: number): ObjectInstruction[] {
    const counter = this.pick([7, 8, 9]);
    const body = this.block(depth + 1, 1 + this.below(3), counter);
    const count = 1 + this.below(12);
    const full: ObjectInstruction[] = [...body, aluImm(Alu.ADD, 64, counter, 1)];
    return [
      movImm(counter, 0),
      ...full,
      branchImm(this.pick([Jmp.JLT, Jmp.JNE, Jmp.JSLT]), 64, counter, count, -slotsOf(full) - 1),
    ];
  }

  context(): Instruction[] {
    if (this.#xdp) return [load(32, this.pick([7, 8, 9]), 6, this.pick([12, 16]))];
    const bits = this.bits();
    return [load(bits, this.pick([7, 8, 9]), 6, this.chance(0.97) ? (this.below(40) * (bits / 8)) % 96 : 96)];
  }

  block(depth: number, statements: number, reserved = -1): ObjectInstruction[] {
    const code: ObjectInstruction[] = [];
    for (let n = 0; n < statements; n++) {
      const roll = this.below(100);
      const piece: readonly ObjectInstruction[] =
        roll < 40
          ? this.arithmetic()
          : roll < 52
            ? this.stack()
            : roll < 64
              ? this.lookup()
              : roll < 69
                ? this.global()
                : roll < 73
                  ? this.ring()
                  : roll < 82
                    ? this.#xdp
                      ? this.packet()
                      : this.context()
                    : roll < 94 && depth < 3
                      ? this.branchy(depth)
                      : roll < 97 && depth < 2
                        ? this.loop(depth)
                        : this.context();
      // A loop's counter is left alone most of the time.
      if (reserved >= 0 && piece.some((i) => writes(i) === reserved) && this.chance(0.95)) continue;
      code.push(...piece);
    }
    return code;
  }

  branchy(depth: number): ObjectInstruction[] {
    const inner = this.block(depth + 1, 1 + this.below(3));
    return [this.condition(slotsOf(inner)), ...inner];
  }

  program(): ObjectInstruction[] {
    const code: ObjectInstruction[] = [movReg(6, 1)];
    for (const r of [7, 8, 9]) {
      code.push(
        ...(this.chance(0.4)
          ? [movImm(r, this.immediate())]
          : this.#xdp
            ? [load(32, r, 6, this.pick([12, 16]))]
            : [load(this.bits(), r, 6, 8 * this.below(12))]),
      );
    }
    code.push(movImm(0, 0), ...this.block(0, 2 + this.below(10)));
    if (this.chance(0.9)) code.push(movImm(0, 0));
    code.push(exit());
    return code;
  }
}

const writes = (i: Instruction): number => {
  const type = i.op & 7;
  return type === 0 || type === 1 || type === 4 || type === 7 ? i.dst : -1;
};

/** One program of a seed. */
export function randomObject(seed: number): BpfObject {
  const xdp = seed % 3 === 0;
  const type: ProgramType = xdp ? "xdp" : "raw_tracepoint";
  const code = new Maker(Math.imul(seed, 0x9e3779b1), xdp).program();
  return {
    maps: RANDOM_MAPS,
    programs: [{ name: "random", type, attach: [], functions: [{ name: "random", code, parameters: 1 }] }],
    license: "GPL",
  };
}
