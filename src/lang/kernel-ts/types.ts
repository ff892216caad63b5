// Types of the language: numbers of a width, text, bytes, arrays, structs; and those of the kernel. Each is an id of the
// table that C's declarations use, so that objects, CO-RE and readers know them.

import { asNumberTypedef, type Btf, networkKind } from "../../btf/index.ts";
import {
  type CTypes,
  type CUnit,
  type CVariable,
  isDeclared,
  layoutOf,
  type MemberDeclaration,
  Preprocessor,
  readUnit,
  type Typing,
} from "../../c/index.ts";
import type { SummedAggregate } from "../../schema/index.ts";
import { DiagnosticError, type SourceText } from "../../source/index.ts";
import { helperFunction } from "../c/index.ts";
import { type Node, refuse } from "./ast.ts";
import type { Origin } from "./origin.ts";

const NUMBERS: Readonly<Record<string, readonly [c: string, size: number, signed: boolean]>> = {
  u8: ["unsigned char", 1, false],
  u16: ["unsigned short", 2, false],
  u32: ["unsigned int", 4, false],
  u64: ["unsigned long long", 8, false],
  i8: ["signed char", 1, true],
  i16: ["short", 2, true],
  i32: ["int", 4, true],
  i64: ["long long", 8, true],
  bool: ["_Bool", 1, false],
};

/** Structs of programs that are read; what lies behind more of them is an address. */
const MOST_FOREIGN = 5000;

export const NUMBER_NAMES: readonly string[] = Object.keys(NUMBERS);

/** A struct that holds a stack of calls: its number in a table, or so many frames. */
export interface StackType {
  readonly space: "kernel" | "user";
  readonly frames: number;
  readonly table?: CVariable;
}

export class Types {
  readonly c: CTypes;
  readonly typing: Typing;
  /** Members of tracepoints' records that say where their text is, by their struct: from its start, or from their own end. */
  readonly texts: Map<number, ReadonlyMap<string, "absolute" | "relative">> = new Map();

  /** Structs that are aggregates. */
  readonly aggregates: Map<number, SummedAggregate> = new Map();
  /** Structs that are stacks of calls. */
  readonly stacks: Map<number, StackType> = new Map();
  readonly #libraries = new Map<SourceText, CUnit>();
  /** Structs of programs that are traced, by what they were made of. */
  readonly #copied = new Map<Btf, Map<number, number>>();
  readonly #foreign = new Set<number>();
  readonly #foreignNames = new Map<string, number>();
  readonly #zeros = new Map<number, CVariable>();

  constructor(c: CTypes, typing: Typing) {
    this.c = c;
    this.typing = typing;
  }

  /** `u8` to `i64`, `bool`; undefined: no number has this name. */
  number(name: string): number | undefined {
    const row = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
    return row === undefined ? undefined : this.c.int(...row);
  }
  /** The same number, which users have as one of JavaScript's; undefined: it is none of 64 bits. */
  asNumber(type: number): number | undefined {
    const found = this.typing.resolve(type);
    if (found.kind !== "int" || found.size !== 8 || networkKind(this.c, type) !== undefined) return undefined;
    const name = asNumberTypedef(found.signed);
    return this.c.own(name, "typedef") ?? this.c.add({ kind: "typedef", name, type });
  }
  get i64(): number {
    return this.number("i64") as number;
  }
  get u64(): number {
    return this.number("u64") as number;
  }
  get u32(): number {
    return this.number("u32") as number;
  }
  get i32(): number {
    return this.number("i32") as number;
  }
  text(length: number): number {
    return this.c.array(this.c.int("char", 1, true), length);
  }
  bytes(length: number): number {
    return this.c.array(this.number("u8") as number, length);
  }

  /** Characters of a text's place, with its end; undefined: it is none. */
  textLength(type: number): number | undefined {
    const found = this.typing.resolve(type);
    if (found.kind !== "array") return undefined;
    const element = this.typing.resolve(found.element);
    return element.kind === "int" &&
      element.size === 1 &&
      element.name.endsWith("char") &&
      element.name !== "unsigned char"
      ? found.count
      : undefined;
  }

  /** A struct of the kernel's in values of maps, of which programs know the size alone (`struct bpf_timer`). */
  opaque(name: string, words: number): number {
    const known = this.c.own(name, "struct");
    if (known !== undefined) return known;
    const word = words === 0 ? this.u32 : this.u64;
    const type = words === 0 ? word : this.c.array(word, words);
    const size = words === 0 ? 4 : words * 8;
    return this.c.add({
      kind: "struct",
      name,
      size,
      members: [{ name: words === 0 ? "val" : "__opaque", type, bitOffset: 0, bitfieldSize: 0 }],
    });
  }

  /** A text of C that programs call functions of, read once. */
  library(source: SourceText): CUnit {
    let unit = this.#libraries.get(source);
    if (unit === undefined) {
      // Places in it are not places in the module.
      const tokens = new Preprocessor().run(source);
      const read = readUnit(tokens, this.c, { name: "", text: "" }, { implicit: helperFunction });
      if (read.diagnostics.length > 0) throw new DiagnosticError(read.diagnostics, source);
      unit = read.unit;
      this.#libraries.set(source, unit);
    }
    return unit;
  }

