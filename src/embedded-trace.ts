// Scripts on the embedded machine, as a library: for tests of scripts, and for recordings. No kernel, no privileges; also
// in a browser.

import { compileScript } from "./lang/trace/index.ts";
import type { Machine, Tier } from "./machine/index.ts";
import {
  EMBEDDED_RING_BYTES,
  EmbeddedRun,
  parseRecording,
  type RecordedEvent,
  RecordedProbes,
  type Recording,
  recordedEnvironment,
} from "./replay/index.ts";
import type { SourceText } from "./source/index.ts";
import { eventReader, mapOf, type TraceEnd, type TraceEvent, type TraceMaps } from "./trace-events.ts";
import { ByteSink, type RecordPrinter, textView } from "./views/index.ts";

export interface EmbeddedTraceOptions {
  /** Positional parameters, `$1` first. */
  readonly params?: readonly (string | number)[];
  /** Only this process's events. */
  readonly pid?: number;
  readonly unsafe?: boolean;
  /** What messages call the script. */
  readonly name?: string;
  /**
   * Events for `replay`: the text of a recording (see `scry record`), or events as data. They also show what the fields of
   * their probes are; a field that no event shows is a number, or the address of a text.
   */
  readonly recording?: string | readonly RecordedEvent[];
  /** What runs the programs; by default whichever pays. */
  readonly tier?: Tier;
}

export interface EmbeddedTrace {
  /** What the script has sent so far. */
  readonly events: readonly TraceEvent[];
  /** The same as the text that `scry` prints. */
  readonly output: string;
  readonly maps: TraceMaps;
  readonly machine: Machine;
  /** Has the script called `exit()`? What is fired afterwards is not seen. */
  readonly exited: boolean;
  /**
   * Something happens: `fire("tracepoint:syscalls:sys_enter_openat", { filename: "/etc" }, { pid: 7, comm: "ls" })`. False
   * where the script has no such probe. Throws RangeError for a value that does not fit into its field.
   */
  fire(probe: string, args?: RecordedEvent["args"], who?: Omit<RecordedEvent, "probe" | "args">): boolean;
  /** All events of the recording. */
  replay(): void;
  /** Lets time pass: `interval` probes tick. */
  advance(nanoseconds: number | bigint): void;
  /** Runs the `end` probes; the output then has the maps, as at the end of a run. */
  end(): TraceEnd;
}

/** Loads a script into a machine of its own; `begin` probes run at once. Throws DiagnosticError for what is wrong with it. */
export function embeddedTrace(source: string, options: EmbeddedTraceOptions = {}): EmbeddedTrace {
  const text: SourceText = { name: options.name ?? "script", text: source };
  const given = options.recording ?? [];
  const recording: Recording =
    typeof given === "string"
      ? parseRecording({ name: "recording", text: given })
      : { name: "recording", header: { version: 1 }, events: given };
  const env = recordedEnvironment(new RecordedProbes(recording), {
    params: (options.params ?? []).map(String),
    unsafe: options.unsafe ?? false,
    script: source,
    ...(options.pid === undefined ? {} : { pid: options.pid }),
  });
  const script = compileScript(text, env, { ringBytes: EMBEDDED_RING_BYTES });
  const events: TraceEvent[] = [];
  let output = "";
  const decoder = new TextDecoder();
  const sink = new ByteSink((bytes) => {
    output += decoder.decode(bytes, { stream: true });
  });
  const readers: ((view: DataView, bytes: Uint8Array, offset: number) => TraceEvent)[] = [];
  const printers: (RecordPrinter | undefined)[] = [];
  const run: EmbeddedRun = new EmbeddedRun(
    script,
    {
      record: (site, view, bytes, offset) => {
        let read = readers[site.id];
        if (read === undefined) readers[site.id] = read = eventReader(site, run.resolver, () => run.wallClock());
        events.push(read(view, bytes, offset));
        // The file or the command is the caller's to open or run: the text form does not show what it would give.
        if (site.action.kind === "cat" || site.action.kind === "system") return;
        let print = printers[site.id];
        if (print === undefined) printers[site.id] = print = textual.printer(site);
        print(view, bytes, offset);
      },
      printMap: (contents, top, div) => {
        events.push({ kind: "map", name: contents.map.name, map: mapOf(contents), top, div });
        textual.map(contents, top, div);
      },
      lost: (count) => events.push({ kind: "lost", count }),
      warning: (message) => events.push({ kind: "warning", message }),
      pause: () => {},
    },
    {
      recording,
      ...(options.pid === undefined ? {} : { pid: options.pid }),
      ...(options.tier === undefined ? {} : { tier: options.tier }),
    },
  );
  const textual = textView({
    out: sink,
    messages: sink,
    resolver: run.resolver,
    source: text,
    now: () => run.wallClock(),
  });
  let ended: TraceEnd | undefined;
  run.begin();
  return {
    events,
    get output() {
      sink.flush();
      return output;
    },
    maps: { names: () => script.maps.map((m) => m.name), get: (name) => mapOf(run.map(name)) },
    machine: run.machine,
    get exited() {
      return run.exited;
    },
    fire: (probe, args, who = {}) => run.fire({ probe, ...who, ...(args === undefined ? {} : { args }) }),
    replay: () => run.replay(),
    advance: (nanoseconds) => run.advance(run.now + BigInt(nanoseconds)),
    end: () => {
      if (ended !== undefined) return ended;
      ended = run.finish();
      if (script.options.printMapsOnExit) textual.endOfRun(script.maps.map((m) => run.map(m.name)));
      return ended;
    },
  };
}
