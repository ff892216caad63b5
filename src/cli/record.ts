// `scry record -e PROBES [-p PID | -c COMMAND] [-o EVENTS.jsonl]`: the live system's events as lines of JSON.

import { processExists, spawnWaiting, type WaitingChild } from "../kernel/index.ts";
import { recordingLine } from "../replay/index.ts";
import { liveEnvironment, openRecorder, type Recorder } from "../session/index.ts";
import { type CommandLine, UsageError } from "./options.ts";
import { ringBytes } from "./run.ts";
import { ClosedOutput, openStreams } from "./streams.ts";
import { commandOf, pidOf } from "./target.ts";

/** Records until the process or command ends, or Ctrl-C; gives the exit status. */
export async function record(line: CommandLine): Promise<number> {
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
  const streams = openStreams(given.get("output"));
  const quiet = given.has("quiet");
  const child: WaitingChild | undefined = given.has("cmd")
    ? await spawnWaiting(commandOf(given.get("cmd") as string))
    : undefined;
  const pid = child?.pid ?? (given.has("pid") ? pidOf(given.get("pid") as string) : undefined);
  let recorder: Recorder | undefined;
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
        warning: (message) => streams.messages.text(`WARNING: ${message}\n`),
        pause: () => streams.out.flush(),
      },
    );
    streams.out.text(`${recordingLine(recorder.header)}\n`);
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    recorder.running.attach();
    if (!quiet) {
      const { probeCount } = recorder;
      streams.messages.text(
        `Recording ${probeCount} probe${probeCount === 1 ? "" : "s"}${pid === undefined ? " of every process" : ` of process ${pid}`}; Ctrl-C ends it.\n`,
      );
      streams.messages.flush();
    }
    if (child !== undefined) {
      child.start();
      child.exit.then(stop, stop);
    } else if (pid !== undefined)
      watch = setInterval(() => {
        if (!processExists(pid)) stop();
      }, 100);
    await recorder.running.run();
    recorder.running.finish();
    streams.out.flush();
    if (!quiet) streams.messages.text(`${count} event${count === 1 ? "" : "s"} recorded, ${lost} lost\n`);
    streams.messages.flush();
    return 0;
  } catch (error) {
    if (error instanceof ClosedOutput) return 0;
    throw error;
  } finally {
    clearInterval(watch);
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    child?.kill("SIGTERM");
    await recorder?.running.close();
  }
}
