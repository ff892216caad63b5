// The types that C text declares, as BTF upon the BTF of a kernel (or of nothing). Their ids begin far above those, so
// that what lies below may grow meanwhile.

import { type Btf, type BtfEntry, type BtfKind, BtfLayer, type BtfType, resolveType } from "../btf/index.ts";
import { FormatError } from "../source/index.ts";

const FIRST = 1 << 30;

/** Was the type declared in C, and not taken from the kernel or a program? */
export const isDeclared = (id: number): boolean => id >= FIRST;

type Without<T> = T extends BtfType ? Omit<T, "id"> : never;
/** A type that has no id yet. */
export type NewType = Without<BtfType>;

export class CTypes extends BtfLayer {
  readonly firstId: number = FIRST;
  readonly #below: () => Btf | undefined;
  readonly #types: (BtfType | undefined)[] = [];
  /** By kind and name; of equal names the last that was declared. */
  readonly #named = new Map<string, number>();
  /** Ids of types that are one by their contents: integers, pointers, arrays. */
  readonly #equal = new Map<string, number>();
  readonly #enumerators = new Map<string, { readonly type: number; readonly value: bigint }>();
  /** Bytes by which types are aligned that say so, or whose members do. */
  readonly #aligned = new Map<number, number>();
  readonly #tags = new Map<number, readonly { readonly name: string; readonly member: number }[]>();
  /** Structs and unions whose members are looked for in the running kernel (`preserve_access_index`). */
  readonly #preserved = new Set<number>();

  /** What brings back the names that those of open scopes hide, a list for each scope. */
  readonly #hidden: (() => void)[][] = [];

  constructor(below: () => Btf | undefined) {
    super();
    this.#below = below;
  }

  protected below(): Btf | undefined {
    return this.#below();
  }

  get count(): number {
    return FIRST + this.#types.length;
  }

  /** Has anything been declared? */
  get empty(): boolean {
    return this.#named.size === 0 && this.#enumerators.size === 0;
  }

  type(id: number): BtfType {
    if (id === 0) return { kind: "void", id: 0, name: "void" };
    if (id < FIRST) {
      const found = this.below()?.type(id);
      if (found !== undefined) return found;
    }
    const type = this.#types[id - FIRST];
    if (type === undefined) throw new FormatError("C declarations", `there is no type ${id}`);
    return type;
  }

  override find(name: string, kinds?: BtfKind | readonly BtfKind[]): number | undefined {
    return this.own(name, kinds) ?? this.below()?.find(name, kinds);
  }

  /** The id of a type that was declared here. */
  own(name: string, kinds?: BtfKind | readonly BtfKind[]): number | undefined {
    const wanted = kinds === undefined ? TAGGED : typeof kinds === "string" ? [kinds] : kinds;
    for (const kind of wanted) {
      const id = this.#named.get(`${kind} ${name}`);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  override findAll(pattern: string | RegExp, kinds?: BtfKind | readonly BtfKind[]): BtfEntry[] {
    return this.below()?.findAll(pattern, kinds) ?? [];
  }

  override enumerator(name: string): { readonly type: number; readonly value: bigint } | undefined {
    return this.#enumerators.get(name) ?? this.below()?.enumerator(name);
  }

  /** Names of the structs, unions, enums and typedefs that were declared, as C writes them. */
  names(): string[] {
    return [...this.#named.keys()].map((n) => n.replace(/^typedef /, "").replace(/^enum64 /, "enum "));
  }

  // --- declaring ------------------------------------------------------------------------------------------------

  add(type: NewType): number {
    const id = FIRST + this.#types.length;
    this.#types.push(undefined);
    this.define(id, type);
    return id;
  }

  /** Says what a type is that was only named so far. `unnamed`: no text can speak of it. */
  define(id: number, type: NewType, unnamed?: "unnamed"): void {
    const whole = { ...type, id } as BtfType;
    this.#types[id - FIRST] = whole;
    if (unnamed !== undefined) return;
    if (whole.name !== "" && TAGGED.includes(whole.kind)) {
      const kind = whole.kind !== "fwd" ? whole.kind : whole.union ? "union" : "struct";
      this.#name(this.#named, `${kind} ${whole.name}`, id);
    }
    if (whole.kind === "enum" || whole.kind === "enum64")
      for (const { name, value } of whole.values) this.#name(this.#enumerators, name, { type: id, value });
  }

  /** Names that are declared from here on last until `leave`. */
  enter(): void {
    this.#hidden.push([]);
  }
  /** Forgets the names of the innermost scopes, until so many are left. */
  leave(depth: number): void {
    while (this.#hidden.length > depth) for (const show of (this.#hidden.pop() ?? []).reverse()) show();
  }

  #name<T>(names: Map<string, T>, name: string, value: T): void {
    const before = names.get(name);
    this.#hidden.at(-1)?.push(() => {
      if (before === undefined) names.delete(name);
      else names.set(name, before);
    });
    names.set(name, value);
  }

