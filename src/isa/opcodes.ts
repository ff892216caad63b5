// The numbers of the instruction set by their names: RFC 9669 sections 3 to 5, Linux's additions, classic BPF's share.

/** Bits 0..2 of an opcode. */
export const Class = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const;

/** Bits 3..4 of a load or store's opcode. */
export const Size = { W: 0x00, H: 0x08, B: 0x10, DW: 0x18 } as const;

/** Bits 5..7 of a load or store's opcode. */
export const Mode = { IMM: 0x00, ABS: 0x20, IND: 0x40, MEM: 0x60, MEMSX: 0x80, ATOMIC: 0xc0 } as const;

/** Bit 3 of an arithmetic or jump opcode: the operand is the immediate (K) or the source register (X). */
export const Operand = { K: 0x00, X: 0x08 } as const;

/** Bits 4..7 of an arithmetic opcode. */
export const Alu = {
  ADD: 0x00,
  SUB: 0x10,
  MUL: 0x20,
  DIV: 0x30,
  OR: 0x40,
  AND: 0x50,
  LSH: 0x60,
  RSH: 0x70,
  NEG: 0x80,
  MOD: 0x90,
  XOR: 0xa0,
  MOV: 0xb0,
  ARSH: 0xc0,
  END: 0xd0,
} as const;

/** Bits 4..7 of a jump's opcode. */
export const Jmp = {
  JA: 0x00,
  JEQ: 0x10,
  JGT: 0x20,
  JGE: 0x30,
  JSET: 0x40,
  JNE: 0x50,
  JSGT: 0x60,
  JSGE: 0x70,
  CALL: 0x80,
  EXIT: 0x90,
  JLT: 0xa0,
  JLE: 0xb0,
  JSLT: 0xc0,
  JSLE: 0xd0,
  JCOND: 0xe0,
} as const;

/** `imm` of an atomic operation; the last two are Linux's load-acquire and store-release (6.15). */
export const Atomic = {
  ADD: 0x00,
  OR: 0x40,
  AND: 0x50,
  XOR: 0xa0,
  FETCH: 0x01,
  XCHG: 0xe1,
  CMPXCHG: 0xf1,
  LOAD_ACQ: 0x100,
  STORE_REL: 0x110,
} as const;

/** `src` of a wide instruction: what its immediate means (RFC 9669 section 5.4). */
export const Wide = {
  IMM: 0,
  MAP_FD: 1,
  MAP_VALUE: 2,
  BTF_ID: 3,
  FUNCTION: 4,
  MAP_INDEX: 5,
  MAP_INDEX_VALUE: 6,
} as const;

/** `src` of a call: what is called (RFC 9669 section 4.3). */
export const Call = { HELPER: 0, LOCAL: 1, KFUNC: 2 } as const;

/** Whole opcode bytes that are asked for often. */
export const Opcode = {
  LDDW: 0x18,
  JA: 0x05,
  GOTOL: 0x06,
  CALL: 0x85,
  CALLX: 0x8d,
  EXIT: 0x95,
  MAY_GOTO: 0xe5,
  GOTOX: 0x0d,
  MOV64_REG: 0xbf,
  MOV64_IMM: 0xb7,
  MOV32_REG: 0xbc,
  MOV32_IMM: 0xb4,
} as const;

/** The frame pointer, read only. */
export const FRAME_POINTER = 10;
