// The object that a command line names, and what it says to change of it.

import { type ObjectFile, type OpenOptions, openObject } from "../../loader/index.ts";
import { DiagnosticError, nearest } from "../../source/index.ts";
import { dumper } from "../dump.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { explainObjectFailure, speakOf } from "./object-failure.ts";

export { speakOf };

/** The one file of a command line. */
export function fileOf({ rest }: CommandLine, command: string): string {
  const [file, ...more] = rest;
  if (file === undefined) throw new UsageError(`scry ${command} needs an object file: scry ${command} FILE.o`);
  if (more.length > 0) throw new UsageError(`scry ${command} takes one object file, not '${more.join(" ")}' as well`);
  return file;
}

/** What a command line says of C text. */
export const cOptions = (
  line: CommandLine,
): Pick<OpenOptions, "includeFolders" | "includes" | "defines" | "undefines" | "dialect"> => ({
  ...(line.given.get("dialect") === "bcc" ? { dialect: "bcc" as const } : {}),
  includeFolders: lines(line, "include-dir"),
  includes: lines(line, "include"),
  defines: lines(line, "define"),
  undefines: lines(line, "undefine"),
});

/** What a command line says of the warnings of C text, which are told on standard error. */
export const warned = (line: CommandLine): Pick<OpenOptions, "warnings" | "onWarnings"> => ({
  warnings: lines(line, "warn"),
  onWarnings: (all, source) => {
    explainObjectFailure(new DiagnosticError(all, source), line);
  },
});

/** `-d STAGE`: what a text is on its way to an object, on standard output. */
export const dumped = (line: CommandLine): Pick<OpenOptions, "dump"> => {
  const wanted = line.given.get("debug");
  return wanted === undefined ? {} : { dump: dumper(wanted, (text) => void process.stdout.write(text)) };
};

/** What a command line says of how objects are opened. */
export const openOptions = (line: CommandLine): OpenOptions => {
  const token = line.given.get("token");
  const device = line.given.get("interface");
  const offloaded = line.given.get("xdp-mode") === "offloaded";
  if (offloaded && device === undefined)
    throw new UsageError("--xdp-mode offloaded is about the card of an interface: --interface NAME", []);
  return {
    ...cOptions(line),
    ...dumped(line),
    ...(token === undefined ? {} : { token }),
    ...(offloaded && device !== undefined ? { offload: { interface: device } } : {}),
  };
};

export async function openFile(file: string, options: OpenOptions = {}): Promise<ObjectFile> {
  const object = await openObject(file, options);
  speakOf(object.file.source);
  return object;
}

/** `--set NAME=VALUE`: variables of the object, and sizes of its maps, before it is loaded. */
export function setVariables(object: ObjectFile, line: CommandLine): void {
  for (const text of lines(line, "set")) {
    const [name, value] = pair(text, "--set", "NAME=VALUE");
    if (setMapField(object, name, value)) continue;
    const sections = Object.values(object.sections) as Record<string, unknown>[];
    const section = sections.find((one) => name in one);
    if (section === undefined) {
      const hint = nearest(
        name,
        sections.flatMap((one) => Object.keys(one)),
      )[0];
      throw new UsageError(`${object.name} has no variable ${name}`, hint === undefined ? [] : [hint]);
    }
    try {
      section[name] = asValue(value, section[name]);
    } catch (error) {
      if (error instanceof RangeError || error instanceof SyntaxError)
        throw new UsageError(`--set ${text}: ${error.message}`, []);
      throw error;
    }
  }
}

/** What of a map may be set, by its name in C. */
const MAP_FIELDS = {
  max_entries: "maxEntries",
  key_size: "keySize",
  value_size: "valueSize",
  map_flags: "flags",
} as const;

/** `start.max_entries=1024`; false where no map is meant. */
function setMapField(object: ObjectFile, name: string, value: string): boolean {
  const [, map, field] = /^(\w+)\.(\w+)$/.exec(name) ?? [];
  if (map === undefined || field === undefined) return false;
  const own = MAP_FIELDS[field as keyof typeof MAP_FIELDS];
  if (own === undefined)
    throw new UsageError(`--set ${name}: of a map ${Object.keys(MAP_FIELDS).join(", ")} can be set, not ${field}`, []);
  const number = Number(value);
  if (!/^\S+$/.test(value) || !Number.isInteger(number) || number < 0 || number >= 2 ** 32)
    throw new UsageError(`--set ${name}=${value}: a whole number is needed`, []);
  object.map(map)[own] = number;
  return true;
}

function asValue(text: string, now: unknown): unknown {
  if (typeof now === "string") {
    // An enum's number, or text.
    return text;
  }
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d+(?:\.\d+)?$/.test(text) && typeof now === "number") return Number(text);
  if (/^-?(?:0[xX][0-9a-fA-F]+|\d+)$/.test(text)) return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
  if (text.startsWith("{") || text.startsWith("[")) return JSON.parse(text);
  return text;
}

/** What stands several times on a command line. */
export const lines = ({ given }: CommandLine, option: string): readonly string[] =>
  given.get(option)?.split("\n") ?? [];

export function pair(text: string, option: string, form: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new UsageError(`${option} takes ${form}, not '${text}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}
