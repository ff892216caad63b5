// Statements, and functions of them.

import type { CExpression, CFunction, CStatement, CVariable } from "../../c/index.ts";
import {
  type BlockStatement,
  bare,
  type Expression,
  type FunctionNode,
  type Node,
  type Pattern,
  refuse,
  type Statement,
  type SwitchStatement,
  spanOf,
  type VariableDeclaration,
} from "./ast.ts";
import { ExpressionReader } from "./expressions.ts";
import type { Value } from "./values.ts";

/** What a statement that no program can have is, and what to write instead. */
const NOT_HERE: Readonly<Record<string, readonly [what: string, hint?: string]>> = {
  TryStatement: ["there are no exceptions in the kernel", "Test what may be missing: if (x === undefined) …"],
  ThrowStatement: ["there are no exceptions in the kernel", "return ends a program"],
  ClassDeclaration: ["there are no classes in the kernel", "struct({ … }) holds data, functions work on it"],
  ForInStatement: ["names of members are known before a program runs", "for (const x of array) goes over values"],
  LabeledStatement: ["labels cannot be part of a kernel program"],
  WithStatement: ["with cannot be part of a kernel program"],
  FunctionDeclaration: [
    "functions stand at the top of the module",
    "What outlives a call cannot be made in the kernel",
  ],
};

export class FunctionReader extends ExpressionReader {
  /** Of the function; undefined: what its first return gives. */
  #returns: number | undefined;

  /** The statements of a function's body. `returns`: undefined takes the type of the first return. */
  body(node: FunctionNode, returns: number | undefined): { statements: CStatement[]; returns: number } {
    this.#returns = returns;
    const statements = this.gathered(() => {
      if (node.body.type === "BlockStatement") this.block(node.body);
      else {
        const value = this.value(node.body);
        if (!isNothing(value)) this.#returned(value, node.body);
        else if (value.kind === "plain") this.do(value.of);
      }
    });
    return { statements, returns: this.#returns ?? 0 };
  }

  block(node: BlockStatement): void {
    this.scoped(() => {
      for (const statement of node.body) this.statement(statement);
    });
  }

  #one(node: Statement): CStatement {
    const statements = this.gathered(() => this.scoped(() => this.statement(node)));
    return { kind: "block", statements, span: spanOf(node) };
  }

  statement(node: Statement): void {
    const made = this.#made(node);
    if (made !== undefined) this.push(made);
  }

