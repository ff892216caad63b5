// Declarations of C: types are read into a table, functions' bodies are passed over. Each method stands under its rule
// (C11 6.7), with what GNU C adds and headers use.

import { DiagnosticError, FormatError } from "../source/index.ts";
import { type ConstantContext, evaluateFrom } from "./constant-expression.ts";
import { layoutOf, type MemberDeclaration } from "./layout.ts";
import { TokenReader } from "./token-reader.ts";
import { type CToken, fail } from "./tokens.ts";
import type { CTypes } from "./type-table.ts";

export interface DeclarationOptions {
  /** Text that does not define again what is known below, and of which what is not understood is passed over: a system's header. */
  system?(token: CToken): boolean;
}

const STORAGE =
  /^(?:extern|static|auto|register|inline|__inline|__inline__|_Noreturn|_Thread_local|__thread|__extension__)$/;
const QUALIFIER =
  /^(?:const|volatile|restrict|_Atomic|__const|__const__|__volatile|__volatile__|__restrict|__restrict__|__user|__kernel|__iomem|__rcu|__percpu|__force|__bitwise)$/;
const WORD =
  /^(?:void|char|short|int|long|float|double|signed|unsigned|__signed__|__signed|_Bool|__int128|__int128_t|__uint128_t|_Float128|__float128)$/;

/** Typedefs that texts rely on where no header and no kernel's types say them: bytes, and whether they have a sign. */
const COMMON: Readonly<Record<string, readonly [size: number, signed: boolean]>> = {
  bool: [1, false],
  size_t: [8, false],
  ssize_t: [8, true],
  ptrdiff_t: [8, true],
  uintptr_t: [8, false],
  intptr_t: [8, true],
  off_t: [8, true],
  loff_t: [8, true],
  pid_t: [4, true],
  uid_t: [4, false],
  gid_t: [4, false],
  dev_t: [4, false],
  mode_t: [4, false],
  umode_t: [2, false],
  time_t: [8, true],
  wchar_t: [4, true],
  uint: [4, false],
  ulong: [8, false],
  ushort: [2, false],
  u_char: [1, false],
  u_int: [4, false],
  u_long: [8, false],
  sector_t: [8, false],
  gfp_t: [4, false],
};
const FIXED = /^(?:__)?(u?int|[us]|[bl]e|sum|u_int)(8|16|32|64)(?:_t)?$/;

/** What bit fields may be. */
const INTEGERS: ReadonlySet<string> = new Set(["int", "enum", "enum64"]);

const MOST_NESTED = 100;
/** BTF has 32 bits for it. */
const MOST_BYTES = 0xffff_ffff;

export interface Specifiers {
  readonly type: number;
  readonly typedef: boolean;
  /** `static`, `extern`, `inline` and the like. */
  readonly storage: ReadonlySet<string>;
  readonly attributes: Attributes;
  /** A struct or union with a body and no name stands here. */
  readonly anonymous: boolean;
}

export interface Attributes {
  packed: boolean;
  /** Bytes; 0: none says. */
  align: number;
  /** The name of the section, and other attributes that say something of functions and variables. */
  section?: string;
  /** The function that a variable is given to when its block is left. */
  cleanup?: string;
  readonly words: Set<string>;
  /** What `btf_type_tag` says of the type that stands here, and `btf_decl_tag` of what is declared. */
  readonly typeTags: string[];
  readonly declTags: string[];
}

export interface Declarator {
  readonly name: CToken | undefined;
  readonly type: number;
  readonly isFunction: boolean;
}

export const noAttributes = (): Attributes => ({
  packed: false,
  align: 0,
  words: new Set(),
  typeTags: [],
  declTags: [],
});

/** Those of the specifiers, to which a declarator adds its own. */
const further = (of: Attributes): Attributes => ({ ...of, words: new Set(of.words), declTags: [...of.declTags] });

/** Reads all declarations of these tokens into the table. Throws DiagnosticError for what is wrong in text that is the user's own. */
export function readDeclarations(tokens: readonly CToken[], types: CTypes, options: DeclarationOptions = {}): void {
  const reader = new DeclarationReader(tokens, types, options);
  reader.all();
}

