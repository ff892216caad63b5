// A probe's arguments as C writes them.

import { type Type, typeName } from "../schema/index.ts";
import type { ProbeArgument, ResolvedProbe } from "./probes.ts";

const spelled = (type: Type): string =>
  type.kind === "string"
    ? `char[${type.size}]`
    : type.kind === "pointer"
      ? `${type.to === undefined ? "void" : spelled(type.to)} *`
      : typeName(type);

/** `const char * filename`, `char comm[16]` */
export function spelledArgument(argument: ProbeArgument): string {
  const spelling = argument.spelling ?? spelled(argument.type);
  const array = /^(.*?)(\[\d*\])$/.exec(spelling);
  return `${array?.[1] ?? spelling} ${argument.name}${array?.[2] ?? ""}`;
}

/** `const char * filename` for each argument, and what it returns as `retval`. */
export function describeArguments(probe: ResolvedProbe): string[] {
  const lines: string[] = [];
  for (const argument of probe.variants[0].args?.values() ?? []) lines.push(spelledArgument(argument));
  if (probe.returns !== undefined) lines.push(`${spelled(probe.returns)} retval`);
  return lines;
}
