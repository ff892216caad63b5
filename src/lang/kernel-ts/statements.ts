// Statements.

import type { CExpression, CStatement } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import {
  type BlockStatement,
  type Expression,
  type FunctionNode,
  type Node,
  refuse,
  type Statement,
  type SwitchStatement,
  spanOf,
} from "./ast.ts";
import { type LoopBody, LoopReader } from "./loops.ts";
import { orderOf } from "./network.ts";
import { decided, type Value } from "./values.ts";

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

/** What functions that the kernel calls again and again give. */
const GO_ON = 0;
const STOP = 1;

export abstract class StatementReader extends LoopReader {
  /** Set where the statements are the body of a loop that the kernel runs, as a function of its own. */
  protected loopBody: LoopBody | undefined;
  /** Loops and switches around a statement, and loops alone: what `break` and `continue` are of. */
  #breakable = 0;
  #continuable = 0;

  /** The statements of a function's body. `returns`: undefined takes the type of the first return. */
  body(node: FunctionNode, returns: number | undefined): { statements: CStatement[]; returns: number } {
    this.returns = returns;
    const statements = this.gathered(() => {
      if (node.body.type === "BlockStatement") this.block(node.body);
      else {
        const value = this.value(node.body);
        if (!isNothing(value)) this.#returned(value, node.body);
        else if (value.kind === "plain") this.do(value.of);
      }
    });
    return { statements, returns: this.returns ?? 0 };
  }

  block(node: BlockStatement): void {
    this.scoped(() => {
      for (const statement of node.body) this.statement(statement);
    });
  }

  protected one(node: Statement): CStatement {
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
        // It says what to do with what has to be given back.
        if (value.kind === "resource") this.asPlain(value, node.expression);
        return undefined;
      }
      case "VariableDeclaration":
        this.variables(node);
        return undefined;
      case "IfStatement": {
        const asked = this.value(node.test);
        const known = decided(asked);
        if (known === true) return this.one(node.consequent);
        if (known === false) return node.alternate == null ? undefined : this.one(node.alternate);
        const condition = this.truthOf(asked, node.test);
        const then = this.one(node.consequent);
        const otherwise = node.alternate == null ? {} : { otherwise: this.one(node.alternate) };
        return { kind: "if", condition, then, ...otherwise, span };
      }
      case "WhileStatement":
      case "DoWhileStatement": {
        const condition = this.contained(() => this.truth(node.test));
        const form = node.type === "WhileStatement" ? ("while" as const) : ("do" as const);
        return { kind: "loop", form, condition, body: this.looped(node.body), span };
      }
      case "ForStatement":
        return this.scoped(() => {
          const { init, test, update } = node;
          if (init?.type === "VariableDeclaration") this.variables(init);
          else if (init != null) this.#effect(init);
          const condition = test == null ? {} : { condition: this.contained(() => this.truth(test)) };
          const body = this.looped(node.body);
          const step = update == null ? {} : { step: this.contained(() => this.#effectOf(update)) };
          return { kind: "loop", form: "while", ...condition, ...step, body, span };
        });
      case "ForOfStatement":
        this.forOf(node);
        return undefined;
      case "SwitchStatement":
        this.#switch(node);
        return undefined;
      case "BreakStatement":
      case "ContinueStatement":
        if (node.label != null) refuse("SCRY1402", "labels cannot be part of a kernel program", node);
        return this.#ended(node.type === "BreakStatement" ? "break" : "continue", span);
      case "ReturnStatement":
        if (node.argument == null) {
          const none = this.returns === undefined ? undefined : this.constant(0, this.returns, span);
          this.leave(none, span);
          return undefined;
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
    const { typing } = this.types;
    // A struct that may be missing is given as where it is.
    const missing = value.kind === "maybe" && !typing.isScalar(value.of.type) && typing.isPointer(value.present.type);
    const plain = missing ? value.present : this.asPlain(value, at, this.returns);
    if (!typing.isScalar(plain.type)) {
      this.returns ??= plain.type;
      if (typing.resolve(plain.type).id !== typing.resolve(this.returns).id || !typing.isComposite(plain.type))
        refuse("SCRY1403", `${this.types.name(plain.type)} cannot be made into ${this.types.name(this.returns)}`, at);
      this.leave(plain, span);
      return;
    }
    if (this.returns !== undefined && !typing.isScalar(this.returns))
      refuse("SCRY1403", `${this.types.name(plain.type)} cannot be made into ${this.types.name(this.returns)}`, at);
    this.returns ??= typing.isInteger(plain.type) ? typing.promote(plain).type : plain.type;
    // Of a function's own result the bits lie as its type has them.
    const own = orderOf(this.types, this.returns) !== undefined;
    this.leave(own ? this.fitting(plain, this.returns, at) : typing.cast(plain, this.returns), span);
  }

  protected leave(value: CExpression | undefined, span: Span): void {
    const { loopBody } = this;
    if (loopBody === undefined) {
      this.push({ kind: "return", ...(value === undefined ? {} : { value }), span });
      return;
    }
    if (value !== undefined) {
      loopBody.result.variable.type = value.type;
      const target = { ...loopBody.result.of(), type: value.type };
      this.do({ kind: "assign", target, value, type: value.type, span });
    }
    const one = this.constant(1, this.types.u32, span);
    this.do({ kind: "assign", target: loopBody.left(), value: one, type: this.types.u32, span });
    this.push({ kind: "return", value: this.constant(STOP, this.types.i64, span), span });
  }

  #ended(kind: "break" | "continue", span: Span): CStatement {
    if (this.loopBody === undefined || (kind === "break" ? this.#breakable : this.#continuable) > 0)
      return { kind, span };
    return { kind: "return", value: this.constant(kind === "break" ? STOP : GO_ON, this.types.i64, span), span };
  }

  protected looped(node: Statement): CStatement {
    this.#breakable++;
    this.#continuable++;
    const body = this.one(node);
    this.#breakable--;
    this.#continuable--;
    return body;
  }

  #switch(node: SwitchStatement): void {
    const span = spanOf(node);
    const value = this.plain(node.discriminant);
    this.#breakable++;
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
    this.#breakable--;
    this.push({ kind: "switch", value, body: { kind: "block", statements, span }, span });
  }
}

const isNothing = (value: Value): boolean =>
  value.kind === "undefined" || (value.kind === "plain" && value.of.type === 0);
