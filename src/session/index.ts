// A script at work: its environment, its run, its maps.
export { type LiveOptions, liveEnvironment } from "./live-environment.ts";
export type { MapContents } from "./map-contents.ts";
export { bootNanoseconds } from "./resolver.ts";
export { type RunEnd, type RunListener, RunningScript, type RunOptions } from "./running-script.ts";
