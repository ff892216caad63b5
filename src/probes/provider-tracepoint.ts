// Static events of the kernel: `tracepoint` and `rawtracepoint`.

import { nearest } from "../source/index.ts";
import { spellingOf, typeOfBtf, typeOfSpelling } from "./btf-types.ts";
import type { ProbeEnvironment, TracepointField } from "./environment.ts";
import { isPattern, matchesPattern } from "./pattern.ts";
import type { ArgumentAccess, ProbeArgument, ProbeVariant, ResolvedProbe } from "./probes.ts";
import { argumentMap, missing, NO_ATTACH_POINTS, noMatches, type Provider, wrongSyntax } from "./provider.ts";

function recordArguments(fields: readonly TracepointField[], category: string, env: ProbeEnvironment): ProbeArgument[] {
  const space = category === "syscalls" ? "user" : "kernel";
  return fields
    .filter((f) => !f.name.startsWith("common_"))
    .map((f) => {
      const type = typeOfSpelling(f.type, f.size, f.signed, space, () => env.btf());
      let access: ArgumentAccess;
      if (f.type.startsWith("__data_loc") || f.type.startsWith("__rel_loc"))
        access = { kind: "data-loc", offset: f.offset, relative: f.type.startsWith("__rel_loc") };
      else if (type.kind === "string" || type.kind === "array")
        access = { kind: "record-array", offset: f.offset, size: f.size };
      else
        access = {
          kind: "record",
          offset: f.offset,
          size: type.kind === "int" ? type.bits / 8 : f.size,
          signed: type.kind === "int" ? type.signed : f.signed,
        };
      return { name: f.name, type, access, spelling: f.type };
    });
}

/** The raw tracepoint that carries all that a `syscalls:` tracepoint does: fields after the number are the arguments in order. */
function syscallForm(
  name: string,
  fields: () => readonly ProbeArgument[],
  env: ProbeEnvironment,
): ProbeVariant | undefined {
  const match = /^sys_(enter|exit)_(\w+)$/.exec(name);
  if (match === null) return undefined;
  const number = env.syscallNumber(match[2] as string);
  if (number === undefined) return undefined;
  const exit = match[1] === "exit";
  return {
    programType: "tracing",
    target: { kind: "tp_btf", name: exit ? "sys_exit" : "sys_enter" },
    context: "raw",
    attach: { kind: "trampoline" },
    syscall: { number, exit },
    get args(): ReadonlyMap<string, ProbeArgument> {
      let index = 0;
      return argumentMap(
        fields().map((f): ProbeArgument => {
          if (f.name === "__syscall_nr") return { ...f, access: { kind: "syscall-number" } };
          if (exit) return { ...f, access: { kind: "raw", index: 1 } };
          return { ...f, access: { kind: "syscall", index: index++ } };
        }),
      );
    },
  };
}

/** `raw_syscalls:sys_enter` and `sys_exit` from the raw tracepoints under them. */
function rawSyscallsVariant(name: string, fields: () => readonly ProbeArgument[]): ProbeVariant | undefined {
  if (name !== "sys_enter" && name !== "sys_exit") return undefined;
  return {
    programType: "tracing",
    target: { kind: "tp_btf", name },
    context: "raw",
    attach: { kind: "trampoline" },
    get args(): ReadonlyMap<string, ProbeArgument> {
      // `args` is an array of the record that no raw argument has as such: it is left to the record variant.
      const own = fields().filter((f) => f.name !== "args");
      return argumentMap(
        own.map((f) => ({
          ...f,
          access:
            f.name === "ret"
              ? { kind: "raw", index: 1 }
              : name === "sys_enter"
                ? { kind: "raw", index: 1 }
                : { kind: "syscall-number" },
        })),
      );
    },
  };
}

