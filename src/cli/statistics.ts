// What is said of a run at its end: how often each probe ran and what that cost (`--stats`), and where records were lost.

import type { RunningScript } from "../session/index.ts";
import { type Diagnostic, lineColumn, type SourceText, type Span } from "../source/index.ts";
import { placeJson } from "../views/index.ts";

type ProbeStatistics = ReturnType<RunningScript["statistics"]>[number];

function placeOf(span: Span, source: SourceText): string {
  const own = span.file ?? source;
  const { line, column } = lineColumn(own, span.start);
  return `${own.name}:${line}:${column}`;
}

const nameOf = ({ probes }: ProbeStatistics): string => {
  const [first, second] = probes.map((p) => p.name);
  return second === undefined ? (first ?? "") : `${first} and ${probes.length - 1} more`;
};

const average = ({ runs, nanoseconds }: ProbeStatistics): number =>
  runs === 0n ? 0 : Math.round(Number(nanoseconds) / Number(runs));

/** Nanoseconds as a time that is easy to read. */
function time(nanoseconds: bigint): string {
  const n = Number(nanoseconds);
  return n < 1e3
    ? `${n} ns`
    : n < 1e6
      ? `${(n / 1e3).toFixed(1)} µs`
      : n < 1e9
        ? `${(n / 1e6).toFixed(1)} ms`
        : `${(n / 1e9).toFixed(2)} s`;
}

/** A line for each probe of the script, in its order. */
export function statisticsText(statistics: readonly ProbeStatistics[], source: SourceText): string {
  const rows = statistics.map((s) => [
    String(s.runs),
    `${average(s)} ns`,
    time(s.nanoseconds),
    s.missed === 0n ? "" : String(s.missed),
    `${placeOf(s.span, source)} ${nameOf(s)}`,
  ]);
  const titles = ["runs", "each", "in all", rows.some((r) => r[3] !== "") ? "missed" : "", "probe"];
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((r) => (r[i] as string).length)));
  const line = (cells: readonly string[]): string =>
    `${cells
      .flatMap((cell, i) =>
        widths[i] === 0 ? [] : [i === cells.length - 1 ? cell : cell.padStart(widths[i] as number)],
      )
      .join("  ")
      .trimEnd()}\n`;
  return [titles, ...rows].map(line).join("");
}

/** The same as a line of JSON. */
export function statisticsJson(statistics: readonly ProbeStatistics[], source: SourceText): string {
  const data = statistics.map((s) => ({
    probes: s.probes.map((p) => p.name),
    place: placeOf(s.span, source),
    runs: Number(s.runs),
    nanoseconds: Number(s.nanoseconds),
    missed: Number(s.missed),
  }));
  return `${JSON.stringify({ type: "probe_statistics", data })}\n`;
}

/** The same by the schema of docs/json-strict.md. */
export function statisticsStrict(statistics: readonly ProbeStatistics[], source: SourceText): string {
  const rows = statistics.map(
    (s) =>
      `{"probes":${JSON.stringify(s.probes.map((p) => p.name))},"place":${placeJson(s.span, source)},"runs":${s.runs},"nanoseconds":${s.nanoseconds},"missed":${s.missed}}`,
  );
  return `{"type":"probe_statistics","data":[${rows.join(",")}]}\n`;
}

/** A warning for each probe of which the kernel has skipped runs. */
export const skipWarnings = (skipped: ReturnType<RunningScript["skipped"]>): readonly Diagnostic[] =>
  skipped.map(({ span, count }) => ({
    code: "SCRY1062",
    severity: "warning",
    message: `${count} event${count === 1 ? " was" : "s were"} skipped by the kernel: this probe was at work on that CPU already`,
    span,
    hints: [],
  }));

/** A warning for each place of the script whose records found no room. */
export const lossWarnings = (losses: ReturnType<RunningScript["losses"]>): readonly Diagnostic[] =>
  losses.map(({ span, count }) => ({
    code: "SCRY1061",
    severity: "warning",
    message: `${count} event${count === 1 ? " was" : "s were"} lost here: the ring had no room`,
    span,
    hints: ["Send less: count in a map, or ask for less in a predicate; or give it more room: perf_rb_pages"],
  }));
