// The network at work on this machine: firewalls, policies of services, and the balancer.

export { ask, controlPath, NoBalancerError, serveControl } from "./balancer/control.ts";
export { forget, isKept } from "./balancer/kept.ts";
export { type Applied, type BalancedPlace, LiveBalancer, nameOf } from "./balancer/live-balancer.ts";
export {
  type BalancedPlaces,
  type BalancerEvent,
  type BalancerStatus,
  RunningBalancer,
  type ServerStatus,
  type ServiceStatus,
} from "./balancer/running-balancer.ts";
export { type ApplyOptions, applyFirewall, compileForKernel } from "./firewall-live/apply-firewall.ts";
export { fileBeside, LiveFirewall, type RuleCounts, type Sample } from "./firewall-live/live-firewall.ts";
export { type Counts, type FirewallState, pinnedFirewalls, removePins } from "./firewall-live/pinned-state.ts";
export {
  type FirewallPlace,
  type FirewallSpot,
  type GroupPlace,
  type InterfacePlace,
  placeName,
  placeOptions,
} from "./firewall-live/places.ts";
export { LiveServices, type LiveServicesOptions, type PolicyText } from "./services-live/live-services.ts";
export { resolversOf } from "./services-live/system-files.ts";
