// The text form of the IR, read: its grammar stands in `text.ts`.

import type { CoreQuestion } from "../object/index.ts";
import { newInstr } from "./graph.ts";
import {
  type AtomicOp,
  type BinaryOp,
  type Block,
  type Condition,
  type Edge,
  INT,
  type Instr,
  type IrFunction,
  type IrProgram,
  type LoadSize,
  type Operation,
  type StoreSize,
  type Value,
  type ValueType,
  VOID,
  type Width,
} from "./ir.ts";
import { usualType } from "./text.ts";

/** Thrown by `parseIr`, with the 1-based line in the text. */
export class IrSyntaxError extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(`line ${line}: ${message}`);
    this.name = "IrSyntaxError";
    this.line = line;
  }
}

interface Token {
  readonly text: string;
  readonly line: number;
  /** The string's content where the token was quoted. */
  readonly quoted?: string;
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  text.split("\n").forEach((line, i) => {
    const pattern = /;.*|\s+|("(?:[^"\\]|\\.)*")|(%\d+|-?0x[\da-fA-F]+|-?\d+|[A-Za-z_@$.][\w@$.:-]*\??|[(){},:=+-])/y;
    while (pattern.lastIndex < line.length) {
      const at = pattern.lastIndex;
      const match = pattern.exec(line);
      if (match === null) throw new IrSyntaxError(`unexpected '${line.slice(at, at + 10)}'`, i + 1);
      if (match[1] !== undefined) found.push({ text: match[1], line: i + 1, quoted: JSON.parse(match[1]) as string });
      else if (match[2] !== undefined) {
        // A block's label ends with a colon that a name may hold as well.
        const word = match[2];
        if (word.length > 1 && word.endsWith(":")) {
          found.push({ text: word.slice(0, -1), line: i + 1 }, { text: ":", line: i + 1 });
        } else found.push({ text: word, line: i + 1 });
      }
    }
    found.push({ text: "\n", line: i + 1 });
  });
  return found;
}

const BINARY = new Set(["add", "sub", "mul", "div", "mod", "sdiv", "smod", "and", "or", "xor", "shl", "shr", "sar"]);
const PLAIN_TYPES = new Set(["int", "ctx", "stack", "packet", "packet-end", "memory", "function", "void"]);

class Parser {
  readonly #tokens: Token[];
  #at = 0;
  #values = new Map<number, Value>();
  #constants = new Map<bigint, Value>();
  #blocks = new Map<string, Block>();
  #used: { value: Value; line: number }[] = [];
  #fn: IrFunction = { name: "", params: [], blocks: [], nextId: 0 };

  constructor(text: string) {
    this.#tokens = tokens(text);
  }

