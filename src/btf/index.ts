// Type information: read lazily, write, look up, print as C or as TypeScript.
export { placeDataSections, type SectionPlan } from "./data-sections.ts";
export {
  type BtfFunctionRecord,
  type BtfLineRecord,
  encodeFunctionInfo,
  encodeLineInfo,
  FUNCTION_RECORD_SIZE,
  LINE_RECORD_SIZE,
} from "./ext.ts";
export { type PrintCOptions, printC, typeNameC } from "./print-c.ts";
export { printTypeScript } from "./print-ts.ts";
export { type OpenBtfOptions, openBtf } from "./reader.ts";
export {
  type Btf,
  type BtfArray,
  type BtfComposite,
  type BtfDatasec,
  type BtfDeclTag,
  type BtfEntry,
  type BtfEnum,
  type BtfEnumerator,
  BtfError,
  type BtfField,
  type BtfFloat,
  type BtfFunc,
  type BtfFuncProto,
  type BtfFwd,
  type BtfInt,
  type BtfKind,
  type BtfLinkage,
  type BtfMember,
  type BtfModifier,
  type BtfParam,
  type BtfPtr,
  type BtfSectionVariable,
  type BtfType,
  type BtfVar,
  type BtfVoid,
} from "./types.ts";
export { BtfWriter } from "./writer.ts";
