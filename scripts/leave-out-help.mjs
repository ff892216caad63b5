// The command's own bundle has no examples: they stand in dist/help.json, which `scry help TOPIC` reads, so that no other
// run reads them. Their properties are emptied in the tables that they stand in.

const TABLES =
  /\/src\/(?:lang\/trace\/(?:builtins\/\w[\w-]*|check\/(?:config|map-types)|parse\/(?:keywords|library))|probes\/provider[\w-]*|schema\/format|cli\/(?:options|environment))\.ts$/;
/** Tables that nothing but help takes the documentation of. */
const FOR_HELP_ALONE = /\/(?:map-types|keywords|library|format|environment)\.ts$/;

const emptied = (names) =>
  new RegExp(`(?<=[\\s{])(${names}):\\s*(?:"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*')(?=[,\\s}])`, "g");
const EXAMPLES = emptied("example|types");
const ALL = emptied("example|types|doc");

/** The text of a source file without them. */
export const withoutHelp = (text, path) =>
  TABLES.test(path) ? text.replace(FOR_HELP_ALONE.test(path) ? ALL : EXAMPLES, '$1: ""') : text;
