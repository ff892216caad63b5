// `scry --bench`: runs a script's `bench` probes in the kernel, and says what a run of each costs there.

import { enableStatistics } from "../kernel/index.ts";
import { compileScript } from "../lang/trace/index.ts";
import { liveEnvironment, RunningScript } from "../session/index.ts";
import { say } from "./messages.ts";
import type { CommandLine } from "./options.ts";
import { probeFilter } from "./probe-filter.ts";
import { ringBytes } from "./run.ts";
import { placesOf, scriptOf, settingsFromEnvironment } from "./script.ts";
import { scriptOutput } from "./script-output.ts";
import { openStreams } from "./streams.ts";

/** How long each is run. */
const MILLISECONDS = 200;

/** Runs the benchmarks; gives the exit status. */
export async function runBenchmarks(line: CommandLine): Promise<number> {
  const { given } = line;
  const { source, params, named } = scriptOf(line);
  const streams = openStreams(given);
  const wanted = probeFilter(line);
  const env = liveEnvironment({
    params,
    named,
    unsafe: given.has("unsafe"),
    ...placesOf(line),
    wants: (provider, name) => provider === "begin" || provider === "end" || (provider === "bench" && wanted(name)),
  });
  const script = compileScript(source, env, { ringBytes: ringBytes(), settings: settingsFromEnvironment() });
  if (!given.has("no-warnings")) say(streams.messages, script.warnings, script.source, given.get("format"));
  const output = scriptOutput(line, streams);
  const running = new RunningScript(script, output.listener);
  // The kernel counts until this is closed.
  const { closeSync } = process.getBuiltinModule("node:fs");
  const statistics = enableStatistics();
  try {
    const view = output.open(running);
    running.begin();
    const format = given.get("format") ?? "text";
    const json = format !== "text";
    const out = streams.out;
    if (!json) out.text(`${"Benchmark".padEnd(40)} ${"Time(ns)".padEnd(14)} Iterations\n${"-".repeat(66)}\n`);
    for (const [program, role] of script.programs) {
      if (role.kind !== "bench") continue;
      const { average, runs } = running.measure(program, MILLISECONDS);
      const time = Math.round(average);
      for (const probe of role.probes) {
        const name = probe.name.slice("bench:".length);
        out.text(
          format === "json-strict"
            ? `${JSON.stringify({ type: "benchmark", data: { name, nanoseconds: time, runs } })}\n`
            : json
              ? `{"type": "benchmark_result", "data": {${JSON.stringify(name)}: {"average": ${time}, "iters": ${runs}}}}\n`
              : `${name.padEnd(40)} ${String(time).padEnd(14)} ${runs}\n`,
        );
      }
    }
    running.finish();
    view.endOfRun([]);
    view.flush();
    streams.messages.flush();
    return 0;
  } finally {
    closeSync(statistics);
    await running.close();
  }
}
