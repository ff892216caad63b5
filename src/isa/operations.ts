// The table of operations: one row for every instruction that exists. Validation, assembler and disassembler all
// follow from it: a row says which fields carry meaning, which must have one value, and how the text is put together.
//
// Sources: RFC 9669 appendix A; the rows marked Linux: include/uapi/linux/bpf.h and kernel/bpf/verifier.c.

import type { Instruction } from "./instruction.ts";
import { Alu, Atomic, Class, Jmp, Mode, Operand, Size } from "./opcodes.ts";

/** What a field of an instruction holds: a register, a free number, or the one number that it must be. */
export type Field = "register" | "free" | number;

/** How an operation is written; each has one syntax in `disassemble.ts` and `assemble.ts`. */
export type Form =
  | "alu-imm"
  | "alu-reg"
  | "sign-extend"
  | "cast"
  | "neg"
  | "swap"
  | "branch-imm"
  | "branch-reg"
  | "goto"
  | "call"
  | "callx"
  | "gotox"
  | "exit"
  | "load"
  | "store-imm"
  | "store-reg"
  | "packet-abs"
  | "packet-ind"
  | "wide"
  | "atomic"
  | "atomic-fetch"
  | "exchange"
  | "compare-exchange"
  | "load-acquire"
  | "store-release";

export interface Operation {
  readonly op: number;
  readonly form: Form;
  /** What tells it from the others of its form in text: `+=`, `s>`, `be16`, `u32`, `gotol`, `atomic_fetch_add`. */
  readonly text: string;
  /** Of the registers (arithmetic, branches) or of memory (loads, stores, atomics), in bits. */
  readonly width: number;
  readonly dst: Field;
  readonly src: Field;
  readonly off: Field;
  readonly imm: Field;
}

const ARITHMETIC: readonly (readonly [text: string, code: number, off: number])[] = [
  ["+=", Alu.ADD, 0],
  ["-=", Alu.SUB, 0],
  ["*=", Alu.MUL, 0],
  ["/=", Alu.DIV, 0],
  ["s/=", Alu.DIV, 1],
  ["|=", Alu.OR, 0],
  ["&=", Alu.AND, 0],
  ["<<=", Alu.LSH, 0],
  [">>=", Alu.RSH, 0],
  ["%=", Alu.MOD, 0],
  ["s%=", Alu.MOD, 1],
  ["^=", Alu.XOR, 0],
  ["=", Alu.MOV, 0],
  ["s>>=", Alu.ARSH, 0],
];

const BRANCHES: readonly (readonly [text: string, code: number])[] = [
  ["==", Jmp.JEQ],
  [">", Jmp.JGT],
  [">=", Jmp.JGE],
  ["&", Jmp.JSET],
  ["!=", Jmp.JNE],
  ["s>", Jmp.JSGT],
  ["s>=", Jmp.JSGE],
  ["<", Jmp.JLT],
  ["<=", Jmp.JLE],
  ["s<", Jmp.JSLT],
  ["s<=", Jmp.JSLE],
];

const SIZES: readonly (readonly [bits: number, code: number])[] = [
  [8, Size.B],
  [16, Size.H],
  [32, Size.W],
  [64, Size.DW],
];

/** Name, code and the assignment that the form without fetch is written with. */
const ATOMICS: readonly (readonly [name: string, code: number, text: string])[] = [
  ["add", Atomic.ADD, "+="],
  ["or", Atomic.OR, "|="],
  ["and", Atomic.AND, "&="],
  ["xor", Atomic.XOR, "^="],
];

/** What a wide instruction's subtype is called in text; the empty one is a plain number. */
const WIDE: readonly string[] = ["", "map", "map_value", "var", "function", "map_index", "map_index_value"];

