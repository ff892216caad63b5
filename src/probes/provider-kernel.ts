// Functions of the kernel: `kprobe`, `kretprobe`, `fentry`, `fexit`.

import type { Btf } from "../btf/index.ts";
import type { AttachTarget } from "../object/index.ts";
import { type Type, UINT64 } from "../schema/index.ts";
import { typeOfBtf } from "./btf-types.ts";
import type { ProbeEnvironment } from "./environment.ts";
import { isPattern } from "./pattern.ts";
import type { ProbeVariant, ResolvedProbe } from "./probes.ts";
import { missing, noMatches, ProbeError, type Provider, wrongSyntax } from "./provider.ts";
import { functionArguments } from "./provider-tracepoint.ts";

const said: Readonly<Record<"kprobe" | "kretprobe" | "fentry" | "fexit", Pick<Provider, "doc" | "example" | "since">>> =
  {
    kprobe: {
      doc: "The entry of a kernel function, or an instruction of it by its offset; arguments are arg0, arg1, …. A pattern stands for all functions that it matches, which are attached by one link where the kernel has it (5.18).",
      example: 'kprobe:vfs_unlink { printf("%s removes a file\\n", comm); }',
      since: "4.1",
    },
    kretprobe: {
      doc: "The return of a kernel function: retval is what it gives. Arguments are gone by then; keep what is needed of them at the entry, in a map by tid.",
      example: "kretprobe:vfs_read { @bytes = hist((int64)retval); }",
      since: "4.1",
    },
    fentry: {
      doc: "The entry of a kernel function by its trampoline, which costs less than a kprobe, with `args` typed by BTF; or of a BPF program that is loaded.",
      example: 'fentry:vfs_unlink { printf("%s %s\\n", comm, str(args.dentry->d_name.name)); }',
      since: "5.5",
    },
    fexit: {
      doc: "The return of a kernel function by its trampoline: with `args` as at its entry, and retval typed; or of a BPF program that is loaded.",
      example: "fexit:vfs_read { @[args.count] = hist(retval); }",
      since: "5.5",
    },
  };

export function kernelFunction(
  name: "kprobe" | "kretprobe" | "fentry" | "fexit",
  aliases: readonly string[],
  returns: boolean,
  typed: boolean,
): Provider {
  const provider: Provider = {
    name,
    aliases,
    syntax: `${name}:[MODULE:]FUNCTION${returns || typed ? "" : "[+OFFSET]"}${typed ? ` or ${name}:bpf:[ID:]PROGRAM` : ""}`,
    addresses: "kernel",
    parts: 1,
    servedBy: typed ? "tracing · fentry" : "kprobe · kprobe by perf event",
    needs: typed
      ? {
          feature: "fentry",
          otherwise:
            "this kernel refuses fentry and fexit programs; use a tracepoint (scry -l 'tracepoint:*'), or kprobe where the kernel has it",
        }
      : {
          feature: "kprobe",
          otherwise:
            "this kernel was built without kprobes (CONFIG_KPROBE_EVENTS); use a tracepoint (scry -l 'tracepoint:*'), or fentry where the kernel has it",
        },
    ...(name === "kprobe"
      ? {
          names: (parts: readonly string[], env: ProbeEnvironment) =>
            env
              .kernelFunctions(parts.at(-1) as string, parts.length > 1 ? parts[0] : undefined)
              .map((fn) => [name, ...parts.slice(0, -1), fn].join(":")),
        }
      : {}),
    ...said[name],
    resolve(_point, parts, env) {
      if (typed && parts[0] === "bpf" && parts.length > 1) return bpfProgram(name as "fentry" | "fexit", parts, env);
      if (parts.length < 1 || parts.length > 2) throw wrongSyntax(provider);
      const module = parts.length === 2 ? (parts[0] as string) : undefined;
      const match = /^(.*?)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(parts.at(-1) as string) as RegExpExecArray;
      const pattern = match[1] as string;
      const offset = match[2] === undefined ? 0 : Number(match[2]);
      if (offset !== 0 && (returns || typed))
        throw new ProbeError("SCRY1103", `offset not supported for ${name} probes`);
      const own = module !== undefined && module !== "vmlinux" ? module : undefined;
      const types = typed ? (own === undefined ? env.btf() : env.moduleBtf?.(own)) : undefined;
      // Without types there is nothing to attach to: of many functions those are meant that have them.
      const found = env
        .kernelFunctions(pattern, module)
        .filter((fn) => !typed || !isPattern(pattern) || types?.find(fn, "func") !== undefined);
      if (found.length === 0)
        throw noMatches(
          name,
          `${module === undefined ? "" : `${module}:`}${pattern}`,
          isPattern(pattern) ? [] : ["No function of this name can be traced in this kernel"],
        );
      return found.map((fn): ResolvedProbe => {
        const attach: AttachTarget = typed
          ? { kind: "trampoline" }
          : { kind: "kprobe", function: fn, offset, return: returns, ...(own === undefined ? {} : { module: own }) };
        const id = types?.find(fn, "func");
        const variant: ProbeVariant = {
          programType: typed ? "tracing" : "kprobe",
          ...(typed
            ? { target: { kind: name as "fentry" | "fexit", name: fn, ...(own === undefined ? {} : { module: own }) } }
            : {}),
          context: typed ? "raw" : "registers",
          attach,
          get args() {
            if (id === undefined) return undefined;
            const args = functionArguments(id, { ...env, btf: () => types }, 0, (index) => ({ kind: "raw", index }));
            return own === undefined
              ? args
              : new Map([...args].map(([n, a]) => [n, { ...a, type: known(a.type, types) }]));
          },
        };
        return {
          provider: name,
          name: `${name}:${module === undefined ? "" : `${module}:`}${fn}${offset === 0 ? "" : `+${offset}`}`,
          func: fn,
          variants: [variant],
          numberedArgs: typed || returns ? 0 : 6,
          ...(returns
            ? { returns: known(returnType(id, types) ?? UINT64, own === undefined ? undefined : types) }
            : {}),
        };
      });
    },
  };
  return provider;
}

