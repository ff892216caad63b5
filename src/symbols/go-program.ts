// What is to be known of a Go program to trace it: its version, where its runtime keeps things, and of its functions how
// they are called and where they return.

import { functionExits, type GoVersion, goidOffset, goStackCheck, goUsesRegisters, goVersion } from "../elf/index.ts";
import type { FileSymbol, FileSymbols } from "./file-symbols.ts";

type Machine = "x86_64" | "aarch64";

export interface GoProgram {
  /** `go1.19.8`; empty where the program does not say. */
  readonly version: string;
  /** Bytes from the start of the runtime's struct g to the goroutine's id; undefined where it is not known. */
  readonly goid: number | undefined;
  /** Where a thread keeps its g, in bytes from the thread pointer (x86-64); undefined where it is not known. */
  readonly threadLocal: number | undefined;
}

export interface GoProgramFunction extends GoProgram {
  readonly convention: "registers" | "stack" | "c";
  /** Its return instructions, in bytes from the start of the file; see `functionExits`. */
  exits(): { readonly returns: readonly number[]; readonly tailJumps: number; readonly unreadable?: number };
}

const programs = new WeakMap<FileSymbols, { readonly program: GoProgram; readonly version: GoVersion | undefined }>();

/** The Go that a program was made with; undefined for what Go did not make. */
export function goProgram(file: FileSymbols): GoProgram | undefined {
  return known(file)?.program;
}

function known(
  file: FileSymbols,
): { readonly program: GoProgram; readonly version: GoVersion | undefined } | undefined {
  if (file.go === undefined) return undefined;
  let found = programs.get(file);
  if (found === undefined) {
    const version = goVersion(file.elf);
    const program = {
      version: version?.text ?? "",
      goid: version === undefined ? undefined : goidOffset(version),
      threadLocal: threadLocal(file),
    };
    programs.set(file, (found = { program, version }));
  }
  return found;
}

const PT_INTERP = 3;
const PT_TLS = 7;

/**
 * The runtime's g is the thread-local word `runtime.tlsg`. The thread-local data of an executable ends at the thread
 * pointer ("ELF Handling For Thread-Local Storage", variant II); with nothing else in it, g is its last word.
 */
function threadLocal(file: FileSymbols): number | undefined {
  // A library's data is wherever the loader has found room for it.
  if (file.elf.type !== "exec" && !file.elf.segments.some((one) => one.type === PT_INTERP)) return undefined;
  const segment = file.elf.segments.find((one) => one.type === PT_TLS);
  if (segment === undefined || segment.memorySize === 8) return -8;
  const word = file.elf.symbols().find("runtime.tlsg");
  const size = Math.ceil(segment.memorySize / segment.alignment) * segment.alignment;
  return word?.type !== "tls" ? undefined : word.value - size;
}

/**
 * A Go function among a file's symbols; undefined for any other, and for one of C in a Go program that the C compiler
 * has cut off another (`.cold`).
 */
export function goFunction(file: FileSymbols, symbol: FileSymbol, machine: Machine): GoProgramFunction | undefined {
  const found = known(file);
  const entry = file.go?.covering(symbol.address);
  if (found === undefined || entry === undefined || entry.address !== symbol.address) return undefined;
  const start = symbol.fileOffset ?? 0;
  let exits: ReturnType<GoProgramFunction["exits"]> | undefined;
  return {
    version: found.program.version,
    goid: found.program.goid,
    threadLocal: found.program.threadLocal,
    convention: convention(symbol.name, found.version, machine),
    exits: () => {
      if (exits === undefined) {
        const { returns, ...rest } = functionExits(codeOf(file, symbol, entry.size), machine);
        exits = { returns: returns.map((offset) => start + offset), ...rest };
      }
      return exits;
    },
  };
}

/**
 * Where the entry probe of a Go function stands, in bytes from its entry: at the branch of the check of its stack, which
 * the kernel emulates, so that it costs a thirtieth (see `uprobeEntry`). When one of the bits `unless` of the flags
 * register is set, the function will start again. On arm64 behind the check.
 */
export function goEntry(file: FileSymbols, symbol: FileSymbol, machine: Machine): { skip: number; unless?: number } {
  const check = goStackCheck(codeOf(file, symbol, file.go?.covering(symbol.address)?.size ?? 0), machine);
  if (check === undefined) return { skip: 0 };
  return check.flags === undefined ? { skip: check.behind } : { skip: check.branch, unless: check.flags };
}

/** Names of Go have a package before a point. C's functions, and assembly's that no Go code calls, have none. */
function convention(name: string, version: GoVersion | undefined, machine: Machine): GoProgramFunction["convention"] {
  if (!name.includes(".") || /^_cgo_|\.(?:cold|part|isra|constprop)\b/.test(name)) return "c";
  if (name.endsWith(".abi0")) return "stack";
  return version === undefined || goUsesRegisters(version, machine) ? "registers" : "stack";
}

function codeOf(file: FileSymbols, symbol: FileSymbol, size: number): Uint8Array {
  const start = symbol.fileOffset ?? 0;
  return file.elf.bytes.subarray(start, start + (symbol.size || size));
}
