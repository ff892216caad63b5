// Recordings: events as lines of JSON, one a line, as a live system gave them or as somebody wrote them.
//
//     {"scry":"recording","version":1,"probes":{"tracepoint:sched:sched_switch":{"fields":[…]}}}      (may be left out)
//     {"probe":"tracepoint:syscalls:sys_enter_openat","nsecs":81,"cpu":0,"pid":7,"tid":7,"comm":"ls","args":{"filename":"/etc"}}
//
// Whole numbers of any size are plain JSON numbers: they are read exactly.

import type { EventValue } from "../machine/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../source/index.ts";

/** A frame of a recorded stack: an address, a name (`vfs_read+20`), or both. */
export type RecordedFrame =
  | number
  | bigint
  | string
  | { readonly address?: number | bigint; readonly name?: string; readonly offset?: number; readonly module?: string };

export interface RecordedEvent {
  /** As `probe` says it: `tracepoint:syscalls:sys_enter_openat`. */
  readonly probe: string;
  /** Nanoseconds since boot; absent: the time of the event before. */
  readonly nsecs?: number | bigint;
  readonly cpu?: number;
  /** The process's id. */
  readonly pid?: number;
  /** The thread's id; absent: the process's. */
  readonly tid?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly comm?: string;
  /** Fields by name; `arg0`… and `retval` where the probe has no names. */
  readonly args?: Readonly<Record<string, EventValue>>;
  /** From the innermost call outwards. */
  readonly kstack?: readonly RecordedFrame[];
  readonly ustack?: readonly RecordedFrame[];
}

/** A field of a tracepoint's record, as the `format` file of the recorded kernel says. */
export interface RecordedField {
  readonly name: string;
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

export interface RecordingHeader {
  readonly version: 1;
  /** Nanoseconds since boot when the recording began. */
  readonly start?: number | bigint;
  /** Nanoseconds since 1970 (UTC) at boot, for the time of day. */
  readonly boot?: number | bigint;
  /** Possible CPUs. */
  readonly cpus?: number;
  /** The process of `-c`. */
  readonly child?: number;
  /** Every probe that was recorded, those without events too. */
  readonly probes?: Readonly<Record<string, { readonly fields?: readonly RecordedField[] }>>;
  /** Names of users by their ids. */
  readonly users?: Readonly<Record<string, string>>;
}

export interface Recording {
  readonly name: string;
  readonly header: RecordingHeader;
  readonly events: readonly RecordedEvent[];
}

/** Numbers that a JavaScript number does not hold exactly, outside of strings. */
const LONG = /("(?:[^"\\]|\\.)*")|(-?\b\d{16,}\b)(?![.eE\d])/g;
const MARK = "\u0000";

function parseLine(line: string): unknown {
  if (!/\d{16}/.test(line)) return JSON.parse(line);
  const marked = line.replace(LONG, (_all, text: string | undefined, digits: string | undefined) =>
    digits === undefined ? (text as string) : `"\\u0000${digits}"`,
  );
  return JSON.parse(marked, (_key, value) => {
    if (typeof value !== "string" || !value.startsWith(MARK)) return value;
    const exact = BigInt(value.slice(1));
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  });
}

/** Reads a recording. Throws DiagnosticError with every line that is none (the first 20 of them). */
export function parseRecording(source: SourceText): Recording {
  const problems: Diagnostic[] = [];
  const events: RecordedEvent[] = [];
  let header: RecordingHeader = { version: 1 };
  let start = 0;
  let first = true;
  while (start < source.text.length && problems.length < 20) {
    let end = source.text.indexOf("\n", start);
    if (end < 0) end = source.text.length;
    const line = source.text.slice(start, end);
    const wrong = (message: string, hints: readonly string[] = []): void => {
      problems.push({
        code: "SCRY1120",
        severity: "error",
        message,
        span: { start, end: Math.min(end, start + 120) },
        ...(hints.length === 0 ? {} : { hints }),
      });
    };
    if (line.trim() !== "" && !/^\s*(?:#|\/\/)/.test(line)) {
      let value: unknown;
      try {
        value = parseLine(line);
        if (first && isObject(value) && value["scry"] === "recording") {
          if (isHeader(value)) header = value;
          else wrong(headerComplaint(value) ?? "this is no header of a recording");
        } else {
          const complaint = complaintOf(value);
          if (complaint === undefined) events.push(value as RecordedEvent);
          else
            wrong(complaint, [
              'An event looks like {"probe":"tracepoint:syscalls:sys_enter_openat","nsecs":1,"pid":7,"comm":"ls","args":{"filename":"/etc"}}',
            ]);
        }
      } catch (error) {
        wrong(`this line is no JSON: ${(error as Error).message}`);
      }
      first = false;
    }
    start = end + 1;
  }
  if (problems.length > 0) throw new DiagnosticError(problems, source);
  return { name: source.name, header, events };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const whole = (value: unknown): boolean =>
  value === undefined || typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));

