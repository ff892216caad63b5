// The trace language (bpftrace's): from text to an object, and what a reader must know of its run.
export { type Builtin, builtins } from "./builtins/index.ts";
export { configKeys, defaultOptions, isConfigKey, MAP_TYPES, ScriptHelp } from "./check/index.ts";
export { type CompileScriptOptions, compileScript } from "./compile-script.ts";
export { ITEM_WORDS, KEYWORDS, languageMacros, TYPES } from "./editor/index.ts";
export { formatScript } from "./format/index.ts";
export { parseScript, type Script } from "./parse/index.ts";
