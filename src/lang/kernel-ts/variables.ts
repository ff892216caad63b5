// What names stand for in a function: variables, what is taken apart, what has to be given back.

import type { CExpression, CFunction, CVariable } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import { type Expression, type Pattern, refuse, spanOf, type VariableDeclaration } from "./ast.ts";
import { ExpressionReader } from "./expressions.ts";
import { headerMember } from "./headers.ts";
import { knownMember } from "./network.ts";
import type { Resource, Value } from "./values.ts";

/** A part of what a name leads to that always leads to the same: it stays where it is, and is as good as its own name. */
function isPartOf(of: CExpression): boolean {
  if (of.kind === "member") return isPartOf(of.of);
  return of.kind === "dereference" && of.pointer.kind === "variable" && of.pointer.variable.constant;
}

export abstract class VariableReader extends ExpressionReader {
  protected variables(node: VariableDeclaration): void {
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
      cleanup: this.ending(value, type, span),
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
    const [first] = words();
    const more = {
      ...(methods.length === 0 ? {} : { methods: Object.fromEntries(methods) }),
      ...(first === undefined
        ? {}
        : {
            handOver: (): CExpression => ({
              kind: "assign",
              target: first,
              value: this.constant(0, this.types.u64, span),
              type: this.types.u64,
              span,
            }),
          }),
    };
    if (value.of === undefined) this.bind(id.name, { kind: "undefined" });
    else if (value.present !== undefined)
      this.bind(id.name, { kind: "maybe", present: value.present, of: value.of, ...more });
    else this.bind(id.name, { kind: "plain", of: value.of, ...more });
  }

  /** The function that is called with the words where the block ends. */
  protected ending(resource: Resource, type: number, span: Span): CFunction {
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
    if (plain.kind === "variable" || isPartOf(plain)) return { kind: "plain", of: plain };
    const pointer = this.held(typing.address(plain, span), this.types.c.pointer(plain.type), span);
    return { kind: "plain", of: typing.dereference(this.read(pointer), span) };
  }
}
