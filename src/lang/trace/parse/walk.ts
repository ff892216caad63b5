// One walk over the tree, for all who look for something in it.

import type { Span } from "../../../source/index.ts";
import type { Expression, Macro, Probe, Statement, StatementBlock } from "./ast.ts";

export interface Visitor {
  /** Called for each expression before those within it. */
  expression?(e: Expression): void;
  /** Called for each statement before what is within it. */
  statement?(s: Statement): void;
}

/** A macro's body as that of a probe, for those who walk. */
export function asProbe(macro: Macro): Probe {
  const { value, nameSpan: span } = macro;
  const last: readonly Statement[] =
    value === undefined ? [] : [{ kind: "expression", expression: value, span: value.span }];
  return { attachPoints: [], body: { statements: [...macro.statements, ...last], span }, span };
}

/** The predicate and the body of a probe. */
export function walkProbe(probe: Probe, visitor: Visitor): void {
  if (probe.predicate !== undefined) walkExpression(probe.predicate, visitor);
  walkBlock(probe.body, visitor);
}

export function walkBlock(block: StatementBlock, visitor: Visitor): void {
  for (const s of block.statements) walkStatement(s, visitor);
}

export function walkExpression(e: Expression, visitor: Visitor): void {
  visitor.expression?.(e);
  for (const inner of expressionsOf(e)) walkExpression(inner, visitor);
  if (e.kind === "block") {
    for (const s of e.statements) walkStatement(s, visitor);
    walkExpression(e.value, visitor);
  }
}

export function walkStatement(s: Statement, visitor: Visitor): void {
  visitor.statement?.(s);
  for (const e of expressionsOfStatement(s)) walkExpression(e, visitor);
  for (const block of blocksOf(s)) walkBlock(block, visitor);
}

/** The expressions directly within one, in the order of the source; of a block expression none, since they are behind its statements. */
export function expressionsOf(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case "map":
      return e.key === undefined ? [] : [e.key];
    case "call":
      return e.args;
    case "field":
      return [e.object];
    case "index":
      return [e.object, e.index];
    case "unary":
    case "cast":
      return [e.operand];
    case "increment":
      return [e.target];
    case "binary":
      return [e.left, e.right];
    case "ternary":
      return e.then === undefined ? [e.condition, e.otherwise] : [e.condition, e.then, e.otherwise];
    case "tuple":
      return e.elements;
    case "record":
      return e.fields.map((f) => f.value);
    default:
      return [];
  }
}

/**
 * A place that lies more than `most` levels below a probe; undefined where there is none. Looked for without recursion:
 * all walks after it are recursive, and must not run out of stack.
 */
export function nestedTooDeep(probe: Probe, most: number): Span | undefined {
  type Place = { readonly depth: number } & ({ readonly e: Expression } | { readonly s: Statement });
  const left: Place[] = probe.body.statements.map((s) => ({ depth: 1, s }));
  if (probe.predicate !== undefined) left.push({ depth: 1, e: probe.predicate });
  for (let place = left.pop(); place !== undefined; place = left.pop()) {
    const depth = place.depth + 1;
    const node = "e" in place ? place.e : place.s;
    if (depth > most) return node.span;
    if ("e" in place) {
      for (const e of expressionsOf(place.e)) left.push({ depth, e });
      if (place.e.kind === "block") {
        for (const s of place.e.statements) left.push({ depth, s });
        left.push({ depth, e: place.e.value });
      }
    } else {
      for (const e of expressionsOfStatement(place.s)) left.push({ depth, e });
      for (const block of blocksOf(place.s)) for (const s of block.statements) left.push({ depth, s });
    }
  }
  return undefined;
}

/** The expressions directly within a statement. */
function expressionsOfStatement(s: Statement): readonly Expression[] {
  switch (s.kind) {
    case "expression":
    case "discard":
      return [s.expression];
    case "assign":
      return [s.target, s.value];
    case "let":
    case "return":
      return s.value === undefined ? [] : [s.value];
    case "if":
    case "while":
      return [s.condition];
    case "for-range":
      return [s.from, s.to];
    default:
      return [];
  }
}

/** The blocks directly within a statement. */
export function blocksOf(s: Statement): readonly StatementBlock[] {
  switch (s.kind) {
    case "if":
      return s.otherwise === undefined ? [s.then] : [s.then, s.otherwise];
    case "while":
    case "for-range":
    case "for-map":
    case "unroll":
    case "inline":
      return [s.body];
    case "block":
      return [s.block];
    default:
      return [];
  }
}
