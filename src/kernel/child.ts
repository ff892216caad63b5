// A child that waits at the start line: spawned, but its command runs only once probes are attached (`-c CMD`).

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { Writable } from "node:stream";

export interface ChildExit {
  /** The exit status; for one that a signal ended, 128 plus its number, as shells have it. */
  readonly status: number;
  readonly signal: NodeJS.Signals | null;
}

export interface WaitingChild {
  /** The process, before and after the command takes its place. */
  readonly pid: number;
  /** Lets the command run. */
  start(): void;
  /** Settles when it has ended. */
  readonly exit: Promise<ChildExit>;
  /** Sends a signal; false where it has ended already. */
  kill(signal?: NodeJS.Signals): boolean;
}

/** Waits for a line on descriptor 3, closes it, then becomes the command: `exec` keeps the process id. */
const gate = 'read -r _ <&3 || exit 125; exec 3<&-; exec "$@"';

/**
 * Starts a command with this process's standard streams, held back until `start()`. Where this process dies first, so
 * does the child, its command never run. A command that does not exist ends with status 127.
 */
export async function spawnWaiting(command: readonly string[]): Promise<WaitingChild> {
  const { spawn } = process.getBuiltinModule("node:child_process");
  const child: ChildProcess = spawn("/bin/sh", ["-c", gate, "sh", ...command], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  const exit = new Promise<ChildExit>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve({ status: code ?? 128 + signalNumber(signal), signal }));
  });
  // Whoever does not wait for the end must not be ended by its failure.
  exit.catch(() => undefined);
  await once(child, "spawn");
  const line = child.stdio[3] as Writable;
  line.on("error", () => undefined);
  return {
    pid: child.pid as number,
    exit,
    start: () => void line.end("\n"),
    kill: (signal = "SIGTERM") => child.kill(signal),
  };
}

/** A command line as a list of words: quotes and backslashes as in a shell, but nothing is expanded. */
export function splitCommand(line: string): string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs)) {
    words.push(
      match[0].replace(
        /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs,
        (_, double?: string, single?: string, escaped?: string) =>
          double !== undefined ? double.replace(/\\(["\\$`])/g, "$1") : (single ?? escaped ?? ""),
      ),
    );
  }
  return words;
}

const signalNumber = (signal: NodeJS.Signals | null): number =>
  signal === null ? 0 : (constants.signals[signal] ?? 0);
