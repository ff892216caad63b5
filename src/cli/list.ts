// `scry -l`: which probes there are. A probe's arguments and their types with -v.

import { existsSync, readFileSync } from "node:fs";
import { printC } from "../btf/index.ts";
import { kernelBtf } from "../kernel/index.ts";
import { parseScript } from "../lang/trace/index.ts";
import {
  describeArguments,
  isPattern,
  listProbes,
  obstacle,
  type ProbeEnvironment,
  ProbeError,
  type Provider,
  patternRegExp,
  providerOf,
  providers,
  type ResolvedProbe,
} from "../probes/index.ts";
import { liveEnvironment } from "../session/index.ts";
import { DiagnosticError, type SourceText } from "../source/index.ts";
import type { CommandLine } from "./options.ts";
import { placesOf } from "./script.ts";
import { openStreams } from "./streams.ts";
import { pidOf } from "./target.ts";

/** `scry -l`: prints what the command line asks for; gives the exit status. */
export function listProbesOf(line: CommandLine): number {
  const { given, rest } = line;
  const pid = given.get("pid");
  const env = liveEnvironment({ ...placesOf(line), ...(pid === undefined ? {} : { pid: pidOf(pid) }) });
  const { out, messages } = openStreams(given);
  const program = given.get("execute");
  const verbose = given.has("verbose");
  const write = (text: string): void => out.text(text);
  if (program !== undefined) {
    // A mistake in the script is said before anything is listed.
    let text = "";
    listScript({ name: "stdin", text: program }, env, verbose, (part) => {
      text += part;
    });
    write(text);
  } else {
    const pattern = rest[0] ?? "";
    if (/^[^:*?[\]\s]*\.\w+$/.test(pattern) && env.binary(pattern) === undefined && !existsSync(pattern)) {
      messages.text(
        `WARNING: It appears that '${pattern}' is a filename but the file does not exist. Treating '${pattern}' as a search pattern.\n`,
      );
      messages.flush();
    }
    list(pattern, env, verbose, write);
  }
  out.flush();
  return 0;
}

/** Prints what matches, one probe a line; `pattern` may leave out the provider (`*sleep*`). */
export function list(pattern: string, env: ProbeEnvironment, verbose: boolean, write: (text: string) => void): void {
  const struct = /^(struct|union|enum)\s+([\w*?[\]]+)$/.exec(pattern.trim());
  if (struct !== null) {
    const kind = struct[1] as "struct" | "union" | "enum";
    const btf = kernelBtf();
    const found = btf.findAll(struct[2] as string, kind === "enum" ? ["enum", "enum64"] : kind);
    for (const e of found) write(verbose ? `vmlinux: ${printC(btf, e.id)}\n\n` : `${kind} ${e.name}\n`);
    return;
  }
  if (/\.bt$/.test(pattern) && existsSync(pattern)) {
    listScript({ name: pattern, text: readFileSync(pattern, "utf8") }, env, verbose, write);
    return;
  }
  const parts = pattern.split(":");
  const first = parts[0] as string;
  const provider = parts.length > 1 || !isPattern(first) ? providerOf(first) : undefined;
  if (provider !== undefined) {
    listOne(provider, parts.slice(1), env, verbose, write);
    return;
  }
  if (parts.length > 1 && isPattern(first) && first !== "*") {
    const matching = patternRegExp(first);
    for (const each of providers) if (matching.test(each.name)) listQuietly(each, parts.slice(1), env, verbose, write);
    return;
  }
  if (parts.length > 2 && first === "*") {
    for (const each of providers) listQuietly(each, parts.slice(1), env, verbose, write);
    return;
  }
  // No provider is called so: there is nothing to list.
  if (parts.length > 1 && !isPattern(first)) return;
  if (pattern !== "" && (pattern.startsWith("/") || !isPattern(pattern)) && env.binary(pattern) !== undefined) {
    for (const kind of ["uprobe", "usdt"])
      for (const p of tryList(`${kind}:${pattern}:*`, env)) show(p, verbose, write);
    return;
  }
  const wanted = patternRegExp(pattern === "" ? "*" : pattern);
  for (const each of providers) {
    if (each.names === undefined || obstacle(each, env) !== undefined) continue;
    const from = each.name.length + 1;
    const all = each.names(Array(each.parts).fill("*"), env);
    showNames(all, (name) => wanted.test(name) || wanted.test(name.slice(from)), env, verbose, write);
  }
}

/** Those of one of many providers: one to which these parts mean nothing has none. */
function listQuietly(
  provider: Provider,
  parts: readonly string[],
  env: ProbeEnvironment,
  verbose: boolean,
  write: (text: string) => void,
): void {
  if (obstacle(provider, env) !== undefined) return;
  try {
    listOne(provider, parts, env, verbose, write);
  } catch (error) {
    if (!(error instanceof ProbeError) && !(error instanceof DiagnosticError)) throw error;
  }
}

/** The probes that a script stands on. */
export function listScript(
  source: SourceText,
  env: ProbeEnvironment,
  verbose: boolean,
  write: (text: string) => void,
): void {
  for (const probe of parseScript(source, env.params).probes) {
    for (const point of probe.attachPoints) for (const p of tryList(point.text, env)) show(p, verbose, write);
  }
}

/** Those of one provider; parts that are not given are all. */
function listOne(
  provider: Provider,
  given: readonly string[],
  env: ProbeEnvironment,
  verbose: boolean,
  write: (text: string) => void,
): void {
  const parts = given.map((part) => (part === "" ? "*" : part));
  while (parts.length < provider.parts) parts.push("*");
  const pattern = [provider.name, ...parts].join(":");
  // A name as such is looked up: it may be one that is not listed.
  if (provider.names !== undefined && parts.length === provider.parts && isPattern(pattern))
    showNames(provider.names(parts, env), () => true, env, verbose, write);
  else for (const p of tryList(pattern, env)) show(p, verbose, write);
}

function showNames(
  names: Iterable<string>,
  wanted: (name: string) => boolean,
  env: ProbeEnvironment,
  verbose: boolean,
  write: (text: string) => void,
): void {
  for (const name of names) {
    if (!wanted(name)) continue;
    if (verbose) for (const p of tryList(name.replace(/:$/, ""), env)) show(p, true, write, name);
    else write(`${name}\n`);
  }
}

function tryList(text: string, env: ProbeEnvironment): readonly ResolvedProbe[] {
  try {
    return listProbes(text, env);
  } catch (error) {
    // Nothing of this kind: an empty list.
    if (error instanceof ProbeError && error.missing) return [];
    throw error;
  }
}

function show(probe: ResolvedProbe, verbose: boolean, write: (text: string) => void, name = probe.name): void {
  write(`${name}\n`);
  if (!verbose) return;
  for (const line of describeArguments(probe)) write(`    ${line}\n`);
}
