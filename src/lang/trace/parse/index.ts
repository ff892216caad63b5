// From text to tree.
export * from "./ast.ts";
export { ITEM_WORDS, type ItemWord, itemWords, KEYWORDS, statementWords } from "./keywords.ts";
export { Lexer, type Token } from "./lexer.ts";
export { library } from "./library.ts";
export { parseScript } from "./parser.ts";
export type { Headers } from "./preamble.ts";
export { asProbe, blocksOf, expressionsOf, walkBlock, walkExpression, walkProbe, walkStatement } from "./walk.ts";
export { PRECEDENCE, TYPE_WORDS } from "./words.ts";
