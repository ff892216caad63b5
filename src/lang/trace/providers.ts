// The providers of probes: one entry each, with its aliases, its form and how its attach points become probes.

import type { Btf } from "../../btf/index.ts";
import { parseUsdtArguments } from "../../elf/index.ts";
import type { AttachTarget } from "../../object/index.ts";
import type { AttachPoint } from "./ast.ts";
import { typeOfBtf, typeOfSpelling } from "./btf-types.ts";
import { isPattern, type TraceEnvironment, type TracepointField } from "./environment.ts";
import type { ArgumentAccess, ProbeArgument, ProbeForm, ResolvedProbe } from "./probes.ts";
import { INT64, type Type, UINT64 } from "./types.ts";

/** Says what is wrong with an attach point; the checker turns it into a diagnostic. */
export class ProbeError extends Error {
  readonly code: `SCRY${number}`;
  readonly hints: readonly string[];
  /** Nothing matched: `missing_probes` decides how bad that is. */
  readonly missing: boolean;
  constructor(code: `SCRY${number}`, message: string, hints: readonly string[] = [], missing = false) {
    super(message);
    this.code = code;
    this.hints = hints;
    this.missing = missing;
  }
}

export interface Provider {
  readonly name: string;
  readonly aliases: readonly string[];
  /** For help and messages. */
  readonly form: string;
  readonly doc: string;
  resolve(point: AttachPoint, parts: readonly string[], env: TraceEnvironment): ResolvedProbe[];
}

const argumentMap = (args: readonly ProbeArgument[]): ReadonlyMap<string, ProbeArgument> =>
  new Map(args.map((a) => [a.name, a]));

function missing(what: string, hints: readonly string[] = []): ProbeError {
  return new ProbeError("SCRY1101", what, hints, true);
}

function wrongForm(provider: Provider): ProbeError {
  return new ProbeError("SCRY1102", `${provider.name} probe has a wrong number of parts`, [
    `The form is ${provider.form}`,
  ]);
}

// --- tracepoints -----------------------------------------------------------------------------------------------------

