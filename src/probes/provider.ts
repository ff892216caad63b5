// What a provider of probes is, and what all of them share.

import { type Diagnostic, DiagnosticError } from "../source/index.ts";
import type { ProbeEnvironment, ProbeFeature } from "./environment.ts";
import { isPattern } from "./pattern.ts";
import type { AttachPoint, ProbeArgument, ResolvedProbe } from "./probes.ts";

/** Says what is wrong with an attach point; a script's checker adds where it stands. */
export class ProbeError extends DiagnosticError {
  readonly diagnostic: Diagnostic;
  /** Nothing matched: `missing_probes` decides how bad that is. */
  readonly missing: boolean;
  constructor(code: Diagnostic["code"], message: string, hints: readonly string[] = [], missing = false) {
    const diagnostic: Diagnostic = { code, severity: "error", message, ...(hints.length === 0 ? {} : { hints }) };
    super([diagnostic]);
    this.diagnostic = diagnostic;
    this.missing = missing;
  }
}

export interface Provider {
  readonly name: string;
  readonly aliases: readonly string[];
  /** How its attach points are written, for help and messages. */
  readonly syntax: string;
  /** What it is, in a few sentences. */
  readonly doc: string;
  /** A script with such a probe. */
  readonly example: string;
  /** Options of the command line that the example needs. */
  readonly given?: string;
  /** The release of Linux from which programs can be attached so; absent: it needs nothing of the kernel. */
  readonly since?: string;
  /** In whose memory addresses lie that come without a type; absent: nobody can tell. */
  readonly addresses?: "kernel" | "user";
  /** What its programs are for; absent: they are run by events. */
  readonly role?: "begin" | "end" | "test" | "bench";
  /** A script of such probes alone ends when they have run. */
  readonly endsByItself?: true;
  /** Its probes fire seldom enough for a small ring of events. */
  readonly seldom?: true;
  /** It stands for no process: `-p` does not narrow it. */
  readonly anyProcess?: true;
  /** Without which feature of the kernel none of its probes attach, and what is said then. */
  readonly needs?: { readonly feature: ProbeFeature; readonly otherwise: string };
  /** What `scry doctor` looks at: the pair of program type and attach type that its probes are served by. */
  readonly servedBy: string;
  /** Parts that an attach point has at least, after the provider's name: `scry -l` takes `*` for what is not given. */
  readonly parts: number;
  /**
   * The names of its probes as `scry -l` lists them, each part a pattern, `*` where none was given; absent: its attach
   * points are resolved one by one.
   */
  names?(parts: readonly string[], env: ProbeEnvironment): Iterable<string>;
  resolve(point: AttachPoint, parts: readonly string[], env: ProbeEnvironment): ResolvedProbe[];
}

export const argumentMap = (args: readonly ProbeArgument[]): ReadonlyMap<string, ProbeArgument> =>
  new Map(args.map((a) => [a.name, a]));

export function missing(what: string, hints: readonly string[] = []): ProbeError {
  return new ProbeError("SCRY1101", what, hints, true);
}

/** Nothing is called so: a name that is not there, or a pattern that nothing matches. */
export function noMatches(provider: string, target: string, hints: readonly string[] = []): ProbeError {
  return isPattern(target)
    ? missing(NO_ATTACH_POINTS, [`Nothing matches ${provider}:${target}`])
    : missing(`No matches for ${provider} ${target}.`, hints);
}

export const NO_ATTACH_POINTS =
  "Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to 'warn'.";

export function wrongSyntax(provider: Provider): ProbeError {
  return new ProbeError("SCRY1102", `${provider.name} probe has a wrong number of parts`, [
    `The form is ${provider.syntax}`,
  ]);
}
