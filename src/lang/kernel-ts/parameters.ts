// What a kind of program is given, and how its function's parameters are read from that.

import type { CExpression, CVariable } from "../../c/index.ts";
import type { Node } from "./ast.ts";

export interface ProgramParameters {
  /** The struct that the context points to; 0: words. */
  readonly context: number;
  /** The function is given the context itself. */
  readonly whole?: true;
  /** What the kernel takes from it; a number of 32 bits where nothing is said. */
  readonly returns?: number;
  /** Else: what each of its parameters is, by its type and where it is. */
  readonly params?: readonly {
    readonly type: number;
    /** What it is where nothing is written, by whoever knows; undefined: as above. Refuses what cannot be read. */
    typed?(at: Node): number | undefined;
    /** Bytes from the start of the context; absent: it is found in another way. */
    readonly offset?: number;
    /** `begun`: what `begin` gave, in a variable. */
    value(ctx: CExpression, begun: CExpression | undefined): CExpression;
  }[];
  /** What is looked up once, before any parameter is read. */
  begin?(ctx: CExpression): CExpression;
  /** What `bpf.cookie()` is, where that is not the kernel's own. */
  cookie?(begun: CExpression): CExpression;
  /** What these need at the top of the module: maps. */
  readonly globals?: readonly CVariable[];
}
