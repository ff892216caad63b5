// A firewall: rules as text or data, compiled to one program of their own; what it does with a packet, explained.
export { refuseElsewhere } from "./action-hooks.ts";
export { readPrefix } from "./addresses.ts";
export { analyseRules } from "./analysis.ts";
export { BLOCKED, FLOW_MAP } from "./conditions.ts";
export { COUNTER_BYTES, COUNTERS } from "./counters.ts";
export { type Difference, type Differences, differences } from "./difference.ts";
export { FLOWS_PROGRAM } from "./flows-program.ts";
export { GUARD_COUNTS, GUARDED, type GuardCount } from "./guard.ts";
export { type Direction, HOOKS, type HookName, otherWay } from "./hooks.ts";
export { formatRules, type ImportedRules, type ImportOptions, importRules } from "./import/index.ts";
export { FIREWALL_MAPS, type FirewallMap } from "./map-table.ts";
export { NETWORKS4, NETWORKS6, NetworkTable } from "./networks.ts";
export { packetOfHex, packetOfWords, packetsOfText } from "./packet-words.ts";
export { type CompiledFirewall, compileFirewall, FIREWALL_PROGRAM, type FirewallOptions } from "./program.ts";
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
export { SAMPLE, SAMPLE_BYTES, SAMPLES } from "./samples.ts";
export { type FirewallSet, resolveSets } from "./sets.ts";
export { CONTROL, PREVIOUS } from "./trial.ts";