/** The type that stands at a token, as in a cast: where it ends; undefined where none begins there. */
export function typeAt(
  tokens: readonly CToken[],
  at: number,
  types: CTypes,
  depth = 0,
): { readonly end: number; readonly type: number } | undefined {
  const reader = new DeclarationReader(tokens, types, {}, depth);
  return reader.typeName(at);
}

/** What constants may refer to: enumerators, sizes of types. */
export function constantContext(types: CTypes, depth: () => number = () => 0): ConstantContext {
  return {
    name: (t) => types.enumerator(t.text)?.value,
    type: (tokens, at) => {
      const found = typeAt(tokens, at, types, depth());
      if (found === undefined) return undefined;
      const size = types.sizeof(found.type);
      const type = types.resolve(found.type);
      if (size === undefined && (type.kind === "fwd" || type.kind === "array"))
        fail("SCRY1033", "the size of an incomplete type", tokens[at] as CToken);
      return {
        end: found.end,
        // GNU: that of void and of functions.
        size: size ?? 1,
        align: types.alignof(found.type),
        signed: types.signed(found.type),
      };
    },
  };
}

export class DeclarationReader extends TokenReader {
  protected readonly types: CTypes;
  protected readonly options: DeclarationOptions;
  protected readonly constants: ConstantContext;
  protected depth: number;

  /** `depth`: that of the type in which this one stands, as in an array's size. */
  constructor(tokens: readonly CToken[], types: CTypes, options: DeclarationOptions, depth = 0) {
    super(tokens);
    this.types = types;
    this.options = options;
    this.depth = depth;
    this.constants = constantContext(types, () => this.depth + 1);
  }

  /** Reads what stands a level deeper. */
  protected inside<T>(read: () => T): T {
    if (this.depth >= MOST_NESTED) fail("SCRY1030", "a declaration is nested too deep", this.token);
    this.depth++;
    try {
      return read();
    } finally {
      this.depth--;
    }
  }

  protected system(): boolean {
    return this.options.system?.(this.token) ?? false;
  }

  /** Behind the end of a declaration that nobody understands. */
  protected recover(from: number): void {
    this.at = Math.max(this.at, from);
    while (!this.done) {
      const t = this.token;
      if (t.text === "(" || t.text === "[") this.closes();
      else if (t.text === "{") {
        const body = this.tokens[this.at - 1]?.text === ")";
        this.closes();
        if (body) return;
        if (!this.is(";") && !this.is("__attribute__") && this.token.kind !== "identifier") return;
      } else {
        this.at++;
        if (t.text === ";") return;
      }
    }
  }

  // --- declarations ---------------------------------------------------------------------------------------------

  all(): void {
    while (!this.done) {
      const start = this.at;
      const system = this.system();
      try {
        this.declaration();
      } catch (error) {
        // Types that are made of too many others.
        const told = error instanceof FormatError ? diagnostic(error, this.tokens[start] as CToken) : error;
        if (!system || !(told instanceof DiagnosticError)) throw told;
        this.at = start;
        this.recover(start + 1);
      }
    }
  }

  // declaration := ";" | static-assert | asm | specifiers (declarator ("=" initializer)? ("," …)*)? (";" | body)
  protected declaration(): void {
    if (this.accept(";")) return;
    if (/^(?:_Static_assert|static_assert|asm|__asm__|__asm)$/.test(this.token.text)) {
      this.at++;
      if (this.is("(")) this.pass();
      this.accept(";");
      return;
    }
    if (this.is("}")) this.unexpected("a declaration");
    const system = this.system();
    const specifiers = this.specifiers("a type");
    while (!this.is(";")) {
      const declarator = this.declarator(specifiers.type);
      const attributes = further(specifiers.attributes);
      while (this.attributes(attributes));
      if (specifiers.typedef && declarator.name !== undefined)
        this.typedef(declarator.name, declarator.type, attributes.align, system);
      else if (this.declared(specifiers, declarator, attributes)) return;
      if (!this.accept(",")) break;
    }
    this.expect(";", "after a declaration");
  }

