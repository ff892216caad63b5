// The compiler: typed SSA in, object code out.
export { FunctionBuilder, type Variable } from "./builder.ts";
export { type CompiledProgram, type CompileOptions, compile } from "./compile.ts";
export { StackError } from "./errors.ts";
export {
  type AtomicOp,
  type BinaryOp,
  type Block,
  type Condition,
  type Edge,
  edgesOf,
  INT,
  type Instr,
  type IrFunction,
  type IrProgram,
  type LoadSize,
  type Operation,
  type StoreSize,
  type Terminator,
  type Value,
  type ValueType,
  VOID,
  type Width,
} from "./ir.ts";
export { IrSyntaxError, parseIr } from "./parse.ts";
export type { Pass, PassContext } from "./passes/pass.ts";
export { pipeline, type Stage } from "./pipeline.ts";
export type { Cpu } from "./select.ts";
export { printFunction, printIr } from "./text.ts";
export { validate } from "./validate.ts";
