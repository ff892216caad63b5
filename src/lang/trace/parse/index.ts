// From text to tree.
export * from "./ast.ts";
export { Lexer, type Token } from "./lexer.ts";
export { parseScript } from "./parser.ts";
export type { Headers } from "./preamble.ts";
export {
  asProbe,
  blocksOf,
  expressionsOf,
  expressionsOfStatement,
  walkBlock,
  walkExpression,
  walkProbe,
  walkStatement,
} from "./walk.ts";
export { TYPE_WORDS } from "./words.ts";
