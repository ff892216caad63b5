// Which programs a script needs: probes whose code would be the same share one.

import {
  type AttachPoint,
  NO_ATTACH_POINTS,
  ProbeError,
  providerOf,
  type ResolvedProbe,
  resolveAttachPoint,
} from "../../../probes/index.ts";
import { type Diagnostic, DiagnosticError, type Span } from "../../../source/index.ts";
import type { Probe, Script } from "../parse/index.ts";
import { type CheckState, error, type Unit } from "./state.ts";
import { groupProbes, wantsOf } from "./unit-groups.ts";

/** Probes whose programs would be the same share one: a unit. */
export function resolveUnits(script: Script, c: CheckState): Unit[] {
  const units: Unit[] = [];
  const missing: Diagnostic[] = [];
  const found = wantedProbes(script, c).map((probe) => ({
    probe,
    all: probe.attachPoints.flatMap((point) => resolvePoint(point, c, missing)),
  }));
  refuseSameTests(found, c);
  const count = found.reduce((n, f) => n + f.all.length, 0);
  const calls = found.reduce((n, f) => n + f.all.filter((p) => p.variants[1]?.syscall !== undefined).length, 0);
  for (const { probe, all } of found) {
    const wants = wantsOf(c, probe);
    for (const group of groupProbes(all, wants, calls, c.env))
      units.push({ probe, ...group, numbers: [], types: new Map(), variables: new Map(), outlined: new Set() });
  }
  const most = c.options.maxProbes;
  if (count > most) {
    throw new DiagnosticError(
      [
        {
          code: "SCRY1111",
          severity: "error",
          message: `Can't attach to ${count} probes because it exceeds the current limit of ${most} probes.`,
          hints: [
            "You can increase the limit through the BPFTRACE_MAX_PROBES environment variable, but BE CAREFUL since a high number of probes attached can cause your system to crash.",
          ],
        },
      ],
      c.source,
    );
  }
  if (missing.length > 0) {
    if (c.options.missingProbes === "error") throw new DiagnosticError(missing, c.source);
    const warnings = [
      ...missing.filter((d) => d.message !== NO_ATTACH_POINTS).map((d) => skipped(d, `${d.message} Skipping.`)),
      ...found
        .filter(({ all }) => all.length === 0)
        .map(({ probe }) => skipped({ code: "SCRY1101", span: pointsOf(probe) }, REMOVED)),
    ];
    if (units.length === 0)
      throw new DiagnosticError(
        [...warnings, { code: "SCRY1112", severity: "error", message: "No probes to attach" }],
        c.source,
      );
    if (c.options.missingProbes === "warn") c.diagnostics.push(...warnings);
  }
  return units;
}

const skipped = (d: Pick<Diagnostic, "code" | "span" | "hints">, message: string): Diagnostic => ({
  ...d,
  severity: "warning",
  message,
});

/** Where the attach points of a probe stand. */
function pointsOf({ attachPoints, span }: Probe): Span {
  const [first, last] = [attachPoints[0]?.span, attachPoints.at(-1)?.span];
  return first === undefined || last === undefined ? span : { ...first, end: last.end };
}

const REMOVED = "Probe has no valid attach points. It is being removed which may cause issues with program behavior.";

/** Probes that this run is for: tests are run on request only. */
function wantedProbes(script: Script, c: CheckState): readonly Probe[] {
  const { env } = c;
  const wants = (point: AttachPoint): boolean => {
    const provider = providerOf(point.parts[0] as string);
    if (provider === undefined) return true;
    return env.wants === undefined ? !ON_REQUEST.has(provider.name) : env.wants(provider.name, point.parts[1] ?? "");
  };
  const kept = script.probes.flatMap((probe): Probe[] => {
    const attachPoints = probe.attachPoints.filter(wants);
    if (attachPoints.length === probe.attachPoints.length) return [probe];
    return attachPoints.length === 0 ? [] : [{ ...probe, attachPoints }];
  });
  if (kept.length === 0 && script.probes.length > 0 && env.wants === undefined)
    throw new DiagnosticError([
      {
        code: "SCRY1112",
        severity: "error",
        message: "No probes attached; use --test to run test probes, --bench to run bench probes.",
      },
    ]);
  return kept;
}

/** Providers whose probes run on request only. */
const ON_REQUEST: ReadonlySet<string> = new Set(["test", "bench"]);

/** The name of a test is what its result is told by. */
function refuseSameTests(
  found: readonly { readonly probe: Probe; readonly all: readonly ResolvedProbe[] }[],
  c: CheckState,
): void {
  const seen = new Map<string, Probe>();
  for (const { probe, all } of found)
    for (const p of all) {
      if (!ON_REQUEST.has(p.provider)) continue;
      const other = seen.get(p.name);
      if (other !== undefined)
        error(
          c,
          "SCRY1119",
          `"${p.name.slice(p.provider.length + 1)}" was used as the name for more than one ${p.provider.toUpperCase()} probe`,
          (probe.attachPoints[0] as AttachPoint).span,
        );
      seen.set(p.name, probe);
    }
}

function resolvePoint(point: AttachPoint, c: CheckState, missing: Diagnostic[]): ResolvedProbe[] {
  try {
    const found = resolveAttachPoint(point, c.env);
    for (const { warning } of found)
      if (warning !== undefined)
        c.diagnostics.push({ code: "SCRY1122", severity: "warning", message: warning, span: point.span });
    return found;
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    const diagnostic: Diagnostic = { ...error.diagnostic, span: point.span };
    if (!error.missing) throw new DiagnosticError([diagnostic], c.source);
    // A wildcard that matches nothing is as missing as a name.
    missing.push(diagnostic);
    return [];
  }
}
