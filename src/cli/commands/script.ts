// `scry FILE` and `scry -e PROGRAM`: a script, run, listed, replayed or tested.

import type { Command } from "../command.ts";
import { format } from "../format.ts";
import { listProbesOf } from "../list.ts";
import { type CommandLine, options } from "../options.ts";
import { replay } from "../replay.ts";
import { run } from "../run.ts";
import { runBenchmarks } from "../run-benchmarks.ts";
import { runTests } from "../run-tests.ts";
import { timeCompilation } from "../time-compilation.ts";
import { printDiagnosis } from "./doctor.ts";

export const script: Command = {
  help: "ask a running Linux system a question, with eBPF",
  usage: [
    ["[options] FILE [parameters]"],
    ["[options] -e 'PROGRAM' [parameters]"],
    ["-l [PATTERN]"],
    ["[options] --events EVENTS.jsonl FILE", "run it on recorded events: no kernel, no privileges"],
    ["--test [--events EVENTS.jsonl] FILE", "run its test: probes"],
  ],
  options: options(
    "execute",
    "list",
    "pid",
    "cmd",
    "follow",
    "cgroup",
    "container",
    "unit",
    "output",
    "format",
    "buffering",
    "raw",
    "quiet",
    "verbose",
    "machine",
    "events",
    "test",
    "dry-run",
    "fmt",
    "bench",
    "mode",
    "probe-filter",
    "info",
    "emit-elf",
    "debuginfo",
    "traceable-functions",
    "usdt-file-activation",
    "live",
    "stats",
    "no-feature",
    "unsafe",
    "include-dir",
    "include",
    "warnings",
    "dwarf-pid",
    "no-warnings",
  ),
  completes: "file",
  examples: [
    "scry -l '*sleep*'",
    "scry -e 'tracepoint:syscalls:sys_enter_openat { printf(\"%-16s %s\\n\", comm, str(args.filename)); }'",
    "scry -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'",
    "scry -c 'ls -l' -e 'tracepoint:syscalls:sys_exit_read /pid == cpid/ { @bytes = hist(args.ret); }'",
  ],
  run(line: CommandLine) {
    const { given } = line;
    const mode = given.get("mode");
    if (given.has("info")) return printDiagnosis(line);
    if (given.has("fmt") || mode === "format") return format(line);
    if (given.has("bench") || mode === "bench") return runBenchmarks(line);
    if (mode === "codegen") return run({ ...line, given: new Map([...given, ["dry-run", ""]]) });
    if (mode === "compiler-bench") return timeCompilation(line);
    if (given.has("list")) return listProbesOf(line);
    if (given.has("test") || mode === "test") return runTests(line);
    if (given.get("machine") === "embedded" || given.has("events")) return replay(line);
    return run(line);
  },
};
