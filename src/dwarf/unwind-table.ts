// .eh_frame as a table that a program in the kernel can search: for each run of code one row of two words, its first
// address and how to get from its frame to the caller's. Of the registers only those are followed that frames are found
// by on x86-64: rsp, rbp and the return address.

import type { ElfFile } from "../elf/index.ts";
import { ByteReader, FormatError } from "../source/index.ts";
import { type FrameCommon, frameList, type ListedFrame } from "./frame-list.ts";
import { expressionRule, RBP, ruleOf, SavedFrame, type State, start, UnwindKind } from "./unwind-rules.ts";

export interface UnwindTable {
  /** The file's lowest address: addresses of rows are counted from it. */
  readonly base: number;
  /** Pairs of words, by ascending address; what holds up to the first row is not known. */
  readonly rows: Uint32Array;
}

/** Bytes that functions are commonly aligned to. */
const PADDING = 16;

/** The table of a file for x86-64; without rows where it has no .eh_frame. Throws FormatError for one that is damaged. */
export function unwindTable(file: ElfFile): UnwindTable {
  const loads = file.segments.filter((s) => s.type === 1);
  const base = loads.reduce((least, s) => Math.min(least, s.address), Number.POSITIVE_INFINITY);
  const section = file.section(".eh_frame");
  const bytes = section === undefined || file.machine !== "x86_64" ? undefined : file.data(section);
  if (section === undefined || bytes === undefined || bytes.length === 0)
    return { base: loads.length === 0 ? 0 : base, rows: new Uint32Array(0) };
  const code = loads.filter((s) => (s.flags & 1) !== 0);
  const inCode = (low: number, high: number): boolean =>
    code.some((s) => low >= s.address && high <= s.address + s.memorySize);
  const entries = frameList(bytes, section.address, 8, true).filter((e) => inCode(e.low, e.high));
  // Nearly always in order already.
  entries.sort((a, b) => a.low - b.low);
  const rows = new Rows();
  const run = new Run(bytes, rows, base);
  let end = -1;
  for (const entry of entries) {
    // Of two that claim the same code the first one counts.
    if (entry.low < end) continue;
    // What fills up to the next function's alignment is never run.
    if (entry.low - end >= PADDING && end >= 0) rows.add(end - base, UnwindKind.NONE);
    run.entry(entry);
    end = entry.high;
  }
  if (end >= 0) rows.add(end - base, UnwindKind.NONE);
  return { base, rows: rows.finish() };
}

/** Rows as they come, equal neighbours made one. */
class Rows {
  #rows = new Uint32Array(1 << 12);
  #length = 0;

