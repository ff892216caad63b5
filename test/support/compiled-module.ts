// Kernel modules of tests, for the running kernel.

import { kernelBtf, tracepointFormat } from "../../src/kernel/index.ts";
import { compileModule } from "../../src/lang/kernel-ts/index.ts";
import type { BpfObject } from "../../src/object/index.ts";
import { formatDiagnostic } from "../../src/source/index.ts";

/** Throws what is wrong with the text, as it is told. */
export function compiledModule(text: string): BpfObject {
  const source = { name: "t.bpf.ts", text };
  const { object, diagnostics } = compileModule(source, {
    btf: () => kernelBtf(),
    tracepoint: (category, name) => tracepointFormat(category, name)?.fields,
    cpu: 4,
  });
  if (object === undefined) throw new Error(diagnostics.map((d) => formatDiagnostic(d, source)).join("\n"));
  return object;
}
