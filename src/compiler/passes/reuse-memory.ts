// Uses what is known of memory on every path to a place: a load from a slot that was just stored to is the value
// stored, or a part of it, a second load what the first one gave, and a map look-up with a key that was looked up already is the pointer found then.
//
// Only a predecessor that was seen before counts, so a loop's header starts with nothing known. A look-up is forgotten
// at an update or a deletion of its map (a pointer found stays valid for the run, but what is missing may appear, and
// what was there may have been replaced), and everything at a call of our own functions or the kernel's.

import { helper as helperRow } from "../../object/index.ts";
import { computeBinary } from "../arithmetic.ts";
import { constantOf, endOf, newInstr, replaceValues, resolver, reversePostorder } from "../graph.ts";
import {
  type Block,
  edgesOf,
  INT,
  type Instr,
  type IrFunction,
  type LoadSize,
  type Value,
  type ValueType,
} from "../ir.ts";
import { slotOf } from "./dce.ts";
import type { Pass } from "./pass.ts";

/** Bytes that are known: those of a value from its byte `skip` on. */
interface Cell {
  readonly size: number;
  readonly value: Value;
  readonly skip: number;
}

/** What was last loaded from or stored to a place that is no slot: in a map, a record, or wherever a pointer leads. */
interface Place {
  readonly base: string;
  /** Of the pointer. */
  readonly kind: ValueType;
  /** Bytes from the base. */
  readonly offset: number;
  readonly size: number;
  readonly value: Value;
  /** It was stored there, so that its upper bits may be others. */
  readonly stored: boolean;
}

/**
 * What is known at one place. Slots map byte offsets to what was stored there; look-ups map keys to pointers; places are kept
 * until something is written that they may be a part of, and up to a call of anything that may write.
 */
interface Known {
  readonly slots: Map<Instr, ReadonlyMap<number, Cell>>;
  readonly lookups: Map<string, Value>;
  readonly places: Map<string, Place>;
}

/** More than this is not kept in mind at one place, so that the work stays linear; the oldest goes first. */
const MEMORY = 48;

function remember<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MEMORY) map.delete(map.keys().next().value as K);
}

const name = (value: Value): string => {
  const constant = constantOf(value);
  return constant === undefined ? `%${value.id}` : `${constant}`;
};

/** The slot and the offset in it, when the address is known exactly. */
export function exactPlace(pointer: Value, offset: number): { slot: Instr; offset: number } | undefined {
  let whole = offset;
  let at = pointer.def;
  while (at?.operation.op === "add" && at.type.kind === "stack") {
    const distance = constantOf(at.args[1] as Value);
    if (distance === undefined) return undefined;
    whole += Number(distance);
    at = (at.args[0] as Value).def;
  }
  return at?.operation.op === "slot" ? { slot: at, offset: whole } : undefined;
}

/** What an address is counted from, and how far it is from there. */
function baseOf(pointer: Value, offset: number): { readonly base: string; readonly offset: number } {
  let whole = offset;
  let at = pointer;
  for (;;) {
    const operation = at.def?.operation;
    const distance = operation?.op === "add" ? constantOf((at.def as Instr).args[1] as Value) : undefined;
    if (distance === undefined) break;
    whole += Number(distance);
    at = (at.def as Instr).args[0] as Value;
  }
  const operation = at.def?.operation;
  if (operation?.op === "map-value") return { base: `@${operation.map}`, offset: whole + operation.offset };
  return { base: `%${at.id}`, offset: whole };
}

/** Can pointers of these kinds not lead to one place? */
function apart(a: ValueType, b: ValueType): boolean {
  if (a.kind === "map-value" && b.kind === "map-value") return a.map !== b.map;
  const own = (type: ValueType): boolean =>
    type.kind === "map-value" || type.kind === "record" || type.kind === "stack";
  return own(a) && own(b) && a.kind !== b.kind;
}

