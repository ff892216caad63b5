// The types of an object as a kernel takes them: what stands for things outside of the object (variables and functions that
// are extern, the sections that list them) becomes something of the same length that says nothing (libbpf's
// bpf_object__sanitize_btf and bpf_object__create_dummy_ksym_var do so too).

import { ByteReader } from "../source/index.ts";
import { KIND_NUMBERS, KINDS } from "./layout.ts";

/** `BTF_VAR_GLOBAL_EXTERN`, `BTF_FUNC_EXTERN` */
const EXTERN = 2;
/** Sections without bytes. */
const OUTSIDE: ReadonlySet<string> = new Set([".kconfig", ".ksyms"]);

/** A copy. Throws FormatError for bytes that are cut short. */
export const typesForKernel = (bytes: Uint8Array): Uint8Array =>
  hidden(
    bytes,
    (section) => OUTSIDE.has(section),
    () => true,
  );

/**
 * A copy in which no sections are listed, and no things outside of the object, but those that `keeps` names: the others are
 * to be written anew.
 */
export const withoutSections = (bytes: Uint8Array, keeps: (name: string) => boolean): Uint8Array =>
  hidden(
    bytes,
    (section) => !keeps(section),
    (name) => !keeps(name),
  );

function hidden(
  bytes: Uint8Array,
  hides: (section: string) => boolean,
  hidesExtern: (name: string) => boolean,
): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const reader = new ByteReader(copy, "BTF");
  const view = new DataView(copy.buffer);
  const u32 = (at: number): number => reader.seek(at).u32();
  const header = u32(4);
  const start = header + u32(8);
  const end = start + u32(12);
  const strings = header + u32(16);
  const text = (offset: number): string => reader.seek(strings + offset).text();
  let int = 0;
  const outside: (readonly [at: number, kind: number])[] = [];
  for (let at = start, id = 1; at + 12 <= end; id++) {
    const info = u32(at + 4);
    const number = (info >>> 24) & 0x1f;
    const words = KINDS[number];
    if (words === undefined) return copy;
    if (number === KIND_NUMBERS.int && u32(at + 8) === 4 && int === 0) int = id;
    const external =
      (number === KIND_NUMBERS.var && u32(at + 12) === EXTERN && hidesExtern(text(u32(at)))) ||
      (number === KIND_NUMBERS.func && (info & 0xffff) === EXTERN && hidesExtern(text(u32(at)))) ||
      (number === KIND_NUMBERS.datasec && hides(text(u32(at))));
    if (external) outside.push([at, number]);
    at += 12 + 4 * (words.fixed + words.each * (info & 0xffff));
  }
  for (const [at, number] of outside) {
    if (number === KIND_NUMBERS.var) {
      // An integer of that name.
      view.setUint32(at + 4, (KIND_NUMBERS.int ?? 0) << 24, true);
      view.setUint32(at + 8, 4, true);
      view.setUint32(at + 12, 32, true);
    } else if (number === KIND_NUMBERS.func) {
      // A name of the function's type.
      view.setUint32(at + 4, (KIND_NUMBERS.typedef ?? 0) << 24, true);
    } else {
      // A struct without a name, of numbers without names.
      const count = u32(at + 4) & 0xffff;
      view.setUint32(at, 0, true);
      view.setUint32(at + 4, ((KIND_NUMBERS.struct ?? 0) << 24) | count, true);
      view.setUint32(at + 8, count * 4, true);
      for (let i = 0; i < count; i++) {
        view.setUint32(at + 12 + i * 12, 0, true);
        view.setUint32(at + 16 + i * 12, int, true);
        view.setUint32(at + 20 + i * 12, i * 32, true);
      }
    }
  }
  return copy;
}

/**
 * A copy for kernels that do not know all kinds: numbers with a point (Linux 5.13), tags (5.16, 5.17), enumerations of 64
 * bits and signed ones (6.0), and sections of which no variable is known become something of the same length and size that says less (libbpf's
 * bpf_object__sanitize_btf). Undefined where there are none of these. Throws FormatError likewise.
 */
export function plainTypes(bytes: Uint8Array): Uint8Array | undefined {
  const copy = Uint8Array.from(bytes);
  const reader = new ByteReader(copy, "BTF");
  const view = new DataView(copy.buffer);
  const u32 = (at: number): number => reader.seek(at).u32();
  const put = (at: number, value: number): void => view.setUint32(at, value, true);
  const info = (kind: keyof typeof KIND_NUMBERS, count = 0): number => ((KIND_NUMBERS[kind] ?? 0) << 24) | count;
  const start = u32(4) + u32(8);
  const end = start + u32(12);
  let int = 0;
  const found: (readonly [at: number, kind: string | undefined, count: number])[] = [];
  for (let at = start, id = 1; at + 12 <= end; id++) {
    const own = u32(at + 4);
    const words = KINDS[(own >>> 24) & 0x1f];
    if (words === undefined) return undefined;
    const count = own & 0xffff;
    if (words.kind === "int" && u32(at + 8) === 4 && int === 0) int = id;
    const signed = words.kind === "enum" && own >>> 31 === 1;
    const empty = words.kind === "datasec" && count === 0;
    if (/^(?:float|decl_tag|type_tag|enum64)$/.test(words.kind) || signed || empty) found.push([at, words.kind, count]);
    at += 12 + 4 * (words.fixed + words.each * count);
  }
  for (const [at, kind, count] of found)
    switch (kind) {
      case "float":
      case "datasec":
        put(at, 0);
        put(at + 4, info("struct"));
        break;
      case "type_tag":
        put(at, 0);
        put(at + 4, info("const"));
        break;
      case "decl_tag":
        // An integer of a byte.
        put(at + 4, info("int"));
        put(at + 8, 1);
        put(at + 12, 8);
        break;
      case "enum64":
        // Its values as members.
        put(at + 4, info("union", count));
        for (let i = 0; i < count; i++) {
          put(at + 16 + i * 12, int);
          put(at + 20 + i * 12, 0);
        }
        break;
      default:
        put(at + 4, info("enum", count));
    }
  return found.length === 0 ? undefined : copy;
}
