// `scry record -e PROBES [-p PID | -c COMMAND] [--follow] [-o EVENTS.jsonl]`: the live system's events as lines of JSON.

import { processExists, spawnWaiting, type WaitingChild } from "../../kernel/index.ts";
import { openRecorder, type Recorder, recordingLine } from "../../replay/index.ts";
import { bootNanoseconds, liveEnvironment, RunningScript } from "../../session/index.ts";
import type { Command } from "../command.ts";
import { warn } from "../messages.ts";
import { type CommandLine, type Option, options, UsageError } from "../options.ts";
import { ringBytes } from "../run.ts";
import { openStreams } from "../streams.ts";
import { commandOf, pidOf, selectionOf } from "../target.ts";

export const record: Command = {
  help: "the events of probes, for scry --events",
  usage: [["-e PROBES [-p PID | -c COMMAND] [--follow] [-o EVENTS.jsonl]"]],
  options: [
    { ...(options("execute")[0] as Option), value: "PROBES", completes: "probe", help: "the probes, with commas" },
    ...options("pid", "cmd", "follow", "cgroup", "container", "unit", "output", "stacks", "quiet"),
  ],
  completes: "probe",
  examples: ["scry record -e 'tracepoint:syscalls:sys_*_openat' -c 'ls -l' -o opens.jsonl"],
  run: recordEvents,
};

/** Records until the process or command ends, or Ctrl-C; gives the exit status. */
async function recordEvents(line: CommandLine): Promise<number> {
  const { given, rest } = line;
  const points = [given.get("execute") ?? "", ...rest]
    .flatMap((text) => text.split(","))
    .map((point) => point.trim())
    .filter((point) => point !== "");
  if (points.length === 0)
    throw new UsageError("record needs probes: -e 'tracepoint:syscalls:sys_enter_openat, tracepoint:sched:*'");
  for (const point of points)
    if (/[{}/]\s|[{}]/.test(point))
      throw new UsageError(
        `record takes probes, not a program: '${point}' (a script reads the recording later: scry --events FILE)`,
      );
  const streams = openStreams(given);
  const quiet = given.has("quiet");
  const selection = selectionOf(line);
  const child: WaitingChild | undefined = given.has("cmd")
    ? await spawnWaiting(commandOf(given.get("cmd") as string))
    : undefined;
  const pid = child?.pid ?? (given.has("pid") ? pidOf(given.get("pid") as string) : undefined);
  let recorder: Recorder | undefined;
  let live: RunningScript | undefined;
  let watch: NodeJS.Timeout | undefined;
  let count = 0;
  let lost = 0;
  const stop = (): void => recorder?.running.stop();
  try {
    recorder = openRecorder(
      points,
      liveEnvironment({
        ...(pid === undefined ? {} : { pid }),
        ...(child === undefined ? {} : { childPid: child.pid }),
        ...selection,
      }),
      {
        stacks: given.has("stacks"),
        ringBytes: ringBytes(),
        event: (event) => {
          count++;
          streams.out.text(`${recordingLine(event)}\n`);
        },
        lost: (n) => {
          lost += n;
        },
        warning: (message) => warn(streams.messages, message),
        pause: () => streams.out.flush(),
        load: (script, listener) => (live = new RunningScript(script, listener)),
        clock: bootNanoseconds,
      },
    );
    streams.out.text(`${recordingLine(recorder.header)}\n`);
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    recorder.running.attach();
    if (!quiet) {
      const { probeCount } = recorder;
      const who = pid === undefined ? "every process" : `process ${pid}`;
      const whose = ` of ${who}${selection.follow === true ? " and all that it starts" : ""}${selection.cgroup === undefined ? "" : " in the control group"}`;
      streams.messages.text(`Recording ${probeCount} probe${probeCount === 1 ? "" : "s"}${whose}; Ctrl-C ends it.\n`);
      streams.messages.flush();
    }
    child?.start();
    if (child !== undefined && selection.follow !== true) child.exit.then(stop, stop);
    else if (pid !== undefined)
      watch = setInterval(() => {
        if (selection.follow === true ? live?.anyFollowed !== true : !processExists(pid)) stop();
      }, 100);
    await recorder.running.run();
    recorder.running.finish();
    streams.out.flush();
    if (!quiet) streams.messages.text(`${count} event${count === 1 ? "" : "s"} recorded, ${lost} lost\n`);
    streams.messages.flush();
    return 0;
  } finally {
    clearInterval(watch);
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    child?.kill("SIGTERM");
    await recorder?.running.close();
  }
}
