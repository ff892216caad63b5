// What rows of builtins do with their arguments.

import type { CExpression } from "../../c/index.ts";
import { type Expression, type Node, refuse, spanOf } from "./ast.ts";
import type { Reader } from "./reader.ts";
import type { Value } from "./values.ts";

export const plain = (of: CExpression): Value => ({ kind: "plain", of });

export function counted(args: readonly Expression[], least: number, most: number, at: Node, name: string): void {
  if (args.length < least || args.length > most)
    refuse(
      "SCRY1405",
      `${name} takes ${least === most ? least : `${least} to ${most}`} arguments, ${args.length} given`,
      at,
    );
}

/** What the program was started with: helpers want it. */
export function contextOf(r: Reader, at: Node): CExpression {
  const context = r.useContext();
  if (context === undefined)
    return refuse("SCRY1405", "functions that the kernel calls have no context: only programs, and what they call", at);
  return r.read(context, spanOf(at));
}
