// An object as bytes that are quickly an object again: no symbols to look up, no relocations, no debug information. What is
// not numbers stands in JSON; code, BTF and bytes of maps stand behind it.
//
//     "SCRYOBJ1"  u32 checksum of the rest  u32 length of the JSON  JSON  bytes…
//
// A function that several programs have stands there once, its instructions apart from what they refer to and where they
// came from, in LEB128: the number of references, then for each how many instructions it is behind the one before, and which
// reference; the number of places, then for each the same, its source + 1 (0: nowhere), its start and its length.

import { openBtf, withoutLooseStrings } from "../btf/index.ts";
import { crc32 } from "../elf/index.ts";
import { decode, EncodingError, encode, type Instruction } from "../isa/index.ts";
import { ByteReader, FormatError, type SourceText, type Span } from "../source/index.ts";
import type { BpfObject, FunctionSpec, ObjectInstruction, ProgramSpec, Reference } from "./object.ts";
import { placed } from "./placed.ts";

const MAGIC = "SCRYOBJ1";
const HEADER = 16;
const WHAT = "packed object";

/** Bytes behind the JSON. */
interface Place {
  readonly at: number;
  readonly size: number;
}

interface PackedFunction extends Omit<FunctionSpec, "code"> {
  readonly code: Place;
  readonly marks: Place;
}

interface Packed {
  readonly object: Omit<BpfObject, "programs" | "types" | "source">;
  readonly programs: readonly (Omit<ProgramSpec, "functions"> & { readonly functions: readonly number[] })[];
  readonly functions: readonly PackedFunction[];
  readonly references: readonly Reference[];
  /** The first is the object's own, where it has one. */
  readonly sources: readonly SourceText[];
  readonly hasSource: boolean;
  readonly types?: Place;
}

/** Are these the bytes of a packed object? */
export const isPacked = (bytes: Uint8Array): boolean =>
  bytes.length >= HEADER && [...MAGIC].every((letter, i) => bytes[i] === letter.charCodeAt(0));

/** The bytes of an object, for `unpackObject`. They are for one version of this package. */
export function packObject(object: BpfObject): Uint8Array {
  const blob = new Blob();
  const sources: SourceText[] = object.source === undefined ? [] : [object.source];
  const references = new Table<Reference>();
  const functions = new Table<PackedFunction>();
  const programs = object.programs.map(({ functions: own, ...program }) => ({
    ...program,
    functions: own.map(({ code, ...fn }) =>
      functions.index({
        ...fn,
        code: blob.place(encode(code)),
        marks: blob.place(marksOf(code, object.source, references, sources)),
      }),
    ),
  }));
  const { programs: _, types, source, ...rest } = object;
  const packed: Packed = {
    object: rest,
    programs,
    functions: functions.rows,
    references: references.rows,
    sources,
    hasSource: source !== undefined,
    ...(types === undefined ? {} : { types: blob.place(withoutLooseStrings(types).bytes) }),
  };
  // As it stands there: a Buffer would have made itself an object.
  const text = JSON.stringify(packed, function (this: Readonly<Record<string, unknown>>, key, made: unknown) {
    const value = this[key];
    if (typeof value === "bigint") return { "@big": String(value) };
    return value instanceof Uint8Array ? { "@bytes": blob.place(value) } : made;
  });
  const json = new TextEncoder().encode(text);
  const out = new Uint8Array(HEADER + json.length + blob.size);
  out.set(new TextEncoder().encode(MAGIC));
  out.set(json, HEADER);
  blob.write(out.subarray(HEADER + json.length));
  const view = new DataView(out.buffer);
  view.setUint32(12, json.length, true);
  view.setUint32(8, crc32(out.subarray(12)), true);
  return out;
}

