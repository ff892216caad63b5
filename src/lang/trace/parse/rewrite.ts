// A tree made from another one: what replaces macros and moves the places of imported files works by this.

import type { Span } from "../../../source/index.ts";
import type {
  Expression,
  MapExpression,
  Probe,
  Statement,
  StatementBlock,
  TypeName,
  VariableExpression,
} from "./ast.ts";

export interface Rewrite {
  /** The expression to stand in its place, which is taken as it is; undefined: the same one, made of what is within. */
  expression?(e: Expression): Expression | undefined;
  /** The statements to stand in its place; undefined as above. */
  statement?(s: Statement): readonly Statement[] | undefined;
  variable?(name: string): string;
  map?(name: string, span: Span): string;
  span?(span: Span): Span;
}

export function rewriteProbe(probe: Probe, r: Rewrite): Probe {
  return {
    ...probe,
    attachPoints: probe.attachPoints.map((p) => ({ ...p, span: place(p.span, r) })),
    ...(probe.predicate === undefined ? {} : { predicate: rewriteExpression(probe.predicate, r) }),
    body: rewriteBlock(probe.body, r),
    span: place(probe.span, r),
  };
}

const place = (span: Span, r: Rewrite): Span => r.span?.(span) ?? span;

export function rewriteBlock(block: StatementBlock, r: Rewrite): StatementBlock {
  return { statements: rewriteStatements(block.statements, r), span: place(block.span, r) };
}

export function rewriteStatements(statements: readonly Statement[], r: Rewrite): Statement[] {
  return statements.flatMap((s) => r.statement?.(s) ?? [rewriteStatement(s, r)]);
}

const rewriteVariable = (v: VariableExpression, r: Rewrite): VariableExpression => ({
  kind: "variable",
  name: r.variable?.(v.name) ?? v.name,
  span: place(v.span, r),
});

function rewriteMap(m: MapExpression, r: Rewrite): MapExpression {
  return {
    kind: "map",
    name: r.map?.(m.name, m.span) ?? m.name,
    ...(m.key === undefined ? {} : { key: rewriteExpression(m.key, r) }),
    span: place(m.span, r),
  };
}

const rewriteTarget = (t: VariableExpression | MapExpression, r: Rewrite): VariableExpression | MapExpression =>
  t.kind === "map" ? rewriteMap(t, r) : rewriteVariable(t, r);

export function rewriteType(type: TypeName, r: Rewrite): TypeName {
  const { base } = type;
  return {
    ...type,
    base: base.kind === "typeof" ? { kind: "typeof", expression: rewriteExpression(base.expression, r) } : base,
    span: place(type.span, r),
  };
}

export function rewriteStatement(s: Statement, r: Rewrite): Statement {
  const span = place(s.span, r);
  const inner = (e: Expression): Expression => rewriteExpression(e, r);
  switch (s.kind) {
    case "expression":
    case "discard":
      return { ...s, expression: inner(s.expression), span };
    case "assign":
      return { ...s, target: rewriteTarget(s.target, r), value: inner(s.value), span };
    case "let":
      return {
        ...s,
        variable: rewriteVariable(s.variable, r),
        ...(s.declared === undefined ? {} : { declared: rewriteType(s.declared, r) }),
        ...(s.value === undefined ? {} : { value: inner(s.value) }),
        span,
      };
    case "if":
      return {
        ...s,
        condition: inner(s.condition),
        then: rewriteBlock(s.then, r),
        ...(s.otherwise === undefined ? {} : { otherwise: rewriteBlock(s.otherwise, r) }),
        span,
      };
    case "while":
      return { ...s, condition: inner(s.condition), body: rewriteBlock(s.body, r), span };
    case "for-range":
      return {
        ...s,
        variable: rewriteVariable(s.variable, r),
        from: inner(s.from),
        to: inner(s.to),
        body: rewriteBlock(s.body, r),
        span,
      };
    case "for-map":
      return {
        ...s,
        variable: rewriteVariable(s.variable, r),
        map: rewriteMap(s.map, r),
        body: rewriteBlock(s.body, r),
        span,
      };
    case "unroll":
      return { ...s, count: inner(s.count), body: rewriteBlock(s.body, r), span };
    case "break":
    case "continue":
      return { ...s, span };
    case "return":
      return { ...s, ...(s.value === undefined ? {} : { value: inner(s.value) }), span };
    case "inline":
      return {
        ...s,
        body: rewriteBlock(s.body, r),
        ...(s.result === undefined ? {} : { result: rewriteVariable(s.result, r) }),
        span,
      };
    case "block":
      return { ...s, block: rewriteBlock(s.block, r), span };
  }
}

export function rewriteExpression(e: Expression, r: Rewrite): Expression {
  const replaced = r.expression?.(e);
  if (replaced !== undefined) return replaced;
  const span = place(e.span, r);
  const inner = (x: Expression): Expression => rewriteExpression(x, r);
  switch (e.kind) {
    case "integer":
    case "string":
    case "boolean":
    case "parameter":
      return { ...e, span };
    case "identifier":
      return { ...e, nameSpan: place(e.nameSpan, r), span };
    case "variable":
      return rewriteVariable(e, r);
    case "map":
      return rewriteMap(e, r);
    case "call":
      return {
        ...e,
        args: e.args.map(inner),
        ...(e.typeArgument === undefined ? {} : { typeArgument: rewriteType(e.typeArgument, r) }),
        nameSpan: place(e.nameSpan, r),
        span,
      };
    case "field":
      return { ...e, object: inner(e.object), nameSpan: place(e.nameSpan, r), span };
    case "index":
      return { ...e, object: inner(e.object), index: inner(e.index), span };
    case "unary":
      return { ...e, operand: inner(e.operand), span };
    case "increment":
      return { ...e, target: rewriteTarget(e.target, r), span };
    case "binary":
      return { ...e, left: inner(e.left), right: inner(e.right), span };
    case "ternary":
      return {
        ...e,
        condition: inner(e.condition),
        ...(e.then === undefined ? {} : { then: inner(e.then) }),
        otherwise: inner(e.otherwise),
        span,
      };
    case "cast":
      return { ...e, to: rewriteType(e.to, r), operand: inner(e.operand), span };
    case "tuple":
      return { ...e, elements: e.elements.map(inner), span };
    case "record":
      return { ...e, fields: e.fields.map((f) => ({ ...f, value: inner(f.value) })), span };
    case "block":
      return { ...e, statements: rewriteStatements(e.statements, r), value: inner(e.value), span };
  }
}
