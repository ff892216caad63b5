// Call frames (DWARF 5, 6.4; .eh_frame as in the LSB): for an address of code, what the stack pointer was at the call and
// where the caller's registers are kept.

import type { ElfFile } from "../elf/index.ts";
import { ByteReader } from "../source/index.ts";
import type { Term } from "./expressions.ts";
import { type FrameCommon, frameList } from "./frame-list.ts";
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

/** All entries of a file's .eh_frame (or .debug_frame), in the order of their addresses. */
export function frameEntries(file: ElfFile, sections?: Sections): readonly FrameEntry[] {
  const section = file.section(".eh_frame");
  const entries =
    section !== undefined && section.size > 0
      ? parse(file.data(section), section.address, file.bits / 8, true)
      : sections !== undefined && sections.bytes("frame").length > 0
        ? parse(sections.bytes("frame"), 0, file.bits / 8, false)
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
  return frameList(bytes, address, wordSize, eh).map(({ common, low, high, start, end }) => ({
    low,
    high,
    signal: common.signal,
    returnRegister: common.returnRegister,
    rows: () => run(common, bytes.subarray(common.start, common.end), bytes.subarray(start, end), low, wordSize),
  }));
}

/** Runs the instructions of 6.4.2. */
function run(
  owner: FrameCommon,
  first: Uint8Array,
  instructions: Uint8Array,
  low: number,
  wordSize: number,
): FrameRow[] {
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
    const cursor = new ByteReader(bytes, "a call frame");
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
          throw cursor.damage(`a call frame instruction 0x${op.toString(16)}`);
      }
    }
  };
  execute(first);
  initial = new Map(registers);
  execute(instructions);
  emit();
  return rows;
}