  /** What follows a declarator that names no type: true where that was a function's body. */
  protected declared(_specifiers: Specifiers, declarator: Declarator, _attributes: Attributes): boolean {
    if (this.is("{") && declarator.isFunction) {
      this.pass();
      return true;
    }
    if (this.accept("=")) this.initializer();
    return false;
  }

  /** Does this stand in a function, where names may be declared again? */
  protected inBody(): boolean {
    return false;
  }

  protected typedef(name: CToken, type: number, align: number, system: boolean): void {
    if (system && this.types.find(name.text, "typedef") !== undefined) return;
    // Throws where there are too many behind it.
    this.types.resolve(type);
    const id = this.types.add({ kind: "typedef", name: name.text, type });
    if (align > 0) this.types.align(id, align);
  }

  protected initializer(): void {
    while (!this.done && !this.is(",") && !this.is(";")) {
      if (this.is("(") || this.is("{") || this.is("[")) this.pass();
      else this.at++;
    }
  }

  // specifiers := (storage | qualifier | attribute | type word | struct | enum | typedef name | typeof)+
  protected specifiers(wanted: string): Specifiers {
    const attributes: Attributes = noAttributes();
    const words: string[] = [];
    const storage = new Set<string>();
    let typedef = false;
    let anonymous = false;
    let type: number | undefined;
    const qualifiers = new Set<"const" | "volatile">();
    for (;;) {
      if (this.attributes(attributes)) continue;
      const t = this.token;
      if (this.done || t.kind !== "identifier") break;
      if (t.text === "typedef") typedef = true;
      else if (STORAGE.test(t.text)) storage.add(t.text.replace(/^__(\w+?)(?:__)?$/, "$1"));
      else if (QUALIFIER.test(t.text)) {
        if (/const/.test(t.text)) qualifiers.add("const");
        if (/volatile/.test(t.text)) qualifiers.add("volatile");
      } else if (WORD.test(t.text)) {
        if (type !== undefined) break;
        words.push(t.text);
      } else if (type !== undefined || words.length > 0) break;
      else if (t.text === "struct" || t.text === "union") {
        const found = this.composite(t.text);
        type = found.type;
        anonymous = found.anonymous;
        continue;
      } else if (t.text === "enum") {
        type = this.enumeration();
        continue;
      } else if (/^(?:typeof|__typeof__|__typeof)$/.test(t.text)) {
        this.at++;
        this.expect("(", "after typeof");
        type = this.inside(() => this.typeofHere(t));
        this.expect(")", "after typeof(");
        continue;
      } else {
        type = this.named(t.text);
        if (type === undefined) break;
      }
      this.at++;
    }
    type ??= words.length === 0 ? undefined : this.basic(words);
    if (type === undefined) {
      const t = this.token;
      if (t.kind === "identifier" && !this.done) return fail("SCRY1031", `unknown type name '${t.text}'`, t);
      return this.unexpected(wanted);
    }
    for (const q of qualifiers) type = this.types.qualified(q, type);
    for (const name of attributes.typeTags) type = this.types.add({ kind: "type_tag", name, type });
    return { type, typedef, storage, attributes, anonymous };
  }

  /** The type within `typeof(…)`. */
  protected typeofHere(at: CToken): number {
    const inner = this.typeName(this.at);
    if (inner === undefined) return fail("SCRY1031", "typeof takes a type here", at);
    this.at = inner.end;
    return inner.type;
  }

  protected named(name: string): number | undefined {
    const known = this.types.find(name, "typedef");
    if (known !== undefined) return known;
    const fixed = FIXED.exec(name);
    if (fixed !== null) return this.types.int(name, Number(fixed[2]) / 8, fixed[1] === "int" || fixed[1] === "s");
    const common = Object.hasOwn(COMMON, name) ? COMMON[name] : undefined;
    return common === undefined ? undefined : this.types.int(name, common[0], common[1]);
  }