/** Throws FormatError for bytes that `packObject` did not give. */
export function unpackObject(given: Uint8Array): BpfObject {
  // What is cut out of a Buffer would be one, whose slices are no copies.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const reader = new ByteReader(bytes, WHAT, 8);
  if (!isPacked(bytes) || reader.u32() !== crc32(bytes.subarray(12))) throw reader.damage("the checksum is wrong", 8);
  const end = HEADER + reader.u32();
  const part = ({ at, size }: Place): Uint8Array => bytes.subarray(end + at, end + at + size);
  const packed = JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER, end)), (_key, value) => {
    if (typeof value !== "object" || value === null) return value;
    if ("@big" in value) return BigInt(value["@big"]);
    return "@bytes" in value ? part(value["@bytes"]).slice() : value;
  }) as Packed;
  const functions = packed.functions.map(
    ({ code, marks, ...fn }): FunctionSpec => ({ ...fn, code: codeOf(part(code), part(marks), packed) }),
  );
  const programs = packed.programs.map(
    (program): ProgramSpec => ({
      ...program,
      functions: program.functions.map((index) => functions[index] as FunctionSpec),
    }),
  );
  const { types, hasSource, sources } = packed;
  return {
    ...packed.object,
    programs,
    ...(types === undefined ? {} : { types: openBtf(part(types).slice()) }),
    ...(hasSource ? { source: sources[0] as SourceText } : {}),
  };
}

function marksOf(
  code: readonly ObjectInstruction[],
  own: SourceText | undefined,
  references: Table<Reference>,
  sources: SourceText[],
): Uint8Array {
  const refs: number[] = [];
  const places: number[] = [];
  let lastRef = 0;
  let lastPlace = 0;
  let before: Span | undefined;
  code.forEach(({ ref, span }, index) => {
    if (ref !== undefined) {
      refs.push(index - lastRef, references.index(ref));
      lastRef = index;
    }
    if (span === before || (span?.start === before?.start && span?.end === before?.end && span?.file === before?.file))
      return;
    before = span;
    const text = span === undefined ? undefined : (span.file ?? own);
    let source = text === undefined ? -1 : sources.indexOf(text);
    if (text !== undefined && source < 0) source = sources.push(text) - 1;
    const { start = 0, end = 0 } = span ?? {};
    places.push(index - lastPlace, source + 1, start, end - start);
    lastPlace = index;
  });
  return Uint8Array.from([refs.length / 2, ...refs, places.length / 4, ...places].flatMap(leb));
}

function codeOf(bytes: Uint8Array, marks: Uint8Array, { references, sources, hasSource }: Packed): ObjectInstruction[] {
  const reader = new ByteReader(marks, WHAT);
  const refs = new Map<number, Reference>();
  let at = 0;
  for (let count = reader.uleb(); count > 0; count--) {
    at += reader.uleb();
    refs.set(at, references[reader.uleb()] as Reference);
  }
  const places = new Map<number, Span | undefined>();
  let index = 0;
  for (let count = reader.uleb(); count > 0; count--) {
    index += reader.uleb();
    const source = reader.uleb() - 1;
    const start = reader.uleb();
    const span = { start, end: start + reader.uleb() };
    if (source < 0) places.set(index, undefined);
    else places.set(index, source === 0 && hasSource ? span : { ...span, file: sources[source] as SourceText });
  }
  let span: Span | undefined;
  return decoded(bytes).map((instruction, index) => {
    if (places.has(index)) span = places.get(index);
    return placed(instruction, refs.get(index), span);
  });
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

function decoded(bytes: Uint8Array): readonly Instruction[] {
  try {
    return decode(bytes);
  } catch (error) {
    throw error instanceof EncodingError ? new FormatError(WHAT, error.message) : error;
  }
}

/** Bytes one after another, equal ones once; each begins at a multiple of eight. */
class Blob {
  readonly #known = new Map<string, Place>();
  readonly #parts: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  size = 0;

  place(bytes: Uint8Array): Place {
    // Each byte a letter.
    const key = new TextDecoder("latin1").decode(bytes);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const place = { at: this.size, size: bytes.length };
    this.#known.set(key, place);
    this.#parts.push({ at: this.size, bytes });
    this.size = Math.ceil((this.size + bytes.length) / 8) * 8;
    return place;
  }

  write(out: Uint8Array): void {
    for (const { at, bytes } of this.#parts) out.set(bytes, at);
  }
}

/** Rows of plain data, equal ones once. */
class Table<T> {
  readonly rows: T[] = [];
  readonly #known = new Map<string, number>();

  index(row: T): number {
    const key = JSON.stringify(row);
    let index = this.#known.get(key);
    if (index === undefined) this.#known.set(key, (index = this.rows.push(row) - 1));
    return index;
  }
}
