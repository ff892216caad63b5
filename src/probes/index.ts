// What can be asked of a system: the providers of probes, what they have to know of the world, and how each probe's
// arguments are reached. Any language names its places by it.
export { namedIntType, spellingOf, typeOfBtf, typeOfMember, typeOfSpelling, withLayouts } from "./btf-types.ts";
export { contextLayout } from "./context-layout.ts";
export { describeArguments, spelledArgument } from "./describe.ts";
export { dwarfRegister } from "./dwarf-places.ts";
export * from "./environment.ts";
export { goroutineAccess } from "./go-functions.ts";
export { isPattern, matchesPattern, patternRegExp } from "./pattern.ts";
export * from "./probes.ts";
export { NO_ATTACH_POINTS, ProbeError, type Provider } from "./provider.ts";
export { listProbes, obstacle, providerOf, providers, resolveAttachPoint } from "./providers.ts";
export { registerOffsets } from "./registers.ts";
