// Functions of the module: as functions of C, and as those that the kernel calls.

import type { CExpression, CFunction, CStatement, CVariable } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import {
  bare,
  type Expression,
  type FunctionNode,
  isFunction,
  type Node,
  type Pattern,
  refuse,
  type Statement,
  spanOf,
} from "./ast.ts";
import { Environment } from "./environment.ts";
import type { LoopBody, LoopReader } from "./loops.ts";
import type { CallbackShape } from "./reader.ts";
import { StatementReader } from "./statements.ts";
import type { ModuleScope, TypeArguments, Value } from "./values.ts";

/** Names that something is assigned to. */
function assignedIn(node: Node): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (typeof value !== "object" || value === null || !("type" in value)) return;
    const one = value as unknown as { type: string; left?: Expression; argument?: Expression };
    const target =
      one.type === "AssignmentExpression" ? one.left : one.type === "UpdateExpression" ? one.argument : undefined;
    if (target?.type === "Identifier") found.add(target.name);
    for (const [key, child] of Object.entries(one)) if (key !== "loc" && key !== "sourceFile") visit(child);
  };
  visit(node);
  return found;
}

export class FunctionReader extends StatementReader {
  // --- functions -----------------------------------------------------------------------------------------------------

  /** A function of the module as one of C: structs are given by reference. */
  function(node: FunctionNode, name: string, types: TypeArguments): CFunction {
    const { typing, c } = this.types;
    const span = spanOf(node);
    this.typeArguments = types;
    const assigned = assignedIn(node.body);
    this.handed = true;
    const begin: CStatement[] = [];
    const own = node.params.map((given, i): CVariable => {
      const pattern = given.type === "AssignmentPattern" ? given.left : given;
      const name = pattern.type === "Identifier" ? pattern.name : `given${i}`;
      const type = this.annotated(pattern) ?? refuse("SCRY1403", `'${name}' needs a type: ${name}: u32`, pattern);
      const held = typing.isScalar(type) ? type : c.pointer(type);
      const variable: CVariable = {
        ...this.variable(name, held, spanOf(pattern)),
        storage: "parameter",
        constant: !assigned.has(name),
      };
      const packet = this.packetOf(pattern);
      if (packet !== undefined) {
        this.context = variable;
        this.packet = packet;
        this.handed = false;
      }
      const of = this.read(variable);
      const value: Value = { kind: "plain", of: typing.isScalar(type) ? of : typing.dereference(of, of.span) };
      begin.push(...this.gathered(() => this.given(pattern, value)));
      return variable;
    });
    const annotation = (node as unknown as { returnType?: { typeAnnotation: Node } }).returnType?.typeAnnotation;
    const said =
      annotation === undefined ? undefined : annotation.type === "TSVoidKeyword" ? 0 : this.resultOf(annotation);
    const { statements, returns } = this.body(node, said === 0 ? undefined : said);
    const parameters = this.handsContext ? [...own, this.context as CVariable] : own;
    const type = c.add({
      kind: "func_proto",
      name: "",
      returns,
      params: parameters.map((p) => ({ name: p.name, type: p.type })),
      variadic: false,
    });
    return {
      name,
      type,
      span,
      static: true,
      inline: true,
      attributes: new Set(),
      uses: 0,
      body: { parameters, statements: [...begin, ...statements], end: { start: span.end, end: span.end } },
    };
  }

  /** Whoever calls it hands it the program's context, behind its parameters. */
  get handsContext(): boolean {
    return this.context !== undefined && this.handed;
  }

  /** A parameter: a name for what is given, or names for what is in it. */
  given(pattern: Pattern, value: Value): void {
    if (pattern.type === "Identifier") this.bind(pattern.name, value);
    else if (pattern.type === "ObjectPattern" || pattern.type === "ArrayPattern")
      this.bound(pattern, value, pattern as unknown as Expression, true, undefined);
    else refuse("SCRY1402", "a parameter is a name here, or { names } of its members", pattern);
  }

  // --- functions that the kernel calls -------------------------------------------------------------------------------