function intersect(a: Known, b: Known): Known {
  const slots = new Map<Instr, ReadonlyMap<number, Cell>>();
  for (const [slot, cells] of a.slots) {
    const others = b.slots.get(slot);
    if (others === undefined) continue;
    const both = new Map<number, Cell>();
    for (const [offset, cell] of cells) {
      const other = others.get(offset);
      if (other?.size === cell.size && other.value === cell.value && other.skip === cell.skip) both.set(offset, cell);
    }
    if (both.size > 0) slots.set(slot, both);
  }
  const lookups = new Map<string, Value>();
  for (const [key, value] of a.lookups) if (b.lookups.get(key) === value) lookups.set(key, value);
  const places = new Map<string, Place>();
  for (const [key, place] of a.places) if (b.places.get(key)?.value === place.value) places.set(key, place);
  return { slots, lookups, places };
}

/** What is known of some bytes of a slot, by the distance from the first of them. */
function within(cells: ReadonlyMap<number, Cell>, offset: number, bytes: number): Map<number, Cell> {
  const found = new Map<number, Cell>();
  for (const [at, cell] of cells) {
    const from = Math.max(at, offset);
    const size = Math.min(at + cell.size, offset + bytes) - from;
    if (size > 0) found.set(from - offset, { size, value: cell.value, skip: cell.skip + from - at });
  }
  return found;
}

/** The number that these parts make, where all are constants. */
function constantBytes(parts: ReadonlyMap<number, Cell>, bytes: number): bigint | undefined {
  let whole = 0n;
  let known = 0;
  for (const [at, { size, value, skip }] of parts) {
    const constant = constantOf(value);
    if (constant === undefined) return undefined;
    whole |= BigInt.asUintN(size * 8, constant >> BigInt(skip * 8)) << BigInt(at * 8);
    known += size;
  }
  return known === bytes ? whole : undefined;
}

/** Slots whose address goes somewhere that cannot be followed: stored, or handed on to another block. */
function escaping(fn: IrFunction): Set<Instr> {
  const found = new Set<Instr>();
  const mark = (value: Value): void => {
    const slot = slotOf(value);
    if (slot !== undefined) found.add(slot);
  };
  for (const block of fn.blocks) {
    for (const { operation, args } of block.instrs) {
      if (operation.op === "store" || operation.op === "atomic") args.slice(1).forEach(mark);
      if (operation.op === "call" || operation.op === "kfunc") args.forEach(mark);
      // Callbacks and the like keep what they are given.
      if (operation.op === "helper" && args.some((arg) => arg.type.kind === "function")) args.forEach(mark);
    }
    for (const edge of edgesOf(endOf(block))) edge.args.forEach(mark);
  }
  return found;
}

class MemoryReuse {
  readonly #escaping: ReadonlySet<Instr>;
  readonly replaced = new Map<Value, Value>();
  readonly #resolve: (value: Value) => Value = resolver(this.replaced);
  #slots = new Map<Instr, ReadonlyMap<number, Cell>>();
  #lookups = new Map<string, Value>();
  #places = new Map<string, Place>();

  readonly #fn: IrFunction;
  /** What a load gave that is known in parts only: where it is stored, they are known again. */
  readonly #parts = new Map<Value, ReadonlyMap<number, Cell>>();
  /** Instructions that are to stand before the one at hand. */
  readonly #made: Instr[] = [];
  /** Constants that loads turned out to be; they belong at the head of the entry. */
  readonly constants = new Map<bigint, Instr>();

  constructor(fn: IrFunction, escaping: ReadonlySet<Instr>) {
    this.#fn = fn;
    this.#escaping = escaping;
  }

