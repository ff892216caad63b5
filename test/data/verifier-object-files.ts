// What a comparison of verdicts on object files needs of the kernel's side, in one bundle.

export { kernelBtf } from "../../src/kernel/kernel-types.ts";
export { liveKernel } from "../../src/kernel/live-kernel.ts";
export { loadObject } from "../../src/kernel/load.ts";
export { allModuleTypes } from "../../src/kernel/module-types.ts";
export { settingsBytes } from "../../src/kernel/settings.ts";
