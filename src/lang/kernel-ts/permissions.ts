// Helpers that a program calls and those of its kind may not: told where they are called, before any verifier is asked.

import { type CFunction, type CNode, nodesBelow } from "../../c/index.ts";
import { attachTypeOf, type Helper, helper, mayCall, PROGRAM_TYPES, programOfSection } from "../../object/index.ts";
import { refuse } from "./ast.ts";
import { USDT_FILE } from "./usdt.ts";

/** Kinds of programs whose target decides, which only the kernel knows all about. */
const BY_TARGET = /^(?:struct_ops|ext)$/;

/** Refuses the first such call of a program, or of a function that it calls. `what`: the kind, as the language calls it. */
export function permitted(program: CFunction, section: string, what: string): void {
  const kind = programOfSection(section);
  if (kind === undefined || BY_TARGET.test(kind.type) || kind.target?.kind === "iter") return;
  const purpose = attachTypeOf(kind) ?? kind.target?.kind;
  const seen = new Set<CFunction>();
  const enter = (fn: CFunction): void => {
    if (seen.has(fn)) return;
    seen.add(fn);
    fn.body?.statements.forEach(visit);
  };
  const visit = (node: CNode): void => {
    nodesBelow(node).forEach(visit);
    if (node.kind === "function") enter(node.function);
    if (node.kind !== "call" || node.callee.kind !== "function") return;
    const { name, attributes } = node.callee.function;
    const row = attributes.has("helper") ? helper(name.slice(4)) : undefined;
    if (what === "usdt" && row?.name === "get_attach_cookie" && node.span.file?.name !== USDT_FILE)
      refuse(
        "SCRY1405",
        "bpf.cookie() is read in the program of a static probe itself, not in a function that it calls",
        node.span,
        "Hand it over: note(bpf.cookie())",
      );
    if (row !== undefined && !mayCall(row, kind.type, purpose))
      refuse("SCRY1406", `${what} programs may not call ${name}`, node.span, ...whose(row));
  };
  enter(program);
}

/** Whose it is, where these are few. */
function whose(row: Helper): readonly string[] {
  const types = (Object.keys(PROGRAM_TYPES) as (keyof typeof PROGRAM_TYPES)[]).filter((type) =>
    mayCall(row, type, undefined),
  );
  if (types.length === 0 || types.length > 12) return [];
  return [`It is for programs of the kernel's ${types.length === 1 ? "type" : "types"} ${types.join(", ")}`];
}
