// `scry --test FILE`: runs the script's `test:` probes on the embedded machine, and says which hold.
//
// `begin` probes run first, then the events of a recording where there is one, so that tests can look at what the script
// has made of them; then the tests, in order, on the same maps.

import { compileScript } from "../lang/trace/index.ts";
import {
  EMBEDDED_RING_BYTES,
  EmbeddedRun,
  RecordedProbes,
  type Recording,
  recordedEnvironment,
} from "../replay/index.ts";
import { ByteSink } from "../views/index.ts";
import { say, warn } from "./messages.ts";
import type { CommandLine } from "./options.ts";
import { probeFilter } from "./probe-filter.ts";
import { recordingOf } from "./replay.ts";
import { scriptOf, settingsFromEnvironment } from "./script.ts";
import { scriptOutput } from "./script-output.ts";
import { openStreams } from "./streams.ts";
import { refuseSelection } from "./target.ts";

interface TestResult {
  readonly name: string;
  readonly passed: boolean;
  /** Microseconds. */
  readonly duration: number;
  readonly output: string;
}

/** Runs the tests; 0 when all of them passed. */
export function runTests(line: CommandLine): number {
  const { given } = line;
  refuseSelection(line, "recording");
  const { source, params, named } = scriptOf(line);
  const streams = openStreams(given);
  const recording: Recording = given.has("events")
    ? recordingOf(line)
    : { name: "", header: { version: 1 }, events: [] };
  const env = recordedEnvironment(new RecordedProbes(recording), {
    params,
    named,
    unsafe: given.has("unsafe"),
    script: source.text,
    test: true,
    wanted: probeFilter(line),
  });
  const script = compileScript(source, env, { ringBytes: EMBEDDED_RING_BYTES, settings: settingsFromEnvironment() });
  if (!given.has("no-warnings")) say(streams.messages, script.warnings, script.source, given.get("format"));

  // What a test prints is part of its result in JSON, and stands above it in text.
  const strict = given.get("format") === "json-strict";
  const json = strict || given.get("format") === "json";
  let printed = "";
  const decoder = new TextDecoder();
  const into = new ByteSink((bytes) => {
    if (json) printed += decoder.decode(bytes);
    else streams.out.raw(bytes);
  });
  const output = scriptOutput(
    { ...line, given: new Map([...given].filter(([key]) => key !== "format")) },
    { out: into, messages: streams.messages },
  );
  const run = new EmbeddedRun(script, output.listener, { recording });
  const view = output.open(run, () => run.wallClock());
  const flush = (): void => {
    view.flush();
    if (!json) streams.out.flush();
  };

  run.replay();
  run.takeExit();
  const tests = [...script.programs].flatMap(([program, role]) =>
    role.kind === "test" ? role.probes.map((p) => ({ program, name: p.name.slice("test:".length) })) : [],
  );
  const report = json ? undefined : new TextReport((text) => streams.out.text(text));
  report?.begin(tests.length);
  const results: TestResult[] = [];
  for (const { program, name } of tests) {
    report?.running(name);
    flush();
    const started = performance.now();
    const result = run.runProgram(program);
    const exit = run.takeExit();
    flush();
    if (result.trap !== undefined) warn(streams.messages, `${name} was stopped: ${result.trap.message}`, "error");
    const test: TestResult = {
      name,
      passed: result.trap === undefined && result.value === 0 && (exit?.code ?? 0) === 0,
      duration: Math.round((performance.now() - started) * 1000),
      output: printed,
    };
    results.push(test);
    printed = "";
    if (report !== undefined) report.result(test);
    else {
      const { duration, passed, output: text } = test;
      const data = strict ? { name, passed, microseconds: duration, output: text } : undefined;
      streams.out.text(
        data !== undefined
          ? `${JSON.stringify({ type: "test", data })}\n`
          : `${JSON.stringify({ type: "test_result", data: { [name]: { duration, passed, output: text } } })}\n`,
      );
    }
  }
  report?.end(results);
  run.finish();
  flush();
  streams.out.flush();
  streams.messages.flush();
  return results.every((r) => r.passed) ? 0 : 1;
}

const tests = (n: number): string => `${n} test${n === 1 ? "" : "s"}`;

/** The report as people know it from googletest. */
class TextReport {
  readonly #print: (text: string) => void;

  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  #line(mark: string, text: string): void {
    this.#print(`[${mark}] ${text}\n`);
  }

  begin(count: number): void {
    this.#line("==========", `Running ${tests(count)}.`);
  }

  running(name: string): void {
    this.#line(" RUN      ", name);
  }

  result(test: TestResult): void {
    this.#line(test.passed ? "       OK " : "  FAILED  ", `${test.name} (${test.duration} μs)`);
  }

  end(results: readonly TestResult[]): void {
    const failed = results.filter((r) => !r.passed);
    this.#line("==========", `${tests(results.length)} ran.`);
    this.#line("  PASSED  ", `${tests(results.length - failed.length)}.`);
    if (failed.length === 0) return;
    this.#line("  FAILED  ", `${tests(failed.length)}, listed below:`);
    for (const { name } of failed) this.#line("  FAILED  ", name);
  }
}
