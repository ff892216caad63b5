// Objects from texts: C, BCC's dialect of it, kernel modules in TypeScript. Headers are looked for beside the text, in the
// folders that are given, and where the system has its own; `vmlinux.h` and libbpf's are known without any file.

import type { BpfObject } from "../object/index.ts";
import { type CSourceOptions, objectFileOfC, objectOfC } from "./c-source.ts";
import { objectFileOfModule, objectOfModule } from "./module-source.ts";

export { binaryFunctions, placesOf, probeArguments } from "./binary-functions.ts";
export { type CSourceOptions, objectFileOfC, objectOfText } from "./c-source.ts";
export { type EmbeddedTarget, embeddedObjectOf } from "./module-source.ts";

/** By how a file's name ends. */
const BY_NAME: Readonly<
  Record<
    string,
    {
      object(path: string, options: CSourceOptions): BpfObject;
      file(path: string, options: CSourceOptions): Uint8Array;
    }
  >
> = {
  c: { object: objectOfC, file: objectFileOfC },
  ts: { object: objectOfModule, file: objectFileOfModule },
};

const row = (path: string): (typeof BY_NAME)[string] => {
  const found = BY_NAME[path.slice(path.lastIndexOf(".") + 1)];
  if (found === undefined) throw new Error(`${path} is no text that becomes an object`);
  return found;
};

/** Throws a DiagnosticError for what is wrong with the text, or where it cannot be read. */
export const objectOf = (path: string, options: CSourceOptions = {}): BpfObject => row(path).object(path, options);

/** The same as an object file, for any kernel. Throws likewise, ObjectFileError for what such a file cannot say. */
export const objectFileOf = (path: string, options: CSourceOptions = {}): Uint8Array => row(path).file(path, options);
