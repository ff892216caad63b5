// Objects from kernel modules in TypeScript.

import { compileModule } from "../lang/kernel-ts/index.ts";
import type { BpfObject } from "../object/index.ts";
import { DiagnosticError, type SourceText } from "../source/index.ts";
import { readForeign } from "../symbols/index.ts";
import { fileOfObject, type TargetOptions, targetOf } from "./target.ts";

/** Throws a DiagnosticError for what is wrong with the module, or where it cannot be read. */
export function objectOfModule(path: string, options: TargetOptions = {}): BpfObject {
  const source: SourceText = { name: path, text: new TextDecoder().decode(readForeign(path)) };
  const { object, diagnostics } = compileModule(source, targetOf(options));
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  return object;
}

/** The same as an object file, for any kernel. Throws likewise, ObjectFileError for what such a file cannot say. */
export function objectFileOfModule(path: string, options: TargetOptions = {}): Uint8Array {
  return fileOfObject(objectOfModule(path, { ...options, portable: true }), options);
}
