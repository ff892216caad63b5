// The network at work: the balancer.

export { ask, controlPath, NoBalancerError, serveControl } from "./balancer/control.ts";
export { type Applied, type BalancedPlace, LiveBalancer, nameOf } from "./balancer/live-balancer.ts";
export {
  type BalancedPlaces,
  type BalancerEvent,
  type BalancerStatus,
  RunningBalancer,
  type ServerStatus,
  type ServiceStatus,
} from "./balancer/running-balancer.ts";
