// A filter explained: its graph of decisions with the words of the text on it, and the way that a packet took.

import type { CompiledFilter } from "./compile-filter.ts";
import { emitClassic } from "./emit.ts";
import { calculate, type Value } from "./expression.ts";
import { inOrder, NO, type Node, type TestNode, YES } from "./graph.ts";
import { classicFunction, type PacketFacts } from "./interpret.ts";

export interface ExplainedPacket extends PacketFacts {
  readonly data: Uint8Array;
}

/**
 * The graph, a test a line, each with where it leads and the words that ask for it:
 *
 *     1  [12:2] = 0x0800         yes 2, no miss    tcp port 80
 *
 * With a packet, the tests that it met, what they found, and whether it matches. Bytes are counted from the packet's start.
 */
export function explainFilter(filter: CompiledFilter, packet?: ExplainedPacket): string {
  const { order, name, words } = namesOf(filter);
  if (order.length === 0) return `every packet: ${endName(filter.graph)}\n`;
  if (packet !== undefined) return pathText(filter, packet, name, words);
  const rows = order.map((node) => [
    name(node),
    testText(node),
    `yes ${name(node.yes)}, no ${name(node.no)}`,
    words(node),
  ]);
  return table(rows);
}

export interface FilterNames {
  readonly order: readonly TestNode[];
  /** `match`, `miss`, or its number. */
  readonly name: (node: Node) => string;
  /** The words that ask for a test. */
  readonly words: (node: TestNode) => string;
}

export function namesOf(filter: CompiledFilter): FilterNames {
  const order = inOrder(filter.graph);
  const numbers = new Map<Node, number>(order.map((node, i) => [node, i + 1]));
  return {
    order,
    name: (node) => (node.kind === "end" ? endName(node) : `${numbers.get(node)}`),
    words: (node) => {
      const spans = filter.termsOf(node).toSorted((a, b) => a.start - b.start);
      return [...new Set(spans.map(({ start, end }) => filter.source.text.slice(start, end)))].join(", ");
    },
  };
}

/** A test that a packet met, and its answer; undefined: the packet has not got what is asked for, so it does not match. */
export interface Step {
  readonly node: TestNode;
  readonly answer: boolean | undefined;
  /** What the packet has there, as text; empty where it is no number. */
  readonly found: string;
}

/** The way of a packet through a filter. */
export function wayOf(
  { graph }: CompiledFilter,
  packet: ExplainedPacket,
): { readonly steps: readonly Step[]; readonly end: Node } {
  const steps: Step[] = [];
  let node = graph;
  while (node.kind === "test") {
    const answer = answerOf(node, packet);
    const number = numberOf(node.left, packet);
    steps.push({ node, answer, found: number === undefined ? "" : `is ${numberText(number)}` });
    node = answer === undefined ? NO : answer ? node.yes : node.no;
  }
  return { steps, end: node };
}

/** `match` or `miss` */
export const endName = (node: Node): string => (node.kind === "end" && node.matches ? "match" : "miss");

/** Rows in columns, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function pathText(
  filter: CompiledFilter,
  packet: ExplainedPacket,
  name: FilterNames["name"],
  words: FilterNames["words"],
): string {
  const { steps, end } = wayOf(filter, packet);
  const rows = steps.map(({ node, answer, found }) => [
    name(node),
    testText(node),
    found,
    answer === undefined ? "not in the packet" : answer ? "yes" : "no",
    words(node),
  ]);
  return `${table(rows)}${verdict(end)}\n`;
}

/** What becomes of a packet. */
export const verdict = (end: Node): string => (end.kind === "end" && end.matches ? "it matches" : "it does not match");

/** Whether a test holds; undefined where the packet has not got what it asks for. */
function answerOf(node: TestNode, { data, ...facts }: ExplainedPacket): boolean | undefined {
  const holds = (yes: Node, no: Node): boolean =>
    classicFunction(emitClassic({ ...node, yes, no }, 1))(data, facts) !== 0;
  if (holds(YES, NO)) return true;
  return holds(NO, YES) ? false : undefined;
}

/** What a value is of a packet, where it is no loop. */
function numberOf(value: Value, packet: ExplainedPacket): number | undefined {
  const { data } = packet;
  switch (value.kind) {
    case "constant":
      return value.number;
    case "length":
      return packet.length ?? data.length;
    case "header-length": {
      const byte = data[value.offset];
      return byte === undefined ? undefined : (byte & 15) * 4;
    }
    case "load": {
      const base = value.base === undefined ? 0 : numberOf(value.base, packet);
      if (base === undefined) return undefined;
      const at = (base + value.offset) >>> 0;
      if (at + value.size > data.length) return undefined;
      return data.subarray(at, at + value.size).reduce((sum, byte) => sum * 256 + byte, 0);
    }
    case "negate": {
      const of = numberOf(value.value, packet);
      return of === undefined ? undefined : -of >>> 0;
    }
    case "binary": {
      const [left, right] = [numberOf(value.left, packet), numberOf(value.right, packet)];
      return left === undefined || right === undefined ? undefined : calculate(value.operator, left, right);
    }
    default:
      return undefined;
  }
}

/** Numbers of more than a byte are often addresses and types. */
const numberText = (number: number): string =>
  number < 256 ? `${number}` : `0x${number.toString(16).padStart(number > 0xffff ? 8 : 4, "0")}`;

/** `[12:2] = 0x0800` */
export function testText({ left, relation, right }: TestNode): string {
  const other = typeof right === "number" ? numberText(right) : valueText(right);
  return relation === "&" ? `${valueText(left)} has ${other}` : `${valueText(left)} ${relation} ${other}`;
}

function valueText(value: Value): string {
  switch (value.kind) {
    case "constant":
      return numberText(value.number);
    case "length":
      return "len";
    case "header-length":
      return `4*([${value.offset}] & 15)`;
    case "load": {
      const signed = value.offset | 0;
      const at =
        value.base === undefined
          ? `${value.offset}`
          : `${valueText(value.base)}${signed < 0 ? ` - ${-signed}` : ` + ${signed}`}`;
      return `[${at}${value.size === 1 ? "" : `:${value.size}`}]`;
    }
    case "negate":
      return `-${valueText(value.value)}`;
    case "binary":
      return `(${valueText(value.left)} ${value.operator} ${valueText(value.right)})`;
    case "frame-end":
      return `end of the frame's header at ${valueText(value.start)}`;
    case "chain":
      return `last of the chain of IPv${value.family} headers`;
    case "select":
      return `(${valueText(value.yes)} or ${valueText(value.no)})`;
  }
}