  /** The statement; undefined: all that it needs is done. */
  #made(node: Statement): CStatement | undefined {
    const span = spanOf(node);
    switch (node.type) {
      case "EmptyStatement":
        return undefined;
      case "BlockStatement": {
        const statements = this.gathered(() => this.block(node));
        return { kind: "block", statements, span };
      }
      case "ExpressionStatement": {
        const value = this.value(node.expression);
        if (value.kind === "plain") this.do(value.of);
        return undefined;
      }
      case "VariableDeclaration":
        this.#variables(node);
        return undefined;
      case "IfStatement": {
        const condition = this.truth(node.test);
        const then = this.#one(node.consequent);
        const otherwise = node.alternate == null ? {} : { otherwise: this.#one(node.alternate) };
        return { kind: "if", condition, then, ...otherwise, span };
      }
      case "WhileStatement":
      case "DoWhileStatement": {
        const condition = this.contained(() => this.truth(node.test));
        const form = node.type === "WhileStatement" ? ("while" as const) : ("do" as const);
        return { kind: "loop", form, condition, body: this.#one(node.body), span };
      }
      case "ForStatement":
        return this.scoped(() => {
          const { init, test, update } = node;
          if (init?.type === "VariableDeclaration") this.#variables(init);
          else if (init != null) this.#effect(init);
          const condition = test == null ? {} : { condition: this.contained(() => this.truth(test)) };
          const body = this.#one(node.body);
          const step = update == null ? {} : { step: this.contained(() => this.#effectOf(update)) };
          return { kind: "loop", form: "while", ...condition, ...step, body, span };
        });
      case "ForOfStatement":
        this.#forOf(node);
        return undefined;
      case "SwitchStatement":
        this.#switch(node);
        return undefined;
      case "BreakStatement":
      case "ContinueStatement":
        if (node.label != null) refuse("SCRY1402", "labels cannot be part of a kernel program", node);
        return { kind: node.type === "BreakStatement" ? "break" : "continue", span };
      case "ReturnStatement":
        if (node.argument == null) {
          const none = this.#returns === undefined ? {} : { value: this.constant(0, this.#returns, span) };
          return { kind: "return", ...none, span };
        }
        this.#returned(this.value(node.argument), node.argument);
        return undefined;
      default: {
        const [what, ...hints] = NOT_HERE[node.type] ?? [`${node.type} cannot be part of a kernel program`];
        return refuse("SCRY1402", what, node, ...(hints as string[]));
      }
    }
  }

  #effect(node: Expression): void {
    const value = this.value(node);
    if (value.kind === "plain") this.do(value.of);
  }
  #effectOf(node: Expression): CExpression {
    return this.asPlain(this.value(node), node);
  }

  #returned(value: Value, at: Node): void {
    const span = spanOf(at);
    const plain = this.asPlain(value, at, this.#returns);
    const { typing } = this.types;
    if (!typing.isScalar(plain.type))
      refuse("SCRY1402", "a function gives a number or a pointer: structs are handed on by reference", at);
    this.#returns ??= typing.isInteger(plain.type) ? typing.promote(plain).type : plain.type;
    this.push({ kind: "return", value: typing.cast(plain, this.#returns), span });
  }

  // --- variables ---------------------------------------------------------------------------------------------------

  #variables(node: VariableDeclaration): void {
    if (/using/.test(node.kind)) refuse("SCRY1402", "'using' is not there yet", node);
    for (const { id, init } of node.declarations) {
      if (init == null) {
        if (id.type !== "Identifier") refuse("SCRY1403", "what is taken apart needs a value", id);
        const type =
          this.annotated(id) ?? refuse("SCRY1403", "a variable without a value needs a type: let x: u32", id);
        const variable = this.variable((id as { name: string }).name, type, spanOf(id));
        this.declare(variable, this.types.typing.isScalar(type) ? this.constant(0, type, spanOf(id)) : undefined);
        this.bind(variable.name, { kind: "plain", of: this.read(variable) });
        continue;
      }
      const type = this.annotated(id);
      this.#bound(id, this.value(init), init, node.kind === "const", type);
    }
  }

  #bound(id: Pattern, value: Value, at: Expression, constant: boolean, type: number | undefined): void {
    if (id.type === "ObjectPattern") this.#takenApart(id, value, at, constant);
    else if (id.type === "Identifier") this.bind(id.name, this.#kept(id.name, value, at, constant, type, spanOf(id)));
    else refuse("SCRY1402", "only objects can be taken apart here", id);
  }

  #takenApart(id: Extract<Pattern, { type: "ObjectPattern" }>, value: Value, at: Expression, constant: boolean): void {
    const of = this.asPlain(value, at);
    const { typing } = this.types;
    const holder = typing.isPointer(of.type) ? typing.dereference(of, of.span) : of;
    for (const property of id.properties) {
      if (property.type !== "Property" || property.computed || property.key.type !== "Identifier")
        refuse("SCRY1402", "members are named one by one here", property);
      const member = typing.member(holder, property.key.name, spanOf(property));
      this.#bound(property.value as Pattern, { kind: "plain", of: member }, at, constant, undefined);
    }
  }

  /** The value as what a name stands for. */
  #kept(
    name: string,
    value: Value,
    at: Expression,
    constant: boolean,
    type: number | undefined,
    span: CVariable["span"],
  ): Value {
    const { typing } = this.types;
    if (value.kind === "static" && constant && type === undefined) return value;
    if (value.kind === "maybe" && type === undefined) return value;
    const own = (of: number): Value => {
      const variable = this.variable(name, of, span);
      if (typing.isScalar(of)) this.declare(variable, this.fitting(this.asPlain(value, at, of), of, at));
      else {
        variable.addressed = true;
        variable.initial = { entries: [], span };
        this.push({ kind: "declare", variable, span });
        this.intoValue(this.read(variable), value, at);
      }
      return { kind: "plain", of: this.read(variable) };
    };
    if (type !== undefined) return own(type);
    if (value.kind === "written") return own(value.type);
    if (value.kind === "static" && value.what.kind !== "number")
      return refuse("SCRY1403", "this cannot be kept in a variable", at);
    const plain = this.asPlain(value, at);
    if (typing.isScalar(plain.type)) {
      // What is computed of small numbers has 32 bits or more.
      const kept = value.kind === "plain" && !/^(?:variable|member|dereference|element|convert)$/.test(plain.kind);
      return own(kept && typing.isInteger(plain.type) ? typing.promote(plain).type : plain.type);
    }
    // Another name for the same struct, as objects have them.
    if (plain.kind === "variable") return { kind: "plain", of: plain };
    const pointer = this.held(typing.address(plain, span), this.types.c.pointer(plain.type), span);
    return { kind: "plain", of: typing.dereference(this.read(pointer), span) };
  }

  // --- loops and switches --------------------------------------------------------------------------------------------

  #forOf(node: Extract<Statement, { type: "ForOfStatement" }>): void {
    const { typing } = this.types;
    const span = spanOf(node);
    if (node.left.type !== "VariableDeclaration") refuse("SCRY1402", "for (const x of …)", node.left);
    const id = node.left.declarations[0]?.id as Pattern;
    if (id.type !== "Identifier") refuse("SCRY1402", "only one name stands here", id);
    const right = bare(node.right as Expression);
    const range =
      right.type === "CallExpression" && right.callee.type === "Identifier" && right.callee.name === "range"
        ? (right.arguments as Expression[])
        : undefined;
    this.scoped(() => {
      const type = this.annotated(id) ?? this.types.u32;
      const index = this.variable(range === undefined ? "index" : id.name, type, spanOf(id));
      let end: CExpression;
      let start: CExpression = this.constant(0, type, span);
      let body: CStatement;
      if (range !== undefined) {
        if (range.length < 1 || range.length > 2)
          refuse("SCRY1405", "range takes an end, or a start and an end", right);
        if (range.length === 2)
          start = this.fitting(this.plain(range[0] as Expression, type), type, range[0] as Expression);
        const last = range.at(-1) as Expression;
        const value = this.fitting(this.plain(last, type), type, last);
        end = value.kind === "constant" ? value : this.read(this.held(value, type, span));
        this.declare(index, start);
        this.bind(id.name, { kind: "plain", of: this.read(index) });
        body = this.#one(node.body);
      } else {
        const array = this.plain(right);
        const found = typing.resolve(array.type);
        if (found.kind !== "array")
          return refuse(
            "SCRY1403",
            `this goes over range(…) and arrays, not over ${this.types.name(array.type)}`,
            right,
          );
        end = this.constant(found.count, type, span);
        this.declare(index, start);
        this.bind(id.name, { kind: "plain", of: typing.index(array, this.read(index), span) });
        body = this.#one(node.body);
      }
      const condition = typing.compare("<", this.read(index), end, span);
      const before = this.variable("before", type, span);
      const sum = typing.binary("+", this.read(before), this.constant(1, type, span), span);
      const step: CExpression = {
        kind: "update",
        target: this.read(index),
        before,
        value: typing.cast(sum, type),
        post: false,
        type,
        span,
      };
      this.push({ kind: "loop", form: "while", condition, step, body, span });
    });
  }

