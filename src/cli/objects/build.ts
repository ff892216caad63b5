// What `scry build` does: C text in, an object file out.

import { writeFileSync } from "node:fs";
import { kernelBtf } from "../../kernel/index.ts";
import { objectOfC } from "../../loader/index.ts";
import { writeObject } from "../../object/index.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { cOptions, fileOf, speakOf } from "./open.ts";

export async function buildObject(line: CommandLine): Promise<number> {
  const file = fileOf(line, "build");
  if (!file.endsWith(".c")) throw new UsageError(`scry build takes C text: '${file}' does not end in .c`);
  const object = objectOfC(file, { ...cOptions(line), portable: true });
  speakOf(object.source);
  const bytes = writeObject(object, { kernel: kernelBtf() });
  writeFileSync(line.given.get("output") ?? file.replace(/\.c$/, ".o"), bytes);
  return 0;
}