  protected basic(words: readonly string[]): number {
    const has = (word: string): boolean => words.includes(word);
    const unsigned = has("unsigned") || has("__uint128_t");
    const sign = unsigned ? "unsigned " : "";
    if (has("void")) return 0;
    if (has("_Bool")) return this.types.int("_Bool", 1, false);
    if (has("float")) return this.types.float("float", 4);
    if (has("double")) return has("long") ? this.types.float("long double", 16) : this.types.float("double", 8);
    if (has("_Float128") || has("__float128")) return this.types.float("__float128", 16);
    if (words.some((w) => w.includes("int128"))) return this.types.int(`${sign}__int128`, 16, !unsigned);
    // `char` has a sign on x86-64; `signed char` and `char` are different types of the same values.
    if (has("char")) {
      const signed = !unsigned && words.some((w) => /^(?:__)?signed(?:__)?$/.test(w));
      return this.types.int(signed ? "signed char" : `${sign}char`, 1, !unsigned);
    }
    if (has("short")) return this.types.int(unsigned ? "unsigned short" : "short", 2, !unsigned);
    if (has("long")) {
      const long = words.filter((w) => w === "long").length > 1 ? "long long" : "long";
      return this.types.int(`${sign}${long}`, 8, !unsigned);
    }
    return this.types.int(unsigned ? "unsigned int" : "int", 4, !unsigned);
  }

  /** Attributes that stand here; false where none does. */
  protected attributes(into: Attributes): boolean {
    const t = this.token;
    if (this.done || t.kind !== "identifier") return false;
    if (t.text === "__packed") {
      into.packed = true;
      this.at++;
      return true;
    }
    if (t.text === "_Alignas" || t.text === "__aligned") {
      this.at++;
      this.expect("(", `after ${t.text}`);
      into.align = Math.max(into.align, this.alignment());
      this.expect(")", `after ${t.text}(`);
      return true;
    }
    if (t.text === "asm" || t.text === "__asm__") {
      this.at++;
      if (this.is("(")) this.pass();
      return true;
    }
    if (t.text !== "__attribute__" && t.text !== "__attribute") return false;
    this.at++;
    this.expect("(", "after __attribute__");
    this.expect("(", "after __attribute__(");
    while (!this.done && !this.is(")")) {
      const name = this.token.text.replace(/^__(.*)__$/, "$1");
      this.at++;
      if (name === "packed") into.packed = true;
      else if (name === "section" && this.tokens[this.at + 1]?.kind === "string") into.section = this.#textAhead();
      else if ((name === "btf_type_tag" || name === "btf_decl_tag") && this.is("("))
        into[name === "btf_type_tag" ? "typeTags" : "declTags"].push(this.#textAhead());
      else if (name === "cleanup" && this.is("(")) into.cleanup = this.tokens[this.at + 1]?.text ?? "";
      else into.words.add(name);
      if (name === "aligned") {
        if (this.accept("(")) {
          into.align = Math.max(into.align, this.alignment());
          this.expect(")", "after aligned(");
        } else into.align = Math.max(into.align, 16);
      } else if (this.is("(")) this.pass();
      this.accept(",");
    }
    this.expect(")", "after the attributes");
    this.expect(")", "after the attributes");
    return true;
  }

  /** The strings in the parentheses that stand here, as one. */
  #textAhead(): string {
    let text = "";
    for (let at = this.at + 1; this.tokens[at]?.kind === "string"; at++) text += this.tokens[at]?.text.slice(1, -1);
    return text;
  }

  /** `_Alignas` takes a type, too. */
  protected alignment(): number {
    const at = this.token;
    const type = this.constants.type?.(this.tokens, this.at);
    if (type !== undefined) this.at = type.end;
    const bytes = type?.align ?? this.constant();
    if (bytes !== 0 && (bytes < 0 || bytes > 1 << 28 || !Number.isInteger(Math.log2(bytes))))
      fail("SCRY1033", `an alignment by ${bytes} bytes`, at);
    return bytes;
  }

