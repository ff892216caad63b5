// A reference interpreter of the IR, as plain as can be: what the compiled code must agree with.

import { computeBinary, computeCondition, swapBytes } from "../../src/compiler/arithmetic.ts";
import { endOf } from "../../src/compiler/graph.ts";
import type { Edge, Instr, IrFunction, IrProgram, Value } from "../../src/compiler/ir.ts";

/** An address: bytes and a distance. */
interface Pointer {
  readonly bytes: Uint8Array;
  readonly at: number;
}
type Result = bigint | Pointer | { readonly map: string } | { readonly function: string };

export interface World {
  /** The context, as the kernel hands it over. */
  readonly context: Uint8Array;
  /** `get_current_pid_tgid` */
  readonly pidTgid: bigint;
  /** Maps by name: their elements by index (array maps only), kept from run to run. */
  readonly maps: Map<string, Uint8Array[]>;
  /** may_goto gives up after so many turns. */
  budget: number;
}

const isPointer = (value: Result): value is Pointer => typeof value === "object" && "bytes" in value;
const number = (value: Result): bigint => {
  if (typeof value !== "bigint") throw new Error("a number is wanted here");
  return value;
};

class Interpreter {
  readonly #program: IrProgram;
  readonly #world: World;
  steps = 0;

  constructor(program: IrProgram, world: World) {
    this.#program = program;
    this.#world = world;
  }

  function(fn: IrFunction, args: readonly Result[]): bigint {
    const values = new Map<Value, Result>();
    fn.params.forEach((param, i) => {
      values.set(param, args[i] as Result);
    });
    const get = (value: Value): Result => {
      const operation = value.def?.operation;
      if (operation?.op === "const") return operation.value;
      const known = values.get(value);
      if (known === undefined) throw new Error(`%${value.id} has no value yet`);
      return known;
    };
    // An area is one for the whole run, however often the instruction is passed.
    const slots = new Map<Value, Pointer>();
    let block = fn.blocks[0];
    while (block !== undefined) {
      for (const instr of block.instrs) {
        if (++this.steps > 1_000_000) throw new Error("too many steps");
        if (instr.operation.op === "slot") {
          let slot = slots.get(instr);
          if (slot === undefined) slots.set(instr, (slot = { bytes: new Uint8Array(instr.operation.size), at: 0 }));
          values.set(instr, slot);
          continue;
        }
        const result = this.#instr(instr, instr.args.map(get));
        if (result !== undefined) values.set(instr, result);
      }
      const end = endOf(block);
      let edge: Edge;
      if (end.kind === "return") return BigInt.asUintN(64, number(get(end.value)));
      if (end.kind === "jump") edge = end.to;
      else if (end.kind === "may-goto") edge = this.#world.budget-- > 0 ? end.next : end.exit;
      else edge = this.#holds(end.condition, end.width, get(end.a), get(end.b)) ? end.then : end.else;
      const given = edge.args.map(get);
      edge.block.params.forEach((param, i) => {
        values.set(param, given[i] as Result);
      });
      block = edge.block;
    }
    throw new Error("a function without blocks");
  }

