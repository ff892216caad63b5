// Runs one script under scry and under the peer, and compares what they print.

import { hasSdt, type Load, loadProgram, NOTIFY, type RunSettings, Running, startPeer, startScry, traceLoad } from "./commands.ts";
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
    "-e", script,
    ...((c.params?.length ?? 0) > 0 || load !== undefined ? ["--"] : []),
    ...(load === undefined ? [] : [String(load.pid), load.address]),
    ...(c.params ?? []),
  ];
  const pair =
    c.load === undefined
      ? await Promise.all([startScry(words(), settings), startPeer(words(), settings)].map((r: Running) => r.done))
      : await traceLoad(c.load, [(load) => startScry(words(load), settings), (load) => startPeer(words(load), settings)]);
  const [ours, theirs] = pair as [(typeof pair)[number], (typeof pair)[number]];
  const normal = (text: string): string => plain(format === "json" ? text.replace(/^\{"type": "(?:attached_probes|lost_events)".*\n/gm, "") : text, c);
  return { ours: `${normal(ours.stdout)}status ${ours.status}\n`, theirs: `${normal(theirs.stdout)}status ${theirs.status}\n`, ourErrors: ours.stderr, theirErrors: theirs.stderr };
}

const plain = (text: string, c: DifferentialCase): string => (c.normalise === undefined ? text : c.normalise(text));
