// Classic BPF, which socket filters, seccomp and packet captures still speak: `struct sock_filter` of linux/filter.h.
//
//     ┌──────────┬────┬────┬──────────┐
//     │ u16 code │ jt │ jf │ u32 k    │   8 bytes, little endian as on every machine that we run on
//     └──────────┴────┴────┴──────────┘

import { EncodingError, SLOT_BYTES } from "./encode.ts";

export interface ClassicInstruction {
  readonly code: number;
  /** Instructions to skip when the comparison holds, 0..255. */
  readonly jt: number;
  /** … when it does not. */
  readonly jf: number;
  /** 0..2^32-1 */
  readonly k: number;
}

/** How an operand is written; `%` stands for the number. */
interface ClassicOperation {
  readonly code: number;
  readonly name: string;
  readonly operand: string;
  /** How the number is written; hexadecimal where bits matter, as libpcap's bpf_image does. */
  readonly number: "decimal" | "hex" | "target" | "none";
}

const SIZES = [
  ["", 0x00],
  ["h", 0x08],
  ["b", 0x10],
] as const;
const ARITHMETIC = [
  ["add", 0x00, "decimal"],
  ["sub", 0x10, "decimal"],
  ["mul", 0x20, "decimal"],
  ["div", 0x30, "decimal"],
  ["or", 0x40, "hex"],
  ["and", 0x50, "hex"],
  ["lsh", 0x60, "decimal"],
  ["rsh", 0x70, "decimal"],
  ["mod", 0x90, "decimal"],
  ["xor", 0xa0, "hex"],
] as const;
const BRANCHES = [
  ["jeq", 0x10],
  ["jgt", 0x20],
  ["jge", 0x30],
  ["jset", 0x40],
] as const;

let table: Map<number, ClassicOperation> | undefined;

function operations(): Map<number, ClassicOperation> {
  if (table !== undefined) return table;
  const rows: ClassicOperation[] = [];
  const add = (code: number, name: string, operand: string, number: ClassicOperation["number"]) =>
    rows.push({ code, name, operand, number });
  for (const [suffix, size] of SIZES) {
    add(0x20 | size, `ld${suffix}`, "[%]", "decimal");
    add(0x40 | size, `ld${suffix}`, "[x + %]", "decimal");
  }
  add(0x00, "ld", "#%", "hex");
  add(0x80, "ld", "#pktlen", "none");
  add(0x60, "ld", "M[%]", "decimal");
  add(0x01, "ldx", "#%", "hex");
  add(0x81, "ldx", "#pktlen", "none");
  add(0x61, "ldx", "M[%]", "decimal");
  add(0xb1, "ldxb", "4*([%]&0xf)", "decimal");
  add(0x02, "st", "M[%]", "decimal");
  add(0x03, "stx", "M[%]", "decimal");
  for (const [name, code, number] of ARITHMETIC) {
    add(0x04 | code, name, "#%", number);
    add(0x0c | code, name, "x", "none");
  }
  add(0x84, "neg", "", "none");
  add(0x05, "ja", "%", "target");
  for (const [name, code] of BRANCHES) {
    add(0x05 | code, name, "#%", "hex");
    add(0x0d | code, name, "x", "none");
  }
  add(0x06, "ret", "#%", "decimal");
  add(0x0e, "ret", "x", "none");
  add(0x16, "ret", "", "none");
  add(0x07, "tax", "", "none");
  add(0x87, "txa", "", "none");
  table = new Map(rows.map((row) => [row.code, row]));
  return table;
}

/** Throws EncodingError for a field that is out of its range. */
export function encodeClassic(program: readonly ClassicInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, i) => {
    if (code >>> 16 !== 0 || jt >>> 8 !== 0 || jf >>> 8 !== 0 || k !== k >>> 0) {
      throw new EncodingError(i, `code ${code}, jt ${jt}, jf ${jf} or k ${k} is out of range`);
    }
    view.setUint16(i * SLOT_BYTES, code, true);
    bytes[i * SLOT_BYTES + 2] = jt;
    bytes[i * SLOT_BYTES + 3] = jf;
    view.setUint32(i * SLOT_BYTES + 4, k, true);
  });
  return bytes;
}

/** Throws EncodingError for bytes that end within an instruction. */
export function decodeClassic(bytes: Uint8Array): ClassicInstruction[] {
  if (bytes.length % SLOT_BYTES !== 0) {
    throw new EncodingError(
      Math.floor(bytes.length / SLOT_BYTES),
      `the program ends within an instruction (${bytes.length} bytes)`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / SLOT_BYTES }, (_, i) => ({
    code: view.getUint16(i * SLOT_BYTES, true),
    jt: view.getUint8(i * SLOT_BYTES + 2),
    jf: view.getUint8(i * SLOT_BYTES + 3),
    k: view.getUint32(i * SLOT_BYTES + 4, true),
  }));
}

/** The text that `tcpdump -d` prints, one line an instruction. */
export function disassembleClassic(program: readonly ClassicInstruction[]): string {
  return program
    .map(({ code, jt, jf, k }, at) => {
      const row = operations().get(code) ?? { code, name: "unimp", operand: `0x${code.toString(16)}`, number: "none" };
      const number =
        row.number === "hex" ? `0x${k.toString(16)}` : row.number === "target" ? `${at + 1 + k}` : `${k | 0}`;
      const operand = row.number === "none" ? row.operand : row.operand.replace("%", number);
      const head = `(${`${at}`.padStart(3, "0")}) ${row.name.padEnd(8)} `;
      const branch = (code & 7) === 5 && code !== 0x05;
      return branch ? `${head}${operand.padEnd(16)} jt ${at + 1 + jt}\tjf ${at + 1 + jf}` : `${head}${operand}`;
    })
    .join("\n");
}
