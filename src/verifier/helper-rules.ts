// What the helper table does not say: which maps a helper takes, which programs may call it, which helpers hold on to
// the packet, how much memory those touch that know the size themselves. Source: check_map_func_compatibility and the
// *_func_proto functions of kernel/bpf, kernel/trace and net/core.

import type { MapType, ProgramType } from "../object/index.ts";

const HASHES: readonly MapType[] = ["hash", "percpu_hash", "lru_hash", "lru_percpu_hash"];
const ARRAYS: readonly MapType[] = ["array", "percpu_array"];
const PLAIN: readonly MapType[] = [...HASHES, ...ARRAYS, "lpm_trie"];
const RINGS: readonly MapType[] = ["ringbuf"];
const QUEUES: readonly MapType[] = ["queue", "stack"];
const EVENTS: readonly MapType[] = ["perf_event_array"];

const MAPS: { readonly [helper: string]: readonly MapType[] } = {
  map_lookup_elem: [
    ...PLAIN,
    "array_of_maps",
    "hash_of_maps",
    "xskmap",
    "sockmap",
    "sockhash",
    "devmap",
    "devmap_hash",
    "cpumap",
  ],
  map_update_elem: [...PLAIN, "sockmap", "sockhash"],
  map_delete_elem: [...PLAIN, "sockmap", "sockhash"],
  map_lookup_percpu_elem: ["percpu_array", "percpu_hash", "lru_percpu_hash"],
  for_each_map_elem: [...HASHES, ...ARRAYS],
  map_push_elem: [...QUEUES, "bloom_filter"],
  map_pop_elem: QUEUES,
  map_peek_elem: [...QUEUES, "bloom_filter"],
  tail_call: ["prog_array"],
  ringbuf_output: RINGS,
  ringbuf_reserve: RINGS,
  ringbuf_query: RINGS,
  ringbuf_reserve_dynptr: RINGS,
  user_ringbuf_drain: ["user_ringbuf"],
  perf_event_read: EVENTS,
  perf_event_read_value: EVENTS,
  perf_event_output: EVENTS,
  skb_output: EVENTS,
  xdp_output: EVENTS,
  get_stackid: ["stack_trace"],
  skb_under_cgroup: ["cgroup_array"],
  current_task_under_cgroup: ["cgroup_array"],
  redirect_map: ["devmap", "devmap_hash", "cpumap", "xskmap"],
  sk_redirect_map: ["sockmap"],
  msg_redirect_map: ["sockmap"],
  sk_storage_get: ["sk_storage"],
  sk_storage_delete: ["sk_storage"],
  inode_storage_get: ["inode_storage"],
  inode_storage_delete: ["inode_storage"],
  task_storage_get: ["task_storage"],
  task_storage_delete: ["task_storage"],
  cgrp_storage_get: ["cgrp_storage"],
  cgrp_storage_delete: ["cgrp_storage"],
  get_local_storage: ["cgroup_storage", "percpu_cgroup_storage"],
  timer_init: [...HASHES, "array"],
};

/** The kinds of map that a helper takes; undefined: any. */
export const mapsOf = (name: string): readonly MapType[] | undefined => MAPS[name];

const TRACING: ReadonlySet<ProgramType> = new Set<ProgramType>([
  "kprobe",
  "tracepoint",
  "raw_tracepoint",
  "raw_tracepoint_writable",
  "perf_event",
  "tracing",
  "lsm",
]);
const SKB: ReadonlySet<ProgramType> = new Set<ProgramType>([
  "sched_cls",
  "sched_act",
  "lwt_in",
  "lwt_out",
  "lwt_xmit",
  "lwt_seg6local",
  "sk_skb",
]);
const CLASSIFIERS: ReadonlySet<ProgramType> = new Set<ProgramType>(["sched_cls", "sched_act"]);

/** Only for programs that trace. */
const TRACING_ONLY =
  /^(probe_read|probe_read_str|probe_write_user|perf_event_read(_value)?|current_task_under_cgroup|get_stackid|get_stack|get_task_stack|override_return|send_signal(_thread)?|get_func_ip|get_attach_cookie|copy_from_user(_task)?|get_branch_snapshot|find_vma|perf_prog_read_value|read_branch_records|get_func_arg|get_func_ret|get_func_arg_cnt)$/;

