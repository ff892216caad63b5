// `--no-feature`: what scry is to do without, as bpftrace calls it.

import { doWithout, type Feature } from "../kernel/index.ts";
import { type CommandLine, UsageError } from "./options.ts";

const FEATURES: Readonly<Record<string, Feature>> = {
  kprobe_multi: "kprobeMulti",
  kprobe_session: "kprobeSession",
  uprobe_multi: "uprobeMulti",
};

/** Throws UsageError for a name that there is not. */
export function leaveFeaturesOut(line: CommandLine): void {
  const text = line.given.get("no-feature");
  for (const name of text?.split(",") ?? []) {
    const feature = Object.hasOwn(FEATURES, name) ? FEATURES[name] : undefined;
    if (feature === undefined)
      throw new UsageError(`--no-feature can only have values '${Object.keys(FEATURES).join(",")}'.`);
    doWithout(feature);
  }
}
