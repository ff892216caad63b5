// What C takes and a programmer seldom means, by the names that compilers give it (`-Wunused-variable`). Each is told of where
// clang's -Wall tells of it; texts that it takes without a word are taken so here.

import type { Diagnostic, SourceText, Span } from "../source/index.ts";
import type { CExpression, CFunction, CStatement, CUnit, CVariable } from "./tree.ts";
import type { Typing } from "./typing.ts";
import { anyNode, type CNode, nodesBelow } from "./walk.ts";

/** The warnings of a text; `quiet` says of headers whose business it is not. */
export function warningsOf(
  { functions }: CUnit,
  typing: Typing,
  main: SourceText,
  quiet: (file: SourceText) => boolean,
): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const warn = (name: string, message: string, span: Span): void => {
    if (span.file !== undefined && quiet(span.file)) return;
    found.push({ code: "SCRY1049", severity: "warning", message: `${message} [-W${name}]`, span });
  };
  for (const fn of functions) {
    // A header's own are there for whoever needs them.
    const here = fn.span.file === undefined || fn.span.file === main;
    const silent = ["unused", "used", "constructor"].some((word) => fn.attributes.has(word));
    if (
      here &&
      fn.static &&
      !fn.inline &&
      fn.uses === 0 &&
      fn.section === undefined &&
      !silent &&
      fn.body !== undefined
    )
      warn("unused-function", `the function '${fn.name}' is not used`, fn.span);
    if (fn.body !== undefined) new FunctionWarnings(fn, typing, warn).run();
  }
  return found;
}

type Warn = (name: string, message: string, span: Span) => void;

class FunctionWarnings {
  readonly #fn: CFunction;
  readonly #typing: Typing;
  readonly #warn: Warn;
  readonly #declared: CVariable[] = [];
  readonly #written = new Set<CVariable>();
  readonly #firstRead = new Map<CVariable, Span>();

  constructor(fn: CFunction, typing: Typing, warn: Warn) {
    this.#fn = fn;
    this.#typing = typing;
    this.#warn = warn;
  }

  run(): void {
    const { body, name, type, attributes } = this.#fn;
    if (body === undefined) return;
    for (const statement of body.statements) this.#visit(statement);
    for (const variable of this.#declared) {
      const { name: own, span, attributes: words, cleanup, addressed } = variable;
      if (variable.used !== true && !words.has("unused") && cleanup === undefined)
        this.#warn("unused-variable", `the variable '${own}' is not used`, span);
      const read = this.#firstRead.get(variable);
      const bare = variable.initial === undefined && !addressed && this.#typing.isScalar(variable.type);
      if (read !== undefined && bare && !this.#written.has(variable))
        this.#warn("uninitialized", `the variable '${own}' is used, and nothing is ever written to it`, read);
    }
    const proto = this.#typing.resolve(type);
    const gives = proto.kind === "func_proto" && this.#typing.resolve(proto.returns).kind !== "void";
    if (gives && !attributes.has("naked") && goesOn(body.statements))
      this.#warn("return-type", `'${name}' may end without giving its result`, body.end);
  }

  #visit(node: CNode, target = false): void {
    switch (node.kind) {
      case "declare":
        this.#declared.push(node.variable);
        for (const { value } of node.variable.initial?.entries ?? []) this.#visit(value);
        return;
      case "literal":
        for (const { value } of node.variable.initial?.entries ?? []) this.#visit(value);
        return;
      case "variable":
        if (!target && !this.#firstRead.has(node.variable)) this.#firstRead.set(node.variable, node.span);
        return;
      case "assign":
      case "update":
        if (node.target.kind === "variable") this.#written.add(node.target.variable);
        this.#visit(node.target, true);
        this.#visit(node.value);
        return;
      case "assembly":
        for (const { value } of node.outputs) {
          if (value.kind === "variable") this.#written.add(value.variable);
          this.#visit(value, true);
        }
        for (const { value } of node.inputs) this.#visit(value);
        return;
      case "if":
        this.#condition(node.condition);
        break;
      case "loop":
        if (node.condition !== undefined) this.#condition(node.condition);
        break;
      case "convert":
        this.#conversion(node);
        break;
      case "compare":
        this.#comparison(node);
        break;
      default:
        break;
    }
    for (const one of nodesBelow(node)) this.#visit(one);
  }

  /** `if (a = b)`; in parentheses of its own it is meant. */
  #condition(condition: CExpression): void {
    if (condition.kind === "assign" && condition.span.start === condition.target.span.start)
      this.#warn("parentheses", "an assignment is the condition; '==', or parentheses around it?", condition.span);
  }

