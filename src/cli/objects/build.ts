// What `scry build` does: C text in, an object file out.

import { readFileSync } from "node:fs";
import { kernelBtf } from "../../kernel/index.ts";
import { objectOfC } from "../../loader/index.ts";
import { writeObject } from "../../object/index.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { writeOutput } from "../streams.ts";
import { cOptions, fileOf, speakOf } from "./open.ts";

/** The object that a file is, or that its C text makes. */
export function objectBytes(line: CommandLine, file: string): Uint8Array {
  if (!file.endsWith(".c")) return readFileSync(file);
  const object = objectOfC(file, { ...cOptions(line), portable: true });
  speakOf(object.source);
  return writeObject(object, { kernel: kernelBtf() });
}

export async function buildObject(line: CommandLine): Promise<number> {
  const file = fileOf(line, "build");
  if (!file.endsWith(".c")) throw new UsageError(`scry build takes C text: '${file}' does not end in .c`);
  writeOutput(line.given.get("output") ?? file.replace(/\.c$/, ".o"), objectBytes(line, file));
  return 0;
}
