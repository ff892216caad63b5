// `scry --events EVENTS.jsonl FILE`: the script on the embedded machine, over recorded events.

import { compileScript } from "../lang/trace/index.ts";
import type { BpfObject } from "../object/index.ts";
import {
  EMBEDDED_RING_BYTES,
  EmbeddedRun,
  parseRecording,
  RecordedProbes,
  type Recording,
  recordedEnvironment,
} from "../replay/index.ts";
import { drive } from "../run/index.ts";
import { formatDiagnostic, type SourceText } from "../source/index.ts";
import { refusalDiagnostic, verify } from "../verifier/index.ts";
import { dumper } from "./dump.ts";
import { say } from "./messages.ts";
import { type CommandLine, UsageError } from "./options.ts";
import { readText, scriptOf, settingsFromEnvironment } from "./script.ts";
import { scriptOutput } from "./script-output.ts";
import { openStreams, type Streams } from "./streams.ts";
import { pidNumber, refuseSelection } from "./target.ts";

/** What the command line says of a process: a number, of one that need not exist any more. */
export function recordedPid(line: CommandLine): number | undefined {
  const text = line.given.get("pid");
  return text === undefined ? undefined : pidNumber(text);
}

/** The recording of `--events`; without it one of nothing, which is enough for scripts that only begin and end. */
export function recordingOf(line: CommandLine): Recording {
  const file = line.given.get("events");
  return file === undefined
    ? { name: "", header: { version: 1 }, events: [] }
    : parseRecording(readText(file, "the recording"));
}

/** Runs a script over events; gives the exit status. */
export async function replay(line: CommandLine): Promise<number> {
  const { given } = line;
  if (given.get("machine") === "kernel")
    throw new UsageError("--events is for the embedded machine, not for the kernel");
  refuseSelection(line, "recording");
  if (given.has("cmd"))
    throw new UsageError("-c starts a command on the live system; a recording has its events already");
  const { source, params, named } = scriptOf(line);
  return replayScript(line, source, { params, named }, recordingOf(line), openStreams(given));
}

export async function replayScript(
  line: CommandLine,
  source: SourceText,
  parameters: { readonly params: readonly string[]; readonly named?: ReadonlyMap<string, string> },
  recording: Recording,
  streams: Streams,
): Promise<number> {
  const { given } = line;
  const write = (text: string): void => streams.messages.text(text);
  const probes = new RecordedProbes(recording);
  const pid = recordedPid(line);
  const env = recordedEnvironment(probes, {
    ...parameters,
    unsafe: given.has("unsafe"),
    script: source.text,
    ...(pid === undefined ? {} : { pid }),
  });
  const dump = given.has("debug") ? dumper(given.get("debug") as string, write) : undefined;
  const script = compileScript(source, env, {
    ringBytes: EMBEDDED_RING_BYTES,
    settings: settingsFromEnvironment(),
    ...(dump?.compile === undefined ? {} : { dump: dump.compile }),
  });
  if (!given.has("no-warnings")) say(streams.messages, script.warnings, script.source, given.get("format"));
  dump?.object(script.object);
  if (dump?.verifier === true) write(verdicts(script.object));
  const output = scriptOutput(line, streams);
  const run = new EmbeddedRun(script, output.listener, {
    recording,
    ...(pid === undefined ? {} : { pid }),
  });
  const view = output.open(run, () => run.wallClock());
  if (recording.name === "" && run.probes.some((p) => !p.startsWith("interval:")))
    throw new UsageError("the embedded machine needs events: --events EVENTS.jsonl (scry record makes such a file)");
  if (!given.has("quiet")) {
    view.attachedProbes(script.probeCount);
    for (const probe of run.probes)
      if (!probe.startsWith("interval:") && !probes.has(probe))
        output.listener.warning(`${recording.name} has no events of ${probe}`);
  }
  if (given.has("dry-run")) {
    view.flush();
    return 0;
  }
  const end = await drive(run);
  view.endOfRun(script.options.printMapsOnExit ? script.maps.map((m) => run.map(m.name)) : []);
  view.flush();
  streams.messages.flush();
  return end.code;
}

/** What our own verifier says of each program (`-d verifier`). */
function verdicts(object: BpfObject): string {
  return [...verify(object, { profile: "linux" }).programs]
    .map((result) =>
      result.accepted
        ? `${result.program}: accepted, ${result.visited} instructions followed, ${result.stackBytes} bytes of stack\n`
        : `${formatDiagnostic(refusalDiagnostic(result, object), object.source)}\n`,
    )
    .join("");
}
