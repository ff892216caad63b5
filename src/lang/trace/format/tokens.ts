// The text of a script as tokens and comments, with what stands between them, for whoever writes it anew.

import type { SourceText } from "../../../source/index.ts";
import { Lexer, type Token } from "../parse/index.ts";

export interface Piece {
  readonly kind: "comment" | Token["kind"];
  /** As it is written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Lines' ends between it and what stands before it. */
  readonly lines: number;
}

/** The pieces of a part of a text, comments among them. */
export const piecesOf = (source: SourceText, from: number, to: number): Piece[] => [...eachPiece(source, from, to)];

/** The same one by one, for whoever does not want all. */
export function* eachPiece(source: SourceText, from: number, to: number): Iterable<Piece> {
  const { text } = source;
  const lexer = new Lexer(source, from);
  for (let at = from; ; ) {
    // Past white space, up to a comment or a token.
    let lines = 0;
    while (at < to && /\s/.test(text[at] as string)) if (text[at++] === "\n") lines++;
    if (at >= to) return;
    const comment = /^(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/)/.exec(text.slice(at, to))?.[0];
    if (comment !== undefined) {
      yield { kind: "comment", text: comment.trimEnd(), start: at, end: at + comment.length, lines };
      at += comment.length;
      continue;
    }
    lexer.at = at;
    const token = lexer.next();
    if (token.kind === "end") return;
    yield {
      kind: token.kind,
      text: text.slice(token.span.start, token.span.end),
      start: token.span.start,
      end: token.span.end,
      lines,
    };
    at = token.span.end;
  }
}
