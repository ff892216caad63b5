// Instruction selection: each IR instruction becomes the fewest eBPF instructions, with virtual registers.
//
// Two-address form: `d = a op b` is `d = a; d op= b`; the allocator gives d and a one register where it can, and the
// move goes away. Arguments of a call are moved into r1..r5 right before it. Constants and addresses are folded into
// operands where the encoding has room, and else made where they are used.

import {
  Alu,
  Atomic,
  aluImm,
  aluReg,
  atomic,
  branchImm,
  branchReg,
  callHelper,
  exit,
  FRAME_POINTER,
  type Instruction,
  load,
  loadSigned,
  type MemoryBits,
  movImm,
  movReg,
  neg,
  Opcode,
  signExtend,
  storeImm,
  storeReg,
  swap,
  Wide,
  wide,
} from "../isa/index.ts";
import type { Reference } from "../object/index.ts";
import { helperNumber } from "../object/index.ts";
import type { Span } from "../source/index.ts";
import { commutes, swapped } from "./arithmetic.ts";
import { constantOf, endOf, predecessors, terminatorArgs, useCounts } from "./graph.ts";
import {
  type BinaryOp,
  type Block,
  type Condition,
  type Edge,
  edgesOf,
  type Instr,
  type IrFunction,
  type Operation,
  type StoreSize,
  type Value,
  type Width,
} from "./ir.ts";
import {
  type EdgeSource,
  FIRST_VIRTUAL,
  type FrameArea,
  type MachineBlock,
  type MachineEdge,
  type MachineFunction,
  type MachineInstr,
  machineInstr,
} from "./machine.ts";
import { ALU, ATOMIC, immediate, immediate32, JUMP } from "./select-codes.ts";

/** The version of the instruction set: 3 has no sign-extending moves and loads, signed division, gotol. */
export type Cpu = 3 | 4;

/** An address in the frame, known but for the layout. */
interface FrameAddress {
  readonly area: FrameArea;
  readonly offset: number;
}

export interface SelectOptions {
  readonly cpu: Cpu;
}

interface Selected {
  readonly block: Block;
  readonly machine: MachineBlock;
}

class Selector {
  readonly #fn: IrFunction;
  readonly #cpu: Cpu;
  readonly #registers = new Map<Value, number>();
  readonly #areas = new Map<Value, FrameArea>();
  readonly #uses: Map<Value, number>;
  /** Addresses made earlier in this block, still good where no call stands between. */
  readonly #made = new Map<Value, number>();
  /** Addresses of maps that are still in a register at the end of a block. */
  readonly #left = new Map<Block, ReadonlyMap<Value, number>>();
  /** Addresses whose distance from their base is asked of the kernel's types, and is the offset of all that use them. */
  readonly #asked: ReadonlySet<Value>;
  #next = FIRST_VIRTUAL;
  #code: MachineInstr[] = [];
  #span: Span | undefined;

  constructor(fn: IrFunction, options: SelectOptions) {
    this.#fn = fn;
    this.#cpu = options.cpu;
    this.#uses = useCounts(fn);
    this.#asked = askedAddresses(fn);
  }