  protected constant(): number {
    const found = evaluateFrom(this.tokens, this.at, this.constants);
    this.at = found.end;
    return Number(found.value);
  }

  // composite := ("struct" | "union") attribute* TAG? ("{" member* "}" attribute*)?
  protected composite(kind: "struct" | "union"): { readonly type: number; readonly anonymous: boolean } {
    const start = this.token;
    const system = this.system();
    this.at++;
    const attributes: Attributes = noAttributes();
    while (this.attributes(attributes));
    const tag = this.token.kind === "identifier" && !this.done ? this.token : undefined;
    if (tag !== undefined) this.at++;
    while (this.attributes(attributes));
    const types = this.types;
    if (!this.is("{")) {
      if (tag === undefined) return this.unexpected(`a name or a body after ${kind}`);
      const known = types.find(tag.text, kind);
      let type = known ?? types.add({ kind: "fwd", name: tag.text, union: kind === "union" });
      for (const name of attributes.typeTags) type = types.add({ kind: "type_tag", name, type });
      return { type, anonymous: false };
    }
    if (system && tag !== undefined) {
      const known = types.find(tag.text, kind);
      if (known !== undefined && types.type(known).kind !== "fwd") {
        this.pass();
        while (this.attributes(attributes));
        return { type: known, anonymous: false };
      }
    }
    const own = tag === undefined ? undefined : types.own(tag.text, kind);
    if (own !== undefined && types.type(own).kind !== "fwd" && !this.inBody())
      return fail("SCRY1032", `redefinition of '${kind} ${tag?.text}'`, tag ?? start);
    // Members may point to it while it is being read.
    const id =
      own !== undefined && types.type(own).kind === "fwd"
        ? own
        : types.add({ kind: "fwd", name: tag?.text ?? "", union: kind === "union" });
    this.at++;
    const members: MemberDeclaration[] = [];
    const names = new Set<string>();
    this.inside(() => {
      while (!this.is("}")) {
        if (this.done) return fail("SCRY1030", `the body of this ${kind} does not end`, start);
        this.members(members, names);
      }
    });
    this.at++;
    while (this.attributes(attributes));
    const layout = layoutOf(types, kind, members, attributes);
    if (layout.size > MOST_BYTES) fail("SCRY1033", `a ${kind} of ${layout.size} bytes`, tag ?? start);
    types.define(id, { kind, name: tag?.text ?? "", size: layout.size, members: layout.members });
    types.align(id, layout.align);
    for (const { name, tags } of members)
      if (tags !== undefined)
        types.tag(
          id,
          layout.members.findIndex((m) => m.name === name),
          tags,
        );
    if (attributes.words.has("preserve_access_index")) types.preserve(id);
    return { type: id, anonymous: tag === undefined };
  }

  // members := specifiers (declarator (":" bits)? ("," …)*)? ";"
  protected members(into: MemberDeclaration[], names: Set<string>): void {
    if (this.accept(";")) return;
    if (this.is("_Static_assert") || this.is("static_assert")) {
      this.declaration();
      return;
    }
    const specifiers = this.specifiers("a member");
    if (this.is(";")) {
      // Without a name of its own, its members are this one's.
      if (specifiers.anonymous) into.push(member("", specifiers.type, specifiers.attributes));
    }
    while (!this.is(";")) {
      const declarator: Declarator = this.is(":")
        ? { name: undefined, type: specifiers.type, isFunction: false }
        : this.declarator(specifiers.type);
      const bits = this.accept(":") ? this.constant() : undefined;
      const attributes = further(specifiers.attributes);
      while (this.attributes(attributes));
      const name = declarator.name?.text ?? "";
      if (name === "" && bits === undefined) this.unexpected("the name of a member");
      if (declarator.name !== undefined && names.has(name))
        fail("SCRY1032", `duplicate member '${name}'`, declarator.name);
      if (name !== "") names.add(name);
      const at = declarator.name ?? this.token;
      const size = this.types.sizeof(declarator.type);
      if (size === undefined) fail("SCRY1033", `field '${name}' has an incomplete type`, at);
      if (bits !== undefined) {
        if (!INTEGERS.has(this.types.resolve(declarator.type).kind))
          fail("SCRY1033", `the bit field '${name}' is no integer`, at);
        if (bits < 0 || bits > size * 8) fail("SCRY1033", `the width of the bit field '${name}' exceeds its type`, at);
        if (bits === 0 && name !== "") fail("SCRY1033", `the bit field '${name}' has no width`, at);
      }
      into.push({ ...member(name, declarator.type, attributes), ...(bits === undefined ? {} : { bits }) });
      if (!this.accept(",")) break;
    }
    // Compilers take the last one without it.
    if (!this.is("}")) this.expect(";", "after a member");
  }

