// Objects from kernel modules in TypeScript.

import { dirname, join } from "node:path";
import { compileModule } from "../lang/kernel-ts/index.ts";
import type { BpfObject } from "../object/index.ts";
import { DiagnosticError, type SourceText } from "../source/index.ts";
import { readForeign } from "../symbols/index.ts";
import { fileOfObject, type TargetOptions, targetOf } from "./target.ts";

/** Throws a DiagnosticError for what is wrong with the module, or where it cannot be read. */
export function objectOfModule(path: string, options: TargetOptions = {}): BpfObject {
  const source = textOf(path);
  const { object, diagnostics } = compileModule(source, {
    ...targetOf(options),
    include: (specifier, from) => imported(specifier, from.name),
  });
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  return object;
}

const textOf = (path: string): SourceText => ({ name: path, text: new TextDecoder().decode(readForeign(path)) });

/** What a module imports by its path; undefined: there is nothing. */
function imported(specifier: string, from: string): SourceText | undefined {
  if (!/^\.{0,2}\//.test(specifier)) return undefined;
  try {
    return textOf(specifier.startsWith("/") ? specifier : join(dirname(from), specifier));
  } catch {
    return undefined;
  }
}

/** The same as an object file, for any kernel. Throws likewise, ObjectFileError for what such a file cannot say. */
export function objectFileOfModule(path: string, options: TargetOptions = {}): Uint8Array {
  return fileOfObject(objectOfModule(path, { ...options, portable: true }), options);
}
