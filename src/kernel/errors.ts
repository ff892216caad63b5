// What the kernel refuses, said so that a person can act on it: which call, which errno, what to do.

import { constants } from "node:os";
import type { Span } from "../source/index.ts";
import { refusal } from "./capabilities.ts";

let names: Map<number, string> | undefined;

/** The name of an errno: 1 → "EPERM"; "E524" for one without a name. */
export function errnoName(errno: number): string {
  if (errno === 524) return "ENOTSUPP";
  if (names === undefined) {
    names = new Map();
    for (const [name, value] of Object.entries(constants.errno)) if (!names.has(value)) names.set(value, name);
  }
  return names.get(errno) ?? `E${errno}`;
}

/** What an errno means, and where it is known, what helps. */
const advice: Readonly<Record<string, string>> = {
  ENOENT: "no such thing",
  ENOSYS: "this kernel has no such system call",
  EINVAL: "the kernel takes no such argument",
  EMFILE: "this process has too many open files: raise the limit with `ulimit -n`",
  ENFILE: "the system has too many open files",
  ENOMEM: "out of memory: for kernels before 5.11 raise the limit with `ulimit -l unlimited`",
  E2BIG: "too big, or the map is full",
  EEXIST: "there already",
  EBUSY: "in use by someone else",
  ESRCH: "no such process",
  ENODEV: "no such device, CPU or event",
  EOPNOTSUPP: "this kernel does not support it",
  ENOTSUPP: "this kernel does not support it",
  ENOSPC: "no room: the map, the ring buffer, or the machine's debug registers are full",
};

/** A system call that failed. `code` is the errno by name. */
export class SystemCallError extends Error {
  readonly call: string;
  readonly errno: number;
  readonly code: string;
  /** In a few words, what the call was for. */
  readonly purpose: string | undefined;

  constructor(call: string, errno: number, purpose?: string, hint?: string) {
    const code = errnoName(errno);
    const say = hint ?? (code === "EPERM" || code === "EACCES" ? refusal(call) : advice[code]);
    super(
      `${purpose === undefined ? "" : `${purpose}: `}${call} failed with ${code}${say === undefined ? "" : ` (${say})`}`,
    );
    this.name = "SystemCallError";
    this.call = call;
    this.errno = errno;
    this.code = code;
    this.purpose = purpose;
  }
}

/** Something that this kernel, or this machine, cannot do; the message says what to do instead. */
export class UnsupportedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UnsupportedError";
  }
}

/** A program that the kernel's verifier refused. The log speaks in source lines where the program has line info. */
export class VerifierError extends SystemCallError {
  /** The name of the program in the object. */
  readonly program: string;
  readonly log: string;
  /** Where in the object's source the refused instruction comes from. */
  readonly span: Span | undefined;

  /** `why`: where it is known better than the log says it. */
  constructor(program: string, errno: number, log: string, span?: Span, why?: string) {
    super("bpf(BPF_PROG_LOAD)", errno, `the kernel's verifier refused program "${program}"`, why ?? lastComplaint(log));
    this.name = "VerifierError";
    this.program = program;
    this.log = log;
    this.span = span;
    // Megabytes that nobody wants on the terminal when an error is printed whole.
    Object.defineProperty(this, "log", { enumerable: false });
  }
}

/** The verifier's complaint is the last line before its statistics. */
function lastComplaint(log: string): string | undefined {
  const lines = log
    .split("\n")
    .filter(
      (line) =>
        line !== "" && !/^(processed \d+|verification time|stack depth|max_states|(?:cur|old) state:)/.test(line),
    );
  return lines.at(-1);
}
