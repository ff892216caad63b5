// `scry demo`: a script at work, live where that is allowed, and on a recording that scry brings along where it is not.

import { readFileSync } from "node:fs";
import { parseRecording } from "../../replay/index.ts";
import type { Command } from "../command.ts";
import { type CommandLine, options, UsageError } from "../options.ts";
import { replayScript } from "../replay.ts";
import { run } from "../run.ts";
import { openStreams } from "../streams.ts";

/** What is traced: one process, whatever it finds of these files. The recording is of the same command. */
const COMMAND = "sh -c 'exec grep -c tcp /etc/protocols /etc/services /etc/no-such-file >/dev/null 2>&1'";

const shipped = (file: string): string => readFileSync(new URL(`./${file}`, import.meta.url), "utf8");

export const demo: Command = {
  help: "what it looks like",
  usage: [[""]],
  options: options("output", "format", "buffering", "quiet", "verbose", "machine"),
  completes: "none",
  examples: ["scry demo"],
  run: runDemo,
};

/** Runs the demo; gives the exit status. */
async function runDemo(line: CommandLine): Promise<number> {
  const { given } = line;
  if (line.rest.length > 0) throw new UsageError("demo takes no script: scry FILE runs one");
  const text = shipped("demo.bt");
  const say = (message: string): void => {
    if (!given.has("quiet")) process.stderr.write(message);
  };
  say(`${text.replace(/^/gm, "  ").trimEnd()}\n\n`);
  const machine = given.get("machine");
  if (machine !== "embedded") {
    try {
      const status = await run({
        given: new Map([...given, ["execute", text], ["cmd", COMMAND]]),
        rest: [],
        named: [],
      });
      say(LIVE);
      return status;
    } catch (error) {
      if (machine === "kernel") throw error;
      say(
        `This system does not let us trace it (${(error as Error).message.split("\n")[0]}):\nhere is what a recording gives.\n\n`,
      );
    }
  }
  const streams = openStreams(given);
  const recording = parseRecording({ name: "demo.jsonl", text: shipped("demo.jsonl") });
  const status = await replayScript(line, { name: "demo.bt", text }, { params: [] }, recording, streams);
  say(RECORDED);
  return status;
}

const LIVE = `
That was the kernel of this machine, tracing one grep. Next:
  scry -l 'tracepoint:syscalls:*'            what else can be asked
  scry record -e 'tracepoint:sched:*' -c ls  keep events, and run scripts on them anywhere
`;

const RECORDED = `
That was a recording of one grep, run on scry's embedded machine: same compiler, same programs, no privileges. Next:
  sudo scry demo          the same on the kernel of this machine (Linux)
  scry --help             what else there is
`;