  run(order: readonly Block[], frequency: (block: Block) => number): MachineFunction {
    const machines = new Map<Block, MachineBlock>();
    const selected: Selected[] = order.map((block, index) => {
      const machine: MachineBlock = {
        name: block.name,
        index,
        params: block.params.map((param) => this.#register(param)),
        code: [],
        end: { kind: "return" },
        span: block.span,
        frequency: frequency(block),
      };
      machines.set(block, machine);
      return { block, machine };
    });
    const target = (block: Block): MachineBlock => machines.get(block) as MachineBlock;
    let hasMayGoto = false;
    const before = predecessors(this.#fn);
    for (const { block, machine } of selected) {
      this.#code = machine.code;
      this.#inherit(before.get(block));
      if (block === this.#fn.blocks[0]) {
        this.#span = block.span;
        this.#fn.params.forEach((param, i) => {
          if (this.#uses.has(param)) this.#push(movReg(this.#register(param), i + 1));
        });
      }
      for (const instr of block.instrs) {
        this.#span = instr.span;
        this.#instr(instr);
      }
      this.#span = block.span ?? this.#span;
      const end = endOf(block);
      switch (end.kind) {
        case "jump":
          machine.end = { kind: "jump", to: this.#edge(end.to, target) };
          break;
        case "branch":
          machine.end = {
            kind: "branch",
            compare: this.#compare(end.condition, end.width, end.a, end.b),
            yes: target(end.then.block),
            no: target(end.else.block),
          };
          break;
        case "may-goto":
          hasMayGoto = true;
          machine.end = { kind: "may-goto", next: target(end.next.block), exit: target(end.exit.block) };
          break;
        case "return":
          this.#into(end.value, 0);
          this.#push(exit());
          break;
      }
      if (end.kind === "branch") this.#leave(block);
    }
    return {
      name: this.#fn.name,
      blocks: selected.map(({ machine }) => machine),
      nextRegister: this.#next,
      areas: [...this.#areas.values()],
      hasMayGoto,
    };
  }

  /** What the only block before has made of addresses (two slots each) needs not be made again, unless it was called since. */
  #inherit(before: readonly Block[] = []): void {
    this.#made.clear();
    const [only, ...others] = before;
    if (only === undefined || others.length > 0) return;
    for (const [value, register] of this.#left.get(only) ?? []) this.#made.set(value, register);
  }
  #leave(block: Block): void {
    const kept = [...this.#made].filter(([value]) => /^map/.test(value.def?.operation.op ?? ""));
    if (kept.length > 0) this.#left.set(block, new Map(kept));
  }

  #edge(edge: Edge, target: (block: Block) => MachineBlock): MachineEdge {
    const sources = edge.args.map((arg): EdgeSource => {
      if (!this.#isMade(arg)) return { kind: "register", register: this.#register(arg) };
      const outer = this.#code;
      this.#code = [];
      this.#into(arg, 0);
      const code = this.#code;
      this.#code = outer;
      return { kind: "made", code };
    });
    return { to: target(edge.block), sources };
  }

  #push(instruction: Instruction, area?: FrameArea, ref?: Reference): void {
    this.#code.push(machineInstr(instruction, this.#span, area, ref));
  }

  #fresh(): number {
    return this.#next++;
  }
  #register(value: Value): number {
    let register = this.#registers.get(value);
    if (register === undefined) this.#registers.set(value, (register = this.#fresh()));
    return register;
  }

