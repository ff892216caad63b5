// `struct perf_event_attr`, and the PMUs by which the kernel offers kprobes and uprobes (perf_event_open(2)).

import type { Kernel } from "./kernel.ts";
import { perfEventAttr } from "./layouts.ts";
import { PERF_FLAG_FD_CLOEXEC } from "./numbers.ts";
import { sizeOf } from "./struct.ts";
import { checked } from "./system-calls.ts";

export interface PerfEventAttribute {
  readonly type: number;
  readonly config: number | bigint;
  /** Events between samples; with `frequency`, samples per second. */
  readonly sample?: number;
  readonly frequency?: boolean;
  /** `PERF_SAMPLE_*`: what its records hold. */
  readonly sampleType?: number;
  /** Also in children and threads that the task starts later. */
  readonly inherit?: boolean;
  /** Only what happens outside the kernel, which needs no privilege where perf_event_paranoid is 2 or less. */
  readonly userOnly?: boolean;
  readonly breakpointType?: number;
  /** Or the address of a breakpoint; a string or buffer is passed by its address. */
  readonly config1?: number | bigint | string;
  /** Or the length of a breakpoint. */
  readonly config2?: number | bigint;
}

/** Bits of `perf_event_attr`: `inherit`, `exclude_kernel`, `freq`. */
const INHERIT = 1 << 1;
const EXCLUDE_KERNEL = 1 << 5;
const FREQUENCY = 1 << 10;

/** Opens one event. `pid` -1: every process (then `cpu` is one CPU); `cpu` -1: every CPU. Throws a SystemCallError. */
export function openPerfEvent(
  kernel: Kernel,
  event: PerfEventAttribute,
  pid: number,
  cpu: number,
  purpose: string,
): number {
  const attribute = kernel.struct(perfEventAttr, {
    type: event.type,
    size: sizeOf(perfEventAttr),
    config: event.config,
    sample_period: event.sample,
    sample_type: event.sampleType,
    bits: (event.inherit ? INHERIT : 0) | (event.userOnly ? EXCLUDE_KERNEL : 0) | (event.frequency ? FREQUENCY : 0),
    wakeup_events: 1,
    bp_type: event.breakpointType,
    config1: event.config1,
    config2: event.config2,
  });
  return checked(
    kernel.calls.perfEventOpen(attribute.bytes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC),
    "perf_event_open",
    purpose,
  );
}

export interface ProbeUnit {
  /** `perf_event_attr.type` */
  readonly type: number;
  /** The bit of `config` that asks for the return of the function. */
  readonly returnBit: bigint;
  /** How far the semaphore's file offset is shifted in `config`; undefined where the kernel cannot count it. */
  readonly semaphoreShift: bigint | undefined;
}

/** The PMU of kprobes or uprobes; undefined where the kernel was built without. Read once. */
export const probeUnit = (kernel: Kernel, name: "kprobe" | "uprobe"): ProbeUnit | undefined =>
  kernel.once(name === "kprobe" ? kprobeUnit : uprobeUnit);

const kprobeUnit = (kernel: Kernel): ProbeUnit | undefined =>
  readProbeUnit(kernel, "/sys/bus/event_source/devices/kprobe");
const uprobeUnit = (kernel: Kernel): ProbeUnit | undefined =>
  readProbeUnit(kernel, "/sys/bus/event_source/devices/uprobe");

function readProbeUnit(kernel: Kernel, folder: string): ProbeUnit | undefined {
  const read = (path: string): string | undefined => {
    try {
      return kernel.text(path);
    } catch {
      return undefined;
    }
  };
  const type = read(`${folder}/type`);
  if (type === undefined) return undefined;
  const bit = (file: string): bigint | undefined => {
    const digits = /config:(\d+)/.exec(read(`${folder}/format/${file}`) ?? "")?.[1];
    return digits === undefined ? undefined : BigInt(digits);
  };
  return { type: Number(type), returnBit: 1n << (bit("retprobe") ?? 0n), semaphoreShift: bit("ref_ctr_offset") };
}