  /** Between numbers and addresses, without a cast. */
  #conversion(of: Extract<CExpression, { kind: "convert" }>): void {
    const inner = of.of;
    const typing = this.#typing;
    if (of.written === true || inner.kind === "constant") return;
    const [to, from] = [typing.isPointer(of.type), typing.isPointer(inner.type)];
    if (to === from || !typing.isScalar(of.type) || typing.resolve(of.type).kind === "void") return;
    const target = typing.resolve(of.type);
    if (target.kind === "int" && target.bool) return;
    const message = `${typing.name(inner.type)} becomes ${typing.name(of.type)} without a cast`;
    this.#warn("int-conversion", message, of.span);
  }

  /** A constant that the other side never reaches. */
  #comparison({ operator, left, right, span }: Extract<CExpression, { kind: "compare" }>): void {
    const typing = this.#typing;
    const [side, other, turned] = right.kind === "constant" ? [left, right, false] : [right, left, true];
    if (other.kind !== "constant") return;
    let inner = side;
    while (
      inner.kind === "convert" &&
      typing.isInteger(inner.of.type) &&
      typing.size(inner.type) >= typing.size(inner.of.type)
    )
      inner = inner.of;
    if (!typing.isInteger(inner.type)) return;
    if (inner.kind === "member" && inner.bitfieldSize > 0) return;
    const from = typing.resolve(inner.type);
    const bytes = typing.size(inner.type);
    if (from.kind !== "int" || from.bool || bytes >= typing.size(side.type) || bytes > 4) return;
    const bits = BigInt(bytes * 8);
    const signed = typing.signed(inner.type);
    // A negative number as one without a sign is another thing.
    if (signed && !typing.signed(side.type)) return;
    const least = signed ? -(1n << (bits - 1n)) : 0n;
    const most = signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
    const { value } = other;
    if (value >= least && value <= most) return;
    const above = value > most;
    const less = turned ? /^>/.test(operator) : /^</.test(operator);
    const holds = operator === "==" ? false : operator === "!=" ? true : less === above;
    this.#warn(
      "tautological-constant-out-of-range-compare",
      `a value of type ${typing.name(inner.type)} is never ${value}: the comparison is always ${holds ? "true" : "false"}`,
      span,
    );
  }
}

/** Does control go on behind these statements? Where that is not sure, it does not: a warning has to be right. */
function goesOn(statements: readonly CStatement[]): boolean {
  // Whoever jumps about knows where to.
  if (statements.some((one) => anyNode(one, (node) => node.kind === "goto" || node.kind === "assembly"))) return false;
  return statements.every(passes);
}

function passes(of: CStatement): boolean {
  switch (of.kind) {
    case "return":
      return false;
    case "block":
      return of.statements.every(passes);
    case "if":
      if (of.condition.kind === "constant")
        return of.condition.value !== 0n ? passes(of.then) : of.otherwise === undefined || passes(of.otherwise);
      return of.otherwise === undefined || passes(of.then) || passes(of.otherwise);
    case "loop": {
      const endless = of.condition === undefined || (of.condition.kind === "constant" && of.condition.value !== 0n);
      return endless ? anyNode(of.body, (node) => node.kind === "break") : of.form === "while" || passes(of.body);
    }
    case "switch":
      return (
        !anyNode(of.body, (node) => node.kind === "default") ||
        anyNode(of.body, (node) => node.kind === "break") ||
        (of.body.kind === "block" && of.body.statements.at(-1) !== undefined && passesLast(of.body.statements))
      );
    case "expression":
      return !anyNode(
        of.value,
        (node) => node.kind === "return" || (node.kind === "builtin" && /^(?:unreachable|trap)$/.test(node.name)),
      );
    default:
      return true;
  }
}

const passesLast = (statements: readonly CStatement[]): boolean => passes(statements.at(-1) as CStatement);
