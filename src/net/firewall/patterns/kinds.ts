// What may be asked of a payload, and the expressions that it is asked by. Questions of DNS and requests of HTTP are expressions
// over the payload from its first byte on; only the name of TLS has to be looked for.

import { type Wrong, wrong } from "../../../config/index.ts";
import { parseRegex, type Regex } from "./regex.ts";
import {
  ANY,
  allBut,
  byteRange,
  byteSet,
  END_OF_IT,
  literal,
  maybe,
  one,
  type PatternTree,
  repeat,
  sequence,
} from "./tree.ts";

/** What a condition asks of a payload. Lists: one is enough; of `http` all that is said must hold. */
export type ContentPattern =
  /** These bytes, anywhere in the part that is looked at. */
  | { readonly bytes: Uint8Array | string }
  /** An expression; `^` is the payload's first byte. */
  | { readonly regex: string }
  /** The name that a DNS message asks for: this one, or one below it; `*.` before it: only those below. */
  | { readonly dns: string }
  /** The server's name in the greeting of TLS: likewise, or with `*` within, which stands for letters of one label. */
  | { readonly tls: string }
  /** Of a request of HTTP/1: the host likewise, the method, how the path begins. */
  | { readonly http: { readonly host?: string; readonly method?: string; readonly path?: string } };

/** Each is one automaton with one function. */
export const MATCHERS = ["content", "dns", "tls", "http"] as const;
export type MatcherName = (typeof MATCHERS)[number];

/** One expression of a condition. */
export interface Part {
  readonly matcher: MatcherName;
  readonly tree: PatternTree;
  readonly anchored: boolean;
  /** What it asks, in words: equal ones are one. */
  readonly facet: string;
}

const ZERO = byteSet(0);
/** id, flags and four counts (RFC 1035, 4.1.1). */
const DNS_HEADER = repeat(one(ANY), 12, 12);

const LABEL = /^[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?$/i;
interface Suffix {
  readonly below: boolean;
  readonly labels: readonly string[];
}
function suffixOf(text: string, stars: boolean): Suffix | Wrong {
  const name = text.replace(/\.$/, "");
  const below = name.startsWith("*.");
  const labels = (below ? name.slice(2) : name).split(".");
  if (name.length > 253) return wrong(`'${text}' is longer than a name can be (253)`);
  const right = labels.every((label) => LABEL.test(stars ? label.replaceAll("*", "x") : label));
  return right
    ? { below, labels }
    : wrong(
        `'${text}' is no name`,
        stars ? "*.example.com, api-*.example.com" : "*.example.com is all below example.com",
      );
}

function dns(text: string): PatternTree | Wrong {
  const suffix = suffixOf(text, false);
  if ("wrong" in suffix) return suffix;
  // Labels with their lengths, as they lie on the wire; what stands before them is labels too.
  const wire = suffix.labels.map((label) => sequence(one(byteSet(label.length)), literal(label, true)));
  const before = repeat(one(allBut(ZERO)), suffix.below ? 1 : 0);
  return sequence(DNS_HEADER, before, ...wire, one(ZERO));
}

/** A name that ends with these labels, in either case of letters. */
function nameTree({ below, labels }: Suffix, letter: PatternTree, dotted: PatternTree): PatternTree {
  const spelled = labels.map((label, i) =>
    sequence(
      ...(i === 0 ? [] : [literal(".")]),
      ...label.split(/(\*)/).map((part) => (part === "*" ? repeat(letter, 0) : literal(part, true))),
    ),
  );
  const before = sequence(repeat(dotted, 1), literal("."));
  return sequence(below ? before : maybe(before), ...spelled);
}

function tls(text: string): PatternTree | Wrong {
  const suffix = suffixOf(text, true);
  if ("wrong" in suffix) return suffix;
  return sequence(nameTree(suffix, one(allBut(byteSet(0x2e))), one(ANY)), END_OF_IT);
}

const LETTERS = byteRange(0x41, 0x5a);
const SPACE = byteSet(0x20);
const ENDS = byteSet(10, 13);
const METHOD = repeat(one(LETTERS), 1);
const TARGET = repeat(one(allBut(SPACE | ENDS)), 1);
const BLANKS = repeat(one(SPACE | byteSet(9)), 0);
const LINE_END = sequence(maybe(literal("\r")), literal("\n"));
/** Empty lines before a request, which servers pass over (RFC 9112, 2.2). */
const BEFORE = repeat(LINE_END, 0);
const VERSION = sequence(literal(" HTTP/1."), one(byteRange(0x30, 0x31)), LINE_END);
const OTHER_LINES = repeat(sequence(repeat(one(allBut(ENDS)), 1), LINE_END), 0);

function host(text: string): PatternTree | Wrong {
  const suffix = suffixOf(text, true);
  if ("wrong" in suffix) return suffix;
  const inHost = allBut(ENDS | SPACE | byteSet(9, 0x3a));
  const name = nameTree(suffix, one(inHost & ~byteSet(0x2e)), one(inHost));
  const port = maybe(sequence(literal(":"), repeat(one(byteRange(0x30, 0x39)), 1)));
  return sequence(
    BEFORE,
    METHOD,
    one(SPACE),
    TARGET,
    VERSION,
    OTHER_LINES,
    literal("host:", true),
    BLANKS,
    name,
    port,
    BLANKS,
    one(ENDS),
  );
}

/** The parts of a condition. */
export function partsOf(pattern: ContentPattern, ignoreCase: boolean): readonly Part[] | Wrong {
  const part = (
    matcher: MatcherName,
    tree: PatternTree | Wrong,
    anchored = true,
    facet: string = matcher,
  ): Part | Wrong => ("wrong" in tree ? tree : { matcher, tree, anchored, facet });
  if ("bytes" in pattern) {
    const bytes = typeof pattern.bytes === "string" ? new TextEncoder().encode(pattern.bytes) : pattern.bytes;
    if (bytes.length === 0) return wrong("A pattern without bytes is in every packet");
    return settled([part("content", literal(bytes, ignoreCase), false)]);
  }
  if ("regex" in pattern) {
    const regex: Regex | Wrong = parseRegex(pattern.regex, ignoreCase);
    return "wrong" in regex ? regex : settled([part("content", regex.tree, regex.anchored)]);
  }
  if ("dns" in pattern) return settled([part("dns", dns(pattern.dns))]);
  if ("tls" in pattern) return settled([part("tls", tls(pattern.tls))]);
  const { host: wanted, method, path } = pattern.http;
  const parts: (Part | Wrong)[] = [];
  if (wanted !== undefined) parts.push(part("http", host(wanted), true, `host ${wanted}`));
  if (method !== undefined)
    parts.push(
      /^[A-Z]{1,16}$/.test(method)
        ? part("http", sequence(BEFORE, literal(`${method} `)), true, `method ${method}`)
        : wrong(`'${method}' is no method of HTTP`, "Methods are written large: GET, POST"),
    );
  if (path !== undefined)
    parts.push(
      /^\/[\x21-\x7e]*$/.test(path)
        ? part("http", sequence(BEFORE, METHOD, one(SPACE), literal(path)), true, `path ${path}`)
        : wrong(`'${path}' is no path`, "A path begins with /, and has no blanks: /api/"),
    );
  return parts.length === 0 ? wrong("Nothing is asked of the request", "http has host, method, path") : settled(parts);
}

const settled = (parts: readonly (Part | Wrong)[]): readonly Part[] | Wrong =>
  parts.find((one): one is Wrong => "wrong" in one) ?? (parts as readonly Part[]);
