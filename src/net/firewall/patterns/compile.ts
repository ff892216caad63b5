// Conditions about the content of packets as functions and tables: one automaton for each kind of content that is asked about.

import type { IrFunction } from "../../../compiler/index.ts";
import type { MapSpec } from "../../../object/index.ts";
import type { Diagnostic, Span } from "../../../source/index.ts";
import { type Automaton, automatonOf, EmptyPattern, type Pattern, TooManyStates } from "./automaton.ts";
import { type ContentPattern, MATCHERS, type MatcherName, type Part, partsOf } from "./kinds.ts";
import { MOST_BYTES, type PacketContext, scanFunction, serverNameFunction } from "./scan.ts";
import { MOST_TABLE_BYTES, type Table, tableBytes, tableOf } from "./table.ts";

/** A condition: several with one id are alternatives. */
export interface ContentCondition {
  /** Of the caller: who asks. */
  readonly id: number;
  readonly pattern: ContentPattern;
  /** Letters of ASCII in either case; names are always so. */
  readonly ignoreCase?: boolean;
  /** Where it stands in the rules. */
  readonly span?: Span;
}

export interface ContentOptions {
  /** Bytes of the payload that `bytes` and `regex` look at: a multiple of 8, 1,536 at most; 256 unless said otherwise. */
  readonly bytes?: number;
  /**
   * Whose context the functions are given; XDP's unless said otherwise. Of tc they see no more than lies in one piece: the program pulls
   * together what they are to look at (`skb_pull_data`) before it calls them.
   */
  readonly context?: PacketContext;
  /** Before the names of maps and functions, which are unique in a program. */
  readonly prefix?: string;
}

/** One function over payloads: `call(functionName, [context, offset of the payload])` gives bits. */
export interface ContentMatcher {
  readonly name: MatcherName;
  readonly functionName: string;
  readonly function: IrFunction;
  readonly map: MapSpec;
  readonly automaton: Automaton;
  readonly table: Table;
  /** Bytes of the payload that it looks at. */
  readonly bytes: number;
}

/** A condition holds where, for one of these, the function's answer has all of the bits. */
export interface ContentTest {
  readonly functionName: string;
  readonly bits: bigint;
}

export interface CompiledContent {
  readonly maps: readonly MapSpec[];
  readonly functions: readonly IrFunction[];
  readonly matchers: readonly ContentMatcher[];
  /** By id: alternatives. */
  readonly tests: ReadonlyMap<number, readonly ContentTest[]>;
}

/** Bits of one function's answer. */
export const MOST_BITS = 64;
/** Bytes that are looked at for what has its place: a DNS question ends there at the latest, hosts of HTTP mostly do. */
const BYTES: Readonly<Record<"dns" | "http", number>> = { dns: 272, http: 1024 };

type Told = Pick<Diagnostic, "code" | "message" | "hints">;

/**
 * Makes functions of conditions. Their code holds for every kernel from 5.10 on: plain loops, which the verifier counts. What is wrong
 * with the conditions is told: SCRY1640 for one that is none, SCRY1641 for too many of them.
 */
