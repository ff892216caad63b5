// A script's run as its reader sees it, on whichever machine: what the rings bring, what maps hold, how it ends.
export type { MapContents } from "./map-contents.ts";
export { type RunEnd, type RunListener, RunReader } from "./run-reader.ts";
export { drive, type ScriptRun } from "./script-run.ts";
export { stackReader } from "./stacks.ts";
export type { StoredMap, StoredRing, Stores } from "./stores.ts";
