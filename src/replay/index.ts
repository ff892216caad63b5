// Recorded events, and the run of a script over them on the embedded machine.
export { EMBEDDED_RING_BYTES, EmbeddedRun, type EmbeddedRunOptions } from "./embedded-run.ts";
export { type RecordedOptions, RecordedProbes, recordedEnvironment } from "./recorded-environment.ts";
export { openRecorder, type Recorder, type RecorderOptions } from "./recorder.ts";
export {
  parseRecording,
  type RecordedEvent,
  type RecordedField,
  type RecordedFrame,
  type Recording,
  type RecordingHeader,
  recordingLine,
} from "./recording.ts";
