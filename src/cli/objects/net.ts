// `scry net`

import {
  leaveXdp,
  listPrograms,
  type NetworkProgram,
  networkPrograms,
  UnsupportedError,
  type XdpSlot,
  xdpDispatcher,
} from "../../kernel/index.ts";
import { FormatError } from "../../source/index.ts";
import { warn } from "../messages.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { openStreams, type Streams } from "../streams.ts";
import { measure, table } from "./ps.ts";

/** A program at an interface; or one of several that share it, behind the dispatcher which calls them. */
interface Row extends Omit<NetworkProgram, "where" | "id"> {
  readonly where: NetworkProgram["where"] | "xdp slot";
  /** Undefined for a slot whose pin is not found. */
  readonly id?: number;
  /** Of a slot, from 0, and after which answers the next one is asked. */
  readonly slot?: number;
  readonly chainCall?: XdpSlot["chainCall"];
}

/** Each program, with those that share its place behind it. */
function rowsOf(programs: readonly NetworkProgram[], messages: Streams["messages"]): Row[] {
  return programs.flatMap((one): Row[] => [one, ...(one.where === "xdp" ? slotsOf(one, messages) : [])]);
}

function slotsOf({ interface: device, index, id, by }: NetworkProgram, messages: Streams["messages"]): Row[] {
  try {
    return (xdpDispatcher(id, index)?.slots ?? []).map(({ slot, program, priority, chainCall }) => ({
      interface: device,
      index,
      where: "xdp slot",
      by,
      order: slot + 1,
      ...(program === undefined ? {} : { id: program }),
      priority,
      slot,
      chainCall,
    }));
  } catch (error) {
    if (!(error instanceof FormatError) && !(error instanceof UnsupportedError)) throw error;
    warn(messages, `${device}: program ${id}: ${error.message}`);
    return [];
  }
}

/** `--leave ID`: takes a program away from those that share an interface. */
function leave(text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  if (id === undefined) throw new UsageError(`--leave takes the number of a program, not '${text}'`, []);
  for (const { where, id: dispatcher, index } of networkPrograms()) {
    if (where !== "xdp" || xdpDispatcher(dispatcher, index)?.slots.every(({ program }) => program !== id) !== false)
      continue;
    leaveXdp(id, index);
    return 0;
  }
  throw new UnsupportedError(`program ${id} shares no interface of this network namespace with others`);
}

/** Prints the programs at interfaces, in the order in which packets meet them, with what they did in a second. */
export async function printNetwork({ given }: CommandLine): Promise<number> {
  const leaving = given.get("leave");
  if (leaving !== undefined) return leave(leaving);
  const { out, messages } = openStreams(given);
  const { before, after, milliseconds } = await measure();
  const known = new Map(listPrograms().map((program) => [program.id, program]));
  const rows = rowsOf(networkPrograms(), messages).map((one) => {
    const program = one.id === undefined ? undefined : known.get(one.id);
    const [was, is] = one.id === undefined ? [] : [before.get(one.id), after.get(one.id)];
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
          how(row),
          String(row.id ?? "-"),
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

/** How it stands there: a slot by its priority, and what is done behind it. */
function how({ by, priority, chainCall }: Row): string {
  if (chainCall !== undefined)
    return `priority ${priority}, ${chainCall.length === 0 ? "the last" : `on at ${chainCall.join(", ")}`}`;
  return priority === undefined ? by : `${by} ${priority}`;
}
