// The tracing file system: where it is, which events there are, and what their records look like.

import { constants } from "node:os";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";

const places = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] as const;

/** The folder of tracefs. Mounts it where it is absent and we may; else throws an error that says how. */
export const tracefs = (kernel: Kernel = liveKernel()): string => kernel.once(findTracefs);

const findTracefs = (kernel: Kernel): string =>
  places.find((place) => kernel.files.exists(`${place}/available_events`)) ?? mountTracefs(kernel, places[0]);

function mountTracefs(kernel: Kernel, place: string): string {
  if (!kernel.files.exists(place)) {
    throw new UnsupportedError(`tracefs: this kernel was built without tracing (CONFIG_FTRACE), there is no ${place}`);
  }
  try {
    kernel.files.read(`${place}/available_events`);
  } catch (error) {
    // It may be there but closed to us: then mounting it over helps nobody.
    if ((error as NodeJS.ErrnoException).code === "EACCES")
      throw new SystemCallError("open", constants.errno.EACCES, `tracefs at ${place}`);
  }
  const result = kernel.calls.mount("tracefs", place, "tracefs", 0);
  if (result < 0)
    throw new SystemCallError(
      "mount",
      -result,
      `tracefs is not mounted: \`mount -t tracefs tracefs ${place}\`, once, as root`,
    );
  return place;
}

/** One field of an event's record, as its `format` file has it. */
export interface FormatField {
  /** The C type without the array part: `unsigned long`, `const char *`, `char`. */
  readonly type: string;
  readonly name: string;
  /** Bytes from the start of the record. */
  readonly offset: number;
  /** Bytes; 0 for an array that runs to the end of the record. */
  readonly size: number;
  readonly signed: boolean;
  /** For a fixed array. */
  readonly arrayLength?: number;
  /** The field holds `length << 16 | offset` of the data, from the start of the record, or from the field's end. */
  readonly location?: "absolute" | "relative";
}

export interface TracepointFormat {
  readonly name: string;
  readonly id: number;
  /** In order, the common ones (`common_pid`) first. */
  readonly fields: readonly FormatField[];
}

/** Reads the text of a `format` file (Documentation/trace/events.rst, section 2.3). */
export function parseFormat(text: string): TracepointFormat {
  const fields: FormatField[] = [];
  for (const match of text.matchAll(/^\s*field:(.*?);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d+);)?/gm)) {
    fields.push(parseField(match[1] as string, Number(match[2]), Number(match[3]), match[4] === "1"));
  }
  return {
    name: /^name: (.*)$/m.exec(text)?.[1] ?? "",
    id: Number(/^ID: (\d+)$/m.exec(text)?.[1] ?? 0),
    fields,
  };
}

/** `__data_loc char[] name` · `unsigned long args[6]` · `const char * filename` */
function parseField(declaration: string, offset: number, size: number, signed: boolean): FormatField {
  const location = /^(__data_loc|__rel_loc)\s+/.exec(declaration);
  const rest = location === null ? declaration : declaration.slice(location[0].length);
  const parts = /^(.*?)\s*([A-Za-z_]\w*)\s*(?:\[([^\]]*)\])?$/.exec(rest);
  const base = { offset, size, signed };
  if (parts === null) return { ...base, type: rest, name: "" };
  const type = (parts[1] as string).replace(/\[\]$/, "").trim();
  const name = parts[2] as string;
  if (location !== null)
    return { ...base, type, name, location: location[1] === "__rel_loc" ? "relative" : "absolute" };
  if (parts[3] === undefined) return { ...base, type, name };
  // The length may be a constant's name (`TASK_COMM_LEN`): then the size tells, where the element's is known.
  const length = Number(parts[3]);
  const element = elementSize(type);
  const arrayLength = Number.isInteger(length) && parts[3] !== "" ? length : element > 0 ? size / element : 0;
  return { ...base, type, name, arrayLength };
}

function elementSize(type: string): number {
  if (/\*$/.test(type) || /\blong\b|64$/.test(type)) return 8;
  if (/32$|^(unsigned )?int$|^unsigned$/.test(type)) return 4;
  if (/16$|\bshort\b/.test(type)) return 2;
  return /\bchar\b|8$|^bool$/.test(type) ? 1 : 0;
}

const readEvents = (kernel: Kernel): readonly string[] =>
  kernel
    .text(`${tracefs(kernel)}/available_events`)
    .split("\n")
    .filter((line) => line !== "");

/** Every tracepoint as `category:name`, in the kernel's order; read once (about 1 ms). */
export const listTracepoints = (kernel: Kernel = liveKernel()): readonly string[] => kernel.once(readEvents);

/** Those that were asked for, by `category:name`. */
const knownFormats = (): Map<string, TracepointFormat> => new Map();

/** The layout of an event's record and its id; undefined where there is no such event. */
export function tracepointFormat(
  category: string,
  name: string,
  kernel: Kernel = liveKernel(),
): TracepointFormat | undefined {
  const formats = kernel.once(knownFormats);
  const key = `${category}:${name}`;
  let format = formats.get(key);
  if (format === undefined) {
    const text = readEventFile(kernel, category, name, "format");
    if (text === undefined) return undefined;
    formats.set(key, (format = parseFormat(text)));
  }
  return format;
}

/** The number by which perf_event_open knows an event; undefined where there is no such event. */
export function tracepointId(category: string, name: string, kernel: Kernel = liveKernel()): number | undefined {
  const text = readEventFile(kernel, category, name, "id");
  return text === undefined ? undefined : Number(text);
}

function readEventFile(kernel: Kernel, category: string, name: string, file: string): string | undefined {
  if (/[/\0]/.test(category + name)) return undefined;
  try {
    return kernel.text(`${tracefs(kernel)}/events/${category}/${name}/${file}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
