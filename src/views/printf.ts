// printf compiled: a format and the layout of its record become a list of small writers that put bytes straight into
// the output. Numbers, strings and addresses never become JavaScript strings on the way; what is rare does.
//
// Flags mean what they mean to bpftrace, whose formats end in C++ streams: `0` fills on the left before any sign or
// `0x` (`%05d` of -5 is `000-5`), a space has no effect, `+` only shows on signed numbers, a precision never cuts, and
// the width of a tuple, an array or a record is that of its opening bracket.

import {
  type EventField,
  type FloatConversion,
  type FloatType,
  type FormatPart,
  type FormatSpec,
  formatBits,
  isFloatConversion,
  type Resolver,
  type Type,
  utf8,
  valueDecoder,
} from "../schema/index.ts";
import { ByteSink } from "./byte-sink.ts";
import { hasControls } from "./control-bytes.ts";
import { bufferText, type ValueFormatter, valueFormatter } from "./format-value.ts";
import { gfpFlags } from "./gfp-flags.ts";
import { floatText } from "./write-float.ts";
import {
  writeHex,
  writeOctal,
  writeSigned32,
  writeSigned64,
  writeUnsigned32,
  writeUnsigned64,
} from "./write-number.ts";

/** Writes the text of the record whose bytes begin at `base`, of both `view` and `bytes`. */
export type PrintfWriter = (view: DataView, bytes: Uint8Array, base: number, out: ByteSink) => void;

/** Puts one piece at `out.at`; there is room for `room` bytes. `at` is where its field lies. */
interface Piece {
  readonly room: number;
  readonly write: PrintfWriter;
}

const encoder = new TextEncoder();
const SPACE = 32;
const ZERO = 48;
const PLUS = 43;
const LETTER_X = 120;
const UPPER_X = 88;

/** Longest width that is obeyed. */
const MAX_WIDTH = 1 << 20;
/** Room for the digits of any integer, with sign and base. */
const NUMBER_ROOM = 26;

interface Padding {
  readonly left: boolean;
  readonly fill: number;
  readonly width: number;
  /** Bytes at the start of the piece that the width is for; 0: all of it. */
  readonly head: number;
}

/** Widens what was written from `start` on. Room for the width must have been made. */
function pad(out: ByteSink, start: number, p: Padding, width: number): void {
  const head = p.head === 0 ? out.at - start : p.head;
  const missing = width - head;
  if (missing <= 0) return;
  if (p.left) {
    out.bytes.copyWithin(start + head + missing, start + head, out.at);
    out.bytes.fill(p.fill, start + head, start + head + missing);
  } else {
    out.bytes.copyWithin(start + missing, start, out.at);
    out.bytes.fill(p.fill, start, start + missing);
  }
  out.at += missing;
}

/** The unsigned words of the integer in a field, cut to `bits` and extended by `signed`. */
function readWords(type: Type): (view: DataView, at: number) => { high: number; low: number } {
  const words = { high: 0, low: 0 };
  const bits = type.kind === "int" ? type.bits : type.kind === "bool" ? 8 : type.kind === "username" ? 32 : 64;
  const signed = type.kind === "int" && type.signed;
  return (view, at) => {
    if (bits === 64) {
      words.high = view.getUint32(at + 4, true);
      words.low = view.getUint32(at, true);
      return words;
    }
    const n = bits === 32 ? view.getInt32(at, true) : bits === 16 ? view.getInt16(at, true) : view.getInt8(at);
    words.low = signed || bits === 32 ? n >>> 0 : n & (bits === 16 ? 0xffff : 0xff);
    words.high = signed && n < 0 ? 0xffffffff : 0;
    return words;
  };
}

