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

/**
 * Whole opcode bytes, in ascending order: what is a number and a register's width, then how the operand is given, IMM or
 * REG. Each is the sum of the parts above (RFC 9669 section 2); a test holds them to the table of operations.
 */
export const Opcode = {
  ADD32_IMM: 0x04,
  JA: 0x05,
  GOTOL: 0x06,
  ADD64_IMM: 0x07,
  ADD32_REG: 0x0c,
  GOTOX: 0x0d,
  ADD64_REG: 0x0f,
  SUB32_IMM: 0x14,
  JEQ64_IMM: 0x15,
  JEQ32_IMM: 0x16,
  SUB64_IMM: 0x17,
  LDDW: 0x18,
  SUB32_REG: 0x1c,
  JEQ64_REG: 0x1d,
  JEQ32_REG: 0x1e,
  SUB64_REG: 0x1f,
  LD_ABS_W: 0x20,
  MUL32_IMM: 0x24,
  JGT64_IMM: 0x25,
  JGT32_IMM: 0x26,
  MUL64_IMM: 0x27,
  LD_ABS_H: 0x28,
  MUL32_REG: 0x2c,
  JGT64_REG: 0x2d,
  JGT32_REG: 0x2e,
  MUL64_REG: 0x2f,
  LD_ABS_B: 0x30,
  DIV32_IMM: 0x34,
  JGE64_IMM: 0x35,
  JGE32_IMM: 0x36,
  DIV64_IMM: 0x37,
  DIV32_REG: 0x3c,
  JGE64_REG: 0x3d,
  JGE32_REG: 0x3e,
  DIV64_REG: 0x3f,
  LD_IND_W: 0x40,
  OR32_IMM: 0x44,
  JSET64_IMM: 0x45,
  JSET32_IMM: 0x46,
  OR64_IMM: 0x47,
  LD_IND_H: 0x48,
  OR32_REG: 0x4c,
  JSET64_REG: 0x4d,
  JSET32_REG: 0x4e,
  OR64_REG: 0x4f,
  LD_IND_B: 0x50,
  AND32_IMM: 0x54,
  JNE64_IMM: 0x55,
  JNE32_IMM: 0x56,
  AND64_IMM: 0x57,
  AND32_REG: 0x5c,
  JNE64_REG: 0x5d,
  JNE32_REG: 0x5e,
  AND64_REG: 0x5f,
  LDX_W: 0x61,
  ST_W: 0x62,
  STX_W: 0x63,
  LSH32_IMM: 0x64,
  JSGT64_IMM: 0x65,
  JSGT32_IMM: 0x66,
  LSH64_IMM: 0x67,
  LDX_H: 0x69,
  ST_H: 0x6a,
  STX_H: 0x6b,
  LSH32_REG: 0x6c,
  JSGT64_REG: 0x6d,
  JSGT32_REG: 0x6e,
  LSH64_REG: 0x6f,
  LDX_B: 0x71,
  ST_B: 0x72,
  STX_B: 0x73,
  RSH32_IMM: 0x74,
  JSGE64_IMM: 0x75,
  JSGE32_IMM: 0x76,
  RSH64_IMM: 0x77,
  LDX_DW: 0x79,
  ST_DW: 0x7a,
  STX_DW: 0x7b,
  RSH32_REG: 0x7c,
  JSGE64_REG: 0x7d,
  JSGE32_REG: 0x7e,
  RSH64_REG: 0x7f,
  LDXSX_W: 0x81,
  NEG32: 0x84,
  CALL: 0x85,
  NEG64: 0x87,
  LDXSX_H: 0x89,
  CALLX: 0x8d,
  LDXSX_B: 0x91,
  MOD32_IMM: 0x94,
  EXIT: 0x95,
  MOD64_IMM: 0x97,
  MOD32_REG: 0x9c,
  MOD64_REG: 0x9f,
  XOR32_IMM: 0xa4,
  JLT64_IMM: 0xa5,
  JLT32_IMM: 0xa6,
  XOR64_IMM: 0xa7,
  XOR32_REG: 0xac,
  JLT64_REG: 0xad,
  JLT32_REG: 0xae,
  XOR64_REG: 0xaf,
  MOV32_IMM: 0xb4,
  JLE64_IMM: 0xb5,
  JLE32_IMM: 0xb6,
  MOV64_IMM: 0xb7,
  MOV32_REG: 0xbc,
  JLE64_REG: 0xbd,
  JLE32_REG: 0xbe,
  MOV64_REG: 0xbf,
  ATOMIC32: 0xc3,
  ARSH32_IMM: 0xc4,
  JSLT64_IMM: 0xc5,
  JSLT32_IMM: 0xc6,
  ARSH64_IMM: 0xc7,
  ARSH32_REG: 0xcc,
  JSLT64_REG: 0xcd,
  JSLT32_REG: 0xce,
  ARSH64_REG: 0xcf,
  JSLE64_IMM: 0xd5,
  JSLE32_IMM: 0xd6,
  ATOMIC64: 0xdb,
  JSLE64_REG: 0xdd,
  JSLE32_REG: 0xde,
  MAY_GOTO: 0xe5,
} as const;

/** The frame pointer, read only. */
export const FRAME_POINTER = 10;
