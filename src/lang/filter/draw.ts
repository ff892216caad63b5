// A filter's graph drawn: as a tree for a terminal, or as text for Graphviz and Mermaid, which make pictures of it.
//
//     1  [12:2] = 0x86dd (no: 4)              tcp port 80
//     ├─ yes ─ 2  [20] = 6 (no: miss)         tcp port 80
//     │        │ yes
//     │        3  …
//
// Of a test's two ways the longer one goes on below it, and the shorter one to its right. What was drawn once is called by its number.

import type { CompiledFilter } from "./compile-filter.ts";
import {
  type ExplainedPacket,
  endName,
  type FilterNames,
  namesOf,
  table,
  testText,
  verdict,
  wayOf,
} from "./explain.ts";
import { inOrder, type Node, type TestNode } from "./graph.ts";

/** What a packet has met: its answers, and what it had there. */
interface Way {
  readonly answers: ReadonlyMap<TestNode, { readonly answer: boolean | undefined; readonly found: string }>;
  readonly verdict: string;
}

function wayThrough(filter: CompiledFilter, packet: ExplainedPacket | undefined): Way | undefined {
  if (packet === undefined) return undefined;
  const { steps, end } = wayOf(filter, packet);
  return { answers: new Map(steps.map(({ node, ...step }) => [node, step])), verdict: verdict(end) };
}

/** The graph as a tree; with a packet, what it met has a mark, and what it had there. */
export function drawFilter(filter: CompiledFilter, packet?: ExplainedPacket): string {
  const names = namesOf(filter);
  const way = wayThrough(filter, packet);
  if (filter.graph.kind === "end") return `every packet: ${endName(filter.graph)}\n`;
  const rows: string[][] = [];
  const later: TestNode[] = [];
  const drawing = { names, way, rows, heights: heightsOf(filter.graph), drawn: new Set<Node>(), later };
  draw(filter.graph, "", "", drawing);
  for (let next = later.shift(); next !== undefined; next = later.shift())
    if (!drawing.drawn.has(next)) draw(next, "", "", drawing);
  return `${table(rows)}${way === undefined ? "" : `${way.verdict}\n`}`;
}

interface Drawing {
  readonly names: FilterNames;
  readonly way: Way | undefined;
  readonly rows: string[][];
  readonly heights: ReadonlyMap<Node, number>;
  readonly drawn: Set<Node>;
  /** What has no room beside others: drawn at the margin, once all else is. */
  readonly later: TestNode[];
}

/** Characters before a test, at most: further to the right nobody reads. */
const MOST_BEFORE = 120;

/** A test of a hundred terms says enough by the first ones. */
const cut = (words: string): string => (words.length > MOST_BEFORE ? `${words.slice(0, MOST_BEFORE - 1)}…` : words);

/** Tests on the longest way from each node. */
function heightsOf(graph: Node): ReadonlyMap<Node, number> {
  const heights = new Map<Node, number>();
  const of = (node: Node): number => heights.get(node) ?? 0;
  for (const node of inOrder(graph).toReversed()) heights.set(node, 1 + Math.max(of(node.yes), of(node.no)));
  return heights;
}