  add(address: number, rule: number): void {
    const word = rule >>> 0;
    if (this.#length > 0 && this.#rows[this.#length - 2] === address) this.#length -= 2;
    if (this.#length > 0 && this.#rows[this.#length - 1] === word) return;
    if (this.#length === this.#rows.length) {
      const larger = new Uint32Array(this.#rows.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows[this.#length++] = address;
    this.#rows[this.#length++] = word;
  }

  finish(): Uint32Array {
    return this.#rows.slice(0, this.#length);
  }
}

/** Runs the instructions of DWARF 5, 6.4.2, as far as they concern `State`. */
class Run {
  readonly #bytes: Uint8Array;
  readonly #cursor: ByteReader;
  readonly #rows: Rows;
  readonly #base: number;
  /** The state after the common instructions, which many entries share. */
  #common: FrameCommon | undefined;
  #initial: State = start();

  constructor(bytes: Uint8Array, rows: Rows, base: number) {
    this.#bytes = bytes;
    this.#cursor = new ByteReader(bytes, ".eh_frame");
    this.#rows = rows;
    this.#base = base;
  }

  entry(entry: ListedFrame): void {
    if (this.#common !== entry.common) {
      this.#common = entry.common;
      this.#initial = start();
      this.#execute(entry.common, entry.common.start, entry.common.end, this.#initial, undefined);
    }
    const state = { ...this.#initial };
    let address: number;
    try {
      address = this.#execute(entry.common, entry.start, entry.end, state, entry.low);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      // An instruction that is not known: nothing is known of the function.
      this.#rows.add(entry.low - this.#base, UnwindKind.NONE);
      return;
    }
    this.#rows.add(address - this.#base, ruleOf(state, entry.common.signal));
  }

  /** Gives the address that the state at the end holds from; rows are made where `low` is given. */
  #execute(owner: FrameCommon, from: number, end: number, state: State, low: number | undefined): number {
    const cursor = this.#cursor;
    cursor.at = from;
    cursor.end = end;
    const initial = this.#initial;
    let address = low ?? 0;
    const kept: State[] = [];
    const advance = (by: number): void => {
      if (low !== undefined) this.#rows.add(address - this.#base, ruleOf(state, owner.signal));
      address += by * owner.codeAlignment;
    };
    const save = (register: number, offset: number): void => {
      if (register === RBP) {
        state.saved = SavedFrame.BELOW;
        state.savedOffset = offset;
      } else if (register === owner.returnRegister) state.returns = offset === -8 ? 0 : 2;
    };
    const restore = (register: number): void => {
      if (register === RBP) {
        state.saved = initial.saved;
        state.savedOffset = initial.savedOffset;
      } else if (register === owner.returnRegister) state.returns = initial.returns;
    };
    /** The register is somewhere that is not followed. */
    const lose = (register: number): void => {
      if (register === RBP) state.saved = SavedFrame.SAME;
      else if (register === owner.returnRegister) state.returns = 2;
    };
    while (cursor.at < end) {
      const op = cursor.u8();
      const low6 = op & 0x3f;
      switch (op >> 6) {
        case 1:
          advance(low6);
          continue;
        case 2:
          save(low6, cursor.uleb() * owner.dataAlignment);
          continue;
        case 3:
          restore(low6);
          continue;
      }
      switch (op) {
        case 0x00:
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
          save(cursor.uleb(), cursor.uleb() * owner.dataAlignment);
          break;
        case 0x06:
          restore(cursor.uleb());
          break;
        case 0x07: {
          const register = cursor.uleb();
          if (register === owner.returnRegister) state.returns = 1;
          else lose(register);
          break;
        }
        case 0x08:
          lose(cursor.uleb());
          break;
        case 0x09:
          lose(cursor.uleb());
          cursor.uleb();
          break;
        case 0x0a:
          kept.push({ ...state });
          break;
        case 0x0b: {
          const last = kept.pop();
          if (last !== undefined) Object.assign(state, last);
          break;
        }
        case 0x0c:
          state.register = cursor.uleb();
          state.offset = cursor.uleb();
          break;
        case 0x0d:
          state.register = cursor.uleb();
          break;
        case 0x0e:
          state.offset = cursor.uleb();
          break;
        case 0x0f: {
          const size = cursor.uleb();
          state.register = -1;
          state.rule = expressionRule(this.#bytes, cursor.at, cursor.at + size);
          cursor.skip(size);
          break;
        }
        case 0x10: {
          const register = cursor.uleb();
          const size = cursor.uleb();
          // What functions say that align their stack: rbp is saved where rbp points to (DW_OP_breg6 0).
          const plain = size === 2 && this.#bytes[cursor.at] === 0x76 && this.#bytes[cursor.at + 1] === 0;
          if (register === RBP && plain) state.saved = SavedFrame.AT_FRAME;
          else lose(register);
          cursor.skip(size);
          break;
        }
        case 0x16:
          lose(cursor.uleb());
          cursor.skip(cursor.uleb());
          break;
        case 0x11:
          save(cursor.uleb(), cursor.sleb() * owner.dataAlignment);
          break;
        case 0x12:
          state.register = cursor.uleb();
          state.offset = cursor.sleb() * owner.dataAlignment;
          break;
        case 0x13:
          state.offset = cursor.sleb() * owner.dataAlignment;
          break;
        case 0x14:
        case 0x15:
          lose(cursor.uleb());
          cursor.uleb();
          break;
        case 0x2e:
          cursor.uleb();
          break;
        default:
          throw cursor.damage(`a call frame instruction 0x${op.toString(16)}`);
      }
    }
    return address;
  }
}
