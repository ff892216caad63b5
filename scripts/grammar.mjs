// Writes the TextMate grammar of the trace language from the tables of the language: editors colour by it before the
// language server has said what each name is. `node scripts/grammar.mjs`; a test holds that the file is what this makes.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const GRAMMAR = fileURLToPath(new URL("../editors/vscode/syntaxes/bpftrace.tmLanguage.json", import.meta.url));

/** Longest first, so that none hides another that begins with it. */
const oneOf = (words) => [...new Set(words)].sort((a, b) => b.length - a.length || (a < b ? -1 : 1)).join("|");
const word = (words) => `\\b(?:${oneOf(words)})\\b`;
const include = (...names) => names.map((name) => ({ include: `#${name}` }));
const captures = (...scopes) => Object.fromEntries(scopes.map((name, i) => [`${i + 1}`, { name: `${name}.bpftrace` }]));

/** The grammar as the text of its file, from the exports of the rooms `lang/trace` and `probes`. */
export function grammar(
  { builtins, configKeys, ITEM_WORDS, KEYWORDS, languageMacros, MAP_TYPES, TYPES },
  { providers },
) {
  const all = [...builtins].map(([name, b]) => ({ name: name.replace(/^(s?arg)N$/, "$1\\d+"), arity: b.arity }));
  const functions = [
    ...all.filter((b) => b.arity !== undefined).map((b) => b.name),
    ...languageMacros.map((m) => m.name),
  ];
  const variables = all.filter((b) => b.arity === undefined).map((b) => b.name);
  const constants = ["true", "false"];
  const tags = ["struct", "union", "enum"];
  const control = KEYWORDS.filter((k) => k !== "let" && !constants.includes(k) && !builtins.has(k));
  const words = (some) => some.flatMap((p) => [p.name, ...p.aliases]);
  const alone = providers.filter((p) => p.role === "begin" || p.role === "end");
  // In their attach points a slash is part of a path, and no predicate.
  const withPaths = providers.filter((p) => p.addresses === "user" || p.name === "iter");
  const others = providers.filter((p) => !alone.includes(p) && !withPaths.includes(p));
  const attach = (some, rest) => ({
    match: `\\b(${oneOf(words(some))})(:)(${rest}*)`,
    captures: captures("keyword.other.probe", "punctuation.separator.probe", "entity.name.function.probe"),
  });
  const block = (begin, name, ...patterns) => ({
    begin,
    end: "\\}",
    beginCaptures: { 0: { name: "punctuation.section.block.begin.bpftrace" } },
    endCaptures: { 0: { name: "punctuation.section.block.end.bpftrace" } },
    name: `meta.${name}.bpftrace`,
    patterns: include(...patterns),
  });
  const repository = {
    comment: {
      patterns: [
        { match: "//.*$", name: "comment.line.double-slash.bpftrace" },
        { begin: "/\\*", end: "\\*/", name: "comment.block.bpftrace" },
      ],
    },
    preprocessor: {
      patterns: [
        { match: "\\A#!.*$", name: "comment.line.shebang.bpftrace" },
        {
          begin: "^\\s*(#\\s*[a-z]+)\\b",
          end: "(?<!\\\\)$",
          beginCaptures: captures("keyword.control.directive"),
          name: "meta.preprocessor.bpftrace",
          patterns: [
            ...include("comment"),
            { match: "<[^>\\n]*>", name: "string.quoted.other.include.bpftrace" },
            ...include("string", "number"),
          ],
        },
      ],
    },
    config: {
      begin: "\\b(config)\\s*(=)\\s*(\\{)",
      end: "\\}",
      beginCaptures: captures("keyword.other.config", "keyword.operator", "punctuation.section.block.begin"),
      endCaptures: { 0: { name: "punctuation.section.block.end.bpftrace" } },
      name: "meta.config.bpftrace",
      patterns: [
        ...include("comment", "string", "number"),
        { match: `${word(configKeys.map((k) => k.key))}(?=\\s*=)`, name: "support.type.property-name.bpftrace" },
        {
          match: word([
            ...constants,
            ...configKeys.flatMap((k) => (Array.isArray(k.kind) ? k.kind : [])).filter((v) => /^\w+$/.test(v)),
          ]),
          name: "constant.language.bpftrace",
        },
        { match: "=", name: "keyword.operator.bpftrace" },
      ],
    },
    import: {
      match: '\\b(import)\\s+("[^"\\n]*")',
      captures: captures("keyword.control.import", "string.quoted.double"),
    },
    "map-declaration": {
      begin: "\\b(let)\\s+(@\\w*)",
      end: "(?<=\\))|;|(?=\\{)",
      beginCaptures: captures("storage.type", "variable.other.map"),
      patterns: [
        { match: word(MAP_TYPES), name: "support.type.map.bpftrace" },
        ...include("comment", "number", "operator"),
      ],
    },
    macro: {
      match: "\\b(macro|fn)\\s+([A-Za-z_]\\w*)",
      captures: captures("storage.type.macro", "entity.name.function.macro"),
    },
    declaration: {
      patterns: [
        {
          begin: `\\b(typedef)\\b`,
          end: ";",
          beginCaptures: captures("storage.type"),
          name: "meta.declaration.bpftrace",
          patterns: include("declaration", "comment", "type"),
        },
        {
          begin: `\\b(${oneOf(tags)})\\b(?:\\s+([A-Za-z_]\\w*))?\\s*(\\{)`,
          end: "\\}",
          beginCaptures: captures("storage.type", "entity.name.type", "punctuation.section.block.begin"),
          endCaptures: { 0: { name: "punctuation.section.block.end.bpftrace" } },
          name: "meta.declaration.bpftrace",
          patterns: include("declaration", "comment", "type", "number"),
        },
      ],
    },
    "attach-point": {
      patterns: [
        attach(withPaths, '(?:"[^"\\n]*"|[^\\s,{}"])'),
        attach(others, '(?:"[^"\\n]*"|[^\\s,{}"/])'),
        { match: word(alone.flatMap((p) => [p.name, p.name.toUpperCase()])), name: "keyword.other.probe.bpftrace" },
      ],
    },
    predicate: {
      begin: "/(?![/*])",
      end: "/(?=\\s*(?:\\{|$|//|/\\*))",
      beginCaptures: { 0: { name: "keyword.operator.predicate.bpftrace" } },
      endCaptures: { 0: { name: "keyword.operator.predicate.bpftrace" } },
      name: "meta.predicate.bpftrace",
      patterns: include("expression"),
    },
    block: block("\\{", "block", "block", "expression"),
    expression: {
      patterns: [
        ...include("comment", "string", "number", "field", "variable"),
        { match: word(control), name: "keyword.control.bpftrace" },
        { match: "\\blet\\b", name: "storage.type.bpftrace" },
        { match: word(constants), name: "constant.language.bpftrace" },
        ...include("type"),
        { match: `${word(functions)}(?=\\s*\\()`, name: "support.function.bpftrace" },
        { match: "\\b[A-Za-z_]\\w*(?=\\s*\\()", name: "entity.name.function.bpftrace" },
        { match: word([...variables, ...functions]), name: "variable.language.bpftrace" },
        { match: "\\b[A-Z][A-Z0-9_]+\\b", name: "constant.other.bpftrace" },
        ...include("operator"),
      ],
    },
    string: {
      begin: '"',
      end: '"|$',
      name: "string.quoted.double.bpftrace",
      patterns: [
        { match: '\\\\(?:[ntr"\\\\]|x[0-9A-Fa-f]{1,2}|[0-7]{1,3})', name: "constant.character.escape.bpftrace" },
        { match: "\\\\.", name: "invalid.illegal.escape.bpftrace" },
        {
          match: "%(?:%|[-+ #0]*(?:\\d+|\\*)?(?:\\.(?:\\d+|\\*))?(?:hh?|ll?|[jztL])?[diouxXcsprB](?:[hx])?)",
          name: "constant.other.placeholder.bpftrace",
        },
      ],
    },
    number: {
      match:
        "\\b(?:0[xX][0-9a-fA-F_]+|[0-9][0-9_]*(?:[eE][0-9_]+)?)(?:ns|us|ms|[smhd]|[uU]?[lL]{0,2}|[lL]{1,2}[uU])?\\b",
      name: "constant.numeric.bpftrace",
    },
    field: {
      match: "(->|(?<!\\.)\\.(?!\\.))\\s*([A-Za-z_]\\w*|\\d+)",
      captures: captures("keyword.operator.accessor", "variable.other.member"),
    },
    variable: {
      patterns: [
        { match: "\\$(?:\\d+|#)", name: "variable.parameter.bpftrace" },
        { match: "\\$[A-Za-z_]\\w*", name: "variable.other.bpftrace" },
        { match: "@\\w*", name: "variable.other.map.bpftrace" },
      ],
    },
    type: {
      patterns: [
        { match: `\\b(${oneOf(tags)})\\s+([A-Za-z_]\\w*)`, captures: captures("storage.type", "entity.name.type") },
        { match: word(TYPES.filter((t) => !tags.includes(t))), name: "support.type.bpftrace" },
      ],
    },
    operator: {
      match: "<<=?|>>=?|[-+*/%&|^]=|\\+\\+|--|&&|\\|\\||[=!<>]=|\\.\\.|[-+*/%&|^~!<>=?:]",
      name: "keyword.operator.bpftrace",
    },
  };
  const known = new Set(["config", "macro", "fn", "let", "import", "typedef", ...tags]);
  const missing = ITEM_WORDS.filter((w) => !known.has(w));
  if (missing.length > 0) throw new Error(`the grammar has no rule for ${missing}`);
  const whole = {
    $schema: "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
    comment: "Made by scripts/grammar.mjs from the tables of the language.",
    name: "bpftrace",
    scopeName: "source.bpftrace",
    fileTypes: ["bt"],
    firstLineMatch: "^#!.*\\b(?:bpftrace|scry)\\b",
    patterns: include(
      "preprocessor",
      "comment",
      "config",
      "import",
      "map-declaration",
      "macro",
      "declaration",
      "attach-point",
      "predicate",
      "block",
      "parameters",
    ),
    repository: {
      ...repository,
      // Of a macro, between its name and its body.
      parameters: { begin: "\\(", end: "\\)|(?=\\{)", patterns: include("comment", "variable") },
    },
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { loadSource } = await import("./load-source.mjs");
  writeFileSync(GRAMMAR, grammar(await loadSource("src/lang/trace/index.ts"), await loadSource("src/probes/index.ts")));
}
