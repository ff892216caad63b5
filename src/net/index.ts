// Firewalls at work on this machine's interfaces.
export { type ApplyOptions, applyFirewall, compileForKernel } from "./apply-firewall.ts";
export { fileBeside, LiveFirewall, type RuleCounts, type Sample } from "./live-firewall.ts";
export { type Counts, type FirewallPlace, type FirewallState, pinnedFirewalls } from "./pinned-state.ts";