const isHeader = (value: Record<string, unknown>): value is Record<string, unknown> & RecordingHeader =>
  headerComplaint(value) === undefined;

function headerComplaint(value: Record<string, unknown>): string | undefined {
  if (value["version"] !== 1) return `this recording has version ${String(value["version"])}; version 1 can be read`;
  for (const key of ["start", "boot", "cpus", "child"])
    if (!whole(value[key]) || Number(value[key] ?? 0) < 0) return `the recording's "${key}" is a whole number`;
  if (value["cpus"] !== undefined && !(Number(value["cpus"]) >= 1 && Number(value["cpus"]) <= 1024))
    return 'the recording\'s "cpus" is from 1 to 1024';
  for (const key of ["probes", "users"])
    if (value[key] !== undefined && !isObject(value[key])) return `the recording's "${key}" is an object`;
  for (const [probe, about] of Object.entries((value["probes"] ?? {}) as Record<string, unknown>)) {
    const fields = isObject(about) ? (about["fields"] ?? []) : undefined;
    if (!Array.isArray(fields) || !fields.every(isField))
      return `the fields of ${probe} are a list of {"name", "type", "offset", "size", "signed"}`;
  }
  return undefined;
}

const isField = (value: unknown): boolean =>
  isObject(value) &&
  typeof value["name"] === "string" &&
  typeof value["type"] === "string" &&
  typeof value["signed"] === "boolean" &&
  [value["offset"], value["size"]].every((n) => typeof n === "number" && Number.isInteger(n) && n >= 0 && n < 65536);

function complaintOf(value: unknown): string | undefined {
  if (!isObject(value)) return "an event is a JSON object";
  if (typeof value["probe"] !== "string" || value["probe"] === "") return 'an event has the name of its "probe"';
  for (const key of ["nsecs", "cpu", "pid", "tid", "uid", "gid"]) {
    if (!whole(value[key])) return `"${key}" is a whole number`;
    if (value[key] !== undefined && Number(value[key]) < 0) return `"${key}" is not negative`;
  }
  if (Number(value["cpu"] ?? 0) > 1023) return '"cpu" is at most 1023';
  if (value["comm"] !== undefined && typeof value["comm"] !== "string") return '"comm" is text';
  if (value["args"] !== undefined) {
    if (!isObject(value["args"])) return '"args" is an object: the fields by their names';
    for (const [name, arg] of Object.entries(value["args"]))
      if (!fits(arg)) return `the argument "${name}" is a whole number, text, true, false, null, or a list of these`;
  }
  for (const key of ["kstack", "ustack"])
    if (value[key] !== undefined && !Array.isArray(value[key])) return `"${key}" is a list of frames`;
  return undefined;
}

function fits(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (Array.isArray(value)) return value.every(fits);
  return (typeof value === "number" || typeof value === "bigint") && whole(value);
}

/** One line of a recording, without its end. */
export function recordingLine(value: RecordedEvent | (RecordingHeader & { readonly scry: "recording" })): string {
  // JSON.stringify knows no bigint: its digits are written where a marked string would stand.
  return JSON.stringify(value, (_key, v) => (typeof v === "bigint" ? `${MARK}${v}` : v)).replace(
    /"\\u0000(-?\d+)"/g,
    "$1",
  );
}
