// The list of call frames that a section is (DWARF 5, 6.4.1; .eh_frame as in the LSB): what entries have in common, and for
// each the code that it covers and where its instructions are. Running these is up to the caller.

import { ByteReader } from "../source/index.ts";
import { initialLength, sectionOffset } from "./unit-length.ts";

/** What several entries share (a CIE). */
export interface FrameCommon {
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnRegister: number;
  /** A frame that a signal made: its caller was interrupted, not calling. */
  readonly signal: boolean;
  readonly pointerEncoding: number;
  readonly augmented: boolean;
  /** Where its instructions are, in the section. */
  readonly start: number;
  readonly end: number;
}

/** One run of code (an FDE). */
export interface ListedFrame {
  readonly common: FrameCommon;
  readonly low: number;
  readonly high: number;
  /** Where its instructions are, in the section. */
  readonly start: number;
  readonly end: number;
}

/** All entries of a section, as they stand in it. `eh`: it is .eh_frame, not .debug_frame. Throws FormatError. */
export function frameList(bytes: Uint8Array, address: number, wordSize: number, eh: boolean): ListedFrame[] {
  const commons = new Map<number, FrameCommon>();
  const frames: ListedFrame[] = [];
  const cursor = new ByteReader(bytes, eh ? ".eh_frame" : ".debug_frame");
  while (cursor.at + 4 <= bytes.length) {
    const start = cursor.at;
    const { length, wide } = initialLength(cursor);
    if (length === 0) {
      // .eh_frame may hold several lists, each with an end of its own.
      if (!eh) break;
      continue;
    }
    const end = cursor.at + length;
    if (end > bytes.length) throw cursor.damage("a call frame goes beyond the end of its section");
    const idAt = cursor.at;
    const id = sectionOffset(cursor, wide);
    const isCommon = eh ? id === 0 : id === (wide ? 2 ** 64 - 1 : 0xffffffff) || id > bytes.length;
    if (isCommon) commons.set(start, common(cursor, address, wordSize, end));
    else {
      const owner = commons.get(eh ? idAt - id : id);
      if (owner !== undefined) {
        const encoding = eh ? owner.pointerEncoding : 0;
        const low = encodedPointer(cursor, encoding, address, wordSize);
        const high = low + encodedPointer(cursor, encoding & 0x0f, address, wordSize);
        if (owner.augmented) cursor.skip(cursor.uleb());
        if (high > low) frames.push({ common: owner, low, high, start: cursor.at, end });
      }
    }
    cursor.at = end;
  }
  return frames;
}

function common(body: ByteReader, address: number, wordSize: number, end: number): FrameCommon {
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
    start: body.at,
    end,
  };
}

/** A pointer as .eh_frame has it: `DW_EH_PE_*` (LSB, exception frames). */
function encodedPointer(cursor: ByteReader, encoding: number, address: number, wordSize: number): number {
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
      throw cursor.damage(`a pointer of encoding 0x${encoding.toString(16)}`);
  }
  return (encoding & 0x70) === 0x10 ? value + place : value;
}
