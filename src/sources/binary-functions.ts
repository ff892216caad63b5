// Functions of programs by their debug information, and static probes, for modules whose parameters say nothing of their types.

import { parseUsdtArguments, UsdtArgumentError, usdtNotes } from "../elf/index.ts";
import type { BinaryFunction, ProbeArgument } from "../lang/kernel-ts/index.ts";
import { binaryNamed, DebugInformation } from "../session/index.ts";
import { FormatError } from "../source/index.ts";
import { fileSymbols } from "../symbols/index.ts";

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

/** The arguments of `path:provider:name` at the first of its places; undefined: there is no such probe. */
export function probeArguments(place: string): readonly (ProbeArgument | undefined)[] | undefined {
  const parts = place.split(":");
  const [provider, name] = parts.slice(-2);
  const path = parts.length < 3 ? undefined : binaryNamed(parts.slice(0, -2).join(":"), undefined);
  if (path === undefined) return undefined;
  try {
    const { elf } = fileSymbols(path);
    const note = usdtNotes(elf).find((one) => one.provider === provider && one.name === name);
    if (note === undefined) return undefined;
    const machine = elf.machine === "aarch64" ? "aarch64" : "x86_64";
    return parseUsdtArguments(note.arguments, machine).map((one) => (one.float ? undefined : one));
  } catch (error) {
    const known = error instanceof FormatError || error instanceof UsdtArgumentError;
    if (known || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

/** What a program says of its functions. Throws a FormatError that names its file, also where it cannot be read. */
function symbolsOf(path: string): ReturnType<typeof fileSymbols> {
  try {
    return fileSymbols(path);
  } catch (error) {
    if (error instanceof FormatError) throw error.of(path);
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new FormatError(path, code === "ENOENT" ? "there is no such file" : `it cannot be read: ${code}`);
  }
}

/** The functions and static probes that a program has, as modules write them: `path` is what is written. */
export function placesOf(path: string): { readonly functions: readonly string[]; readonly probes: readonly string[] } {
  const file = binaryNamed(path, undefined) ?? path;
  const symbols = symbolsOf(file);
  const functions = symbols.functions().map(({ name }) => `${path}:${name}`);
  const probes = usdtNotes(symbols.elf).map(({ provider, name }) => `${path}:${provider}:${name}`);
  return { functions: [...new Set(functions)], probes: [...new Set(probes)] };
}
