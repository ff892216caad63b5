// Inline assembly of BPF as IR: its registers become variables, its jumps blocks. What is made of it does what the text says,
// in other registers and maybe in fewer instructions.

import { type CAssembly, refuse } from "../../c/index.ts";
import {
  type BinaryOp,
  type Block,
  type Condition,
  INT,
  type LoadSize,
  type StoreSize,
  type Value,
  type Variable,
  type Width,
} from "../../compiler/index.ts";
import { type AssembledInstruction, assembleSymbolic, jumpDistance, operationOf, slotsOf } from "../../isa/index.ts";
import { helper, helperId, helperName } from "../../object/index.ts";
import { DiagnosticError, type Span } from "../../source/index.ts";
import { BuiltinLowering } from "./builtins.ts";
import { POINTER } from "./places.ts";

type Operand = CAssembly["inputs"][number];

const FRAME = 10;
const MOST_BYTES = 512;
const ARITHMETIC: Readonly<Record<string, BinaryOp>> = {
  "+=": "add",
  "-=": "sub",
  "*=": "mul",
  "/=": "div",
  "s/=": "sdiv",
  "|=": "or",
  "&=": "and",
  "<<=": "shl",
  ">>=": "shr",
  "%=": "mod",
  "s%=": "smod",
  "^=": "xor",
  "s>>=": "sar",
};
const CONDITIONS: Readonly<Record<string, Condition>> = {
  "==": "eq",
  "!=": "ne",
  ">": "ugt",
  ">=": "uge",
  "<": "ult",
  "<=": "ule",
  "s>": "sgt",
  "s>=": "sge",
  "s<": "slt",
  "s<=": "sle",
  "&": "set",
};
const ATOMIC = { "+=": "add", "|=": "or", "&=": "and", "^=": "xor" } as const;

export abstract class AssemblyLowering extends BuiltinLowering {
  /** The block of a label of the C text. */
  protected abstract labelled(name: string): Block;
  /** Where text goes on that nothing leads to. */
  protected abstract dead(): void;

  protected assembly(of: CAssembly): void {
    const registers = new Registers(this, of);
    const { outputs, inputs } = of;
    if (this.frame.function.attributes.has("naked") && this.frame.leave === undefined)
      for (let i = 0; i < this.b.function.params.length; i++) this.b.write(registers.at(i + 1), this.b.param(i));
    const all = [...outputs, ...inputs];
    const taken: (number | undefined)[] = [];
    const texts = all.map((operand, i): string => {
      const { constraint, value } = operand;
      const output = i < outputs.length;
      const immediate = output ? undefined : this.#immediate(operand);
      if (immediate !== undefined) return immediate;
      // One of the outputs is meant, by its number or its name.
      const same = /^\[(\w+)\]$|^(\d+)$/.exec(constraint);
      const other = same === null ? -1 : same[2] === undefined ? all.findIndex((o) => o.name === same[1]) : +same[2];
      const number = same === null ? registers.free() : taken[other];
      if (number === undefined)
        return refuse("SCRY1039", "this assembly has more operands than there are registers", of.span);
      taken[i] = number;
      const memory = constraint.includes("m");
      if (memory) this.b.write(registers.at(number), this.pointer(this.address(value)));
      else if (!output || constraint.includes("+")) this.b.write(registers.at(number), this.value(value));
      return memory ? `(r${number} + 0)` : `r${number}`;
    });
    if (of.text.trim() !== "") this.#run(of, this.#substituted(of, all, texts), registers);
    outputs.forEach(({ value, constraint }, i) => {
      if (constraint.includes("m")) return;
      const result = this.b.read(registers.at(taken[i] as number));
      const narrow = this.typing.isInteger(value.type) && this.typing.size(value.type) < 4;
      this.write(value, narrow ? this.converted(result, this.typing.unsignedLong, value.type) : result);
    });
  }

