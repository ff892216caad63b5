// What a dialect adds to C for BPF: headers, methods of maps, functions that are programs by their names, and what is done
// with the code of a program before it is compiled.

import type { CFunction, CVariable, Methods, Typing } from "../../c/index.ts";
import type { IrFunction } from "../../compiler/index.ts";
import type { SourceText } from "../../source/index.ts";

/** What it says of the tree. */
export interface UnitDialect {
  /** Where the source says no license. */
  readonly license: string;
  /** The section that a function would be in; undefined: it is no program. */
  section(fn: CFunction, typing: Typing): string | undefined;
  /** The program as a function of its context alone. */
  entry(fn: CFunction, section: string, typing: Typing): CFunction;
  /** Changes the code of a program before anything else is done with it. Throws DiagnosticError. */
  prepare(fn: IrFunction, section: string): void;
  /** The same of a function that it calls, or that the kernel calls for it. */
  prepareCalled?(fn: IrFunction, of: CFunction, section: string): void;
}

/** And of the text. */
export interface Dialect extends UnitDialect {
  /** Texts that stand before the source. */
  readonly before: readonly SourceText[];
  /** The text as C has it; of the same length, so that places stay. */
  plain(text: string): string;
  /** A header by its name; undefined: it is looked for. */
  header(name: string): SourceText | undefined;
  methods(variable: CVariable): Methods | undefined;
  /** A function's name that stands for this one, in a function. */
  alias(name: string, within: string | undefined): string | undefined;
}
