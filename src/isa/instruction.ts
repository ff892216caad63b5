// One eBPF instruction as data (RFC 9669 section 3).
//
//      7   0 7   4 3   0 15            0 31                          0
//     ┌─────┬─────┬─────┬───────────────┬─────────────────────────────┐
//     │ op  │ src │ dst │    offset     │             imm             │   one slot, 8 bytes, little endian
//     └─────┴─────┴─────┴───────────────┴─────────────────────────────┘
//
// A wide instruction (`lddw`, opcode 0x18) takes two slots; its 64-bit immediate is in `imm64`. Jump offsets count
// slots, not list elements, exactly as they are encoded.

export interface Instruction {
  /** The opcode byte. */
  readonly op: number;
  /** 0..10 */
  readonly dst: number;
  /** 0..10, or a subtype where the opcode says so (call, lddw). */
  readonly src: number;
  /** -32768..32767 */
  readonly off: number;
  /** -2^31..2^31-1; for a wide instruction the low half as a signed number. */
  readonly imm: number;
  /** Only on a wide instruction: its whole immediate, 0..2^64-1. */
  readonly imm64?: bigint;
}
