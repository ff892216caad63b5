// `struct perf_event_attr`, and the PMUs by which the kernel offers kprobes and uprobes (perf_event_open(2)).

import { readFileSync } from "node:fs";
import { Struct } from "./attributes.ts";
import { PERF_ATTRIBUTE_SIZE, PERF_FLAG_FD_CLOEXEC } from "./numbers.ts";
import { checked, systemCalls } from "./system-calls.ts";

export interface PerfEventAttribute {
  readonly type: number;
  readonly config: number | bigint;
  /** Events between samples; with `frequency`, samples per second. */
  readonly sample?: number;
  readonly frequency?: boolean;
  /** Also in children and threads that the task starts later. */
  readonly inherit?: boolean;
  readonly breakpointType?: number;
  /** Or the address of a breakpoint; a string or buffer is passed by its address. */
  readonly config1?: number | bigint | string;
  /** Or the length of a breakpoint. */
  readonly config2?: number | bigint;
}

const INHERIT = 1 << 1;
const FREQUENCY = 1 << 10;

/** Opens one event. `pid` -1: every process (then `cpu` is one CPU); `cpu` -1: every CPU. Throws a SystemCallError. */
export function openPerfEvent(event: PerfEventAttribute, pid: number, cpu: number, purpose: string): number {
  const attribute = new Struct(PERF_ATTRIBUTE_SIZE)
    .u32(0, event.type)
    .u32(4, PERF_ATTRIBUTE_SIZE)
    .u64(8, event.config)
    .u64(16, event.sample ?? 0)
    .u64(40, (event.inherit ? INHERIT : 0) | (event.frequency ? FREQUENCY : 0))
    .u32(48, 1)
    .u32(52, event.breakpointType ?? 0);
  if (typeof event.config1 === "string") attribute.pointer(56, event.config1);
  else attribute.u64(56, event.config1 ?? 0);
  attribute.u64(64, event.config2 ?? 0);
  return checked(
    systemCalls().perfEventOpen(attribute.bytes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC),
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

const units = new Map<string, ProbeUnit | undefined>();

/** The PMU of kprobes or uprobes; undefined where the kernel was built without. Read once. */
export function probeUnit(name: "kprobe" | "uprobe"): ProbeUnit | undefined {
  if (!units.has(name)) units.set(name, readProbeUnit(`/sys/bus/event_source/devices/${name}`));
  return units.get(name);
}

function readProbeUnit(folder: string): ProbeUnit | undefined {
  const type = read(`${folder}/type`);
  if (type === undefined) return undefined;
  const bit = (file: string): bigint | undefined => {
    const digits = /config:(\d+)/.exec(read(`${folder}/format/${file}`) ?? "")?.[1];
    return digits === undefined ? undefined : BigInt(digits);
  };
  return { type: Number(type), returnBit: 1n << (bit("retprobe") ?? 0n), semaphoreShift: bit("ref_ctr_offset") };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
