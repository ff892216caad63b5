// Objects from kernel modules in TypeScript: `openObject("x.bpf.ts")`.

import { hasFeature, kernelBtf, liveKernel, tracepointFormat } from "../kernel/index.ts";
import { compileModule } from "../lang/kernel-ts/index.ts";
import { type BpfObject, writeObject } from "../object/index.ts";
import { DiagnosticError, type SourceText } from "../source/index.ts";
import type { CSourceOptions } from "./c-source.ts";
import { readForeign } from "./read-file.ts";

export type ModuleSourceOptions = Pick<CSourceOptions, "kernel" | "portable">;

/** Throws a DiagnosticError for what is wrong with the module, a system error where it cannot be read. */
export function objectOfModule(path: string, options: ModuleSourceOptions = {}): BpfObject {
  const source: SourceText = { name: path, text: new TextDecoder().decode(readForeign(path)) };
  const kernel = options.kernel ?? liveKernel();
  const { object, diagnostics } = compileModule(source, {
    btf: () => {
      try {
        return kernelBtf(kernel);
      } catch {
        // Without types of the kernel: what needs them says so.
        return undefined;
      }
    },
    tracepoint: (category, name) => tracepointFormat(category, name, kernel)?.fields,
    cpu: options.portable !== true && hasFeature("isa4", kernel) ? 4 : 3,
    machine: process.arch === "arm64" ? "arm64" : "x86",
  });
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  return object;
}

/** The same as an object file, for any kernel. Throws likewise, ObjectFileError for what such a file cannot say. */
export function objectFileOfModule(path: string, options: ModuleSourceOptions = {}): Uint8Array {
  const object = objectOfModule(path, { ...options, portable: true });
  return writeObject(object, { kernel: kernelBtf(options.kernel ?? liveKernel()) });
}
