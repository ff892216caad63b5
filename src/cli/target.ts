// What is traced: a process (`-p PID`, `-c COMMAND`), all that it starts, a control group.

import { binaryPath, processExists, splitCommand } from "../kernel/index.ts";
import { groupFolder } from "../session/index.ts";
import { DiagnosticError } from "../source/index.ts";
import { type CommandLine, UsageError } from "./options.ts";

/** linux/threads.h: no process has a greater number. */
const PID_MAX_LIMIT = 0x400000;

/** The number that `-p` gives. Throws UsageError for what can be none of a process. */
export function pidNumber(text: string): number {
  if (!/^\d+$/.test(text))
    throw new UsageError(
      `Failed to parse pid: invalid ${/^\d/.test(text) ? "trailing bytes" : "integer"}: ${text}`,
      [],
    );
  const pid = Number(text);
  if (pid === 0 || pid > PID_MAX_LIMIT) throw new UsageError(`Pid out of range: ${text}`, []);
  return pid;
}

/** The process of `-p`. Throws where there is none. */
export function pidOf(text: string): number {
  const pid = pidNumber(text);
  if (!processExists(pid))
    throw new DiagnosticError([{ code: "SCRY1114", severity: "error", message: `no process with this pid: ${text}` }]);
  return pid;
}

/** The words of `-c`; a command that is not there is said before anything is attached. */
export function commandOf(line: string): string[] {
  const words = splitCommand(line);
  const [command] = words;
  if (command === undefined) throw new UsageError("-c needs a command");
  if (binaryPath(command) === undefined)
    throw new DiagnosticError([
      { code: "SCRY1115", severity: "error", message: `the command '${command}' does not exist or cannot be executed` },
    ]);
  return words;
}

/** Options that only a live system can answer. */
const LIVE = ["follow", "cgroup", "container", "unit"] as const;

/** Which tasks, where that is more than one process. Throws for a control group that there is not. */
export function selectionOf({ given }: CommandLine): { readonly follow?: true; readonly cgroup?: string } {
  if (given.has("follow") && !given.has("pid") && !given.has("cmd"))
    throw new UsageError("--follow needs a process to begin with: -p PID or -c COMMAND");
  const [cgroup, container, unit] = [given.get("cgroup"), given.get("container"), given.get("unit")];
  const grouped = cgroup !== undefined || container !== undefined || unit !== undefined;
  return {
    ...(given.has("follow") ? { follow: true } : {}),
    ...(grouped
      ? {
          cgroup: groupFolder({
            ...(cgroup === undefined ? {} : { cgroup }),
            ...(container === undefined ? {} : { container }),
            ...(unit === undefined ? {} : { unit }),
          }),
        }
      : {}),
  };
}

/** Why nobody can answer them there, and what to do. */
const NOT_LIVE = {
  recording: {
    why: "cannot be asked of the embedded machine: its events say neither who has started whom nor which control group a task is in",
    instead: "Record only what is wanted, by the same option of scry record; -p PID works on a recording, too",
  },
  object: {
    why: "cannot be written to an object file: only while scry runs is it known who is meant",
    instead: "Ask in the script: a predicate with pid, comm or cgroup",
  },
} as const;

/** Throws for filters that only a live system can answer. */
export function refuseSelection({ given }: CommandLine, where: keyof typeof NOT_LIVE): void {
  const option = LIVE.find((name) => given.has(name));
  if (option === undefined) return;
  const { why, instead } = NOT_LIVE[where];
  throw new DiagnosticError([{ code: "SCRY1144", severity: "error", message: `--${option} ${why}`, hints: [instead] }]);
}