  /** What is written into the text itself: numbers, helpers, functions of the kernel, maps. */
  #immediate({ constraint, value }: Operand): string | undefined {
    if (!/[in]/.test(constraint)) return undefined;
    let at = value;
    while (at.kind === "convert" || (at.kind === "address" && at.of.kind !== "variable")) at = at.of;
    if (at.kind === "constant") return `${at.value}`;
    if (at.kind === "function") return at.function.name;
    const map = at.kind === "address" && at.of.kind === "variable" ? this.shared.maps.get(at.of.variable) : undefined;
    if (map !== undefined) return `map[${map}]`;
    if (constraint.includes("r")) return undefined;
    return refuse("SCRY1011", "this is no constant", value.span);
  }

  /** The text with its operands, one instruction a line; local labels have names of their own. */
  #substituted(of: CAssembly, all: readonly Operand[], texts: readonly string[]): string {
    const named = (name: string): number => (/^\d+$/.test(name) ? Number(name) : all.findIndex((o) => o.name === name));
    const whole = of.text.replace(/%(?:%|=|([lw]?)(?:\[(\w+)\]|(\d+)))/g, (text, kind, name, number) => {
      if (text === "%%") return "%";
      if (text === "%=") return "0";
      const which = (name ?? number) as string;
      if (kind === "l") {
        const label = /^\d+$/.test(which) ? of.labels[Number(which) - all.length] : which;
        return `.C.${label}`;
      }
      const found = texts[named(which)];
      if (found === undefined) return refuse("SCRY1039", `this assembly has no operand '${which}'`, of.span);
      return kind === "w" ? found.replace(/^r/, "w") : found;
    });
    const lines = whole
      .replace(/\/\*[\s\S]*?\*\/|(?:\/\/|#(?!\d)).*$/gm, "")
      .split(/[;\n]/)
      .map((line) => line.trim().replace(/\s+/g, " "))
      .flatMap((line) => {
        const label = /^([\w.$]+):\s*(.+)$/.exec(line);
        return label === null ? [line] : [`${label[1]}:`, label[2] as string];
      })
      .filter((line) => line !== "");
    // `1:` may stand often; `1f` is the next one, `1b` the last.
    return lines
      .map((line, i) =>
        line.replace(/^(\d+):$/, `.N.$1.${i}:`).replace(/\bgoto (\d+)([bf])$/, (text, number, direction) => {
          const at =
            direction === "f"
              ? lines.findIndex((one, n) => n > i && one === `${number}:`)
              : lines.findLastIndex((one, n) => n < i && one === `${number}:`);
          return at < 0 ? text : `goto .N.${number}.${at}`;
        }),
      )
      .join("\n");
  }

  #run(of: CAssembly, text: string, registers: Registers): void {
    const { b } = this;
    // A place behind the end, and one for each label of C.
    const places = ["", ...of.labels];
    const tail = places.map((name) => `${name === "" ? ".E" : `.C.${name}`}:\nexit`).join("\n");
    let code: AssembledInstruction[];
    try {
      code = assembleSymbolic(`${text}\n${tail}`, { helper: helperId });
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      const [first] = error.diagnostics;
      refuse("SCRY1039", `assembly: ${first?.message ?? ""}`, of.span);
    }
    let slot = 0;
    const at = code.map((one) => {
      const own = slot;
      slot += slotsOf(one.op);
      return own;
    });
    const end = code.length - places.length;
    const leave = b.block("behind");
    const blocks = new Map<number, Block>();
    places.forEach((name, i) => {
      blocks.set(at[end + i] as number, name === "" ? leave : this.labelled(name));
    });
    const own: Block[] = [];
    code.slice(0, end).forEach((one, i) => {
      const distance = one.symbol === undefined ? jumpDistance(one) : undefined;
      if (distance === undefined || operationOf(one)?.form === "call") return;
      const to = (at[i] as number) + slotsOf(one.op) + distance;
      if (blocks.has(to)) return;
      if (!at.includes(to)) refuse("SCRY1039", "a jump to where no instruction is", of.span);
      const block = b.block("label");
      own.push(block);
      blocks.set(to, block);
    });
    code.slice(0, end).forEach((one, i) => {
      const block = blocks.get(at[i] as number);
      if (block !== undefined) {
        b.jump(block);
        b.at(block);
      }
      const next = (at[i] as number) + slotsOf(one.op);
      this.#instruction(one, (distance) => blocks.get(next + distance) as Block, registers, of.span);
    });
    b.jump(leave);
    for (const block of own) b.seal(block);
    b.enter(leave);
  }

  #instruction(
    one: AssembledInstruction,
    target: (distance: number) => Block,
    registers: Registers,
    span: Span,
  ): undefined {
    const { b } = this;
    const row = operationOf(one);
    const wrong = (): never =>
      refuse("SCRY1039", `the instruction '${row?.text ?? one.op}' is not supported in assembly within C`, span);
    if (row === undefined) return wrong();
    const { form, text } = row;
    const width: Width = row.width === 32 ? 32 : 64;
    const dst = (): Value => registers.read(one.dst);
    const src = (): Value => registers.read(one.src);
    const set = (value: Value, register = one.dst): undefined => {
      b.write(registers.at(register), value);
    };
    const immediate = (): Value => b.const(width === 32 ? BigInt.asUintN(32, BigInt(one.imm)) : one.imm);
    switch (form) {
      case "alu-imm":
      case "alu-reg": {
        const right = form === "alu-imm" ? immediate() : src();
        if (text === "=") return set(width === 32 ? b.zext(right, 32) : right);
        const op = ARITHMETIC[text];
        return op === undefined ? wrong() : set(b.binary(op, dst(), right, width));
      }
      case "sign-extend": {
        const value = b.sext(src(), Number(/\d+/.exec(text)?.[0]) as 8 | 16 | 32);
        return set(width === 32 ? b.zext(value, 32) : value);
      }
      case "neg":
        return set(b.neg(dst(), width));
      case "swap": {
        const bits = Number(/\d+/.exec(text)?.[0]) as 16 | 32 | 64;
        if (text.startsWith("le")) return bits === 64 ? undefined : set(b.zext(dst(), bits));
        return set(b.bswap(dst(), bits));
      }
      case "load":
        return set(b.load(text as LoadSize, src(), one.off));
      case "store-imm":
        b.store(row.width as StoreSize, dst(), one.off, one.imm);
        return undefined;
      case "store-reg":
        b.store(row.width as StoreSize, dst(), one.off, src());
        return undefined;
      case "atomic":
      case "atomic-fetch": {
        const what = form === "atomic" ? ATOMIC[text as "+="] : /_(add|or|and|xor)$/.exec(text)?.[1];
        const fetch = form !== "atomic";
        if (what === undefined) return wrong();
        const old = b.atomic(what as "add", row.width as 32 | 64, dst(), one.off, src(), fetch);
        return fetch ? set(old, one.src) : undefined;
      }
      case "exchange":
        return set(b.atomic("xchg", row.width as 32 | 64, dst(), one.off, src(), true), one.src);
      case "compare-exchange":
        return set(b.atomic("cmpxchg", row.width as 32 | 64, dst(), one.off, src(), true, registers.read(0)), 0);
      case "branch-imm":
      case "branch-reg": {
        const condition = CONDITIONS[text];
        if (condition === undefined) return wrong();
        const next = b.block("next");
        const right = form === "branch-imm" ? b.const(one.imm) : src();
        b.branch(condition, dst(), right, target(one.off), next, { width });
        b.enter(next);
        return undefined;
      }
      case "goto":
        if (text === "may_goto") {
          const next = b.block("next");
          b.mayGoto(next, target(one.off));
          b.enter(next);
          return undefined;
        }
        b.jump(target(jumpDistance(one) ?? 0));
        this.dead();
        return undefined;
      case "exit":
        b.return(registers.read(0));
        this.dead();
        return undefined;
      case "call":
        return this.#callHere(one, registers, span);
      case "wide":
        if (one.symbol?.kind === "map") return set(b.map(one.symbol.name));
        return one.symbol === undefined && one.src === 0 ? set(b.const(BigInt.asIntN(64, one.imm64 ?? 0n))) : wrong();
      default:
        return wrong();
    }
  }

  #callHere({ imm, src, symbol }: AssembledInstruction, registers: Registers, span: Span): undefined {
    const { b } = this;
    const given = (count: number): Value[] => Array.from({ length: count }, (_, i) => registers.read(i + 1));
    const done = (value: Value): undefined => {
      b.write(registers.at(0), value);
    };
    if (src === 0) {
      const name = helperName(imm);
      const row = name === undefined ? undefined : helper(name);
      if (name === undefined || row === undefined) return refuse("SCRY1038", `there is no helper ${imm}`, span);
      return done(b.helper(name, given(row.args.length), row.returns === "int" ? INT : POINTER));
    }
    const fn = symbol === undefined ? undefined : this.shared.functions.get(symbol.name);
    if (fn === undefined) return refuse("SCRY1038", `nothing defines '${symbol?.name ?? imm}'`, span);
    const type = this.typing.resolve(fn.type);
    const params = type.kind === "func_proto" ? type.params.length : 0;
    const result = type.kind === "func_proto" && this.typing.isPointer(type.returns) ? POINTER : INT;
    if (fn.body !== undefined) return done(b.call(this.shared.called(fn), given(params), result));
    return done(b.kfunc(fn.name, given(params), result));
  }
}

