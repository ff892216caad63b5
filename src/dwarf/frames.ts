// Call frames (DWARF 5, 6.4; .eh_frame as in the LSB): for an address of code, what the stack pointer was at the call and
// where the caller's registers are kept.

import type { ElfFile } from "../elf/index.ts";
import { Cursor, DwarfError } from "./cursor.ts";
import type { Term } from "./expressions.ts";
import type { Sections } from "./sections.ts";

/** Where a register of the caller is. */
export type RegisterRule =
  | { readonly kind: "same" }
  | { readonly kind: "undefined" }
  /** In memory at the frame's address plus so much. */
  | { readonly kind: "offset"; readonly offset: number }
  /** It is the frame's address plus so much. */
  | { readonly kind: "value-offset"; readonly offset: number }
  | { readonly kind: "register"; readonly number: number }
  | { readonly kind: "expression"; readonly bytes: Uint8Array; readonly value: boolean };

/** The canonical frame address. */
export type FrameRule =
  | { readonly kind: "register"; readonly number: number; readonly offset: number }
  | { readonly kind: "expression"; readonly bytes: Uint8Array };

/** What holds from `address` on, up to the next row. */
export interface FrameRow {
  readonly address: number;
  readonly frame: FrameRule;
  /** Only those that are not as the convention has them. */
  readonly registers: ReadonlyMap<number, RegisterRule>;
}

/** The rows of one run of code. */
export interface FrameEntry {
  readonly low: number;
  readonly high: number;
  /** A frame that a signal made: its caller was interrupted, not calling. */
  readonly signal: boolean;
  readonly returnRegister: number;
  rows(): readonly FrameRow[];
}

interface Common {
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnRegister: number;
  readonly pointerEncoding: number;
  readonly augmented: boolean;
  readonly signal: boolean;
  readonly initial: Uint8Array;
}

/** All entries of a file's .eh_frame (or .debug_frame), in the order of their addresses. */
export function frameEntries(file: ElfFile, sections?: Sections): readonly FrameEntry[] {
  const section = file.section(".eh_frame");
  const entries =
    section !== undefined && section.size > 0
      ? parse(file.data(section), section.address, file.bits / 8, true)
      : sections !== undefined && sections("frame").length > 0
        ? parse(sections("frame"), 0, file.bits / 8, false)
        : [];
  return entries.sort((a, b) => a.low - b.low);
}

/** The entry that covers an address. */
export function frameEntryAt(entries: readonly FrameEntry[], address: number): FrameEntry | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle] as FrameEntry).low <= address) low = middle + 1;
    else high = middle;
  }
  const entry = entries[low - 1];
  return entry !== undefined && address < entry.high ? entry : undefined;
}

/** The row of an entry that holds at an address. */
export function frameRowAt(entry: FrameEntry, address: number): FrameRow | undefined {
  let found: FrameRow | undefined;
  for (const row of entry.rows()) {
    if (row.address > address) break;
    found = row;
  }
  return found;
}

/** The frame's address as a term. */
export function frameTerm(rule: FrameRule): Term | undefined {
  if (rule.kind === "expression") return undefined;
  return {
    kind: "binary",
    operator: "add",
    left: { kind: "register", number: rule.number },
    right: { kind: "constant", value: BigInt(rule.offset) },
  };
}