/** Digits of an integer conversion; `at` is the field's place. */
function numberWriter(spec: FormatSpec, field: EventField): PrintfWriter {
  const { type, offset } = field;
  const bits = formatBits(spec);
  const sign = spec.flags.includes("+");
  const base = spec.flags.includes("#");
  const own = type.kind === "int" ? type.bits : 64;
  switch (spec.conversion) {
    case "d":
    case "i":
      // The two that floods of lines are made of.
      if (bits === 32 && (own === 32 || own === 64) && type.kind === "int" && !sign) {
        return (view, _bytes, start, out) => {
          out.at = writeSigned32(out.bytes, out.at, view.getInt32(start + offset, true));
        };
      }
      if (bits === 64 && own === 64 && !sign) {
        return (view, _bytes, start, out) => {
          const at = start + offset;
          out.at = writeSigned64(out.bytes, out.at, view.getUint32(at + 4, true), view.getUint32(at, true));
        };
      }
      return cut(type, offset, bits, true, (out, high, low) => {
        if (sign && high <= 0x7fffffff) out.bytes[out.at++] = PLUS;
        out.at = writeSigned64(out.bytes, out.at, high, low);
      });
    case "u":
      if (bits === 32 && (own === 32 || own === 64) && type.kind === "int") {
        return (view, _bytes, start, out) => {
          out.at = writeUnsigned32(out.bytes, out.at, view.getUint32(start + offset, true));
        };
      }
      return cut(type, offset, bits, false, (out, high, low) => {
        out.at = writeUnsigned64(out.bytes, out.at, high, low);
      });
    case "o":
      return cut(type, offset, bits, false, (out, high, low) => {
        if (base && (low !== 0 || high !== 0)) out.bytes[out.at++] = ZERO;
        out.at = writeOctal(out.bytes, out.at, high, low);
      });
    case "c":
      return (view, _bytes, start, out) => {
        out.bytes[out.at++] = view.getUint8(start + offset);
      };
    default: {
      // x, X, p
      const upper = spec.conversion === "X";
      const prefix = spec.conversion === "p" || base;
      return cut(type, offset, bits, false, (out, high, low) => {
        if (prefix && (low !== 0 || high !== 0)) {
          out.bytes[out.at++] = ZERO;
          out.bytes[out.at++] = upper ? UPPER_X : LETTER_X;
        }
        out.at = writeHex(out.bytes, out.at, high, low, upper);
      });
    }
  }
}

/** Reads a field's integer, cuts it to `bits` as C's conversions do, and writes it as unsigned words. */
function cut(
  type: Type,
  offset: number,
  bits: number,
  signed: boolean,
  write: (out: ByteSink, high: number, low: number) => void,
): PrintfWriter {
  const read = readWords(type);
  return (view, _bytes, start, out) => {
    const words = read(view, start + offset);
    let { high, low } = words;
    if (bits < 64) {
      const n = bits === 32 ? low | 0 : bits === 16 ? (low << 16) >> 16 : (low << 24) >> 24;
      low = signed ? n >>> 0 : bits === 32 ? low : n & (bits === 16 ? 0xffff : 0xff);
      high = signed && n < 0 ? 0xffffffff : 0;
    }
    write(out, high, low);
  };
}

/** Copies a string up to its NUL, with the trailer if it was cut. */
function stringWriter(offset: number, size: number, trailer: Uint8Array | undefined): PrintfWriter {
  return (_view, bytes, start, out) => {
    const to = out.bytes;
    const from = start + offset;
    const end = from + size;
    let at = out.at;
    let i = from;
    for (; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte === 0) break;
      to[at++] = byte;
    }
    if (trailer !== undefined && i - from >= size - 1) {
      to.set(trailer, at);
      at += trailer.length;
    }
    out.at = at;
  };
}

/** Anything by way of a string; `room` is what the pieces of the line may need besides. */
function textWriter(text: (view: DataView, at: number) => string, offset: number, room: () => number): PrintfWriter {
  return (view, _bytes, start, out) => {
    const s = text(view, start + offset);
    out.extend(s.length * 3 + room());
    out.at += encoder.encodeInto(s, out.bytes.subarray(out.at)).written;
  };
}

/** The text of a float that lies there: width and flags are part of it. */
function floatReader(
  spec: FormatSpec & { readonly conversion: FloatConversion },
  type: FloatType,
): (view: DataView, at: number) => string {
  if (type.bits === 32) return (view, at) => floatText(spec, view.getFloat32(at, true), view.getInt32(at, true) < 0);
  return (view, at) => floatText(spec, view.getFloat64(at, true), view.getInt32(at + 4, true) < 0);
}

/** Bytes at the start of a value's text that its width is for. */
function headOf(type: Type): number {
  switch (type.kind) {
    case "tuple":
    case "array":
      return 1;
    case "record":
    case "stats":
      return 2;
    default:
      return 0;
  }
}

