// What packets say: thousands of byte patterns and expressions, names of DNS and TLS, requests of HTTP, each kind as one automaton
// in a map and one function over a packet's payload.
export {
  type CompiledContent,
  type ContentCondition,
  type ContentMatcher,
  type ContentOptions,
  type ContentTest,
  compileContent,
  holds,
  MOST_BITS,
} from "./compile.ts";
export { KEPT_ROOM, nameKept, streamPart, walkKept } from "./kept.ts";
export { type ContentPattern, MATCHERS, type MatcherName, partsOf } from "./kinds.ts";
export { matchPayload, matchStream, serverName } from "./reference.ts";
export { MOST_BYTES, MOST_OFFSET, type PacketContext } from "./scan.ts";
export { startOf } from "./table.ts";
