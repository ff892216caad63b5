// The builtins of the trace language: one table, gathered from a file for each family. A new one is a new entry.

import { addressBuiltins } from "./addresses.ts";
import { aggregateBuiltins } from "./aggregates.ts";
import type { Builtin } from "./builtin.ts";
import { controlBuiltins } from "./control.ts";
import { kernelQuestions } from "./kernel-asked.ts";
import { layoutBuiltins } from "./layouts.ts";
import { mapBuiltins } from "./maps.ts";
import { nameBuiltins } from "./names.ts";
import { outputBuiltins } from "./output.ts";
import { parameterBuiltins } from "./parameters.ts";
import { pathBuiltins } from "./paths.ts";
import { probeBuiltins } from "./probe.ts";
import { settingBuiltins } from "./settings.ts";
import { stringBuiltins } from "./strings.ts";
import { taskBuiltins } from "./task.ts";
import { typeQuestions } from "./types-asked.ts";

export { aggregateBuiltins } from "./aggregates.ts";
export type { Builtin } from "./builtin.ts";

/** Every builtin by its name. */
export const builtins: ReadonlyMap<string, Builtin> = new Map(
  [
    taskBuiltins,
    probeBuiltins,
    outputBuiltins,
    aggregateBuiltins,
    mapBuiltins,
    stringBuiltins,
    addressBuiltins,
    controlBuiltins,
    typeQuestions,
    layoutBuiltins,
    kernelQuestions,
    pathBuiltins,
    nameBuiltins,
    settingBuiltins,
    parameterBuiltins,
  ].flatMap((family) => Object.entries(family)),
);
