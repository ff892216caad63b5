// The process that is traced: `-p PID` or `-c COMMAND`.

import { binaryPath, processExists, splitCommand } from "../kernel/index.ts";
import { DiagnosticError } from "../source/index.ts";
import { UsageError } from "./options.ts";

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
