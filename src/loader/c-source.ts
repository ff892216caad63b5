// Objects from C text: `openObject("x.bpf.c")`. Headers are looked for beside the text, in the folders that are given, and
// where the system has its own; `vmlinux.h` and libbpf's are known without any file.

import { hasFeature, type Kernel, kernelBtf, liveKernel } from "../kernel/index.ts";
import { compileC } from "../lang/c/index.ts";
import type { BpfObject } from "../object/index.ts";
import { HeaderFiles } from "../session/index.ts";
import { DiagnosticError, type SourceText } from "../source/index.ts";
import { readForeign } from "./read-file.ts";

export interface CSourceOptions {
  /** Folders of headers (`-I`). */
  readonly includeFolders?: readonly string[];
  /** Headers before the text (`--include`). */
  readonly includes?: readonly string[];
  /** Macros, `NAME` or `NAME=TEXT` (`-D`). */
  readonly defines?: readonly string[];
  readonly kernel?: Kernel;
  /** For any kernel, not only this one: with the instructions that all have. */
  readonly portable?: boolean;
}

/** Throws a DiagnosticError for what is wrong with the text, a system error where it cannot be read. */
export function objectOfC(path: string, options: CSourceOptions = {}): BpfObject {
  const source: SourceText = { name: path, text: new TextDecoder().decode(readForeign(path)) };
  const headers = new HeaderFiles(options.includeFolders ?? []);
  const kernel = options.kernel ?? liveKernel();
  const { object, diagnostics, skipped } = compileC(source, {
    btf: () => {
      try {
        return kernelBtf(kernel);
      } catch {
        // Without types of the kernel: what needs them says so.
        return undefined;
      }
    },
    include: (request) => headers.find(request, "own") ?? headers.find(request, "system"),
    includes: options.includes ?? [],
    defines: (options.defines ?? []).map((text): [string, string] => {
      const at = text.indexOf("=");
      return at < 0 ? [text, "1"] : [text.slice(0, at), text.slice(at + 1)];
    }),
    cpu: options.portable !== true && hasFeature("isa4", kernel) ? 4 : 3,
    machine: process.arch === "arm64" ? "arm64" : "x86",
  });
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  const [section] = skipped;
  if (section !== undefined)
    throw new DiagnosticError(
      [
        {
          code: "SCRY1314",
          severity: "error",
          message: `section ${section} says nothing of what its programs are`,
        },
      ],
      source,
    );
  return object;
}