  #constant(value: bigint): Value {
    let found = this.constants.get(value);
    if (found === undefined)
      this.constants.set(value, (found = newInstr(this.#fn, { op: "const", value }, [], INT, undefined)));
    return found;
  }

  /** Goes through the block with what is known at its start; gives what is known at its end. */
  block(block: Block, start: Known): Known {
    this.#slots = new Map(start.slots);
    this.#lookups = new Map(start.lookups);
    this.#places = new Map(start.places);
    const kept: Instr[] = [];
    for (const instr of block.instrs) {
      for (let i = 0; i < instr.args.length; i++) instr.args[i] = this.#resolve(instr.args[i] as Value);
      const same = this.#instr(instr);
      kept.push(...this.#made.splice(0));
      if (same !== undefined) this.replaced.set(instr, same);
      else kept.push(instr);
    }
    block.instrs = kept;
    return { slots: this.#slots, lookups: this.#lookups, places: this.#places };
  }

  /** Forgets what may be written by a store through this pointer. */
  #overwrite(pointer: Value, offset: number, size: number): void {
    const slot = slotOf(pointer);
    if (slot !== undefined && !this.#escaping.has(slot)) return;
    const at = slot === undefined ? baseOf(pointer, offset) : undefined;
    for (const [key, place] of this.#places) {
      if (at !== undefined && at.base === place.base) {
        if (at.offset + size <= place.offset || at.offset >= place.offset + place.size) continue;
      } else if (apart(pointer.type, place.kind)) continue;
      this.#places.delete(key);
    }
  }

  /** A load from what is no slot: what it gives where that is known, else that it is known from here on. */
  #elsewhere(instr: Instr, operation: Extract<Instr["operation"], { op: "load" }>): Value | undefined {
    const [pointer] = instr.args as [Value];
    const { kind } = pointer.type;
    // The context has rules of its own.
    if (kind === "stack" || kind === "ctx" || operation.volatile === true || instr.type.kind !== "int")
      return undefined;
    const { base, offset } = baseOf(pointer, operation.offset);
    const bits = Number(operation.size.slice(1));
    const key = `${base} ${offset} ${bits}`;
    const known = this.#places.get(key);
    const signed = operation.size.startsWith("s");
    if (known === undefined) {
      const place = { base, kind: pointer.type, offset, size: bits / 8, value: instr, stored: signed };
      remember(this.#places, key, place);
      return undefined;
    }
    if (known.value.type.kind !== "int") return undefined;
    if (bits === 64 || (!signed && !known.stored)) return known.value;
    instr.operation = { op: signed ? "sext" : "zext", bits: bits as 8 | 16 | 32 };
    instr.args = [known.value];
    return undefined;
  }

  /** Forgets what was known of the bytes [offset, offset + size) of a slot, and maybe knows them anew. */
  #write(pointer: Value, offset: number, size: number, value: Value | undefined): void {
    const place = exactPlace(pointer, offset);
    if (place === undefined) {
      const slot = slotOf(pointer);
      if (slot !== undefined) this.#slots.delete(slot);
      else if (pointer.type.kind === "stack") this.#slots.clear();
      // An address of which nothing is known may lead to a slot that has been given away.
      else if (pointer.type.kind === "int" || pointer.type.kind === "memory")
        for (const escaped of this.#escaping) this.#slots.delete(escaped);
      return;
    }
    const cells = new Map<number, Cell>();
    for (const [at, cell] of this.#slots.get(place.slot) ?? []) {
      const end = at + cell.size;
      const [from, to] = [place.offset, place.offset + size];
      if (end <= from || at >= to) {
        cells.set(at, cell);
        continue;
      }
      // What is left of it on either side stays known.
      if (at < from) cells.set(at, { ...cell, size: from - at });
      if (end > to) cells.set(to, { size: end - to, value: cell.value, skip: cell.skip + to - at });
    }
    const parts = value === undefined ? undefined : this.#parts.get(value);
    if (parts !== undefined)
      for (const [at, cell] of parts) {
        const whole = Math.min(cell.size, size - at);
        if (whole > 0) cells.set(place.offset + at, { ...cell, size: whole });
      }
    else if (value !== undefined) cells.set(place.offset, { size, value, skip: 0 });
    remember(this.#slots, place.slot, cells);
  }

  #instr(instr: Instr): Value | undefined {
    const { operation, args } = instr;
    const [a, b] = args as [Value, Value];
    switch (operation.op) {
      case "store": {
        const size = operation.size / 8;
        this.#write(a, operation.offset, size, b);
        this.#overwrite(a, operation.offset, size);
        if (slotOf(a) === undefined && a.type.kind !== "stack" && a.type.kind !== "ctx") {
          const { base, offset } = baseOf(a, operation.offset);
          const place = { base, kind: a.type, offset, size, value: b, stored: true };
          remember(this.#places, `${base} ${offset} ${operation.size}`, place);
        }
        return undefined;
      }
      case "zero":
        this.#write(a, operation.offset, operation.size, undefined);
        this.#overwrite(a, operation.offset, operation.size);
        return undefined;
      case "copy":
        this.#write(a, operation.toOffset, operation.size, undefined);
        this.#overwrite(a, operation.toOffset, operation.size);
        return undefined;
      case "atomic":
        this.#write(a, operation.offset, operation.size / 8, undefined);
        this.#overwrite(a, operation.offset, operation.size / 8);
        return undefined;
      case "load": {
        const place = exactPlace(a, operation.offset);
        if (place === undefined) return slotOf(a) === undefined ? this.#elsewhere(instr, operation) : undefined;
        return this.#load(instr, operation.size, place);
      }
      case "helper":
        return this.#helper(instr, operation.helper);
      case "call":
      case "kfunc":
        this.#forget(args);
        this.#lookups.clear();
        return undefined;
      default:
        return this.#computed(instr);
    }
  }

  /** Of constants, a constant: what loads turned out to be decides what is stored next. */
  #computed({ operation, args }: Instr): Value | undefined {
    const [a, b] = args.map(constantOf);
    if (a === undefined) return undefined;
    if (operation.op === "zext") return this.#constant(BigInt.asUintN(operation.bits, a));
    if (operation.op === "sext") return this.#constant(BigInt.asIntN(operation.bits, a));
    if (!("width" in operation) || operation.op === "neg" || b === undefined) return undefined;
    return this.#constant(computeBinary(operation.op, operation.width, a, b));
  }

  /** What a load gives that is known: the value stored, or the load becomes an extension of it, or a constant. */
  #load(instr: Instr, size: LoadSize, { slot, offset }: { slot: Instr; offset: number }): Value | undefined {
    const bits = Number(size.slice(1));
    const bytes = bits / 8;
    for (const [at, cell] of this.#slots.get(slot) ?? []) {
      if (at > offset || at + cell.size < offset + bytes) continue;
      const skip = cell.skip + offset - at;
      const constant = constantOf(cell.value);
      if (constant !== undefined) {
        const part = constant >> BigInt(skip * 8);
        const value = size.startsWith("s") ? BigInt.asIntN(bits, part) : BigInt.asIntN(64, BigInt.asUintN(bits, part));
        return this.#constant(value);
      }
      if (bits === 64) return cell.value;
      // A pointer is nothing that could be cut.
      if (cell.value.type.kind !== "int") return undefined;
      if (skip !== 0) {
        const by = this.#constant(BigInt(skip * 8));
        const part = newInstr(this.#fn, { op: "shr", width: 64 }, [cell.value, by], INT, instr.span);
        this.#made.push(part);
        instr.operation = { op: size.startsWith("s") ? "sext" : "zext", bits: bits as 8 | 16 | 32 };
        instr.args = [part];
        return undefined;
      }
      instr.operation = { op: size.startsWith("s") ? "sext" : "zext", bits: bits as 8 | 16 | 32 };
      instr.args = [cell.value];
      return undefined;
    }
    const cells = new Map(this.#slots.get(slot) ?? []);
    const parts = within(cells, offset, bytes);
    const whole = constantBytes(parts, bytes);
    if (whole !== undefined)
      return this.#constant(size.startsWith("s") ? BigInt.asIntN(bits, whole) : BigInt.asIntN(64, whole));
    // A number with nothing but zeros above it: the copy of a struct whose room between members was cleared.
    const low = cells.get(offset);
    const plain = low?.size === 1 || low?.size === 2 || low?.size === 4;
    if (low !== undefined && plain && low.skip === 0 && low.size < bytes && low.value.type.kind === "int") {
      let end = offset + low.size;
      for (let next = cells.get(end); next !== undefined && end < offset + bytes; next = cells.get(end)) {
        const constant = constantOf(next.value);
        const own = Math.min(next.size, offset + bytes - end);
        if (constant === undefined || BigInt.asUintN(own * 8, constant >> BigInt(next.skip * 8)) !== 0n) break;
        end += own;
      }
      if (end === offset + bytes) {
        instr.operation = { op: "zext", bits: (low.size * 8) as 8 | 16 | 32 };
        instr.args = [low.value];
        return undefined;
      }
    }
    // Loaded once, it is known.
    if ([...cells].every(([at, cell]) => at + cell.size <= offset || at >= offset + bytes)) {
      cells.set(offset, { size: bytes, value: instr, skip: 0 });
      remember(this.#slots, slot, cells);
    } else if (!size.startsWith("s") && parts.size > 0) this.#parts.set(instr, parts);
    return undefined;
  }

  #forget(args: readonly Value[]): void {
    this.#places.clear();
    for (const arg of args) {
      const slot = slotOf(arg);
      if (slot !== undefined) this.#slots.delete(slot);
      else if (arg.type.kind === "stack" || arg.type.kind === "function") this.#slots.clear();
    }
    for (const slot of this.#escaping) this.#slots.delete(slot);
  }

  #helper(instr: Instr, helper: string): Value | undefined {
    const { args } = instr;
    const [first] = args;
    const map = first?.def?.operation.op === "map" ? first.def.operation.map : undefined;
    if (helperRow(helper)?.keepsMemory !== true) this.#forget(args);
    else if (map !== undefined && helper !== "map_lookup_elem") this.#places.clear();
    if (helper === "map_lookup_elem" && map !== undefined) {
      const key = this.#key(args[1] as Value);
      if (key === undefined) return undefined;
      const whole = `${JSON.stringify(map)} ${key}`;
      const known = this.#lookups.get(whole);
      if (known !== undefined) return known;
      remember(this.#lookups, whole, instr);
      return undefined;
    }
    if (helperRow(helper)?.keepsMemory === true && map === undefined) return undefined;
    if (map === undefined && !args.some((arg) => arg.type.kind === "map" || arg.type.kind === "function"))
      return undefined;
    // A callback may do anything to any map; else only this one changes.
    const prefix =
      map === undefined || args.some((arg) => arg.type.kind === "function") ? "" : `${JSON.stringify(map)} `;
    for (const key of this.#lookups.keys()) if (key.startsWith(prefix)) this.#lookups.delete(key);
    return undefined;
  }

  /** The content of a slot that is wholly known, in words. */
  #key(pointer: Value): string | undefined {
    const place = exactPlace(pointer, 0);
    if (place === undefined || place.offset !== 0 || place.slot.operation.op !== "slot") return undefined;
    const cells = this.#slots.get(place.slot);
    if (cells === undefined) return undefined;
    let at = 0;
    const parts: string[] = [];
    while (at < place.slot.operation.size) {
      const cell = cells.get(at);
      if (cell === undefined) return undefined;
      parts.push(`${cell.size}:${name(cell.value)}${cell.skip === 0 ? "" : `>>${cell.skip}`}`);
      at += cell.size;
    }
    return parts.join(",");
  }
}

export const reuseMemory: Pass = {
  name: "reuse-memory",
  run(fn) {
    const interesting = fn.blocks.some((block) =>
      block.instrs.some(({ operation: { op } }) => op === "slot" || op === "load"),
    );
    if (!interesting) return;
    const reuse = new MemoryReuse(fn, escaping(fn));
    const ends = new Map<Block, Known>();
    const order = reversePostorder(fn);
    const preds = new Map<Block, Block[]>();
    for (const block of order) {
      for (const edge of edgesOf(endOf(block))) {
        const list = preds.get(edge.block);
        if (list === undefined) preds.set(edge.block, [block]);
        else list.push(block);
      }
    }
    for (const block of order) {
      let known: Known | undefined;
      for (const pred of preds.get(block) ?? []) {
        const end = ends.get(pred);
        if (end === undefined) {
          known = undefined;
          break;
        }
        known = known === undefined ? end : intersect(known, end);
      }
      ends.set(block, reuse.block(block, known ?? { slots: new Map(), lookups: new Map(), places: new Map() }));
    }
    fn.blocks[0]?.instrs.unshift(...reuse.constants.values());
    replaceValues(fn, reuse.replaced);
  },
};
