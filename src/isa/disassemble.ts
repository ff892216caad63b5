// Instructions to text, one line each, by the templates of `syntax.ts`. What no operation allows is printed as `.insn`
// with its raw fields, so that any program has a text that assembles back to the same bytes.

import { slotsOf } from "./flow.ts";
import type { Instruction } from "./instruction.ts";
import { type Operation, operationOf } from "./operations.ts";
import { TEMPLATES, templateParts } from "./syntax.ts";

export interface DisassembleOptions {
  /** A helper's name for its number; without one `call 5` stays a number. */
  readonly helper?: (id: number) => string | undefined;
  /** What a map, function, kernel function or type is called, where an operand is still symbolic. */
  readonly symbol?: (instruction: Instruction, index: number) => string | undefined;
  /** Start each line with the slot it stands at: `12: r0 = 1`. */
  readonly slots?: boolean;
}

type Template = readonly { readonly literal?: string; readonly hole?: string }[];
const templates = new Map<string, Template>();

/** One line an instruction, no newline at the end. `assemble` reads it back. */
export function disassemble(instructions: readonly Instruction[], options: DisassembleOptions = {}): string {
  let slot = 0;
  return instructions
    .map((instruction, index) => {
      const symbol = options.symbol?.(instruction, index);
      const text = disassembleOne(instruction, options.helper, symbol);
      const line = options.slots ? `${slot}: ${text}` : text;
      slot += slotsOf(instruction.op);
      return line;
    })
    .join("\n");
}

/** The text of one instruction. */
export function disassembleOne(
  instruction: Instruction,
  helper?: (id: number) => string | undefined,
  symbol?: string,
): string {
  const row = operationOf(instruction);
  if (row === undefined) return raw(instruction);
  switch (row.form) {
    case "call":
      return callText(instruction, row, helper, symbol);
    case "wide":
      return wideText(instruction, row, symbol);
    case "cast":
      return `r${instruction.dst} = addr_space_cast(r${instruction.src}, ${instruction.imm >>> 16}, ${instruction.imm & 0xffff})`;
  }
  let template = templates.get(row.form);
  if (template === undefined) templates.set(row.form, (template = templateParts(TEMPLATES[row.form])));
  let text = "";
  for (const part of template) text += part.literal ?? hole(part.hole as string, instruction, row);
  return text;
}

function hole(name: string, { dst, src, off, imm }: Instruction, row: Operation): string {
  switch (name) {
    case "D":
    case "V":
      return `${row.width < 64 ? "w" : "r"}${dst}`;
    case "S":
    case "v":
      return `${row.width < 64 ? "w" : "r"}${src}`;
    case "d":
    case "X":
      return `r${dst}`;
    case "s":
    case "x":
      return `r${src}`;
    case "0":
      return row.width < 64 ? "w0" : "r0";
    case "text":
      return row.text;
    case "imm":
      return `${imm}`;
    case "bits":
      return `${row.width}`;
    case "+off":
      return off < 0 ? `- ${-off}` : `+ ${off}`;
    case "target":
      return signed(row.text === "gotol" ? imm : off);
    default:
      throw new Error(`no such hole in a template: ${name}`);
  }
}

const signed = (number: number | bigint): string => (number < 0 ? `${number}` : `+${number}`);

function callText(
  { imm, off }: Instruction,
  row: Operation,
  helper: ((id: number) => string | undefined) | undefined,
  symbol: string | undefined,
): string {
  if (row.text === "kfunc")
    return `call kfunc[${symbol ?? imm}]${off === 0 ? "" : ` ${off < 0 ? "-" : "+"} ${Math.abs(off)}`}`;
  if (symbol !== undefined) return `call ${symbol}`;
  if (row.text === "pc") return `call pc${signed(imm)}`;
  return `call ${helper?.(imm) ?? imm}`;
}

function wideText(instruction: Instruction, row: Operation, symbol: string | undefined): string {
  const { dst, imm } = instruction;
  const value = instruction.imm64 ?? BigInt.asUintN(row.text === "" ? 64 : 32, BigInt(imm));
  if (row.text === "") return `r${dst} = ${symbol === undefined ? `0x${value.toString(16)}` : `type[${symbol}]`} ll`;
  const high = value >> 32n;
  return `r${dst} = ${row.text}[${symbol ?? imm}]${high === 0n ? "" : ` + ${high}`} ll`;
}

function raw({ op, dst, src, off, imm, imm64 }: Instruction): string {
  const opcode = `0x${op.toString(16).padStart(2, "0")}`;
  return `.insn ${opcode}, ${dst}, ${src}, ${off}, ${imm64 === undefined ? imm : `0x${imm64.toString(16)} ll`}`;
}
