// Which CPUs there are. A per-CPU map has a value for every possible one; events are opened on the online ones.

import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";

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

const readPossible = (kernel: Kernel): readonly number[] =>
  parseCpuList(kernel.text("/sys/devices/system/cpu/possible"));
const readOnline = (kernel: Kernel): readonly number[] => parseCpuList(kernel.text("/sys/devices/system/cpu/online"));

/** Every CPU that this kernel may ever have; read once. */
export const possibleCpus = (kernel: Kernel = liveKernel()): readonly number[] => kernel.once(readPossible);

/** The CPUs that run now; read once. */
export const onlineCpus = (kernel: Kernel = liveKernel()): readonly number[] => kernel.once(readOnline);

/** The first of the CPUs that run now: where one is as good as another. */
export const firstCpu = (kernel: Kernel): number => onlineCpus(kernel)[0] ?? 0;