function parse(bytes: Uint8Array, address: number, wordSize: number, eh: boolean): FrameEntry[] {
  const commons = new Map<number, Common>();
  const entries: FrameEntry[] = [];
  const cursor = new Cursor(bytes);
  while (cursor.at + 4 <= bytes.length) {
    const start = cursor.at;
    const { length, wide } = cursor.initialLength();
    if (length === 0) {
      // .eh_frame may hold several lists, each with an end of its own.
      if (!eh) break;
      continue;
    }
    const end = cursor.at + length;
    if (end > bytes.length) throw new DwarfError("a call frame goes beyond the end of its section");
    const body = new Cursor(bytes, cursor.at, end);
    const idAt = body.at;
    const id = body.offset(wide);
    const isCommon = eh ? id === 0 : id === (wide ? 2 ** 64 - 1 : 0xffffffff) || id > bytes.length;
    if (isCommon) commons.set(start, common(body, address, wordSize));
    else {
      const owner = commons.get(eh ? idAt - id : id);
      if (owner !== undefined) {
        const entry = frameEntry(body, owner, address, wordSize, eh);
        if (entry.high > entry.low) entries.push(entry);
      }
    }
    cursor.at = end;
  }
  return entries;
}

function common(body: Cursor, address: number, wordSize: number): Common {
  const version = body.u8();
  const augmentation = body.text();
  if (version >= 4) body.skip(2);
  if (augmentation.startsWith("eh")) body.skip(wordSize);
  const codeAlignment = body.uleb();
  const dataAlignment = body.sleb();
  const returnRegister = version === 1 ? body.u8() : body.uleb();
  let pointerEncoding = 0;
  let signal = false;
  const augmented = augmentation.startsWith("z");
  if (augmented) {
    const size = body.uleb();
    const after = body.at + size;
    for (const letter of augmentation.slice(1)) {
      if (letter === "R") pointerEncoding = body.u8();
      else if (letter === "L") body.u8();
      else if (letter === "P") encodedPointer(body, body.u8(), address, wordSize);
      else if (letter === "S") signal = true;
    }
    body.at = after;
  }
  return {
    codeAlignment,
    dataAlignment,
    returnRegister,
    pointerEncoding,
    augmented,
    signal,
    initial: body.bytes.subarray(body.at, body.end),
  };
}

function frameEntry(body: Cursor, owner: Common, address: number, wordSize: number, eh: boolean): FrameEntry {
  const encoding = eh ? owner.pointerEncoding : 0;
  const low = encodedPointer(body, encoding, address, wordSize);
  const high = low + encodedPointer(body, encoding & 0x0f, address, wordSize);
  if (owner.augmented) body.skip(body.uleb());
  const instructions = body.bytes.subarray(body.at, body.end);
  return {
    low,
    high,
    signal: owner.signal,
    returnRegister: owner.returnRegister,
    rows: () => run(owner, instructions, low, wordSize),
  };
}

/** A pointer as .eh_frame has it: `DW_EH_PE_*` (LSB, exception frames). */
function encodedPointer(cursor: Cursor, encoding: number, address: number, wordSize: number): number {
  if (encoding === 0xff) return 0;
  const place = address + cursor.at;
  let value: number;
  switch (encoding & 0x0f) {
    case 0x00:
      value = cursor.word(wordSize);
      break;
    case 0x01:
      value = cursor.uleb();
      break;
    case 0x02:
      value = cursor.u16();
      break;
    case 0x03:
      value = cursor.u32();
      break;
    case 0x04:
      value = cursor.u64();
      break;
    case 0x09:
      value = cursor.sleb();
      break;
    case 0x0a:
      value = cursor.s16();
      break;
    case 0x0b:
      value = cursor.s32();
      break;
    case 0x0c:
      value = Number(cursor.s64());
      break;
    default:
      throw new DwarfError(`a pointer of encoding 0x${encoding.toString(16)}`);
  }
  return (encoding & 0x70) === 0x10 ? value + place : value;
}

