// Uses what is known of memory on every path to a place: a load from a slot that was just stored to is the value
// stored, and a map look-up with a key that was looked up already is the pointer found then.
//
// Only a predecessor that was seen before counts, so a loop's header starts with nothing known. A look-up is forgotten
// at an update or a deletion of its map (a pointer found stays valid for the run, but what is missing may appear, and
// what was there may have been replaced), and everything at a call of our own functions or the kernel's.

import { helper as helperRow } from "../../object/index.ts";
import { constantOf, endOf, replaceValues, resolver, reversePostorder } from "../graph.ts";
import { type Block, edgesOf, type Instr, type IrFunction, type Value } from "../ir.ts";
import { slotOf } from "./dce.ts";
import type { Pass } from "./pass.ts";

interface Cell {
  readonly size: number;
  readonly value: Value;
}

/** What is known at one place. Slots map byte offsets to what was stored there; look-ups map keys to pointers. */
interface Known {
  readonly slots: Map<Instr, ReadonlyMap<number, Cell>>;
  readonly lookups: Map<string, Value>;
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
function exactPlace(pointer: Value, offset: number): { slot: Instr; offset: number } | undefined {
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

function intersect(a: Known, b: Known): Known {
  const slots = new Map<Instr, ReadonlyMap<number, Cell>>();
  for (const [slot, cells] of a.slots) {
    const others = b.slots.get(slot);
    if (others === undefined) continue;
    const both = new Map<number, Cell>();
    for (const [offset, cell] of cells) {
      const other = others.get(offset);
      if (other?.size === cell.size && other.value === cell.value) both.set(offset, cell);
    }
    if (both.size > 0) slots.set(slot, both);
  }
  const lookups = new Map<string, Value>();
  for (const [key, value] of a.lookups) if (b.lookups.get(key) === value) lookups.set(key, value);
  return { slots, lookups };
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

  constructor(escaping: ReadonlySet<Instr>) {
    this.#escaping = escaping;
  }

  /** Goes through the block with what is known at its start; gives what is known at its end. */
  block(block: Block, start: Known): Known {
    this.#slots = new Map(start.slots);
    this.#lookups = new Map(start.lookups);
    block.instrs = block.instrs.filter((instr) => {
      for (let i = 0; i < instr.args.length; i++) instr.args[i] = this.#resolve(instr.args[i] as Value);
      const same = this.#instr(instr);
      if (same !== undefined) this.replaced.set(instr, same);
      return same === undefined;
    });
    return { slots: this.#slots, lookups: this.#lookups };
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
      if (at + cell.size <= place.offset || at >= place.offset + size) cells.set(at, cell);
    }
    if (value !== undefined) cells.set(place.offset, { size, value });
    remember(this.#slots, place.slot, cells);
  }

  #instr(instr: Instr): Value | undefined {
    const { operation, args } = instr;
    const [a, b] = args as [Value, Value];
    switch (operation.op) {
      case "store":
        this.#write(a, operation.offset, operation.size / 8, b);
        return undefined;
      case "zero":
        this.#write(a, operation.offset, operation.size, undefined);
        return undefined;
      case "copy":
        this.#write(a, operation.toOffset, operation.size, undefined);
        return undefined;
      case "atomic":
        this.#write(a, operation.offset, operation.size / 8, undefined);
        return undefined;
      case "load": {
        // Narrow stores cut their value; a load of the same width of all 64 bits is the value itself.
        if (operation.size !== "u64") return undefined;
        const place = exactPlace(a, operation.offset);
        const cell = place === undefined ? undefined : this.#slots.get(place.slot)?.get(place.offset);
        return cell?.size === 8 ? cell.value : undefined;
      }
      case "helper":
        return this.#helper(instr, operation.helper);
      case "call":
      case "kfunc":
        this.#forget(args);
        this.#lookups.clear();
        return undefined;
      default:
        return undefined;
    }
  }

  #forget(args: readonly Value[]): void {
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
      parts.push(`${cell.size}:${name(cell.value)}`);
      at += cell.size;
    }
    return parts.join(",");
  }
}

export const reuseMemory: Pass = {
  name: "reuse-memory",
  run(fn) {
    const interesting = fn.blocks.some((block) => block.instrs.some(({ operation: { op } }) => op === "slot"));
    if (!interesting) return;
    const reuse = new MemoryReuse(escaping(fn));
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
      ends.set(block, reuse.block(block, known ?? { slots: new Map(), lookups: new Map() }));
    }
    replaceValues(fn, reuse.replaced);
  },
};
