// Structs of C headers, for records whose type the object does not have: clang leaves out of BTF what no map, variable or
// function speaks of, as a record that is built on the stack.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Btf } from "../../btf/index.ts";
import { CTypes, Preprocessor, readDeclarations } from "../../c/index.ts";
import { kernelBtf } from "../../kernel/index.ts";
import { DiagnosticError, type SourceText } from "../../source/index.ts";

/** The types that headers declare, upon those of the object. `names`: of the structs, as C has them without `struct`. */
export interface HeaderTypes {
  readonly btf: Btf;
  readonly names: readonly string[];
}

/**
 * Reads headers. What they include is taken where it lies beside them, else passed over: names of the kernel's are in its own
 * types. Throws DiagnosticError.
 */
export function headerTypes(files: readonly string[], object: Btf | undefined): HeaderTypes | undefined {
  if (files.length === 0) return undefined;
  const types = new CTypes(() => kernelTypes() ?? object);
  const preprocessor = new Preprocessor({
    include: ({ name, from, quoted }) =>
      (quoted ? textOf(join(dirname(from.name), name)) : undefined) ?? { name, text: "" },
  });
  for (const file of files) {
    const text = textOf(file);
    if (text === undefined)
      throw new DiagnosticError([
        { code: "SCRY1126", severity: "error", message: `failed to open the header '${file}'` },
      ]);
    try {
      readDeclarations(preprocessor.run(text), types);
    } catch (error) {
      if (error instanceof DiagnosticError && error.source === undefined)
        throw new DiagnosticError(error.diagnostics, text);
      throw error;
    }
  }
  return { btf: types, names: types.names().flatMap((name) => /^struct (\w+)$/.exec(name)?.[1] ?? []) };
}

function kernelTypes(): Btf | undefined {
  try {
    return kernelBtf();
  } catch {
    return undefined;
  }
}

function textOf(path: string): SourceText | undefined {
  try {
    return { name: path, text: readFileSync(path, "utf8") };
  } catch {
    return undefined;
  }
}