  /** The one type with these contents. */
  #once(type: NewType): number {
    const key = JSON.stringify(type);
    let id = this.#equal.get(key);
    if (id === undefined) this.#equal.set(key, (id = this.add(type)));
    return id;
  }

  int(name: string, size: number, signed: boolean): number {
    const char = name === "char" || name === "signed char";
    return this.#once({
      kind: "int",
      name,
      size,
      bits: size * 8,
      bitOffset: 0,
      signed,
      char,
      bool: name === "_Bool" || name === "bool",
    });
  }
  float(name: string, size: number): number {
    return this.#once({ kind: "float", name, size });
  }
  pointer(type: number): number {
    return this.#once({ kind: "ptr", name: "", type });
  }
  array(element: number, count: number): number {
    return this.#once({ kind: "array", name: "", element, index: this.int("unsigned long", 8, false), count });
  }
  qualified(kind: "const" | "volatile", type: number): number {
    return this.#once({ kind, name: "", type });
  }

  /** What is said of a member (`btf_decl_tag`). */
  tag(id: number, member: number, tags: readonly string[]): void {
    this.#tags.set(id, [...this.tags(id), ...tags.map((name) => ({ name, member }))]);
  }
  tags(id: number): readonly { readonly name: string; readonly member: number }[] {
    return this.#tags.get(id) ?? [];
  }

  preserve(id: number): void {
    this.#preserved.add(id);
  }
  /** Are the members of this struct to be looked for in the running kernel? All that its types have are. */
  preserved(id: number): boolean {
    return id < FIRST ? id > 0 : this.#preserved.has(id);
  }

  align(id: number, bytes: number): void {
    this.#aligned.set(id, bytes);
  }

  /** Bytes; 1 for what has no size. */
  alignof(id: number, depth = 0): number {
    const said = this.#aligned.get(id);
    if (said !== undefined || depth > 64) return said ?? 1;
    const type = this.type(id);
    switch (type.kind) {
      case "typedef":
      case "const":
      case "volatile":
      case "restrict":
      case "type_tag":
        return this.alignof(type.type, depth + 1);
      case "array":
        return this.alignof(type.element, depth + 1);
      case "struct":
      case "union":
        // Of a type from below only the members are known; one that ends at no whole number of them is packed.
        return type.members.reduce((most, m) => {
          const bytes = this.alignof(m.type, depth + 1);
          return bytes > most && type.size % bytes === 0 && m.bitfieldSize === 0 && m.bitOffset % (bytes * 8) === 0
            ? bytes
            : most;
        }, 1);
      case "ptr":
        return 8;
      case "int":
      case "float":
      case "enum":
      case "enum64":
        return Math.max(1, type.size);
      default:
        return 1;
    }
  }

  /** Is it an integer that stands for a sign? */
  signed(id: number): boolean {
    const type = resolveType(this, id);
    return (type.kind === "int" && type.signed) || ((type.kind === "enum" || type.kind === "enum64") && type.signed);
  }
}

const TAGGED: readonly BtfKind[] = ["typedef", "struct", "union", "enum", "enum64", "fwd"];