export function compileContent(
  conditions: readonly ContentCondition[],
  options: ContentOptions = {},
): { readonly content: CompiledContent | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const { bytes = 256, context = "xdp", prefix = "match" } = options;
  if (bytes % 8 !== 0 || bytes < 8 || bytes > MOST_BYTES)
    throw new RangeError(`${bytes} bytes: a multiple of 8 from 8 to ${MOST_BYTES}`);
  const diagnostics: Diagnostic[] = [];
  const tell = (told: Told, span: Span | undefined): void =>
    void diagnostics.push({ severity: "error", ...told, ...(span === undefined ? {} : { span }) });
  const asked = new Map<MatcherName, { part: Part; condition: ContentCondition; bit: number }[]>();
  const bits = new Map<MatcherName, Map<string, number>>();
  const tests = new Map<number, ContentTest[]>();
  const nameOf = (matcher: MatcherName): string => `${prefix}_${matcher}`;
  for (const condition of conditions) {
    const parts = partsOf(condition.pattern, condition.ignoreCase ?? false);
    if ("wrong" in parts) {
      tell(
        { code: "SCRY1640", message: parts.wrong, ...(parts.hints === undefined ? {} : { hints: parts.hints }) },
        condition.span,
      );
      continue;
    }
    let all = 0n;
    let matcher: MatcherName = "content";
    for (const part of parts) {
      matcher = part.matcher;
      const own = bits.get(matcher) ?? new Map<string, number>();
      bits.set(matcher, own);
      // Alternatives share a bit; of those that ask more than one thing, each thing has its own.
      const key = parts.length === 1 ? `rule ${condition.id}` : part.facet;
      const bit = own.get(key) ?? own.size;
      own.set(key, bit);
      all |= 1n << BigInt(bit);
      const list = asked.get(matcher) ?? [];
      list.push({ part, condition, bit });
      asked.set(matcher, list);
    }
    const test = { functionName: nameOf(matcher), bits: all };
    const known = tests.get(condition.id) ?? [];
    if (!known.some((one) => one.functionName === test.functionName && one.bits === test.bits)) known.push(test);
    tests.set(condition.id, known);
  }
  const matchers: ContentMatcher[] = [];
  for (const name of MATCHERS) {
    const list = asked.get(name);
    if (list === undefined) continue;
    const first = list[0]?.condition.span;
    if ((bits.get(name)?.size ?? 0) > MOST_BITS) {
      tell(
        {
          code: "SCRY1641",
          message: `${bits.get(name)?.size} rules ask about ${name}: more than ${MOST_BITS}`,
          hints: ["Patterns of one rule count as one"],
        },
        first,
      );
      continue;
    }
    const table = tableFor(name, list, nameOf(name), tell);
    if (table === undefined) continue;
    const own = name === "content" ? bytes : name === "tls" ? MOST_BYTES : BYTES[name];
    const make =
      name === "tls"
        ? serverNameFunction(nameOf(name), table, context)
        : scanFunction(nameOf(name), table, own, context);
    matchers.push({
      name,
      functionName: nameOf(name),
      function: make,
      map: table.map,
      automaton: table.automaton,
      table,
      bytes: own,
    });
  }
  if (diagnostics.length > 0) return { content: undefined, diagnostics };
  const content = {
    maps: matchers.map(({ map }) => map),
    functions: matchers.map((one) => one.function),
    matchers,
    tests,
  };
  return { content, diagnostics };
}

function tableFor(
  matcher: MatcherName,
  list: readonly { readonly part: Part; readonly condition: ContentCondition; readonly bit: number }[],
  name: string,
  tell: (told: Told, span: Span | undefined) => void,
): Table | undefined {
  const patterns = list.map(
    ({ part, bit }): Pattern => ({ tree: part.tree, anchored: part.anchored, mask: 1n << BigInt(bit) }),
  );
  const first = list[0]?.condition.span;
  try {
    const automaton = automatonOf(patterns);
    const bytes = tableBytes(automaton);
    if (bytes <= MOST_TABLE_BYTES) return tableOf(automaton, name);
    tell(
      {
        code: "SCRY1641",
        message: `The patterns of ${matcher} need a table of ${bytes >> 20} MiB: more than ${MOST_TABLE_BYTES >> 20}`,
        hints: ["Fewer patterns, or shorter ones"],
      },
      first,
    );
  } catch (error) {
    if (error instanceof EmptyPattern)
      tell(
        {
          code: "SCRY1640",
          message: "The expression matches nothing at all, and so every packet",
          hints: ["Something in it has to be there: x+ for x*"],
        },
        list[error.index]?.condition.span,
      );
    else if (error instanceof TooManyStates)
      tell(
        {
          code: "SCRY1641",
          message: `The patterns of ${matcher} make an automaton that is too large`,
          hints: [".* and repetitions of many bytes multiply with each other: [^\\n]{0,200} is such a one"],
        },
        first,
      );
    else throw error;
  }
  return undefined;
}

/** Does the condition hold, by the answers of the functions? */
export const holds = (tests: readonly ContentTest[], answers: ReadonlyMap<string, bigint>): boolean =>
  tests.some(({ functionName, bits }) => ((answers.get(functionName) ?? 0n) & bits) === bits);
