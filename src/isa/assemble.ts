// Text to instructions: one a line, by the templates of `syntax.ts`.
//
//     line      := [label ":"] [instruction] [comment]
//     label     := identifier
//     comment   := (";" | "//" | "#") anything
//     target    := ["pc"] ("+" | "-") number | label          in slots, from the next instruction
//     call      := "call" (number | helper | label | "pc" ±number | "kfunc[" (number | name) "]" ["+" number])
//     wide      := register "=" (number | kind "[" (number | name) "]" ["+" number]) "ll"
//
// What a verifier log or llvm-objdump puts before an instruction (`12: (b7)`, `12: b7 01 00 …`) is passed over, so text
// from there can be pasted.

import { type Diagnostic, DiagnosticError, type SourceText } from "../source/index.ts";
import { slotsOf } from "./flow.ts";
import type { Instruction } from "./instruction.ts";
import { Opcode } from "./opcodes.ts";
import { type Form, type Operation, operations } from "./operations.ts";
import { TEMPLATES, templateParts } from "./syntax.ts";

/** What an operand names, where only a machine or a linker knows its number. */
export interface Symbolic {
  readonly kind: "map" | "map_value" | "var" | "function" | "map_index" | "map_index_value" | "type" | "call" | "kfunc";
  readonly name: string;
  /** Bytes into a map's value; else 0. */
  readonly offset: number;
}

export interface AssembledInstruction extends Instruction {
  readonly symbol?: Symbolic;
}

export interface AssembleOptions {
  /** A helper's number for its name, without `bpf_`; undefined where there is none. */
  readonly helper?: (name: string) => number | undefined;
  /** The file's name in diagnostics; "asm" by default. */
  readonly name?: string;
}

/** As `assembleSymbolic`, but a name that the text does not define is an error too. */
export function assemble(text: string, options: AssembleOptions = {}): Instruction[] {
  const assembly = new Assembly(text, options);
  const instructions = assembly.run();
  assembly.refuseSymbols();
  assembly.finish();
  return instructions;
}

/** Names of maps, functions and kernel functions stay on their instructions. Throws DiagnosticError for bad text. */
export function assembleSymbolic(text: string, options: AssembleOptions = {}): AssembledInstruction[] {
  const assembly = new Assembly(text, options);
  const instructions = assembly.run();
  assembly.finish();
  return instructions;
}

interface Pending {
  readonly instruction: AssembledInstruction;
  readonly slot: number;
  /** Where it stands in the text. */
  readonly start: number;
  readonly end: number;
  /** A label that a jump, call or function address names. */
  readonly label?: string;
}

interface Pattern {
  readonly form: Form;
  readonly expression: RegExp;
}

const NUMBER = "[+-]?\\s*(?:0[xX][0-9a-fA-F]+|\\d+)";
const NAME = "[A-Za-z_.$][\\w.$]*";
const PREFIX = /^\d+:\s*(?:\([0-9a-fA-F]{2}\)\s*|(?:[0-9a-fA-F]{2}\s+){8,16})?/;
const WIDE_LINE = new RegExp(`^[rw](\\d+)\\s*=\\s*(?:(${NUMBER})|(\\w+)\\[([^\\]]+)\\](?:\\s*\\+\\s*(\\d+))?)\\s*ll$`);
const CALL_LINE = new RegExp(
  `^call\\s+(?:kfunc\\[([^\\]]+)\\](?:\\s*([+-]\\s*\\d+))?|pc\\s*([+-]\\d+)|(${NUMBER})|(?:bpf_)?(${NAME})(?:#\\d+)?)$`,
);
const CAST_LINE = new RegExp(
  `^r(\\d+)\\s*=\\s*addr_space_cast\\(\\s*r(\\d+)\\s*,\\s*(${NUMBER})\\s*,\\s*(${NUMBER})\\s*\\)$`,
);
const RAW_LINE = new RegExp(
  `^\\.insn\\s+(${NUMBER})\\s*,\\s*(\\d+)\\s*,\\s*(\\d+)\\s*,\\s*(${NUMBER})\\s*,\\s*(${NUMBER})(\\s*ll)?$`,
);

let patterns: readonly Pattern[] | undefined;
let byText: Map<string, Operation> | undefined;

