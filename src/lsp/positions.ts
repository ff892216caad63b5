// Places as the protocol counts them: lines and UTF-16 columns from 0.

import { pathToFileURL } from "node:url";
import type { Location, Position, Range } from "vscode-languageserver/node.js";
import { lineColumn, offsetOf, type SourceText, type Span } from "../source/index.ts";

export function positionOf(source: SourceText, offset: number): Position {
  const { line, column } = lineColumn(source, offset);
  return { line: line - 1, character: column - 1 };
}

export const offsetAt = (source: SourceText, { line, character }: Position): number =>
  offsetOf(source, { line: line + 1, column: character + 1 });

export const rangeOf = (source: SourceText, { start, end }: Span): Range => ({
  start: positionOf(source, start),
  end: positionOf(source, end),
});

/** The place of a span, which may be of a file that was imported. */
export function locationOf(source: SourceText, uri: string, span: Span): Location {
  const { file } = span;
  if (file === undefined || file.name === source.name) return { uri, range: rangeOf(source, span) };
  return { uri: pathToFileURL(file.name).href, range: rangeOf(file, span) };
}
