// Classic BPF over bytes, for filters where no kernel is: what the kernel's interpreter and libpcap's give.

import type { ClassicInstruction } from "../../isa/index.ts";

/** What is known of a packet besides its bytes. */
export interface PacketFacts {
  /** How long the packet was before it was cut. */
  readonly length?: number;
}

/** Steps of a program, at most: only one with a loop takes more than it has instructions. */
const MOST_STEPS = 100_000;

/** A function that answers how many bytes of a packet to keep: 0 where it does not match. */
export function classicFunction(
  program: readonly ClassicInstruction[],
): (packet: Uint8Array, facts?: PacketFacts) => number {
  const size = program.length;
  const code = new Uint16Array(size);
  const jumps = new Int32Array(2 * size);
  const operands = new Uint32Array(size);
  program.forEach(({ code: op, jt, jf, k }, i) => {
    code[i] = op;
    jumps[2 * i] = op === 0x05 ? k | 0 : jt;
    jumps[2 * i + 1] = jf;
    operands[i] = k;
  });
  const cells = new Uint32Array(16);
  return (packet, facts) => {
    const length = packet.length;
    const whole = facts?.length ?? length;
    let a = 0;
    let x = 0;
    cells.fill(0);
    let steps = MOST_STEPS;
    for (let pc = 0; pc < size && steps > 0; pc++, steps--) {
      const k = operands[pc] as number;
      const op = code[pc] as number;
      switch (op) {
        case 0x20:
        case 0x28:
        case 0x30:
        case 0x40:
        case 0x48:
        case 0x50: {
          const at = op >= 0x40 ? (x + k) >>> 0 : k;
          const bytes = (op & 0x18) === 0 ? 4 : (op & 0x18) === 8 ? 2 : 1;
          if (at + bytes > length) return 0;
          a = packet[at] as number;
          if (bytes > 1) a = (a << 8) | (packet[at + 1] as number);
          if (bytes > 2) a = ((a << 16) | ((packet[at + 2] as number) << 8) | (packet[at + 3] as number)) >>> 0;
          break;
        }
        case 0xb1:
          if (k >= length) return 0;
          x = ((packet[k] as number) & 0xf) << 2;
          break;
        case 0x00:
          a = k;
          break;
        case 0x01:
          x = k;
          break;
        case 0x80:
          a = whole;
          break;
        case 0x81:
          x = whole;
          break;
        case 0x60:
          a = cells[k & 15] as number;
          break;
        case 0x61:
          x = cells[k & 15] as number;
          break;
        case 0x02:
          cells[k & 15] = a;
          break;
        case 0x03:
          cells[k & 15] = x;
          break;
        case 0x07:
          x = a;
          break;
        case 0x87:
          a = x;
          break;
        case 0x84:
          a = -a >>> 0;
          break;
        case 0x05:
          pc += jumps[2 * pc] as number;
          break;
        case 0x06:
          return k;
        case 0x16:
          return a;
        default: {
          const operand = (op & 8) !== 0 ? x : k;
          if ((op & 7) === 5) {
            pc += jumps[2 * pc + (branches(op, a, operand) ? 0 : 1)] as number;
            break;
          }
          const kind = op & 0xf0;
          if ((kind === 0x30 || kind === 0x90) && operand === 0) return 0;
          a = calculated(kind, a, operand);
        }
      }
    }
    return 0;
  };
}

function branches(op: number, a: number, operand: number): boolean {
  switch (op & 0xf0) {
    case 0x10:
      return a === operand;
    case 0x20:
      return a > operand;
    case 0x30:
      return a >= operand;
    default:
      return (a & operand) !== 0;
  }
}

function calculated(kind: number, a: number, operand: number): number {
  switch (kind) {
    case 0x00:
      return (a + operand) >>> 0;
    case 0x10:
      return (a - operand) >>> 0;
    case 0x20:
      return Math.imul(a, operand) >>> 0;
    case 0x30:
      return Math.floor(a / operand);
    case 0x40:
      return (a | operand) >>> 0;
    case 0x50:
      return (a & operand) >>> 0;
    case 0x60:
      return operand > 31 ? 0 : (a << operand) >>> 0;
    case 0x70:
      return operand > 31 ? 0 : a >>> operand;
    case 0x90:
      return a % operand;
    default:
      return (a ^ operand) >>> 0;
  }
}
