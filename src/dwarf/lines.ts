// Line tables: which address belongs to which line of which file (DWARF 5, 6.2; versions 2 to 5).

import type { ByteReader } from "../source/index.ts";
import { Attribute, Form } from "./constants.ts";
import { initialLength, sectionOffset } from "./unit-length.ts";
import type { Unit, Units } from "./units.ts";

export interface LineRow {
  readonly address: number;
  /** Index into `files`. */
  readonly file: number;
  readonly line: number;
  /** From 1; 0: the left edge, or not known. */
  readonly column: number;
  /** A good place for a breakpoint: the line's work begins here. */
  readonly isStatement: boolean;
  /** One past the last address of a run of code; belongs to no line. */
  readonly end: boolean;
}

export interface LineHeader {
  /** Paths by the numbers that rows (and entries) use; what has no file there is empty. */
  readonly files: readonly string[];
  /** Reads the line program, from its start to its end. */
  readonly program: () => ByteReader;
  readonly minimumLength: number;
  readonly defaultStatement: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly opcodeLengths: readonly number[];
  readonly addressSize: number;
}

/** The header of a unit's line table; undefined where it has none. */
export function lineHeader(units: Units, unit: Unit): LineHeader | undefined {
  const root = units.root(unit);
  const list = root.attributes.get(Attribute.stmtList);
  if (list === undefined || (list.kind !== "offset" && list.kind !== "number")) return undefined;
  const text = (attribute: number): string => {
    const value = root.attributes.get(attribute);
    return value?.kind === "text" ? value.text : "";
  };
  const folder = text(Attribute.compDir);
  const cursor = units.sections.reader("line", list.value);
  const { length, wide } = initialLength(cursor);
  const end = cursor.at + length;
  const version = cursor.u16();
  if (version < 2 || version > 5) throw cursor.damage(`a line table of version ${version}`);
  let addressSize = unit.addressSize;
  if (version >= 5) {
    addressSize = cursor.u8();
    cursor.u8();
  }
  const headerLength = sectionOffset(cursor, wide);
  const start = cursor.at + headerLength;
  const minimumLength = cursor.u8();
  if (version >= 4) cursor.u8();
  const defaultStatement = cursor.u8() !== 0;
  const lineBase = cursor.s8();
  const lineRange = cursor.u8();
  if (lineRange === 0) throw cursor.damage("a line range of 0", cursor.at - 1);
  const opcodeBase = cursor.u8();
  const opcodeLengths = [0];
  for (let i = 1; i < opcodeBase; i++) opcodeLengths.push(cursor.u8());
  const folders: string[] = [];
  const files: string[] = [];
  const join = (directory: string, name: string): string =>
    name.startsWith("/") ? name : directory === "" ? name : `${directory}/${name}`;
  if (version >= 5) {
    for (const [path] of pathEntries(units, cursor, wide)) folders.push(join(folders[0] ?? "", path));
    for (const [path, index] of pathEntries(units, cursor, wide)) files.push(join(folders[index] ?? "", path));
  } else {
    // Numbers begin at 1; directory 0 is the compiler's own.
    folders.push(folder);
    for (let path = cursor.text(); path !== ""; path = cursor.text()) folders.push(join(folder, path));
    files.push(join(folder, text(Attribute.name)));
    for (let path = cursor.text(); path !== ""; path = cursor.text()) {
      const index = cursor.uleb();
      cursor.uleb();
      cursor.uleb();
      files.push(join(folders[index] ?? "", path));
    }
  }
  return {
    files,
    program: () => units.sections.reader("line", start, end),
    minimumLength,
    defaultStatement,
    lineBase,
    lineRange,
    opcodeBase,
    opcodeLengths,
    addressSize,
  };
}

/** Version 5: tables that say of what form their columns are. */
function pathEntries(units: Units, cursor: ByteReader, wide: boolean): (readonly [path: string, directory: number])[] {
  const formats: (readonly [content: number, form: number])[] = [];
  for (let n = cursor.u8(); n > 0; n--) formats.push([cursor.uleb(), cursor.uleb()]);
  const entries: (readonly [string, number])[] = [];
  const count = cursor.uleb();
  // Each takes a byte or more.
  if (count > 0 && (formats.length === 0 || count > cursor.end - cursor.at))
    throw cursor.damage(`a list of ${count} files`);
  for (let n = count; n > 0; n--) {
    let path = "";
    let directory = 0;
    for (const [content, form] of formats) {
      const value = column(units, cursor, form, wide);
      if (content === 1 && typeof value === "string") path = value;
      if (content === 2 && typeof value === "number") directory = value;
    }
    entries.push([path, directory]);
  }
  return entries;
}

function column(units: Units, cursor: ByteReader, form: number, wide: boolean): string | number {
  switch (form) {
    case Form.string:
      return cursor.text();
    case Form.lineStrp:
      return units.text("line_str", sectionOffset(cursor, wide));
    case Form.strp:
      return units.text("str", sectionOffset(cursor, wide));
    case Form.udata:
      return cursor.uleb();
    case Form.data1:
      return cursor.u8();
    case Form.data2:
      return cursor.u16();
    case Form.data4:
      return cursor.u32();
    case Form.data8:
      return cursor.u64();
    case Form.data16:
      cursor.skip(16);
      return 0;
    case Form.block:
      cursor.skip(cursor.uleb());
      return 0;
    default:
      throw cursor.damage(`form 0x${form.toString(16)} in a line table`);
  }
}

/** Runs the line program (6.2.5). */
export function* lineRows(header: LineHeader): Generator<LineRow> {
  const { program, minimumLength, lineBase, lineRange, opcodeBase } = header;
  const cursor = program();
  let address = 0;
  let file = 1;
  let line = 1;
  let column = 0;
  let isStatement = header.defaultStatement;
  const row = (end = false): LineRow => ({ address, file, line, column, isStatement, end });
  while (cursor.at < cursor.end) {
    const opcode = cursor.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      address += Math.floor(adjusted / lineRange) * minimumLength;
      line += lineBase + (adjusted % lineRange);
      yield row();
      continue;
    }
    switch (opcode) {
      case 0: {
        const length = cursor.uleb();
        const next = cursor.at + length;
        const extended = cursor.u8();
        if (extended === 1) {
          yield row(true);
          address = 0;
          file = 1;
          line = 1;
          column = 0;
          isStatement = header.defaultStatement;
        } else if (extended === 2) address = cursor.word(header.addressSize);
        cursor.at = next;
        break;
      }
      case 1:
        yield row();
        break;
      case 2:
        address += cursor.uleb() * minimumLength;
        break;
      case 3:
        line += cursor.sleb();
        break;
      case 4:
        file = cursor.uleb();
        break;
      case 5:
        column = cursor.uleb();
        break;
      case 6:
        isStatement = !isStatement;
        break;
      case 8:
        address += Math.floor((255 - opcodeBase) / lineRange) * minimumLength;
        break;
      case 9:
        address += cursor.u16();
        break;
      default:
        // Basic block, prologue end, epilogue begin, ISA, and what a later version adds.
        for (let n = header.opcodeLengths[opcode] ?? 0; n > 0; n--) cursor.uleb();
    }
  }
}
