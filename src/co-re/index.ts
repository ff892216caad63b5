// Compile once, run everywhere: what an object asks of the types of the kernel that it is loaded on, answered.
export {
  asksForTypes,
  type CoreAnswer,
  CoreError,
  coreAnswers,
  POISON,
  resolveCore,
  type TargetTypes,
} from "./resolve.ts";
