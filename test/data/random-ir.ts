// Random programs for differential tests: made from a tape of numbers, so that a failing one shrinks with its tape.

import { FunctionBuilder, type Variable } from "../../src/compiler/builder.ts";
import {
  type BinaryOp,
  type Condition,
  INT,
  type IrProgram,
  type LoadSize,
  type StoreSize,
  type Value,
} from "../../src/compiler/ir.ts";

/** The maps that the programs use, as the kernel is to make them. */
export const RANDOM_MAPS = [
  { name: "cells", type: "array", keySize: 4, valueSize: 64, maxEntries: 8 },
  { name: "globals", type: "array", keySize: 4, valueSize: 64, maxEntries: 1 },
] as const;

/** 64-bit words of the context that the programs read. */
export const CONTEXT_WORDS = 6;

const BINARY: readonly BinaryOp[] = [
  "add",
  "sub",
  "mul",
  "div",
  "mod",
  "sdiv",
  "smod",
  "and",
  "or",
  "xor",
  "shl",
  "shr",
  "sar",
];
const CONDITIONS: readonly Condition[] = ["eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge", "set"];
const CONSTANTS: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  10n,
  63n,
  64n,
  255n,
  256n,
  1000n,
  65535n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  -1n,
  -2n,
  -8n,
  -128n,
  -0x80000000n,
  0x7fffffffffffffffn,
  -0x8000000000000000n,
  0x123456789abcdefn,
];
const LOADS: readonly LoadSize[] = ["u8", "u16", "u32", "u64", "s8", "s16", "s32"];
const STORES: readonly StoreSize[] = [8, 16, 32, 64];
const SLOT_BYTES = [8, 16, 32, 40] as const;

class Generator {
  readonly #tape: readonly number[];
  #at = 0;
  readonly #b: FunctionBuilder;
  readonly #variables: Variable[] = [];
  readonly #slots: { pointer: Value; size: number }[] = [];
  #inCallback: boolean;
  #statements = 0;

  constructor(tape: readonly number[], builder: FunctionBuilder, start: number, inCallback: boolean) {
    this.#tape = tape;
    this.#at = start;
    this.#b = builder;
    this.#inCallback = inCallback;
  }
  get position(): number {
    return this.#at;
  }

