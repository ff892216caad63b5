// Types of everything, and what is wrong with a script.

export { type CheckedScript, checkScript, MAP_TYPES } from "./check.ts";
export { comptimeValue, type Known, truthOf } from "./comptime.ts";
export { configKeys, defaultOptions, isConfigKey, readSettings } from "./config.ts";
export { constant, constantText, isInteger, parseInteger } from "./constants.ts";
export { bytesInPlace, probeArguments } from "./fields.ts";
export { floatBits, refuseFloats } from "./floats.ts";
export { mapTypes } from "./map-types.ts";
export { mapUse, useKey } from "./maps.ts";
export { ScriptHelp } from "./named-parameters.ts";
export { readScript, withDeclarations } from "./read-script.ts";
export * from "./state.ts";
export { isComptime } from "./statements.ts";
export { joinTypes } from "./type-rules.ts";
export { typeFrom, typeGiven, userSpace, valued } from "./types.ts";
export { narrowBytes, shownType } from "./widths.ts";
