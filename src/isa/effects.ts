// What an instruction reads and writes of the registers (RFC 9669 sections 4 and 5): one table for whoever allocates,
// compiles or judges them.

import type { Instruction } from "./instruction.ts";
import { Opcode } from "./opcodes.ts";

/** How an instruction uses its operands, and registers that it does not name; bits. */
export const Role = {
  READ_DST: 1,
  WRITE_DST: 2,
  READ_SRC: 4,
  WRITE_SRC: 8,
  /** r0 to r5 are new behind it. */
  CALL: 16,
  READ_R0: 32,
  WRITE_R0: 64,
  READ_R6: 128,
} as const;

/** `imm` of atomic operations that are a load with order, or leave their source alone. */
const LOAD_ACQUIRE = 0x100;
const STORE_RELEASE = 0x110;
const CMPXCHG = 0xf1;
const FETCH = 1;

/** What an instruction does with its operands. */
export function rolesOf({ op, imm }: Pick<Instruction, "op" | "imm">): number {
  const fromRegister = (op & 0x08) === 0 ? 0 : Role.READ_SRC;
  switch (op & 7) {
    case 0: {
      // Packet loads of classic BPF take the context from r6 and end like a call.
      const mode = op & 0xe0;
      if (mode === 0x20) return Role.CALL | Role.READ_R6;
      if (mode === 0x40) return Role.CALL | Role.READ_R6 | Role.READ_SRC;
      return Role.WRITE_DST;
    }
    case 1:
      return Role.WRITE_DST | Role.READ_SRC;
    case 2:
      return Role.READ_DST;
    case 3: {
      const both = Role.READ_DST | Role.READ_SRC;
      if ((op & 0xe0) !== 0xc0 || imm === STORE_RELEASE) return both;
      if (imm === LOAD_ACQUIRE) return Role.READ_SRC | Role.WRITE_DST;
      // A compare and exchange compares with r0 and answers there.
      if (imm === CMPXCHG) return both | Role.READ_R0 | Role.WRITE_R0;
      return (imm & FETCH) === 0 ? both : both | Role.WRITE_SRC;
    }
    case 4:
    case 7: {
      const code = op & 0xf0;
      if (code === 0xb0) return Role.WRITE_DST | fromRegister;
      // The source bit of a byte swap says which order, not where the operand is.
      return code === 0xd0 || code === 0x80
        ? Role.READ_DST | Role.WRITE_DST
        : Role.READ_DST | Role.WRITE_DST | fromRegister;
    }
    default: {
      if (op === Opcode.CALLX) return Role.CALL | Role.READ_DST;
      const code = op & 0xf0;
      if (code === 0x80) return Role.CALL;
      // The dst of an exit is 0, and r0 what it reads.
      if (code === 0x90) return Role.READ_DST;
      return code === 0 || code === 0xe0 ? 0 : Role.READ_DST | fromRegister;
    }
  }
}

/** Registers, a bit each. */
export interface RegisterEffect {
  readonly uses: number;
  readonly defines: number;
}

/** r1 to r5, which calls take, and r0 to r5, which they leave new. */
export const ARGUMENTS = 0b111110;
const CLOBBERED = 0b111111;

/** Registers that an instruction reads and writes; `taken` are those that it takes as arguments where it is a call. */
export function registerEffect(i: Pick<Instruction, "op" | "dst" | "src" | "imm">, taken: number): RegisterEffect {
  const roles = rolesOf(i);
  const dst = 1 << i.dst;
  const src = 1 << i.src;
  const call = (roles & Role.CALL) !== 0;
  return {
    uses:
      (roles & Role.READ_DST ? dst : 0) |
      (roles & Role.READ_SRC ? src : 0) |
      (roles & Role.READ_R0 ? 1 : 0) |
      (roles & Role.READ_R6 ? 1 << 6 : call ? taken & ARGUMENTS : 0),
    defines:
      (roles & Role.WRITE_DST ? dst : 0) |
      (roles & Role.WRITE_SRC ? src : 0) |
      (roles & Role.WRITE_R0 ? 1 : 0) |
      (call ? CLOBBERED : 0),
  };
}

/** Of so many arguments, the registers. */
export const argumentRegisters = (count: number): number => ARGUMENTS & ((2 << count) - 1);
