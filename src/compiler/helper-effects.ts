// What the compiler knows of the kernel's helpers: their numbers, and what a call of one may change.

import { helperId } from "../object/index.ts";

/** Helpers whose answer cannot change within one run of a program (bpf-helpers(7)). */
const PURE: ReadonlySet<string> = new Set([
  "get_current_pid_tgid",
  "get_current_uid_gid",
  "get_current_task",
  "get_current_task_btf",
  "get_smp_processor_id",
  "get_numa_node_id",
  "get_current_cgroup_id",
  "get_attach_cookie",
  "get_func_ip",
]);

/** Helpers that only read the memory behind their arguments. */
const READERS: ReadonlySet<string> = new Set([
  "map_lookup_elem",
  "map_update_elem",
  "map_delete_elem",
  "map_push_elem",
  "perf_event_output",
  "ringbuf_output",
  "ringbuf_reserve",
  "ringbuf_submit",
  "ringbuf_discard",
  "ktime_get_ns",
  "ktime_get_boot_ns",
  "ktime_get_coarse_ns",
  "ktime_get_tai_ns",
  "jiffies64",
  "get_prandom_u32",
  "trace_printk",
  "send_signal",
  "get_stackid",
  "task_storage_get",
  "task_storage_delete",
  "strncmp",
  "map_lookup_percpu_elem",
  "probe_write_user",
  "signal",
  "override_return",
]);

/** True when a call may be left out because an earlier one answered already. */
export function isPureHelper(helper: string): boolean {
  return PURE.has(helper);
}

/** True when a call leaves the run's own memory (slots) as it was. */
export function keepsMemory(helper: string): boolean {
  return PURE.has(helper) || READERS.has(helper);
}

/** The helper's number in the kernel. Throws where there is none of that name. */
export function helperNumber(helper: string): number {
  const id = helperId(helper);
  if (id === undefined) throw new Error(`no helper is called '${helper}'`);
  return id;
}
