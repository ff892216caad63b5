// What has to be known of the world: the machine that programs are made for, what exists on it that can be probed, and
// what the user asked of this run. The session answers from a live system; a test or a browser answers from data.

import type { Btf } from "../btf/index.ts";
import type { IncludeRequest } from "../c/index.ts";
import type { Location, Term } from "../dwarf/index.ts";
import type { ProgramType } from "../object/index.ts";
import type { SourceText } from "../source/index.ts";

export interface TracepointName {
  readonly category: string;
  readonly name: string;
}

/** A field of a tracepoint's record, as its `format` file says. */
export interface TracepointField {
  readonly name: string;
  /** As written: `const char *`, `__data_loc char[]`, `u32`. */
  readonly type: string;
  /** Bytes from the start of the record. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
}

export interface UserFunction {
  readonly name: string;
  /** Bytes from the start of the file, where an entry probe is to be put. */
  readonly offset: number;
  /** Bytes from the start of the file to its first instruction, where that is somewhere else. */
  readonly start?: number;
  readonly size: number;
  /** Go has made it. */
  readonly go?: GoFunction;
  /** The entry probe stands where the function may still start again: when one of these bits of x86's flags is set. */
  readonly unless?: number;
}

/** What is known of the Go that a program was made with. */
export interface GoRuntime {
  /** `go1.19.8` */
  readonly version: string;
  /** Bytes from the start of the runtime's struct g to the goroutine's id; undefined where this version's is not known. */
  readonly goid: number | undefined;
  /** Where a thread keeps the g that it runs, in bytes from its thread pointer (x86-64); undefined where not known. */
  readonly threadLocal: number | undefined;
}

export interface GoFunction extends GoRuntime {
  /** Where its arguments and results are: in Go's registers (since Go 1.17), on the stack, or where C has them. */
  readonly convention: "registers" | "stack" | "c";
  /** Its return instructions in bytes from the start of the file, direct jumps to other functions; see `functionExits`. */
  exits(): { readonly returns: readonly number[]; readonly tailJumps: number; readonly unreadable?: number };
}

/** One place in a binary where a USDT probe stands. */
export interface UsdtSite {
  readonly provider: string;
  readonly name: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes from the start of the file; absent where the probe has no semaphore. */
  readonly semaphore?: number;
  /** `-4@%edi 8@-8(%rbp)` */
  readonly args: string;
}

/**
 * Parts of the kernel that programs are written around where they are missing: the instruction set's version 4 (Linux
 * 6.6), atomic operations that answer the old value (5.12), may_goto (6.9), bpf_get_current_task_btf (5.11), and numbers
 * by which a program tells its attachments apart: of perf events (5.15), of raw tracepoints (6.10).
 */
export type KernelPart =
  | "isa4"
  | "atomicFetch"
  | "mayGoto"
  | "currentTaskBtf"
  | "perfEventCookie"
  | "rawTracepointCookie";

/** What whole kinds of probes need: a kernel that was built without it, or a machine that has none, cannot attach them. */
export type ProbeFeature = "kprobe" | "fentry" | "hardwareCounters" | "breakpoints";

/** A place in the code of a line of source. */
export interface SourcePlace {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** The same as an address, before the file is loaded anywhere. */
  readonly address: number;
  readonly function: string;
  /** What the stack pointer was at the call of the function. */
  readonly frame?: Term;
  /** What can be seen there, by name. */
  variables(): ReadonlyMap<string, SourceVariable>;
}

export interface SourceVariable {
  readonly name: string;
  /** Its type, as an id of `btf()`. */
  readonly type: number;
  /** Where it is; absent: nowhere, and `why` says why. */
  readonly location?: Location;
  readonly why?: string;
  /** Lines at which it can be read, nearest first. */
  readonly lines: readonly number[];
}

/** The machine and the kernel that programs are made for. */
export interface Target {
  readonly machine: "x86_64" | "aarch64";
  /** Possible CPUs. */
  readonly cpus: number;
  btf(): Btf | undefined;
  /** Types of a module's functions, whose ids go on from those of `btf`; absent: no modules are known. */
  moduleBtf?(module: string): Btf | undefined;
  /** What the kernel has not got; absent: it has all of it. */
  lacks?(part: KernelPart): boolean;
  /** The namespace in which this process counts processes; absent: the system's first, as the kernel counts them. */
  readonly processNamespace?: { readonly device: bigint; readonly inode: bigint };
  /** Tracepoints come with their records only: there are no registers of a system call behind them. */
  readonly recordsOnly?: boolean;
}