  #switch(node: SwitchStatement): void {
    const span = spanOf(node);
    const value = this.plain(node.discriminant);
    const statements = this.gathered(() =>
      this.scoped(() => {
        for (const { test, consequent, ...at } of node.cases) {
          if (test == null) this.push({ kind: "default", span: spanOf(at as Node) });
          else {
            const found = this.value(test);
            if (found.kind !== "static" || found.what.kind !== "number")
              return refuse("SCRY1402", "a case is a number that is known when the module is compiled", test);
            const of = found.what.value;
            this.push({ kind: "case", from: of, to: of, span: spanOf(test) });
          }
          for (const statement of consequent) this.statement(statement);
        }
      }),
    );
    this.push({ kind: "switch", value, body: { kind: "block", statements, span }, span });
  }

  // --- functions -----------------------------------------------------------------------------------------------------

  /** A function of the module as one of C: structs are given by reference. */
  function(node: FunctionNode, name: string): CFunction {
    const { typing, c } = this.types;
    const span = spanOf(node);
    const parameters = node.params.map((pattern): CVariable => {
      if (pattern.type !== "Identifier") return refuse("SCRY1402", "a parameter is a name with a type", pattern);
      const type =
        this.annotated(pattern) ?? refuse("SCRY1403", `'${pattern.name}' needs a type: ${pattern.name}: u32`, pattern);
      const own = typing.isScalar(type) ? type : c.pointer(type);
      const variable: CVariable = { ...this.variable(pattern.name, own, spanOf(pattern)), storage: "parameter" };
      const of = this.read(variable);
      this.bind(pattern.name, { kind: "plain", of: typing.isScalar(type) ? of : typing.dereference(of, of.span) });
      return variable;
    });
    const annotation = (node as unknown as { returnType?: { typeAnnotation: Node } }).returnType?.typeAnnotation;
    const said =
      annotation === undefined ? undefined : annotation.type === "TSVoidKeyword" ? 0 : this.typeOf(annotation);
    const { statements, returns } = this.body(node, said === 0 ? undefined : said);
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
      body: { parameters, statements, end: { start: span.end, end: span.end } },
    };
  }
}

const isNothing = (value: Value): boolean =>
  value.kind === "undefined" || (value.kind === "plain" && value.of.type === 0);
