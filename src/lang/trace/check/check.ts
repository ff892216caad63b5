// The whole check of a script: its probes become units, its declarations are read, and every unit is gone through until
// no type changes any more, and once more for what is wrong.

import type { ProbeEnvironment } from "../../../probes/index.ts";
import type { ScriptOptions } from "../../../schema/index.ts";
import { nearest, type SourceText } from "../../../source/index.ts";
import type { Script } from "../parse/index.ts";
import { bygoneSettings, renamedKey } from "./config.ts";
import { expressionType } from "./expressions.ts";
import { mapTypes } from "./map-types.ts";
import { mapUse } from "./maps.ts";
import { checkNamedParameters } from "./named-parameters.ts";
import { type CheckedBuiltin, type CheckState, checkState, error, hasErrors, type Unit, warn } from "./state.ts";
import { checkUnit, statement } from "./statements.ts";
import { resolveUnits } from "./units.ts";

/** So many passes settle the types of any script that can be settled. */
const MOST_PASSES = 8;

export interface CheckedScript {
  readonly state: CheckState;
  readonly units: readonly Unit[];
}

/** What is wrong with the script stands in the state's diagnostics; throws DiagnosticError where no probe can be found. */
export function checkScript(
  script: Script,
  env: ProbeEnvironment,
  options: ScriptOptions,
  source: SourceText,
  builtins: ReadonlyMap<string, CheckedBuiltin>,
): CheckedScript {
  const c = checkState(env, options, source, builtins, { expression: expressionType, statement });
  const units = resolveUnits(script, c);
  declareMaps(script, c);
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    c.changed = false;
    for (const unit of units) checkUnit(c, unit);
    if (!c.changed || hasErrors(c)) break;
  }
  c.final = true;
  for (const unit of units) checkUnit(c, unit);
  for (const { key, span } of script.config) {
    const now = renamedKey(key);
    if (now !== undefined) warn(c, "SCRY1022", `${key} has been renamed, please use ${now}`, span);
  }
  for (const { key, span } of bygoneSettings(script))
    warn(c, "SCRY1020", `${key} is deprecated and has no effect`, span);
  for (const d of script.mapDeclarations)
    if (c.maps.get(d.name)?.valueType === undefined && c.maps.get(d.name)?.keyType === undefined)
      warn(c, "SCRY1258", `Unused map: ${d.name}`, d.span);
  c.over = true;
  // Whether a cast is needed is not asked of what is wrong.
  if (hasErrors(c))
    c.diagnostics.splice(0, c.diagnostics.length, ...c.diagnostics.filter((d) => d.code !== "SCRY1276"));
  if (!hasErrors(c)) checkNamedParameters(c);
  return { state: c, units };
}

/** What a map can be declared as. */
export const MAP_TYPES: readonly string[] = Object.keys(mapTypes);

function declareMaps(script: Script, c: CheckState): void {
  for (const d of script.mapDeclarations) {
    if (!MAP_TYPES.includes(d.mapType))
      error(c, "SCRY1021", `Invalid bpf map type: ${d.mapType}`, d.span, [
        `Valid map types: ${MAP_TYPES.join(", ")}`,
        ...nearest(d.mapType, MAP_TYPES),
      ]);
    else mapUse(c, d.name).declared = { mapType: d.mapType.replace("lruhash", "lru_hash"), entries: d.entries };
  }
}
