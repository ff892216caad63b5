// `scry ps`

import {
  enableStatistics,
  listPrograms,
  type ProgramRuns,
  programRuns,
  SystemCallError,
  systemCalls,
} from "../../kernel/index.ts";
import type { CommandLine } from "../options.ts";
import { openStreams } from "../streams.ts";

const MILLISECONDS = 1000;

/** Prints the programs with what they did in a second; 0 where any could be looked at. */
export async function printPrograms({ given }: CommandLine): Promise<number> {
  const { out, messages } = openStreams(given);
  const { before, after, milliseconds } = await measure();
  const programs = listPrograms();
  if (programs.length === 0 && process.getuid?.() !== 0)
    throw new SystemCallError("bpf(BPF_PROG_GET_NEXT_ID)", 1, "the list of programs");
  const rows = programs.map((program) => {
    const [was, is] = [before.get(program.id), after.get(program.id)];
    const counted = is !== undefined && was !== undefined;
    const runs = counted ? Number(is.runs - was.runs) : 0;
    const nanoseconds = counted ? Number(is.nanoseconds - was.nanoseconds) : 0;
    return {
      id: program.id,
      type: program.type ?? "unknown",
      name: program.name,
      links: program.links.map(({ id, type }) => ({ id, type })),
      by: program.holders,
      uid: program.uid,
      maps: program.maps,
      machineBytes: program.machineBytes,
      runsPerSecond: Math.round((runs * 1000) / milliseconds),
      nanosecondsPerRun: runs === 0 ? 0 : Math.round(nanoseconds / runs),
      cpuPercent: Number((nanoseconds / 1e4 / milliseconds).toFixed(2)),
    };
  });
  if (given.has("json") || given.get("format")?.startsWith("json") === true) {
    for (const row of rows) out.text(`${JSON.stringify(row)}\n`);
    out.flush();
    return 0;
  }
  if (rows.length === 0) messages.text("No BPF programs are loaded.\n");
  else
    out.text(
      table(
        ["ID", "TYPE", "NAME", "RUNS/S", "NS/RUN", "CPU%", "MAPS", "ATTACHED BY", "HELD BY"],
        rows.map((row) => [
          String(row.id),
          row.type,
          row.name,
          String(row.runsPerSecond),
          String(row.nanosecondsPerRun),
          row.cpuPercent.toFixed(2),
          row.maps.join(",") || "-",
          row.links.map(({ id, type }) => `${type} ${id}`).join(", ") || "-",
          row.by.map(({ pid, name }) => `${name} (${pid})`).join(", ") || "-",
        ]),
        new Set([0, 3, 4, 5]),
      ),
    );
  out.flush();
  messages.flush();
  return 0;
}

/** What programs had done before and after a second in which the kernel counted. */
export async function measure(): Promise<{
  before: ReadonlyMap<number, ProgramRuns>;
  after: ReadonlyMap<number, ProgramRuns>;
  milliseconds: number;
}> {
  const counting = enableStatistics();
  try {
    const start = performance.now();
    const before = programRuns();
    await new Promise((resolve) => setTimeout(resolve, MILLISECONDS));
    const after = programRuns();
    return { before, after, milliseconds: performance.now() - start };
  } finally {
    systemCalls().close(counting);
  }
}

/** Columns as wide as what is in them; `right`: those that are flush right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number> = new Set(),
): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `${cells
      .map((cell, i) => (right.has(i) ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number)))
      .join("  ")
      .trimEnd()}\n`;
  return [head, ...rows].map(line).join("");
}