function recordArguments(fields: readonly TracepointField[], category: string, env: TraceEnvironment): ProbeArgument[] {
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
  env: TraceEnvironment,
): ProbeForm | undefined {
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
function rawSyscallsForm(name: string, fields: () => readonly ProbeArgument[]): ProbeForm | undefined {
  if (name !== "sys_enter" && name !== "sys_exit") return undefined;
  return {
    programType: "tracing",
    target: { kind: "tp_btf", name },
    context: "raw",
    attach: { kind: "trampoline" },
    get args(): ReadonlyMap<string, ProbeArgument> {
      // `args` is an array of the record that no raw argument has as such: it is left to the record form.
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

const tracepoint: Provider = {
  name: "tracepoint",
  aliases: ["t"],
  form: "tracepoint:CATEGORY:NAME",
  doc: "A static event of the kernel; `args` are the fields of its record.",
  resolve(_point, parts, env) {
    if (parts.length !== 2) throw wrongForm(tracepoint);
    const [category, name] = parts as [string, string];
    const found = env.tracepoints(category, name);
    if (found.length === 0)
      throw missing(
        `tracepoint not found: ${category}:${name}`,
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
      const record: ProbeForm = {
        programType: "tracepoint",
        context: "record",
        attach: { kind: "tracepoint", category: t.category, name: t.name },
        get args() {
          return argumentMap(lazy());
        },
      };
      const other =
        t.category === "syscalls"
          ? syscallForm(t.name, lazy, env)
          : t.category === "raw_syscalls"
            ? rawSyscallsForm(t.name, lazy)
            : ({
                programType: "raw_tracepoint",
                context: "raw",
                attach: { kind: "raw_tracepoint", name: t.name },
                args: undefined,
              } satisfies ProbeForm);
      return {
        provider: "tracepoint",
        name: `tracepoint:${t.category}:${t.name}`,
        forms: other === undefined ? [record] : [record, other],
        numberedArgs: 0,
      };
    });
  },
};

const rawtracepoint: Provider = {
  name: "rawtracepoint",
  aliases: ["rt"],
  form: "rawtracepoint:[MODULE:]NAME",
  doc: "A tracepoint with the arguments that the kernel's code gives it, by BTF in `args`, or as arg0…",
  resolve(_point, parts, env) {
    if (parts.length < 1 || parts.length > 2) throw wrongForm(rawtracepoint);
    const pattern = parts.at(-1) as string;
    const found = env.rawTracepoints(pattern);
    if (found.length === 0)
      throw missing(
        `rawtracepoint not found: ${pattern}`,
        isPattern(pattern) ? [] : nearest(pattern, env.rawTracepoints("*")),
      );
    return found.map(
      (name): ResolvedProbe => ({
        provider: "rawtracepoint",
        name: `rawtracepoint:${parts.length === 2 ? `${parts[0]}:` : ""}${name}`,
        numberedArgs: 12,
        forms: [
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
function rawArguments(name: string, env: TraceEnvironment): ReadonlyMap<string, ProbeArgument> {
  const btf = env.btf();
  if (btf === undefined) return new Map();
  const fn = btf.find(`__probestub_${name}`, "func") ?? btf.find(`__traceiter_${name}`, "func");
  if (fn === undefined) return new Map();
  return functionArguments(fn, env, 1, (index) => ({ kind: "raw", index }));
}

function functionArguments(
  fn: number,
  env: TraceEnvironment,
  skip: number,
  access: (index: number) => ArgumentAccess,
): ReadonlyMap<string, ProbeArgument> {
  const btf = env.btf();
  const func = btf?.type(fn);
  const proto = func?.kind === "func" ? btf?.type(func.type) : undefined;
  if (btf === undefined || proto?.kind !== "func_proto") return new Map();
  return argumentMap(
    proto.params
      .slice(skip)
      .map((p, index) => ({ name: p.name, type: typeOfBtf(btf, p.type, "kernel"), access: access(index) })),
  );
}

// --- kernel functions ------------------------------------------------------------------------------------------------

function kernelFunction(
  name: "kprobe" | "kretprobe" | "fentry" | "fexit",
  aliases: readonly string[],
  returns: boolean,
  typed: boolean,
): Provider {
  const provider: Provider = {
    name,
    aliases,
    form: `${name}:[MODULE:]FUNCTION${returns || typed ? "" : "[+OFFSET]"}`,
    doc: typed
      ? "A kernel function by its trampoline, arguments typed by BTF."
      : "A kernel function's entry or return.",
    resolve(_point, parts, env) {
      if (parts.length < 1 || parts.length > 2) throw wrongForm(provider);
      const module = parts.length === 2 ? (parts[0] as string) : undefined;
      const match = /^(.*?)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(parts.at(-1) as string) as RegExpExecArray;
      const pattern = match[1] as string;
      const offset = match[2] === undefined ? 0 : Number(match[2]);
      if (offset !== 0 && (returns || typed))
        throw new ProbeError("SCRY1103", `offset not supported for ${name} probes`);
      const found = env.kernelFunctions(pattern, module);
      if (found.length === 0)
        throw missing(
          `${name} not found: ${pattern}`,
          isPattern(pattern) ? [] : ["No function of this name can be traced in this kernel"],
        );
      return found.map((fn): ResolvedProbe => {
        const attach: AttachTarget = typed
          ? { kind: "trampoline" }
          : { kind: "kprobe", function: fn, offset, return: returns, ...(module === undefined ? {} : { module }) };
        const id = typed ? env.btf()?.find(fn, "func") : undefined;
        const form: ProbeForm = {
          programType: typed ? "tracing" : "kprobe",
          ...(typed ? { target: { kind: name as "fentry" | "fexit", name: fn } } : {}),
          context: typed ? "raw" : "registers",
          attach,
          get args() {
            return id === undefined ? undefined : functionArguments(id, env, 0, (index) => ({ kind: "raw", index }));
          },
        };
        return {
          provider: name,
          name: `${name}:${module === undefined ? "" : `${module}:`}${fn}${offset === 0 ? "" : `+${offset}`}`,
          func: fn,
          forms: [form],
          numberedArgs: typed || returns ? 0 : 6,
          ...(returns ? { returns: returnType(id, env) ?? UINT64 } : {}),
        };
      });
    },
  };
  return provider;
}

function returnType(fn: number | undefined, env: TraceEnvironment): Type | undefined {
  const btf = env.btf();
  const func = fn === undefined ? undefined : btf?.type(fn);
  const proto = func?.kind === "func" ? btf?.type(func.type) : undefined;
  return btf !== undefined && proto?.kind === "func_proto" && proto.returns !== 0
    ? typeOfBtf(btf, proto.returns, "kernel")
    : undefined;
}

// --- user functions --------------------------------------------------------------------------------------------------

function userFunction(name: "uprobe" | "uretprobe", aliases: readonly string[], returns: boolean): Provider {
  const provider: Provider = {
    name,
    aliases,
    form: `${name}:BINARY:FUNCTION${returns ? "" : "[+OFFSET]"} or ${name}:BINARY:ADDRESS`,
    doc: "A function of a program or library, by symbol, offset or wildcard.",
    resolve(_point, parts, env) {
      if (parts.length < 2 || parts.length > 3) throw wrongForm(provider);
      const path = binary(parts[0] as string, env);
      const last = parts.at(-1) as string;
      const match = /^(.*?)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(last) as RegExpExecArray;
      const plain = /^(?:0x[0-9a-fA-F]+|\d+)$/.test(last);
      const extra = plain || match[2] === undefined ? 0 : Number(match[2]);
      if (extra !== 0 && returns) throw new ProbeError("SCRY1103", "offset not supported for uretprobes");
      const found = plain ? [{ name: last, offset: Number(last), size: 0 }] : env.functions(path, match[1] as string);
      if (found.length === 0)
        throw missing(
          `No matches for ${name} ${path}:${match[1]}`,
          isPattern(match[1] as string)
            ? []
            : nearest(
                match[1] as string,
                env.functions(path, "*").map((f) => f.name),
              ),
        );
      return found.map((f): ResolvedProbe => {
        if (extra !== 0 && f.size > 0 && extra >= f.size)
          throw new ProbeError("SCRY1104", `Offset outside the function bounds ('${f.name}' size is ${f.size})`);
        return {
          provider: name,
          name: `${name}:${path}:${f.name}${extra === 0 ? "" : `+${extra}`}`,
          func: f.name,
          numberedArgs: returns ? 0 : 6,
          ...(returns ? { returns: UINT64 } : {}),
          forms: [
            {
              programType: "kprobe",
              context: "registers",
              attach: {
                kind: "uprobe",
                path,
                offset: f.offset + extra,
                return: returns,
                ...(env.pid === undefined ? {} : { pid: env.pid }),
              },
              args: undefined,
            },
          ],
        };
      });
    },
  };
  return provider;
}

function binary(name: string, env: TraceEnvironment): string {
  const path = env.binary(name);
  if (path === undefined)
    throw new ProbeError(
      "SCRY1105",
      `${name === "" ? "a binary" : `'${name}'`} cannot be found`,
      ["Give the path of a program or library, a program on PATH, or a library's name"],
      true,
    );
  return path;
}

const usdt: Provider = {
  name: "usdt",
  aliases: ["U"],
  form: "usdt:BINARY:[PROVIDER:]NAME",
  doc: "A static probe that a program or library brings (`.note.stapsdt`); arguments are arg0…",
  resolve(_point, parts, env) {
    if (parts.length < 2 || parts.length > 3) throw wrongForm(usdt);
    const path = binary(parts[0] as string, env);
    const provider = parts.length === 3 ? (parts[1] as string) : "*";
    const name = parts.at(-1) as string;
    const sites = env.usdt(path, provider, name);
    if (sites.length === 0)
      throw missing(
        `No matches for usdt ${path}:${provider === "*" ? "" : `${provider}:`}${name}`,
        nearest(
          name,
          env.usdt(path, "*", "*").map((s) => s.name),
        ),
      );
    return sites.map((s): ResolvedProbe => {
      const args = parseUsdtArguments(s.args, env.machine);
      return {
        provider: "usdt",
        name: `usdt:${path}:${s.provider}:${s.name}`,
        func: s.name,
        numberedArgs: args.length,
        forms: [
          {
            programType: "kprobe",
            context: "registers",
            attach: {
              kind: "uprobe",
              path,
              offset: s.offset,
              return: false,
              ...(s.semaphore === undefined ? {} : { semaphore: s.semaphore }),
              ...(env.pid === undefined ? {} : { pid: env.pid }),
            },
            args: argumentMap(
              args.map((argument, i) => ({
                name: `arg${i}`,
                type: argument.size === 8 && !argument.signed ? UINT64 : INT64,
                access: { kind: "usdt", argument },
              })),
            ),
          },
        ],
      };
    });
  },
};

// --- time and counters -----------------------------------------------------------------------------------------------

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
/** linux/perf_event.h */
const PERF_TYPE_HARDWARE = 0;
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_CPU_CLOCK = 0;

function timer(name: "profile" | "interval", aliases: readonly string[], cpus: "each" | "first"): Provider {
  const provider: Provider = {
    name,
    aliases,
    form: `${name}:hz:RATE, ${name}:s|ms|us:PERIOD or ${name}:PERIOD (10ms, 1s, or nanoseconds)`,
    doc: cpus === "each" ? "A sample on every CPU at a steady rate." : "A timer on one CPU.",
    resolve(_point, parts) {
      let unit = parts.length === 2 ? (parts[0] as string) : "ns";
      let value = Number(parts.at(-1));
      const literal = /^(\d+)(ns|us|ms|s|m|h|d)$/.exec(parts.at(-1) as string);
      if (parts.length === 1 && literal !== null) {
        const scale = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86400e9 }[
          literal[2] as string
        ] as number;
        value = Number(literal[1]) * scale;
        unit = "ns";
      }
      if (parts.length < 1 || parts.length > 2) throw wrongForm(provider);
      if (unit !== "hz" && UNITS[unit] === undefined)
        throw new ProbeError("SCRY1106", `Invalid ${name} unit: ${unit}`, ["Valid units are hz, us, ms and s"]);
      if (!Number.isInteger(value) || value <= 0)
        throw new ProbeError("SCRY1107", `Invalid ${name} period: '${parts.at(-1)}'`, [`The form is ${provider.form}`]);
      const rate = unit === "hz" ? { frequency: value } : { period: value * (UNITS[unit] as number) };
      return [
        {
          provider: name,
          name: `${name}:${parts.join(":")}`,
          numberedArgs: 0,
          forms: [
            {
              programType: "perf_event",
              context: "perf",
              attach: { kind: "perf_event", type: PERF_TYPE_SOFTWARE, config: PERF_COUNT_SW_CPU_CLOCK, ...rate, cpus },
              args: undefined,
            },
          ],
        },
      ];
    },
  };
  return provider;
}

interface CountedEvent {
  readonly config: number;
  readonly alias?: string;
  readonly count: number;
}

/** enum perf_sw_ids, with bpftrace's default counts. */
const SOFTWARE: Readonly<Record<string, CountedEvent>> = {
  "cpu-clock": { config: 0, alias: "cpu", count: 1_000_000 },
  "task-clock": { config: 1, count: 1 },
  "page-faults": { config: 2, alias: "faults", count: 100 },
  "context-switches": { config: 3, alias: "cs", count: 1000 },
  "cpu-migrations": { config: 4, count: 1 },
  "minor-faults": { config: 5, count: 100 },
  "major-faults": { config: 6, count: 1 },
  "alignment-faults": { config: 7, count: 1 },
  "emulation-faults": { config: 8, count: 1 },
  dummy: { config: 9, count: 1 },
  "bpf-output": { config: 10, count: 1 },
};

/** enum perf_hw_id, with bpftrace's default counts. */
const HARDWARE: Readonly<Record<string, CountedEvent>> = {
  "cpu-cycles": { config: 0, alias: "cycles", count: 1_000_000 },
  instructions: { config: 1, count: 1_000_000 },
  "cache-references": { config: 2, count: 1_000_000 },
  "cache-misses": { config: 3, count: 1_000_000 },
  "branch-instructions": { config: 4, alias: "branches", count: 100_000 },
  "branch-misses": { config: 5, count: 100_000 },
  "bus-cycles": { config: 6, count: 100_000 },
  "frontend-stalls": { config: 7, count: 1_000_000 },
  "backend-stalls": { config: 8, count: 1_000_000 },
  "ref-cycles": { config: 9, count: 1_000_000 },
};

function counter(
  name: "software" | "hardware",
  aliases: readonly string[],
  type: number,
  events: Readonly<Record<string, CountedEvent>>,
): Provider {
  const provider: Provider = {
    name,
    aliases,
    form: `${name}:EVENT[:COUNT]`,
    doc: `Every COUNT-th ${name} event of perf_event_open(2).`,
    resolve(_point, parts) {
      if (parts.length < 1 || parts.length > 2) throw wrongForm(provider);
      const word = parts[0] as string;
      const event = events[word] ?? Object.values(events).find((e) => e.alias === word);
      if (event === undefined)
        throw new ProbeError("SCRY1108", `${word} is not a ${name} event`, nearest(word, Object.keys(events)));
      const period = parts[1] === undefined || parts[1] === "" ? event.count : Number(parts[1]);
      if (!Number.isInteger(period) || period <= 0)
        throw new ProbeError("SCRY1107", `Invalid ${name} count: '${parts[1]}'`);
      return [
        {
          provider: name,
          name: `${name}:${parts.join(":")}`,
          numberedArgs: 0,
          forms: [
            {
              programType: "perf_event",
              context: "perf",
              attach: { kind: "perf_event", type, config: event.config, period, cpus: "each" },
              args: undefined,
            },
          ],
        },
      ];
    },
  };
  return provider;
}

const watchpoint: Provider = {
  name: "watchpoint",
  aliases: ["w"],
  form: "watchpoint:ADDRESS:LENGTH:MODE (LENGTH 1, 2, 4 or 8; MODE of r, w, x)",
  doc: "A hardware breakpoint on an address.",
  resolve(_point, parts, env) {
    if (parts.length !== 3) throw wrongForm(watchpoint);
    const [address, length, mode] = parts as [string, string, string];
    if (!/^(?:0x[0-9a-fA-F]+|\d+)$/.test(address))
      throw new ProbeError("SCRY1109", `Invalid watchpoint address: '${address}'`, [`The form is ${watchpoint.form}`]);
    if (!["1", "2", "4", "8"].includes(length))
      throw new ProbeError("SCRY1109", `Invalid watchpoint length: '${length}'`, ["The length is 1, 2, 4 or 8"]);
    if (!/^[rwx]+$/.test(mode) || new Set(mode).size !== mode.length)
      throw new ProbeError("SCRY1109", `Invalid watchpoint mode: '${mode}'`, ["The mode is made of r, w and x"]);
    return [
      {
        provider: "watchpoint",
        name: `watchpoint:${parts.join(":")}`,
        numberedArgs: 0,
        forms: [
          {
            programType: "perf_event",
            context: "perf",
            attach: {
              kind: "watchpoint",
              address: BigInt(address),
              length: Number(length) as 1 | 2 | 4 | 8,
              mode,
              ...(env.pid === undefined ? {} : { pid: env.pid }),
            },
            args: undefined,
          },
        ],
      },
    ];
  },
};

const iter: Provider = {
  name: "iter",
  aliases: ["it"],
  form: "iter:KIND[:PIN]",
  doc: "Walks the kernel's objects of a kind (task, task_file, task_vma, …); `ctx` has the object.",
  resolve(_point, parts, env) {
    if (parts.length < 1 || parts.length > 2) throw wrongForm(iter);
    const kind = parts[0] as string;
    const btf = env.btf();
    const kinds = (): string[] =>
      (btf?.findAll("bpf_iter__*", "struct") ?? []).map((e) => e.name.slice("bpf_iter__".length));
    const names = isPattern(kind)
      ? (env
          .btf()
          ?.findAll(`bpf_iter__${kind}`, "struct")
          .map((e) => e.name.slice("bpf_iter__".length)) ?? [])
      : [kind];
    const found = names.filter((n) => btf?.find(`bpf_iter__${n}`, "struct") !== undefined);
    if (btf === undefined || found.length === 0)
      throw missing(`iter ${kind} not available for your kernel version`, nearest(kind, kinds()));
    return found.map((name): ResolvedProbe => {
      const id = btf.find(`bpf_iter__${name}`, "struct") as number;
      return {
        provider: "iter",
        name: `iter:${name}${parts[1] === undefined ? "" : `:${parts[1]}`}`,
        numberedArgs: 0,
        forms: [
          {
            programType: "tracing",
            target: { kind: "iter", name },
            context: "iter",
            attach: { kind: "iter", ...(parts[1] === undefined ? {} : { pin: parts[1] }) },
            args: argumentMap(contextMembers(btf, id)),
          },
        ],
      };
    });
  },
};

/** Members of a context struct; each stands in a union with a word, to be 8 bytes wide on every machine. */
function contextMembers(btf: Btf, id: number): ProbeArgument[] {
  return btf.members(id).flatMap((m): ProbeArgument[] => {
    const inner = m.name === "" ? btf.members(m.type).find((x) => x.name !== "") : m;
    return inner === undefined
      ? []
      : [
          {
            name: inner.name,
            type: typeOfBtf(btf, inner.type, "kernel"),
            access: { kind: "context-field", offset: m.bitOffset / 8 },
          },
        ];
  });
}

// --- the script's own life -------------------------------------------------------------------------------------------

function special(name: "begin" | "end"): Provider {
  const provider: Provider = {
    name,
    aliases: [],
    form: name,
    doc: name === "begin" ? "Before all other probes are attached." : "After all other probes are detached.",
    resolve(_point, parts) {
      if (parts.length > 0) throw wrongForm(provider);
      return [
        {
          provider: name,
          name,
          special: true,
          numberedArgs: 0,
          forms: [
            {
              programType: "raw_tracepoint",
              context: "none",
              attach: { kind: "test_run", when: name },
              args: undefined,
            },
          ],
        },
      ];
    },
  };
  return provider;
}

const self: Provider = {
  name: "self",
  aliases: [],
  form: "self:signal:SIGNAL",
  doc: "When scry itself is sent this signal.",
  resolve(_point, parts) {
    const signal = (parts[1] ?? "").toUpperCase();
    if (parts.length !== 2 || parts[0] !== "signal") throw wrongForm(self);
    if (!["SIGUSR1", "SIGUSR2", "SIGHUP"].includes(signal))
      throw new ProbeError("SCRY1110", `'${parts[1]}' is not a supported signal`, [
        "SIGUSR1, SIGUSR2 and SIGHUP can be used",
      ]);
    return [
      {
        provider: "self",
        name: `self:signal:${signal}`,
        special: true,
        numberedArgs: 0,
        forms: [
          { programType: "raw_tracepoint", context: "none", attach: { kind: "signal", signal }, args: undefined },
        ],
      },
    ];
  },
};

export const providers: readonly Provider[] = [
  special("begin"),
  special("end"),
  tracepoint,
  rawtracepoint,
  kernelFunction("kprobe", ["k"], false, false),
  kernelFunction("kretprobe", ["kr"], true, false),
  kernelFunction("fentry", ["f", "kfunc"], false, true),
  kernelFunction("fexit", ["fr", "kretfunc"], true, true),
  userFunction("uprobe", ["u"], false),
  userFunction("uretprobe", ["ur"], true),
  usdt,
  timer("profile", ["p"], "each"),
  timer("interval", ["i"], "first"),
  counter("software", ["s"], PERF_TYPE_SOFTWARE, SOFTWARE),
  counter("hardware", ["h"], PERF_TYPE_HARDWARE, HARDWARE),
  watchpoint,
  iter,
  self,
];

/** The probes that an attach point stands for; throws ProbeError. */
export function resolveAttachPoint(point: AttachPoint, env: TraceEnvironment): ResolvedProbe[] {
  const word = point.parts[0] as string;
  const provider = providers.find((p) => p.aliases.includes(word) || p.name === word.toLowerCase());
  if (provider === undefined) {
    const names = providers.map((p) => p.name);
    throw new ProbeError("SCRY1100", `Invalid probe type: ${word}`, nearest(word, names));
  }
  return provider.resolve(point, point.parts.slice(1), env);
}

/** "Did you mean 'x'?" where a name is near. */
export function nearest(word: string, names: readonly string[]): string[] {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const name of names) {
    if (Math.abs(name.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, name, bestDistance);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best === undefined ? [] : [`Did you mean '${best}'?`];
}

/** Levenshtein's distance, or `limit` where it is at least that. */
function editDistance(a: string, b: string, limit: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const value = Math.min((next[j - 1] as number) + 1, (row[j] as number) + 1, (row[j - 1] as number) + cost);
      next.push(value);
      least = Math.min(least, value);
    }
    if (least >= limit) return limit;
    row = next;
  }
  return row[b.length] as number;
}
