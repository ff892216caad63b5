// The kernel's helper functions: number, name, what they take and what they give.
//
// Numbers and names: include/uapi/linux/bpf.h, ___BPF_FUNC_MAPPER, which is closed: new functions are kfuncs. Prototypes:
// the `struct bpf_func_proto` of each, in kernel/bpf/helpers.c, kernel/trace/bpf_trace.c and net/core/filter.c.

/** What an argument must be, after `enum bpf_arg_type`. */
export type HelperArgument =
  | "map"
  /** Memory of the map's key size. */
  | "key"
  /** Memory of the map's value size, that is read. */
  | "value"
  | "value-or-null"
  /** Memory of the map's value size, that is written. */
  | "value-output"
  /** Memory that is read; its size is the next argument. */
  | "memory"
  | "memory-or-null"
  /** Memory that is written and need not be initialised; its size is the next argument. */
  | "output"
  | "output-or-null"
  /** Memory of a fixed size that the helper itself knows. */
  | "fixed"
  /** Bytes of the memory before it: known, not zero. */
  | "size"
  | "size-or-zero"
  /** A known number of bytes to allocate. */
  | "allocation-size"
  | "any"
  | "context"
  /** A function of the same program, to be called back. */
  | "function"
  | "stack-or-null"
  | "constant-string"
  /** A reserved ring-buffer record; the helper takes it away. */
  | "record"
  /** A kernel object known by BTF. */
  | "kernel"
  | "kernel-or-null"
  | "per-cpu"
  | "socket"
  | "sock-common"
  | "spin-lock"
  | "timer"
  | "kptr"
  | "dynptr"
  | "dynptr-output";

/** What a helper gives, after `enum bpf_return_type`. */
export type HelperReturn =
  | "int"
  | "void"
  | "map-value"
  | "map-value-or-null"
  /** A new ring-buffer record, which must be submitted or discarded. */
  | "record-or-null"
  | "memory"
  | "memory-or-null"
  | "kernel"
  | "kernel-or-null"
  | "socket-or-null"
  | "tcp-socket-or-null"
  | "sock-common-or-null";

export interface Helper {
  /** A value of `enum bpf_func_id`. */
  readonly id: number;
  /** Without the `bpf_`. */
  readonly name: string;
  /** Up to five. */
  readonly args: readonly HelperArgument[];
  readonly returns: HelperReturn;
  /** True when more arguments may follow (trace_printk). */
  readonly variadic?: true;
  /** True when, with the same arguments, every call within one run of a program gives the same answer. */
  readonly constant?: true;
}

