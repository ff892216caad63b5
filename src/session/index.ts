// A script at work: its environment, its run, its maps.
export { binaryNamed } from "./binaries.ts";
export { type GroupNames, groupFolder } from "./control-groups.ts";
export { DebugInformation } from "./debug-information.ts";
export { HeaderFiles } from "./header-files.ts";
export { type LiveOptions, liveEnvironment } from "./live-environment.ts";
export { missingParts } from "./missing-parts.ts";
export { bootNanoseconds } from "./resolver.ts";
export { RunningScript, type RunOptions } from "./running-script.ts";
