// Function and line records as BPF_PROG_LOAD takes them (struct bpf_func_info, struct bpf_line_info of linux/bpf.h).

/** Says which BTF function begins at a slot. */
export interface BtfFunctionRecord {
  /** Slot of the function's first instruction, counted from the start of the program. */
  readonly slot: number;
  /** Id of a `func`. */
  readonly type: number;
}

/** Says which line of the source the instructions from a slot on come from. */
export interface BtfLineRecord {
  readonly slot: number;
  /** Offset of the file's name in the string section. */
  readonly file: number;
  /** Offset of the line's text in the string section. */
  readonly text: number;
  /** 1-based; at most 4,194,303. */
  readonly line: number;
  /** 1-based; at most 1,023, beyond which it is cut to 1,023. */
  readonly column: number;
}

/** Bytes of one `struct bpf_func_info`, to be given as `func_info_rec_size`. */
export const FUNCTION_RECORD_SIZE = 8;
/** Bytes of one `struct bpf_line_info`, to be given as `line_info_rec_size`. */
export const LINE_RECORD_SIZE = 16;

/** `struct bpf_func_info[]`: insn_off u32, type_id u32. */
export function encodeFunctionInfo(records: readonly BtfFunctionRecord[]): Uint8Array {
  const words = new Uint32Array(records.length * 2);
  records.forEach((record, i) => {
    words[i * 2] = record.slot;
    words[i * 2 + 1] = record.type;
  });
  return new Uint8Array(words.buffer);
}

/** `struct bpf_line_info[]`: insn_off u32, file_name_off u32, line_off u32, line_col u32 (line << 10 | column). */
export function encodeLineInfo(records: readonly BtfLineRecord[]): Uint8Array {
  const words = new Uint32Array(records.length * 4);
  records.forEach((record, i) => {
    words[i * 4] = record.slot;
    words[i * 4 + 1] = record.file;
    words[i * 4 + 2] = record.text;
    words[i * 4 + 3] = ((record.line << 10) | Math.min(record.column, 1023)) >>> 0;
  });
  return new Uint8Array(words.buffer);
}
