// A builtin of the trace language: everything there is to know of it in one entry.

import type { CheckedBuiltin } from "../check/index.ts";
import type { LoweredBuiltin } from "../lower/index.ts";

export interface Builtin extends CheckedBuiltin, LoweredBuiltin {}

/** What is said of a builtin, where a function makes the rest. */
export type Said = Pick<Builtin, "doc" | "example" | "since">;

/** Builtins of one kind, by their names. */
export type Builtins = Readonly<Record<string, Builtin>>;
