// What `scry build` does: C text and objects in, one object file out.

import { objectFileOfC, readForeign } from "../../loader/index.ts";
import { linkObjects } from "../../object/index.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { writeOutput } from "../streams.ts";
import { cOptions } from "./open.ts";

/** The object that a file is, or that its C text makes. */
export function objectBytes(line: CommandLine, file: string): Uint8Array {
  return file.endsWith(".c") ? objectFileOfC(file, cOptions(line)) : readForeign(file);
}

export async function buildObject(line: CommandLine): Promise<number> {
  const [first, ...more] = line.rest;
  if (first === undefined) throw new UsageError("scry build needs C text or objects: scry build FILE.bpf.c -o FILE.o");
  for (const file of line.rest)
    if (!/\.[co]$/.test(file))
      throw new UsageError(`scry build takes C text and objects: '${file}' ends in neither .c nor .o`);
  const alone = more.length === 0 && first.endsWith(".c");
  const output = line.given.get("output") ?? (alone ? first.replace(/\.c$/, ".o") : undefined);
  if (output === undefined) throw new UsageError("scry build must be told what to call what it links: -o FILE.o");
  const bytes = alone
    ? objectBytes(line, first)
    : linkObjects(line.rest.map((name) => ({ name, bytes: objectBytes(line, name) })));
  writeOutput(output, bytes);
  return 0;
}
