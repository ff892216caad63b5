// The language of pcap-filter(7): from text to a function over packets, and to classic BPF.
export { PacketMemory, type PacketRoom } from "./batch.ts";
export { classicByHardware } from "./by-hardware.ts";
export { type CompiledFilter, compileFilter, type FilterOptions } from "./compile-filter.ts";
export { drawFilter, graphFilter } from "./draw.ts";
export { type ExplainedPacket, explainFilter } from "./explain.ts";
export type { Condition, Operator, Relation, Value } from "./expression.ts";
export type { Node, Test } from "./graph.ts";
export { classicFunction, type PacketFacts } from "./interpret.ts";
export { type LinkType, linkTypeOf, linkTypes } from "./link-types.ts";
export { FILTER_PROGRAM, filterObject } from "./object.ts";
export { parseFilter } from "./parse.ts";
export { PROTOCOL_NUMBERS, type Resolver, SERVICE_PORTS, STANDARD_NAMES } from "./resolver.ts";
export type { Arithmetic, Comparison, Expression, Id, Qualifiers } from "./tree.ts";
