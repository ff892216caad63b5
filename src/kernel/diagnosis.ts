// What this kernel, this user and this container allow: every answer from a trial, none from a version number.

import { MAP_TYPES, type MapType } from "../object/index.ts";
import { obstacle, type Provider, providers } from "../probes/index.ts";
import { type Feature, featureNames, hasFeature, hasMap } from "./features.ts";
import type { Finding } from "./finding.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { programFindings } from "./program-trials.ts";
import { systemFindings } from "./system-findings.ts";

export interface Diagnosis {
  /** The kernel, the user, the container. */
  readonly system: readonly Finding[];
  /** Probe types of the trace language. */
  readonly probes: readonly Finding[];
  /** Pairs of program type and attach type. */
  readonly programs: readonly Finding[];
  readonly maps: readonly Finding[];
  readonly features: readonly Finding[];
}

/** Finds out everything. Takes some tens of milliseconds; what it attaches is gone when it returns. */
export async function diagnose(kernel: Kernel = liveKernel()): Promise<Diagnosis> {
  const closing: number[] = [];
  const programs = programFindings(kernel, closing);
  const diagnosis: Diagnosis = {
    system: systemFindings(kernel),
    probes: probes(kernel, programs),
    programs,
    maps: (Object.keys(MAP_TYPES) as MapType[])
      .filter((type) => MAP_TYPES[type].smallest !== undefined)
      .map((type) => tryMap(kernel, type)),
    features: featureNames().map((name) => ({ name, works: hasFeature(name, kernel), detail: FEATURES[name] })),
  };
  await kernel.calls.closeAll(closing, 4);
  return diagnosis;
}

/** What each kind of probe rests on; those that rest on the same stand together. */
function probes(kernel: Kernel, programs: readonly Finding[]): Finding[] {
  const groups = new Map<string, Provider[]>();
  for (const provider of providers) {
    const key = `${provider.servedBy} ${provider.needs?.feature ?? ""}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [provider]);
    else group.push(provider);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [Provider, ...Provider[]];
    const found = programs.find((p) => p.name === first.servedBy) as Finding;
    const why = found.works ? obstacle(first, { attaches: (feature) => hasFeature(feature, kernel) }) : undefined;
    const works = found.works && why === undefined;
    const remedy = first.needs?.otherwise ?? found.remedy;
    return {
      name: group.map((p) => p.name).join(", "),
      works,
      detail: works ? `by ${first.servedBy}` : why === undefined ? `${first.servedBy}: ${found.detail}` : "not here",
      ...(works || remedy === undefined ? {} : { remedy }),
    };
  });
}

function tryMap(kernel: Kernel, type: MapType): Finding {
  const works = hasMap(type, kernel);
  return { name: type, works, detail: works ? "can be made" : "cannot be made" };
}

/** What each is for. */
const FEATURES: Readonly<Record<Feature, string>> = {
  tracingPrograms: "programs of tracing at all",
  longKeys: "keys of more than 512 bytes, as long strings make them",
  runtimeAllocation: "maps whose entries are allocated when they are written, from every kind of program",
  kprobe: "functions of the kernel by perf events",
  kprobeMulti: "many kernel functions by one link",
  kprobeSession: "entry and return of functions by one program",
  uprobe: "functions of programs by perf events",
  uprobeMulti: "many functions of programs by one link",
  fentry: "kernel functions by trampolines, with typed arguments",
  fentryCookie: "cookies of trampolines",
  rawTracepointCookie: "cookies of raw tracepoints",
  perfEventCookie: "cookies of perf events",
  hardwareCounters: "cycles, instructions and their like",
  breakpoints: "watchpoints: that writing to a watched address is seen",
  isa4: "instructions of version 4: sign extension, signed division, byte swaps",
  atomicFetch: "atomic operations that answer the old value",
  mayGoto: "while loops",
  callbacks: "walks over maps",
  ringBuffer: "ring buffers: everything that is printed goes through one",
  btf: "types of the kernel",
};