  /** A constant of so many bytes that are zero, one for all who need it. */
  zeros(bytes: number): CVariable {
    let variable = this.#zeros.get(bytes);
    if (variable === undefined) {
      variable = {
        name: `zeros_${bytes}`,
        type: this.bytes(bytes),
        span: { start: 0, end: 0 },
        storage: "global",
        attributes: new Set(),
        constant: true,
        align: 8,
        addressed: true,
      };
      this.#zeros.set(bytes, variable);
    }
    return variable;
  }

  /** A struct whose members lie as C would have them. */
  struct(name: string, members: readonly (readonly [name: string, type: number])[], at: Node): number {
    const declared = members.map(([member, type]) => ({ name: member, type }));
    return this.composite("struct", name, declared, at);
  }
  /** The same of a union, and of members of some bits. */
  composite(kind: "struct" | "union", name: string, members: readonly MemberDeclaration[], at: Node): number {
    if (members.length === 0) refuse("SCRY1403", `a ${kind} has members`, at);
    const layout = layoutOf(this.c, kind, members, { packed: false, align: 0 });
    const type = this.c.add({ kind, name, size: layout.size, members: layout.members });
    this.c.align(type, layout.align);
    return type;
  }

  /** Where a pointer of this type leads. */
  origin(type: number): Origin {
    const found = this.typing.resolve(type);
    if (found.kind === "ptr" && this.#foreign.has(this.typing.resolve(found.type).id)) return "user";
    return this.isKernelPointer(type) ? "kernel" : "near";
  }

  /** A struct of a program that is traced, by its name; see `foreign`. */
  foreignNamed(name: string): number | undefined {
    return this.#foreignNames.get(name);
  }

  /** A type of a program's as one of this table's own: it is laid out as it is there, and no kernel is asked. */
  foreign(btf: Btf, id: number): number {
    const { c } = this;
    const type = btf.resolve(id);
    const copied = this.#copied.get(btf) ?? new Map<number, number>();
    this.#copied.set(btf, copied);
    const known = copied.get(type.id);
    if (known !== undefined) return known;
    switch (type.kind) {
      case "int":
        if (type.size === 1 && type.name.endsWith("char") && type.name !== "unsigned char")
          return c.int("char", 1, true);
        return this.number(type.bool ? "bool" : `${type.signed ? "i" : "u"}${type.size * 8}`) ?? this.bytes(type.size);
      case "enum":
      case "enum64":
        return this.number(`${type.signed ? "i" : "u"}${type.size * 8}`) ?? this.u32;
      case "float":
        return this.bytes(type.size);
      case "ptr":
        return c.pointer(this.foreign(btf, type.type));
      case "array":
        return c.array(this.foreign(btf, type.element), type.count);
      case "struct":
      case "union": {
        if (this.#foreign.size > MOST_FOREIGN) return 0;
        // It may lead to itself.
        const own = c.add({ kind: "fwd", name: "", union: type.kind === "union" });
        copied.set(type.id, own);
        this.#foreign.add(own);
        const members = type.members.map((member) => ({ ...member, type: this.foreign(btf, member.type) }));
        c.define(own, { ...type, members }, "unnamed");
        const name = c.find(type.name, ["struct", "union"]) === undefined ? type.name : `${type.name}_2`;
        if (type.name !== "" && !this.#foreignNames.has(name)) this.#foreignNames.set(name, own);
        return own;
      }
      default:
        return 0;
    }
  }

  /** Structs of the kernel's that pointers in values of maps own (`__kptr`), by the pointers' types. */
  readonly kept: Map<number, string> = new Map();
  /** A pointer to such a struct, which the map keeps a reference of; undefined: the kernel has none of this name. */
  kptr(struct: string): number | undefined {
    const known = [...this.kept].find(([, name]) => name === struct)?.[0];
    const found = this.c.find(struct, "struct");
    if (known !== undefined || found === undefined) return known;
    const type = this.c.pointer(this.c.add({ kind: "type_tag", name: "kptr", type: found }));
    this.kept.set(type, struct);
    return type;
  }

  /** Does it lead to a struct of the kernel's? */
  isKernelPointer(type: number): boolean {
    const found = this.typing.resolve(type);
    return found.kind === "ptr" && found.type !== 0 && !isDeclared(this.typing.resolve(found.type).id);
  }

  /** As the language calls it. */
  name(type: number): string {
    const order = networkKind(this.c, type);
    if (order !== undefined) return order;
    const found = this.typing.resolve(type);
    if (found.kind === "int") {
      if (found.bool) return "bool";
      return `${found.signed ? "i" : "u"}${found.size * 8}`;
    }
    const text = this.textLength(type);
    if (text !== undefined) return `text(${text})`;
    if (found.kind === "array") return `array(${this.name(found.element)}, ${found.count})`;
    if (found.kind === "ptr") return found.type === 0 ? "pointer" : this.name(found.type);
    return found.name === "" ? "a struct" : found.name;
  }
}
