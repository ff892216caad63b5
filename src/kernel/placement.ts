// How a program with several places is best loaded: by one link for all of them, where the kernel has such links.

import type { ProgramSpec } from "../object/index.ts";
import { hasFeature } from "./features.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";

/**
 * Which link could hold all places of a program at once (`LoadOptions.multi`); undefined where they are attached one by
 * one. Functions of programs always take the link where there is one, because it closes four times as fast as a perf
 * event. A single function of the kernel does not: a perf event shows its program all registers, a link those of
 * arguments (Linux 6.14); and the link reaches entries only.
 */
export function multiLink(spec: ProgramSpec, kernel: Kernel = liveKernel()): "uprobe" | "kprobe" | undefined {
  if (spec.type !== "kprobe" || spec.attach.length === 0) return undefined;
  if (spec.attach.every((t) => t.kind === "uprobe")) return hasFeature("uprobeMulti", kernel) ? "uprobe" : undefined;
  if (spec.attach.length < 2 || !spec.attach.every((t) => t.kind === "kprobe" && t.offset === 0)) return undefined;
  return hasFeature("kprobeMulti", kernel) ? "kprobe" : undefined;
}
