// Texts of a script as bytes: UTF-8, in which a byte that was written as an escape (`\xff`) is kept as a lone surrogate.

/** A byte written as an escape: see the lexer. */
export const isRawByte = (codePoint: number): boolean => codePoint >= 0xdc80 && codePoint <= 0xdcff;

export function utf8Length(text: string): number {
  let length = 0;
  for (const c of text) {
    const p = c.codePointAt(0) as number;
    length += p < 0x80 || isRawByte(p) ? 1 : p < 0x800 ? 2 : p < 0x10000 ? 3 : 4;
  }
  return length;
}

/** A text's bytes: UTF-8, but for bytes that were written as escapes (see the lexer). */
export function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const c of text) {
    const p = c.codePointAt(0) as number;
    if (p < 0x80) bytes.push(p);
    else if (isRawByte(p)) bytes.push(p - 0xdc00);
    else if (p < 0x800) bytes.push(0xc0 | (p >> 6), 0x80 | (p & 63));
    else if (p < 0x10000) bytes.push(0xe0 | (p >> 12), 0x80 | ((p >> 6) & 63), 0x80 | (p & 63));
    else bytes.push(0xf0 | (p >> 18), 0x80 | ((p >> 12) & 63), 0x80 | ((p >> 6) & 63), 0x80 | (p & 63));
  }
  return bytes;
}
