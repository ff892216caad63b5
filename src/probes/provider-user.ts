// Functions and static probes of programs and libraries: `uprobe`, `uretprobe`, `usdt`.

import { parseUsdtArguments } from "../elf/index.ts";
import { DOUBLE, FLOAT, INT64, UINT64 } from "../schema/index.ts";
import { nearest } from "../source/index.ts";
import type { ProbeEnvironment, UserFunction } from "./environment.ts";
import { goProbe, goReturnable } from "./go-functions.ts";
import { isPattern } from "./pattern.ts";
import type { AttachPoint, ResolvedProbe } from "./probes.ts";
import { argumentMap, missing, noMatches, ProbeError, type Provider, wrongSyntax } from "./provider.ts";
import { namedParameters, sourceLineProbes } from "./provider-source-line.ts";

export function userFunction(name: "uprobe" | "uretprobe", aliases: readonly string[], returns: boolean): Provider {
  const provider: Provider = {
    name,
    aliases,
    addresses: "user",
    servedBy: "kprobe · uprobe by perf event",
    parts: 2,
    syntax: `${name}:BINARY:FUNCTION${returns ? "" : "[+OFFSET]"} or ${name}:BINARY:ADDRESS`,
    doc: returns
      ? "The return of a function of a program or library: retval is what it gives. In Go programs it stands on each return instruction, so that it does not break them."
      : "A function of a program or library, by its name (C++ and Rust names as people write them), a pattern, or an address; or a line of source by debug information (BINARY@FILE:LINE). Arguments are arg0, arg1, …, and by their names in `args` where debug information has them. BINARY is a path, a library within a zip archive (app.zip!/lib/x.so, stored and not compressed), or a name that is looked for as the shell or the loader does.",
    example: returns
      ? 'uretprobe:/bin/bash:readline { printf("%s\\n", str(retval)); }'
      : "uprobe:/bin/bash:readline { @[pid] = count(); }",
    since: "4.3",
    *names([file, pattern], env) {
      for (const path of binariesOf(file as string, env)) {
        const names =
          env.functionNames?.(path, pattern as string) ?? env.functions(path, pattern as string).map((f) => f.name);
        for (const fn of names) yield `${name}:${path}:${fn}`;
      }
    },
    resolve(point, parts, env) {
      const atLine = sourceLineProbes(name, parts, env);
      if (atLine !== undefined) return atLine;
      if (parts.length < 2 || parts.length > 3) throw wrongSyntax(provider);
      const several = eachBinary(provider, point, parts, env);
      if (several !== undefined) return several;
      const path = binary(parts[0] as string, env);
      const last = parts.at(-1) as string;
      const match = /^(.*?)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(last) as RegExpExecArray;
      const plain = /^(?:0x[0-9a-fA-F]+|\d+)$/.test(last);
      const extra = plain || match[2] === undefined ? 0 : Number(match[2]);
      if (extra !== 0 && returns) throw new ProbeError("SCRY1103", "offset not supported for uretprobes");
      const found = plain ? [byAddress(last, path, returns, env)] : env.functions(path, match[1] as string);
      if (found.length === 0)
        throw noMatches(
          name,
          `${path}:${match[1]}`,
          isPattern(match[1] as string)
            ? []
            : nearest(
                match[1] as string,
                env.functions(path, "*").map((f) => f.name),
              ),
        );
      const { kept, warning } = returns ? goReturnable(found, provider) : { kept: found };
      if (kept.length === 0) throw missing(warning ?? "");
      return kept.map((f, index): ResolvedProbe => {
        if (extra !== 0 && f.size > 0 && extra >= f.size)
          throw new ProbeError("SCRY1104", `Offset outside the function bounds ('${f.name}' size is ${f.size})`);
        const start = f.start ?? f.offset;
        refuseInside(path, start, start + extra, (at) => `${f.name}+${at}`, env);
        const attach = {
          kind: "uprobe",
          path,
          offset: extra === 0 ? f.offset : start + extra,
          return: returns,
          ...(env.pid === undefined ? {} : { pid: env.pid }),
        } as const;
        const base = {
          provider: name,
          name: `${name}:${path}:${f.name}${extra === 0 ? "" : `+${extra}`}`,
          func: f.name,
          ...(index === 0 && warning !== undefined ? { warning } : {}),
        };
        if (f.go !== undefined) return goProbe(base, { ...f, go: f.go }, attach, env, returns);
        return {
          ...base,
          numberedArgs: returns ? 0 : 6,
          ...(returns ? { returns: UINT64 } : {}),
          variants: [
            {
              programType: "kprobe",
              context: "registers",
              attach,
              get args() {
                return returns || extra !== 0 ? undefined : namedParameters(path, f.offset, env);
              },
            },
          ],
        };
      });
    },
  };
  return provider;
}

