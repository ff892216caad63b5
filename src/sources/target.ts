// What a text is compiled for: the running kernel, or any.

import type { Btf } from "../btf/index.ts";
import { type FormatField, hasFeature, type Kernel, kernelBtf, liveKernel, tracepointFormat } from "../kernel/index.ts";
import { type BpfObject, writeObject } from "../object/index.ts";

export interface TargetOptions {
  readonly kernel?: Kernel;
  /** For any kernel, not only this one: with the instructions that all have. */
  readonly portable?: boolean;
  /** Is shown the text's stages on its way, and what it becomes. */
  readonly dump?: {
    compile(stage: string, program: string, text: () => string): void;
    object(object: BpfObject): void;
  };
  /** Is told of each file that the text is made of. */
  onRead?(path: string): void;
}

export interface SourceTarget {
  /** Undefined where the kernel has no types: what needs them says so. */
  btf(): Btf | undefined;
  tracepoint(category: string, name: string): readonly FormatField[] | undefined;
  readonly cpu: 3 | 4;
  readonly machine: "arm64" | "x86";
}

export function targetOf({ kernel = liveKernel(), portable = false }: TargetOptions): SourceTarget {
  return {
    btf: () => {
      try {
        return kernelBtf(kernel);
      } catch {
        return undefined;
      }
    },
    tracepoint: (category, name) => tracepointFormat(category, name, kernel)?.fields,
    cpu: !portable && hasFeature("isa4", kernel) ? 4 : 3,
    machine: process.arch === "arm64" ? "arm64" : "x86",
  };
}

/** What compilers are told to show. */
export const dumping = ({ dump }: TargetOptions): { dump?: (stage: string, text: string) => void } =>
  dump === undefined ? {} : { dump: (stage, text) => dump.compile(stage === "lower" ? "ir" : stage, "", () => text) };

/** As an object file. Throws ObjectFileError for what such a file cannot say. */
export function fileOfObject(object: BpfObject, { kernel = liveKernel() }: TargetOptions): Uint8Array {
  return writeObject(object, { kernel: kernelBtf(kernel) });
}