  // enumeration := "enum" TAG? (":" type)? ("{" NAME ("=" constant)? ("," …)* "}")?
  protected enumeration(): number {
    const system = this.system();
    this.at++;
    const attributes: Attributes = noAttributes();
    while (this.attributes(attributes));
    const tag = this.token.kind === "identifier" ? this.token : undefined;
    if (tag !== undefined) this.at++;
    let size: number | undefined;
    // Of a bit field without a name, a number stands there.
    if (this.is(":") && this.beginsType(this.at + 1)) {
      this.at++;
      size = this.types.sizeof(this.inside(() => this.specifiers("a type")).type);
    }
    const types = this.types;
    if (!this.is("{")) {
      if (tag === undefined) return this.unexpected("a name or a body after enum");
      return types.find(tag.text, ["enum", "enum64"]) ?? types.int("unsigned int", 4, false);
    }
    if (tag !== undefined && types.own(tag.text, ["enum", "enum64"]) !== undefined) {
      if (!system && !this.inBody()) return fail("SCRY1032", `redefinition of 'enum ${tag.text}'`, tag);
    }
    this.at++;
    const known = new Map<string, bigint>();
    let next = 0n;
    // Values may use those before them.
    const context: ConstantContext = {
      ...this.constants,
      name: (t) => known.get(t.text) ?? this.constants.name(t),
    };
    while (!this.is("}")) {
      const name = this.token;
      if (this.done || name.kind !== "identifier") return this.unexpected("the name of an enumerator");
      this.at++;
      while (this.attributes(attributes));
      if (this.accept("=")) next = this.enumeratorValue(context);
      if (known.has(name.text)) fail("SCRY1032", `redefinition of the enumerator '${name.text}'`, name);
      known.set(name.text, next);
      next++;
      if (!this.accept(",")) break;
    }
    this.expect("}", "after the enumerators");
    while (this.attributes(attributes));
    const values = [...known].map(([name, value]) => ({ name, value }));
    const signed = values.some((v) => v.value < 0n);
    const wide = values.some((v) => (signed ? v.value !== BigInt.asIntN(32, v.value) : v.value > 0xffff_ffffn));
    size ??= wide ? 8 : attributes.packed ? narrow(values, signed) : 4;
    return types.add({ kind: wide ? "enum64" : "enum", name: tag?.text ?? "", size, signed, values });
  }

  protected enumeratorValue(context: ConstantContext): bigint {
    const found = evaluateFrom(this.tokens, this.at, context);
    this.at = found.end;
    return found.value;
  }

  // declarator := ("*" qualifier*)* ("(" declarator ")" | NAME?) ("[" constant? "]" | "(" parameters ")")*
  protected declarator(base: number): Declarator {
    return this.inside(() => this.declaratorHere(base));
  }

  protected declaratorHere(base: number): Declarator {
    let type = base;
    const ignored: Attributes = noAttributes();
    for (;;) {
      if (this.accept("*")) type = this.types.pointer(type);
      else if (!this.done && this.token.kind === "identifier" && QUALIFIER.test(this.token.text)) this.at++;
      else if (!this.attributes(ignored)) break;
    }
    if (this.is("(") && this.nested()) {
      const inner = this.at + 1;
      this.pass();
      const outer = this.suffixes(type);
      const end = this.at;
      this.at = inner;
      const result = this.declarator(outer.type);
      this.expect(")", "after a declarator");
      this.at = end;
      return { ...result, isFunction: result.isFunction || (outer.isFunction && result.type === outer.type) };
    }
    const name = !this.done && this.token.kind === "identifier" ? this.token : undefined;
    if (name !== undefined) this.at++;
    return { name, ...this.suffixes(type) };
  }

