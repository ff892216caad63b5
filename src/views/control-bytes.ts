// Control bytes in what is traced (a process's name, a path, an argument) are commands to the terminal that shows them:
// they move its cursor, set its title, some make it type. Shown as \x1b they are text. A script's own literals are its
// author's and stay.

/** Pairs of positions: bytes that are a script's own. */
export type Ranges = readonly number[];

const NEWLINE = 10;
const TAB = 9;
const DELETE = 0x7f;

/** What may follow these, less than what follows others. */
const SECOND: Readonly<Record<number, readonly [least: number, most: number]>> = {
  224: [0xa0, 0xbf],
  237: [0x80, 0x9f],
  240: [0x90, 0xbf],
  244: [0x80, 0x8f],
};

/** Bytes of the UTF-8 character that begins here; 0 where none does. */
function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (let i = 1; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  // No longer than it must be, no half of a pair of UTF-16, nothing beyond U+10FFFF (RFC 3629, section 4).
  const [least, most] = SECOND[lead] ?? [0x80, 0xbf];
  const second = bytes[at + 1] as number;
  if (length > 1 && (second < least || second > most)) return 0;
  // U+0080 to U+009F are control characters too: 0x9b alone begins what ESC [ does (ECMA-48, 5.4).
  return length === 2 && lead === 0xc2 && (bytes[at + 1] as number) < 0xa0 ? 0 : length;
}

const isControl = (byte: number): boolean => (byte < 32 && byte !== NEWLINE && byte !== TAB) || byte === DELETE;

/** Has it control bytes, other than the ends of lines and tabs? */
export const hasControls = (bytes: Uint8Array): boolean => bytes.some(isControl);

const encoder = new TextEncoder();

/** The bytes with control bytes and what is not UTF-8 as `\x1b`, but for those that are the script's own. */
export function escapeControls(bytes: Uint8Array, own: Ranges = []): Uint8Array {
  let out: Uint8Array | undefined;
  let length = 0;
  let kept = 0;
  let range = 0;
  for (let at = 0; at < bytes.length; ) {
    if (at === own[range]) {
      at = own[range + 1] as number;
      range += 2;
      continue;
    }
    const byte = bytes[at] as number;
    if (byte < 0x80 ? !isControl(byte) : characterLength(bytes, at) > 0) {
      at += byte < 0x80 ? 1 : characterLength(bytes, at);
      continue;
    }
    out ??= new Uint8Array(bytes.length * 4);
    out.set(bytes.subarray(kept, at), length);
    length += at - kept;
    length += encoder.encodeInto(`\\x${byte.toString(16).padStart(2, "0")}`, out.subarray(length)).written;
    kept = ++at;
  }
  if (out === undefined) return bytes;
  out.set(bytes.subarray(kept), length);
  return out.subarray(0, length + bytes.length - kept);
}
