// What a run in the lab has found out of a source, for ARCHITECTURE.md's table (scripts/lab/table.mjs). Elsewhere nothing.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import type { SourceCost } from "./sources.ts";

export interface FoundSource {
  readonly works: boolean;
  readonly missing?: string;
  readonly cost?: SourceCost;
}

const results: string | undefined = process.env["SCRY_LAB_RESULTS"];

/** Adds to what is known; tests of one run do so one after another. */
export function noteSources(sources: Readonly<Record<string, FoundSource>>): void {
  if (results === undefined) return;
  const known = existsSync(results)
    ? (JSON.parse(readFileSync(results, "utf8")) as { sources: Record<string, FoundSource> }).sources
    : {};
  const all = { suite: process.env["LAB_SUITE"], release: release(), sources: { ...known, ...sources } };
  writeFileSync(results, `${JSON.stringify(all, undefined, 2)}\n`);
}
