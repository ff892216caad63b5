// `scry/embedded`: scripts and kernel modules on the embedded machine, from their texts; also in a browser.

import { openBtf } from "./btf/index.ts";
import { compileModule } from "./lang/kernel-ts/index.ts";
import { DiagnosticError } from "./source/index.ts";
import { type EmbeddedModule, type EmbeddedModuleOptions, embeddedModule } from "./user-side/index.ts";

export * from "./embedded-trace.ts";
export type {
  EmbeddedModule,
  EmbeddedProgram,
  EventFields,
  EventSource,
  ProgramRun,
  RunOptions,
} from "./user-side/index.ts";

export interface ModuleTextOptions extends Omit<EmbeddedModuleOptions, "btf"> {
  /** What messages call it. */
  readonly name?: string;
  /** The types of a kernel, as /sys/kernel/btf/vmlinux has them: for modules that read its structs. */
  readonly btf?: Uint8Array;
}

/**
 * A kernel module from its text. Of tracepoints there are the fields that it names, as numbers of 64 bits. Throws a
 * DiagnosticError for what is wrong with the text, or for what the machine has not.
 */
export function embeddedProgram<M extends object = Record<never, never>>(
  text: string,
  options: ModuleTextOptions = {},
): EmbeddedModule<M> {
  const { name = "module.bpf.ts", btf: bytes, ...rest } = options;
  const source = { name, text };
  const btf = bytes === undefined ? undefined : openBtf(bytes);
  const { object, diagnostics } = compileModule(source, {
    cpu: 4,
    embedded: true,
    anyTracepoint: true,
    btf: () => btf,
  });
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  return embeddedModule<M>(object, { ...rest, ...(btf === undefined ? {} : { btf }) });
}
