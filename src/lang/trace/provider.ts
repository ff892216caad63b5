// What a provider of probes is, and what all of them share.

import type { AttachPoint } from "./ast.ts";
import type { TraceEnvironment } from "./environment.ts";
import type { ProbeArgument, ResolvedProbe } from "./probes.ts";

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

export const argumentMap = (args: readonly ProbeArgument[]): ReadonlyMap<string, ProbeArgument> =>
  new Map(args.map((a) => [a.name, a]));

export function missing(what: string, hints: readonly string[] = []): ProbeError {
  return new ProbeError("SCRY1101", what, hints, true);
}

export function wrongForm(provider: Provider): ProbeError {
  return new ProbeError("SCRY1102", `${provider.name} probe has a wrong number of parts`, [
    `The form is ${provider.form}`,
  ]);
}
