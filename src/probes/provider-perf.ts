// What perf_event_open(2) offers: `profile`, `interval`, `software`, `hardware`, `watchpoint`.

import { nearest } from "../source/index.ts";
import type { ProbeEnvironment } from "./environment.ts";
import { matchesPattern } from "./pattern.ts";
import { ProbeError, type Provider, wrongSyntax } from "./provider.ts";

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
/** linux/perf_event.h */
export const PERF_TYPE_HARDWARE = 0;
export const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_CPU_CLOCK = 0;

export function timer(name: "profile" | "interval", aliases: readonly string[], cpus: "each" | "first"): Provider {
  const provider: Provider = {
    name,
    aliases,
    servedBy: "perf_event · software clock",
    parts: 1,
    syntax: `${name}:hz:RATE, ${name}:s|ms|us:PERIOD or ${name}:PERIOD (10ms, 1s, or nanoseconds)`,
    ...(name === "interval" ? { anyProcess: true, seldom: true } : {}),
    names: ([unit]) =>
      ["hz", "ms", "s", "us"].filter((each) => matchesPattern(unit as string, each)).map((each) => `${name}:${each}:`),
    doc:
      cpus === "each"
        ? "A sample on every CPU at a steady rate: which code, which process is at work there. 99 times a second is usual, so as not to keep step with what goes by the tenth of a second."
        : "A timer on one CPU: to print what was gathered, or to end after a while.",
    example:
      cpus === "each"
        ? "profile:hz:99 { @[kstack] = count(); }"
        : "profile:hz:99 { @[comm] = count(); } interval:s:5 { print(@, 10); clear(@); }",
    since: "4.9",
    resolve(_point, parts, env) {
      let unit = parts.length === 2 ? (parts[0] as string) : "ns";
      let value = Number(parts.at(-1));
      const literal = /^(\d+)(ns|us|ms|s|m|h|d)$/.exec(parts.at(-1) as string);
      if (parts.length === 1 && literal !== null) {
        const scale = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86400e9 }[
          literal[2] as string
        ] as number;
        value = Number(literal[1]) * scale;
        unit = "ns";
      }
      if (parts.length < 1 || parts.length > 2) throw wrongSyntax(provider);
      if (unit !== "hz" && UNITS[unit] === undefined)
        throw new ProbeError("SCRY1106", `Invalid ${name} unit: ${unit}`, ["Valid units are hz, us, ms and s"]);
      if (!Number.isInteger(value) || value <= 0)
        throw new ProbeError("SCRY1107", `Invalid ${name} period: '${parts.at(-1)}'`, [
          `The form is ${provider.syntax}`,
        ]);
      const rate = unit === "hz" ? { frequency: value } : { period: value * (UNITS[unit] as number) };
      return [
        {
          provider: name,
          name: `${name}:${parts.join(":")}`,
          numberedArgs: 0,
          variants: [
            {
              programType: "perf_event",
              context: "perf",
              attach: {
                kind: "perf_event",
                type: PERF_TYPE_SOFTWARE,
                config: PERF_COUNT_SW_CPU_CLOCK,
                ...rate,
                cpus,
                ...(cpus === "first" ? {} : ofProcess(env)),
              },
              args: undefined,
            },
          ],
        },
      ];
    },
  };
  return provider;
}

/**
 * Of one process its own events are counted: a CPU's clock would hardly meet one that runs shortly after each of its
 * timers, and every 100th fault of all processes is seldom this one's.
 */
const ofProcess = ({ pid }: ProbeEnvironment): { readonly pid?: number } => (pid === undefined ? {} : { pid });

interface CountedEvent {
  readonly config: number;
  readonly alias?: string;
  readonly count: number;
}

/** enum perf_sw_ids, with bpftrace's default counts. */
export const SOFTWARE: Readonly<Record<string, CountedEvent>> = {
  "cpu-clock": { config: 0, alias: "cpu", count: 1_000_000 },
  "task-clock": { config: 1, count: 1 },
  "page-faults": { config: 2, alias: "faults", count: 100 },
  "context-switches": { config: 3, alias: "cs", count: 1000 },
  "cpu-migrations": { config: 4, count: 1 },
  "minor-faults": { config: 5, count: 100 },
  "major-faults": { config: 6, count: 1 },
  "alignment-faults": { config: 7, count: 1 },
  "emulation-faults": { config: 8, count: 1 },
  dummy: { config: 9, count: 1 },
  "bpf-output": { config: 10, count: 1 },
};

