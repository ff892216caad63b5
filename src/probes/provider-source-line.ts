// Probes at a line of a program's source: `uprobe:BIN@file.c:42`, with the variables that can be seen there, and the
// named parameters of functions that have debug information.

import type { Type } from "../schema/index.ts";
import { spellingOf, typeOfBtf } from "./btf-types.ts";
import { unreachable } from "./dwarf-places.ts";
import type { ProbeEnvironment, SourcePlace, SourceVariable } from "./environment.ts";
import type { ProbeArgument, ResolvedProbe } from "./probes.ts";
import { argumentMap, ProbeError } from "./provider.ts";

/** The probes of `BIN@FILE:LINE[:COLUMN]`; undefined where the attach point is not written so. */
export function sourceLineProbes(
  provider: "uprobe" | "uretprobe",
  parts: readonly string[],
  env: ProbeEnvironment,
): ResolvedProbe[] | undefined {
  const [where = "", text = "", columnText] = parts;
  const at = where.lastIndexOf("@");
  if (parts.length > 3 || at <= 0 || !/^\d+$/.test(text) || env.sourceLine === undefined) return undefined;
  if (columnText !== undefined && !/^\d+$/.test(columnText)) return undefined;
  const column = columnText === undefined ? undefined : Number(columnText);
  // A file may have an @ in its own name.
  if (env.binary(where) !== undefined) return undefined;
  const [name, file, line] = [where.slice(0, at), where.slice(at + 1), Number(text)];
  if (provider === "uretprobe")
    throw new ProbeError("SCRY1117", "a line of source has no return: use uprobe", [`uprobe:${where}:${text}`]);
  const path = env.binary(name);
  if (path === undefined)
    throw new ProbeError("SCRY1105", `'${name}' cannot be found`, ["Give the path of a program or library"], true);
  return env.sourceLine(path, file, line, column).map((place) => ({
    provider,
    name: `uprobe:${path}@${file}:${line}${column === undefined ? "" : `:${column}`}`,
    func: place.function,
    numberedArgs: 0,
    variables: true,
    variants: [
      {
        programType: "kprobe",
        context: "registers",
        attach: {
          kind: "uprobe",
          path,
          offset: place.offset,
          return: false,
          ...(env.pid === undefined ? {} : { pid: env.pid }),
        },
        get args() {
          return argumentMap([...place.variables().values()].map((v) => variable(v, place, env)));
        },
      },
    ],
  }));
}

function variable(v: SourceVariable, place: SourcePlace, env: ProbeEnvironment): ProbeArgument {
  const btf = env.btf();
  const type = btf === undefined ? { kind: "none" as const } : typeOfBtf(btf, v.type, "user");
  const lost = (why: string): ProbeArgument => ({
    name: v.name,
    type,
    access: { kind: "lost", why, lines: v.lines },
  });
  if (v.location === undefined) return lost(v.why ?? "it is optimised out here");
  if (type.kind === "none") return lost("its type is not known");
  const { location } = v;
  const seen =
    location.kind === "memory"
      ? location.address
      : location.kind === "register"
        ? location
        : location.kind === "value"
          ? location.value
          : undefined;
  const why = seen === undefined ? undefined : unreachable(seen, env.machine, place.frame);
  if (why !== undefined) return lost(why);
  if (location.kind !== "memory" && (type.kind === "struct" || type.kind === "array" || type.kind === "string"))
    return lost("it is kept in registers");
  return {
    name: v.name,
    type,
    access: {
      kind: "variable",
      location,
      address: place.address,
      ...(place.frame === undefined ? {} : { frame: place.frame }),
    },
  };
}

/** Why the parameter that is the `index`th of floating point cannot be read (System V ABI for x86-64, 3.2.3). */
function floatRegister(type: Type, index: number, machine: ProbeEnvironment["machine"]): string {
  if (machine === "x86_64" && (index >= 8 || type.kind !== "float")) return "it is passed on the stack";
  const name = machine === "x86_64" && Number.isFinite(index) ? `xmm${index}` : "a floating-point register";
  return `it is passed in ${name}, which BPF cannot read; where it is kept in memory, a line of the function (uprobe:BINARY@FILE:LINE) has it in vars`;
}

/** Parameters of a function by name, where debug information has them: in registers, by the calling convention. */
export function namedParameters(
  path: string,
  offset: number,
  env: ProbeEnvironment,
): ReadonlyMap<string, ProbeArgument> | undefined {
  const parameters = env.parameters?.(path, offset);
  const btf = env.btf();
  if (parameters === undefined || btf === undefined) return undefined;
  let index = 0;
  let floats = 0;
  return argumentMap(
    parameters.map(({ name, type: id }): ProbeArgument => {
      const type = typeOfBtf(btf, id, "user");
      const kind = btf.resolve(id).kind;
      const spelling = spellingOf(btf, id, "*");
      const lost = (why: string): ProbeArgument => ({ name, type, access: { kind: "lost", why, lines: [] }, spelling });
      // They take registers of their own, and none of those for the other arguments.
      if (kind === "float") return lost(floatRegister(type, floats++, env.machine));
      // Where a struct goes depends on its fields; what comes after it can then not be told either.
      if (kind === "struct" || kind === "union") {
        index = Number.POSITIVE_INFINITY;
        floats = Number.POSITIVE_INFINITY;
        return lost("it is a struct passed by value");
      }
      if (index >= 6) return lost("it is passed on the stack");
      return { name, type, access: { kind: "register", index: index++ }, spelling };
    }),
  );
}