/** May a program of this type call this helper? Lenient where the kernel's lists differ in little things. */
export function allowed(name: string, type: ProgramType): boolean {
  if (TRACING_ONLY.test(name)) return TRACING.has(type);
  if (/^xdp_/.test(name) && name !== "xdp_output") return type === "xdp";
  if (name === "redirect") return type === "xdp" || SKB.has(type);
  if (name === "redirect_map") return type === "xdp";
  if (/^skb_load_bytes/.test(name))
    return SKB.has(type) || type === "socket_filter" || type === "cgroup_skb" || type === "flow_dissector";
  if (
    /^(skb_(store|vlan|change|adjust|set|get_tunnel|get_xfrm|ecn)|clone_redirect|l[34]_csum_replace|csum_(update|level)|set_hash|redirect_(peer|neigh))/.test(
      name,
    )
  ) {
    return SKB.has(type);
  }
  if (name === "skb_pull_data") return SKB.has(type);
  if (name === "csum_diff") return SKB.has(type) || type === "xdp";
  if (name === "fib_lookup" || name === "check_mtu") return CLASSIFIERS.has(type) || type === "xdp";
  if (/^sk_lookup_/.test(name) || name === "skc_lookup_tcp") return !TRACING.has(type) && type !== "socket_filter";
  if (name === "perf_event_output")
    return TRACING.has(type) || SKB.has(type) || type === "xdp" || type === "socket_filter" || type === "cgroup_skb";
  return true;
}

const GPL =
  /^(probe_.*|trace_v?printk|perf_event_(read|read_value|output)|get_stackid|get_stack|get_task_stack|current_task_under_cgroup|get_current_task(_btf)?|task_pt_regs|override_return|send_signal.*|snprintf_btf|skb_output|xdp_output|d_path|seq_.*|get_func_ip|get_attach_cookie|find_vma|task_storage_.*|ima_.*|perf_prog_read_value|read_branch_records|get_branch_snapshot|per_cpu_ptr|this_cpu_ptr)$/;

/** Is it only for programs under a licence that the kernel takes for GPL-compatible? */
export const needsGpl = (name: string): boolean => GPL.test(name) && name !== "per_cpu_ptr" && name !== "this_cpu_ptr";

const GPL_LICENSES: readonly string[] = [
  "GPL",
  "GPL v2",
  "GPL and additional rights",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
];
export const isGpl = (license: string): boolean => GPL_LICENSES.includes(license);

/** After these, pointers into the packet are void (bpf_helper_changes_pkt_data). */
export const changesPacket = (name: string): boolean =>
  /^(clone_redirect|l[34]_csum_replace|lwt_.*|msg_(push|pop|pull)_data|skb_(adjust_room|change_.*|pull_data|store_bytes|vlan_.*|set_tstamp)|xdp_adjust_.*|store_hdr_opt|sk_skb_.*)$/.test(
    name,
  ) &&
  name !== "skb_set_tstamp" &&
  name !== "skb_change_type";

/** These take a piece of the packet as memory (`pkt_access`). */
export const takesPacket = (name: string): boolean =>
  /^(map_(lookup|update|delete|push|pop|peek)_elem|map_lookup_percpu_elem|csum_diff|tcp_(raw_)?(gen|check)_syncookie.*|sk_lookup_.*|skc_lookup_tcp|xdp_store_bytes|lwt_push_encap)$/.test(
    name,
  ) && !/^xdp_store_bytes$/.test(name);

/** Bytes of memory that a helper knows itself, by its argument, 1 the first. */
export function fixedSize(name: string, argument: number): number {
  if (name === "check_mtu") return 4;
  if (name === "tcp_raw_gen_syncookie_ipv4" || name === "tcp_raw_check_syncookie_ipv4") return 20;
  if (name === "tcp_raw_gen_syncookie_ipv6" || name === "tcp_raw_check_syncookie_ipv6") return argument === 1 ? 40 : 20;
  return 8;
}

/** Their result is at most their size argument, or an error (do_refine_retval_range). */
export const returnsSize = (name: string): boolean =>
  /^(get_stack|get_task_stack|probe_read_(kernel_|user_)?str)$/.test(name);