/** enum perf_hw_id, with bpftrace's default counts. */
export const HARDWARE: Readonly<Record<string, CountedEvent>> = {
  "cpu-cycles": { config: 0, alias: "cycles", count: 1_000_000 },
  instructions: { config: 1, count: 1_000_000 },
  "cache-references": { config: 2, count: 1_000_000 },
  "cache-misses": { config: 3, count: 1_000_000 },
  "branch-instructions": { config: 4, alias: "branches", count: 100_000 },
  "branch-misses": { config: 5, count: 100_000 },
  "bus-cycles": { config: 6, count: 100_000 },
  "frontend-stalls": { config: 7, count: 1_000_000 },
  "backend-stalls": { config: 8, count: 1_000_000 },
  "ref-cycles": { config: 9, count: 1_000_000 },
};

export function counter(
  name: "software" | "hardware",
  aliases: readonly string[],
  type: number,
  events: Readonly<Record<string, CountedEvent>>,
): Provider {
  const provider: Provider = {
    name,
    aliases,
    syntax: `${name}:EVENT[:COUNT]`,
    servedBy: "perf_event · software clock",
    parts: 1,
    ...(name === "hardware"
      ? {
          needs: {
            feature: "hardwareCounters",
            otherwise:
              "this machine has no hardware counters (virtual machines often have none); use software events or profile",
          },
        }
      : {}),
    names: ([event]) =>
      Object.entries(events)
        .flatMap(([each, { alias }]) => (alias === undefined ? [each] : [each, alias]))
        .sort()
        .filter((each) => matchesPattern(event as string, each))
        .map((each) => `${name}:${each}:`),
    doc: `Every COUNT-th ${name} event of perf_event_open(2), on every CPU: ${Object.keys(events).join(", ")}. Without COUNT it is the event's usual number.`,
    example:
      name === "software"
        ? "software:page-faults:100 { @[comm] = count(); }"
        : "hardware:cache-misses:1000000 { @[comm] = count(); }",
    since: "4.9",
    resolve(_point, parts, env) {
      if (parts.length < 1 || parts.length > 2) throw wrongSyntax(provider);
      const word = parts[0] as string;
      const event = events[word] ?? Object.values(events).find((e) => e.alias === word);
      if (event === undefined)
        throw new ProbeError("SCRY1108", `${word} is not a ${name} event`, nearest(word, Object.keys(events)));
      const period = parts[1] === undefined || parts[1] === "" ? event.count : Number(parts[1]);
      if (!Number.isInteger(period) || period <= 0)
        throw new ProbeError("SCRY1107", `Invalid ${name} count: '${parts[1]}'`);
      return [
        {
          provider: name,
          name: `${name}:${parts.join(":")}`,
          numberedArgs: 0,
          variants: [
            {
              programType: "perf_event",
              context: "perf",
              attach: { kind: "perf_event", type, config: event.config, period, cpus: "each", ...ofProcess(env) },
              args: undefined,
            },
          ],
        },
      ];
    },
  };
  return provider;
}

export const watchpoint: Provider = {
  name: "watchpoint",
  aliases: ["w"],
  servedBy: "perf_event · breakpoint",
  parts: 3,
  needs: {
    feature: "breakpoints",
    otherwise: "this machine's hardware breakpoints never fire (some virtual machines do not pass them on)",
  },
  syntax: "watchpoint:ADDRESS:LENGTH:MODE (LENGTH 1, 2, 4 or 8; MODE of r, w, x)",
  doc: "A hardware breakpoint: fires when LENGTH bytes at an address are read (r), written (w) or executed (x), in the process of -p or the kernel. x86-64 has four of them.",
  example: 'watchpoint:0x10000000:8:w { printf("%s writes\\n", comm); }',
  since: "4.13",
  resolve(_point, parts, env) {
    if (parts.length !== 3) throw wrongSyntax(watchpoint);
    const [address, length, mode] = parts as [string, string, string];
    if (!/^(?:0x[0-9a-fA-F]+|\d+)$/.test(address))
      throw new ProbeError("SCRY1109", `Invalid watchpoint address: '${address}'`, [
        `The form is ${watchpoint.syntax}`,
      ]);
    if (!["1", "2", "4", "8"].includes(length))
      throw new ProbeError("SCRY1109", `Invalid watchpoint length: '${length}'`, ["The length is 1, 2, 4 or 8"]);
    if (!/^[rwx]+$/.test(mode) || new Set(mode).size !== mode.length)
      throw new ProbeError("SCRY1109", `Invalid watchpoint mode: '${mode}'`, ["The mode is made of r, w and x"]);
    return [
      {
        provider: "watchpoint",
        name: `watchpoint:${parts.join(":")}`,
        numberedArgs: 0,
        variants: [
          {
            programType: "perf_event",
            context: "perf",
            attach: {
              kind: "watchpoint",
              address: BigInt(address),
              length: Number(length) as 1 | 2 | 4 | 8,
              mode,
              ...(env.pid === undefined ? {} : { pid: env.pid }),
            },
            args: undefined,
          },
        ],
      },
    ];
  },
};