// One line a helper, the line's number is its id: NAME ARGUMENTS… -> RETURN. `()`: no arguments; `…`: variadic; `=` before
// the name: constant within a run. Text, since it costs nothing until a helper is asked for.
const TABLE = `unspec
map_lookup_elem map key -> map-value-or-null
map_update_elem map key value any -> int
map_delete_elem map key -> int
probe_read output size-or-zero any -> int
ktime_get_ns () -> int
trace_printk memory size … -> int
get_prandom_u32 () -> int
=get_smp_processor_id () -> int
skb_store_bytes context any memory size any -> int
l3_csum_replace context any any any any -> int
l4_csum_replace context any any any any -> int
tail_call context map any -> void
clone_redirect context any any -> int
=get_current_pid_tgid () -> int
=get_current_uid_gid () -> int
get_current_comm output size -> int
=get_cgroup_classid context -> int
skb_vlan_push context any any -> int
skb_vlan_pop context -> int
skb_get_tunnel_key context output size any -> int
skb_set_tunnel_key context memory size any -> int
perf_event_read map any -> int
redirect any any -> int
get_route_realm context -> int
perf_event_output context map any memory size-or-zero -> int
skb_load_bytes context any output size -> int
get_stackid context map any -> int
csum_diff memory-or-null size-or-zero memory-or-null size-or-zero any -> int
skb_get_tunnel_opt context output size -> int
skb_set_tunnel_opt context memory size -> int
skb_change_proto context any any -> int
skb_change_type context any -> int
skb_under_cgroup context map any -> int
get_hash_recalc context -> int
=get_current_task () -> int
probe_write_user any memory size -> int
current_task_under_cgroup map any -> int
skb_change_tail context any any -> int
skb_pull_data context any -> int
csum_update context any -> int
set_hash_invalid context -> int
=get_numa_node_id () -> int
skb_change_head context any any -> int
xdp_adjust_head context any -> int
probe_read_str output size-or-zero any -> int
=get_socket_cookie context -> int
get_socket_uid context -> int
set_hash context any -> int
setsockopt context any any memory size -> int
skb_adjust_room context any any any -> int
redirect_map map any any -> int
sk_redirect_map context map any any -> int
sock_map_update context map key any -> int
xdp_adjust_meta context any -> int
perf_event_read_value map any output size -> int
perf_prog_read_value context output size -> int
getsockopt context any any output size -> int
override_return context any -> int
sock_ops_cb_flags_set context any -> int
msg_redirect_map context map any any -> int
msg_apply_bytes context any -> int
msg_cork_bytes context any -> int
msg_pull_data context any any any -> int
bind context memory size -> int
xdp_adjust_tail context any -> int
skb_get_xfrm_state context any output size any -> int
get_stack context output size-or-zero any -> int
skb_load_bytes_relative context any output size any -> int
fib_lookup context memory size any -> int
sock_hash_update context map key any -> int
msg_redirect_hash context map key any -> int
sk_redirect_hash context map key any -> int
lwt_push_encap context any memory size -> int
lwt_seg6_store_bytes context any memory size -> int
lwt_seg6_adjust_srh context any any -> int
lwt_seg6_action context any memory size -> int
rc_repeat context -> int
rc_keydown context any any any -> int
skb_cgroup_id context -> int
=get_current_cgroup_id () -> int
get_local_storage map any -> map-value
sk_select_reuseport context map key any -> int
skb_ancestor_cgroup_id context any -> int
sk_lookup_tcp context memory size any any -> socket-or-null
sk_lookup_udp context memory size any any -> socket-or-null
sk_release sock-common -> int
map_push_elem map value any -> int
map_pop_elem map value-output -> int
map_peek_elem map value-output -> int
msg_push_data context any any any -> int
msg_pop_data context any any any -> int
rc_pointer_rel context any any -> int
spin_lock spin-lock -> void
spin_unlock spin-lock -> void
sk_fullsock sock-common -> socket-or-null
tcp_sock sock-common -> tcp-socket-or-null
skb_ecn_set_ce context -> int
get_listener_sock sock-common -> socket-or-null
skc_lookup_tcp context memory size any any -> sock-common-or-null
tcp_check_syncookie sock-common memory size memory size -> int
sysctl_get_name context output size any -> int
sysctl_get_current_value context output-or-null size-or-zero -> int
sysctl_get_new_value context output size -> int
sysctl_set_new_value context memory size -> int
strtol memory size any fixed -> int
strtoul memory size any fixed -> int
sk_storage_get map sock-common value-or-null any -> map-value-or-null
sk_storage_delete map sock-common -> int
send_signal any -> int
tcp_gen_syncookie sock-common memory size memory size -> int
skb_output kernel map any memory size-or-zero -> int
probe_read_user output size-or-zero any -> int
probe_read_kernel output size-or-zero any -> int
probe_read_user_str output size-or-zero any -> int
probe_read_kernel_str output size-or-zero any -> int
tcp_send_ack kernel any -> int
send_signal_thread any -> int
jiffies64 () -> int
read_branch_records context output-or-null size-or-zero any -> int
get_ns_current_pid_tgid any any output size -> int
xdp_output kernel map any memory size-or-zero -> int
get_netns_cookie context -> int
=get_current_ancestor_cgroup_id any -> int
sk_assign context sock-common any -> int
ktime_get_boot_ns () -> int
seq_printf kernel memory size memory-or-null size-or-zero -> int
seq_write kernel memory size-or-zero -> int
sk_cgroup_id sock-common -> int
sk_ancestor_cgroup_id sock-common any -> int
ringbuf_output map memory size-or-zero any -> int
ringbuf_reserve map allocation-size any -> record-or-null
ringbuf_submit record any -> void
ringbuf_discard record any -> void
ringbuf_query map any -> int
csum_level context any -> int
skc_to_tcp6_sock sock-common -> kernel-or-null
skc_to_tcp_sock sock-common -> kernel-or-null
skc_to_tcp_timewait_sock sock-common -> kernel-or-null
skc_to_tcp_request_sock sock-common -> kernel-or-null
skc_to_udp6_sock sock-common -> kernel-or-null
get_task_stack kernel output size-or-zero any -> int
load_hdr_opt context output size any -> int
store_hdr_opt context memory size any -> int
reserve_hdr_opt context any any -> int
inode_storage_get map kernel value-or-null any -> map-value-or-null
inode_storage_delete map kernel -> int
d_path kernel output size-or-zero -> int
copy_from_user output size-or-zero any -> int
snprintf_btf output size memory size any -> int
seq_printf_btf kernel memory size-or-zero any -> int
skb_cgroup_classid context -> int
redirect_neigh any memory-or-null size-or-zero any -> int
per_cpu_ptr per-cpu any -> memory-or-null
this_cpu_ptr per-cpu -> memory
redirect_peer any any -> int
task_storage_get map kernel-or-null value-or-null any -> map-value-or-null
task_storage_delete map kernel-or-null -> int
=get_current_task_btf () -> kernel
bprm_opts_set kernel any -> int
ktime_get_coarse_ns () -> int
ima_inode_hash kernel output size -> int
sock_from_file kernel -> kernel-or-null
check_mtu context any fixed any any -> int
for_each_map_elem map function stack-or-null any -> int
snprintf output-or-null size-or-zero constant-string memory-or-null size-or-zero -> int
sys_bpf any memory size -> int
btf_find_by_name_kind memory size any any -> int
sys_close any -> int
timer_init timer map any -> int
timer_set_callback timer function -> int
timer_start timer any any -> int
timer_cancel timer -> int
=get_func_ip context -> int
=get_attach_cookie context -> int
task_pt_regs kernel -> kernel
get_branch_snapshot output size-or-zero any -> int
trace_vprintk memory size memory-or-null size-or-zero -> int
skc_to_unix_sock sock-common -> kernel-or-null
kallsyms_lookup_name memory size-or-zero any fixed -> int
find_vma kernel any function stack-or-null any -> int
loop any function stack-or-null any -> int
strncmp memory size constant-string -> int
get_func_arg context any fixed -> int
get_func_ret context fixed -> int
=get_func_arg_cnt context -> int
get_retval () -> int
set_retval any -> int
xdp_get_buff_len context -> int
xdp_load_bytes context any output size -> int
xdp_store_bytes context any output size -> int
copy_from_user_task output size-or-zero any kernel any -> int
skb_set_tstamp context any any -> int
ima_file_hash kernel output size -> int
kptr_xchg kptr kernel-or-null -> kernel-or-null
map_lookup_percpu_elem map key any -> map-value-or-null
skc_to_mptcp_sock sock-common -> kernel-or-null
dynptr_from_mem memory size-or-zero any dynptr-output -> int
ringbuf_reserve_dynptr map any any dynptr-output -> int
ringbuf_submit_dynptr dynptr any -> void
ringbuf_discard_dynptr dynptr any -> void
dynptr_read output size-or-zero dynptr any any -> int
dynptr_write dynptr any memory size-or-zero any -> int
dynptr_data dynptr any allocation-size -> memory-or-null
tcp_raw_gen_syncookie_ipv4 fixed memory size-or-zero -> int
tcp_raw_gen_syncookie_ipv6 fixed memory size-or-zero -> int
tcp_raw_check_syncookie_ipv4 fixed fixed -> int
tcp_raw_check_syncookie_ipv6 fixed fixed -> int
ktime_get_tai_ns () -> int
user_ringbuf_drain map function stack-or-null any -> int
cgrp_storage_get map kernel-or-null value-or-null any -> map-value-or-null
cgrp_storage_delete map kernel-or-null -> int`;