/** Runs the instructions of 6.4.2. */
function run(owner: Common, instructions: Uint8Array, low: number, wordSize: number): FrameRow[] {
  const rows: FrameRow[] = [];
  let address = low;
  let frame: FrameRule = { kind: "register", number: 7, offset: wordSize };
  let registers = new Map<number, RegisterRule>();
  let initial: ReadonlyMap<number, RegisterRule> = new Map();
  const kept: { frame: FrameRule; registers: Map<number, RegisterRule> }[] = [];
  const emit = (): void => {
    const row: FrameRow = { address, frame, registers: new Map(registers) };
    if (rows.at(-1)?.address === address) rows[rows.length - 1] = row;
    else rows.push(row);
  };
  const advance = (by: number): void => {
    emit();
    address += by * owner.codeAlignment;
  };
  const restore = (register: number): void => {
    const rule = initial.get(register);
    if (rule === undefined) registers.delete(register);
    else registers.set(register, rule);
  };
  const moved = (offset: number): FrameRule =>
    frame.kind === "register" ? { ...frame, offset } : { kind: "register", number: 7, offset };
  const execute = (bytes: Uint8Array): void => {
    const cursor = new Cursor(bytes);
    while (cursor.at < cursor.end) {
      const op = cursor.u8();
      const low6 = op & 0x3f;
      switch (op & 0xc0) {
        case 0x40:
          advance(low6);
          continue;
        case 0x80:
          registers.set(low6, { kind: "offset", offset: cursor.uleb() * owner.dataAlignment });
          continue;
        case 0xc0:
          restore(low6);
          continue;
      }
      switch (op) {
        case 0x00:
          break;
        case 0x01:
          emit();
          address = cursor.word(wordSize);
          break;
        case 0x02:
          advance(cursor.u8());
          break;
        case 0x03:
          advance(cursor.u16());
          break;
        case 0x04:
          advance(cursor.u32());
          break;
        case 0x05:
          registers.set(cursor.uleb(), { kind: "offset", offset: cursor.uleb() * owner.dataAlignment });
          break;
        case 0x06:
          restore(cursor.uleb());
          break;
        case 0x07:
          registers.set(cursor.uleb(), { kind: "undefined" });
          break;
        case 0x08:
          registers.set(cursor.uleb(), { kind: "same" });
          break;
        case 0x09:
          registers.set(cursor.uleb(), { kind: "register", number: cursor.uleb() });
          break;
        case 0x0a:
          kept.push({ frame, registers: new Map(registers) });
          break;
        case 0x0b: {
          const last = kept.pop();
          if (last !== undefined) ({ frame, registers } = last);
          break;
        }
        case 0x0c:
          frame = { kind: "register", number: cursor.uleb(), offset: cursor.uleb() };
          break;
        case 0x0d:
          frame = { kind: "register", number: cursor.uleb(), offset: frame.kind === "register" ? frame.offset : 0 };
          break;
        case 0x0e:
          frame = moved(cursor.uleb());
          break;
        case 0x0f:
          frame = { kind: "expression", bytes: cursor.block(cursor.uleb()) };
          break;
        case 0x10:
        case 0x16: {
          const register = cursor.uleb();
          registers.set(register, { kind: "expression", bytes: cursor.block(cursor.uleb()), value: op === 0x16 });
          break;
        }
        case 0x11:
          registers.set(cursor.uleb(), { kind: "offset", offset: cursor.sleb() * owner.dataAlignment });
          break;
        case 0x12:
          frame = { kind: "register", number: cursor.uleb(), offset: cursor.sleb() * owner.dataAlignment };
          break;
        case 0x13:
          frame = moved(cursor.sleb() * owner.dataAlignment);
          break;
        case 0x14:
          registers.set(cursor.uleb(), { kind: "value-offset", offset: cursor.uleb() * owner.dataAlignment });
          break;
        case 0x15:
          registers.set(cursor.uleb(), { kind: "value-offset", offset: cursor.sleb() * owner.dataAlignment });
          break;
        case 0x2d:
          // AArch64: the return address is signed from here on.
          break;
        case 0x2e:
          cursor.uleb();
          break;
        default:
          throw new DwarfError(`a call frame instruction 0x${op.toString(16)}`);
      }
    }
  };
  execute(owner.initial);
  initial = new Map(registers);
  execute(instructions);
  emit();
  return rows;
}