/** Draws a node with all below it: `first` stands before its first line, `rest` before the others. */
function draw(start: TestNode, first: string, rest: string, drawing: Drawing): void {
  const { names, way, rows, heights, drawn } = drawing;
  let before = first;
  for (let node: TestNode | undefined = start; node !== undefined; before = rest) {
    const here: TestNode = node;
    drawn.add(here);
    const met = way?.answers.get(here);
    const ways = [
      { label: "yes", to: here.yes, taken: met?.answer === true },
      { label: "no", to: here.no, taken: met?.answer === false },
    ];
    const [shorter] = ways.toSorted((a, b) => (heights.get(a.to) ?? 0) - (heights.get(b.to) ?? 0));
    const far = rest.length > MOST_BEFORE && ways.every(({ to }) => to.kind === "test") ? shorter?.to : undefined;
    if (far?.kind === "test") drawing.later.push(far);
    const known = ({ to }: { readonly to: Node }): boolean => to.kind === "end" || drawn.has(to) || to === far;
    const mark = (taken: boolean): string => (taken ? " <" : "");
    const ends = ways.filter(known).map(({ label, to, taken }) => `${label}: ${names.name(to)}${mark(taken)}`);
    rows.push([
      ...(way === undefined ? [] : [met === undefined ? " " : ">"]),
      `${before}${names.name(here)}  ${testText(here)}${ends.length === 0 ? "" : ` (${ends.join(", ")})`}`,
      ...(way === undefined
        ? []
        : [met === undefined ? "" : met.answer === undefined ? "not in the packet" : met.found]),
      cut(names.words(here)),
    ]);
    const open = ways
      .filter((one) => !known(one))
      .toSorted((a, b) => (heights.get(a.to) ?? 0) - (heights.get(b.to) ?? 0));
    const main = open.pop();
    for (const { label, to } of open)
      if (to.kind === "test") draw(to, `${rest}├─ ${label} ─ `, `${rest}│  ${" ".repeat(label.length)}   `, drawing);
    // The side may have drawn it.
    node = main?.to.kind === "test" && !drawn.has(main.to) ? main.to : undefined;
    const blank = way === undefined ? [] : [main?.taken === true ? ">" : " "];
    const [label, name] = [main?.label ?? "", main === undefined ? "" : names.name(main.to)];
    if (main !== undefined)
      rows.push([...blank, node === undefined ? `${rest}╰─ ${label}: ${name}` : `${rest}│ ${label}`]);
  }
}

/** The graph in the language of a program that makes pictures: Graphviz's `dot`, or Mermaid. */
export function graphFilter(filter: CompiledFilter, language: "dot" | "mermaid", packet?: ExplainedPacket): string {
  const names = namesOf(filter);
  const way = wayThrough(filter, packet);
  const id = (node: Node): string => (node.kind === "end" ? endName(node) : `n${names.name(node)}`);
  const nodes = names.order.map((node) => ({
    id: id(node),
    lines: [testText(node), names.words(node)].filter((line) => line !== ""),
    met: way?.answers.has(node) === true,
  }));
  const edges = names.order.flatMap((node) =>
    ([true, false] as const).map((answer) => ({
      from: id(node),
      to: id(answer ? node.yes : node.no),
      label: answer ? "yes" : "no",
      taken: way?.answers.get(node)?.answer === answer,
    })),
  );
  const ends = [...new Set(names.order.length === 0 ? [id(filter.graph)] : edges.map(({ to }) => to))].filter(
    (to) => !/^n/.test(to),
  );
  return language === "dot" ? dot({ nodes, edges, ends }) : mermaid({ nodes, edges, ends });
}

interface Picture {
  readonly nodes: readonly { readonly id: string; readonly lines: readonly string[]; readonly met: boolean }[];
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly label: string;
    readonly taken: boolean;
  }[];
  readonly ends: readonly string[];
}

function dot({ nodes, edges, ends }: Picture): string {
  const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  const lines = [
    "digraph filter {",
    `  node [shape=box, fontname="monospace"]; edge [fontname="monospace"];`,
    ...nodes.map(({ id, lines, met }) => {
      const label = lines.map((line) => quoted(line).slice(1, -1)).join("\\n");
      return `  ${id} [label="${label}"${met ? ", penwidth=3" : ""}];`;
    }),
    ...ends.map((end) => `  ${end} [shape=oval];`),
    ...edges.map(({ from, to, label, taken }) => `  ${from} -> ${to} [label=${label}${taken ? ", penwidth=3" : ""}];`),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

function mermaid({ nodes, edges, ends }: Picture): string {
  // Mermaid's own escapes: numbers of characters between # and ;.
  const text = (line: string): string => line.replaceAll(/[#"<>&;]/g, (char) => `#${char.charCodeAt(0)};`);
  const taken = edges.flatMap(({ taken }, i) => (taken ? [i] : []));
  const met = nodes.flatMap(({ id, met }) => (met ? [id] : []));
  const lines = [
    "flowchart TD",
    ...nodes.map(({ id, lines }) => `  ${id}["${lines.map(text).join("<br>")}"]`),
    ...ends.map((end) => `  ${end}([${end}])`),
    ...edges.map(({ from, to, label }) => `  ${from} -->|${label}| ${to}`),
    ...(met.length === 0 ? [] : ["  classDef met stroke-width:3px", `  class ${met.join(",")} met`]),
    ...(taken.length === 0 ? [] : [`  linkStyle ${taken.join(",")} stroke-width:3px`]),
  ];
  return `${lines.join("\n")}\n`;
}
