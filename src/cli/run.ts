// `scry FILE` and `scry -e PROGRAM`: compiles, attaches, prints until the end.

import { totalmem } from "node:os";
import { enableStatistics, processExists, spawnWaiting, VerifierError, type WaitingChild } from "../kernel/index.ts";
import { compileScript } from "../lang/trace/index.ts";
import { writeObject } from "../object/index.ts";
import { drive, type RunListener } from "../run/index.ts";
import type { CompiledScript } from "../schema/index.ts";
import { liveEnvironment, RunningScript } from "../session/index.ts";
import { nonEmptyByName, textView, type View } from "../views/index.ts";
import { dumper } from "./dump.ts";
import { leaveFeaturesOut } from "./features.ts";
import { LIVE_MILLISECONDS } from "./live-area.ts";
import { say } from "./messages.ts";
import type { CommandLine } from "./options.ts";
import { placesOf, scriptOf, settingsFromEnvironment } from "./script.ts";
import { scriptOutput } from "./script-output.ts";
import { lossWarnings, skipWarnings, statisticsJson, statisticsStrict, statisticsText } from "./statistics.ts";
import { openStreams, type Streams, writeOutput } from "./streams.ts";
import { commandOf, pidOf, refuseSelection, selectionOf } from "./target.ts";

const NOTIFY = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";

/** Bytes of the event ring: a part of the machine's memory, from 1 to 64 MiB. */
export function ringBytes(): number {
  const share = totalmem() / 256;
  return 2 ** Math.max(20, Math.min(26, Math.floor(Math.log2(share))));
}

/** Runs a script; gives the exit status. */
export async function run(line: CommandLine): Promise<number> {
  const { given } = line;
  const { source, params, named } = scriptOf(line);
  const quiet = given.has("quiet");
  const verbose = given.has("verbose");
  const streams = openStreams(given);
  const output = scriptOutput(line, streams);
  const write = (text: string): void => streams.messages.text(text);
  let child: WaitingChild | undefined;
  let statistics: number | undefined;
  const pid = given.has("pid") ? pidOf(given.get("pid") as string) : undefined;
  const selection = selectionOf(line);
  if (given.has("emit-elf")) refuseSelection(line, "object");
  // From before the command is there until all is taken down: a signal ends the run, not this process.
  hearOfEnd();
  let running: RunningScript | undefined;
  try {
    if (given.has("cmd")) child = await spawnWaiting(commandOf(given.get("cmd") as string));
    const env = liveEnvironment({
      params,
      named,
      unsafe: given.has("unsafe"),
      ...placesOf(line),
      tellErrors: given.has("warnings"),
      ...(pid === undefined ? {} : { pid }),
      ...(child === undefined ? {} : { childPid: child.pid }),
      ...selection,
    });
    const dump = given.has("debug") ? dumper(given.get("debug") as string, write) : undefined;
    leaveFeaturesOut(line);
    const script = compileScript(source, env, {
      ringBytes: ringBytes(),
      settings: settingsFromEnvironment(),
      ...(dump?.compile === undefined ? {} : { dump: dump.compile }),
    });
    if (!given.has("no-warnings")) say(streams.messages, script.warnings, script.source, given.get("format"));
    dump?.object(script.object);
    const elf = given.get("emit-elf");
    if (elf !== undefined) {
      writeOutput(elf, writeObject(script.object));
      return 0;
    }
    if (verbose) write(describe(script));
    streams.messages.flush();
    if (given.has("stats")) statistics = enableStatistics();
    running = loaded(script, output.listener, dump?.verifier === true ? write : undefined);
    const started = running;
    endsBy(() => started.stop());
    const view = output.open(running);
    if (dump?.verifier === true) for (const l of running.logs()) write(`${l.program}:\n${l.log}\n`);
    const status = await work(running, script, view, streams, { quiet, child, pid, dry: given.has("dry-run") });
    if (!quiet && !given.has("no-warnings"))
      say(streams.messages, [...lossWarnings(running.losses()), ...skipWarnings(running.skipped())], script.source);
    if (statistics !== undefined) {
      const counted = running.statistics();
      const format = given.get("format");
      if (format === "json") streams.out.text(statisticsJson(counted, script.source));
      else if (format === "json-strict") streams.out.text(statisticsStrict(counted, script.source));
      else write(statisticsText(counted, script.source));
      view.flush();
    }
    return status;
  } finally {
    streams.messages.flush();
    child?.kill("SIGTERM");
    await running?.close();
    // The kernel counts until this is closed.
    if (statistics !== undefined) process.getBuiltinModule("node:fs").closeSync(statistics);
  }
}

