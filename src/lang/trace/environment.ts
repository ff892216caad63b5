// What the language has to ask of the world: which probes exist, what their arguments are, what the kernel's types
// are. The session answers from a live system; a test or a browser answers from data.

import type { Btf } from "../../btf/index.ts";

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
  readonly size: number;
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

export interface TraceEnvironment {
  /** Positional parameters, `$1` first. */
  readonly params: readonly string[];
  /** Only this process is to be traced (`-p`, or the child of `-c`). */
  readonly pid?: number;
  /** The child of `-c`. */
  readonly childPid?: number;
  /** Possible CPUs. */
  readonly cpus: number;
  readonly machine: "x86_64" | "aarch64";
  /** May functions with side effects on the system be called (`system`, `signal`)? */
  readonly unsafe: boolean;
  btf(): Btf | undefined;
  /** Names that match both patterns (`*`, `?`, `[…]`), in the kernel's order. */
  tracepoints(category: string, name: string): readonly TracepointName[];
  tracepointFormat(category: string, name: string): readonly TracepointField[] | undefined;
  rawTracepoints(name: string): readonly string[];
  kernelFunctions(name: string, module?: string): readonly string[];
  /** The number of a system call by its name without `sys_`. */
  syscallNumber(name: string): number | undefined;
  /** The file that a binary or library name of an attach point stands for. */
  binary(name: string): string | undefined;
  /** Functions of a binary whose names match; names without a wildcard may be demangled C++ names. */
  functions(path: string, name: string): readonly UserFunction[];
  /** Address of a kernel symbol. */
  kernelAddress(name: string): bigint | undefined;
  /** Address of a symbol as its file has it, before it is loaded anywhere. */
  userAddress(path: string, name: string): bigint | undefined;
  cgroupId(path: string): bigint | undefined;
  usdt(path: string, provider: string, name: string): readonly UsdtSite[];
  /** Why a probe of this kind cannot attach on this kernel; undefined where it can. */
  obstacle(kind: string): string | undefined;
}

/** Does the name match the pattern? `*` any run, `?` one character, `[abc]` `[a-z]` `[!a]` one of these. */
export function matchesPattern(pattern: string, name: string): boolean {
  return patternRegExp(pattern).test(name);
}

export const isPattern = (text: string): boolean => /[*?[]/.test(text);

export function patternRegExp(pattern: string): RegExp {
  let source = "";
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    const close = c === "[" ? pattern.indexOf("]", i + 2) : -1;
    if (c === "*") source += ".*";
    else if (c === "?") source += ".";
    else if (close > 0) {
      source += `[${pattern
        .slice(i + 1, close)
        .replace(/^!/, "^")
        .replace(/[\\[\]]/g, "\\$&")}]`;
      i = close;
    } else source += c.replace(/[\\^$.|+(){}[\]]/g, "\\$&");
  }
  return new RegExp(`^${source}$`, "s");
}
