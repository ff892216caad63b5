// The script of a command line: its text, its parameters, its settings.

import { readFileSync } from "node:fs";
import { isConfigKey } from "../lang/trace/index.ts";
import { DiagnosticError, type SourceText } from "../source/index.ts";
import { type CommandLine, CommandLineError } from "./options.ts";

/** The whole of a file; `what` it is called in messages. Throws DiagnosticError. */
export function readText(file: string, what: string): SourceText {
  try {
    return { name: file, text: readFileSync(file === "-" ? 0 : file, "utf8") };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const why =
      { ENOENT: "No such file or directory", EACCES: "Permission denied", EISDIR: "Is a directory" }[code] ?? code;
    throw new DiagnosticError([
      { code: "SCRY1126", severity: "error", message: `failed to open ${what} '${file}': ${why}` },
    ]);
  }
}

/** `-e PROGRAM`, FILE, or `-` for standard input; what follows are parameters. */
export function scriptOf(line: CommandLine): {
  source: SourceText;
  params: readonly string[];
  named: ReadonlyMap<string, string>;
} {
  const named = new Map(
    line.named.map((word): [string, string] => {
      const at = word.indexOf("=");
      return at < 0 ? [word, "true"] : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
  const program = line.given.get("execute");
  if (program !== undefined) return { source: { name: "stdin", text: program }, params: line.rest, named };
  const [file, ...params] = line.rest;
  if (file === undefined) throw new CommandLineError("a script is needed: FILE or -e PROGRAM");
  const source = readText(file, "file");
  return { source: file === "-" ? { ...source, name: "stdin" } : source, params, named };
}

/** Where headers, debug information and functions of the kernel are looked for, as the command line says (`-I`, `--include`, `--debuginfo`, …). */
export function placesOf(line: CommandLine): {
  includeFolders?: readonly string[];
  includes?: readonly string[];
  debugFolders?: readonly string[];
  traceable?: string;
} {
  const folders = line.given.get("include-dir")?.split("\n");
  const debug = line.given.get("debuginfo")?.split(/[\n:]/);
  const traceable = line.given.get("traceable-functions");
  const includes = line.given.get("include")?.split("\n");
  return {
    ...(folders === undefined ? {} : { includeFolders: folders }),
    ...(includes === undefined ? {} : { includes }),
    ...(debug === undefined ? {} : { debugFolders: debug }),
    ...(traceable === undefined ? {} : { traceable: readText(traceable, "list of functions").text }),
  };
}

/** BPFTRACE_MAX_STRLEN=64 is max_strlen=64. */
export function settingsFromEnvironment(): [string, string][] {
  const known = new Set(["BTF", "KERNEL_BUILD", "KERNEL_SOURCE", "VMLINUX", "COLOR"]);
  return Object.entries(process.env).flatMap(([name, value]): [string, string][] => {
    const key = /^BPFTRACE_([A-Z_]+)$/.exec(name)?.[1];
    // What nobody knows is another program's, as it is for bpftrace.
    return key === undefined || value === undefined || known.has(key) || !isConfigKey(key.toLowerCase())
      ? []
      : [[key.toLowerCase(), value]];
  });
}
