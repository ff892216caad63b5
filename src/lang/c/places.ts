// Where things are: variables as values or in memory, members and elements as addresses, those of the kernel's structs by
// what its types will answer. The first layer of the lowering of a function.

import { type CExpression, type CFunction, type CVariable, refuse, rootOf, type Typing } from "../../c/index.ts";
import { type Block, FunctionBuilder, INT, type Value, type ValueType, type Variable } from "../../compiler/index.ts";
import { type CoreQuestion, type Externs, KCONFIG } from "../../object/index.ts";
import type { DataSections } from "./data.ts";
import type { ObjectTypes } from "./object-types.ts";
import type { SentRecords } from "./sent-records.ts";

export interface Address {
  readonly base: Value;
  /** Bytes. */
  readonly offset: number;
}

/** What all functions of a text share. */
export interface Shared {
  readonly typing: Typing;
  readonly data: DataSections;
  readonly types: ObjectTypes;
  /** By their names. */
  readonly functions: ReadonlyMap<string, CFunction>;
  /** Names of maps by their variables. */
  readonly maps: ReadonlyMap<CVariable, string>;
  readonly externs: Externs;
  readonly records: SentRecords;
  /** Where the text is to be linked with others: what these define, as a symbol. */
  other?(one: CVariable | CFunction): { readonly name: string; readonly weak: boolean };
  /** A function that is called as one; answers its name in the program. */
  called(fn: CFunction): string;
}

/** Where a variable is. */
type Home = { readonly kind: "value"; readonly variable: Variable } | { readonly kind: "memory"; readonly base: Value };

/** The way out of a function's body that stands in place of its call. */
export interface Frame {
  readonly function: CFunction;
  readonly homes: Map<CVariable, Home>;
  readonly labels: Map<string, Block>;
  /** Absent: of the function itself. */
  readonly leave?: Block;
  /** How many variables of blocks around the call wait to be given back. */
  readonly left?: number;
  readonly result?: Variable;
  readonly resultPlace?: Address;
}

export const POINTER: ValueType = { kind: "memory" };

/** Bits of a bit field's word, and where it begins. */
export interface BitField {
  readonly offset: number;
  readonly bytes: 1 | 2 | 4 | 8;
  readonly shift: number;
  readonly bits: number;
}

export abstract class PlaceLowering {
  readonly b: FunctionBuilder;
  protected readonly shared: Shared;
  protected readonly typing: Typing;
  protected frame: Frame;
  /** Within `__builtin_preserve_access_index`. */
  #preserving = 0;

  constructor(name: string, params: readonly ValueType[], fn: CFunction, shared: Shared) {
    this.b = new FunctionBuilder(name, params);
    this.shared = shared;
    this.typing = shared.typing;
    this.frame = { function: fn, homes: new Map(), labels: new Map() };
  }

  abstract value(of: CExpression): Value;
  /** Writes what a variable starts with. */
  protected abstract start(variable: CVariable): void;
  /** The address of a struct that is only a value: what a function gave. */
  protected abstract composite(of: CExpression): Address;

  protected preserving<T>(lower: () => T): T {
    this.#preserving++;
    try {
      return lower();
    } finally {
      this.#preserving--;
    }
  }

  // --- variables ------------------------------------------------------------------------------------------------

  protected kind(type: number): ValueType {
    return this.typing.isPointer(type) ? POINTER : INT;
  }

  /** A variable as a place of its own in this function. */
  protected declare(variable: CVariable): Home {
    const { typing } = this;
    const inMemory = variable.addressed || !typing.isScalar(variable.type);
    let home: Home;
    if (inMemory) {
      const size = Math.max(1, typing.size(variable.type));
      if (size > 512) refuse("SCRY1311", `'${variable.name}' has ${size} bytes; the stack has 512`, variable.span);
      home = { kind: "memory", base: this.b.slot(size, size > 256) };
    } else home = { kind: "value", variable: { name: variable.name, type: this.kind(variable.type) } };
    this.frame.homes.set(variable, home);
    return home;
  }

  protected home(variable: CVariable): Home | undefined {
    const known = this.frame.homes.get(variable);
    if (known !== undefined || variable.storage === "global" || variable.storage === "extern") return known;
    return this.declare(variable);
  }

