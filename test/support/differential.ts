// Runs one script under scry and under the peer, and compares what they print.

import {
  hasSdt,
  type Load,
  loadProgram,
  NOTIFY,
  type Running,
  type RunSettings,
  startPeer,
  startScry,
  traceLoad,
} from "./commands.ts";
import type { DifferentialCase } from "./differential-cases.ts";

export interface Comparison {
  readonly ours: string;
  readonly theirs: string;
  readonly ourErrors: string;
  readonly theirErrors: string;
}

export const runnable = (c: DifferentialCase): boolean => hasSdt || !c.script.includes("usdt:");

export async function compare(c: DifferentialCase, format: "text" | "json"): Promise<Comparison> {
  const script = c.script.replaceAll("LOAD", loadProgram());
  const settings: RunSettings = { env: { ...c.env, ...(c.load === undefined ? {} : { [NOTIFY]: "1" }) } };
  const words = (load?: Load): string[] => [
    ...(format === "json" ? ["-f", "json"] : []),
    ...(c.options ?? []).map((o) => (o === "PID" ? String(load?.pid) : o)),
    "-e",
    script,
    ...((c.params?.length ?? 0) > 0 || load !== undefined ? ["--"] : []),
    ...(load === undefined ? [] : [String(load.pid), load.address]),
    ...(c.params ?? []),
  ];
  const pair =
    c.load === undefined
      ? await Promise.all([startScry(words(), settings), startPeer(words(), settings)].map((r: Running) => r.done))
      : await traceLoad(
          c.load,
          [(load) => startScry(words(load), settings), (load) => startPeer(words(load), settings)],
          c.peer !== undefined,
        );
  const [ours, theirs] = pair as [(typeof pair)[number], (typeof pair)[number]];
  const normal = (text: string): string =>
    plain(format === "json" ? text.replace(/^\{"type": "(?:attached_probes|lost_events)".*\n/gm, "") : text, c);
  return {
    ours: `${normal(ours.stdout)}status ${ours.status}\n`,
    theirs: `${normal(theirs.stdout)}status ${theirs.status}\n`,
    ourErrors: ours.stderr,
    theirErrors: theirs.stderr,
  };
}

const plain = (text: string, c: DifferentialCase): string =>
  sortEqual(c.normalise === undefined ? text : c.normalise(text));

/** Entries of a map with the same value come in the order of the kernel's hash, which has a seed of its own each time. */
function sortEqual(text: string): string {
  const lines = text.split("\n");
  const group = (line: string): string | undefined => {
    const match = /^(@\w*)\[.*\]: (.*)$/.exec(line);
    return match === null ? undefined : `${match[1]} ${match[2]}`;
  };
  for (let i = 0; i < lines.length; ) {
    const name = group(lines[i] as string);
    let end = i + 1;
    if (name !== undefined) while (end < lines.length && group(lines[end] as string) === name) end++;
    lines.splice(i, end - i, ...lines.slice(i, end).sort());
    i = end;
  }
  return lines.map((line) => (line.startsWith('{"type": "map"') ? sortEqualMembers(line) : line)).join("\n");
}

/** The same for the members of a map in JSON. */
function sortEqualMembers(line: string): string {
  const match = /^(\{"type": "map", "data": \{"@\w*": \{)(.*)(\}\}\})$/.exec(line);
  if (match === null) return line;
  const members =
    (match[2] as string).match(/"(?:[^"\\]|\\.)*": (?:"(?:[^"\\]|\\.)*"|[^,{["]+|\{[^}]*\}|\[[^\]]*\])(?:, )?/g) ?? [];
  const parts = members.map((m) => m.replace(/, $/, ""));
  const value = (m: string): string => m.slice(m.indexOf('": ') + 3);
  for (let i = 0; i < parts.length; ) {
    let end = i + 1;
    while (end < parts.length && value(parts[end] as string) === value(parts[i] as string)) end++;
    parts.splice(i, end - i, ...parts.slice(i, end).sort());
    i = end;
  }
  return parts.join(", ").length === (match[2] as string).length ? `${match[1]}${parts.join(", ")}${match[3]}` : line;
}
