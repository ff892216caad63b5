// Texts of `nft list ruleset` as rules of this firewall: which chains decide about packets that come in, and what they jump to.

import { type Diagnostic, formatPrefix, type Prefix, type SourceText } from "../../../source/index.ts";

import type { RuleData, RulesData } from "../rules.ts";
import { flatten, type ImportedChain, type ImportedRule, teller } from "./chains.ts";
import type { Families } from "./draft.ts";
import type { ImportedRules, ImportOptions } from "./iptables.ts";
import { elementValue, RuleReader, spanOf, type UsedSets } from "./nft-rules.ts";
import { type NftChain, type NftSet, type NftTable, readNft, refuseNft } from "./nft-text.ts";
import { prefixesIn } from "./words.ts";

const FAMILIES: Readonly<Record<string, Families>> = { ip: [4], ip6: [6], inet: [4, 6], netdev: "all", bridge: "all" };
/** Hooks that packets come to which come in, the one that is meant most first. */
const HOOKS = ["input", "ingress", "prerouting"] as const;

/** Reads such a text. Throws a DiagnosticError (SCRY1651) where it is none, or has no chain for packets that come in. */
export function importNft(source: SourceText, options: ImportOptions = {}): ImportedRules {
  const tables = readNft(source);
  const diagnostics: Diagnostic[] = [];
  const tell = teller(diagnostics);
  const chosen = chosenChains(tables, options.chain);
  if (chosen.length === 0)
    refuseNft(
      source,
      options.chain === undefined
        ? "The text has no chain of hook input, ingress or prerouting"
        : `The text has no chain '${options.chain}' that the kernel calls`,
      { start: 0, end: 1 },
    );
  const rules: RuleData[] = [];
  const sets: UsedSets = new Map();
  const read = new Set<NftChain>();
  for (const { table, chain } of chosen) {
    const reader = new RuleReader(table, options, tell, diagnostics, sets);
    const chains = new Map<string, ImportedChain>();
    const visit = (one: NftChain): ImportedChain => {
      const made: { readonly name: string; rules: readonly ImportedRule[] } = { name: one.name, rules: [] };
      chains.set(one.name, made);
      read.add(one);
      made.rules = one.rules.flatMap((words) => reader.rules(words));
      for (const { verdict } of made.rules) {
        const target = verdict.kind === "jump" || verdict.kind === "goto" ? table.chains.get(verdict.chain) : undefined;
        if (target !== undefined && !chains.has(target.name)) visit(target);
      }
      return made;
    };
    const base = visit(chain);
    rules.push(
      ...flatten(base, chains, chain.policy === "drop" ? "deny" : "allow", FAMILIES[table.family] ?? [], tell),
    );
  }
  for (const table of tables)
    for (const chain of table.chains.values())
      if (!read.has(chain)) for (const words of chain.rules) tell(spanOf(words), elsewhere(table, chain));
  diagnostics.sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
  const named = Object.fromEntries([...sets].map(([name, set]) => [name, setData(set)]));
  const data: RulesData = {
    default: "allow",
    ...(options.interface === undefined ? {} : { interface: options.interface }),
    ...(sets.size === 0 ? {} : { sets: named }),
    rules,
  };
  return { rules: data, diagnostics };
}

/** Chains for packets that come in: of each family of IP one, since what one of two lets pass the other may yet refuse. */
function chosenChains(
  tables: readonly NftTable[],
  name: string | undefined,
): readonly { table: NftTable; chain: NftChain }[] {
  const all = tables
    .filter(({ family }) => Object.hasOwn(FAMILIES, family))
    .flatMap((table) =>
      [...table.chains.values()].flatMap((chain) =>
        chain.hook === undefined || chain.type !== "filter" ? [] : [{ table, chain }],
      ),
    );
  if (name !== undefined) return all.filter(({ chain }) => chain.name === name).slice(0, 1);
  const hook = HOOKS.find((one) => all.some(({ chain }) => chain.hook === one));
  const taken = new Set<number>();
  return all.filter(({ table, chain }) => {
    if (chain.hook !== hook) return false;
    const families = FAMILIES[table.family] ?? [];
    const own = families === "all" ? [4, 6] : families;
    if (own.some((family) => taken.has(family))) return false;
    for (const family of own) taken.add(family);
    return true;
  });
}

function elsewhere({ family, name }: NftTable, { name: chain, hook, type }: NftChain): string {
  if (hook === undefined) return `No chain that is carried over jumps to '${chain}': this rule is left out`;
  if (type !== "filter")
    return `Chains of type ${type} change packets, they do not decide which pass: this rule is left out`;
  if (!(HOOKS as readonly string[]).includes(hook))
    return `'${chain}' is of hook ${hook}, not about packets that come in: this rule is left out`;
  return `'${chain}' of table ${family} ${name} decides besides another chain, which one list of rules cannot: this rule is left out`;
}

const prefixesOfSet = ({ elements }: NftSet): readonly Prefix[] =>
  elements.flatMap((one) => prefixesIn(elementValue(one)) ?? []);
const setData = (set: NftSet): NonNullable<RulesData["sets"]>[string] => {
  const networks = prefixesOfSet(set).map(formatPrefix);
  return set.dynamic ? { dynamic: true, networks } : networks;
};
