// One walker over trees of C.

import type { CExpression, CStatement } from "./tree.ts";

export type CNode = CExpression | CStatement;

/** The nodes right below one: what variables begin with and operands of assembly among them. */
export function nodesBelow(node: CNode): readonly CNode[] {
  const found: CNode[] = [];
  const add = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(add);
    else if (typeof value === "object" && value !== null && "kind" in value && "span" in value)
      found.push(value as CNode);
  };
  Object.values(node).forEach(add);
  if (node.kind === "assembly") for (const { value } of [...node.outputs, ...node.inputs]) found.push(value);
  if (node.kind === "declare" || node.kind === "literal")
    for (const { value } of node.variable.initial?.entries ?? []) found.push(value);
  return found;
}

/** Does this hold for a node, or for one below it? */
export const anyNode = (node: CNode, holds: (node: CNode) => boolean): boolean =>
  holds(node) || nodesBelow(node).some((one) => anyNode(one, holds));
