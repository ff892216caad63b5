// The process that is traced: `-p PID` or `-c COMMAND`.

import { binaryPath, processExists, splitCommand } from "../kernel/index.ts";
import { DiagnosticError } from "../source/index.ts";
import { UsageError } from "./options.ts";

/** linux/threads.h: no process has a greater number. */
const PID_MAX_LIMIT = 0x400000;

/** The process of `-p`. Throws where there is none. */
export function pidOf(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) === 0) throw new UsageError(`pid '${text}' is not a valid decimal number`);
  const pid = Number(text);
  if (pid > PID_MAX_LIMIT || !processExists(pid))
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