/** The signals by which a user ends a run. */
const ENDING = ["SIGINT", "SIGTERM"] as const;
let asked = 0;
let ended: (() => void) | undefined;

/** Hears of a signal by which a user ends the run. Asked twice, the user means it. */
function endOfRun(): void {
  if (asked++ > 0) process.exit(130);
  ended?.();
}

/** From here on until this process is gone a signal ends the run that `endsBy` names, and not this process. */
function hearOfEnd(): void {
  asked = 0;
  ended = undefined;
  for (const name of ENDING) if (!process.listeners(name).includes(endOfRun)) process.on(name, endOfRun);
}

/** How the run is ended; at once, where that was asked for already. */
function endsBy(end: () => void): void {
  ended = end;
  if (asked > 0) end();
}

/** Runs a script; where `say` is given, the verifier's log is wanted, and told of a program that it refuses. */
function loaded(
  script: CompiledScript,
  listener: RunListener,
  say: ((text: string) => void) | undefined,
): RunningScript {
  try {
    return new RunningScript(script, listener, say === undefined ? {} : { logLevel: 2 });
  } catch (error) {
    if (error instanceof VerifierError) say?.(`${error.program}:\n${error.log}\n`);
    throw error;
  }
}

interface Work {
  readonly quiet: boolean;
  readonly child: WaitingChild | undefined;
  readonly pid: number | undefined;
  readonly dry: boolean;
}

async function work(
  running: RunningScript,
  script: CompiledScript,
  view: View,
  streams: Streams,
  options: Work,
): Promise<number> {
  for (const name of running.signals()) process.on(name as NodeJS.Signals, () => running.signal(name));
  let watch: NodeJS.Timeout | undefined;
  let redraw: NodeJS.Timeout | undefined;
  try {
    const attached = (): void => {
      if (!options.quiet) view.attachedProbes(script.probeCount);
      view.flush();
      if (process.env[NOTIFY] !== undefined) {
        streams.out.text(`${NOTIFY}\n`);
        view.flush();
      }
    };
    if (options.dry) {
      running.attach();
      attached();
      return 0;
    }
    const { code } = await drive(running, () => {
      attached();
      if (streams.live !== undefined) redraw = setInterval(() => drawMaps(running, script, streams), LIVE_MILLISECONDS);
      options.child?.start();
      if (script.follows === undefined)
        options.child?.exit.then(
          () => running.stop(),
          () => running.stop(),
        );
      const target = options.pid;
      if (script.follows !== undefined || target !== undefined)
        watch = setInterval(() => {
          if (script.follows === undefined ? !processExists(target as number) : !running.anyFollowed) running.stop();
        }, 100);
    });
    clearInterval(redraw);
    streams.live?.erase();
    view.endOfRun(script.options.printMapsOnExit ? script.maps.map((m) => running.map(m.name)) : []);
    view.flush();
    streams.messages.flush();
    return code;
  } finally {
    clearInterval(watch);
    clearInterval(redraw);
  }
}

/** The maps as they are now, where `--live` shows them. */
function drawMaps(running: RunningScript, script: CompiledScript, { live, out, messages }: Streams): void {
  live?.draw(out.looks, (drawn) => {
    const { resolver } = running;
    const view = textView({ out: drawn, messages, resolver, source: script.source });
    for (const map of nonEmptyByName(script.maps.map((m) => running.map(m.name)))) view.map(map);
  });
}

/** What `-v` says of how each probe is served. */
function describe(script: CompiledScript): string {
  let text = "";
  for (const program of script.object.programs) {
    const role = script.programs.get(program.name);
    const names = role?.probes.map((p) => p.name) ?? [];
    const shown = names.length > 3 ? `${names.slice(0, 2).join(", ")} and ${names.length - 2} more` : names.join(", ");
    const kinds = [
      ...new Set(
        program.attach.map((a) => (a.kind === "trampoline" ? `BTF tracepoint ${program.target?.name}` : a.kind)),
      ),
    ];
    const count = program.functions.reduce((n, f) => n + f.code.length, 0);
    text += `${program.name}: ${shown === "" ? role?.kind : shown}; ${program.type}, ${count} instructions, served by ${kinds.join(", ")}${program.attach.length > 1 ? ` (${program.attach.length} places)` : ""}\n`;
  }
  return text;
}
