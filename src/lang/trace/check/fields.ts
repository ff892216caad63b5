// Fields: of structs, tuples and records, and the arguments of the probe.

import { type ProbeArgument, typeOfBtf, typeOfMember } from "../../../probes/index.ts";
import { NONE, type Type, typeName } from "../../../schema/index.ts";
import { nearest } from "../../../source/index.ts";
import type { Expression, FieldExpression, IdentifierExpression } from "../parse/index.ts";
import { type BuiltinUse, type CheckState, check, error, firstProbe, firstVariant, note, noted } from "./state.ts";

/** `args.x`, `task.pid`, `$kv.0`, `$r.name` */
export function fieldType(c: CheckState, e: FieldExpression): Type {
  if (e.object.kind === "identifier" && c.builtins.get(e.object.name)?.members === true)
    return argumentType(c, e, e.object);
  const object = check(c, e.object);
  if (object.kind === "none") return NONE;
  if (object.kind === "tuple") {
    if (!/^\d+$/.test(e.name))
      return error(c, "SCRY1218", `A tuple has no field named '${e.name}'`, e.nameSpan, ["Its elements are .0, .1, …"]);
    return (
      object.elements[Number(e.name)] ??
      error(
        c,
        "SCRY1218",
        `Invalid tuple index: ${e.name}. Found ${object.elements.length} elements in tuple.`,
        e.nameSpan,
      )
    );
  }
  if (object.kind === "record") {
    const at = object.names.indexOf(e.name);
    return at >= 0
      ? (object.elements[at] as Type)
      : error(c, "SCRY1227", `The record has no field named '${e.name}'`, e.nameSpan, nearest(e.name, object.names));
  }
  const struct = object.kind === "pointer" ? object.to : object;
  if (struct?.kind !== "struct")
    return error(c, "SCRY1228", `Can not access field '${e.name}' on expression of type '${typeName(object)}'`, e.span);
  const btf = c.env.btf();
  if (btf === undefined)
    return error(c, "SCRY1229", "The kernel's type information (BTF) is needed here and is not available", e.span);
  const field = btf.field(struct.btf.id, [e.name]);
  if (field === undefined)
    return error(
      c,
      "SCRY1230",
      `Struct/union of type '${struct.btf.name}' does not contain a field named '${e.name}'`,
      e.nameSpan,
      nearest(
        e.name,
        btf
          .members(struct.btf.id)
          .map((m) => m.name)
          .filter((n) => n !== ""),
      ),
    );
  const type = typeOfMember(btf, field.type, struct.space);
  const kept = btf.resolve(field.type);
  if (type.kind === "none" && kept.kind === "float")
    return error(
      c,
      "SCRY1275",
      `'${e.name}' is a floating-point number of ${kept.size} bytes: only float and double can be read`,
      e.nameSpan,
    );
  return field.bitfieldSize > 0 && type.kind === "int" ? { kind: "int", bits: 64, signed: type.signed } : type;
}

/** Bytes of a text where it lies: a member of a struct may have fewer than it is read as (see `typeOfMember`). */
export function bytesInPlace(c: CheckState, e: Expression, type: Type & { readonly kind: "string" }): number {
  const object = e.kind === "field" ? noted(c, e.object) : undefined;
  const struct = object?.kind === "pointer" ? object.to : object;
  if (e.kind !== "field" || struct?.kind !== "struct") return type.size;
  const btf = c.env.btf();
  const member = btf?.field(struct.btf.id, [e.name]);
  const place = btf === undefined || member === undefined ? type : typeOfBtf(btf, member.type, struct.space);
  return place.kind === "string" ? place.size : type.size;
}

/** The arguments of the probe by their names; undefined where it has none, which is said. */
export function probeArguments(c: CheckState, use: BuiltinUse): ReadonlyMap<string, ProbeArgument> | undefined {
  const { args } = firstVariant(c);
  const { name, variables } = firstProbe(c);
  if (use.name === "vars" && variables !== true)
    error(c, "SCRY1249", "vars are the variables at a line of source: uprobe:BINARY@FILE:LINE", use.span);
  else if (args === undefined)
    error(
      c,
      "SCRY1231",
      `The ${use.name} builtin can only be used with tracepoint, rawtracepoint, fentry, fexit, usdt and iter probes${name === "" ? "" : ` (${name} used here)`}`,
      use.span,
    );
  else return args;
  return undefined;
}

export function argumentType(c: CheckState, e: FieldExpression, object: IdentifierExpression): Type {
  note(c, object, { kind: "args" });
  const args = probeArguments(c, object);
  if (args === undefined) return NONE;
  const { name } = firstProbe(c);
  const atLine = firstProbe(c).variables === true;
  if (e.name === "0" || /^\d+$/.test(e.name))
    return error(c, "SCRY1232", "The arguments of a probe are read by name", e.nameSpan);
  const argument = args.get(e.name);
  if (argument === undefined && atLine)
    return error(
      c,
      "SCRY1247",
      `There is no variable '${e.name}' at ${name.slice(name.lastIndexOf("@") + 1)}`,
      e.nameSpan,
      nearest(e.name, [...args.keys()]),
    );
  if (argument?.access.kind === "lost") {
    const { why, lines } = argument.access;
    return error(
      c,
      "SCRY1248",
      `'${e.name}' cannot be read here: ${why}`,
      e.nameSpan,
      lines.length === 0 ? [] : [`It can be read at line${lines.length === 1 ? "" : "s"} ${lines.join(", ")}`],
    );
  }
  if (argument === undefined)
    return error(
      c,
      "SCRY1247",
      `The arguments of '${name}' have no field named '${e.name}'`,
      { start: e.object.span.start, end: e.nameSpan.end },
      nearest(e.name, [...args.keys()]),
    );
  return argument.type;
}
