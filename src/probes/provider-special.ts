// Probes that the script itself brings about: `begin`, `end`, `self`, and walks over the kernel's objects, `iter`.

import type { Btf } from "../btf/index.ts";
import { nearest } from "../source/index.ts";
import { typeOfBtf } from "./btf-types.ts";
import { isPattern } from "./pattern.ts";
import type { ProbeArgument, ResolvedProbe } from "./probes.ts";
import { argumentMap, missing, ProbeError, type Provider, wrongSyntax } from "./provider.ts";

/** Programs that are run by scry itself. */
const SCRIPTS_OWN = "raw_tracepoint · raw tracepoint";

export const iter: Provider = {
  name: "iter",
  aliases: ["it"],
  syntax: "iter:KIND[:PIN]",
  servedBy: "tracing · iterator",
  parts: 1,
  names: ([kind], env) =>
    (env.btf()?.findAll(`bpf_iter__${kind}`, "struct") ?? []).map((e) => `iter:${e.name.slice("bpf_iter__".length)}`),
  anyProcess: true,
  endsByItself: true,
  doc: "Walks the kernel's objects of a kind, once: task, task_file, task_vma and others, which `scry -l 'iter:*'` lists; the fields of `ctx` have the object. With PIN the walk stays as a file below /sys/fs/bpf that shows it whenever it is read.",
  example: 'iter:task { printf("%-6d %s\\n", ctx.task->pid, ctx.task->comm); }',
  since: "5.8",
  resolve(_point, parts, env) {
    if (parts.length < 1 || parts.length > 2) throw wrongSyntax(iter);
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
        variants: [
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

export function special(name: "begin" | "end"): Provider {
  const provider: Provider = {
    name,
    aliases: [],
    syntax: name,
    servedBy: SCRIPTS_OWN,
    parts: 0,
    role: name,
    anyProcess: true,
    endsByItself: true,
    seldom: true,
    doc:
      name === "begin"
        ? "Runs once, before all other probes are attached. There may be several; a script of begin and end alone ends by itself."
        : "Runs once, after all other probes are detached and before maps are printed.",
    example:
      name === "begin"
        ? 'begin { printf("counting; Ctrl-C ends it\\n"); } tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }'
        : "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } interval:s:1 { exit(); } end { print(@, 5); clear(@); }",
    since: "5.10",
    resolve(_point, parts) {
      if (parts.length > 0) throw wrongSyntax(provider);
      return [
        {
          provider: name,
          name,
          special: true,
          numberedArgs: 0,
          variants: [
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

/** What is run on request only: unit tests of scripts (`scry --test`), and measures of their code (`scry --bench`). */
export function onRequest(
  name: "test" | "bench",
  aliases: readonly string[],
  said: Pick<Provider, "doc" | "example" | "given">,
): Provider {
  const provider: Provider = {
    name,
    aliases,
    syntax: `${name}:NAME`,
    servedBy: SCRIPTS_OWN,
    parts: 1,
    role: name,
    anyProcess: true,
    endsByItself: true,
    seldom: true,
    ...said,
    resolve(_point, parts) {
      if (parts.length !== 1 || parts[0] === "") throw wrongSyntax(provider);
      return [
        {
          provider: name,
          name: `${name}:${parts[0]}`,
          special: true,
          numberedArgs: 0,
          variants: [
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

export const self: Provider = {
  name: "self",
  aliases: [],
  syntax: "self:signal:SIGNAL",
  servedBy: SCRIPTS_OWN,
  parts: 2,
  anyProcess: true,
  seldom: true,
  doc: "Runs when scry itself is sent this signal: SIGUSR1, SIGUSR2 or SIGHUP. So a script can be asked for what it has so far.",
  example: "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } self:signal:SIGUSR1 { print(@); }",
  since: "5.10",
  resolve(_point, parts) {
    const signal = (parts[1] ?? "").toUpperCase();
    if (parts.length !== 2 || parts[0] !== "signal") throw wrongSyntax(self);
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
        variants: [
          { programType: "raw_tracepoint", context: "none", attach: { kind: "signal", signal }, args: undefined },
        ],
      },
    ];
  },
};
