// A place in a source text: where a token, an instruction or a complaint comes from.

/** A half-open range of UTF-16 offsets in one source text. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** The text that it is a place of, where that is not the one at hand: of a file that was imported. */
  readonly file?: SourceText;
  /** The use of a macro that brought it here. */
  readonly from?: Span;
}

/** The span that covers both. */
export function joinSpans(a: Span, b: Span): Span {
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}

/** One source text with a name, and the line table that turns offsets into lines and columns. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

/** 1-based line and column, as editors and compilers count them. */
export interface LineColumn {
  readonly line: number;
  readonly column: number;
}

const lineTables = new WeakMap<SourceText, readonly number[]>();

function lineStarts(source: SourceText): readonly number[] {
  let starts = lineTables.get(source) as number[] | undefined;
  if (starts === undefined) {
    starts = [0];
    for (let at = source.text.indexOf("\n"); at >= 0; at = source.text.indexOf("\n", at + 1)) starts.push(at + 1);
    lineTables.set(source, starts);
  }
  return starts;
}

/** The 1-based line and column of an offset; an offset beyond the text is clamped to its end. */
export function lineColumn(source: SourceText, offset: number): LineColumn {
  const starts = lineStarts(source);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: Math.min(offset, source.text.length) - (starts[low] as number) + 1 };
}

/** The text of a 1-based line, without its line end; empty where there is no such line. */
export function lineText(source: SourceText, line: number): string {
  const starts = lineStarts(source);
  const start = starts[line - 1];
  if (start === undefined) return "";
  const end = starts[line] === undefined ? source.text.length : (starts[line] as number) - 1;
  return source.text.slice(start, end).replace(/\r$/, "");
}

/** The offset of a 1-based line and column; one beyond the line, or the text, is clamped to its end. */
export function offsetOf(source: SourceText, { line, column }: LineColumn): number {
  const starts = lineStarts(source);
  const start = starts[line - 1];
  if (start === undefined) return line < 1 ? 0 : source.text.length;
  const next = starts[line];
  return Math.min(start + Math.max(0, column - 1), next === undefined ? source.text.length : next - 1);
}