  /** Is the parenthesis here around a declarator, rather than around parameters? */
  protected nested(): boolean {
    const next = this.tokens[this.at + 1];
    if (next === undefined) return false;
    if (next.text === "*" || next.text === "(" || next.text === "[" || next.text === "__attribute__") return true;
    return (
      next.kind === "identifier" &&
      !WORD.test(next.text) &&
      !QUALIFIER.test(next.text) &&
      !/^(?:struct|union|enum)$/.test(next.text) &&
      this.named(next.text) === undefined
    );
  }

  protected suffixes(type: number): { readonly type: number; readonly isFunction: boolean } {
    return this.is("[") || this.is("(") ? this.inside(() => this.suffix(type)) : { type, isFunction: false };
  }

  protected suffix(type: number): { readonly type: number; readonly isFunction: boolean } {
    if (this.accept("[")) {
      while (!this.done && this.token.kind === "identifier" && (QUALIFIER.test(this.token.text) || this.is("static")))
        this.at++;
      const at = this.token;
      const count = this.is("]") ? 0 : this.constant();
      this.expect("]", "after the size of an array");
      if (count < 0 || count > 0xffff_ffff) fail("SCRY1033", `an array of ${count} elements`, at);
      return { type: this.types.array(this.suffixes(type).type, count), isFunction: false };
    }
    const parameters = this.parameters();
    const returns = this.suffixes(type).type;
    return { type: this.types.add({ kind: "func_proto", name: "", returns, ...parameters }), isFunction: true };
  }

  protected parameters(): { readonly params: { name: string; type: number }[]; readonly variadic: boolean } {
    const params: { name: string; type: number }[] = [];
    let variadic = false;
    this.at++;
    while (!this.is(")")) {
      if (this.accept("...")) variadic = true;
      else {
        const { type } = this.specifiers("a parameter");
        const declarator = this.declarator(type);
        while (this.attributes(noAttributes()));
        if (declarator.type !== 0 || declarator.name !== undefined)
          params.push({ name: declarator.name?.text ?? "", type: declarator.type });
      }
      if (!this.accept(",")) break;
    }
    this.expect(")", "after the parameters");
    return { params, variadic };
  }

  protected beginsType(at: number): boolean {
    const t = this.tokens[at];
    if (t?.kind !== "identifier") return false;
    return (
      WORD.test(t.text) ||
      QUALIFIER.test(t.text) ||
      /^(?:struct|union|enum|typeof|__typeof__|__typeof)$/.test(t.text) ||
      this.named(t.text) !== undefined
    );
  }

  /** See `typeAt`. */
  typeName(at: number): { readonly end: number; readonly type: number } | undefined {
    if (!this.beginsType(at)) return undefined;
    this.at = at;
    const { type } = this.declarator(this.specifiers("a type").type);
    return { end: this.at, type };
  }
}

/** What is said of types that have no end, with its place. */
function diagnostic(error: FormatError, at: CToken): DiagnosticError {
  return new DiagnosticError([{ code: "SCRY1030", severity: "error", message: error.message, span: at.span }], at.file);
}

const member = (name: string, type: number, attributes: Attributes): MemberDeclaration => ({
  name,
  type,
  ...(attributes.align > 0 ? { align: attributes.align } : {}),
  ...(attributes.packed ? { packed: true } : {}),
  ...(attributes.declTags.length > 0 ? { tags: attributes.declTags } : {}),
});

/** Bytes of a packed enum. */
function narrow(values: readonly { value: bigint }[], signed: boolean): number {
  for (const size of [1, 2])
    if (
      values.every((v) => v.value === (signed ? BigInt.asIntN(size * 8, v.value) : BigInt.asUintN(size * 8, v.value)))
    )
      return size;
  return 4;
}
