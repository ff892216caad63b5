// What `scry build` does: C text, TypeScript and objects in, one object file out; or all that a compilation database has for BPF.

import { isText } from "../../loader/index.ts";
import { linkObjects } from "../../object/index.ts";
import { objectFileOf } from "../../sources/index.ts";
import { readForeign } from "../../symbols/index.ts";
import { type CommandLine, type Option, parseCommandLine, UsageError } from "../options.ts";
import { writeOutput } from "../streams.ts";
import { databaseLines } from "./compilation-database.ts";
import { ownWords } from "./compiler-words.ts";
import { explainObjectFailure } from "./object-failure.ts";
import { cOptions, dumped, warned } from "./open.ts";

/** The object that a file is, or that its C text makes. */
export function objectBytes(line: CommandLine, file: string): Uint8Array {
  return isText(file) ? objectFileOf(file, { ...cOptions(line), ...warned(line), ...dumped(line) }) : readForeign(file);
}

export async function buildObject(words: readonly string[], taken: readonly Option[]): Promise<number> {
  const line = parseCommandLine(ownWords(words), taken);
  const database = line.given.get("database");
  if (database === undefined) return buildOne(line);
  if (line.rest.length > 0 || line.given.has("output"))
    throw new UsageError(
      `-p says which files there are, and what is made of them: '${line.rest[0] ?? "-o"}' is one too many`,
    );
  const lines = databaseLines(database, (own) => parseCommandLine(ownWords(own), taken));
  if (lines.length === 0) throw new UsageError(`${database} compiles nothing for BPF (-target bpf)`, []);
  let status = 0;
  // What is wrong with one file keeps no other from being compiled.
  for (const entry of lines) {
    try {
      buildOne(entry());
    } catch (error) {
      status = explainObjectFailure(error, line);
    }
  }
  return status;
}

function buildOne(line: CommandLine): number {
  const [first, ...more] = line.rest;
  if (first === undefined) throw new UsageError("scry build needs C text or objects: scry build FILE.bpf.c -o FILE.o");
  for (const file of line.rest)
    if (!/\.(?:[co]|ts)$/.test(file))
      throw new UsageError(`scry build takes C, TypeScript and objects: '${file}' ends in neither .c, .ts nor .o`);
  const alone = more.length === 0 && !first.endsWith(".o");
  const output = line.given.get("output") ?? (alone ? first.replace(/\.(?:c|ts)$/, ".o") : undefined);
  if (output === undefined) throw new UsageError("scry build must be told what to call what it links: -o FILE.o");
  const bytes = alone
    ? objectBytes(line, first)
    : linkObjects(line.rest.map((name) => ({ name, bytes: objectBytes(line, name) })));
  writeOutput(output, bytes);
  return 0;
}
