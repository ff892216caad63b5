// Types of maps: what keys and values they are used with, here and elsewhere in the script.

import type { Span } from "../../source/index.ts";
import type { Expression, MapExpression } from "./ast.ts";
import type { Checker } from "./checker.ts";
import type { MapUse } from "./storage.ts";
import { joinTypes, keyTypeOf, storable, storedType } from "./type-rules.ts";
import {
  INT64,
  isAggregate,
  isNumeric,
  isReadableAggregate,
  NONE,
  sameType,
  type Type,
  typeName,
  UINT64,
} from "./types.ts";

export function mapUse(c: Checker, name: string): MapUse {
  let use = c.maps.get(name);
  if (use === undefined)
    c.maps.set(name, (use = { name, deleted: false, walked: false, keyedByTid: true, cleared: false }));
  return use;
}

/** Notes that the map is used with this key, and complains where it is used otherwise elsewhere. */
export function useKey(c: Checker, map: MapExpression, key: Expression | undefined = map.key): MapUse {
  const use = c.mapUse(map.name);
  if (key === undefined) {
    if (use.keyType !== undefined && c.final)
      c.error(
        "SCRY1212",
        `${map.name} used as a map without an explicit key (scalar map), previously used with an explicit key (non-scalar map)`,
        map.span,
      );
    return use;
  }
  const type = c.check(key);
  if (!(key.kind === "identifier" && key.name === "tid")) use.keyedByTid = false;
  if (type.kind === "none") {
    return use;
  }
  if (!storable(type)) {
    c.error("SCRY1213", `${typeName(type)} cannot be used as a map key`, key.span);
    return use;
  }
  const stored = keyTypeOf(type, key);
  if (use.keyType === undefined) {
    if (c.usedAsScalar.has(map.name))
      c.error(
        "SCRY1212",
        `${map.name} used as a map with an explicit key (non-scalar map), previously used without an explicit key (scalar map)`,
        map.span,
      );
    use.keyType = stored;
    c.changed = true;
    return use;
  }
  const joined = joinTypes(use.keyType, stored);
  if (joined === undefined)
    c.error(
      "SCRY1214",
      `Argument mismatch for ${map.name}: trying to access with arguments: '${typeName(type)}' when map expects arguments: '${typeName(use.keyType)}'`,
      map.span,
    );
  else if (!sameType(joined, use.keyType)) {
    use.keyType = joined;
    c.changed = true;
  }
  return use;
}

export function setValue(c: Checker, map: MapExpression, type: Type, span: Span): void {
  const use = c.mapUse(map.name);
  if (map.key === undefined) c.usedAsScalar.add(map.name);
  if (type.kind === "none") return;
  const stored = isAggregate(type) ? type : storedType(type);
  if (!isAggregate(stored) && !storable(stored)) {
    c.error("SCRY1213", `${typeName(type)} cannot be stored in a map`, span);
    return;
  }
  if (use.valueType === undefined || use.valueType.kind === "none") {
    use.valueType = stored;
    c.changed = true;
    return;
  }
  const joined = joinTypes(use.valueType, stored);
  if (joined === undefined)
    c.error(
      "SCRY1215",
      `Type mismatch for ${map.name}: trying to assign value of type '${typeName(type)}' when map already has a type '${typeName(use.valueType)}'`,
      span,
    );
  else if (!sameType(joined, use.valueType)) {
    use.valueType = joined;
    c.changed = true;
  }
}

export function assignMap(c: Checker, target: MapExpression, operator: string, value: Expression, span: Span): void {
  c.useKey(target);
  const type = c.check(value);
  target.type = c.mapUse(target.name).valueType ?? NONE;
  if (operator !== "=") {
    if (type.kind !== "none" && !isNumeric(type))
      c.error(
        "SCRY1210",
        `Type mismatch for ${target.name}: an arithmetic assignment needs a number, got '${typeName(type)}'`,
        span,
      );
    c.setValue(target, type.kind === "int" && !type.signed ? UINT64 : INT64, span);
    const held = c.mapUse(target.name).valueType;
    if (held !== undefined && isAggregate(held))
      c.error("SCRY1210", `'${operator}' cannot be used on ${typeName(held)}`, span);
    return;
  }
  if (isAggregate(type) && value.kind !== "call") {
    if (isReadableAggregate(type)) {
      c.error(
        "SCRY1211",
        `Map value '${typeName(type)}' cannot be assigned from one map to another. The function that returns this type must be called directly e.g. \`${target.name} = ${type.kind}(…);\`.`,
        span,
        [`Add a cast to integer if you want the value of the aggregate, e.g. \`${target.name} = (int64)@other;\``],
      );
    } else c.error("SCRY1211", `Map value '${typeName(type)}' cannot be assigned from one map to another.`, span);
    return;
  }
  if (type.kind === "none" && c.final && !alreadySaid(c, value))
    c.error("SCRY1203", `Cannot assign a value of no type to ${target.name}`, span);
  c.setValue(target, type, span);
  target.type = c.mapUse(target.name).valueType ?? NONE;
}

// Nothing of no type is complained about twice: a deeper place has said why.
export function alreadySaid(c: Checker, e: Expression): boolean {
  return (
    c.diagnostics.some(
      (d) => d.severity === "error" && d.span !== undefined && d.span.start >= e.span.start && d.span.end <= e.span.end,
    ) || !c.final
  );
}
