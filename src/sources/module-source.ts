// Objects from kernel modules in TypeScript.

import { dirname, join } from "node:path";
import type { Btf } from "../btf/index.ts";
import { type Kernel, parseFormat } from "../kernel/index.ts";
import { compileModule } from "../lang/kernel-ts/index.ts";
import type { BpfObject } from "../object/index.ts";
import { DiagnosticError, type SourceText } from "../source/index.ts";
import { readForeign } from "../symbols/index.ts";
import { binaryFunctions, probeArguments } from "./binary-functions.ts";
import { dumping, fileOfObject, type TargetOptions, targetOf } from "./target.ts";

/** Throws a DiagnosticError for what is wrong with the module, or where it cannot be read. */
export function objectOfModule(path: string, options: TargetOptions = {}): BpfObject {
  const { onRead } = options;
  onRead?.(path);
  const source = textOf(path);
  const { object, diagnostics } = compileModule(source, {
    ...targetOf(options),
    ...dumping(options),
    binary: binaryFunctions(),
    probe: probeArguments,
    include: (specifier, from) => imported(specifier, from.name, onRead),
  });
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  options.dump?.object(object);
  return object;
}

const textOf = (path: string): SourceText => ({ name: path, text: new TextDecoder().decode(readForeign(path)) });

/** What a module imports by its path; undefined: there is nothing. */
function imported(specifier: string, from: string, onRead?: (path: string) => void): SourceText | undefined {
  if (!/^\.{0,2}\//.test(specifier)) return undefined;
  const path = specifier.startsWith("/") ? specifier : join(dirname(from), specifier);
  onRead?.(path);
  try {
    return textOf(path);
  } catch {
    return undefined;
  }
}

/** What is known of kernels where a module is for the embedded machine. */
export interface EmbeddedTarget {
  /** The types of a kernel; those of the running one unless said otherwise, where they can be read. Null: none. */
  readonly btf?: Btf | null;
  /** Fields of tracepoints: the text of a `format` file of tracefs for each, by `category:name`. */
  readonly tracepoints?: Readonly<Record<string, string>>;
  readonly kernel?: Kernel;
}

/** For the embedded machine: no kernel is needed. `btf`: what its kernel structs are by. Throws as `objectOfModule` does. */
export function embeddedObjectOf(
  path: string,
  options: EmbeddedTarget = {},
): { readonly object: BpfObject; readonly btf?: Btf } {
  const source = textOf(path);
  const target = targetOf(options);
  const btf = options.btf === undefined ? target.btf() : (options.btf ?? undefined);
  const { object, diagnostics } = compileModule(source, {
    machine: "x86",
    cpu: 4,
    embedded: true,
    anyTracepoint: true,
    include: (specifier, from) => imported(specifier, from.name),
    binary: binaryFunctions(),
    probe: probeArguments,
    btf: () => btf,
    tracepoint: (category, name) => {
      const given = options.tracepoints?.[`${category}:${name}`];
      if (given !== undefined) return parseFormat(given).fields;
      return options.btf === null ? undefined : tracepointOrNone(() => target.tracepoint(category, name));
    },
  });
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  return { object, ...(btf === undefined ? {} : { btf }) };
}

/** Without root, tracefs cannot be read. */
function tracepointOrNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

/** The same as an object file, for any kernel. Throws likewise, ObjectFileError for what such a file cannot say. */
export function objectFileOfModule(path: string, options: TargetOptions = {}): Uint8Array {
  return fileOfObject(objectOfModule(path, { ...options, portable: true }), options);
}
