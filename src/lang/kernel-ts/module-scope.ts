// What every text of a module has of the unit that it is part of.

import type { CFunction, CVariable } from "../../c/index.ts";
import type { SourceText } from "../../source/index.ts";
import type { Node } from "./ast.ts";
import type { Types } from "./types.ts";
import type { Exporting, Handed, ModuleScope, Static, TypeArguments, Value } from "./values.ts";

/** What all texts of a module share. */
export interface SharedUnit
  extends Pick<ModuleScope, "helper" | "kernelFunction" | "function" | "table" | "unique" | "apart"> {
  readonly types: Types;
  /** Another text, which is read once; `from`: the one that names it. */
  imported(specifier: string, from: SourceText | undefined, at: Node): Exporting;
}

export abstract class TextScope<U extends SharedUnit> implements ModuleScope, Exporting {
  readonly types: Types;
  protected readonly unit: U;
  /** Types by the names that the text gives them (`type Name = …`). */
  protected readonly aliases: Map<string, Node> = new Map();

  constructor(unit: U) {
    this.types = unit.types;
    this.unit = unit;
  }

  abstract find(name: string): Value | undefined;
  abstract names(): readonly string[];
  abstract importable(name: string): boolean;
  abstract exportOf(name: string): Value | undefined;
  abstract exports(): readonly string[];

  alias(name: string): Node | undefined {
    return this.aliases.get(name);
  }
  helper(name: string): CFunction {
    return this.unit.helper(name);
  }
  kernelFunction(name: string): CFunction | undefined {
    return this.unit.kernelFunction(name);
  }
  function(of: Extract<Static, { kind: "function" }>, name: string, at: Node, types: TypeArguments): CFunction {
    return this.unit.function(of, name, at, types);
  }
  table(list: Extract<Static, { kind: "list" }>, at: Node): CVariable {
    return this.unit.table(list, at);
  }
  apart(fn: CFunction, handed: Handed): void {
    this.unit.apart(fn, handed);
  }
  unique(word: string): string {
    return this.unit.unique(word);
  }
}
