// A script's run as its reader sees it, on whichever machine; and the run on the embedded machine, from events.

export { EMBEDDED_RING_BYTES, EmbeddedRun, type EmbeddedRunOptions } from "./embedded-run.ts";
export type { MapContents } from "./map-contents.ts";
export { type RecordedOptions, RecordedProbes, recordedEnvironment } from "./recorded-environment.ts";
export {
  parseRecording,
  type RecordedEvent,
  type RecordedField,
  type RecordedFrame,
  type Recording,
  type RecordingHeader,
  recordingLine,
} from "./recording.ts";
export { type RunEnd, type RunListener, RunReader } from "./run-reader.ts";
export { stackReader } from "./stacks.ts";
export type { StoredMap, StoredRing, Stores } from "./stores.ts";
