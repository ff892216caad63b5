// The trace language (bpftrace's): from text to an object, and what a reader must know of its run.
export { aggregateBuiltins, type Builtin, builtins } from "./builtins/index.ts";
export { configKeys, defaultOptions, isConfigKey, MAP_TYPES, mapTypes, ScriptHelp } from "./check/index.ts";
export { type CompileScriptOptions, compileScript } from "./compile-script.ts";
export { languageMacros, TYPES } from "./editor/index.ts";
export { formatScript } from "./format/index.ts";
export {
  ITEM_WORDS,
  itemWords,
  KEYWORDS,
  library,
  PRECEDENCE,
  parseScript,
  type Script,
  statementWords,
  TYPE_WORDS,
} from "./parse/index.ts";
