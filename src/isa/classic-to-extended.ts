// Classic BPF to eBPF, as the kernel itself runs it (net/core/filter.c, bpf_convert_filter): A is r0, X is r7, the context
// is in r6 for the packet loads, M[0..15] is on the stack.

import type { ClassicInstruction } from "./classic.ts";
import { aluImm, aluReg, branchImm, branchReg, exit, goto, load, movImm, movReg, neg, storeReg } from "./construct.ts";
import type { Instruction } from "./instruction.ts";
import { Alu, Class, FRAME_POINTER, Jmp, Mode, Opcode, Size } from "./opcodes.ts";

export interface ClassicOptions {
  /**
   * "packet": the packet is read through the context (`__sk_buff`), by the legacy packet loads. "memory": r1 is the packet
   * and r2 its length, as in a machine that runs raw programs.
   */
  readonly input?: "packet" | "memory";
}

/** Where `len` lies in `struct __sk_buff`: its first field (include/uapi/linux/bpf.h). */
const SK_BUFF_LEN = 0;

const A = 0;
const CONTEXT = 6;
const X = 7;
const SCRATCH = 8;
const LENGTH = 9;

/** Thrown for an instruction that classic BPF does not have, or a jump out of the program. */
export class ClassicError extends Error {
  readonly index: number;
  constructor(index: number, message: string) {
    super(`instruction ${index}: ${message}`);
    this.name = "ClassicError";
    this.index = index;
  }
}

/** Classes and codes that classic BPF has in the place of others: `ret`, `tax`, `txa` (linux/bpf_common.h, filter.h). */
const RETURN = 6;
const TAX = 0x07;
const TXA = 0x87;

const slotOf = (k: number): number => -8 * ((k & 15) + 1);

/** Instructions that do the same; the answer of the filter is in r0. Throws ClassicError. */
export function classicToExtended(program: readonly ClassicInstruction[], options: ClassicOptions = {}): Instruction[] {
  const memory = options.input === "memory";
  const out: Instruction[] = [movReg(CONTEXT, 1), movImm(A, 0), movImm(X, 0)];
  if (memory) out.push(movReg(LENGTH, 2));
  // What M[] holds before it is written is 0, in the kernel and here.
  const cells = new Set(
    program.filter(({ code }) => (code & 0xe7) === 0x60 || (code & 0xe7) === 0x61).map(({ k }) => k & 15),
  );
  for (const cell of cells) out.push(storeReg(64, FRAME_POINTER, slotOf(cell), X));
  const starts: number[] = [];
  /** Jumps whose target is an instruction of the classic program. */
  const jumps: { at: number; target: number }[] = [];
  const jump = (instruction: Instruction, from: number, target: number): void => {
    if (!(target > from && target < program.length)) throw new ClassicError(from, `jumps to ${target}`);
    jumps.push({ at: out.length, target });
    out.push(instruction);
  };
  program.forEach(({ code, jt, jf, k }, i) => {
    starts.push(out.length);
    const signed = k | 0;
    const type = code & 7;
    switch (type) {
      case Class.LD:
      case Class.LDX:
        translateLoad(out, i, code, k, memory);
        break;
      case Class.ST:
      case Class.STX:
        if (code !== type) throw new ClassicError(i, `there is no code 0x${code.toString(16)}`);
        out.push(storeReg(64, FRAME_POINTER, slotOf(k), type === Class.ST ? A : X));
        break;
      case Class.ALU:
        translateArithmetic(out, i, code, signed);
        break;
      case Class.JMP: {
        if (code === Opcode.JA) {
          jump(goto(0), i, i + 1 + k);
          break;
        }
        const kind = code & 0xf0;
        if (![Jmp.JEQ, Jmp.JGT, Jmp.JGE, Jmp.JSET].some((k) => k === kind))
          throw new ClassicError(i, `there is no code 0x${code.toString(16)}`);
        const how = kind as typeof Jmp.JEQ;
        jump((code & 8) !== 0 ? branchReg(how, 32, A, X, 0) : branchImm(how, 32, A, signed, 0), i, i + 1 + jt);
        jump(goto(0), i, i + 1 + jf);
        break;
      }
      case RETURN: {
        const what = code & 0x18;
        if (what === 0) out.push(movImm(A, signed, 32));
        else if (what === 8) out.push(movReg(A, X, 32));
        out.push(exit());
        break;
      }
      default:
        if (code === TAX) out.push(movReg(X, A, 32));
        else if (code === TXA) out.push(movReg(A, X, 32));
        else throw new ClassicError(i, `there is no code 0x${code.toString(16)}`);
    }
  });
  for (const { at, target } of jumps) {
    const instruction = out[at] as Instruction;
    const off = (starts[target] as number) - at - 1;
    out[at] = instruction.op === Opcode.JA ? goto(off) : { ...instruction, off };
  }
  return out;
}

