// What the system allows before any program is loaded: its kernel, the user, the container, mounted file systems.

import { arch } from "node:os";
import { heldCapabilities } from "./capabilities.ts";
import type { Finding } from "./finding.ts";
import type { Kernel } from "./kernel.ts";
import { kernelBtf } from "./kernel-types.ts";
import { tracefs } from "./tracefs.ts";

function read(kernel: Kernel, path: string): string | undefined {
  try {
    return kernel.text(path).trim();
  } catch {
    return undefined;
  }
}

/** Finds out what the kernel, the user, the container and the mounted file systems allow. */
export function systemFindings(kernel: Kernel): Finding[] {
  const findings: Finding[] = [];
  const add = (name: string, works: boolean, detail: string, remedy?: string): void => {
    findings.push({ name, works, detail, ...(works || remedy === undefined ? {} : { remedy }) });
  };
  add("kernel", true, `Linux ${kernel.calls.kernelRelease()}, ${arch()}`);

  const held = heldCapabilities(read(kernel, "/proc/self/status") ?? "");
  const lacking = (["CAP_BPF", "CAP_PERFMON"] as const).filter((name) => !held.has(name));
  add(
    "user",
    lacking.length === 0,
    `uid ${process.getuid?.() ?? "?"}; ${held.size === 0 ? "none of the capabilities for BPF" : [...held].join(", ")}`,
    `run as root (sudo), or give ${lacking.join(" and ")}, CAP_DAC_READ_SEARCH to read tracefs, and CAP_NET_ADMIN for networks`,
  );
  const inContainer = containerOf(kernel);
  const host =
    (read(kernel, "/proc/self/uid_map") ?? "0 0 4294967295").split(/\s+/).filter(Boolean)[2] === "4294967295";
  add(
    "container",
    host,
    `${inContainer ?? "none"}${host ? "" : "; in a user namespace, where BPF needs the host's root"}`,
    "run it on the host, or with --privileged --pid=host",
  );
  const lockdown = /\[(\w+)\]/.exec(read(kernel, "/sys/kernel/security/lockdown") ?? "")?.[1] ?? "none";
  add(
    "lockdown",
    lockdown !== "confidentiality",
    lockdown,
    "confidentiality keeps programs from reading the kernel: boot without it",
  );
  const paranoid = read(kernel, "/proc/sys/kernel/perf_event_paranoid");
  add("kernel.perf_event_paranoid", true, paranoid ?? "absent");
  const hidden = read(kernel, "/proc/sys/kernel/kptr_restrict");
  add(
    "kernel.kptr_restrict",
    hidden !== "2",
    hidden ?? "absent",
    "2 hides the addresses of symbols from everybody: sysctl kernel.kptr_restrict=1",
  );
  const jit = read(kernel, "/proc/sys/net/core/bpf_jit_enable");
  add("JIT compiler", jit !== "0", jit === undefined ? "always on" : jit, "sysctl net.core.bpf_jit_enable=1");
  let types: number | undefined;
  try {
    types = kernelBtf(kernel).count;
  } catch {
    // There is none.
  }
  add(
    "BTF",
    types !== undefined,
    types === undefined ? "the kernel has no types of its own (/sys/kernel/btf/vmlinux)" : `${types} types`,
    "CONFIG_DEBUG_INFO_BTF; without it no types, no fentry, no BTF tracepoints",
  );
  let traces: string | undefined;
  let why = "not mounted";
  try {
    traces = tracefs(kernel);
  } catch (error) {
    // Not mounted, and we may not; or mounted, and closed to us.
    why = (error as Error).message;
  }
  add("tracefs", traces !== undefined, traces ?? why, "mount -t tracefs none /sys/kernel/tracing, once, as root");
  add(
    "bpffs",
    mounted(kernel, "/sys/fs/bpf", "bpf"),
    mounted(kernel, "/sys/fs/bpf", "bpf") ? "/sys/fs/bpf" : "not mounted",
    "mount -t bpf none /sys/fs/bpf (for pinning only)",
  );
  const groups = /^\S+ (\S+) cgroup2 /m.exec(read(kernel, "/proc/mounts") ?? "")?.[1];
  add(
    "cgroup2",
    groups !== undefined,
    groups ?? "not mounted",
    "mount -t cgroup2 none /sys/fs/cgroup (for cgroup programs)",
  );
  return findings;
}

function containerOf(kernel: Kernel): string | undefined {
  if (kernel.files.exists("/.dockerenv")) return "docker";
  if (kernel.files.exists("/run/.containerenv")) return "podman";
  const environment = read(kernel, "/proc/1/environ") ?? "";
  const named = /(?:^|\0)container=([^\0]*)/.exec(environment)?.[1];
  if (named !== undefined) return named;
  const group = read(kernel, "/proc/1/cgroup") ?? "";
  return /kubepods|docker|lxc|containerd/.exec(group)?.[0];
}

function mounted(kernel: Kernel, path: string, type: string): boolean {
  return (
    kernel.files.exists(path) && new RegExp(`^\\S+ ${path} ${type} `, "m").test(read(kernel, "/proc/mounts") ?? "")
  );
}
