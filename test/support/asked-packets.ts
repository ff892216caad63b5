// Packets that a program of classic BPF asks for: it is walked, and where a test compares bytes, they mostly become what it
// compares with. Of random packets few filters match any.

import { type Packet, pick, type Random } from "./filter-packets.ts";

const BYTES = 320;
/** Of programs with loops, steps at most. */
const STEPS = 500;
const FEW = [0, 0, 1, 2, 3, 5, 8, 44, 80, 255];

type Instruction = readonly number[];

/** Where the accumulator's bytes stand in the packet, and which of their bits it has. */
interface Origin {
  readonly at: number;
  readonly size: number;
  readonly mask: number;
}

function read(data: Uint8Array, at: number, size: number): number {
  let number = 0;
  for (let i = 0; i < size; i++) number = number * 256 + (data[at + i] as number);
  return number;
}

function write(data: Uint8Array, at: number, size: number, number: number): void {
  for (let i = size - 1, rest = number >>> 0; i >= 0; i--, rest = Math.floor(rest / 256)) data[at + i] = rest % 256;
}

function calculated(operation: number, a: number, b: number): number {
  switch (operation) {
    case 0x00:
      return (a + b) >>> 0;
    case 0x10:
      return (a - b) >>> 0;
    case 0x20:
      return Math.imul(a, b) >>> 0;
    case 0x30:
      return b === 0 ? 0 : Math.floor(a / b);
    case 0x40:
      return (a | b) >>> 0;
    case 0x50:
      return (a & b) >>> 0;
    case 0x60:
      return b > 31 ? 0 : (a << b) >>> 0;
    case 0x70:
      return b > 31 ? 0 : a >>> b;
    case 0x80:
      return -a >>> 0;
    case 0x90:
      return b === 0 ? 0 : a % b;
    default:
      return (a ^ b) >>> 0;
  }
}

function holds(relation: number, a: number, b: number): boolean {
  if (relation === 0x10) return a === b;
  if (relation === 0x20) return a > b;
  if (relation === 0x30) return a >= b;
  return (a & b) !== 0;
}

/** A number for bytes of which a test asks: mostly what it compares with, or beside it. */
function wanted(relation: number, k: number, { mask }: Origin, old: number, random: Random): number {
  if (relation === 0x40) return random() < 0.5 ? old | (k & -k) : old & ~k;
  const near = random() < 0.75 ? k : k + pick(random, [-1, 1]);
  return (old & ~mask) | (near & mask);
}

/** The packet that a walk through a program leaves. */
export function askedPacket(program: readonly Instruction[], random: Random): Packet {
  const data = Uint8Array.from({ length: BYTES }, () => (random() < 0.5 ? 0 : pick(random, FEW)));
  const length = pick(random, [BYTES, 60, 64, 100, 500]);
  const cells: number[] = [];
  let a = 0;
  let x = 0;
  let origin: Origin | undefined;
  for (let pc = 0, steps = 0; pc < program.length && steps < STEPS; steps++) {
    const [code = 0, jt = 0, jf = 0, k = 0] = program[pc++] as Instruction;
    const mode = code & 0xe0;
    switch (code & 7) {
      case 0: {
        origin = undefined;
        if (mode === 0x00) a = k;
        else if (mode === 0x60) a = cells[k] ?? 0;
        else if (mode === 0x80) a = length;
        else {
          const at = mode === 0x20 ? k : (x + k) >>> 0;
          const size = (code & 0x18) === 0 ? 4 : (code & 0x18) === 8 ? 2 : 1;
          if (at + size > BYTES) return { data, length };
          a = read(data, at, size);
          origin = { at, size, mask: 0xffffffff };
        }
        break;
      }
      case 1:
        if (mode === 0xa0 && k < BYTES) {
          // Mostly a header of IPv4 without options.
          if (random() < 0.8) data[k] = ((data[k] as number) & 0xf0) | 5;
          x = ((data[k] as number) & 15) * 4;
        } else x = mode === 0x60 ? (cells[k] ?? 0) : mode === 0x80 ? length : k;
        break;
      case 2:
        cells[k] = a;
        break;
      case 3:
        cells[k] = x;
        break;
      case 4: {
        const b = (code & 8) === 0 ? k : x;
        origin = code === 0x54 && origin !== undefined ? { ...origin, mask: origin.mask & k } : undefined;
        a = calculated(code & 0xf0, a, b);
        break;
      }
      case 5: {
        if ((code & 0xf0) === 0) {
          pc += k | 0;
          break;
        }
        const b = (code & 8) === 0 ? k : x;
        if (origin !== undefined && (code & 8) === 0 && random() < 0.8) {
          const { at, size, mask } = origin;
          write(data, at, size, wanted(code & 0xf0, k, origin, read(data, at, size), random));
          a = (read(data, at, size) & mask) >>> 0;
        }
        pc += holds(code & 0xf0, a, b) ? jt : jf;
        break;
      }
      case 6:
        return { data, length };
      default:
        if ((code & 0x80) === 0) x = a;
        else {
          a = x;
          origin = undefined;
        }
    }
  }
  return { data, length };
}
