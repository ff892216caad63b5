// The load balancer as data and pure functions: configurations, rings, what the tables of the data plane hold, the data plane itself,
// and the same in plain TypeScript.

export { compilePlane, compileSockets, SOCKET_PROGRAMS } from "./compile-plane.ts";
export { balancerSchema, isFour, type ReadBalancer, readBalancer } from "./config.ts";
export { type Explanation, explainFlow, type Flow, parseFlow } from "./explain.ts";
export { HEALTHY, type HealthState, observed, standingAt } from "./health.ts";
export { disruption, maglev, NO_SLOT, RING_SIZES, type RingMember } from "./maglev.ts";
export {
  fits,
  identityOf,
  idRows,
  NO_SLOTS,
  type PlaceRow,
  type Plan,
  PROTOCOLS,
  placeRows,
  planOf,
  REASONS,
  ringOf,
  type ServerRow,
  type ServiceRow,
  type Slots,
  STANDING,
  type Standing,
  serverValue,
  serviceValue,
  stampOf,
} from "./plan.ts";
export { type Decision, decide, type KnownFlow, type State, stateOf } from "./reference.ts";
export { type Outcome, referenceBalance } from "./reference-bytes.ts";
export { packetServices, type Settings, settingsAfter, settingsOf, socketsAlone } from "./settings.ts";
export {
  emptyServer,
  FLOW_BYTES,
  type FlowRow,
  flowKey,
  flowRow,
  flowValues,
  placeKey,
  type Row,
  rowsOf,
  serverRow,
  serviceRow,
  wordBytes,
} from "./tables.ts";
export type { Balancer, Health, PortRange, Server, Service } from "./types.ts";
export { addressWords, swapped16 } from "./words.ts";