function build(): Operation[] {
  const rows: Operation[] = [];
  const add = (op: number, form: Form, text: string, width: number, dst: Field, src: Field, off: Field, imm: Field) =>
    rows.push({ op, form, text, width, dst, src, off, imm });

  for (const [width, type] of [
    [32, Class.ALU],
    [64, Class.ALU64],
  ] as const) {
    for (const [text, code, off] of ARITHMETIC) {
      add(type | code | Operand.K, "alu-imm", text, width, "register", 0, off, "free");
      add(type | code | Operand.X, "alu-reg", text, width, "register", "register", off, 0);
    }
    for (const bits of [8, 16, 32]) {
      if (bits < width)
        add(type | Alu.MOV | Operand.X, "sign-extend", `s${bits}`, width, "register", "register", bits, 0);
    }
    add(type | Alu.NEG, "neg", "-", width, "register", 0, 0, 0);
  }
  // Linux: arena pointers; imm = destination address space << 16 | source, and only user (1) and kernel (0) exist.
  for (const spaces of [1, 1 << 16]) {
    add(Class.ALU64 | Alu.MOV | Operand.X, "cast", "addr_space_cast", 64, "register", "register", 1, spaces);
  }
  for (const bits of [16, 32, 64]) {
    add(Class.ALU | Alu.END | Operand.K, "swap", `le${bits}`, 64, "register", 0, 0, bits);
    add(Class.ALU | Alu.END | Operand.X, "swap", `be${bits}`, 64, "register", 0, 0, bits);
    add(Class.ALU64 | Alu.END | Operand.K, "swap", `bswap${bits}`, 64, "register", 0, 0, bits);
  }

  for (const [width, type] of [
    [64, Class.JMP],
    [32, Class.JMP32],
  ] as const) {
    for (const [text, code] of BRANCHES) {
      add(type | code | Operand.K, "branch-imm", text, width, "register", 0, "free", "free");
      add(type | code | Operand.X, "branch-reg", text, width, "register", "register", "free", 0);
    }
  }
  add(Class.JMP | Jmp.JA, "goto", "goto", 16, 0, 0, "free", 0);
  add(Class.JMP32 | Jmp.JA, "goto", "gotol", 32, 0, 0, 0, "free");
  add(Class.JMP | Jmp.JCOND, "goto", "may_goto", 16, 0, 0, "free", 0); // Linux
  add(Class.JMP | Jmp.JA | Operand.X, "gotox", "gotox", 64, "register", 0, 0, 0); // Linux
  add(Class.JMP | Jmp.CALL, "call", "", 0, 0, 0, 0, "free");
  add(Class.JMP | Jmp.CALL, "call", "pc", 0, 0, 1, 0, "free");
  add(Class.JMP | Jmp.CALL, "call", "kfunc", 0, 0, 2, "free", "free"); // Linux: off picks the module's BTF
  add(Class.JMP | Jmp.CALL | Operand.X, "callx", "callx", 64, "register", 0, 0, 0);
  add(Class.JMP | Jmp.EXIT, "exit", "exit", 0, 0, 0, 0, 0);

  for (const [bits, size] of SIZES) {
    add(Class.LDX | Mode.MEM | size, "load", `u${bits}`, bits, "register", "register", "free", 0);
    if (bits < 64) add(Class.LDX | Mode.MEMSX | size, "load", `s${bits}`, bits, "register", "register", "free", 0);
    add(Class.ST | Mode.MEM | size, "store-imm", `u${bits}`, bits, "register", 0, "free", "free");
    add(Class.STX | Mode.MEM | size, "store-reg", `u${bits}`, bits, "register", "register", "free", 0);
    if (bits < 64) {
      add(Class.LD | Mode.ABS | size, "packet-abs", `u${bits}`, bits, 0, 0, 0, "free");
      add(Class.LD | Mode.IND | size, "packet-ind", `u${bits}`, bits, 0, "register", 0, "free");
    }
    // Linux
    const atomic = Class.STX | Mode.ATOMIC | size;
    add(atomic, "load-acquire", "load_acquire", bits, "register", "register", "free", Atomic.LOAD_ACQ);
    add(atomic, "store-release", "store_release", bits, "register", "register", "free", Atomic.STORE_REL);
    if (bits < 32) continue;
    for (const [name, code, text] of ATOMICS) {
      add(atomic, "atomic", text, bits, "register", "register", "free", code);
      add(atomic, "atomic-fetch", `atomic_fetch_${name}`, bits, "register", "register", "free", code | Atomic.FETCH);
    }
    add(atomic, "exchange", bits === 32 ? "xchg32_32" : "xchg_64", bits, "register", "register", "free", Atomic.XCHG);
    const compare = bits === 32 ? "cmpxchg32_32" : "cmpxchg_64";
    add(atomic, "compare-exchange", compare, bits, "register", "register", "free", Atomic.CMPXCHG);
  }
  WIDE.forEach((text, src) => {
    add(Class.LD | Mode.IMM | Size.DW, "wide", text, 64, "register", src, 0, "free");
  });
  return rows;
}

let rows: readonly Operation[] | undefined;
let byOpcode: (Operation[] | undefined)[] | undefined;

/** Every operation; made on first use. */
export function operations(): readonly Operation[] {
  rows ??= build();
  return rows;
}

/** The operations that share an opcode byte; empty where no such instruction exists. */
export function operationsOf(op: number): readonly Operation[] {
  if (byOpcode === undefined) {
    byOpcode = new Array(256);
    for (const row of operations()) {
      const list = byOpcode[row.op];
      if (list === undefined) byOpcode[row.op] = [row];
      else list.push(row);
    }
  }
  return byOpcode[op] ?? [];
}

const fits = (field: Field, value: number): boolean =>
  field === "free" || (field === "register" ? value >= 0 && value <= 10 : field === value);

/** The operation that an instruction is; undefined where a field holds what no operation allows. */
export function operationOf(instruction: Instruction): Operation | undefined {
  for (const row of operationsOf(instruction.op)) {
    if (
      fits(row.dst, instruction.dst) &&
      fits(row.src, instruction.src) &&
      fits(row.off, instruction.off) &&
      fits(row.imm, instruction.imm)
    ) {
      return row;
    }
  }
  return undefined;
}

/** What is wrong with an instruction by RFC 9669 (unused fields are zero, registers end at r10); undefined: nothing. */
export function complaint(instruction: Instruction): string | undefined {
  const candidates = operationsOf(instruction.op);
  if (candidates.length === 0) return `opcode 0x${instruction.op.toString(16).padStart(2, "0")} does not exist`;
  if (operationOf(instruction) !== undefined) {
    const wide = instruction.imm64;
    // A map's fd or index, and a function's place, are 32 bits; only the value forms and a number use the other half.
    if (
      wide !== undefined &&
      (instruction.src === 1 || instruction.src === 4 || instruction.src === 5) &&
      wide >> 32n !== 0n
    ) {
      return "the second half of the immediate is not used by this instruction and must be 0";
    }
    return undefined;
  }
  for (const name of ["dst", "src", "off", "imm"] as const) {
    const value = instruction[name];
    if (candidates.some((row) => fits(row[name], value))) continue;
    const fields = candidates.map((row) => row[name]);
    if (fields.includes("register")) return `${name} names register ${value}; registers are r0 to r10`;
    const allowed = [...new Set(fields)];
    if (allowed.length === 1 && allowed[0] === 0)
      return `${name} is ${value}, but this instruction does not use it and it must be 0`;
    return `${name} is ${value}, which means nothing here (${allowed.join(", ")})`;
  }
  return "its fields do not go together";
}
