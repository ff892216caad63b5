// A probe as the compiler sees it: where it attaches, what kind of program it needs, and how its arguments are reached.

import type { Location, Term } from "../dwarf/index.ts";
import type { UsdtArgument } from "../elf/index.ts";
import type { AttachTarget, ProgramSpec, ProgramType } from "../object/index.ts";
import type { Type } from "../schema/index.ts";
import type { Span } from "../source/index.ts";

/** `provider:part:part…` as written, positional parameters already put in. */
export interface AttachPoint {
  readonly text: string;
  readonly parts: readonly string[];
  readonly span: Span;
}

/** How the value of an argument is reached from the program's context. */
export type ArgumentAccess =
  /** An integer of the record. */
  | { readonly kind: "record"; readonly offset: number; readonly size: number; readonly signed: boolean }
  /** An array of the record: its place is its value. */
  | { readonly kind: "record-array"; readonly offset: number; readonly size: number }
  /** `__data_loc`: low 16 bits of the word are the offset in the record. */
  | { readonly kind: "data-loc"; readonly offset: number; readonly relative: boolean }
  /** The n-th argument of a raw tracepoint. */
  | { readonly kind: "raw"; readonly index: number }
  /** The n-th argument of the system call whose registers are the first argument of the raw tracepoint. */
  | { readonly kind: "syscall"; readonly index: number }
  /** The number of the system call, from the raw tracepoint's arguments. */
  | { readonly kind: "syscall-number" }
  /** The registers' n-th argument by the calling convention. */
  | { readonly kind: "register"; readonly index: number }
  | { readonly kind: "return-register" }
  | { readonly kind: "usdt"; readonly argument: UsdtArgument }
  /** A variable, by debug information; `address` is the probe's, before the file is loaded anywhere. */
  | { readonly kind: "variable"; readonly location: Location; readonly frame?: Term; readonly address: number }
  /** A variable that cannot be read here, and the lines at which it can. */
  | { readonly kind: "lost"; readonly why: string; readonly lines: readonly number[] }
  /** A field of the context struct, known to BTF. */
  | { readonly kind: "context-field"; readonly offset: number };

export interface ProbeArgument {
  readonly name: string;
  readonly type: Type;
  readonly access: ArgumentAccess;
  /** As the kernel's own text writes the type. */
  readonly spelling?: string;
}

/** What the program's context is. */
export type ContextKind = "none" | "record" | "raw" | "registers" | "perf" | "iter";

/**
 * The runtime's g: in a register (bytes from the start of the context), or in thread-local memory (bytes from the start
 * of task_struct to the thread's base, and from there to the word); `goid` in bytes from the start of g. A text says why
 * it cannot be found.
 */
export type GoroutineAccess =
  | { readonly goid: number; readonly register: number }
  | { readonly goid: number; readonly threadBase: number; readonly threadLocal: number }
  | string;

/** One way of attaching a probe. */
export interface ProbeVariant {
  readonly programType: ProgramType;
  readonly target?: ProgramSpec["target"];
  readonly context: ContextKind;
  readonly attach: AttachTarget;
  /** Further places of the same probe: a Go function's other return instructions. */
  readonly more?: readonly AttachTarget[];
  /** It is no event when one of these bits of the word at this offset of the context is set. */
  readonly unless?: { readonly offset: number; readonly bits: number };
  /** In a Go function: how the goroutine is found. */
  readonly goroutine?: GoroutineAccess;
  /** Only this system call is meant; the variant sees all of them. */
  readonly syscall?: { readonly number: number; readonly exit: boolean };
  /** `args.NAME` in this variant; undefined where the variant does not carry them. */
  readonly args: ReadonlyMap<string, ProbeArgument> | undefined;
}

export interface ResolvedProbe {
  readonly provider: string;
  /** As `probe` says it: `tracepoint:syscalls:sys_enter_openat`. */
  readonly name: string;
  /** As `func` says it. */
  readonly func?: string;
  /** The variants it can take, the plainest first; the compiler picks one by what the script asks for. */
  readonly variants: readonly [ProbeVariant, ...ProbeVariant[]];
  /** `arg0`… exist, this many at the most. */
  readonly numberedArgs: number;
  /** `args` are the variables that can be seen there: `vars.NAME`. */
  readonly variables?: boolean;
  /** `retval` exists, with this type. */
  readonly returns?: Type;
  /** Why `retval` does not exist, where its kind of probe would have it. */
  readonly noReturns?: string;
  /** To be said where the script names it. */
  readonly warning?: string;
  /** `begin` and `end` probes run once, without anything happening. */
  readonly special?: boolean;
}