/** The expression of a template: blanks are free, a hole that stands twice must hold the same register. */
function expressionOf(template: string): RegExp {
  const seen = new Set<string>();
  const source = templateParts(template)
    .map(({ literal, hole }) => {
      if (literal !== undefined) {
        return literal
          .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
          .replace(/ +/g, "\\s*")
          .replace(/^(if|lock)\\s\*/, "$1\\s+");
      }
      switch (hole) {
        case "text":
          return "(?<text>[-+*/|&<>%^!=s]+|[a-z]\\w*)";
        case "imm":
          return `(?<imm>${NUMBER})`;
        case "bits":
          return "(?<bits>8|16|32|64)";
        case "+off":
          return "(?<off>[+-]\\s*(?:0[xX][0-9a-fA-F]+|\\d+))?";
        case "target":
          return `(?<target>(?:pc)?[+-]\\d+|${NAME})`;
        case "0":
          return "[rw]0";
        default: {
          const side = hole === "D" || hole === "d" || hole === "V" || hole === "X" ? "dst" : "src";
          const file = hole === "d" || hole === "s" ? "r" : "[rw]";
          if (seen.has(side)) return `(?:\\k<${side}>)`;
          seen.add(side);
          return `(?<${side}>${file}\\d+)`;
        }
      }
    })
    .join("");
  return new RegExp(`^${source}$`);
}

function allPatterns(): readonly Pattern[] {
  patterns ??= (Object.keys(TEMPLATES) as (keyof typeof TEMPLATES)[]).map((form) => ({
    form,
    expression: expressionOf(TEMPLATES[form]),
  }));
  return patterns;
}

/** The operation of a form by its text and, where the text does not say, its width. */
function operationFor(form: Form, text: string, width: number | undefined): Operation | undefined {
  if (byText === undefined) {
    byText = new Map();
    for (const row of operations()) {
      byText.set(`${row.form} ${row.text} ${row.width}`, row);
      byText.set(`${row.form} ${row.text}`, row);
    }
  }
  return byText.get(width === undefined ? `${form} ${text}` : `${form} ${text} ${width}`);
}

/** Forms whose width is that of their registers, and those whose width is written as the size of the memory. */
const BY_REGISTER: ReadonlySet<Form> = new Set<Form>([
  "neg",
  "sign-extend",
  "alu-imm",
  "alu-reg",
  "branch-imm",
  "branch-reg",
]);

class Mistake extends Error {
  readonly code: Diagnostic["code"];
  constructor(code: Diagnostic["code"], message: string) {
    super(message);
    this.code = code;
  }
}

class Assembly {
  readonly #source: SourceText;
  readonly #options: AssembleOptions;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #labels = new Map<string, number>();
  readonly #pending: Pending[] = [];

  constructor(text: string, options: AssembleOptions) {
    this.#source = { name: options.name ?? "asm", text };
    this.#options = options;
  }

