// Proves programs safe without a kernel, and explains what is wrong with those that are not.
export type { Profile } from "./checker.ts";
export { Checker } from "./checker.ts";
export { refusalDiagnostic } from "./diagnostic.ts";
export {
  type Assumption,
  formatRefusal,
  REFUSALS,
  type Refusal,
  type RefusalReason,
  type SliceLine,
} from "./refusal.ts";
export {
  type Accepted,
  type ProgramResult,
  type Refused,
  type VerifyOptions,
  type VerifyResult,
  verify,
  verifyProgram,
} from "./verify.ts";