/** The registers of one assembly. */
class Registers {
  readonly #lowering: BuiltinLowering;
  readonly #variables = new Map<number, Variable>();
  readonly #free: number[];
  readonly #frameBytes: number;
  #frame: Value | undefined;

  constructor(lowering: BuiltinLowering, { text }: CAssembly) {
    this.#lowering = lowering;
    // As much as is taken from the end of the frame anywhere.
    const taken = [...text.matchAll(/-\s*(\d+)/g)].map(([, n]) => Number(n)).filter((n) => n <= MOST_BYTES);
    this.#frameBytes = Math.ceil(Math.max(8, ...taken) / 8) * 8;
    this.#free = Array.from({ length: FRAME }, (_, i) => i).filter((n) => !new RegExp(`\\b[rw]${n}\\b`).test(text));
  }

  free(): number | undefined {
    return this.#free.pop();
  }
  at(register: number): Variable {
    let found = this.#variables.get(register);
    if (found === undefined) this.#variables.set(register, (found = { name: `r${register}`, type: INT }));
    return found;
  }
  read(register: number): Value {
    const { b } = this.#lowering;
    if (register !== FRAME) return b.read(this.at(register));
    // The end of the frame.
    this.#frame ??= b.slot(this.#frameBytes, true);
    return b.add(this.#frame, this.#frameBytes);
  }
}