  // --- addresses ------------------------------------------------------------------------------------------------

  /** The address as one value. */
  pointer({ base, offset }: Address): Value {
    return offset === 0 ? base : this.b.add(base, offset);
  }

  #variable(variable: CVariable, of: CExpression): Address {
    const { b, shared } = this;
    const home = this.home(variable);
    if (home?.kind === "memory") return { base: home.base, offset: 0 };
    if (home !== undefined) return refuse("SCRY1034", `'${variable.name}' is not in memory`, of.span);
    const map = shared.maps.get(variable);
    if (map !== undefined) return { base: b.map(map), offset: 0 };
    if (variable.storage === "extern") {
      const setting = shared.externs.settings.get(variable.name);
      if (setting !== undefined) return { base: b.mapValue(KCONFIG, setting.offset), offset: 0 };
      const symbol = shared.externs.symbols.get(variable.name);
      if (symbol !== undefined) return { base: b.emit({ op: "ksym", ...symbol }, [], POINTER), offset: 0 };
      const other = shared.other?.(variable);
      if (other !== undefined) return { base: b.emit({ op: "ksym", ...other, typed: false }, [], POINTER), offset: 0 };
      return refuse("SCRY1038", `nothing defines '${variable.name}'`, of.span);
    }
    const { map: section, offset } = shared.data.place(variable);
    // Of a weak variable another object may have the one that is meant.
    if (shared.other !== undefined && variable.attributes.has("weak") && variable.static !== true)
      return { base: b.emit({ op: "ksym", ...shared.other(variable), typed: false }, [], POINTER), offset: 0 };
    return { base: b.mapValue(section, offset), offset: 0 };
  }

  /** Where a pointer leads, with constant distances apart. */
  target(pointer: CExpression): Address {
    switch (pointer.kind) {
      case "advance": {
        if (pointer.by.kind !== "constant") break;
        const { base, offset } = this.target(pointer.pointer);
        const whole = offset + Number(pointer.by.value) * pointer.size;
        if (Math.abs(whole) < 1 << 30) return { base, offset: whole };
        break;
      }
      case "convert":
        if (this.typing.isPointer(pointer.type) && this.typing.isPointer(pointer.of.type))
          return this.target(pointer.of);
        break;
      case "address":
      case "decay":
        if (pointer.of.kind !== "function") return this.address(pointer.of);
        break;
      default:
        break;
    }
    return { base: this.value(pointer), offset: 0 };
  }

  address(of: CExpression): Address {
    const { b, typing } = this;
    switch (of.kind) {
      case "variable":
        return this.#variable(of.variable, of);
      case "text": {
        const { map, offset } = this.shared.data.text(of.bytes);
        return { base: b.mapValue(map, offset), offset: 0 };
      }
      case "dereference":
        return this.target(of.pointer);
      case "literal": {
        const home = this.declare(of.variable);
        this.start(of.variable);
        if (home.kind === "memory") return { base: home.base, offset: 0 };
        return refuse("SCRY1034", "this is not in memory", of.span);
      }
      case "member":
      case "element":
        return this.#part(of);
      case "comma":
        this.value(of.left);
        return this.address(of.right);
      case "convert":
        return this.address(of.of);
      default:
        if (typing.isComposite(of.type) || typing.resolve(of.type).kind === "array") return this.composite(of);
        return refuse("SCRY1034", "this has no address", of.span);
    }
  }

  /** The offset of a member's first byte within its struct; of a bit field, of its word. */
  protected memberOffset(of: Extract<CExpression, { kind: "member" }>): number {
    return of.bitfieldSize > 0 ? this.bitField(of).offset : of.bitOffset >> 3;
  }

  /** The smallest aligned word, of the field's own type or wider, that has all its bits. */
  protected bitField(of: Extract<CExpression, { kind: "member" }>): BitField {
    const { bitOffset, bitfieldSize: bits } = of;
    for (let bytes = this.typing.size(of.type); bytes <= 8; bytes *= 2) {
      const offset = Math.floor((bitOffset >> 3) / bytes) * bytes;
      if (bitOffset + bits <= (offset + bytes) * 8)
        return { offset, bytes: bytes as BitField["bytes"], shift: bitOffset - offset * 8, bits };
    }
    return refuse("SCRY1033", "a bit field that no word holds", of.span);
  }

  #part(of: Extract<CExpression, { kind: "member" | "element" }>): Address {
    const found = this.#asked(of);
    if (found !== undefined) return found;
    if (of.kind === "member") {
      const { base, offset } = this.address(of.of);
      return { base, offset: offset + this.memberOffset(of) };
    }
    const { base, offset } = this.address(of.of);
    const size = this.typing.size(of.type);
    if (of.index.kind === "constant") return { base, offset: offset + Number(of.index.value) * size };
    return { base: this.advanced(base, this.value(of.index), size), offset };
  }

  protected advanced(base: Value, by: Value, size: number): Value {
    const scaled = size === 1 ? by : this.b.binary("mul", by, size);
    return this.b.add(base, scaled);
  }

  /** A way that begins behind a pointer to a struct that is looked for in the running kernel. */
  way(
    of: CExpression,
  ): { readonly root: CExpression; readonly type: number; readonly parts: readonly CExpression[] } | undefined {
    const root = rootOf(of);
    if (root.kind !== "dereference") return undefined;
    const parts: CExpression[] = [];
    for (let at = of; at !== root; ) {
      parts.unshift(at);
      if (at.kind !== "member" && at.kind !== "element") return undefined;
      at = at.of;
    }
    const type = this.typing.resolve(root.type);
    return { root, type: type.id, parts };
  }

  #asked(of: Extract<CExpression, { kind: "member" | "element" }>): Address | undefined {
    const { b, typing } = this;
    const way = this.way(of);
    if (way === undefined || way.root.kind !== "dereference" || way.parts[0]?.kind !== "member") return undefined;
    if (this.#preserving === 0 && !typing.types.preserved(way.type)) return undefined;
    if (typing.resolve(way.type).name === "") return undefined;
    // Up to the first element whose number is not known.
    const open = way.parts.findIndex((p) => p.kind === "element" && p.index.kind !== "constant");
    const fixed = open < 0 ? way.parts : way.parts.slice(0, open);
    const { base, offset } = this.target(way.root.pointer);
    const start = this.pointer({ base, offset });
    let at: Address = { base: b.add(start, this.question("field-offset", way.type, fixed)), offset: 0 };
    for (const part of way.parts.slice(fixed.length)) {
      if (part.kind === "member") at = { base: at.base, offset: at.offset + this.memberOffset(part) };
      else if (part.kind === "element") {
        const size = typing.size(part.type);
        at =
          part.index.kind === "constant"
            ? { base: at.base, offset: at.offset + Number(part.index.value) * size }
            : { base: this.advanced(this.pointer(at), this.value(part.index), size), offset: 0 };
      }
    }
    return at;
  }

  /** What the kernel's types answer about a way into a type; here with what the text's own say. */
  question(ask: CoreQuestion, type: number, parts: readonly CExpression[]): Value {
    const steps = parts.map((p) =>
      p.kind === "member" ? p.index : p.kind === "element" && p.index.kind === "constant" ? Number(p.index.value) : 0,
    );
    const access = [0, ...steps].join(":");
    this.shared.types.ask(ask, type, access);
    return this.b.core(ask, type, access, this.#assumed(ask, parts));
  }

  #assumed(ask: CoreQuestion, parts: readonly CExpression[]): bigint {
    const { typing } = this;
    const last = parts.at(-1);
    let offset = 0;
    for (const part of parts) {
      if (part.kind === "member") offset += part === last ? this.memberOffset(part) : part.bitOffset >> 3;
      else if (part.kind === "element" && part.index.kind === "constant")
        offset += Number(part.index.value) * typing.size(part.type);
    }
    const field = last?.kind === "member" && last.bitfieldSize > 0 ? this.bitField(last) : undefined;
    const size = field?.bytes ?? typing.size(last?.type ?? 0);
    const bits = field?.bits ?? size * 8;
    switch (ask) {
      case "field-offset":
        return BigInt(offset);
      case "field-size":
        return BigInt(size);
      case "field-exists":
        return 1n;
      case "field-signed":
        return typing.signed(last?.type ?? 0) ? 1n : 0n;
      case "field-left-shift":
        return BigInt(64 - ((field?.shift ?? 0) + bits));
      default:
        return BigInt(64 - bits);
    }
  }
}
