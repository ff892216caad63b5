// A script's run, whichever machine runs it, and the driver that takes it from its beginning to its end.

import type { CompiledScript, Resolver } from "../schema/index.ts";
import type { MapContents } from "./map-contents.ts";
import type { RunEnd } from "./run-reader.ts";

/** Loaded when it is made; what its machine refuses is thrown then. */
export interface ScriptRun {
  readonly script: CompiledScript;
  readonly resolver: Resolver;
  /** Has the script called `exit()`? */
  readonly exited: boolean;
  /** Runs the `begin` probes; what they send is read by `run`. True where one of them has called exit. */
  begin(): boolean;
  /** Attaches everything else. What cannot attach throws, and nothing stays attached. */
  attach(): void;
  /** Reads until the script exits, `stop` is called, or there is nothing to wait for. */
  run(): Promise<void>;
  /** Ends `run`. */
  stop(): void;
  /** Stops the events, runs the `end` probes, and reads all that is left. Maps can be read until `close`. */
  finish(): RunEnd;
  /** What a map holds now. Throws RangeError for a name that the script does not have. */
  map(name: string): MapContents;
  /** Signals that the script wants to hear of, and one of them when it came. */
  signals(): readonly string[];
  signal(name: string): void;
  /** Detaches and frees everything. */
  close(): Promise<void>;
}

/**
 * A whole run but for its `close`: `attached` is called when all probes are at work (or none need be, because the script
 * has ended in its begin probe).
 */
export async function drive(run: ScriptRun, attached: () => void = () => {}): Promise<RunEnd> {
  if (!run.begin()) run.attach();
  attached();
  await run.run();
  return run.finish();
}
