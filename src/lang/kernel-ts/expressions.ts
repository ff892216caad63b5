// Expressions, as the typed tree that C's lowering takes. What has to be done before a value is there (a look-up, a call that
// writes into memory) becomes statements before it.

import type { CExpression } from "../../c/index.ts";
import { bare, type Expression, type Node, refuse, spanOf } from "./ast.ts";
import { CallReader } from "./calls.ts";
import { asList, formatted } from "./format.ts";
import { decided, type Value } from "./values.ts";

export abstract class ExpressionReader extends CallReader {
  /** The value of an expression, whatever it is. */
  value(node: Expression): Value {
    const struct = this.castTo(node);
    if (struct === undefined) return this.#value(bare(node));
    const of = this.plain(bare(node));
    const { typing, c } = this.types;
    if (!typing.isScalar(of.type) || typing.size(of.type) < 8)
      return refuse("SCRY1403", `this is no pointer but ${this.types.name(of.type)}`, node);
    return { kind: "plain", of: typing.explicit(of, c.pointer(struct), spanOf(node)) };
  }
  #value(node: Expression): Value {
    const span = spanOf(node);
    switch (node.type) {
      case "Literal":
        return this.#literal(node.value, node);
      case "Identifier":
        return node.name === "undefined" ? { kind: "undefined" } : this.named(node.name, node);
      case "TemplateLiteral": {
        const [only] = node.quasis;
        if (node.expressions.length === 0)
          return { kind: "static", what: { kind: "text", text: only?.value.cooked ?? "" } };
        return this.#templated(node);
      }
      case "ObjectExpression":
        return { kind: "object", node };
      case "ArrayExpression":
        return { kind: "array", node };
      case "MemberExpression":
        return this.member(node);
      case "CallExpression":
        return this.called(node);
      case "UnaryExpression":
        return this.unary(node);
      case "BinaryExpression":
        return this.binary(node.operator, node.left as Expression, node.right, node);
      case "LogicalExpression":
        return this.logical(node.operator, node.left, node.right, node);
      case "ConditionalExpression": {
        const asked = this.value(node.test);
        const known = decided(asked);
        if (known !== undefined) return this.value(known ? node.consequent : node.alternate);
        const test = this.truthOf(asked, node.test);
        const then = this.contained(() => this.plain(node.consequent));
        const otherwise = this.contained(() => this.plain(node.alternate, then.type));
        return { kind: "plain", of: this.types.typing.conditional(test, then, otherwise, span) };
      }
      case "AssignmentExpression":
        return this.assignment(node.operator, node.left as Expression, node.right, node);
      case "UpdateExpression": {
        const field = this.headerField(node.argument);
        if (field !== undefined) {
          const step = (old: CExpression, type: number): CExpression => {
            const { typing } = this.types;
            const sum = typing.binary(node.operator === "++" ? "+" : "-", old, this.constant(1, old.type, span), span);
            return typing.cast(sum, type, span);
          };
          this.writeField(field.of, field.name, node, step, node);
          return { kind: "plain", of: this.constant(0, this.types.typing.int, span) };
        }
        const target = this.place(node.argument);
        const { typing } = this.types;
        const made = (old: CExpression): CExpression =>
          typing.binary(node.operator === "++" ? "+" : "-", old, this.constant(1, old.type, span), span);
        return this.updated(target, made, !node.prefix, node);
      }
      case "SequenceExpression":
        return this.value(node.expressions.at(-1) as Expression);
      case "ArrowFunctionExpression":
      case "FunctionExpression":
        return refuse(
          "SCRY1402",
          "functions stand at the top of the module: what outlives a call cannot be made in the kernel",
          node,
        );
      case "NewExpression":
      case "ClassExpression":
        return refuse(
          "SCRY1402",
          "there are no classes in the kernel: a struct({ … }) holds data, functions work on it",
          node,
        );
      case "AwaitExpression":
      case "YieldExpression":
        return refuse("SCRY1402", "a program runs to its end: there is nothing to wait for in the kernel", node);
      case "ThisExpression":
        return refuse("SCRY1402", "there is no 'this' in the kernel: functions take what they work on", node);
      default:
        return refuse("SCRY1402", `${WORDS[node.type] ?? node.type} cannot be part of a kernel program`, node);
    }
  }

  /** `${…}` in a text: written into its place by the kernel. Linux 5.13. */
  #templated(node: Expression): Value {
    return {
      kind: "written",
      type: this.types.text(64),
      into: (place, type) =>
        this.gathered(() => {
          const { typing } = this.types;
          const span = spanOf(node);
          const { format, values } = formatted(this, node);
          const [data, bytes] = asList(this, values, node);
          const to = typing.address(this.addressable(place), span);
          const size = this.constant(typing.size(type), typing.unsigned, span);
          this.do(this.call("bpf_snprintf", [to, size, typing.value(format), data, bytes], span));
        }),
    };
  }

  #literal(value: unknown, node: Node): Value {
    if (typeof value === "string") return { kind: "static", what: { kind: "text", text: value } };
    if (typeof value === "boolean") return { kind: "static", what: { kind: "number", value: value ? 1n : 0n } };
    if (value === null) return { kind: "undefined" };
    if (typeof value === "bigint") return { kind: "static", what: { kind: "number", value } };
    if (typeof value === "number") {
      if (!Number.isInteger(value))
        return refuse("SCRY1402", "there are no fractions in the kernel: numbers are whole", node);
      if (!Number.isSafeInteger(value))
        return refuse("SCRY1403", "a number beyond 2^53 is not exact: write it as a bigint", node, `${value}n`);
      return { kind: "static", what: { kind: "number", value: BigInt(value) } };
    }
    return refuse("SCRY1402", "regular expressions cannot be part of a kernel program", node);
  }
}

/** What is said of nodes that no program can have. */
const WORDS: Readonly<Record<string, string>> = {
  TaggedTemplateExpression: "a tagged text",
  ImportExpression: "an import while it runs",
  SpreadElement: "a spread",
  MetaProperty: "import.meta",
};
