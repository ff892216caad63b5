// Functions and static probes of programs and libraries: `uprobe`, `uretprobe`, `usdt`.

import { parseUsdtArguments } from "../../elf/index.ts";
import { isPattern, type TraceEnvironment } from "./environment.ts";
import { nearest } from "./nearest.ts";
import type { ResolvedProbe } from "./probes.ts";
import { argumentMap, missing, ProbeError, type Provider, wrongForm } from "./provider.ts";
import { INT64, UINT64 } from "./types.ts";

export function userFunction(name: "uprobe" | "uretprobe", aliases: readonly string[], returns: boolean): Provider {
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

export const usdt: Provider = {
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
