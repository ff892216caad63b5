// Instructions to bytes and back, 8 bytes a slot, little endian (RFC 9669 section 3).

import { countSlots, jumpDistance, slotsOf } from "./flow.ts";
import type { Instruction } from "./instruction.ts";
import { Opcode } from "./opcodes.ts";
import { complaint } from "./operations.ts";

/** Bytes that are not a program, or an instruction that no bytes can hold. */
export class EncodingError extends Error {
  /** The slot at fault, counted in units of 8 bytes. */
  readonly slot: number;
  readonly reason: string;

  constructor(slot: number, reason: string) {
    super(`slot ${slot}: ${reason}`);
    this.name = "EncodingError";
    this.slot = slot;
    this.reason = reason;
  }
}

/** Bytes of one slot. */
export const SLOT_BYTES = 8;

/** Throws EncodingError for a field that is out of its range, so that nothing is cut silently. */
export function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(countSlots(instructions) * SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { op, dst, src, off, imm, imm64 } of instructions) {
    if (op < 0 || op > 255 || dst < 0 || dst > 15 || src < 0 || src > 15) {
      throw new EncodingError(at / SLOT_BYTES, `opcode ${op}, dst ${dst} or src ${src} is out of range`);
    }
    if (off !== (off << 16) >> 16) throw new EncodingError(at / SLOT_BYTES, `offset ${off} does not fit in 16 bits`);
    if (imm !== (imm | 0)) throw new EncodingError(at / SLOT_BYTES, `immediate ${imm} does not fit in 32 bits`);
    bytes[at] = op;
    bytes[at + 1] = (src << 4) | dst;
    view.setInt16(at + 2, off, true);
    if (op === Opcode.LDDW) {
      // Without imm64 the immediate is what a 32-bit one means elsewhere: sign-extended for a number, else low half only.
      const wide = imm64 ?? (src === 0 ? BigInt.asUintN(64, BigInt(imm)) : BigInt.asUintN(32, BigInt(imm)));
      if (wide < 0n || wide >= 1n << 64n)
        throw new EncodingError(at / SLOT_BYTES, `immediate ${wide} does not fit in 64 bits`);
      view.setInt32(at + 4, Number(BigInt.asIntN(32, wide)), true);
      view.setInt32(at + 12, Number(BigInt.asIntN(32, wide >> 32n)), true);
      at += 2 * SLOT_BYTES;
    } else {
      view.setInt32(at + 4, imm, true);
      at += SLOT_BYTES;
    }
  }
  return bytes;
}

/** Reads instructions as they are, whatever their fields hold. Throws EncodingError where the bytes end too early. */
export function decode(bytes: Uint8Array): Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  const end = bytes.length;
  if (end % SLOT_BYTES !== 0) {
    throw new EncodingError(
      Math.floor(end / SLOT_BYTES),
      `the program ends within a slot (${end} bytes is no multiple of 8)`,
    );
  }
  for (let at = 0; at < end; at += SLOT_BYTES) {
    const op = bytes[at] as number;
    const registers = bytes[at + 1] as number;
    const dst = registers & 15;
    const src = registers >> 4;
    const off = view.getInt16(at + 2, true);
    const imm = view.getInt32(at + 4, true);
    if (op !== Opcode.LDDW) {
      instructions.push({ op, dst, src, off, imm });
      continue;
    }
    if (at + 2 * SLOT_BYTES > end)
      throw new EncodingError(at / SLOT_BYTES, "the second slot of a wide instruction is missing");
    if (view.getInt32(at + 8, true) !== 0) {
      throw new EncodingError(
        at / SLOT_BYTES + 1,
        "the second slot of a wide instruction holds more than an immediate",
      );
    }
    const imm64 = (BigInt(view.getUint32(at + 12, true)) << 32n) | BigInt(view.getUint32(at + 4, true));
    instructions.push({ op, dst, src, off, imm, imm64 });
    at += SLOT_BYTES;
  }
  return instructions;
}

/**
 * Checks each instruction as RFC 9669 demands: it exists, its registers exist, its unused fields are zero, and jumps
 * and local calls land on an instruction of the program. Throws EncodingError for the first that does not.
 */
export function validate(instructions: readonly Instruction[]): void {
  const total = countSlots(instructions);
  const starts = new Uint8Array(total);
  let slot = 0;
  for (const instruction of instructions) {
    starts[slot] = 1;
    slot += slotsOf(instruction.op);
  }
  slot = 0;
  for (const instruction of instructions) {
    const reason = complaint(instruction);
    if (reason !== undefined) throw new EncodingError(slot, reason);
    const distance = jumpDistance(instruction);
    if (distance !== undefined) {
      const target = slot + 1 + distance;
      if (target < 0 || target >= total)
        throw new EncodingError(slot, `jumps to slot ${target}, outside of the program`);
      if (starts[target] === 0)
        throw new EncodingError(slot, `jumps to slot ${target}, the middle of a wide instruction`);
    }
    slot += slotsOf(instruction.op);
  }
}

/** `decode` and `validate` in one. */
export function decodeStrict(bytes: Uint8Array): Instruction[] {
  const instructions = decode(bytes);
  validate(instructions);
  return instructions;
}
