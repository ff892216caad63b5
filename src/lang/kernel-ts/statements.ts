// Statements.

import type { CExpression, CFunction, CStatement, CVariable } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
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
import { headerMember } from "./headers.ts";
import { knownMember, orderOf } from "./network.ts";
import type { CallbackShape } from "./reader.ts";
import type { IteratorValue, MapValue, Resource, Value } from "./values.ts";

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

/** Where the body of a loop that is a function leaves what `return` in it gave. */
export interface LoopBody {
  left(): CExpression;
  readonly result: { readonly variable: CVariable; of(): CExpression };
}

export abstract class StatementReader extends ExpressionReader {
  /** Of the function; undefined: what its first return gives. */
  protected returns: number | undefined;
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
        return undefined;
      }
      case "VariableDeclaration":
        this.#variables(node);
        return undefined;
      case "IfStatement": {
        const condition = this.truth(node.test);
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
          if (init?.type === "VariableDeclaration") this.#variables(init);
          else if (init != null) this.#effect(init);
          const condition = test == null ? {} : { condition: this.contained(() => this.truth(test)) };
          const body = this.looped(node.body);
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

  /** The end of the function: of a loop's body that of whatever it stands in. */
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

  // --- variables ---------------------------------------------------------------------------------------------------

  #variables(node: VariableDeclaration): void {
    for (const { id, init } of node.declarations) {
      if (/using/.test(node.kind)) {
        this.#using(id, init ?? undefined, node);
        continue;
      }
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
      this.bound(id, this.value(init), init, node.kind === "const", type);
    }
  }

  /** What is given back where the block ends: kept in a struct of words that the end is handed. */
  #using(id: Pattern, init: Expression | undefined, node: VariableDeclaration): void {
    const { typing, c } = this.types;
    if (/await/.test(node.kind))
      refuse("SCRY1402", "a program runs to its end: there is nothing to wait for in the kernel", node);
    const value = init === undefined ? undefined : this.value(init);
    if (value?.kind !== "resource" || id.type !== "Identifier") {
      refuse("SCRY1402", "this needs not be given back", init ?? node, "const it = …");
      return;
    }
    const span = spanOf(id);
    const count = Math.max(1, value.words.length);
    const type = c.array(this.types.u64, count);
    const holder: CVariable = {
      ...this.variable(id.name, type, span),
      addressed: true,
      cleanup: this.#ending(value, type, span),
      initial: {
        entries: value.words.map((word, i) => ({
          offset: i * 64,
          bits: 0,
          type: this.types.u64,
          value: typing.value(typing.explicit(word, this.types.u64, span)),
        })),
        span,
      },
    };
    this.push({ kind: "declare", variable: holder, span });
    const words = (): CExpression[] =>
      value.words.map((_, i) => typing.index(this.read(holder), this.constant(i, typing.int, span), span));
    const methods = Object.entries(value.methods ?? {}).map(([name, method]) => [
      name,
      (): Value => ({ kind: "plain", of: method(words()) }),
    ]);
    const more = methods.length === 0 ? {} : { methods: Object.fromEntries(methods) };
    if (value.of === undefined) this.bind(id.name, { kind: "undefined" });
    else if (value.present !== undefined)
      this.bind(id.name, { kind: "maybe", present: value.present, of: value.of, ...more });
    else this.bind(id.name, { kind: "plain", of: value.of, ...more });
  }

  /** The function that is called with the words where the block ends. */
  #ending(resource: Resource, type: number, span: Span): CFunction {
    const { typing, c } = this.types;
    const pointer = c.pointer(type);
    const parameter: CVariable = { ...this.variable("held", pointer, span), storage: "parameter" };
    const list = typing.dereference(this.read(parameter), span);
    const words = resource.words.map((_, i) => typing.index(list, this.constant(i, typing.int, span), span));
    const statements = this.gathered(() => this.push(...resource.release(words)));
    return {
      name: "given_back",
      type: c.add({
        kind: "func_proto",
        name: "",
        returns: 0,
        params: [{ name: "held", type: pointer }],
        variadic: false,
      }),
      span,
      static: true,
      inline: true,
      attributes: new Set(["always_inline"]),
      uses: 1,
      body: { parameters: [parameter], statements, end: span },
    };
  }

  protected bound(id: Pattern, value: Value, at: Expression, constant: boolean, type: number | undefined): void {
    if (id.type === "ObjectPattern") this.#takenApart(id, value, at, constant);
    else if (id.type === "ArrayPattern") this.#elements(id, value, at, constant);
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
      const { name } = property.key;
      const member = headerMember(this, holder, name, property.key) ?? {
        kind: "plain",
        of: knownMember(this.types, holder.type, typing.member(holder, name, spanOf(property)), name),
      };
      this.bound(property.value as Pattern, member, at, constant, undefined);
    }
  }

  #elements(id: Extract<Pattern, { type: "ArrayPattern" }>, value: Value, at: Expression, constant: boolean): void {
    const { typing } = this.types;
    const of = this.asPlain(value, at);
    const found = typing.resolve(of.type);
    if (found.kind !== "array") refuse("SCRY1403", `${this.types.name(of.type)} has no elements`, at);
    for (const [i, pattern] of id.elements.entries()) {
      if (pattern === null) continue;
      const count = found.kind === "array" ? found.count : 0;
      if (pattern.type === "RestElement") refuse("SCRY1402", "elements are named one by one here", pattern);
      if (i >= count) refuse("SCRY1403", `there are ${count} elements`, pattern);
      const index = this.constant(i, typing.int, spanOf(pattern));
      const element = typing.index(of, index, spanOf(pattern));
      this.bound(pattern, { kind: "plain", of: element }, at, constant, undefined);
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
    if ((value.kind === "maybe" || value.kind === "map") && type === undefined) return value;
    const own = (of: number): Value => {
      const variable = { ...this.variable(name, of, span), constant };
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
    if (value.kind === "static" && value.what.kind !== "number" && value.what.kind !== "list")
      return refuse("SCRY1403", "this cannot be kept in a variable", at);
    const plain = this.asPlain(value, at);
    if (typing.isScalar(plain.type)) {
      // What is computed of small numbers has 32 bits or more.
      const kept =
        value.kind === "plain" && !/^(?:variable|member|dereference|element|convert|call|builtin)$/.test(plain.kind);
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
    const entries = this.#entriesOf(bare(node.right as Expression));
    if (entries !== undefined) {
      this.#overMap(node, id, entries);
      return;
    }
    const iterator = this.#iteratorOf(bare(node.right as Expression));
    if (iterator !== undefined) {
      this.#overIterator(node, id, iterator);
      return;
    }
    if (id.type !== "Identifier") refuse("SCRY1402", "only one name stands here", id);
    const right = bare(node.right as Expression);
    const range =
      right.type === "CallExpression" && right.callee.type === "Identifier" && right.callee.name === "range"
        ? (right.arguments as Expression[])
        : undefined;
    this.scoped(() => {
      const type = this.annotated(id) ?? this.types.u32;
      const index = { ...this.variable(range === undefined ? "index" : id.name, type, spanOf(id)), constant: true };
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
        body = this.looped(node.body);
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
        body = this.looped(node.body);
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

  #iteratorOf(node: Expression): IteratorValue | undefined {
    if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return undefined;
    const value = this.value(node);
    return value.kind === "iterator" ? value : refuse("SCRY1403", "this cannot be gone through", node);
  }

  /** The iterator stands on the stack, and is done with wherever the loop is left. */
  #overIterator(node: Extract<Statement, { type: "ForOfStatement" }>, id: Pattern, iterator: IteratorValue): void {
    const { typing, c } = this.types;
    const span = spanOf(node);
    const type = iterator.state;
    const statements = this.gathered(() =>
      this.scoped(() => {
        const pointer = c.pointer(type);
        const ending: Resource = {
          kind: "resource",
          of: undefined,
          words: [],
          release: () => [],
        };
        const parameter: CVariable = { ...this.variable("held", pointer, span), storage: "parameter" };
        const own = typing.dereference(this.read(parameter), span);
        const state: CVariable = {
          ...this.variable("iterator", type, span),
          addressed: true,
          cleanup: {
            ...this.#ending(ending, type, span),
            body: {
              parameters: [parameter],
              statements: [{ kind: "expression", value: iterator.end(own), span }],
              end: span,
            },
          },
        };
        this.push({ kind: "declare", variable: state, span });
        this.do(iterator.begin(this.read(state)));
        const next = iterator.next(this.read(state));
        const element = { ...this.variable("element", next.type, span), constant: true };
        const body = this.gathered(() =>
          this.scoped(() => {
            this.declare(element, next);
            const end: CStatement = { kind: "break", span };
            this.push({
              kind: "if",
              condition: typing.unary("!", typing.truth(this.read(element)), span),
              then: end,
              span,
            });
            this.bound(id, iterator.element(this.read(element)), node.right as Expression, true, undefined);
            this.push(this.looped(node.body));
          }),
        );
        this.push({ kind: "loop", form: "while", body: { kind: "block", statements: body, span }, span });
      }),
    );
    this.push({ kind: "block", statements, span });
  }

  /** A map, or its keys or values. */
  #entriesOf(node: Expression): { readonly map: MapValue; readonly of: "entries" | "keys" | "values" } | undefined {
    const call = node.type === "CallExpression" && node.callee.type === "MemberExpression" ? node.callee : undefined;
    const name = call?.property.type === "Identifier" ? call.property.name : "entries";
    const holder = call === undefined ? node : bare(call.object as Expression);
    if (holder.type !== "Identifier" || (name !== "entries" && name !== "keys" && name !== "values")) return undefined;
    const value = this.value(holder);
    return value.kind === "static" && value.what.kind === "map" ? { map: value.what.map, of: name } : undefined;
  }

  /** The body becomes a function, which the kernel calls with each entry (`bpf_for_each_map_elem`). */
  #overMap(
    node: Extract<Statement, { type: "ForOfStatement" }>,
    id: Pattern,
    { map, of }: { readonly map: MapValue; readonly of: "entries" | "keys" | "values" },
  ): void {
    const { typing, c } = this.types;
    const span = spanOf(node);
    if (!map.walked) refuse("SCRY1404", `there is no loop over the entries of ${map.what}`, node.right);
    const pair = id.type === "ArrayPattern" ? id.elements : undefined;
    if (of === "entries" && (pair === undefined || pair.length > 2 || pair.some((one) => one?.type === "RestElement")))
      refuse("SCRY1402", "entries are taken apart: for (const [key, value] of map)", id);
    const any = c.pointer(0);
    const { fn, environment, ends } = this.loop(node.body, {
      word: "each",
      params: [any, c.pointer(map.key), c.pointer(map.value), c.pointer(this.types.u64)],
      environment: 3,
      given: ([, key, value]) => [
        { kind: "plain", of: typing.dereference(key as CExpression, span) },
        { kind: "plain", of: typing.dereference(value as CExpression, span) },
      ],
      bind: (inner, [key, value]) => {
        const at = node.right as Expression;
        const bind = (pattern: Pattern | null | undefined, given: Value | undefined): void => {
          if (pattern != null && given !== undefined) inner.bound(pattern, given, at, true, undefined);
        };
        if (of === "entries") {
          bind(pair?.[0], key);
          bind(pair?.[1], value);
        } else bind(id, of === "keys" ? key : value);
      },
    });
    const address = typing.address({ kind: "variable", variable: map.variable, type: map.variable.type, span }, span);
    const none = this.constant(0, typing.unsignedLong, span);
    this.#ran(this.call("bpf_for_each_map_elem", [address, fn, environment, none], span), ends, span);
  }

  /** The body of a loop as a function. */
  protected abstract loop(
    body: Statement,
    shape: CallbackShape & { bind(inner: StatementReader, given: readonly Value[]): void },
  ): { readonly fn: CExpression; readonly environment: CExpression; readonly ends: LoopBody };

  /** Runs a loop whose body is a function, and returns where that did. */
  #ran(call: CExpression, ends: LoopBody, span: Span): void {
    this.do(call);
    const returned = this.gathered(() => this.leave(this.returns === undefined ? undefined : ends.result.of(), span));
    const then: CStatement = { kind: "block", statements: returned, span };
    this.push({ kind: "if", condition: this.types.typing.truth(ends.left()), then, span });
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