function translateLoad(out: Instruction[], i: number, code: number, k: number, memory: boolean): void {
  const to = (code & 7) === Class.LDX ? X : A;
  const size = code & 0x18;
  const mode = code & 0xe0;
  const signed = k | 0;
  const bytes = size === Size.W ? 4 : size === Size.H ? 2 : 1;
  if (size === 0x18) throw new ClassicError(i, `there is no code 0x${code.toString(16)}`);
  if (mode === 0x00) out.push(movImm(to, signed, 32));
  else if (mode === 0x60) out.push(load(64, to, FRAME_POINTER, slotOf(k)));
  else if (mode === 0x80) out.push(memory ? movReg(to, LENGTH, 32) : load(32, to, CONTEXT, SK_BUFF_LEN));
  else if (to === X) {
    // ldxb 4*([k]&0xf): the length of an IP header. A is saved around the load.
    if (mode !== 0xa0 || size !== Size.B) throw new ClassicError(i, `there is no code 0x${code.toString(16)}`);
    out.push(movReg(SCRATCH, A));
    packetLoad(out, 1, signed, false, memory);
    out.push(aluImm(Alu.AND, 32, A, 15), aluImm(Alu.LSH, 32, A, 2), movReg(X, A), movReg(A, SCRATCH));
  } else if (mode === Mode.ABS) packetLoad(out, bytes, signed, false, memory);
  else if (mode === Mode.IND) packetLoad(out, bytes, signed, true, memory);
  else throw new ClassicError(i, `there is no code 0x${code.toString(16)}`);
}

/** A = big endian bytes of the packet at k (+ X); outside of it the filter answers 0. */
function packetLoad(out: Instruction[], bytes: number, k: number, indirect: boolean, memory: boolean): void {
  const size = bytes === 4 ? Size.W : bytes === 2 ? Size.H : Size.B;
  if (!memory) {
    const op = Class.LD | (indirect ? Mode.IND : Mode.ABS) | size;
    out.push({ op, dst: 0, src: indirect ? X : 0, off: 0, imm: k });
    return;
  }
  const bits = (bytes * 8) as 8 | 16 | 32;
  out.push(movImm(1, k, 32));
  // The sum wraps at 32 bits, as the offset does in the kernel.
  if (indirect) out.push(aluReg(Alu.ADD, 32, 1, X));
  out.push(movReg(2, 1), aluImm(Alu.ADD, 64, 2, bytes), branchReg(Jmp.JLE, 64, 2, LENGTH, 2), movImm(A, 0), exit());
  out.push(aluReg(Alu.ADD, 64, 1, CONTEXT), load(bits, A, 1, 0));
  if (bits > 8) out.push({ op: Class.ALU | Alu.END | 0x08, dst: A, src: 0, off: 0, imm: bits });
}

function translateArithmetic(out: Instruction[], i: number, code: number, k: number): void {
  const kind = code & 0xf0;
  if (kind === Alu.NEG) {
    out.push(neg(A, 32));
    return;
  }
  if (kind > Alu.XOR) throw new ClassicError(i, `there is no code 0x${code.toString(16)}`);
  const how = kind as typeof Alu.ADD;
  const register = (code & 8) !== 0;
  if (kind === Alu.DIV || kind === Alu.MOD) {
    // Division by zero ends a classic filter with 0; the check is dead where the divisor is a constant.
    if (register) out.push(branchImm(Jmp.JNE, 32, X, 0, 2), movImm(A, 0), exit());
    else if (k === 0) throw new ClassicError(i, "divides by zero");
  }
  out.push(register ? aluReg(how, 32, A, X) : aluImm(how, 32, A, k));
}
