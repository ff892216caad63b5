// WebAssembly: modules written instruction by instruction, compiled and called.
export {
  compileWasm,
  createWasmMemory,
  instantiateWasm,
  type WasmFunction,
  type WasmMemory,
} from "./instance.ts";
export {
  Access,
  type Code,
  I32,
  I64,
  type ValueType,
  Wasm,
  WasmFunctionBuilder,
  WasmModule,
} from "./module.ts";