/** A place that is given by its address. A return probe there must know whether Go has made the function. */
function byAddress(place: string, path: string, returns: boolean, env: ProbeEnvironment): UserFunction {
  const address = Number(place);
  const offset = env.codeAt === undefined ? address : env.codeAt(path, address);
  if (offset === undefined)
    throw new ProbeError(
      "SCRY1128",
      `Could not resolve address: ${path}:0x${address.toString(16)}`,
      ["It is an address as the file's symbols have it, in a part that is executed"],
      true,
    );
  const found = env.functionAt?.(path, offset);
  const start = found?.start ?? offset;
  refuseInside(path, start, offset, (at) => `0x${(address + at - (offset - start)).toString(16)}`, env);
  return {
    ...(returns && start === offset && found?.go !== undefined ? found : {}),
    name: `${address}`,
    offset,
    size: 0,
  };
}

/** A breakpoint in the middle of an instruction would break it, and with it the program. */
function refuseInside(
  path: string,
  start: number,
  offset: number,
  shown: (steps: number) => string,
  env: ProbeEnvironment,
): void {
  const inside = offset === start ? undefined : env.insideInstruction?.(path, start, offset - start);
  if (inside === undefined) return;
  throw new ProbeError("SCRY1123", `'${shown(offset - start)}' is in the middle of an instruction`, [
    `Instructions begin at ${shown(inside[0])} and ${shown(inside[1])}`,
  ]);
}

function binary(name: string, env: ProbeEnvironment): string {
  const path = env.binary(name);
  if (path === undefined)
    throw new ProbeError(
      "SCRY1105",
      `${name === "" ? "a binary" : `uprobe target file '${name}'`} does not exist or is not executable`,
      ["Give the path of a program or library, a program on PATH, or a library's name"],
      true,
    );
  return path;
}

/** Is one process named (`-p`)? The command of `-c` has mapped nothing yet. */
const ofOne = (env: ProbeEnvironment): boolean =>
  env.pid !== undefined || (env.follow !== undefined && env.follow !== env.childPid);

/**
 * The files that the first part of an attach point means. Of all programs there are, nobody wants to see all functions, but
 * of those that one process has mapped.
 */
function binariesOf(file: string, env: ProbeEnvironment): readonly string[] {
  const one = env.binary(file);
  if (one !== undefined) return [one];
  return isPattern(file) && (file !== "*" || ofOne(env)) ? (env.binaries?.(file) ?? []) : [];
}

/** The probes in each of several files, where a pattern names them; undefined where one file is meant. */
function eachBinary(
  provider: Provider,
  point: AttachPoint,
  [file, ...parts]: readonly string[],
  env: ProbeEnvironment,
): ResolvedProbe[] | undefined {
  if (file === undefined || !isPattern(file) || env.binary(file) !== undefined || env.binaries === undefined)
    return undefined;
  const found = env.binaries(file).flatMap((path) => {
    try {
      return provider.resolve(point, [path, ...parts], env);
    } catch (error) {
      // Not all of the files have it.
      if (error instanceof ProbeError && error.missing) return [];
      throw error;
    }
  });
  if (found.length === 0) throw noMatches(provider.name, [file, ...parts].join(":"));
  return found;
}

export const usdt: Provider = {
  name: "usdt",
  aliases: ["U"],
  syntax: "usdt:BINARY:[PROVIDER:]NAME",
  addresses: "user",
  servedBy: "kprobe · uprobe by perf event",
  parts: 2,
  *names([file, pattern], env) {
    for (const path of binariesOf(file as string, env)) {
      const [first = "*", second] = (pattern as string).split(":");
      const seen = new Set<string>();
      for (const site of env.usdt(path, second === undefined ? "*" : first, second ?? first)) {
        const name = `usdt:${path}:${site.provider}:${site.name}`;
        if (!seen.has(name)) yield name;
        seen.add(name);
      }
    }
  },
  doc: "A static probe that a program or library brings (`.note.stapsdt`), as those of Python, Node, PostgreSQL and the C library; arguments are arg0, arg1, …. Of a process (-p) the file may be left out.",
  example: "usdt:libc:libc:setjmp { @[comm] = count(); }",
  since: "4.3",
  resolve(point, parts, env) {
    if (parts.length < 2 || parts.length > 3) throw wrongSyntax(usdt);
    // Of one process all files are meant where none is named.
    const [file = "", ...names] = parts;
    const several = eachBinary(usdt, point, [file === "" && ofOne(env) ? "*" : file, ...names], env);
    if (several !== undefined) return several;
    const path = binary(parts[0] as string, env);
    const provider = parts.length === 3 && parts[1] !== "" ? (parts[1] as string) : "*";
    const name = parts.at(-1) as string;
    const sites = env.usdt(path, provider, name);
    if (sites.length === 0)
      throw noMatches(
        "usdt",
        `${path}:${provider === "*" ? "" : `${provider}:`}${name}`,
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
        variants: [
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
                type: argument.float
                  ? argument.size === 4
                    ? FLOAT
                    : DOUBLE
                  : argument.size === 8 && !argument.signed
                    ? UINT64
                    : INT64,
                access: { kind: "usdt", argument },
              })),
            ),
          },
        ],
      };
    });
  },
};