/** A loaded BPF program, by the name of its entry function, and by its number where several have the name. */
function bpfProgram(name: "fentry" | "fexit", parts: readonly string[], env: ProbeEnvironment): ResolvedProbe[] {
  const id = parts.length === 3 ? Number(parts[1]) : undefined;
  const pattern = parts.at(-1) as string;
  const found = (env.bpfFunctions?.(pattern) ?? []).filter((f) => id === undefined || f.program === id);
  if (found.length === 0)
    throw missing(`${name} not found: no loaded BPF program with types is called ${parts.slice(1).join(":")}`);
  return found.map(
    (f): ResolvedProbe => ({
      provider: name,
      name: `${name}:bpf:${f.program}:${f.name}`,
      func: f.name,
      variants: [
        {
          programType: "tracing",
          target: { kind: name, name: f.name, program: f.program },
          context: "raw",
          attach: { kind: "trampoline" },
          args: new Map(),
        },
      ],
      numberedArgs: 0,
      ...(name === "fexit" ? { returns: UINT64 } : {}),
    }),
  );
}

/** A type that is a module's own is not among the kernel's: a pointer to it is an address. */
function known(type: Type, module: Btf | undefined): Type {
  const most = module?.firstId ?? Number.POSITIVE_INFINITY;
  if (type.kind === "struct") return (type.btf?.id ?? 0) < most ? type : UINT64;
  if (type.kind !== "pointer" || type.to === undefined) return type;
  let target: Type = type.to;
  while (target.kind === "pointer" && target.to !== undefined) target = target.to;
  if (target.kind !== "struct" || (target.btf?.id ?? 0) < most) return type;
  return { kind: "pointer", space: type.space };
}

function returnType(fn: number | undefined, btf: Btf | undefined): Type | undefined {
  const func = fn === undefined ? undefined : btf?.type(fn);
  const proto = func?.kind === "func" ? btf?.type(func.type) : undefined;
  return btf !== undefined && proto?.kind === "func_proto" && proto.returns !== 0
    ? typeOfBtf(btf, proto.returns, "kernel")
    : undefined;
}
