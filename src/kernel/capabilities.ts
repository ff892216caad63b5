// Which capabilities this process has (capabilities(7)), and which a refused system call would have needed.

import { readFileSync } from "node:fs";

export type Capability =
  | "CAP_DAC_READ_SEARCH"
  | "CAP_NET_ADMIN"
  | "CAP_SYS_PTRACE"
  | "CAP_SYS_ADMIN"
  | "CAP_SYSLOG"
  | "CAP_PERFMON"
  | "CAP_BPF";

/** linux/capability.h; those that tracing and networks ask for. */
const BITS: Readonly<Record<Capability, bigint>> = {
  CAP_DAC_READ_SEARCH: 2n,
  CAP_NET_ADMIN: 12n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
  CAP_SYSLOG: 34n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
};

export const capabilityNames: readonly Capability[] = Object.keys(BITS) as readonly Capability[];

/** The process's own, from the text of its /proc/PID/status. CAP_SYS_ADMIN holds CAP_BPF and CAP_PERFMON. */
export function heldCapabilities(status: string = ownStatus()): ReadonlySet<Capability> {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const held = new Set(capabilityNames.filter((name) => ((effective >> BITS[name]) & 1n) === 1n));
  if (held.has("CAP_SYS_ADMIN")) held.add("CAP_BPF").add("CAP_PERFMON");
  return held;
}

function ownStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}

/** What each call asks for, where it does: bpf(2) and perf_event_open(2) since Linux 5.8, mount(2), path_resolution(7). */
const NEEDS: Readonly<Record<string, readonly Capability[]>> = {
  bpf: ["CAP_BPF", "CAP_PERFMON"],
  perf_event_open: ["CAP_PERFMON"],
  mount: ["CAP_SYS_ADMIN"],
  // What /proc shows of another's process.
  ptrace: ["CAP_SYS_PTRACE"],
  open: ["CAP_DAC_READ_SEARCH"],
};

/** Why a call was not permitted, and what helps; `held` is what the process has. */
export function refusal(call: string, held: ReadonlySet<Capability> = heldCapabilities()): string {
  const needs = NEEDS[call] ?? NEEDS["bpf"] ?? [];
  const missing = needs.filter((name) => !held.has(name));
  if (missing.length > 0)
    return `not permitted: this process lacks ${missing.join(" and ")}; run as root, or give it ${missing.length === 1 ? "that" : "those"}`;
  return `not permitted, though this process has ${needs.join(" and ")}: a container, a user namespace, a security module or lockdown is in the way (see scry doctor)`;
}
