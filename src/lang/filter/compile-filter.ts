// The journey of a filter: text, tree, conditions, graph, program.

import type { ClassicInstruction } from "../../isa/index.ts";
import { nearest, type SourceText, type Span } from "../../source/index.ts";
import { emitClassic } from "./emit.ts";
import { NO, type Node, Nodes, type Test, YES } from "./graph.ts";
import { classicFunction, type PacketFacts } from "./interpret.ts";
import { type LinkType, linkTypeOf, linkTypes } from "./link-types.ts";
import { meaningOf } from "./meaning.ts";
import { optimize } from "./optimize.ts";
import { parseFilter } from "./parse.ts";
import { fail, within } from "./problems.ts";
import { type Resolver, STANDARD_NAMES } from "./resolver.ts";
import type { Expression } from "./tree.ts";

export interface FilterOptions {
  /** How packets begin: `EN10MB` (which is Ethernet) and the like, or its number. Ethernet by default. */
  readonly linkType?: string | number;
  /** Bytes of a packet that the program says to keep. 262144 by default. */
  readonly snapshotLength?: number;
  /** What names stand for; protocols and services that everybody knows by default. */
  readonly resolver?: Resolver;
  /** The mask of the network that the packets are captured in, as a number, for `ip broadcast`: 0xffffff00. Unknown by default. */
  readonly netmask?: number;
  /** Packets come of a file: what only the kernel knows of them (`inbound`, `ifindex`) is refused, unless they have it written in them. */
  readonly fromFile?: boolean;
  /** False leaves the tests as the text has them. */
  readonly optimize?: boolean;
  /** A filter that no packet can match is refused, unless this is set. */
  readonly mayMatchNothing?: boolean;
  /** In diagnostics; "filter" by default. */
  readonly name?: string;
}

export interface CompiledFilter {
  readonly source: SourceText;
  readonly linkType: LinkType;
  readonly tree: Expression;
  /** What is decided, from which the program was made. */
  readonly graph: Node;
  /** For SO_ATTACH_FILTER and wherever classic BPF is taken. */
  readonly classic: readonly ClassicInstruction[];
  /** Whether the program has a loop (`protochain`), which the kernel refuses. */
  readonly loops: boolean;
  /** Whether a packet matches; its length where it was longer than its bytes. */
  readonly matches: (packet: Uint8Array, facts?: PacketFacts) => boolean;
  /** The places in the text of the terms that ask for a test of the graph; none where it came of several. */
  readonly termsOf: (test: Test) => readonly Span[];
}

/** Compiles a filter of pcap-filter(7). Throws DiagnosticError, with places in the text. */
export function compileFilter(text: string, options: FilterOptions = {}): CompiledFilter {
  const source: SourceText = { name: options.name ?? "filter", text };
  return within(source, () => {
    const whole = { start: 0, end: text.length };
    const which = options.linkType ?? "EN10MB";
    const linkType = linkTypeOf(which);
    if (linkType === undefined) {
      const names = linkTypes().map(({ name }) => name);
      return fail(
        "SCRY1506",
        whole,
        `The link type ${which} is not known`,
        ...nearest(`${which}`.toUpperCase(), names),
      );
    }
    const tree = parseFilter(text);
    const { condition, values, said } = meaningOf(tree, linkType, { ...STANDARD_NAMES, ...options.resolver }, options);
    const nodes = new Nodes(values, said);
    const lowered = nodes.lower(condition, YES, NO);
    const graph = options.optimize === false ? lowered : optimize(lowered, nodes);
    if (graph === NO && options.mayMatchNothing !== true)
      return fail("SCRY1507", whole, "No packet can match", "Terms that are joined by 'and' exclude each other");
    const classic = emitClassic(graph, options.snapshotLength ?? 262144);
    const run = classicFunction(classic);
    const loops = classic.some(({ code, k }) => code === 0x05 && k > 0x7fffffff);
    const matches: CompiledFilter["matches"] = (packet, facts) => run(packet, facts) !== 0;
    return { source, linkType, tree, graph, classic, loops, matches, termsOf: (test) => nodes.termsOf(test) };
  });
}