let rows: readonly string[] | undefined;
let ids: Map<string, number> | undefined;
const parsed = new Map<number, Helper>();

const lines = (): readonly string[] => (rows ??= TABLE.split("\n"));

const nameOf = (line: string): string => {
  const start = line.startsWith("=") ? 1 : 0;
  const end = line.indexOf(" ");
  return line.slice(start, end < 0 ? undefined : end);
};

/** The number of a helper by its name without `bpf_`; undefined where there is none. */
export function helperId(name: string): number | undefined {
  if (ids === undefined) {
    ids = new Map();
    lines().forEach((line, id) => {
      if (id > 0) ids?.set(nameOf(line), id);
    });
  }
  return ids.get(name);
}

/** The name of a helper, without `bpf_`; undefined for a number that no helper has. */
export function helperName(id: number): string | undefined {
  const line = id > 0 ? lines()[id] : undefined;
  return line === undefined ? undefined : nameOf(line);
}

/** All that is known of a helper, by number or name. */
export function helper(which: number | string): Helper | undefined {
  const id = typeof which === "string" ? helperId(which) : which;
  if (id === undefined) return undefined;
  const known = parsed.get(id);
  if (known !== undefined) return known;
  const line = id > 0 ? lines()[id] : undefined;
  if (line === undefined) return undefined;
  const words = line.split(" ").slice(1);
  const arrow = words.indexOf("->");
  const args = words.slice(0, arrow).filter((word) => word !== "()" && word !== "…");
  const entry: Helper = {
    id,
    name: nameOf(line),
    args: args as HelperArgument[],
    returns: words[arrow + 1] as HelperReturn,
    ...(words.includes("…") ? { variadic: true as const } : {}),
    ...(line.startsWith("=") ? { constant: true as const } : {}),
  };
  parsed.set(id, entry);
  return entry;
}

/** One more than the greatest number of a helper. */
export function helperCount(): number {
  return lines().length;
}