function fieldPiece(spec: FormatSpec, field: EventField, resolver: Resolver, room: () => number): Piece {
  const { type, offset } = field;
  let write: PrintfWriter;
  let size = NUMBER_ROOM;
  if (spec.conversion === "s" && type.kind === "string") {
    const cutAt = resolver.truncation;
    const trailer = cutAt !== undefined && cutAt.capacity === type.size ? encoder.encode(cutAt.trailer) : undefined;
    size = type.size + (trailer?.length ?? 0);
    write = stringWriter(offset, type.size, trailer);
  } else if (spec.conversion === "s" && type.kind === "int" && type.enum === undefined) {
    write = numberWriter({ ...spec, conversion: type.signed ? "d" : "u", length: "l" }, field);
  } else if (isFloatConversion(spec.conversion) && type.kind === "float") {
    return { room: 0, write: textWriter(floatReader({ ...spec, conversion: spec.conversion }, type), offset, room) };
  } else if ("diouxXcp".includes(spec.conversion)) {
    write = numberWriter(spec, field);
  } else if (spec.conversion === "gr") {
    const read = readWords(type);
    write = textWriter(
      (view, at) => {
        const { high, low } = read(view, at);
        return gfpFlags((BigInt(high) << 32n) | BigInt(low));
      },
      offset,
      room,
    );
  } else {
    const decode = valueDecoder(type, resolver);
    const conversion = spec.conversion;
    const format: ValueFormatter =
      type.kind === "buffer" && conversion !== "s"
        ? (v) => bufferText(v as Uint8Array, conversion as "r")
        : valueFormatter(type);
    write = textWriter((view, at) => format(decode(view, at)), offset, room);
  }
  const fixed = Math.min(spec.width ?? 0, MAX_WIDTH);
  if (fixed <= 0) return { room: size, write };
  const padding: Padding = {
    left: spec.flags.includes("-"),
    fill: spec.flags.includes("0") ? ZERO : SPACE,
    width: fixed,
    head: spec.conversion === "s" ? headOf(type) : 0,
  };
  return {
    room: size + fixed,
    write: (view, bytes, base, out) => {
      const start = out.at;
      write(view, bytes, base, out);
      pad(out, start, padding, fixed);
    },
  };
}

/** The pieces of a format, in order. */
function pieces(
  format: readonly FormatPart[],
  fields: readonly EventField[],
  resolver: Resolver,
  room: () => number,
): Piece[] {
  let next = 0;
  return format.map((part) => {
    if (typeof part === "string") {
      const literal = Uint8Array.from(utf8(part));
      const controls = hasControls(literal);
      if (literal.length === 1 && !controls) {
        const byte = literal[0] as number;
        return { room: 1, write: (_view, _bytes, _base, out) => void (out.bytes[out.at++] = byte) };
      }
      return {
        room: literal.length,
        write: (_view, _bytes, _base, out) => {
          const to = out.bytes;
          let at = out.at;
          for (let i = 0; i < literal.length; i++) to[at++] = literal[i] as number;
          out.at = at;
          if (controls) out.own(literal.length);
        },
      };
    }
    return fieldPiece(part, fields[next++] as EventField, resolver, room);
  });
}

/** Calls the writers one after another; up to four without a loop, so that each call site sees one function. */
function inOrder(writers: readonly PrintfWriter[]): PrintfWriter {
  const [a, b, c, d, ...rest] = writers;
  if (a === undefined) return () => {};
  if (b === undefined) return a;
  if (c === undefined) {
    return (view, bytes, base, out) => {
      a(view, bytes, base, out);
      b(view, bytes, base, out);
    };
  }
  if (d === undefined) {
    return (view, bytes, base, out) => {
      a(view, bytes, base, out);
      b(view, bytes, base, out);
      c(view, bytes, base, out);
    };
  }
  const more = inOrder(rest);
  return (view, bytes, base, out) => {
    a(view, bytes, base, out);
    b(view, bytes, base, out);
    c(view, bytes, base, out);
    d(view, bytes, base, out);
    more(view, bytes, base, out);
  };
}

/** Compiles a format for records with these fields. */
export function compilePrintf(
  format: readonly FormatPart[],
  fields: readonly EventField[],
  resolver: Resolver,
): PrintfWriter {
  let room = 0;
  const list = pieces(format, fields, resolver, () => room);
  room = list.reduce((sum, p) => sum + p.room, 0);
  const write = inOrder(list.map((p) => p.write));
  return (view, bytes, base, out) => {
    out.reserve(room);
    write(view, bytes, base, out);
  };
}

/** Compiles a format to a function that gives the text of a record: for file names and commands. */
export function compileText(
  format: readonly FormatPart[],
  fields: readonly EventField[],
  resolver: Resolver,
): (view: DataView, bytes: Uint8Array, base: number) => string {
  const write = compilePrintf(format, fields, resolver);
  const decoder = new TextDecoder();
  let text = "";
  const out = new ByteSink((piece) => {
    text += decoder.decode(piece, { stream: true });
  }, 4096);
  return (view, bytes, base) => {
    text = "";
    write(view, bytes, base, out);
    out.flush();
    return text + decoder.decode();
  };
}