  #pick(count: number): number {
    const value = this.#tape[this.#at++] ?? 0;
    return value % count;
  }
  #of<T>(list: readonly T[]): T {
    return list[this.#pick(list.length)] as T;
  }
  get #done(): boolean {
    return this.#at >= this.#tape.length || this.#statements > 120;
  }

  run(inputs: readonly Value[]): void {
    const b = this.#b;
    for (let i = 0; i < 3 + this.#pick(6); i++) {
      const variable: Variable = { name: `v${i}`, type: INT };
      b.write(variable, inputs[i] ?? b.const(this.#of(CONSTANTS)));
      this.#variables.push(variable);
    }
    const slots = this.#pick(4);
    for (let i = 0; i < slots; i++) {
      const size = this.#of(SLOT_BYTES);
      const pointer = b.slot(size);
      b.zero(pointer, 0, size);
      this.#slots.push({ pointer, size });
    }
    this.#body(0, 100);
  }

  /** All variables and slots in one number. */
  digest(): Value {
    const b = this.#b;
    let sum = b.const(0);
    for (const variable of this.#variables) sum = b.binary("xor", b.binary("mul", sum, 31), b.read(variable));
    for (const { pointer, size } of this.#slots) {
      for (let at = 0; at < size; at += 8) sum = b.binary("xor", b.binary("mul", sum, 31), b.load("u64", pointer, at));
    }
    return b.binary("xor", sum, b.binary("shr", sum, 32));
  }

  #body(depth: number, limit: number): void {
    for (let i = 0; i < limit && !this.#done && !this.#b.terminated; i++) this.#statement(depth);
  }

  #value(depth = 0): Value {
    const b = this.#b;
    const kind = this.#pick(depth > 2 ? 2 : 9);
    switch (kind) {
      case 0:
        return b.const(this.#of(CONSTANTS));
      case 1:
      case 2:
      case 3:
        return b.read(this.#of(this.#variables));
      case 4:
        return b.zext(this.#value(depth + 1), this.#of([8, 16, 32] as const));
      case 5:
        return b.sext(this.#value(depth + 1), this.#of([8, 16, 32] as const));
      case 6:
        return this.#pick(2) === 0
          ? b.bswap(this.#value(depth + 1), this.#of([16, 32, 64] as const))
          : b.neg(this.#value(depth + 1), this.#of([32, 64] as const));
      default: {
        const op = this.#of(BINARY);
        const width = this.#of([32, 64] as const);
        const a = this.#value(depth + 1);
        let c = this.#value(depth + 1);
        // Unknown amounts of a shift are masked, as a language would have it.
        if (op === "shl" || op === "shr" || op === "sar") c = b.and(c, width - 1);
        return b.binary(op, a, c, width);
      }
    }
  }

  #assign(value: Value): void {
    this.#b.write(this.#of(this.#variables), value);
  }

  #place(bytes: number): { pointer: Value; offset: number } | undefined {
    if (this.#slots.length === 0) return undefined;
    const { pointer, size } = this.#of(this.#slots);
    const offset = this.#pick(Math.floor(size / bytes)) * bytes;
    if (this.#pick(3) === 0 && offset >= 8) return { pointer: this.#b.add(pointer, 8), offset: offset - 8 };
    return { pointer, offset };
  }

  #statement(depth: number): void {
    this.#statements++;
    const b = this.#b;
    switch (this.#pick(depth > 3 ? 9 : 15)) {
      case 0:
      case 1:
        this.#assign(this.#value());
        return;
      case 2: {
        const size = this.#of(STORES);
        const place = this.#place(size / 8);
        if (place !== undefined) b.store(size, place.pointer, place.offset, this.#value());
        return;
      }
      case 3: {
        const size = this.#of(LOADS);
        const place = this.#place(Number(size.slice(1)) / 8);
        if (place !== undefined) this.#assign(b.load(size, place.pointer, place.offset));
        return;
      }
      case 4: {
        const [one, two] = [this.#place(8), this.#place(8)];
        if (one === undefined || two === undefined) return;
        if (this.#pick(2) === 0) b.zero(one.pointer, one.offset, 1 + this.#pick(8));
        else b.copy(one.pointer, one.offset, two.pointer, two.offset, 8);
        return;
      }
      case 5: {
        const size = this.#of([32, 64] as const);
        const place = this.#place(size / 8);
        if (place === undefined) return;
        const what = this.#of(["add", "and", "or", "xor", "xchg", "cmpxchg"] as const);
        const fetch = what === "xchg" || what === "cmpxchg" || this.#pick(2) === 0;
        const value = this.#value();
        const old = b.atomic(
          what,
          size,
          place.pointer,
          place.offset,
          value,
          fetch,
          what === "cmpxchg" ? this.#value() : undefined,
        );
        if (fetch) this.#assign(old);
        return;
      }
      case 6:
        // A call that must stay, for what has to live across it.
        if (this.#pick(2) === 0) b.helper("get_prandom_u32", []);
        this.#assign(b.binary("shr", b.helper("get_current_pid_tgid", []), 32));
        return;
      case 7:
        this.#global();
        return;
      case 8:
        this.#lookup();
        return;
      case 9:
      case 10:
        this.#if(depth);
        return;
      case 11:
        this.#boolean();
        return;
      case 12:
        this.#counted(depth);
        return;
      case 13:
        this.#open(depth);
        return;
      default:
        // A way out in the middle.
        if (depth > 0 && this.#pick(4) === 0 && !this.#inCallback) b.return(b.binary("and", this.#value(), 0x7fffffff));
        return;
    }
  }

  #global(): void {
    const b = this.#b;
    const at = this.#pick(8) * 8;
    if (this.#pick(2) === 0) this.#assign(b.load("u64", b.mapValue("globals", at)));
    else b.store(64, b.add(b.mapValue("globals", 0), at), 0, this.#value());
  }

  #lookup(): void {
    const b = this.#b;
    const key = b.slot(4);
    b.store(32, key, 0, this.#pick(2) === 0 ? b.const(this.#pick(10)) : this.#value());
    const found = b.helper("map_lookup_elem", [b.map("cells"), key], {
      kind: "map-value",
      map: "cells",
      nullable: true,
    });
    const hit = b.block("hit");
    const next = b.block("next");
    b.branch("ne", found, 0, hit, next);
    b.at(hit);
    b.seal(hit);
    const index = b.binary("shl", b.and(this.#value(), 7), 3);
    const cell = b.add(found, index);
    const sum = b.add(b.load("u64", cell), this.#value());
    b.store(64, cell, 0, sum);
    this.#assign(sum);
    if (this.#pick(3) === 0) {
      const value = b.slot(64);
      b.zero(value, 0, 64);
      b.store(64, value, 8, this.#value());
      b.helper("map_update_elem", [b.map("cells"), key, value, b.const(0)]);
    }
    b.jump(next);
    b.at(next);
    b.seal(next);
  }

  #condition(then: ReturnType<FunctionBuilder["block"]>, otherwise: ReturnType<FunctionBuilder["block"]>): void {
    const condition = this.#of(CONDITIONS);
    const width = this.#of([32, 64] as const);
    const a = this.#value();
    const c = this.#value();
    const unlikely = this.#of([undefined, "then", "else"] as const);
    this.#b.branch(condition, a, c, then, otherwise, unlikely === undefined ? { width } : { width, unlikely });
  }

  #if(depth: number): void {
    const b = this.#b;
    const [then, otherwise, join] = [b.block("then"), b.block("else"), b.block("join")];
    this.#condition(then, otherwise);
    for (const block of [then, otherwise]) {
      b.enter(block);
      this.#body(depth + 1, this.#pick(4));
      b.jump(join);
    }
    b.enter(join);
  }

  /** A comparison as a value, by way of a 0/1 parameter, that is branched on again. */
  #boolean(): void {
    const b = this.#b;
    const [yes, no, join, then, end] = ["yes", "no", "join", "then", "end"].map((name) => b.block(name)) as [
      ReturnType<FunctionBuilder["block"]>,
      ReturnType<FunctionBuilder["block"]>,
      ReturnType<FunctionBuilder["block"]>,
      ReturnType<FunctionBuilder["block"]>,
      ReturnType<FunctionBuilder["block"]>,
    ];
    const truth: Variable = { name: "truth", type: INT };
    this.#condition(yes, no);
    for (const [block, value] of [
      [yes, 1],
      [no, 0],
    ] as const) {
      b.enter(block);
      b.write(truth, b.const(value));
      b.jump(join);
    }
    b.enter(join);
    b.branch("ne", b.read(truth), 0, then, end);
    b.enter(then);
    this.#assign(this.#value());
    b.jump(end);
    b.enter(end);
    if (this.#pick(2) === 0) this.#assign(b.read(truth));
  }

  /** A loop with a bound that the verifier follows. */
  #counted(depth: number): void {
    this.#loop(depth, 1 + this.#pick(5), false);
  }
  /** A loop that the verifier does not follow. */
  #open(depth: number): void {
    this.#loop(depth, 1 + this.#pick(12), true);
  }

  #loop(depth: number, times: number, mayGoto: boolean): void {
    const b = this.#b;
    const counter: Variable = { name: "i", type: INT };
    const [head, test, body, end] = [b.block("head"), b.block("test"), b.block("body"), b.block("end")];
    b.write(counter, b.const(0));
    b.jump(head);
    b.at(head);
    if (mayGoto) b.mayGoto(test, end);
    else b.jump(test);
    b.enter(test);
    b.branch("ult", b.read(counter), times, body, end);
    b.enter(body);
    // The verifier walks a counted loop turn by turn and way by way: with branches in it that is exponential.
    this.#body(mayGoto ? depth + 2 : 4, 1 + this.#pick(3));
    if (this.#pick(2) === 0) this.#assign(b.read(counter));
    b.write(counter, b.add(b.read(counter), 1));
    b.jump(head);
    b.seal(head);
    b.enter(end);
  }
}

/** A program over `RANDOM_MAPS` that reads CONTEXT_WORDS words of its context and returns 32 bits. */
export function randomProgram(tape: readonly number[]): IrProgram {
  const b = new FunctionBuilder("random", [{ kind: "ctx" }]);
  const inputs = Array.from({ length: CONTEXT_WORDS }, (_, i) => b.load("u64", b.param(0), i * 8));
  const generator = new Generator(tape, b, 0, false);
  generator.run(inputs);
  if (!b.terminated) b.return(b.zext(generator.digest(), 32));
  return { name: "random", functions: [b.finish()] };
}
