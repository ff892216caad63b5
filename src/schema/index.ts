// What a reader must know of a run: types and how values lie in memory, records of events, formats, where maps are kept,
// and the compiled script as data.
export { aggregateOfStruct, aggregateStructName } from "./aggregate-structs.ts";
export { type BucketBounds, bucketBounds, histStart } from "./buckets.ts";
export type { CompiledScript, ProbeName, ProgramRole } from "./compiled-script.ts";
export * from "./decode.ts";
export type { EventAction, EventField, EventSite, MapPrinting } from "./events.ts";
export {
  conversions,
  type FloatConversion,
  type FormatPart,
  type FormatSpec,
  formatBits,
  isFloatConversion,
  parseFormat,
} from "./format.ts";
export * from "./layout.ts";
export { numberName } from "./named-numbers.ts";
export type { ScriptOptions } from "./options.ts";
export * from "./selection.ts";
export { DISPLACED, STACK_NUMBER_BITS, stackMaps } from "./stack-maps.ts";
export * from "./storage.ts";
export { isRawByte, utf8, utf8Length } from "./text.ts";
export * from "./types.ts";
export * from "./unwind-layout.ts";
export * from "./values.ts";
