// The providers of probes: one entry each, with its aliases, its syntax and how its attach points become probes.

import { nearest } from "../source/index.ts";
import type { ProbeEnvironment, System } from "./environment.ts";
import type { AttachPoint, ResolvedProbe } from "./probes.ts";
import { ProbeError, type Provider } from "./provider.ts";
import { kernelFunction } from "./provider-kernel.ts";
import {
  counter,
  HARDWARE,
  PERF_TYPE_HARDWARE,
  PERF_TYPE_SOFTWARE,
  SOFTWARE,
  timer,
  watchpoint,
} from "./provider-perf.ts";
import { iter, onRequest, self, special } from "./provider-special.ts";
import { rawtracepoint, tracepoint } from "./provider-tracepoint.ts";
import { usdt, userFunction } from "./provider-user.ts";

export const providers: readonly Provider[] = [
  special("begin"),
  special("end"),
  tracepoint,
  rawtracepoint,
  kernelFunction("kprobe", ["k"], false, false),
  kernelFunction("kretprobe", ["kr"], true, false),
  kernelFunction("fentry", ["f", "kfunc"], false, true),
  kernelFunction("fexit", ["fr", "kretfunc"], true, true),
  userFunction("uprobe", ["u"], false),
  userFunction("uretprobe", ["ur"], true),
  usdt,
  timer("profile", ["p"], "each"),
  timer("interval", ["i"], "first"),
  counter("software", ["s"], PERF_TYPE_SOFTWARE, SOFTWARE),
  counter("hardware", ["h"], PERF_TYPE_HARDWARE, HARDWARE),
  watchpoint,
  iter,
  self,
  onRequest("test", [], {
    doc: "A test of the script, run by scry --test on the embedded machine, after the events of --events where there are some. It fails when it returns another value than 0, or an assert() does.",
    example: 'test:sums { @ = 1; @ += 2; assert(@ == 3, "1 and 2"); }',
    given: "--test",
  }),
  onRequest("bench", ["benchmark"], {
    doc: "Code whose cost in the kernel scry --bench measures: it is run again and again, and the time of one run is told.",
    example: "bench:count { @[pid] = count(); }",
    given: "--bench",
  }),
];

/** The provider that the first word of an attach point names. */
export function providerOf(word: string): Provider | undefined {
  return providers.find((p) => p.aliases.includes(word) || p.name === word.toLowerCase());
}

/** The probes that an attach point stands for; throws ProbeError. */
export function resolveAttachPoint(point: AttachPoint, env: ProbeEnvironment): ResolvedProbe[] {
  const word = point.parts[0] as string;
  const provider = providerOf(word);
  if (provider === undefined) {
    const names = providers.map((p) => p.name);
    throw new ProbeError("SCRY1100", `Invalid probe type: ${word}`, nearest(word, names));
  }
  return provider.resolve(point, point.parts.slice(1), env);
}

/** Why probes of a kind cannot attach on this system; undefined where they can. */
export function obstacle(provider: Provider, system: Pick<System, "attaches">): string | undefined {
  const { needs } = provider;
  return needs === undefined || system.attaches?.(needs.feature) !== false ? undefined : needs.otherwise;
}

/** All probes that an attach point's text stands for, for listing. */
export function listProbes(text: string, env: ProbeEnvironment): ResolvedProbe[] {
  const parts = text.split(":");
  return resolveAttachPoint({ text, parts, span: { start: 0, end: text.length } }, env);
}
