// How long an x86-64 instruction is, and no more: what is needed to step through a function from its entry.
//
//     [prefixes] [REX | VEX | EVEX | XOP] opcode [ModRM [SIB] [displacement]] [immediate]
//
// Source: Intel's manual, volume 2, appendix A (opcode maps, 64-bit mode); AMD's, volume 6, for XOP and 3DNow!.

/**
 * One letter an opcode:
 *     .  nothing follows             M  ModRM                        x  no instruction in 64-bit mode
 *     b  8-bit immediate             B  ModRM, 8-bit immediate       p  prefix
 *     z  16 or 32 bits by prefix 66  Z  ModRM, 16 or 32 bits         r  REX prefix
 *     w  16 bits                     e  16 and 8 bits (enter)        j  32-bit jump distance, whatever the prefix
 *     v  16, 32 or 64 bits           a  an address of 64 or 32 bits
 *     T  ModRM, 8 bits for /0, /1    t  ModRM, 16 or 32 for /0, /1   S  ModRM, two immediates after 66 or f2 (SSE4a)
 *     2  map 0f    3  map 0f 38    4  map 0f 3a    V  VEX, 3 bytes    W  VEX, 2 bytes    E  EVEX    X  XOP or ModRM
 */
const ONE =
  "MMMMbzxxMMMMbzx2" + // 00
  "MMMMbzxxMMMMbzxx" +
  "MMMMbzpxMMMMbzpx" +
  "MMMMbzpxMMMMbzpx" +
  "rrrrrrrrrrrrrrrr" + // 40
  "................" +
  "xxEMppppzZbB...." +
  "bbbbbbbbbbbbbbbb" +
  "BZxBMMMMMMMMMMMX" + // 80
  "..........x....." +
  "aaaa....bz......" +
  "bbbbbbbbvvvvvvvv" +
  "BBw.VWBZe.w..bx." + // c0
  "MMMMxxx.MMMMMMMM" +
  "bbbbbbbbjjxb...." +
  "p.pp..Tt......MM";

const TWO =
  "MMMMx.....x.xM.B" + // 0f 00
  "MMMMMMMMMMMMMMMM" +
  "MMMMxxxxMMMMMMMM" +
  "......x.3x4xxxxx" +
  "MMMMMMMMMMMMMMMM" + // 0f 40
  "MMMMMMMMMMMMMMMM" +
  "MMMMMMMMMMMMMMMM" +
  "BBBBMMM.SMxxMMMM" +
  "jjjjjjjjjjjjjjjj" + // 0f 80
  "MMMMMMMMMMMMMMMM" +
  "...MBMxx...MBMMM" +
  "MMMMMMMMMMBMMMMM" +
  "MMBMBBBM........" + // 0f c0
  "MMMMMMMMMMMMMMMM" +
  "MMMMMMMMMMMMMMMM" +
  "MMMMMMMMMMMMMMMM";

/** The processor refuses what is longer. */
const LONGEST = 15;

/** Bytes of the instruction at `at`; 0 for what is none, is not known, or is cut short by the end of the bytes. */
export function x86Length(code: Uint8Array, at: number): number {
  const byte = (offset: number): number => code[at + offset] ?? 0;
  let n = 0;
  let narrow = false;
  let shortAddress = false;
  let scalar = false;
  while (ONE[byte(n)] === "p" && n < LONGEST) {
    const prefix = byte(n++);
    if (prefix === 0x66) narrow = true;
    else if (prefix === 0x67) shortAddress = true;
    else if (prefix === 0xf2) scalar = true;
  }
  let wide = false;
  if (ONE[byte(n)] === "r") wide = (byte(n++) & 8) !== 0;
  let kind = ONE[byte(n++)] as string;
  switch (kind) {
    case "2":
      kind = TWO[byte(n++)] as string;
      if (kind === "3" || kind === "4") {
        n++;
        kind = kind === "3" ? "M" : "B";
      }
      break;
    case "W":
      n++;
      kind = vectorKind(1, byte(n++));
      break;
    case "V":
      kind = vectorKind(byte(n) & 31, byte(n + 2));
      n += 3;
      break;
    case "E":
      kind = vectorKind(byte(n) & 7, byte(n + 3));
      n += 4;
      break;
    case "X":
      // XOP's map numbers begin where no register number of `pop` (8f /0) can be.
      if ((byte(n) & 31) < 8) {
        kind = "M";
        break;
      }
      kind = ({ 8: "B", 9: "M", 10: "q" } as Readonly<Record<number, string>>)[byte(n) & 31] ?? "x";
      n += 3;
      break;
  }
  const usual = narrow && !wide ? 2 : 4;
  switch (kind) {
    case ".":
      break;
    case "b":
      n += 1;
      break;
    case "w":
      n += 2;
      break;
    case "e":
      n += 3;
      break;
    case "j":
      n += 4;
      break;
    case "z":
      n += usual;
      break;
    case "v":
      n += wide ? 8 : usual;
      break;
    case "a":
      n += shortAddress ? 4 : 8;
      break;
    case "M":
    case "B":
    case "Z":
    case "T":
    case "t":
    case "S":
    case "q": {
      const modRM = byte(n);
      const tests = (modRM & 0x30) === 0;
      n += operandLength(modRM, byte(n + 1));
      if (kind === "B" || (kind === "T" && tests)) n += 1;
      else if (kind === "Z" || (kind === "t" && tests)) n += usual;
      else if (kind === "S" && (narrow || scalar)) n += 2;
      else if (kind === "q") n += 4;
      break;
    }
    default:
      return 0;
  }
  return n > LONGEST || at + n > code.length ? 0 : n;
}

/** What follows the opcode of a VEX or EVEX instruction: maps 1 to 3 are 0f, 0f 38, 0f 3a; 5 and 6 have no immediates. */
function vectorKind(map: number, opcode: number): string {
  if (map === 1) return TWO[opcode] === "." ? "." : TWO[opcode] === "B" ? "B" : "M";
  return map === 3 ? "B" : map === 2 || map === 5 || map === 6 ? "M" : "x";
}

/** Bytes of ModRM, SIB and displacement. */
function operandLength(modRM: number, sib: number): number {
  const mode = modRM >> 6;
  const register = modRM & 7;
  if (mode === 3) return 1;
  const hasSib = register === 4 ? 1 : 0;
  if (mode === 1) return 2 + hasSib;
  if (mode === 2) return 5 + hasSib;
  return 1 + hasSib + (register === 5 || (hasSib === 1 && (sib & 7) === 5) ? 4 : 0);
}