  finish(): void {
    if (this.#diagnostics.length > 0) throw new DiagnosticError(this.#diagnostics, this.#source);
  }

  refuseSymbols(): void {
    for (const { instruction, start, end } of this.#pending) {
      const symbol = instruction.symbol;
      if (symbol === undefined || (symbol.kind === "call" && this.#labels.has(symbol.name))) continue;
      if (symbol.kind === "function" && this.#labels.has(symbol.name)) continue;
      this.#report(
        "SCRY8005",
        `Nothing here defines the ${symbol.kind === "call" ? "helper or function" : symbol.kind} '${symbol.name}'`,
        start,
        end,
      );
    }
  }

  #report(code: Diagnostic["code"], message: string, start: number, end: number): void {
    this.#diagnostics.push({ code, severity: "error", message, span: { start, end } });
  }

  run(): AssembledInstruction[] {
    let slot = 0;
    let at = 0;
    for (const line of this.#source.text.split("\n")) {
      const lineStart = at;
      at += line.length + 1;
      const bare = line.replace(/(?:;|\/\/|#(?!\d)).*$/, "");
      let body = bare.trim();
      let start = lineStart + (bare.length - bare.trimStart().length);
      const end = start + body.length;
      const label = new RegExp(`^(${NAME}):\\s*`).exec(body);
      const skip = label ?? PREFIX.exec(body);
      if (skip !== null) {
        if (label !== null) {
          const name = label[1] as string;
          if (this.#labels.has(name))
            this.#report("SCRY8004", `The label '${name}' stands twice`, start, start + name.length);
          else this.#labels.set(name, slot);
        }
        body = body.slice(skip[0].length);
        start += skip[0].length;
      }
      if (body === "") continue;
      try {
        const { label: wanted, ...instruction } = this.#line(body);
        this.#pending.push({ instruction, slot, start, end, ...(wanted === undefined ? {} : { label: wanted }) });
        slot += slotsOf(instruction.op);
      } catch (error) {
        if (!(error instanceof Mistake)) throw error;
        this.#report(error.code, error.message, start, end);
        slot++;
      }
    }
    return this.#pending.map((pending) => this.#place(pending));
  }

  /** Fills in the distance to a label. */
  #place({ instruction, slot, start, end, label }: Pending): AssembledInstruction {
    if (label === undefined) return instruction;
    const target = this.#labels.get(label);
    const { symbol, ...plain } = instruction;
    if (target === undefined) {
      if (symbol === undefined) this.#report("SCRY8002", `There is no label '${label}'`, start, end);
      return instruction;
    }
    const distance = target - slot - 1;
    if (plain.op === Opcode.CALL) return { ...plain, src: 1, imm: distance };
    if (plain.op === Opcode.LDDW) return { ...plain, imm: distance, imm64: BigInt.asUintN(32, BigInt(distance)) };
    if (plain.op === Opcode.GOTOL) return { ...plain, imm: distance };
    if (distance !== (distance << 16) >> 16) {
      this.#report(
        "SCRY8003",
        `The label '${label}' is ${distance} slots away; 16 bits hold -32768 to 32767 (gotol holds more)`,
        start,
        end,
      );
      return plain;
    }
    return { ...plain, off: distance };
  }

  #line(body: string): AssembledInstruction & { label?: string } {
    if (body.endsWith("ll")) {
      const match = WIDE_LINE.exec(body);
      if (match !== null) return this.#wide(match);
    }
    if (body.startsWith("call ") || body.startsWith("call\t")) {
      const match = CALL_LINE.exec(body);
      if (match !== null) return this.#call(match);
    }
    if (body.startsWith(".insn")) {
      const match = RAW_LINE.exec(body);
      if (match !== null) return raw(match);
    }
    const cast = CAST_LINE.exec(body);
    if (cast !== null) {
      const imm = (number16(cast[3] as string) << 16) | number16(cast[4] as string);
      return {
        op: Opcode.MOV64_REG,
        dst: registerNumber(cast[1] as string),
        src: registerNumber(cast[2] as string),
        off: 1,
        imm,
      };
    }
    for (const { form, expression } of allPatterns()) {
      const groups = expression.exec(body)?.groups;
      const found = groups === undefined && !expression.test(body) ? undefined : build(form, groups ?? {});
      if (found !== undefined) return found;
    }
    throw new Mistake("SCRY8001", `'${body}' is not an instruction`);
  }

  #wide(match: RegExpExecArray): AssembledInstruction & { label?: string } {
    const [, register, value, kind, inner, plus] = match;
    const dst = registerNumber(register as string);
    if (value !== undefined) {
      const number = integer(value);
      if (number >= 1n << 64n || number < -(1n << 63n))
        throw new Mistake("SCRY8003", `${value} does not fit in 64 bits`);
      return wideInstruction(dst, 0, BigInt.asUintN(64, number));
    }
    const name = (inner as string).trim();
    const offset = Number(plus ?? 0);
    if (offset > 0xffffffff) throw new Mistake("SCRY8003", `${plus} does not fit in 32 bits`);
    const high = BigInt(offset) << 32n;
    if (kind === "type") return { ...wideInstruction(dst, 0, 0n), symbol: { kind, name, offset } };
    const row = operationFor("wide", kind as string, undefined);
    if (row === undefined || kind === "")
      throw new Mistake("SCRY8001", `A wide instruction has no operand of kind '${kind}'`);
    const src = row.src as number;
    if (new RegExp(`^${NUMBER}$`).test(name))
      return wideInstruction(dst, src, high | BigInt.asUintN(32, BigInt(number32(name))));
    const symbol: Symbolic = { kind: kind as Symbolic["kind"], name, offset };
    return { ...wideInstruction(dst, src, high), symbol, ...(kind === "function" ? { label: name } : {}) };
  }

  #call(match: RegExpExecArray): AssembledInstruction & { label?: string } {
    const [, kfunc, module, local, number, name] = match;
    const call = { op: Opcode.CALL, dst: 0, src: 0, off: 0, imm: 0 };
    if (kfunc !== undefined) {
      const off = number16(module ?? "0");
      const id = kfunc.trim();
      if (new RegExp(`^${NUMBER}$`).test(id)) return { ...call, src: 2, off, imm: number32(id) };
      return { ...call, src: 2, off, symbol: { kind: "kfunc", name: id, offset: 0 } };
    }
    if (local !== undefined) return { ...call, src: 1, imm: number32(local) };
    if (number !== undefined) return { ...call, imm: number32(number) };
    const id = this.#options.helper?.(name as string);
    if (id !== undefined) return { ...call, imm: id };
    return { ...call, src: 1, symbol: { kind: "call", name: name as string, offset: 0 }, label: name as string };
  }
}