/** What exists and can be probed. */
export interface System {
  /** Names that match both patterns (`*`, `?`, `[…]`), in the kernel's order. */
  tracepoints(category: string, name: string): readonly TracepointName[];
  tracepointFormat(category: string, name: string): readonly TracepointField[] | undefined;
  rawTracepoints(name: string): readonly string[];
  kernelFunctions(name: string, module?: string): readonly string[];
  /** Functions of BPF programs that are loaded, by name; absent: none are known. */
  bpfFunctions?(name: string): readonly { readonly program: number; readonly name: string }[];
  /** The number of a system call by its name without `sys_`. */
  syscallNumber(name: string): number | undefined;
  /** Address of a kernel symbol. */
  kernelAddress(name: string): bigint | undefined;
  /** May programs of a type call this function of the kernel? Absent: none is known. */
  kfuncAllowed?(type: ProgramType, name: string): boolean;
  cgroupId(path: string): bigint | undefined;
  /** The file that a binary or library name of an attach point stands for. */
  binary(name: string): string | undefined;
  /** The files that a pattern of an attach point matches; absent: patterns of files are not known. */
  binaries?(pattern: string): readonly string[];
  /** Functions of a binary whose names match, one for each address; names without a wildcard may be demangled C++ names. */
  functions(path: string, name: string): readonly UserFunction[];
  /** The names of a binary's functions that match, each once, aliases too; absent: those of `functions`. */
  functionNames?(path: string, name: string): Iterable<string>;
  /** The byte of the file at an address of its code; undefined: it has none there. Absent: the two are taken as one. */
  codeAt?(path: string, address: number): number | undefined;
  /** The function of a binary that this byte of the file belongs to; absent: such are not known. */
  functionAt?(path: string, offset: number): UserFunction | undefined;
  /** A symbol of a binary, for code of it that is so many bytes from the start of the file. */
  userSymbol(path: string, name: string, offset: number): UserSymbol | undefined;
  usdt(path: string, provider: string, name: string): readonly UsdtSite[];
  /** Where the code of a line of a program's source is; the file by the end of its path. Throws ProbeError. */
  sourceLine?(path: string, file: string, line: number, column?: number): readonly SourcePlace[];
  /**
   * Where the instructions around a byte of a function begin, where it lies inside of one: bytes from the function's
   * start (which is a byte of the file). Undefined where it is itself the beginning of one, or nobody can tell.
   */
  insideInstruction?(path: string, start: number, offset: number): readonly [before: number, after: number] | undefined;
  /** Parameters of the function that begins at this byte of the file, their types as ids of `btf()`. */
  parameters?(path: string, offset: number): readonly { readonly name: string; readonly type: number }[] | undefined;
  /** A type that a program declares, as an id of `btf()`; a name without a tag is that of a typedef, or of a class. */
  typeOfProgram?(path: string, tag: "struct" | "union" | "enum" | undefined, name: string): number | undefined;
  /** The Go of the process that is traced alone (`-p`); absent or undefined: there is none, or it is no Go program. */
  goProcess?(): GoRuntime | undefined;
  /** Can probes attach that need this of the kernel? Absent: all can. */
  attaches?(feature: ProbeFeature): boolean;
}

/** What the user asked of this run. */
export interface Request {
  /** Positional parameters, `$1` first. */
  readonly params: readonly string[];
  /** Named parameters (`--name=value` behind `--`), as written; `true` where no value is given. */
  readonly named?: ReadonlyMap<string, string>;
  /** Only this process is to be traced (`-p`, or the child of `-c`). */
  readonly pid?: number;
  /** Only this process and all that it starts are to be traced (`--follow`); then `pid` is absent. */
  readonly follow?: number;
  /** Only tasks of this control group, a folder of a cgroup2 file system, and of those below it (`--cgroup`). */
  readonly cgroup?: string;
  /** The child of `-c`. */
  readonly childPid?: number;
  /** Are helpers that fail to be told of (`-k`)? */
  readonly tellErrors?: boolean;
  /** May functions with side effects on the system be called (`system`, `signal`)? */
  readonly unsafe: boolean;
  /**
   * Reads a header: the user's own stand beside the script and in the folders of `-I`, the others where the system has
   * its own. Absent: there are none.
   */
  header?(request: IncludeRequest, whose: "own" | "system"): SourceText | undefined;
  /**
   * Files that an import names: one, or those of a folder, as texts whose names messages can show. Undefined: there is
   * none, or (a text) where it was looked for. Absent: none can be imported.
   */
  imported?(path: string, from: SourceText): readonly SourceText[] | string;
  /** Headers that stand before the script (`--include`). */
  readonly includes?: readonly string[];
  /** Which providers' probes this run is for; absent: all but those on request. The others are left out of the script. */
  wants?(provider: string, name: string): boolean;
}

/** A symbol of a program, function or variable. */
export interface UserSymbol {
  /** As the file has it. */
  readonly address: bigint;
  /** Bytes; 0 where it is not known. */
  readonly size: number;
  /** Bytes to it from the code that was asked for; absent where the file is loaded at the addresses that it has. */
  readonly distance?: bigint;
}

/** All three: who asks takes the part that it needs. */
export interface ProbeEnvironment extends Target, System, Request {}
