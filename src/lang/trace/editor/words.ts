// Words that are no names.

import { TYPE_WORDS } from "../parse/index.ts";
import { ITEM_WORDS } from "./scan.ts";

/** Words of statements. */
export const KEYWORDS = [
  "if",
  "else",
  "while",
  "for",
  "unroll",
  "let",
  "return",
  "break",
  "continue",
  "comptime",
  "true",
  "false",
] as const;

/** What a type can begin with. */
export const TYPES: readonly string[] = [...TYPE_WORDS, "struct", "union", "enum"];

export const WORDS: ReadonlySet<string> = new Set([...KEYWORDS, ...ITEM_WORDS]);
