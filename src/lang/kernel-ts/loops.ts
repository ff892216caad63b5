// Loops over ranges, lists, entries of maps, and what the kernel goes through.

import type { CExpression, CStatement, CVariable } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import { bare, type Expression, type Pattern, refuse, type Statement, spanOf } from "./ast.ts";
import type { CallbackShape } from "./reader.ts";
import type { IteratorValue, MapValue, Resource, Value } from "./values.ts";
import { VariableReader } from "./variables.ts";

/** Where the body of a loop that is a function leaves what `return` in it gave. */
export interface LoopBody {
  left(): CExpression;
  readonly result: { readonly variable: CVariable; of(): CExpression };
}

export abstract class LoopReader extends VariableReader {
  /** Of the function; undefined: what its first return gives. */
  protected returns: number | undefined;

  /** A statement as one of C. */
  protected abstract one(node: Statement): CStatement;
  /** The same as the body of a loop. */
  protected abstract looped(node: Statement): CStatement;
  /** The end of the function: of a loop's body that of whatever it stands in. */
  protected abstract leave(value: CExpression | undefined, span: Span): void;

  protected forOf(node: Extract<Statement, { type: "ForOfStatement" }>): void {
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
            ...this.ending(ending, type, span),
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
    shape: CallbackShape & { bind(inner: LoopReader, given: readonly Value[]): void },
  ): { readonly fn: CExpression; readonly environment: CExpression; readonly ends: LoopBody };

  /** Runs a loop whose body is a function, and returns where that did. */
  #ran(call: CExpression, ends: LoopBody, span: Span): void {
    this.do(call);
    const returned = this.gathered(() => this.leave(this.returns === undefined ? undefined : ends.result.of(), span));
    const then: CStatement = { kind: "block", statements: returned, span };
    this.push({ kind: "if", condition: this.types.typing.truth(ends.left()), then, span });
  }
}
