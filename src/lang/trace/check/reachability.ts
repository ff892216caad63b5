// Statements in their order, and what of them never runs.

import type { Statement } from "../parse/index.ts";
import { type CheckState, checkStatement, warn } from "./state.ts";

/** Statements in their order; what stands behind one that leaves is told. */
export function checkStatements(c: CheckState, statements: readonly Statement[]): void {
  let left = false;
  for (const s of statements) {
    if (left) {
      const last = statements.at(-1) as Statement;
      warn(c, "SCRY1299", "Unreachable statement.", {
        ...s.span,
        end: statements.length > 1 ? s.span.end : last.span.end,
      });
      left = false;
    }
    checkStatement(c, s);
    left = leaves(s);
  }
}

/** Does nothing behind the statement run? */
function leaves(s: Statement): boolean {
  switch (s.kind) {
    case "return":
    case "break":
    case "continue":
      return true;
    case "expression":
      return s.expression.kind === "call" && (s.expression.name === "exit" || s.expression.name === "__builtin_exit");
    case "block":
      return s.block.statements.some(leaves);
    case "if":
      return s.otherwise !== undefined && s.then.statements.some(leaves) && s.otherwise.statements.some(leaves);
    default:
      return false;
  }
}
