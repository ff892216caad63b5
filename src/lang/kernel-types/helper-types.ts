// The kernel's helpers as types of `scry/bpf`: src/bpf/helpers.ts is this text (`npm run docs` writes it).

import { CTypes, Typing } from "../../c/index.ts";
import { type Helper, type HelperArgument, helper, helperNames, PROGRAM_TYPES } from "../../object/index.ts";
import { helperFunction, helperStruct } from "../c/index.ts";
import { numberText } from "./type-text.ts";

/** What is given for each kind of argument. Functions and timers have forms of their own in the language. */
const GIVEN: Readonly<Record<HelperArgument, readonly [name: string, type: string] | undefined>> = {
  map: ["map", "AnyMap"],
  key: ["key", "Memory"],
  value: ["value", "Memory"],
  "value-or-null": ["value", "Memory | undefined"],
  "value-output": ["value", "Memory"],
  memory: ["memory", "Memory"],
  "memory-or-null": ["memory", "Memory | undefined"],
  output: ["to", "Memory"],
  "output-or-null": ["to", "Memory | undefined"],
  fixed: ["memory", "Memory"],
  size: ["size", "number"],
  "size-or-zero": ["size", "number"],
  "allocation-size": ["size", "number"],
  any: ["value", "number | object"],
  context: ["event", "object"],
  "context-or-null": ["event", "object | undefined"],
  "context-or-socket": ["event", "object"],
  function: undefined,
  "stack-or-null": undefined,
  "constant-string": ["text", "string"],
  record: ["record", "object"],
  kernel: ["object", "object"],
  "kernel-or-null": ["object", "object | undefined"],
  "per-cpu": ["variable", "object"],
  socket: ["socket", "object"],
  "sock-common": ["socket", "object"],
  "spin-lock": undefined,
  timer: undefined,
  kptr: ["pointer", "object"],
  dynptr: ["dynptr", "object"],
  "dynptr-output": ["dynptr", "object"],
};

/** A `.ts` text: `interface Helpers`, a helper each. */
export function helperTypes(): string {
  const typing = new Typing(new CTypes(() => undefined));
  const members = helperNames().flatMap((name) => member(helper(name) as Helper, typing) ?? []);
  return [
    "// The kernel's helpers, by the table of src/object/helpers.ts. Written by `npm run docs`: do not change it.",
    "",
    'import type { AnyMap, i64, KernelStruct, Memory, u32, u64 } from "./types.ts";',
    "",
    "/** What each takes and does: bpf-helpers(7). */",
    "export interface Helpers {",
    ...members,
    "}",
    "",
  ].join("\n");
}

function member(row: Helper, typing: Typing): string[] | undefined {
  const args: string[] = [];
  const used = new Map<string, number>();
  for (const kind of row.args) {
    const given = GIVEN[kind];
    if (given === undefined) return undefined;
    const [word, type] = given;
    const nth = (used.get(word) ?? 0) + 1;
    used.set(word, nth);
    args.push(`${word}${nth === 1 ? "" : nth}: ${type}`);
  }
  if (row.variadic === true) args.push("...values: (number | object)[]");
  return [`  /** ${facts(row)} */`, `  bpf_${row.name}(${args.join(", ")}): ${result(row, typing)};`];
}

function result(row: Helper, typing: Typing): string {
  if (row.returns === "void") return "void";
  if (row.returns === "int") {
    const proto = typing.resolve(helperFunction(`bpf_${row.name}`, typing)?.type ?? 0);
    const type = typing.resolve(proto.kind === "func_proto" ? proto.returns : 0);
    return type.kind === "int" ? numberText(type.size, type.signed) : "i64";
  }
  const struct = helperStruct(row.name);
  const of = struct === undefined ? "object" : `KernelStruct<"${struct}">`;
  return row.returns.endsWith("-or-null") ? `${of} | undefined` : of;
}

/** Since when, for whom. */
function facts({ since, programs, maps, gpl }: Helper): string {
  const all = Object.keys(PROGRAM_TYPES);
  const others = programs === undefined ? [] : all.filter((type) => !(programs as ReadonlySet<string>).has(type));
  const kinds =
    programs === undefined
      ? []
      : [programs.size <= others.length ? `of ${[...programs].join(", ")}` : `of all but ${others.join(", ")}`];
  return [
    `Linux ${since}`,
    ...kinds.map((text) => `programs ${text}`),
    ...(maps === undefined ? [] : [`maps of ${maps.join(", ")}`]),
    ...(gpl === true ? ["under the GPL"] : []),
  ].join("; ");
}
