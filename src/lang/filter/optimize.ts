// The graph made smaller: a test whose answer is known on the way to it is passed by; tests of one value that lead to the same
// end stand behind each other, so that the value is read once.

import { assume, common, decided, type Facts, NOTHING } from "./facts.ts";
import { inOrder, type Node, type Nodes, type TestNode } from "./graph.ts";

/** Each round makes the graph smaller or orders it; few are needed. */
const ROUNDS = 30;

/** The same answers for every packet that is whole, by fewer tests. */
export function optimize(root: Node, nodes: Nodes): Node {
  let current = root;
  for (let round = 0; round < ROUNDS; round++) {
    const next = gather(thread(current, nodes), nodes);
    if (next === current) break;
    current = next;
  }
  return current;
}

/** Builds a graph anew from its end, as `ways` says where each node leads. */
function rebuild(
  root: Node,
  order: readonly TestNode[],
  nodes: Nodes,
  ways: (node: TestNode) => readonly [Node, Node],
): Node {
  const built = new Map<Node, Node>();
  const get = (node: Node): Node => built.get(node) ?? node;
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i] as TestNode;
    const [yes, no] = ways(node);
    built.set(node, nodes.test(node, get(yes), get(no)));
  }
  return get(root);
}

/** Every edge leads past tests that are decided on it. */
function thread(root: Node, nodes: Nodes): Node {
  const order = inOrder(root);
  const known = new Map<Node, Facts>([[root, NOTHING]]);
  const ways = new Map<TestNode, readonly [Node, Node]>();
  for (const node of order) {
    const facts = known.get(node);
    // Nothing leads here any longer.
    if (facts === undefined) continue;
    const follow = (answer: boolean): Node => {
      const here = assume(facts, node, answer);
      let target = answer ? node.yes : node.no;
      while (target.kind === "test") {
        const answered = decided(target, here);
        if (answered === undefined) break;
        target = answered ? target.yes : target.no;
      }
      if (target.kind === "test") {
        const other = known.get(target);
        known.set(target, other === undefined ? here : common(other, here));
      }
      return target;
    };
    ways.set(node, [follow(true), follow(false)]);
  }
  const reached = order.filter((node) => ways.has(node));
  return rebuild(root, reached, nodes, (node) => ways.get(node) as readonly [Node, Node]);
}

/** Chains of tests with one end in common, ordered by what they read. */
function gather(root: Node, nodes: Nodes): Node {
  const order = inOrder(root);
  const entries = new Map<Node, number>();
  for (const { yes, no } of order) for (const next of [yes, no]) entries.set(next, (entries.get(next) ?? 0) + 1);
  /** The head of a chain, and what it is replaced by, built when its end is. */
  const chains = new Map<TestNode, { readonly links: readonly TestNode[]; readonly way: "yes" | "no" }>();
  const within = new Set<TestNode>();
  for (const head of order) {
    if (within.has(head)) continue;
    for (const way of ["no", "yes"] as const) {
      const out = way === "no" ? "yes" : "no";
      const links = [head];
      for (let next = head[way]; next.kind === "test"; next = next[way]) {
        if (entries.get(next) !== 1 || next[out] !== head[out] || within.has(next)) break;
        links.push(next);
      }
      if (links.length < 3) continue;
      chains.set(head, { links: byValue(links), way });
      for (const link of links) within.add(link);
      break;
    }
  }
  if (chains.size === 0) return root;
  const built = new Map<Node, Node>();
  const get = (node: Node): Node => built.get(node) ?? node;
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i] as TestNode;
    const chain = chains.get(node);
    if (chain === undefined) {
      built.set(node, nodes.test(node, get(node.yes), get(node.no)));
      continue;
    }
    const { links, way } = chain;
    // The end of a chain is where its last link led before it was ordered.
    const members = new Set<Node>(links);
    const last = links.find((link) => !members.has(link[way])) as TestNode;
    const out = get(way === "no" ? node.yes : node.no);
    let rest = get(last[way]);
    for (let j = links.length - 1; j >= 0; j--) {
      const link = links[j] as TestNode;
      rest = way === "no" ? nodes.test(link, out, rest) : nodes.test(link, rest, out);
    }
    built.set(node, rest);
  }
  return get(root);
}

/** Tests of the same value behind the first of them, otherwise in their order. */
function byValue(links: readonly TestNode[]): TestNode[] {
  const groups = new Map<number, TestNode[]>();
  for (const link of links) {
    const group = groups.get(link.left.id);
    if (group === undefined) groups.set(link.left.id, [link]);
    else group.push(link);
  }
  return [...groups.values()].flat();
}