  #holds(condition: Parameters<typeof computeCondition>[0], width: 32 | 64, a: Result, b: Result): boolean {
    // Of pointers only the test for null is known.
    if (isPointer(a)) {
      if (number(b) !== 0n) throw new Error("a pointer is compared with a number");
      return condition === "ne" || condition === "ugt";
    }
    return computeCondition(condition, width, number(a), number(b));
  }

  #instr(instr: Instr, args: Result[]): Result | undefined {
    const { operation } = instr;
    const [a, b, c] = args as [Result, Result, Result];
    switch (operation.op) {
      case "const":
        return operation.value;
      case "neg":
        return computeBinary("sub", operation.width, 0n, number(a));
      case "zext":
        return BigInt.asUintN(operation.bits, number(a));
      case "sext":
        return BigInt.asIntN(operation.bits, number(a));
      case "bswap":
        return swapBytes(number(a), operation.bits);
      case "load":
        return this.#load(a as Pointer, operation.offset, operation.size);
      case "store":
        this.#store(a as Pointer, operation.offset, operation.size, number(b));
        return undefined;
      case "atomic": {
        const old = this.#load(a as Pointer, operation.offset, operation.size === 64 ? "u64" : "u32");
        const wanted = c === undefined ? 0n : BigInt.asUintN(operation.size, number(c));
        const { what } = operation;
        const put =
          what === "xchg"
            ? number(b)
            : what === "cmpxchg"
              ? BigInt.asUintN(operation.size, old) === wanted
                ? number(b)
                : old
              : computeBinary(what, operation.size, old, number(b));
        this.#store(a as Pointer, operation.offset, operation.size, put);
        return old;
      }
      case "zero": {
        const { bytes, at } = a as Pointer;
        bytes.fill(0, at + operation.offset, at + operation.offset + operation.size);
        return undefined;
      }
      case "copy": {
        const from = (b as Pointer).at + operation.fromOffset;
        const what = (b as Pointer).bytes.slice(from, from + operation.size);
        (a as Pointer).bytes.set(what, (a as Pointer).at + operation.toOffset);
        return undefined;
      }
      case "map":
        return { map: operation.map };
      case "map-value":
        return { bytes: this.#element(operation.map, 0) as Uint8Array, at: operation.offset };
      case "function":
        return { function: operation.function };
      case "call":
        return this.function(this.#find(operation.function), args);
      case "helper":
        return this.#helper(operation.helper, args);
      case "kfunc":
      case "type-id":
      case "core":
      case "ksym":
      case "slot":
        throw new Error(`${operation.op} cannot be interpreted`);
      default:
        if (isPointer(a)) {
          const distance = Number(number(b));
          return { bytes: a.bytes, at: a.at + (operation.op === "sub" ? -distance : distance) };
        }
        return computeBinary(operation.op, operation.width, number(a), number(b));
    }
  }

  #find(name: string): IrFunction {
    return this.#program.functions.find((fn) => fn.name === name) as IrFunction;
  }

  #element(map: string, index: number): Uint8Array | undefined {
    return this.#world.maps.get(map)?.[index];
  }

  #helper(helper: string, args: Result[]): Result {
    switch (helper) {
      case "get_current_pid_tgid":
        return BigInt.asIntN(64, this.#world.pidTgid);
      // Only called for what it does to registers.
      case "get_prandom_u32":
        return 0n;
      case "map_lookup_elem": {
        const index = Number(BigInt.asUintN(32, this.#load(args[1] as Pointer, 0, "u32")));
        const bytes = this.#element((args[0] as { map: string }).map, index);
        return bytes === undefined ? 0n : { bytes, at: 0 };
      }
      case "map_update_elem": {
        const index = Number(BigInt.asUintN(32, this.#load(args[1] as Pointer, 0, "u32")));
        const bytes = this.#element((args[0] as { map: string }).map, index);
        if (bytes === undefined) return -7n;
        const { bytes: from, at } = args[2] as Pointer;
        bytes.set(from.subarray(at, at + bytes.length));
        return 0n;
      }
      case "loop": {
        const times = Number(number(args[0] as Result));
        const body = this.#find((args[1] as { function: string }).function);
        let i = 0;
        for (; i < times; i++) if (this.function(body, [BigInt(i), args[2] as Result]) !== 0n) return BigInt(i + 1);
        return BigInt(i);
      }
      default:
        throw new Error(`the helper ${helper} cannot be interpreted`);
    }
  }

  #load(pointer: Pointer, offset: number, size: string): bigint {
    const { bytes, at } = pointer;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const bits = Number(size.slice(1));
    let value = 0n;
    for (let i = bits / 8 - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + offset + i));
    return size.startsWith("s") || bits === 64 ? BigInt.asIntN(bits, value) : value;
  }

  #store(pointer: Pointer, offset: number, bits: number, value: bigint): void {
    for (let i = 0; i < bits / 8; i++) {
      const at = pointer.at + offset + i;
      if (at < 0 || at >= pointer.bytes.length) throw new Error("a store beyond its area");
      pointer.bytes[at] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
  }
}

/** What the program returns, as an unsigned 64-bit number. */
export function interpret(program: IrProgram, world: World): bigint {
  const [entry] = program.functions;
  const context: Pointer = { bytes: world.context, at: 0 };
  return new Interpreter(program, world).function(entry as IrFunction, entry?.params.length === 0 ? [] : [context]);
}
