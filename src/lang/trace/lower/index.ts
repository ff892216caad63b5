// From checked units to the IR.

export { branchByProbe } from "./conditions.ts";
export { emitEvent, formatEvent, printfType } from "./events.ts";
export { lowerUnit, slotBytes } from "./lower.ts";
export { keyOf } from "./maps.ts";
export { ownMemory } from "./own-memory.ts";
export {
  condition,
  type LoweredBuiltin,
  type LowerState,
  leaveProbe,
  literal,
  operand,
  typeOf,
  value,
} from "./state.ts";
