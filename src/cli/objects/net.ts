// `scry net`

import { listPrograms, networkPrograms } from "../../kernel/index.ts";
import type { CommandLine } from "../options.ts";
import { openStreams } from "../streams.ts";
import { measure, table } from "./ps.ts";

/** Prints the programs at interfaces, in the order in which packets meet them, with what they did in a second. */
export async function printNetwork({ given }: CommandLine): Promise<number> {
  const { out, messages } = openStreams(given);
  const { before, after, milliseconds } = await measure();
  const known = new Map(listPrograms().map((program) => [program.id, program]));
  const rows = networkPrograms().map((one) => {
    const program = known.get(one.id);
    const [was, is] = [before.get(one.id), after.get(one.id)];
    const runs = was === undefined || is === undefined ? 0 : Number(is.runs - was.runs);
    const nanoseconds = was === undefined || is === undefined ? 0 : Number(is.nanoseconds - was.nanoseconds);
    // The kernel names the links of a row of programs, not that of XDP's.
    const links = one.where === "xdp" ? (program?.links ?? []).filter(({ type }) => type === "xdp") : [];
    return {
      ...one,
      ...(links.length === 1 && links[0] !== undefined ? { link: links[0].id } : {}),
      name: program?.name ?? "",
      heldBy: program?.holders ?? [],
      uid: program?.uid,
      runsPerSecond: Math.round((runs * 1000) / milliseconds),
      nanosecondsPerRun: runs === 0 ? 0 : Math.round(nanoseconds / runs),
    };
  });
  if (given.has("json") || given.get("format")?.startsWith("json") === true)
    for (const row of rows) out.text(`${JSON.stringify(row)}\n`);
  else if (rows.length === 0) messages.text("No programs stand at the interfaces of this network namespace.\n");
  else
    out.text(
      table(
        ["INTERFACE", "WHERE", "ORDER", "BY", "PROGRAM", "NAME", "LINK", "HELD BY", "RUNS/S", "NS/RUN"],
        rows.map((row) => [
          row.interface,
          row.where,
          String(row.order),
          row.priority === undefined ? row.by : `${row.by} ${row.priority}`,
          String(row.id),
          row.name,
          row.link === undefined ? "-" : String(row.link),
          row.heldBy.map(({ pid, name }) => `${name} (${pid})`).join(", ") || "-",
          String(row.runsPerSecond),
          String(row.nanosecondsPerRun),
        ]),
        new Set([2, 4, 6, 8, 9]),
      ),
    );
  out.flush();
  messages.flush();
  return 0;
}
