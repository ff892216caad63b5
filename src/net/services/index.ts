// What services may do: policies by control group, unit, container or user, as programs that are asked at connect, bind, send and
// receive; names as the machine's own resolvers answered them.
export { addressKey } from "./addresses.ts";
export {
  type CompiledServices,
  type CompileServicesOptions,
  compileServices,
  type ServiceProgram,
} from "./compile.ts";
export { LEAST_SECONDS, MAPS, type MapEntry } from "./layout.ts";
export { matchesName } from "./name-patterns.ts";
export { type Plan, type PlanOptions, planServices } from "./plan.ts";
export {
  type Destination,
  type Match,
  OPERATIONS,
  type Operation,
  type PortRange,
  type Protocol,
  SERVICES,
  type Service,
  type ServiceRule,
  type Verdict,
  type Who,
} from "./policy.ts";
export { formatRefusal, generationOf, type Refusal, type RuleCount, readCounts, readRefusal } from "./records.ts";
export { type Answer, type Call, type Judgement, judge, NamesSeen, readAnswer } from "./reference.ts";
