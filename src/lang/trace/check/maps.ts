// Types of maps: what keys and values they are used with, here and elsewhere in the script.

import type { MapUse } from "../../../codegen/index.ts";
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
} from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import type { Expression, MapExpression } from "../parse/index.ts";
import { refuseFloats } from "./floats.ts";
import { alreadySaid, type CheckState, check, error, note } from "./state.ts";
import { joinTypes, keyTypeOf, storable, storedType } from "./type-rules.ts";
import { valued } from "./types.ts";
import { narrowMap, shownName, shownType } from "./widths.ts";

export function mapUse(c: CheckState, name: string): MapUse {
  let use = c.maps.get(name);
  if (use === undefined)
    c.maps.set(name, (use = { name, deleted: false, walked: false, keyedByTid: true, cleared: false }));
  return use;
}

/** Notes that the map is used with this key, and complains where it is used otherwise elsewhere. */
export function useKey(c: CheckState, map: MapExpression, key: Expression | undefined = map.key): MapUse {
  const use = mapUse(c, map.name);
  if (key === undefined) {
    if (use.keyType !== undefined && c.final)
      error(
        c,
        "SCRY1212",
        `${map.name} used as a map without an explicit key (scalar map), previously used with an explicit key (non-scalar map)`,
        map.span,
      );
    return use;
  }
  const type = valued(c, check(c, key));
  if (!(key.kind === "identifier" && key.name === "tid")) use.keyedByTid = false;
  if (type.kind === "none") {
    if (c.final && !alreadySaid(c, key))
      error(
        c,
        "SCRY1213",
        "Value 'void' cannot be used as a map key.",
        key === map.key ? map.span : { start: map.span.start, end: key.span.end },
      );
    return use;
  }
  if (!storable(type)) {
    error(c, "SCRY1213", `${typeName(type)} cannot be used as a map key`, key.span);
    return use;
  }
  const stored = keyTypeOf(type, key);
  if (use.keyType === undefined) {
    if (c.usedAsScalar.has(map.name))
      error(
        c,
        "SCRY1212",
        `${map.name} used as a map with an explicit key (non-scalar map), previously used without an explicit key (scalar map)`,
        map.span,
      );
    use.keyType = stored;
    narrowMap(c, map.name, "key", key, stored);
    c.changed = true;
    return use;
  }
  // A number that no signed one holds makes the keys unsigned, whichever was there first.
  const beyond = key.kind === "integer" && type.kind === "int" && !type.signed && use.keyType.kind === "int";
  const joined = beyond ? UINT64 : joinTypes(use.keyType, stored);
  if (joined === undefined)
    error(
      c,
      "SCRY1214",
      `Argument mismatch for ${map.name}: trying to access with arguments: '${shownType(c, type, key)}' when map expects arguments: '${shownName(c.narrowMaps.get(map.name)?.key ?? use.keyType)}'`,
      map.span,
    );
  else if (!sameType(joined, use.keyType)) {
    use.keyType = joined;
    c.changed = true;
  }
  if (joined !== undefined) narrowMap(c, map.name, "key", key, joined);
  return use;
}

export function setValue(c: CheckState, map: MapExpression, type: Type, span: Span, value?: Expression): void {
  const use = mapUse(c, map.name);
  if (map.key === undefined) c.usedAsScalar.add(map.name);
  if (type.kind === "none") return;
  const stored = isAggregate(type) ? type : storedType(valued(c, type));
  if (!isAggregate(stored) && !storable(stored)) {
    error(c, "SCRY1213", `${typeName(type)} cannot be stored in a map`, span);
    return;
  }
  if (use.valueType === undefined || use.valueType.kind === "none") {
    use.valueType = stored;
    c.changed = true;
    return;
  }
  const joined = joinTypes(use.valueType, stored);
  if (joined === undefined)
    error(
      c,
      "SCRY1215",
      stored.kind === use.valueType.kind && isAggregate(stored)
        ? `Different ${stored.kind === "hist" ? "bits in a single hist" : `${stored.kind} bounds in a single map`} unsupported`
        : `Type mismatch for ${map.name}: trying to assign value of type '${shownType(c, type, value)}' when map already has a type '${shownName(c.narrowMaps.get(map.name)?.value ?? use.valueType)}'`,
      span,
    );
  else if (!sameType(joined, use.valueType)) {
    use.valueType = joined;
    c.changed = true;
  }
}

/** What an expression gives in the end: of a block what stands last in it. */
const lastValue = (e: Expression): Expression => (e.kind === "block" ? lastValue(e.value) : e);

export function assignMap(c: CheckState, target: MapExpression, operator: string, value: Expression, span: Span): void {
  useKey(c, target);
  const type = check(c, value);
  note(c, target, mapUse(c, target.name).valueType ?? NONE);
  if (operator !== "=") {
    const held = mapUse(c, target.name).valueType ?? NONE;
    if (refuseFloats(c, `'${operator}'`, [type, held], span) !== undefined) return;
    if (type.kind !== "none" && !isNumeric(type))
      error(
        c,
        "SCRY1210",
        `Type mismatch for ${target.name}: an arithmetic assignment needs a number, got '${typeName(type)}'`,
        span,
      );
    setValue(c, target, type.kind === "int" && !type.signed ? UINT64 : INT64, span);
    const now = mapUse(c, target.name).valueType;
    narrowMap(c, target.name, "value", undefined, now ?? INT64);
    if (now !== undefined && isAggregate(now))
      error(c, "SCRY1210", `'${operator}' cannot be used on ${typeName(now)}`, span);
    return;
  }
  const given = lastValue(value);
  if (isAggregate(type) && given.kind !== "call") {
    if (isReadableAggregate(type)) {
      error(
        c,
        "SCRY1211",
        `Map value '${typeName(type)}' cannot be assigned from one map to another. The function that returns this type must be called directly e.g. \`${target.name} = ${type.kind}(…);\`.`,
        span,
        [
          `Add a cast to integer if you want the value of the aggregate, e.g. \`${target.name} = (int64)${given.kind === "map" ? given.name : "@other"};\`.`,
        ],
      );
    } else error(c, "SCRY1211", `Map value '${typeName(type)}' cannot be assigned from one map to another.`, span);
    return;
  }
  if (type.kind === "none" && c.final && !alreadySaid(c, value))
    error(c, "SCRY1246", `Cannot assign a value of no type to ${target.name}`, span);
  setValue(c, target, type, isAggregate(type) ? value.span : span, value);
  narrowMap(c, target.name, "value", value, mapUse(c, target.name).valueType ?? NONE);
  note(c, target, mapUse(c, target.name).valueType ?? NONE);
}
