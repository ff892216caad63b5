// Which CPUs there are. A per-CPU map has a value for every possible one; events are opened on the online ones.

import { readFileSync } from "node:fs";

const known = new Map<string, readonly number[]>();

/** `0-3,8` → [0, 1, 2, 3, 8] (the kernel's cpulist format). */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const range of text.trim().split(",")) {
    if (range === "") continue;
    const [first, last] = range.split("-").map(Number) as [number, number | undefined];
    for (let cpu = first; cpu <= (last ?? first); cpu++) cpus.push(cpu);
  }
  return cpus;
}

function cpuList(name: string): readonly number[] {
  let list = known.get(name);
  if (list === undefined)
    known.set(name, (list = parseCpuList(readFileSync(`/sys/devices/system/cpu/${name}`, "latin1"))));
  return list;
}

/** Every CPU that this kernel may ever have; read once. */
export const possibleCpus = (): readonly number[] => cpuList("possible");

/** The CPUs that run now; read once. */
export const onlineCpus = (): readonly number[] => cpuList("online");
