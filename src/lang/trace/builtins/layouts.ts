// What is asked of types and their layouts: container_of, typeinfo.

import { writeText } from "../../../codegen/index.ts";
import { elementOffsets, sizeOf, type Type, typeName, UINT64 } from "../../../schema/index.ts";
import { type BuiltinUse, type CheckState, check, error, shownType, typeGiven, userSpace } from "../check/index.ts";
import { typeOf, value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtins } from "./builtin.ts";
import { memberOffset, typeAsked } from "./control.ts";

/** The names of types that are not their kinds. */
const BASES: Partial<Record<Type["kind"], string>> = {
  struct: "c_type",
  count: "count_t",
  sum: "sum_t",
  min: "min_t",
  max: "max_t",
  avg: "avg_t",
  stats: "stats_t",
  hist: "hist_t",
  lhist: "lhist_t",
  tseries: "tseries_t",
  ksym: "ksym_t",
  usym: "usym_t",
  username: "username_t",
  cgroup_path: "cgroup_path_t",
  mac: "mac_address",
};

/** What typeinfo() says: the fields of its record. */
function fieldsOf(c: CheckState, use: BuiltinUse): Readonly<Record<string, string | bigint>> {
  const type = typeAsked(c, use);
  return {
    btf_id: 0n,
    base_type: BASES[type.kind] ?? type.kind,
    full_type:
      type.kind === "struct" || BASES[type.kind] === undefined
        ? shownType(c, type, use.typeArgument === undefined ? use.args[0] : undefined)
        : (BASES[type.kind] as string),
  };
}

export const layoutBuiltins: Builtins = {
  container_of: {
    doc: "The struct that a member is in, by the member's address.",
    signature: "container_of(pointer, struct x, member)",
    types: "pointer, struct type, field → struct pointer",
    example:
      "begin { $pid = (uint64)curtask + offsetof(struct task_struct, pid); print(container_of($pid, struct task_struct, pid).comm); exit(); }",
    arity: [3, 3],
    check: (c, use) => {
      const [pointer, struct, member] = use.args as [Expression, Expression, Expression];
      const from = check(c, pointer);
      if (from.kind !== "pointer" && from.kind !== "int" && from.kind !== "none")
        error(c, "SCRY1287", `container_of() expects a pointer (${typeName(from)} provided)`, pointer.span);
      const type = typeGiven(c, struct);
      if (type.kind !== "struct")
        return error(c, "SCRY1293", `container_of() takes a struct (${typeName(type)} provided)`, struct.span);
      if (memberOffset(c, type, member) === undefined)
        return error(c, "SCRY1293", `'${typeName(type)}' has no such field`, member.span);
      const space = from.kind === "pointer" ? from.space : userSpace(c) ? "user" : "kernel";
      return { kind: "pointer", to: { ...type, space }, space };
    },
    lower: (l, use) => {
      const [pointer, struct, member] = use.args as [Expression, Expression, Expression];
      const offset = memberOffset(l.check, typeGiven(l.check, struct), member) ?? 0;
      return { kind: "value", type: typeOf(l, use), value: l.b.binary("sub", value(l, pointer), offset) };
    },
  },
  typeinfo: {
    doc: "What is known of the type of an expression: a record of .btf_id, .base_type and .full_type.",
    signature: "typeinfo(type or expression)",
    types: "type or expression → record",
    example: "begin { print(typeinfo(pid)); exit(); }",
    arity: [0, 1],
    cost: 0,
    check: (c, use) => {
      if (use.typeArgument === undefined && use.args.length === 0)
        return error(c, "SCRY1226", "typeinfo() needs a type or an expression", use.span);
      const fields = Object.entries(fieldsOf(c, use));
      return {
        kind: "record",
        names: fields.map(([name]) => name),
        elements: fields.map(([, known]) =>
          typeof known === "string" ? { kind: "string", size: Math.max(known.length + 1, 32) } : UINT64,
        ),
      };
    },
    foldFields: fieldsOf,
    into: (l, use, type, to, offset) => {
      const { elements } = type as Type & { kind: "record" };
      const offsets = elementOffsets(elements);
      for (const [i, known] of Object.values(fieldsOf(l.check, use)).entries()) {
        const at = offset + (offsets[i] as number);
        if (typeof known === "bigint") l.b.store(64, to, at, known);
        else writeText(l, known, sizeOf(elements[i] as Type), to, at, { pad: true });
      }
      return [];
    },
  },
};
