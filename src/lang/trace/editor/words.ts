// Words that are no names.

import { ITEM_WORDS, KEYWORDS, TYPE_WORDS } from "../parse/index.ts";

/** What a type can begin with. */
export const TYPES: readonly string[] = [...TYPE_WORDS, "struct", "union", "enum"];

export const WORDS: ReadonlySet<string> = new Set<string>([...KEYWORDS, ...ITEM_WORDS]);
