// Objects of BPF programs: opened, changed, loaded, attached; their maps, variables and rings typed by BTF.

export type { Given, KernelId, LiveVariable, MapShape, ObjectShape } from "../user-side/index.ts";
export type { AttachOptions } from "./attach-options.ts";
export { type GenerateOptions, generateModule } from "./generate.ts";
export { Link } from "./links.ts";
export {
  type EmbeddedLoadOptions,
  type LoadedModule,
  type LoadModuleOptions,
  load,
  loadedModule,
  type PackedModule,
  type UserSide,
} from "./load-module.ts";
export { type Need, needsOf } from "./needs.ts";
export { ObjectMap } from "./object-map.ts";
export { ObjectProgram } from "./object-program.ts";
export { type CText, isText, ObjectFile, type ObjectSource, type OpenOptions, openObject } from "./open-object.ts";
export { openPrintk, type PrintkReader, printsText } from "./printk.ts";
export { type RecordOptions, RecordStream } from "./record-stream.ts";
export { fileOf, type Place, sectionPlace, syscallFunction } from "./section-places.ts";
export { type AttachAnew, type Swapped, swap } from "./swap.ts";
export { argumentsOf, staticProbe } from "./usdt.ts";
