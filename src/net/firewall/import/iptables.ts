// Texts of iptables-save and ip6tables-save: tables with their chains, a rule a line (iptables-save(8), iptables-extensions(8)).
//
//     *filter
//     :INPUT DROP [0:0]
//     -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
//     COMMIT

import { type Diagnostic, DiagnosticError, type SourceText, type Span } from "../../../source/index.ts";
import type { RulesData } from "../rules.ts";
import {
  effectOf,
  flatten,
  type ImportedChain,
  type ImportedRule,
  type ImportedVerdict,
  type Tell,
  teller,
} from "./chains.ts";
import { both, type Draft, EVERYTHING } from "./draft.ts";
import { MATCHES, type MatchContext, readMatch, type Word } from "./iptables-matches.ts";

export interface ImportOptions {
  /** The interface whose packets the rules are to be about: rules about others are left out. */
  readonly interface?: string;
  /** The chain that is carried over: `INPUT`; of nft the first of hook input unless said otherwise. */
  readonly chain?: string;
}

export interface ImportedRules {
  readonly rules: RulesData;
  /** Warnings, SCRY1650: what could not be carried over, line by line; SCRY1652: what means something else in part. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Characters of a text, and rules in it. */
export const MOST_TEXT: number = 32 << 20;
const MOST_LINES = 200_000;

const ERROR = (message: string, span: Span, ...hints: string[]): Diagnostic => ({
  code: "SCRY1651",
  severity: "error",
  message,
  span,
  ...(hints.length === 0 ? {} : { hints }),
});

interface Table {
  readonly name: string;
  readonly chains: Map<string, { policy: string; rules: { words: readonly Word[]; span: Span }[]; span: Span }>;
}

/** Reads such a text. Throws a DiagnosticError (SCRY1651) where it is none. */
export function importIptables(source: SourceText, options: ImportOptions = {}): ImportedRules {
  const { tables, family } = readTables(source);
  const diagnostics: Diagnostic[] = [];
  const tell = teller(diagnostics);
  const filter = tables.find(({ name }) => name === "filter");
  if (filter === undefined)
    throw new DiagnosticError(
      [ERROR("The text has no table 'filter'", { start: 0, end: Math.min(1, source.text.length) })],
      source,
    );
  const chosen = options.chain ?? "INPUT";
  const base = filter.chains.get(chosen);
  if (base === undefined)
    throw new DiagnosticError([ERROR(`The table 'filter' has no chain '${chosen}'`, { start: 0, end: 1 })], source);
  const context: MatchContext = { family, interface: options.interface, told: new Set() };
  const chains = new Map<string, ImportedChain>();
  const read = (name: string): ImportedChain | undefined => {
    const known = chains.get(name);
    if (known !== undefined) return known;
    const chain = filter.chains.get(name);
    if (chain === undefined) return undefined;
    const rules: ImportedRule[] = [];
    const made: ImportedChain = { name, rules };
    chains.set(name, made);
    for (const { words, span } of chain.rules) {
      const rule = readRule(words, span, context, tell, diagnostics);
      if (rule !== undefined) rules.push(rule);
    }
    for (const rule of rules)
      if ((rule.verdict.kind === "jump" || rule.verdict.kind === "goto") && filter.chains.has(rule.verdict.chain))
        read(rule.verdict.chain);
    return made;
  };
  const policy = base.policy === "DROP" ? "deny" : "allow";
  const rules = flatten(read(chosen) as ImportedChain, chains, policy, [family], tell);
  // What is not about packets that come in, or is not a question of passing.
  for (const table of tables)
    for (const [name, chain] of table.chains) {
      if (table === filter && chains.has(name)) continue;
      for (const { span } of chain.rules) tell(span, elsewhere(table.name, name, chosen));
    }
  diagnostics.sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
  return {
    rules: { default: "allow", ...(options.interface === undefined ? {} : { interface: options.interface }), rules },
    diagnostics,
  };
}

function elsewhere(table: string, chain: string, chosen: string): string {
  if (table !== "filter")
    return `The table '${table}' changes packets or picks them out, it does not decide which pass: this rule is left out`;
  const places: Readonly<Record<string, string>> = {
    FORWARD: "passed on",
    OUTPUT: "sent by this machine",
    INPUT: "for this machine",
  };
  const place = Object.hasOwn(places, chain) ? places[chain] : undefined;
  return place === undefined
    ? `'${chosen}' never jumps to '${chain}': this rule is left out`
    : `'${chain}' is about packets that are ${place}, not about '${chosen}': this rule is left out`;
}

// --- lines ------------------------------------------------------------------------------------------------------------------

function readTables(source: SourceText): { readonly tables: readonly Table[]; readonly family: 4 | 6 } {
  const { text } = source;
  if (text.length > MOST_TEXT)
    throw new DiagnosticError(
      [ERROR(`The text has ${text.length} characters: more than ${MOST_TEXT}`, { start: 0, end: 1 })],
      source,
    );
  const tables: Table[] = [];
  let family: 4 | 6 = 4;
  let table: Table | undefined;
  let at = 0;
  let count = 0;
  const refuse = (message: string, span: Span, ...hints: string[]): never => {
    throw new DiagnosticError([ERROR(message, span, ...hints)], source);
  };
  for (const line of text.split("\n")) {
    const start = at;
    at += line.length + 1;
    const words = wordsOf(line, start);
    const [first] = words;
    const span = { start: first?.span.start ?? start, end: start + line.trimEnd().length };
    if (++count > MOST_LINES) refuse(`More than ${MOST_LINES} lines`, span);
    if (/^# Generated by ip6tables/.test(line)) family = 6;
    if (first === undefined || line.startsWith("#")) continue;
    if (first.text.startsWith("*")) {
      table = { name: first.text.slice(1), chains: new Map() };
      tables.push(table);
    } else if (table === undefined) {
      refuse("This is no text of iptables-save: a table begins it", span, "iptables-save > rules.txt writes one");
    } else if (first.text === "COMMIT") {
      table = undefined;
    } else if (first.text.startsWith(":")) {
      table.chains.set(first.text.slice(1), { policy: words[1]?.text ?? "-", rules: [], span });
    } else {
      // Counters may stand before a rule: [12:345] -A …
      const own = /^\[\d+:\d+\]$/.test(first.text) ? words.slice(1) : words;
      const chain =
        own[0]?.text === "-A" || own[0]?.text === "--append" ? table.chains.get(own[1]?.text ?? "") : undefined;
      if (chain === undefined) refuse("This is neither a chain nor a rule of one", span, "A rule is -A CHAIN …");
      else chain.rules.push({ words: own.slice(2), span });
    }
  }
  if (tables.length === 0)
    refuse("This is no text of iptables-save: it has no table", { start: 0, end: Math.min(1, text.length) });
  return { tables, family };
}

/** Words of a line; those with blanks stand in quotation marks. */
function wordsOf(line: string, start: number): readonly Word[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map((match) => ({
    text: match[1] === undefined ? match[0] : match[1].replace(/\\(.)/g, "$1"),
    span: { start: start + match.index, end: start + match.index + match[0].length },
  }));
}

// --- rules ------------------------------------------------------------------------------------------------------------------

const TARGETS: Readonly<Record<string, ImportedVerdict>> = {
  ACCEPT: { kind: "action", action: "allow" },
  DROP: { kind: "action", action: "deny" },
  REJECT: { kind: "action", action: "reject" },
  RETURN: { kind: "return" },
  LOG: { kind: "count" },
  NFLOG: { kind: "count" },
  ULOG: { kind: "count" },
};

function readRule(
  words: readonly Word[],
  span: Span,
  context: MatchContext,
  tell: Tell,
  diagnostics: Diagnostic[],
): ImportedRule | undefined {
  const jump = words.findIndex(({ text }) => text === "-j" || text === "-g" || text === "--jump" || text === "--goto");
  const verdict = jump < 0 ? ({ kind: "count" } as const) : verdictOf(words, jump);
  const effect = effectOf(typeof verdict === "string" ? undefined : verdict);
  const left = (message: string, at: Span): undefined => {
    tell(at, message, ...(effect === "" ? [] : [`The rule is left out: ${effect}`]));
    return undefined;
  };
  if (typeof verdict === "string")
    return left(`The target ${verdict} cannot be carried over: the rule is left out`, span);
  const target = words[jump + 1]?.text;
  const note = (message: string, at: Span): void =>
    void diagnostics.push({ code: "SCRY1652", severity: "warning", message, span: at });
  if (target === "LOG" || target === "NFLOG" || target === "ULOG") note("Packets are counted here, not logged", span);
  let drafts: readonly Draft[] = [EVERYTHING];
  let name: string | undefined;
  let not = false;
  const asked = jump < 0 ? words : words.slice(0, jump);
  for (let i = 0; i < asked.length; ) {
    const word = asked[i] as Word;
    if (word.text === "!") {
      not = true;
      i++;
      continue;
    }
    if (word.text === "-m" || word.text === "--match") {
      const module = asked[i + 1];
      if (module === undefined) return left("A match has no name", word.span);
      if (!MATCHES.has(module.text)) return left(`The match '${module.text}' cannot be carried over`, module.span);
      i += 2;
      continue;
    }
    if (word.text === "--comment") {
      name = nameOf(asked[i + 1]?.text);
      i += 2;
      continue;
    }
    const match = readMatch(asked, i, not, context);
    if (typeof match === "string") return left(match, word.span);
    not = false;
    i += match.used;
    if (match.note !== undefined) note(match.note, word.span);
    if (match.never === true) return undefined;
    const joined = drafts.flatMap((one) =>
      (match.drafts ?? [EVERYTHING]).map((other) => (other === EVERYTHING ? one : both(one, other))),
    );
    if (joined.includes("unsaid")) return left("The rule asks for more than one rule here can say", word.span);
    drafts = joined.filter((one): one is Draft => typeof one === "object");
  }
  return { span, drafts, verdict, ...(name === undefined ? {} : { name }) };
}

/** Names of rules have 64 characters at most. */
const nameOf = (comment: string | undefined): string | undefined => {
  const text = comment
    ?.replace(/[\x00-\x1f\x7f]/g, " ")
    .trim()
    .slice(0, 64);
  return text === "" ? undefined : text;
};

/** The verdict; a text: the target that has none here. */
function verdictOf(words: readonly Word[], at: number): ImportedVerdict | string {
  const target = words[at + 1]?.text ?? "";
  const known = Object.hasOwn(TARGETS, target) ? TARGETS[target] : undefined;
  if (known !== undefined) return known;
  if (target === "MARK") {
    const [option, value] = [words[at + 2]?.text, words[at + 3]?.text ?? ""];
    const [, mark, mask] = /^(0x[\da-f]{1,8}|\d{1,10})(?:\/(0x[\da-f]{1,8}))?$/i.exec(value) ?? [];
    const whole = mask === undefined || Number(mask) === 0xffff_ffff;
    return /^--set-x?mark$/.test(option ?? "") && mark !== undefined && whole && Number(mark) <= 0xffff_ffff
      ? { kind: "mark", mark: Number(mark) }
      : target;
  }
  // Other targets are written large, too: those are no chains of the text.
  if (target === "" || KERNEL_TARGETS.has(target)) return target;
  return { kind: words[at]?.text === "-g" || words[at]?.text === "--goto" ? "goto" : "jump", chain: target };
}
const KERNEL_TARGETS: ReadonlySet<string> = new Set(
  "AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DSCP ECN HL HMARK IDLETIMER LED MASQUERADE NETMAP NFQUEUE NOTRACK QUEUE RATEEST REDIRECT SECMARK SET SNAT SNPT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE TTL".split(
    " ",
  ),
);
