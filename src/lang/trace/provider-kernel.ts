// Functions of the kernel: `kprobe`, `kretprobe`, `fentry`, `fexit`.

import type { AttachTarget } from "../../object/index.ts";
import { typeOfBtf } from "./btf-types.ts";
import { isPattern, type TraceEnvironment } from "./environment.ts";
import type { ProbeForm, ResolvedProbe } from "./probes.ts";
import { missing, ProbeError, type Provider, wrongForm } from "./provider.ts";
import { functionArguments } from "./provider-tracepoint.ts";
import { type Type, UINT64 } from "./types.ts";

export function kernelFunction(
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
