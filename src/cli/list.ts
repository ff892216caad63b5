// `scry -l`: which probes there are. A probe's arguments and their types with -v.

import { existsSync, readFileSync } from "node:fs";
import { printC } from "../btf/index.ts";
import { kernelBtf, listTracepoints } from "../kernel/index.ts";
import {
  isPattern,
  listProbes,
  nearest,
  parseScript,
  patternRegExp,
  providers,
  type ResolvedProbe,
  type TraceEnvironment,
  type Type,
  typeName,
} from "../lang/trace/index.ts";
import { DiagnosticError, type SourceText } from "../source/index.ts";
import { kernelSymbols } from "../symbols/index.ts";

/** Prints what matches, one probe a line; `pattern` may leave out the provider (`*sleep*`). */
export function list(pattern: string, env: TraceEnvironment, verbose: boolean, write: (text: string) => void): void {
  const struct = /^(struct|union|enum)\s+([\w*?[\]]+)$/.exec(pattern.trim());
  if (struct !== null) {
    const kind = struct[1] as "struct" | "union" | "enum";
    const btf = kernelBtf();
    const found = btf.findAll(struct[2] as string, kind === "enum" ? ["enum", "enum64"] : kind);
    for (const e of found) write(verbose ? `${printC(btf, e.id)}\n` : `${kind} ${e.name}\n`);
    return;
  }
  if (/\.bt$/.test(pattern) && existsSync(pattern)) {
    listScript({ name: pattern, text: readFileSync(pattern, "utf8") }, env, verbose, write);
    return;
  }
  const first = pattern.split(":")[0] as string;
  const provider = providers.find((p) => p.name === first.toLowerCase() || p.aliases.includes(first));
  if (pattern !== "" && pattern.includes(":") && provider === undefined && !isPattern(first)) {
    throw new DiagnosticError([
      {
        code: "SCRY1100",
        severity: "error",
        message: `Invalid probe type: ${first}`,
        hints: nearest(
          first,
          providers.map((p) => p.name),
        ),
      },
    ]);
  }
  if (provider !== undefined && pattern.includes(":")) {
    listOne(provider.name, pattern, env, verbose, write);
    return;
  }
  if (pattern !== "" && (pattern.startsWith("/") || !isPattern(pattern)) && env.binary(pattern) !== undefined) {
    for (const kind of ["uprobe", "usdt"])
      for (const p of tryList(`${kind}:${pattern}:*`, env)) show(p, verbose, write);
    return;
  }
  listEverything(pattern === "" ? "*" : pattern, env, verbose, write);
}

/** The probes that a script stands on. */
export function listScript(
  source: SourceText,
  env: TraceEnvironment,
  verbose: boolean,
  write: (text: string) => void,
): void {
  for (const probe of parseScript(source, env.params).probes) {
    for (const point of probe.attachPoints) for (const p of tryList(point.text, env)) show(p, verbose, write);
  }
}

function listOne(
  provider: string,
  pattern: string,
  env: TraceEnvironment,
  verbose: boolean,
  write: (text: string) => void,
): void {
  const parts = pattern.split(":");
  if (provider === "tracepoint" && parts.length === 2) parts.push("*");
  if ((provider === "uprobe" || provider === "usdt" || provider === "uretprobe") && parts.length === 2) parts.push("*");
  const rest = parts.slice(1).join(":");
  if (provider === "software" || provider === "hardware") {
    for (const name of counters(provider))
      if (patternRegExp(rest === "" ? "*" : rest.replace(/:$/, "")).test(name)) write(`${provider}:${name}:\n`);
    return;
  }
  if ((provider === "kprobe" || provider === "kretprobe") && parts.length === 2) {
    const wanted = patternRegExp(parts[1] === "" ? "*" : (parts[1] as string));
    let lines = "";
    for (const name of kernelSymbols().functions()) if (wanted.test(name)) lines += `${provider}:${name}\n`;
    write(lines);
    return;
  }
  let found = tryList([provider, rest === "" ? "*" : rest].join(":"), env);
  if (found.length === 0 && !isPattern(rest)) found = [];
  for (const p of found) show(p, verbose, write);
}

function tryList(text: string, env: TraceEnvironment): readonly ResolvedProbe[] {
  try {
    return listProbes(text, env);
  } catch (error) {
    // Nothing of this kind: an empty list.
    if ((error as { missing?: boolean }).missing === true) return [];
    throw error;
  }
}

const counters = (provider: "software" | "hardware"): readonly string[] =>
  provider === "software"
    ? [
        "alignment-faults",
        "bpf-output",
        "context-switches",
        "cpu-clock",
        "cpu-migrations",
        "dummy",
        "emulation-faults",
        "major-faults",
        "minor-faults",
        "page-faults",
        "task-clock",
      ]
    : [
        "backend-stalls",
        "branch-instructions",
        "branch-misses",
        "bus-cycles",
        "cache-misses",
        "cache-references",
        "cpu-cycles",
        "frontend-stalls",
        "instructions",
        "ref-cycles",
      ];

function listEverything(pattern: string, env: TraceEnvironment, verbose: boolean, write: (text: string) => void): void {
  const wanted = patternRegExp(pattern);
  for (const provider of ["software", "hardware"] as const)
    for (const name of counters(provider))
      if (wanted.test(`${provider}:${name}:`) || wanted.test(name)) write(`${provider}:${name}:\n`);
  for (const t of listTracepoints()) {
    const name = `tracepoint:${t}`;
    if (!wanted.test(name) && !wanted.test(t)) continue;
    if (verbose) for (const p of tryList(name, env)) show(p, true, write);
    else write(`${name}\n`);
  }
  for (const name of env.rawTracepoints("*"))
    if (wanted.test(`rawtracepoint:${name}`)) write(`rawtracepoint:${name}\n`);
  for (const p of tryList("iter:*", env)) if (wanted.test(p.name)) show(p, verbose, write);
  if (env.obstacle("kprobe") === undefined)
    for (const name of kernelSymbols().functions()) if (wanted.test(`kprobe:${name}`)) write(`kprobe:${name}\n`);
}

const spelled = (type: Type): string =>
  type.kind === "string"
    ? `char[${type.size}]`
    : type.kind === "pointer"
      ? `${type.to === undefined ? "void" : spelled(type.to)} *`
      : typeName(type);

function show(probe: ResolvedProbe, verbose: boolean, write: (text: string) => void): void {
  write(`${probe.name}\n`);
  if (!verbose) return;
  for (const argument of probe.forms[0].args?.values() ?? []) {
    const array = /^(.*?)(\[\d*\])$/.exec(argument.spelling ?? spelled(argument.type));
    write(`    ${array?.[1] ?? argument.spelling ?? spelled(argument.type)} ${argument.name}${array?.[2] ?? ""}\n`);
  }
  if (probe.returns !== undefined) write(`    ${spelled(probe.returns)} retval\n`);
}
