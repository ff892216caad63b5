// `scry/firewall`: rules as data or YAML, compiled, judged, compared; and put to work at an interface or a control group.
//
//     const rules = rulesOf({ default: "deny", rules: [{ action: "allow", protocol: "tcp", "destination-port": 443 }] });
//     await using firewall = applyFirewall({ interface: "eth0", hook: "xdp" }, rules);
//     for (const { rule, packets } of firewall.counts()) console.log(rule, packets);

export type { ReadConfig } from "./config/index.ts";
export {
  type Action,
  analyseRules,
  type CompiledFirewall,
  type ContentData,
  compileFirewall,
  type Difference,
  type Differences,
  differences,
  type FirewallOptions,
  type FirewallReference,
  formatRules,
  type HookName,
  type ImportedRules,
  type ImportOptions,
  importRules,
  judge,
  packetOfHex,
  packetOfWords,
  packetsOfText,
  type Rule,
  type RuleData,
  type RuleSet,
  type RulesData,
  type RuleTest,
  readPrefix,
  readRules,
  referenceFirewall,
  rulesOf,
  runRuleTests,
  type TestOutcome,
  type Verdict,
} from "./net/firewall/index.ts";
export {
  type ApplyOptions,
  applyFirewall,
  type FirewallPlace,
  type FirewallSpot,
  type GroupPlace,
  type InterfacePlace,
  LiveFirewall,
  LiveServices,
  type LiveServicesOptions,
  type RuleCounts,
  type Sample,
} from "./net/index.ts";
export { type Diagnostic, DiagnosticError, formatDiagnostic, type Prefix } from "./source/index.ts";