export const tracepoint: Provider = {
  name: "tracepoint",
  aliases: ["t"],
  syntax: "tracepoint:CATEGORY:NAME",
  servedBy: "tracepoint · perf event",
  parts: 2,
  names: ([category, name], env) =>
    env.tracepoints(category as string, name as string).map((t) => `tracepoint:${t.category}:${t.name}`),
  doc: "A static event of the kernel, which stays the same from one kernel to the next; `args` are the fields of its record. Each system call has two: syscalls:sys_enter_NAME and syscalls:sys_exit_NAME. Both parts can be patterns.",
  example: 'tracepoint:syscalls:sys_enter_openat { printf("%-16s %s\\n", comm, str(args.filename)); }',
  since: "4.7",
  resolve(_point, parts, env) {
    if (parts.length !== 2) throw wrongSyntax(tracepoint);
    const [category, name] = parts as [string, string];
    const found = env.tracepoints(category, name);
    if (found.length === 0)
      throw noMatches(
        "tracepoint",
        `${category}:${name}`,
        isPattern(category + name)
          ? []
          : nearest(
              name,
              env.tracepoints(category, "*").map((t) => t.name),
            ),
      );
    return found.map((t): ResolvedProbe => {
      let fields: readonly ProbeArgument[] | undefined;
      const lazy = (): readonly ProbeArgument[] =>
        (fields ??= recordArguments(env.tracepointFormat(t.category, t.name) ?? [], t.category, env));
      const record: ProbeVariant = {
        programType: "tracepoint",
        context: "record",
        attach: { kind: "tracepoint", category: t.category, name: t.name },
        get args() {
          return argumentMap(lazy());
        },
      };
      const other =
        env.recordsOnly === true
          ? undefined
          : t.category === "syscalls"
            ? syscallForm(t.name, lazy, env)
            : t.category === "raw_syscalls"
              ? rawSyscallsVariant(t.name, lazy)
              : ({
                  programType: "raw_tracepoint",
                  context: "raw",
                  attach: { kind: "raw_tracepoint", name: t.name },
                  args: undefined,
                } satisfies ProbeVariant);
      return {
        provider: "tracepoint",
        name: `tracepoint:${t.category}:${t.name}`,
        variants: other === undefined ? [record] : [record, other],
        numberedArgs: 0,
      };
    });
  },
};

export const rawtracepoint: Provider = {
  name: "rawtracepoint",
  aliases: ["rt"],
  syntax: "rawtracepoint:[MODULE:]NAME",
  servedBy: "raw_tracepoint · raw tracepoint",
  parts: 1,
  names: ([name], env) => env.rawTracepoints(name as string).map((name) => `rawtracepoint:${name}`),
  addresses: "kernel",
  doc: "A tracepoint with the arguments that the kernel's code gives it, in place of a record made of them: by BTF in `args`, or as arg0, arg1, …. It costs less, and its arguments lead on to whole structures.",
  example: "rawtracepoint:sched_switch { @[cpu] = count(); }",
  since: "4.17",
  resolve(_point, parts, env) {
    if (parts.length < 1 || parts.length > 2) throw wrongSyntax(rawtracepoint);
    const pattern = parts.at(-1) as string;
    // Those of the kernel itself are known by its BTF.
    const module = parts.length === 2 ? (parts[0] as string) : undefined;
    if (module !== undefined && !matchesPattern(module, "vmlinux"))
      throw noMatches("rawtracepoint", parts.join(":"), []);
    const found = env.rawTracepoints(pattern);
    if (found.length === 0)
      throw missing(NO_ATTACH_POINTS, [
        `No raw tracepoint is called ${pattern}`,
        ...(isPattern(pattern) ? [] : nearest(pattern, env.rawTracepoints("*"))),
      ]);
    return found.map(
      (name): ResolvedProbe => ({
        provider: "rawtracepoint",
        name: `rawtracepoint:${parts.length === 2 ? `${parts[0]}:` : ""}${name}`,
        numberedArgs: 12,
        variants: [
          {
            programType: "raw_tracepoint",
            context: "raw",
            attach: { kind: "raw_tracepoint", name },
            get args() {
              return rawArguments(name, env);
            },
          },
        ],
      }),
    );
  },
};

/** Names and types of a raw tracepoint's arguments; `__probestub_X` and `__traceiter_X` keep the names, the typedef only the types. */
function rawArguments(name: string, env: ProbeEnvironment): ReadonlyMap<string, ProbeArgument> {
  const btf = env.btf();
  if (btf === undefined) return new Map();
  const fn = btf.find(`__probestub_${name}`, "func") ?? btf.find(`__traceiter_${name}`, "func");
  if (fn === undefined) return new Map();
  return functionArguments(fn, env, 1, (index) => ({ kind: "raw", index }));
}

export function functionArguments(
  fn: number,
  env: ProbeEnvironment,
  skip: number,
  access: (index: number) => ArgumentAccess,
): ReadonlyMap<string, ProbeArgument> {
  const btf = env.btf();
  const func = btf?.type(fn);
  const proto = func?.kind === "func" ? btf?.type(func.type) : undefined;
  if (btf === undefined || proto?.kind !== "func_proto") return new Map();
  return argumentMap(
    proto.params.slice(skip).map((p, index) => ({
      name: p.name,
      type: typeOfBtf(btf, p.type, "kernel"),
      access: access(index),
      get spelling() {
        return spellingOf(btf, p.type);
      },
    })),
  );
}
