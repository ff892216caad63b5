import type * as language from "../src/lang/trace/index.ts";
import type * as probes from "../src/probes/index.ts";

/** The path of the file. */
export declare const GRAMMAR: string;
export declare function grammar(
  words: Pick<
    typeof language,
    "builtins" | "configKeys" | "ITEM_WORDS" | "KEYWORDS" | "languageMacros" | "MAP_TYPES" | "TYPES"
  >,
  kinds: Pick<typeof probes, "providers">,
): string;
