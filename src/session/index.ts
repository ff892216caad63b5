// A script at work: its environment, its run, its maps.
export { type LiveOptions, liveEnvironment } from "./live-environment.ts";
export { missingParts } from "./missing-parts.ts";
export { openRecorder, type Recorder, type RecorderOptions } from "./recorder.ts";
export { bootNanoseconds } from "./resolver.ts";
export { RunningScript, type RunOptions } from "./running-script.ts";