  callback(node: Expression, shape: CallbackShape): { readonly fn: CExpression; readonly environment: CExpression } {
    const given = bare(node);
    const named = isFunction(given) ? undefined : this.value(given);
    const what = named?.kind === "static" && named.what.kind === "function" ? named.what : undefined;
    const of = isFunction(given) ? given : what?.node;
    if (of === undefined) return refuse("SCRY1405", "a function is needed here: (…) => { … }", node);
    return this.#within(shape, spanOf(node), what?.scope, (inner, given) => {
      const begin = inner.gathered(() => {
        const values = given();
        for (const [i, pattern] of of.params.entries()) {
          const value = values[i];
          if (value === undefined) refuse("SCRY1405", `this function is given ${values.length} arguments`, pattern);
          else inner.bound(pattern, value, node, true, inner.annotated(pattern));
        }
      });
      return [...begin, ...inner.body(of, this.types.i64).statements];
    });
  }

  protected loop(
    body: Statement,
    shape: CallbackShape & { bind(inner: LoopReader, given: readonly Value[]): void },
  ): { readonly fn: CExpression; readonly environment: CExpression; readonly ends: LoopBody } {
    const span = spanOf(body);
    const left = this.variable("left", this.types.u32, span);
    this.declare(left, this.constant(0, this.types.u32, span));
    const result = this.variable("result", this.returns ?? this.types.u64, span);
    this.declare(result, this.constant(0, result.type, span));
    const made = this.#within(shape, span, undefined, (inner, given, environment) => {
      const reach = (variable: CVariable): CExpression =>
        (environment.captured({ kind: "plain", of: this.read(variable, span) }) as { of: CExpression }).of;
      inner.returns = this.returns;
      inner.loopBody = { left: () => reach(left), result: { variable: result, of: () => reach(result) } };
      const statements = inner.gathered(() =>
        inner.scoped(() => {
          shape.bind(inner, given());
          inner.push(inner.one(body));
        }),
      );
      this.returns ??= inner.returns;
      return statements;
    });
    return {
      ...made,
      ends: { left: () => this.read(left), result: { variable: result, of: () => this.read(result) } },
    };
  }

  /** A function within this one; `scope`: that of another module, whose function has no variables around it. */
  #within(
    shape: CallbackShape,
    span: Span,
    scope: ModuleScope | undefined,
    read: (inner: FunctionReader, given: () => readonly Value[], environment: Environment) => CStatement[],
  ): { readonly fn: CExpression; readonly environment: CExpression } {
    const { c } = this.types;
    const parameters = shape.params.map(
      (type, i): CVariable => ({ ...this.variable(`p${i}`, type, span), storage: "parameter", constant: true }),
    );
    const inner = new FunctionReader(scope ?? this.module);
    // Where there is none, what is used of the variables around it is counted all the same: it is refused below.
    const words = shape.environment === undefined ? undefined : parameters[shape.environment];
    const none = this.variable("none", c.pointer(this.types.u64), span);
    const environment = new Environment(this.types, words ?? none);
    if (scope === undefined)
      inner.outer = {
        named: (name) => {
          const value = this.local(name);
          return value === undefined ? undefined : environment.captured(value);
        },
        names: () => this.locals(),
      };
    const given = (): readonly Value[] =>
      shape.given(
        parameters.map((p) => this.read(p)),
        inner,
      );
    const statements = read(inner, given, environment);
    const end = { ...span, start: Math.max(span.start, span.end - 1) };
    const last: CStatement = { kind: "return", value: this.constant(0, this.types.i64, end), span: end };
    const type = c.add({
      kind: "func_proto",
      name: "",
      returns: this.types.i64,
      params: parameters.map((p) => ({ name: p.name, type: p.type })),
      variadic: false,
    });
    const fn: CFunction = {
      name: this.module.unique(shape.word),
      type,
      span,
      static: true,
      inline: false,
      attributes: new Set(["noinline"]),
      uses: 1,
      body: { parameters, statements: [...statements, last], end },
    };
    const used = environment.words();
    if (used.length > 0 && shape.environment === undefined)
      refuse(
        "SCRY1402",
        "this function runs when the one around it has ended: it can use none of its variables",
        span,
        "What it needs stands in a map",
      );
    this.module.apart(fn, {
      params: parameters.map((p) => this.types.origin(p.type)),
      ...(shape.environment === undefined
        ? {}
        : { environment: { param: shape.environment, words: environment.origins() } }),
    });
    return {
      fn: { kind: "function", function: fn, type, span },
      environment: used.length === 0 ? this.constant(0, c.pointer(0), span) : this.#words(used, span),
    };
  }

  /** The address of a list of these. */
  #words(words: readonly CExpression[], span: Span): CExpression {
    const { typing, c } = this.types;
    const list = this.temporary(c.array(this.types.u64, words.length), span);
    list.addressed = true;
    list.initial = {
      entries: words.map((value, i) => ({ offset: i * 64, bits: 0, type: this.types.u64, value: typing.value(value) })),
      span,
    };
    this.push({ kind: "declare", variable: list, span });
    return typing.cast(typing.address(this.read(list), span), c.pointer(0));
  }
}