  program(): IrProgram {
    const functions: IrFunction[] = [];
    for (this.#lines(); this.#at < this.#tokens.length; this.#lines()) functions.push(this.#function());
    const [first] = functions;
    if (first === undefined) throw new IrSyntaxError("no program", 1);
    return { name: first.name, functions };
  }

  #function(): IrFunction {
    this.#values = new Map();
    this.#constants = new Map();
    this.#blocks = new Map();
    this.#used = [];
    const keyword = this.#word();
    if (keyword !== "program" && keyword !== "function" && keyword !== "global")
      this.#fail(`expected 'program' or 'function', found '${keyword}'`);
    const title = this.#word();
    // Ids are handed out from here to what has none in the text; the ids of the text stay below.
    let highest = -1;
    for (let i = this.#at; i < this.#tokens.length && (this.#tokens[i] as Token).text !== "}"; i++) {
      const { text } = this.#tokens[i] as Token;
      if (text.startsWith("%")) highest = Math.max(highest, Number(text.slice(1)));
    }
    const alone = keyword === "global" ? { global: true as const } : {};
    this.#fn = { name: title, params: [], blocks: [], nextId: highest + 1, ...alone };
    this.#expect("(");
    const params = this.#params();
    this.#expect("{");
    const fn = { ...this.#fn, params };
    this.#fn = fn;
    const order: Block[] = [];
    for (this.#lines(); !this.#take("}"); this.#lines()) order.push(this.#block());
    for (const [label, block] of this.#blocks) {
      if (block.terminator === undefined) this.#fail(`no block '${label}'`);
    }
    for (const { value, line } of this.#used) {
      if (!this.#defined.has(value)) throw new IrSyntaxError(`%${value.id} is not defined`, line);
    }
    order[0]?.instrs.unshift(...([...this.#constants.values()] as Instr[]));
    fn.blocks.push(...order);
    return fn;
  }

  readonly #defined = new Set<Value>();

  #block(): Block {
    const label = this.#word();
    const block = this.#blockNamed(label);
    if (block.terminator !== undefined) this.#fail(`block '${label}' stands twice`);
    if (this.#take("(")) block.params = this.#params();
    this.#expect(":");
    this.#lines();
    while (block.terminator === undefined) {
      this.#line(block);
      this.#lines();
    }
    return block;
  }

  #line(block: Block): void {
    let id: number | undefined;
    let type: ValueType | undefined;
    if (this.#peek().startsWith("%")) {
      id = Number(this.#word().slice(1));
      if (this.#take(":")) type = this.#type();
      this.#expect("=");
    }
    const [word, ...rest] = this.#word().split(".") as [string, ...string[]];
    if (id === undefined && this.#terminator(block, word, rest)) return;
    const [operation, args] = this.#operation(word, rest);
    const result = type ?? usualType(operation, args);
    if (id === undefined) {
      const plain = result.kind === "int" && ["helper", "kfunc", "call"].includes(operation.op);
      block.instrs.push(newInstr(this.#fn, operation, args, plain ? VOID : result, undefined));
      return;
    }
    const instr = this.#value(id) as Instr & { def: Instr };
    this.#define(instr);
    Object.assign(instr, { type: result, operation, args, span: undefined, def: instr });
    block.instrs.push(instr);
  }

  #terminator(block: Block, word: string, rest: string[]): boolean {
    if (word === "jump") {
      block.terminator = { kind: "jump", to: this.#edge() };
    } else if (word === "may-goto") {
      const next = this.#edge();
      this.#expect(",");
      block.terminator = { kind: "may-goto", next, exit: this.#edge() };
    } else if (word === "return") {
      block.terminator = { kind: "return", value: this.#operand() };
    } else if (word === "branch") {
      const [condition, width = "64"] = this.#word().split(".");
      const a = this.#operand();
      this.#expect(",");
      const b = this.#operand();
      this.#expect(",");
      const then = this.#edge();
      this.#expect(",");
      const otherwise = this.#edge();
      const unlikely = this.#take("unlikely") ? { unlikely: this.#word() as "then" | "else" } : {};
      block.terminator = {
        kind: "branch",
        condition: condition as Condition,
        width: Number(width) as Width,
        a,
        b,
        then,
        else: otherwise,
        ...unlikely,
      };
    } else return rest.length < 0;
    return true;
  }

  #operation(word: string, rest: string[]): [Operation, Value[]] {
    if (BINARY.has(word)) return [{ op: word as BinaryOp, width: Number(rest[0] ?? 64) as Width }, this.#operands()];
    switch (word) {
      case "neg":
        return [{ op: "neg", width: Number(rest[0] ?? 64) as Width }, this.#operands()];
      case "zext":
      case "sext":
        return [{ op: word, bits: Number(rest[0]) as 8 | 16 | 32 }, this.#operands()];
      case "bswap":
        return [{ op: word, bits: Number(rest[0]) as 16 | 32 | 64 }, this.#operands()];
      case "load": {
        const [pointer, offset] = this.#place();
        const volatile = rest.includes("volatile") ? { volatile: true as const } : {};
        return [{ op: "load", size: rest[0] as LoadSize, offset, ...volatile }, [pointer]];
      }
      case "store": {
        const [pointer, offset] = this.#place();
        this.#expect(",");
        return [{ op: "store", size: Number(rest[0]) as StoreSize, offset }, [pointer, this.#operand()]];
      }
      case "atomic": {
        const [pointer, offset] = this.#place();
        this.#expect(",");
        const [what, size, fetch] = rest;
        const operation: Operation = {
          op: "atomic",
          what: what as AtomicOp,
          size: Number(size) as 32 | 64,
          offset,
          fetch: fetch === "fetch",
        };
        return [operation, [pointer, ...this.#operands()]];
      }
      case "zero": {
        const [pointer, offset] = this.#place();
        this.#expect(",");
        return [{ op: "zero", size: this.#number(), offset }, [pointer]];
      }
      case "copy": {
        const [to, toOffset] = this.#place();
        this.#expect(",");
        const [from, fromOffset] = this.#place();
        this.#expect(",");
        return [{ op: "copy", size: this.#number(), toOffset, fromOffset }, [to, from]];
      }
      case "slot":
        return [{ op: "slot", size: this.#number(), ...(this.#take(",") ? this.#onStack() : {}) }, []];
      case "map":
        return [{ op: "map", map: this.#word() }, []];
      case "map-value": {
        const map = this.#word();
        this.#expect(",");
        return [{ op: "map-value", map, offset: this.#number() }, []];
      }
      case "function":
        return [{ op: "function", function: this.#word() }, []];
      case "helper":
        return [{ op: "helper", helper: this.#word() }, this.#operands()];
      case "kfunc":
        return [
          { op: "kfunc", kfunc: this.#word(), ...(rest.includes("weak") ? { weak: true } : {}) },
          this.#operands(),
        ];
      case "core": {
        const ask = this.#word() as CoreQuestion;
        this.#expect(",");
        const type = this.#number();
        this.#expect(",");
        const access = this.#word();
        this.#expect(",");
        const value = BigInt(this.#word());
        return [{ op: "core", ask, type, access, value, ...(rest.includes("wide") ? { wide: true } : {}) }, []];
      }
      case "ksym":
        return [{ op: "ksym", name: this.#word(), typed: rest.includes("typed"), weak: rest.includes("weak") }, []];
      case "call":
        return [{ op: "call", function: this.#word() }, this.#operands()];
      case "type-id":
        return [{ op: "type-id", type: this.#word() }, []];
      default:
        return this.#fail(`unknown operation '${word}'`);
    }
  }

  #edge(): Edge {
    const block = this.#blockNamed(this.#word());
    const args: Value[] = [];
    if (this.#take("(")) {
      do args.push(this.#operand());
      while (this.#take(","));
      this.#expect(")");
    }
    return { block, args };
  }

  /** The blocks a terminator names may stand further down. */
  #blockNamed(label: string): Block {
    let block = this.#blocks.get(label);
    if (block === undefined) {
      block = { id: this.#fn.nextId++, name: label, params: [], instrs: [], terminator: undefined, span: undefined };
      this.#blocks.set(label, block);
    }
    return block;
  }

  #params(): Value[] {
    const params: Value[] = [];
    while (!this.#take(")")) {
      const word = this.#word();
      this.#expect(":");
      const value = this.#value(Number(word.slice(1)));
      this.#define(value);
      value.type = this.#type();
      params.push(value);
      this.#take(",");
    }
    return params;
  }

  #type(): ValueType {
    const word = this.#word();
    const nullable = word.endsWith("?");
    switch (nullable ? word.slice(0, -1) : word) {
      case "map":
        return { kind: "map", map: this.#word() };
      case "map-value":
        return { kind: "map-value", map: this.#word(), nullable };
      case "record":
        return { kind: "record", nullable };
      case "kernel":
        return { kind: "kernel", type: this.#word() };
      default:
        if (!PLAIN_TYPES.has(word)) this.#fail(`unknown type '${word}'`);
        return { kind: word } as ValueType;
    }
  }

  #place(): [Value, number] {
    const pointer = this.#operand();
    if (this.#take("+")) return [pointer, this.#number()];
    if (this.#take("-")) return [pointer, -this.#number()];
    return [pointer, 0];
  }

  #operands(): Value[] {
    if (this.#peek() === "\n") return [];
    const found = [this.#operand()];
    while (this.#take(",")) found.push(this.#operand());
    return found;
  }

  #operand(): Value {
    const word = this.#word();
    if (word.startsWith("%")) {
      const value = this.#value(Number(word.slice(1)));
      this.#used.push({ value, line: this.#line0() });
      return value;
    }
    const constant = this.#integer(word);
    let value = this.#constants.get(constant);
    if (value === undefined) {
      value = newInstr(this.#fn, { op: "const", value: constant }, [], INT, undefined);
      this.#constants.set(constant, value);
    }
    return value;
  }

  /** A value may be named before its definition is seen; the object is filled in then. */
  #value(id: number): Value {
    let value = this.#values.get(id);
    if (value === undefined) this.#values.set(id, (value = { id, type: INT }));
    return value;
  }

  #define(value: Value): void {
    if (this.#defined.has(value)) this.#fail(`%${value.id} is defined twice`);
    this.#defined.add(value);
  }

  #onStack(): { readonly onStack: true } {
    this.#expect("stack");
    return { onStack: true };
  }

  #number(): number {
    return Number(this.#integer(this.#word()));
  }
  #integer(word: string): bigint {
    if (!/^-?(0x[\da-fA-F]+|\d+)$/.test(word)) this.#fail(`expected a number, found '${word}'`);
    return BigInt.asIntN(64, word.startsWith("-") ? -BigInt(word.slice(1)) : BigInt(word));
  }

  #peek(): string {
    return this.#tokens[this.#at]?.text ?? "";
  }
  #line0(): number {
    return this.#tokens[Math.max(0, this.#at - 1)]?.line ?? 1;
  }
  #word(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined || token.text === "\n") return this.#fail("unexpected end of line");
    return token.quoted ?? token.text;
  }
  #take(text: string): boolean {
    if (this.#peek() !== text) return false;
    this.#at++;
    return true;
  }
  #expect(text: string): void {
    if (!this.#take(text)) this.#fail(`expected '${text}', found '${this.#peek()}'`);
  }
  #lines(): void {
    while (this.#peek() === "\n") this.#at++;
  }
  #fail(message: string): never {
    throw new IrSyntaxError(message, this.#line0());
  }
}

/** Reads the text form. Throws `IrSyntaxError`. What it gives satisfies `printIr(parseIr(t)) === t` for a printed `t`. */
export function parseIr(text: string): IrProgram {
  return new Parser(text).program();
}
