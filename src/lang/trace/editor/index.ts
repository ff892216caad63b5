// What an editor asks of a script that is being typed.
export { type Completion, type Completions, complete } from "./completion.ts";
export { EditedScript } from "./edited-script.ts";
export { type Hover, hover } from "./hover.ts";
export { languageMacros } from "./macros.ts";
export { definition, newText, references, renamable, rename } from "./places.ts";
export { type SemanticToken, semanticTokens, TOKEN_KINDS, type TokenKind } from "./semantic-tokens.ts";
export { type SignatureHelp, signatureHelp } from "./signature.ts";
export { TYPES } from "./words.ts";
