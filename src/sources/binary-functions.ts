// Functions of programs by their debug information, for modules whose parameters say nothing of their types.

import type { Btf } from "../btf/index.ts";
import { binaryNamed, DebugInformation } from "../session/index.ts";
import { FormatError } from "../source/index.ts";
import { fileSymbols } from "../symbols/index.ts";

export interface BinaryFunction {
  readonly btf: Btf;
  readonly params: readonly { readonly name: string; readonly type: number }[];
  readonly returns: number;
}

/** One for each compilation. What is known of `path:function`, `libc:malloc`; undefined: nothing. */
export function binaryFunctions(): (place: string) => BinaryFunction | undefined {
  const debug = new DebugInformation(() => undefined);
  return (place) => {
    const at = place.lastIndexOf(":");
    const path = at <= 0 ? undefined : binaryNamed(place.slice(0, at), undefined);
    if (path === undefined) return undefined;
    try {
      const offset = fileSymbols(path).find(place.slice(at + 1))?.fileOffset;
      const found = offset === undefined ? undefined : debug.functionAt(path, offset);
      const btf = debug.btf();
      return found === undefined || btf === undefined ? undefined : { btf, ...found };
    } catch (error) {
      if (error instanceof FormatError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
      throw error;
    }
  };
}
