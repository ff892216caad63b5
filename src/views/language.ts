// What views need to know of the trace language: its types, the sites of its records, and how values are decoded.

export {
  divide,
  type EnumValue,
  type Frame,
  type Integer,
  integer,
  type Resolver,
  readString,
  type StackValue,
  type StatsValue,
  type TimestampValue,
  type TraceValue,
  type ValueDecoder,
  valueDecoder,
  type WallClock,
} from "../lang/trace/decode.ts";
export type { EventAction, EventField, EventSite } from "../lang/trace/events.ts";
export { type FormatPart, type FormatSpec, formatBits } from "../lang/trace/format.ts";
export type { ScriptMap } from "../lang/trace/storage.ts";
export type { IntType, StackMode, Type } from "../lang/trace/types.ts";
