// What an attach point that is being typed can become.

import {
  isPattern,
  type ProbeEnvironment,
  ProbeError,
  type Provider,
  providerOf,
  providers,
} from "../../../probes/index.ts";
import { DiagnosticError } from "../../../source/index.ts";

/** As many as an editor can show in a list that narrows as one types. */
const MOST = 500;

/** Providers whose probes are listed as those of another one. */
const LIKE: Readonly<Record<string, string>> = { kretprobe: "kprobe", fentry: "kprobe", fexit: "kprobe" };

export interface ProbeNames {
  readonly names: readonly { readonly text: string; readonly detail: string; readonly doc?: string }[];
  /** There are more. */
  readonly cut: boolean;
}

/** Attach points that begin with this text, up to the end of the part that is being typed. */
export function probesLike(text: string, env: ProbeEnvironment): ProbeNames {
  const parts = text.split(":");
  if (parts.length === 1) return { names: providers.filter((p) => p.name.startsWith(text)).map(shown), cut: false };
  const provider = providerOf(parts[0] as string);
  // Also what this system cannot attach: a script may be for another one.
  if (provider === undefined) return { names: [], cut: false };
  const given = parts.slice(1);
  if (given.slice(0, -1).some(isPattern)) return { names: [], cut: false };
  const found = new Set<string>();
  let cut = false;
  for (const name of namesOf(provider, given, env)) {
    const next = name.split(":").slice(0, parts.length);
    // As they were typed: an alias, a library by its name.
    next.splice(0, parts.length - 1, ...parts.slice(0, -1));
    const upTo = next.join(":");
    if (!upTo.startsWith(text) || upTo === text) continue;
    if (found.size >= MOST && !found.has(upTo)) {
      cut = true;
      break;
    }
    found.add(upTo);
  }
  return { names: [...found].map((name) => ({ text: name, detail: provider.doc })), cut };
}

const shown = (p: Provider): ProbeNames["names"][number] => ({ text: p.name, detail: p.syntax, doc: p.doc });

function* namesOf(provider: Provider, given: readonly string[], env: ProbeEnvironment): Iterable<string> {
  const patterns = given.map((part, i) => (i === given.length - 1 ? `${part}*` : part));
  while (patterns.length < provider.parts) patterns.push("*");
  const names = provider.names ?? providerOf(LIKE[provider.name] ?? "")?.names;
  const typed = provider.name === "fentry" || provider.name === "fexit" ? typedFunctions(patterns, env) : undefined;
  try {
    for (const name of names?.(patterns, env) ?? [])
      if (typed === undefined || typed.has(name.slice(name.lastIndexOf(":") + 1))) yield name;
  } catch (error) {
    // No such binary, or one that cannot be read: there is nothing to offer.
    if (!(error instanceof ProbeError) && !(error instanceof DiagnosticError)) throw error;
  }
}

/** Functions whose arguments are known, which these providers need. */
const typedFunctions = (patterns: readonly string[], env: ProbeEnvironment): ReadonlySet<string> =>
  new Set((env.btf()?.findAll(patterns.at(-1) ?? "*", "func") ?? []).map((f) => f.name));
