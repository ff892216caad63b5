// From the tree to what it asks of a packet. The tree is walked from left to right, for `vlan` and its like move what stands
// behind them.

import { nearest, type Span } from "../../source/index.ts";
import { always, and, not, or, test } from "./condition.ts";
import type { Condition } from "./expression.ts";
import { calculate, type Value, Values } from "./expression.ts";
import { type KnownOfPackets, Link } from "./link.ts";
import type { LinkType } from "./link-types.ts";
import { named } from "./named.ts";
import { above, firstFragment, LINK_PROTOCOLS, Protocol, protocolAlone, TRANSPORTS, transport4 } from "./primitives.ts";
import { fail } from "./problems.ts";
import type { Resolver } from "./resolver.ts";
import type { Arithmetic, Comparison, Expression } from "./tree.ts";
import { wordMeaning } from "./words.ts";

/** Of each test, the place of the first term that asks it. */
export type Said = ReadonlyMap<Condition, Span>;

/** Throws DiagnosticError. */
export function meaningOf(
  tree: Expression,
  linkType: LinkType,
  resolver: Resolver,
  known: KnownOfPackets = {},
): { readonly condition: Condition; readonly values: Values; readonly said: Said } {
  const values = new Values();
  const link = new Link(values, linkType, known);
  const said = new Map<Condition, Span>();
  const asked = meaning(tree, link, resolver, said);
  // A filter that asks nothing takes all.
  return { condition: tree.kind === "all" ? asked : and(link.every, asked), values, said };
}

/** Notes the place of a term for all that it asks. */
function note(condition: Condition, span: Span, said: Map<Condition, Span>): void {
  for (const stack = [condition]; ; ) {
    const next = stack.pop();
    if (next === undefined) return;
    if (next.kind === "test" && !said.has(next)) said.set(next, span);
    else if (next.kind === "not") stack.push(next.of);
    else if (next.kind === "and" || next.kind === "or") stack.push(next.left, next.right);
  }
}

function meaning(tree: Expression, link: Link, resolver: Resolver, said: Map<Condition, Span>): Condition {
  switch (tree.kind) {
    case "not":
    case "and":
    case "or":
      return joined(tree, link, resolver, said);
    default: {
      const condition = term(tree, link, resolver);
      note(condition, tree.span, said);
      return condition;
    }
  }
}

type Joined = Extract<Expression, { kind: "not" | "and" | "or" }>;
type Term = Extract<
  Expression,
  { kind: "all" } | { kind: "protocol" } | { kind: "id" } | { kind: "word" } | { kind: "relation" }
>;

function joined(tree: Joined, link: Link, resolver: Resolver, said: Map<Condition, Span>): Condition {
  if (tree.kind === "not") return not(meaning(tree.of, link, resolver, said));
  // Long filters are long chains to the left: those are no recursion.
  const parts: { kind: "and" | "or"; right: Expression }[] = [];
  let first: Expression = tree;
  for (; first.kind === "and" || first.kind === "or"; first = first.left)
    parts.push({ kind: first.kind, right: first.right });
  let all = meaning(first, link, resolver, said);
  for (const { kind, right } of parts.reverse())
    all = (kind === "and" ? and : or)(all, meaning(right, link, resolver, said));
  return all;
}

function term(tree: Term, link: Link, resolver: Resolver): Condition {
  switch (tree.kind) {
    case "all":
      return always(true);
    case "protocol":
      return protocolAlone(link, tree.name, tree.span);
    case "id":
      return named(link, resolver, tree);
    case "word":
      return wordMeaning(link, tree);
    case "relation": {
      const needs: Condition[] = [];
      const left = arithmetic(tree.left, link, needs);
      const right = arithmetic(tree.right, link, needs);
      return and(...needs, relation(left, tree.relation, right));
    }
  }
}

function relation(left: Value, comparison: Comparison, right: Value): Condition {
  switch (comparison) {
    case "=":
      return test(left, "=", right);
    case "!=":
      return not(test(left, "=", right));
    case ">":
      return test(left, ">", right);
    case ">=":
      return test(left, ">=", right);
    case "<":
      return not(test(left, ">=", right));
    case "<=":
      return not(test(left, ">", right));
  }
}

/** A number; what must hold for it to mean something is added to `needs`. */
function arithmetic(tree: Arithmetic, link: Link, needs: Condition[]): Value {
  const { values } = link;
  switch (tree.kind) {
    case "number":
      return values.constant(tree.number);
    case "length":
      return values.length();
    case "negate":
      return values.negate(arithmetic(tree.of, link, needs));
    case "binary": {
      const left = arithmetic(tree.left, link, needs);
      // As libpcap has it, only the left side says of which protocol the packet must be: `len + tcp[0]` reads there of any.
      const right = arithmetic(tree.right, link, []);
      const { operator } = tree;
      if (right.kind === "constant") {
        if (calculate(operator, 1, right.number) === undefined)
          fail("SCRY1509", tree.right.span, "This divides by zero");
        if ((operator === "<<" || operator === ">>") && tree.right.kind === "number" && right.number > 31)
          fail("SCRY1509", tree.right.span, "A number of 32 bits is shifted by at most 31");
      }
      return values.binary(operator, left, right);
    }
    case "bytes": {
      const at = arithmetic(tree.at, link, needs);
      return bytesOf(tree.protocol, at, tree.size as 1 | 2 | 4, link, needs, tree.span);
    }
  }
}

function bytesOf(protocol: string, at: Value, size: 1 | 2 | 4, link: Link, needs: Condition[], span: Span): Value {
  const { values } = link;
  const from = ({ base, offset }: { base?: Value | undefined; offset: number }): Value =>
    values.load(size, offset, base === undefined ? at : values.binary("+", at, base));
  if (protocol === "link") return from(link.header);
  if (protocol === "radio") {
    if (link.linkType.radio === undefined)
      return fail("SCRY1506", span, `${link.linkType.title} has no radio header`, "IEEE802_11_RADIO has one");
    return from({ offset: 0 });
  }
  const transport = TRANSPORTS[protocol];
  if (protocol === "icmp6") {
    needs.push(protocolAlone(link, "ip6", span), link.equals(link.network, 6, 1, Protocol.ICMP6));
    return from({ base: link.network.base, offset: link.network.offset + 40 });
  }
  if (transport?.over.includes(4) && protocol !== "ah" && protocol !== "esp") {
    needs.push(above(link, 4, transport.number, span), firstFragment(link));
    return from(transport4(link));
  }
  if (LINK_PROTOCOLS[protocol] !== undefined && !["iso", "stp", "ipx", "netbeui", "aarp"].includes(protocol)) {
    needs.push(protocolAlone(link, protocol, span));
    return from(link.network);
  }
  const hint = nearest(
    protocol,
    ["link", ...Object.keys(LINK_PROTOCOLS), ...Object.keys(TRANSPORTS)].filter((p) => p !== protocol),
  );
  return fail("SCRY1504", span, `Bytes of '${protocol}' cannot be read`, ...hint);
}
