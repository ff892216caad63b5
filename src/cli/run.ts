// `scry FILE` and `scry -e PROGRAM`: compiles, attaches, prints until the end.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { binaryPath, processExists, spawnWaiting, splitCommand, type WaitingChild } from "../kernel/index.ts";
import { type CompiledScript, compileScript, type EventSite } from "../lang/trace/index.ts";
import { liveEnvironment, RunningScript } from "../session/index.ts";
import { DiagnosticError, formatDiagnostic, type SourceText } from "../source/index.ts";
import { compileText, jsonView, type RecordPrinter, textView, type View } from "../views/index.ts";
import { dumper } from "./dump.ts";
import type { CommandLine } from "./options.ts";
import { UsageError } from "./options.ts";
import { ClosedOutput, openStreams, type Streams } from "./streams.ts";

const NOTIFY = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";

/** Bytes of the event ring: a part of the machine's memory, from 1 to 64 MiB. */
export function ringBytes(): number {
  const share = totalmem() / 256;
  return 2 ** Math.max(20, Math.min(26, Math.floor(Math.log2(share))));
}

/** Runs a script; gives the exit status. */
export async function run(line: CommandLine): Promise<number> {
  const { given } = line;
  const { source, params } = sourceOf(line);
  const format = given.get("format") === "json" ? "json" : "text";
  const quiet = given.has("quiet");
  const verbose = given.has("verbose");
  const streams = openStreams(given.get("output"));
  const say = (text: string): void => streams.messages.text(text);
  let child: WaitingChild | undefined;
  const pid = given.has("pid") ? pidOf(given.get("pid") as string) : undefined;
  if (given.has("cmd")) child = await spawnWaiting(commandOf(given.get("cmd") as string));
  let running: RunningScript | undefined;
  try {
    const env = liveEnvironment({
      params,
      unsafe: given.has("unsafe"),
      ...(pid === undefined ? {} : { pid }),
      ...(child === undefined ? {} : { childPid: child.pid }),
    });
    const dump = given.has("debug") ? dumper(given.get("debug") as string, say) : undefined;
    const script = compileScript(source, env, {
      ringBytes: ringBytes(),
      settings: settingsFromEnvironment(),
      ...(dump?.compile === undefined ? {} : { dump: dump.compile }),
    });
    if (!given.has("no-warnings")) for (const w of script.warnings) say(`${formatDiagnostic(w, script.source)}\n`);
    dump?.object(script.object);
    if (verbose) say(describe(script));
    streams.messages.flush();
    const printers: (RecordPrinter | undefined)[] = [];
    let view!: View;
    const every = given.get("buffering") ?? "line";
    running = new RunningScript(
      script,
      {
        record: (site, data, bytes, offset) => {
          let print = printers[site.id];
          if (print === undefined) printers[site.id] = print = printerOf(site, view, running as RunningScript);
          print(data, bytes, offset);
          if (every === "none") view.flush();
        },
        printMap: (contents, top, div) => view.map(contents, top, div),
        lost: (count) => {
          if (!quiet) view.lostEvents(count);
        },
        pause: () => {
          if (every !== "full") view.flush();
        },
        warning: (message) => {
          if (!quiet) say(`WARNING: ${message}\n`);
        },
      },
      dump?.verifier === true ? { logLevel: 2 } : {},
    );
    view = (format === "json" ? jsonView : textView)({
      out: streams.out,
      messages: streams.messages,
      resolver: running.resolver,
      source: script.source,
    });
    if (dump?.verifier === true) for (const l of running.logs()) say(`${l.program}:\n${l.log}\n`);
    return await work(running, script, view, streams, { quiet, child, pid, dry: given.has("dry-run") });
  } catch (error) {
    if (error instanceof ClosedOutput) return 0;
    throw error;
  } finally {
    child?.kill("SIGTERM");
    await running?.close();
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
  let status: number | undefined;
  let asked = 0;
  const stop = (): void => {
    // Asked twice, the user means it.
    if (asked++ > 0) process.exit(130);
    running.stop();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  for (const name of running.signals()) process.on(name as NodeJS.Signals, () => running.signal(name));
  let watch: NodeJS.Timeout | undefined;
  try {
    const over = options.dry ? false : running.begin();
    // A script that has ended in its begin probe needs nothing attached.
    if (!over) running.attach();
    if (!options.quiet) view.attachedProbes(script.probeCount);
    view.flush();
    if (process.env[NOTIFY] !== undefined) {
      streams.out.text(`${NOTIFY}\n`);
      view.flush();
    }
    if (options.dry) return 0;
    if (options.child !== undefined) {
      options.child.start();
      options.child.exit.then(
        () => running.stop(),
        () => running.stop(),
      );
    }
    if (options.pid !== undefined) {
      const target = options.pid;
      watch = setInterval(() => {
        if (!processExists(target)) running.stop();
      }, 100);
    }
    await running.run();
    const end = running.finish();
    status = end.code;
    view.endOfRun(script.options.printMapsOnExit ? script.maps.map((m) => running.map(m.name)) : []);
    view.flush();
    streams.messages.flush();
    return status;
  } finally {
    clearInterval(watch);
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

function sourceOf(line: CommandLine): { source: SourceText; params: readonly string[] } {
  const program = line.given.get("execute");
  if (program !== undefined) return { source: { name: "stdin", text: program }, params: line.rest };
  const [file, ...params] = line.rest;
  if (file === undefined) throw new UsageError("a script is needed: FILE or -e PROGRAM");
  if (file === "-") return { source: { name: "stdin", text: readFileSync(0, "utf8") }, params };
  try {
    return { source: { name: file, text: readFileSync(file, "utf8") }, params };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const why = { ENOENT: "no such file", EACCES: "permission denied", EISDIR: "it is a folder" }[code] ?? code;
    throw new DiagnosticError([
      { code: "SCRY1000", severity: "error", message: `failed to open file '${file}': ${why}` },
    ]);
  }
}

function pidOf(text: string): number {
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid < 1 || pid > 0x400000)
    throw new UsageError(`pid '${text}' is not a valid decimal number`);
  if (!processExists(pid))
    throw new DiagnosticError([
      { code: "SCRY1114", severity: "error", message: `pid '${pid}' does not refer to a running process` },
    ]);
  return pid;
}

/** The words of `-c`; a command that is not there is said before anything is attached. */
function commandOf(line: string): string[] {
  const words = splitCommand(line);
  const [command] = words;
  if (command === undefined) throw new UsageError("-c needs a command");
  if (binaryPath(command) === undefined)
    throw new DiagnosticError([
      { code: "SCRY1115", severity: "error", message: `the command '${command}' does not exist or cannot be executed` },
    ]);
  return words;
}

/** BPFTRACE_MAX_STRLEN=64 is max_strlen=64. */
function settingsFromEnvironment(): [string, string][] {
  const known = new Set(["BTF", "KERNEL_BUILD", "KERNEL_SOURCE", "VMLINUX", "COLOR", "DUMMY_TS_MAP"]);
  return Object.entries(process.env).flatMap(([name, value]): [string, string][] => {
    const key = /^BPFTRACE_([A-Z_]+)$/.exec(name)?.[1];
    return key === undefined || value === undefined || known.has(key) ? [] : [[key.toLowerCase(), value]];
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
    text += `${program.name}: ${shown === "" ? role?.kind : shown}; ${program.type}, ${count} instructions, served by ${kinds.join(", ")}${program.attach.length > 1 ? ` (${program.attach.length} links)` : ""}\n`;
  }
  return text;
}

function printerOf(site: EventSite, view: View, running: RunningScript): RecordPrinter {
  const action = site.action;
  if (action.kind !== "cat" && action.kind !== "system") return view.printer(site);
  const write = compileText(action.format, site.fields, running.resolver);
  return (data, bytes, base) => {
    const text = write(data, bytes, base);
    if (action.kind === "system") {
      const done = spawnSync("/bin/sh", ["-c", text], { stdio: ["inherit", "pipe", "inherit"], maxBuffer: 1 << 28 });
      view.system(done.stdout);
      return;
    }
    try {
      view.cat(readFileSync(text).subarray(0, running.script.options.maxCatBytes));
    } catch (error) {
      process.stderr.write(
        `ERROR: failed to open file '${text}': ${(error as NodeJS.ErrnoException).code === "ENOENT" ? "No such file or directory" : (error as Error).message}\n`,
      );
    }
  };
}
