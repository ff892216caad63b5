// Type information: read lazily, write, look up, print as C or as TypeScript.
export { asNumberTypedef, isAsNumber } from "./as-number.ts";
export { placeDataSections, type SectionPlan } from "./data-sections.ts";
export {
  type BtfFunctionRecord,
  type BtfLineRecord,
  encodeFunctionInfo,
  encodeLineInfo,
  FUNCTION_RECORD_SIZE,
  LINE_RECORD_SIZE,
} from "./ext.ts";
export { plainTypes, typesForKernel, withoutSections } from "./kernel-form.ts";
export { BtfLayer } from "./layer.ts";
export { type MergedBtf, type MergeRules, mergeBtf, type TypeOf, withoutLooseStrings } from "./merge.ts";
export { NETWORK_BYTES, type NetworkKind, networkKind, networkMember, networkTypedef } from "./network.ts";
export { type PrintCOptions, printC, typeNameC } from "./print-c.ts";
export { printTypeScript, TypeScriptTypes } from "./print-ts.ts";
export { type OpenBtfOptions, openBtf } from "./reader.ts";
export type {
  Btf,
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfDeclTag,
  BtfEntry,
  BtfEnum,
  BtfEnumerator,
  BtfField,
  BtfFloat,
  BtfFunc,
  BtfFuncProto,
  BtfFwd,
  BtfInt,
  BtfKind,
  BtfLinkage,
  BtfMember,
  BtfModifier,
  BtfParam,
  BtfPtr,
  BtfSectionVariable,
  BtfType,
  BtfVar,
  BtfVoid,
} from "./types.ts";
export { type BtfValue, type ValueCodec, valueCodec } from "./values.ts";
export { fieldOf, membersOf, resolveType, sizeOfType } from "./walk.ts";
export { BtfWriter } from "./writer.ts";
