// `scry gen`

import { basename } from "node:path";
import { kernelBtf } from "../../kernel/index.ts";
import { generateModule, isText } from "../../loader/index.ts";
import { type BpfObject, packObject, readObject } from "../../object/index.ts";
import type { CommandLine } from "../options.ts";
import { openStreams } from "../streams.ts";
import { objectBytes } from "./build.ts";
import { cOptions, fileOf, openFile } from "./open.ts";

export async function generateText(line: CommandLine): Promise<number> {
  const file = fileOf(line, "gen");
  const object = await openFile(file, cOptions(line));
  const { out } = openStreams(line.given);
  const isKernelType = kernelTypes();
  out.text(
    generateModule(object.file, {
      name: object.name,
      file: basename(file),
      ...(isKernelType === undefined ? {} : { isKernelType }),
      ...embedded(line, file, object.file),
    }),
  );
  out.flush();
  return 0;
}

/** What goes into the module of the object itself. */
function embedded(line: CommandLine, file: string, object: BpfObject): { embed?: Uint8Array } {
  if (line.given.has("light"))
    return { embed: packObject(isText(file) ? readObject(objectBytes(line, file)).object : object) };
  return line.given.has("embed") ? { embed: objectBytes(line, file) } : {};
}

/** Which structs are the kernel's own; undefined where it has no types to ask. */
export function kernelTypes(): ((name: string) => boolean) | undefined {
  try {
    const btf = kernelBtf();
    return (name) => btf.find(name, "struct") !== undefined;
  } catch {
    return undefined;
  }
}