function build(
  form: Form,
  groups: { readonly [name: string]: string | undefined },
): (Instruction & { label?: string }) | undefined {
  const { dst, src, text, imm, off, bits, target } = groups;
  const width = BY_REGISTER.has(form)
    ? dst?.startsWith("w")
      ? 32
      : 64
    : bits === undefined
      ? undefined
      : Number(bits);
  if (BY_REGISTER.has(form) && src !== undefined && src[0] !== dst?.[0]) return undefined;
  const row = operationFor(form, text ?? FIXED_TEXT[form] ?? "", width);
  if (row === undefined) return undefined;
  const instruction = {
    op: row.op,
    dst: typeof row.dst === "number" ? row.dst : registerNumber((dst as string).slice(1)),
    src: typeof row.src === "number" ? row.src : registerNumber((src as string).slice(1)),
    off: typeof row.off === "number" ? row.off : number16(off ?? "0"),
    imm: typeof row.imm === "number" ? row.imm : number32(imm ?? "0"),
  };
  if (target === undefined) return instruction;
  const distance = /^(?:pc)?([+-]\d+)$/.exec(target);
  if (distance === null) return { ...instruction, label: target };
  const field = row.text === "gotol" ? "imm" : "off";
  return {
    ...instruction,
    [field]: field === "imm" ? number32(distance[1] as string) : number16(distance[1] as string),
  };
}

/** The text of forms whose template does not show it. */
const FIXED_TEXT: { readonly [form in Form]?: string } = { neg: "-", callx: "callx", gotox: "gotox", exit: "exit" };

function raw(match: RegExpExecArray): Instruction {
  const [, op, dst, src, off, imm, wide] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
    string | undefined,
  ];
  const head = { op: Number(integer(op)), dst: Number(dst), src: Number(src), off: number16(off) };
  if (head.op < 0 || head.op > 255 || head.dst > 15 || head.src > 15)
    throw new Mistake("SCRY8003", "An opcode has 8 bits, a register 4");
  if (wide === undefined) return { ...head, imm: number32(imm) };
  const value = BigInt.asUintN(64, integer(imm));
  return { ...head, imm: Number(BigInt.asIntN(32, value)), imm64: value };
}

function wideInstruction(dst: number, src: number, imm64: bigint): Instruction {
  return { op: Opcode.LDDW, dst, src, off: 0, imm: Number(BigInt.asIntN(32, imm64)), imm64 };
}

function registerNumber(text: string): number {
  const number = Number(text);
  if (number > 10) throw new Mistake("SCRY8003", `There is no register r${text}; registers are r0 to r10`);
  return number;
}

function integer(text: string): bigint {
  const bare = text.replace(/\s/g, "");
  const negative = bare.startsWith("-");
  const value = BigInt(bare.replace(/^[+-]/, ""));
  return negative ? -value : value;
}

/** 32 bits: a signed number, or in hexadecimal any pattern of 32 bits. */
function number32(text: string): number {
  const value = integer(text);
  const top = /0[xX]/.test(text) ? 0xffffffffn : 0x7fffffffn;
  if (value > top || value < -0x80000000n) throw new Mistake("SCRY8003", `${text} does not fit in 32 bits`);
  return Number(BigInt.asIntN(32, value));
}

function number16(text: string): number {
  const value = integer(text);
  if (value > 0x7fffn || value < -0x8000n) throw new Mistake("SCRY8003", `${text} does not fit in 16 bits`);
  return Number(value);
}
