// A firewall: rules as text or data, compiled to one program of their own; what it does with a packet, explained.
export { refuseElsewhere } from "./action-hooks.ts";
export { formatPrefix, type Prefix, readPrefix, readPrefixList } from "./addresses.ts";
export { analyseRules } from "./analysis.ts";
export { BLOCKED, FLOW_MAP } from "./conditions.ts";
export { type Decision, nodesOf } from "./decision.ts";
export { type Difference, type Differences, differences } from "./difference.ts";
export { factsOf, type PacketFacts } from "./facts.ts";
export { GUARD_COUNTS, GUARDED, type GuardCount } from "./guard.ts";
export { HOOKS, type HookName } from "./hooks.ts";
export { formatRules, type ImportedRules, type ImportOptions, importRules } from "./import/index.ts";
export { NETWORKS4, NETWORKS6, NetworkTable, type TablePiece, trieEntries } from "./networks.ts";
export { packetOfHex, packetOfWords } from "./packet-words.ts";
export {
  CONTROL,
  COUNTER_BYTES,
  COUNTERS,
  type CompiledFirewall,
  compileFirewall,
  FIREWALL_PROGRAM,
  type FirewallOptions,
  FLOWS_PROGRAM,
  PREVIOUS,
} from "./program.ts";
export {
  type Circumstances,
  type FirewallReference,
  type Passed,
  referenceFirewall,
  type Verdict,
} from "./reference.ts";
export { judge, ruleName, runRuleTests, type TestOutcome } from "./rule-tests.ts";
export type { Action, ContentData, Rule, RuleData, RuleSet, RulesData, RuleTest } from "./rules.ts";
export { RULES, readRules, rulesOf } from "./rules-text.ts";
export { SAMPLE, SAMPLES } from "./samples.ts";
export { type FirewallSet, resolveSets } from "./sets.ts";
