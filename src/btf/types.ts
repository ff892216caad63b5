// BTF types as data: one variant per kind of Documentation/bpf/btf.rst, decoded from the bytes only when asked for.

/** The 19 kinds of BTF, and `void` for id 0, which no bytes stand for. */
export type BtfKind = BtfType["kind"];

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfPtr
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfFwd
  | BtfModifier
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag;

interface Common {
  readonly id: number;
  /** Empty for an anonymous type. */
  readonly name: string;
}

export interface BtfVoid extends Common {
  readonly kind: "void";
}
export interface BtfInt extends Common {
  readonly kind: "int";
  /** Bytes. */
  readonly size: number;
  /** Bits in use, normally 8 × size. */
  readonly bits: number;
  readonly bitOffset: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
}
export interface BtfPtr extends Common {
  readonly kind: "ptr";
  readonly type: number;
}
export interface BtfArray extends Common {
  readonly kind: "array";
  readonly element: number;
  readonly index: number;
  readonly count: number;
}
export interface BtfComposite extends Common {
  readonly kind: "struct" | "union";
  /** Bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
}
export interface BtfMember {
  /** Empty for an anonymous struct or union inside another. */
  readonly name: string;
  readonly type: number;
  /** Bits from the start of the struct. */
  readonly bitOffset: number;
  /** Bits; 0 where the member is not a bit field. */
  readonly bitfieldSize: number;
}
/** `enum` (32-bit values) and `enum64`. */
export interface BtfEnum extends Common {
  readonly kind: "enum" | "enum64";
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly BtfEnumerator[];
}
export interface BtfEnumerator {
  readonly name: string;
  readonly value: bigint;
}
/** A struct or union that is only named. */
export interface BtfFwd extends Common {
  readonly kind: "fwd";
  readonly union: boolean;
}
export interface BtfModifier extends Common {
  readonly kind: "typedef" | "volatile" | "const" | "restrict" | "type_tag";
  readonly type: number;
}
export interface BtfFunc extends Common {
  readonly kind: "func";
  /** Id of its `func_proto`. */
  readonly type: number;
  readonly linkage: BtfLinkage;
}
export interface BtfFuncProto extends Common {
  readonly kind: "func_proto";
  readonly returns: number;
  readonly params: readonly BtfParam[];
  /** True when it ends in `...`; that parameter is not in `params`. */
  readonly variadic: boolean;
}
export interface BtfParam {
  readonly name: string;
  readonly type: number;
}
export interface BtfVar extends Common {
  readonly kind: "var";
  readonly type: number;
  readonly linkage: BtfLinkage;
}
export interface BtfDatasec extends Common {
  readonly kind: "datasec";
  readonly size: number;
  readonly variables: readonly BtfSectionVariable[];
}
export interface BtfSectionVariable {
  /** Id of the `var`, or of a `func` for externs. */
  readonly type: number;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
}
export interface BtfFloat extends Common {
  readonly kind: "float";
  readonly size: number;
}
/** An attribute of a declaration: `name` is its text. */
export interface BtfDeclTag extends Common {
  readonly kind: "decl_tag";
  readonly type: number;
  /** Which member or parameter; -1: the declaration itself. */
  readonly component: number;
}
export type BtfLinkage = "static" | "global" | "extern";

/** Where a field lies, counted from the start of the type that was asked. */
export interface BtfField {
  readonly bitOffset: number;
  /** Bits; 0 where the field is not a bit field. */
  readonly bitfieldSize: number;
  /** Id of the field's type. */
  readonly type: number;
}

/** One line of a listing. */
export interface BtfEntry {
  readonly id: number;
  readonly name: string;
  readonly kind: BtfKind;
}

/** Type information, read lazily: nothing is decoded before it is asked for. */
export interface Btf {
  /** The encoded form: header, types, strings. */
  readonly bytes: Uint8Array;
  /** The BTF that ids below `firstId` belong to (split BTF of a kernel module). */
  readonly base?: Btf;
  /** The first id of this BTF's own types: 1, or `base.count` for split BTF. */
  readonly firstId: number;
  /** One more than the greatest id. */
  readonly count: number;
  /** Bytes of a pointer: 8. */
  readonly pointerSize: number;
  /** The type with this id; 0 is void. Throws FormatError for an id that does not exist or bytes that make no sense. */
  type(id: number): BtfType;
  /** Its name without decoding the rest; empty for an anonymous type. */
  name(id: number): string;
  kind(id: number): BtfKind;
  /** The id of the first type with this name and, where given, one of these kinds. Searches this BTF, then its base. */
  find(name: string, kinds?: BtfKind | readonly BtfKind[]): number | undefined;
  /** The ids of all types with this name and, where given, one of these kinds; this BTF's own only. */
  findEach(name: string, kinds?: BtfKind | readonly BtfKind[]): number[];
  /** All named types that a glob (`*`, `?`, `[abc]`) or expression matches, this BTF's own only, in order of ids. */
  findAll(pattern: string | RegExp, kinds?: BtfKind | readonly BtfKind[]): BtfEntry[];
  /** The type behind typedef, const, volatile, restrict and type_tag. */
  resolve(id: number): BtfType;
  /** Bytes; undefined for what has no size (void, functions, forward declarations). */
  sizeof(id: number): number | undefined;
  /** Members of a struct or union, behind modifiers; empty for anything else. */
  members(id: number): readonly BtfMember[];
  /**
   * Follows a path of names from a struct or union through nested ones, anonymous ones included; `[3]` or a number
   * steps into an array. Undefined where there is no such field. Does not follow pointers.
   */
  field(id: number, path: string | readonly string[]): BtfField | undefined;
  /** The value of an enumerator by its name, in whatever enum it stands. */
  enumerator(name: string): { readonly type: number; readonly value: bigint } | undefined;
  /** The string at an offset of the string section (line info, relocations). */
  string(offset: number): string;
  /** Where each type begins, for a cache: pass it to `openBtf` next time. */
  exportIndex(): Uint8Array;
}