  #area(slot: Value, size: number): FrameArea {
    let area = this.#areas.get(slot);
    if (area === undefined) this.#areas.set(slot, (area = { size, offset: 0 }));
    return area;
  }

  /** A slot, or a constant distance from one. */
  #frameAddress(value: Value): FrameAddress | undefined {
    const operation = value.def?.operation;
    if (operation?.op === "slot") return { area: this.#area(value, operation.size), offset: 0 };
    if (operation?.op !== "add" || operation.width !== 64) return undefined;
    const [base, distance] = (value.def as Instr).args as [Value, Value];
    if (base.type.kind !== "stack") return undefined;
    const offset = immediate(distance);
    const inner = offset === undefined ? undefined : this.#frameAddress(base);
    return inner === undefined ? undefined : { area: inner.area, offset: inner.offset + (offset as number) };
  }

  /** True for a value that is made where it is used. */
  #isMade(value: Value): boolean {
    switch (value.def?.operation.op) {
      case "const":
      case "map":
      case "map-value":
      case "function":
      case "type-id":
      case "core":
      case "ksym":
      case "slot":
        return true;
      case "add":
        return this.#frameAddress(value) !== undefined;
      default:
        return false;
    }
  }

  /** Puts the value into this register. */
  #into(value: Value, register: number): void {
    const operation = value.def?.operation;
    const zeroWide = (src: number, ref: Reference): void =>
      this.#push({ op: Opcode.LDDW, dst: register, src, off: 0, imm: 0, imm64: 0n }, undefined, ref);
    switch (operation?.op) {
      case "const": {
        const small = immediate(value);
        if (small !== undefined) this.#push(movImm(register, small));
        else if (operation.value === BigInt.asUintN(32, operation.value)) {
          // A 32-bit move clears the upper half: one slot instead of two.
          this.#push(movImm(register, Number(BigInt.asIntN(32, operation.value)), 32));
        } else this.#push(wide(register, operation.value));
        return;
      }
      case "map":
        zeroWide(Wide.MAP_FD, { kind: "map", map: operation.map });
        return;
      case "map-value": {
        // The offset stands in the second slot.
        const imm64 = BigInt(operation.offset) << 32n;
        const ref: Reference = { kind: "map-value", map: operation.map, offset: operation.offset };
        this.#push({ op: Opcode.LDDW, dst: register, src: Wide.MAP_VALUE, off: 0, imm: 0, imm64 }, undefined, ref);
        return;
      }
      case "function":
        zeroWide(Wide.FUNCTION, { kind: "function", function: operation.function });
        return;
      case "core": {
        const { ask, type, access, value: assumed, wide: long } = operation;
        const ref: Reference = { kind: "core", ask, type, access };
        if (long === true) {
          const imm64 = BigInt.asUintN(64, assumed);
          const imm = Number(BigInt.asIntN(32, imm64));
          this.#push({ op: Opcode.LDDW, dst: register, src: 0, off: 0, imm, imm64 }, undefined, ref);
        } else this.#push(movImm(register, Number(BigInt.asIntN(32, assumed))), undefined, ref);
        return;
      }
      case "ksym": {
        const { name, typed, weak } = operation;
        zeroWide(Wide.IMM, { kind: "ksym", name, typed, weak });
        return;
      }
      case "type-id":
        zeroWide(Wide.IMM, { kind: "type-id", type: operation.type });
        return;
    }
    const frame = this.#frameAddress(value);
    if (frame !== undefined) {
      this.#push(movReg(register, FRAME_POINTER));
      this.#push(aluImm(Alu.ADD, 64, register, frame.offset), frame.area);
      return;
    }
    this.#push(movReg(register, this.#register(value)));
  }

  /** A register that holds the value, to be read at once. */
  #read(value: Value): number {
    if (!this.#isMade(value)) return this.#register(value);
    const earlier = this.#made.get(value);
    if (earlier !== undefined) return earlier;
    const register = this.#fresh();
    this.#into(value, register);
    this.#made.set(value, register);
    return register;
  }

  #memory(
    pointer: Value,
    offset: number,
  ): { base: number; offset: number; area: FrameArea | undefined; ref?: Reference | undefined } {
    if (this.#asked.has(pointer)) {
      const [base, distance] = (pointer.def as Instr).args as [Value, Value];
      const { ask, type, access, value } = coreOf(distance) as CoreOperation;
      return {
        base: this.#read(base),
        offset: Number(value),
        area: undefined,
        ref: { kind: "core", ask, type, access },
      };
    }
    const frame = this.#frameAddress(pointer);
    if (frame !== undefined) return { base: FRAME_POINTER, offset: frame.offset + offset, area: frame.area };
    return { base: this.#read(pointer), offset, area: undefined };
  }

  #instr(instr: Instr): void {
    const { operation, args } = instr;
    const [a, b, c] = args as [Value, Value, Value];
    switch (operation.op) {
      case "const":
      case "slot":
      case "map":
      case "map-value":
      case "function":
      case "type-id":
      case "core":
      case "ksym":
        return;
      case "neg": {
        const d = this.#register(instr);
        this.#into(a, d);
        this.#push(neg(d, operation.width));
        return;
      }
      case "zext":
        this.#zext(this.#register(instr), a, operation.bits);
        return;
      case "sext":
        this.#sext(this.#register(instr), a, operation.bits);
        return;
      case "bswap": {
        const d = this.#register(instr);
        this.#into(a, d);
        // `be` is the same as `bswap` on a little endian machine, and every version has it; a big endian one needs v4.
        this.#push(swap(this.#cpu >= 4 ? "bswap" : "be", d, operation.bits));
        return;
      }
      case "load":
        this.#load(instr, operation.size, a, operation.offset);
        return;
      case "store":
        this.#store(operation.size, a, operation.offset, b);
        return;
      case "atomic": {
        const at = this.#memory(a, operation.offset);
        const code = ATOMIC[operation.what] | (operation.fetch ? Atomic.FETCH : 0);
        if (operation.what === "cmpxchg") {
          const value = this.#read(b);
          this.#into(c, 0);
          this.#push(atomic(code, operation.size, at.base, at.offset, value), at.area);
          if (this.#uses.has(instr)) this.#push(movReg(this.#register(instr), 0));
        } else if (operation.fetch || operation.what === "xchg") {
          const d = this.#register(instr);
          this.#into(b, d);
          this.#push(atomic(code, operation.size, at.base, at.offset, d), at.area);
        } else this.#push(atomic(code, operation.size, at.base, at.offset, this.#read(b)), at.area);
        return;
      }
      case "helper":
        this.#call(instr, callHelper(helperNumber(operation.helper)));
        return;
      case "kfunc":
        this.#call(
          instr,
          { op: Opcode.CALL, dst: 0, src: 2, off: 0, imm: 0 },
          { kind: "kfunc", name: operation.kfunc, ...(operation.weak === true ? { weak: true as const } : {}) },
        );
        return;
      case "call":
        this.#call(
          instr,
          { op: Opcode.CALL, dst: 0, src: 1, off: 0, imm: 0 },
          { kind: "call", function: operation.function },
        );
        return;
      case "zero":
      case "copy":
        throw new Error(`${operation.op} must be expanded before selection`);
      default:
        this.#binary(instr, operation.op, operation.width, a, b);
    }
  }

  #binary(instr: Instr, op: BinaryOp, width: Width, left: Value, right: Value): void {
    let a = left;
    let b = right;
    const d = this.#register(instr);
    if (op === "add" && (this.#frameAddress(instr) !== undefined || this.#asked.has(instr))) return;
    const question = op === "add" && width === 64 ? coreOf(b) : undefined;
    if (question !== undefined && question.wide !== true) {
      this.#into(a, d);
      const { ask, type, access, value } = question;
      this.#push(aluImm(Alu.ADD, 64, d, Number(value)), undefined, { kind: "core", ask, type, access });
      return;
    }
    // What is overwritten should be the operand that nothing else needs; but a number plus an address in a function's
    // frame is one in the entry's frame to the kernel's verifier, which forgets the frame (seen on Linux 6.18).
    if (commutes(op) && constantOf(b) === undefined && a.type.kind !== "stack" && a.type.kind !== "memory") {
      if (
        constantOf(a) !== undefined ||
        b.type.kind === "stack" ||
        (this.#isMade(b) && !this.#isMade(a) ? false : this.#once(b) && !this.#once(a))
      )
        [a, b] = [b, a];
    }
    const imm = width === 64 ? immediate(b) : immediate32(b);
    const signed = op === "sdiv" || op === "smod";
    if (signed && this.#cpu < 4) throw new Error("signed division needs version 4 of the instruction set");
    // The verifier refuses a division by the constant zero; the instruction set defines it (RFC 9669 section 4.1).
    if (imm === 0 && (op === "div" || op === "sdiv")) {
      this.#push(movImm(d, 0));
      return;
    }
    if (imm === 0 && (op === "mod" || op === "smod")) {
      this.#push(movReg(d, this.#read(a), width));
      return;
    }
    const code = ALU[op];
    if (imm !== undefined) {
      const shift = op === "shl" || op === "shr" || op === "sar" ? imm & (width - 1) : imm;
      this.#into(a, d);
      this.#push(aluImm(code, width, d, shift, signed));
      return;
    }
    const other = this.#read(b);
    this.#into(a, d);
    this.#push(aluReg(code, width, d, other, signed));
  }

  #once(value: Value): boolean {
    return this.#uses.get(value) === 1;
  }

  #zext(d: number, a: Value, bits: 8 | 16 | 32): void {
    if (bits === 32) this.#push(movReg(d, this.#read(a), 32));
    else {
      this.#into(a, d);
      this.#push(aluImm(Alu.AND, 64, d, bits === 8 ? 0xff : 0xffff));
    }
  }

  #sext(d: number, a: Value, bits: 8 | 16 | 32): void {
    if (this.#cpu >= 4) this.#push(signExtend(d, this.#read(a), bits));
    else {
      this.#into(a, d);
      this.#push(aluImm(Alu.LSH, 64, d, 64 - bits));
      this.#push(aluImm(Alu.ARSH, 64, d, 64 - bits));
    }
  }

  #load(instr: Instr, size: string, pointer: Value, offset: number): void {
    const at = this.#memory(pointer, offset);
    const d = this.#register(instr);
    const bits = Number(size.slice(1)) as MemoryBits;
    if (size.startsWith("u")) this.#push(load(bits, d, at.base, at.offset), at.area, at.ref);
    else if (this.#cpu >= 4) this.#push(loadSigned(bits as 8 | 16 | 32, d, at.base, at.offset), at.area, at.ref);
    else {
      this.#push(load(bits, d, at.base, at.offset), at.area, at.ref);
      this.#push(aluImm(Alu.LSH, 64, d, 64 - bits));
      this.#push(aluImm(Alu.ARSH, 64, d, 64 - bits));
    }
  }

  #store(size: StoreSize, pointer: Value, offset: number, value: Value): void {
    const at = this.#memory(pointer, offset);
    const imm = size === 64 ? immediate(value) : immediate32(value);
    if (imm !== undefined) this.#push(storeImm(size, at.base, at.offset, imm), at.area, at.ref);
    else this.#push(storeReg(size, at.base, at.offset, this.#read(value)), at.area, at.ref);
  }

  #call(instr: Instr, call: Instruction, ref?: Reference): void {
    // Values first: one of them may sit in a register that another argument is to have.
    instr.args.forEach((arg, i) => {
      if (!this.#isMade(arg)) this.#push(movReg(i + 1, this.#register(arg)));
    });
    instr.args.forEach((arg, i) => {
      if (this.#isMade(arg)) this.#into(arg, i + 1);
    });
    this.#push({ ...call, dst: 0 }, undefined, ref);
    this.#made.clear();
    if (this.#uses.has(instr)) this.#push(movReg(this.#register(instr), 0));
  }

  #compare(condition: Condition, width: Width, left: Value, right: Value): MachineInstr {
    let [a, b, when] = [left, right, condition];
    if (constantOf(a) !== undefined && constantOf(b) === undefined) [a, b, when] = [b, a, swapped(when)];
    const imm = width === 64 ? immediate(b) : immediate32(b);
    const first = this.#read(a);
    const instruction =
      imm !== undefined
        ? branchImm(JUMP[when], width, first, imm, 0)
        : branchReg(JUMP[when], width, first, this.#read(b), 0);
    return machineInstr(instruction, this.#span);
  }
}

type CoreOperation = Extract<Operation, { op: "core" }>;

const coreOf = (value: Value): CoreOperation | undefined => {
  const operation = value.def?.operation;
  return operation?.op === "core" ? operation : undefined;
};

/** Sums of an address and a question that only loads and stores use, at no further distance. */
function askedAddresses(fn: IrFunction): ReadonlySet<Value> {
  const found = new Set<Value>();
  for (const block of fn.blocks)
    for (const instr of block.instrs) {
      const { operation, args } = instr;
      if (operation.op !== "add" || operation.width !== 64) continue;
      const question = coreOf(args[1] as Value);
      if (question?.ask === "field-offset" && question.wide !== true && question.value <= 32767n) found.add(instr);
    }
  if (found.size === 0) return found;
  for (const block of fn.blocks) {
    for (const { operation, args } of block.instrs) {
      const accesses = (operation.op === "load" || operation.op === "store") && operation.offset === 0;
      args.forEach((arg, i) => {
        if (!(accesses && i === 0)) found.delete(arg);
      });
    }
    for (const arg of terminatorArgs(endOf(block))) found.delete(arg);
    for (const edge of edgesOf(endOf(block))) for (const arg of edge.args) found.delete(arg);
  }
  return found;
}

/** Selects instructions for the blocks in this order. `zero` and `copy` must be expanded, branch edges be bare. */
export function select(
  fn: IrFunction,
  order: readonly Block[],
  frequency: (block: Block) => number,
  options: SelectOptions,
): MachineFunction {
  return new Selector(fn, options).run(order, frequency);
}
