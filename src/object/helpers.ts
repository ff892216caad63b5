// The kernel's helper functions: number, name, what they take and what they give.
//
// Numbers and names: include/uapi/linux/bpf.h, ___BPF_FUNC_MAPPER, which is closed: new functions are kfuncs. Prototypes:
// the `struct bpf_func_proto` of each, in kernel/bpf/helpers.c, kernel/trace/bpf_trace.c and net/core/filter.c.

import type { MapType } from "./map-types.ts";
import { PROGRAM_TYPES, type ProgramType } from "./program-types.ts";
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
  | "context-or-null"
  /** The one or the other, by the type of the program. */
  | "context-or-socket"
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
  /** It does nothing but answer: without use of the answer it can be left out. */
  readonly silent?: true;
  /** It leaves memory as it was, but for maps: what its pointers lead to is only read. */
  readonly keepsMemory?: true;
  /** Types of programs that may call it, where no kernel was asked (helper-permissions.ts); absent: all. */
  readonly programs?: ReadonlySet<ProgramType>;
  /** Only for programs under a licence that the kernel takes for GPL-compatible. */
  readonly gpl?: true;
  /** Types of maps that it takes; absent: any, or none (check_map_func_compatibility). */
  readonly maps?: readonly MapType[];
  /** It takes a piece of the packet as memory (`pkt_access`). */
  readonly takesPacket?: true;
  /** After it, pointers into the packet are void (bpf_helper_changes_pkt_data). */
  readonly movesPacket?: true;
  /** Bytes of its arguments of kind `fixed`, in order. */
  readonly fixedBytes: readonly number[];
  /** Its result is at most its size argument, or an error (do_refine_retval_range). */
  readonly returnsSize?: true;
  /** The release of Linux that brought it. */
  readonly since: string;
}

// One line a helper, the line's number is its id: NAME ARGUMENTS… -> RETURN; COLUMN… `()`: no arguments; `…`: variadic.
//
//     constant silent keeps gpl packet moves sized    as the fields constant, silent, keepsMemory, gpl, takesPacket, …
//     for=TYPES  maps=TYPES                           of programs and maps; groups of them in capitals, `!` all but these
//     bytes=N                                         of its fixed arguments
//     since=RELEASE                                   of this one and those after it: numbers are given in order
//
// Text, since it costs nothing until a helper is asked for.
const TABLE = `unspec
map_lookup_elem map key -> map-value-or-null; packet keeps maps=HASH,ARRAY,lpm_trie,array_of_maps,hash_of_maps,xskmap,sockmap,sockhash,devmap,devmap_hash,cpumap since=3.19
map_update_elem map key value any -> int; packet keeps maps=HASH,ARRAY,lpm_trie,sockmap,sockhash
map_delete_elem map key -> int; packet keeps maps=HASH,ARRAY,lpm_trie,sockmap,sockhash
probe_read output size-or-zero any -> int; for=TRACE gpl since=4.1
ktime_get_ns () -> int; silent keeps
trace_printk memory size … -> int; gpl keeps
get_prandom_u32 () -> int; keeps
get_smp_processor_id () -> int; constant
skb_store_bytes context any memory size any -> int; for=SKB moves
l3_csum_replace context any any any any -> int; for=SKB moves
l4_csum_replace context any any any any -> int; for=SKB moves
tail_call context map any -> void; maps=prog_array since=4.2
clone_redirect context any any -> int; for=SKB moves
get_current_pid_tgid () -> int; constant
get_current_uid_gid () -> int; constant
get_current_comm output size -> int
get_cgroup_classid context -> int; constant since=4.3
skb_vlan_push context any any -> int; for=SKB moves
skb_vlan_pop context -> int; for=SKB moves
skb_get_tunnel_key context output size any -> int; for=SKB
skb_set_tunnel_key context memory size any -> int; for=SKB
perf_event_read map any -> int; for=TRACE gpl maps=perf_event_array
redirect any any -> int; for=SKB,xdp since=4.4
get_route_realm context -> int
perf_event_output context map any memory size-or-zero -> int; for=TRACE,SKB,xdp,socket_filter,cgroup_skb gpl keeps maps=perf_event_array
skb_load_bytes context any output size -> int; for=SKB,socket_filter,cgroup_skb,flow_dissector since=4.5
get_stackid context map any -> int; for=TRACE gpl keeps maps=stack_trace since=4.6
csum_diff memory-or-null size-or-zero memory-or-null size-or-zero any -> int; for=SKB,xdp packet
skb_get_tunnel_opt context output size -> int; for=SKB
skb_set_tunnel_opt context memory size -> int; for=SKB
skb_change_proto context any any -> int; for=SKB moves since=4.8
skb_change_type context any -> int; for=SKB
skb_under_cgroup context map any -> int; maps=cgroup_array
get_hash_recalc context -> int
get_current_task () -> int; gpl constant
probe_write_user any memory size -> int; for=TRACE gpl keeps
current_task_under_cgroup map any -> int; for=TRACE maps=cgroup_array since=4.9
skb_change_tail context any any -> int; for=SKB moves
skb_pull_data context any -> int; for=SKB moves
csum_update context any -> int; for=SKB
set_hash_invalid context -> int; for=SKB
get_numa_node_id () -> int; constant since=4.10
skb_change_head context any any -> int; for=SKB moves
xdp_adjust_head context any -> int; for=xdp moves
probe_read_str output size-or-zero any -> int; for=TRACE gpl sized since=4.11
get_socket_cookie context-or-socket -> int; constant since=4.12
get_socket_uid context -> int
set_hash context any -> int; for=SKB since=4.13
setsockopt context-or-socket any any memory size -> int
skb_adjust_room context any any any -> int; for=SKB moves
redirect_map map any any -> int; for=xdp maps=devmap,devmap_hash,cpumap,xskmap since=4.14
sk_redirect_map context map any any -> int; maps=sockmap
sock_map_update context map key any -> int
xdp_adjust_meta context any -> int; for=xdp moves since=4.15
perf_event_read_value map any output size -> int; for=TRACE gpl maps=perf_event_array
perf_prog_read_value context output size -> int; for=TRACE gpl
getsockopt context-or-socket any any output size -> int
override_return context any -> int; for=TRACE gpl keeps since=4.16
sock_ops_cb_flags_set context any -> int
msg_redirect_map context map any any -> int; maps=sockmap since=4.17
msg_apply_bytes context any -> int
msg_cork_bytes context any -> int
msg_pull_data context any any any -> int; moves
bind context memory size -> int
xdp_adjust_tail context any -> int; for=xdp moves since=4.18
skb_get_xfrm_state context any output size any -> int; for=SKB
get_stack context output size-or-zero any -> int; for=TRACE gpl sized
skb_load_bytes_relative context any output size any -> int; for=SKB,socket_filter,cgroup_skb,flow_dissector
fib_lookup context memory size any -> int; gpl for=CLS,xdp
sock_hash_update context map key any -> int
msg_redirect_hash context map key any -> int
sk_redirect_hash context map key any -> int
lwt_push_encap context any memory size -> int; moves packet
lwt_seg6_store_bytes context any memory size -> int; moves
lwt_seg6_adjust_srh context any any -> int; moves
lwt_seg6_action context any memory size -> int; moves
rc_repeat context -> int; for=lirc_mode2
rc_keydown context any any any -> int; for=lirc_mode2
skb_cgroup_id context -> int
get_current_cgroup_id () -> int; constant
get_local_storage map any -> map-value; maps=cgroup_storage,percpu_cgroup_storage since=4.19
sk_select_reuseport context map key any -> int
skb_ancestor_cgroup_id context any -> int
sk_lookup_tcp context memory size any any -> socket-or-null; for=!TRACE,socket_filter packet since=4.20
sk_lookup_udp context memory size any any -> socket-or-null; for=!TRACE,socket_filter packet
sk_release sock-common -> int
map_push_elem map value any -> int; packet keeps maps=queue,stack,bloom_filter
map_pop_elem map value-output -> int; packet maps=queue,stack
map_peek_elem map value-output -> int; packet maps=queue,stack,bloom_filter
msg_push_data context any any any -> int; moves
msg_pop_data context any any any -> int; moves since=5.0
rc_pointer_rel context any any -> int; for=lirc_mode2
spin_lock spin-lock -> void; since=5.1
spin_unlock spin-lock -> void
sk_fullsock sock-common -> socket-or-null
tcp_sock sock-common -> tcp-socket-or-null
skb_ecn_set_ce context -> int; for=SKB
get_listener_sock sock-common -> socket-or-null
skc_lookup_tcp context memory size any any -> sock-common-or-null; for=!TRACE,socket_filter packet since=5.2
tcp_check_syncookie sock-common memory size memory size -> int; gpl packet
sysctl_get_name context output size any -> int
sysctl_get_current_value context output-or-null size-or-zero -> int
sysctl_get_new_value context output size -> int
sysctl_set_new_value context memory size -> int
strtol memory size any fixed -> int; bytes=8
strtoul memory size any fixed -> int; bytes=8
sk_storage_get map sock-common value-or-null any -> map-value-or-null; maps=sk_storage
sk_storage_delete map sock-common -> int; maps=sk_storage
send_signal any -> int; for=TRACE keeps since=5.3
tcp_gen_syncookie sock-common memory size memory size -> int; gpl packet
skb_output kernel map any memory size-or-zero -> int; gpl maps=perf_event_array since=5.5
probe_read_user output size-or-zero any -> int; gpl
probe_read_kernel output size-or-zero any -> int; gpl
probe_read_user_str output size-or-zero any -> int; gpl sized
probe_read_kernel_str output size-or-zero any -> int; gpl sized
tcp_send_ack kernel any -> int; for=struct_ops since=5.6
send_signal_thread any -> int; for=TRACE
jiffies64 () -> int; keeps
read_branch_records context output-or-null size-or-zero any -> int; for=TRACE gpl since=5.7
get_ns_current_pid_tgid any any output size -> int
xdp_output kernel map any memory size-or-zero -> int; gpl maps=perf_event_array
get_netns_cookie context-or-null -> int
get_current_ancestor_cgroup_id any -> int; constant
sk_assign context sock-common any -> int
ktime_get_boot_ns () -> int; silent keeps since=5.8
seq_printf kernel memory size memory-or-null size-or-zero -> int; gpl
seq_write kernel memory size-or-zero -> int; gpl
sk_cgroup_id sock-common -> int
sk_ancestor_cgroup_id sock-common any -> int
ringbuf_output map memory size-or-zero any -> int; keeps maps=ringbuf
ringbuf_reserve map allocation-size any -> record-or-null; keeps maps=ringbuf
ringbuf_submit record any -> void; keeps
ringbuf_discard record any -> void; keeps
ringbuf_query map any -> int; maps=ringbuf
csum_level context any -> int; for=SKB
skc_to_tcp6_sock sock-common -> kernel-or-null; since=5.9
skc_to_tcp_sock sock-common -> kernel-or-null
skc_to_tcp_timewait_sock sock-common -> kernel-or-null
skc_to_tcp_request_sock sock-common -> kernel-or-null
skc_to_udp6_sock sock-common -> kernel-or-null
get_task_stack kernel output size-or-zero any -> int; for=TRACE sized
load_hdr_opt context output size any -> int; since=5.10
store_hdr_opt context memory size any -> int; moves
reserve_hdr_opt context any any -> int
inode_storage_get map kernel value-or-null any -> map-value-or-null; for=lsm,tracing maps=inode_storage
inode_storage_delete map kernel -> int; for=lsm,tracing maps=inode_storage
d_path kernel output size-or-zero -> int
copy_from_user output size-or-zero any -> int; for=TRACE
snprintf_btf output size memory size any -> int
seq_printf_btf kernel memory size-or-zero any -> int; gpl
skb_cgroup_classid context -> int
redirect_neigh any memory-or-null size-or-zero any -> int; for=SKB
per_cpu_ptr per-cpu any -> memory-or-null
this_cpu_ptr per-cpu -> memory
redirect_peer any any -> int; for=SKB
task_storage_get map kernel-or-null value-or-null any -> map-value-or-null; keeps maps=task_storage since=5.11
task_storage_delete map kernel-or-null -> int; keeps maps=task_storage
get_current_task_btf () -> kernel; gpl constant
bprm_opts_set kernel any -> int; for=lsm
ktime_get_coarse_ns () -> int; silent keeps
ima_inode_hash kernel output size -> int; for=lsm gpl
sock_from_file kernel -> kernel-or-null
check_mtu context any fixed any any -> int; gpl for=CLS,xdp bytes=4 since=5.12
for_each_map_elem map function stack-or-null any -> int; maps=HASH,ARRAY since=5.13
snprintf output-or-null size-or-zero constant-string memory-or-null size-or-zero -> int; gpl
sys_bpf any memory size -> int; since=5.14
btf_find_by_name_kind memory size any any -> int
sys_close any -> int
timer_init timer map any -> int; gpl maps=HASH,array since=5.15
timer_set_callback timer function -> int; gpl
timer_start timer any any -> int; gpl
timer_cancel timer -> int; gpl
get_func_ip context -> int; for=TRACE gpl constant
get_attach_cookie context -> int; for=TRACE constant
task_pt_regs kernel -> kernel; gpl
get_branch_snapshot output size-or-zero any -> int; for=TRACE gpl since=5.16
trace_vprintk memory size memory-or-null size-or-zero -> int; gpl
skc_to_unix_sock sock-common -> kernel-or-null
kallsyms_lookup_name memory size-or-zero any fixed -> int; bytes=8
find_vma kernel any function stack-or-null any -> int; for=TRACE since=5.17
loop any function stack-or-null any -> int
strncmp memory size constant-string -> int; keeps
get_func_arg context any fixed -> int; for=tracing bytes=8
get_func_ret context fixed -> int; for=tracing bytes=8
get_func_arg_cnt context -> int; for=tracing constant
get_retval () -> int; since=5.18
set_retval any -> int
xdp_get_buff_len context -> int; for=xdp
xdp_load_bytes context any output size -> int; for=xdp
xdp_store_bytes context any output size -> int; for=xdp
copy_from_user_task output size-or-zero any kernel any -> int; gpl for=TRACE
skb_set_tstamp context any any -> int; for=SKB
ima_file_hash kernel output size -> int; for=lsm gpl
kptr_xchg kptr kernel-or-null -> kernel-or-null; since=5.19
map_lookup_percpu_elem map key any -> map-value-or-null; packet keeps maps=percpu_array,percpu_hash,lru_percpu_hash
skc_to_mptcp_sock sock-common -> kernel-or-null
dynptr_from_mem memory size-or-zero any dynptr-output -> int
ringbuf_reserve_dynptr map any any dynptr-output -> int; maps=ringbuf
ringbuf_submit_dynptr dynptr any -> void
ringbuf_discard_dynptr dynptr any -> void
dynptr_read output size-or-zero dynptr any any -> int
dynptr_write dynptr any memory size-or-zero any -> int
dynptr_data dynptr any allocation-size -> memory-or-null
tcp_raw_gen_syncookie_ipv4 fixed memory size-or-zero -> int; gpl packet bytes=20 since=6.0
tcp_raw_gen_syncookie_ipv6 fixed memory size-or-zero -> int; gpl packet bytes=40
tcp_raw_check_syncookie_ipv4 fixed fixed -> int; gpl packet bytes=20,20
tcp_raw_check_syncookie_ipv6 fixed fixed -> int; gpl packet bytes=40,20
ktime_get_tai_ns () -> int; silent keeps since=6.1
user_ringbuf_drain map function stack-or-null any -> int; maps=user_ringbuf
cgrp_storage_get map kernel-or-null value-or-null any -> map-value-or-null; maps=cgrp_storage since=6.2
cgrp_storage_delete map kernel-or-null -> int; maps=cgrp_storage`;

let rows: readonly string[] | undefined;
let ids: Map<string, number> | undefined;
const parsed = new Map<number, Helper>();

const lines = (): readonly string[] => (rows ??= TABLE.split("\n"));

const nameOf = (line: string): string => /^\w+/.exec(line)?.[0] ?? "";

const MAP_GROUPS: Readonly<Record<string, readonly MapType[]>> = {
  HASH: ["hash", "percpu_hash", "lru_hash", "lru_percpu_hash"],
  ARRAY: ["array", "percpu_array"],
};

const mapTypes = (names: string): readonly MapType[] =>
  names.split(",").flatMap((name) => MAP_GROUPS[name] ?? [name as MapType]);

/** Types of programs by their names and those of their groups. */
function programTypes(names: string): ReadonlySet<ProgramType> {
  const all = Object.keys(PROGRAM_TYPES) as ProgramType[];
  const named = names.replace("!", "").split(",");
  const among = (type: ProgramType): boolean =>
    named.includes(type) || PROGRAM_TYPES[type].groups?.some((group) => named.includes(group)) === true;
  return new Set(all.filter((type) => among(type) !== names.startsWith("!")));
}

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

/** The number of a helper by its name without `bpf_`. Throws where there is none. */
export function helperNumber(name: string): number {
  const id = helperId(name);
  if (id === undefined) throw new Error(`no helper is called '${name}'`);
  return id;
}

/** The name of a helper, without `bpf_`; undefined for a number that no helper has. */
export function helperName(id: number): string | undefined {
  const line = id > 0 ? lines()[id] : undefined;
  return line === undefined ? undefined : nameOf(line);
}

/** Of all helpers, without `bpf_`. */
export const helperNames = (): readonly string[] => lines().slice(1).map(nameOf);

/** All that is known of a helper, by number or name. */
export function helper(which: number | string): Helper | undefined {
  const id = typeof which === "string" ? helperId(which) : which;
  if (id === undefined) return undefined;
  const known = parsed.get(id);
  if (known !== undefined) return known;
  const line = id > 0 ? lines()[id] : undefined;
  if (line === undefined) return undefined;
  const [prototype, columns = ""] = line.split("; ") as [string, string?];
  const words = prototype.split(" ").slice(1);
  const arrow = words.indexOf("->");
  const args = words.slice(0, arrow).filter((word) => word !== "()" && word !== "…");
  const has = (column: string): boolean => columns.split(" ").includes(column);
  const value = (column: string): string | undefined => new RegExp(`(?:^| )${column}=(\\S+)`).exec(columns)?.[1];
  const [programs, maps, bytes] = [value("for"), value("maps"), value("bytes")];
  const entry: Helper = {
    id,
    name: nameOf(line),
    args: args as HelperArgument[],
    returns: words[arrow + 1] as HelperReturn,
    fixedBytes: args.filter((kind) => kind === "fixed").map((_, i) => Number(bytes?.split(",")[i])),
    since: release(id),
    ...(words.includes("…") ? { variadic: true } : {}),
    ...(has("constant") ? { constant: true } : {}),
    ...(has("silent") || has("constant") ? { silent: true } : {}),
    ...(has("keeps") || has("constant") ? { keepsMemory: true } : {}),
    ...(has("gpl") ? { gpl: true } : {}),
    ...(has("packet") ? { takesPacket: true } : {}),
    ...(has("moves") ? { movesPacket: true } : {}),
    ...(has("sized") ? { returnsSize: true } : {}),
    ...(programs === undefined ? {} : { programs: programTypes(programs) }),
    ...(maps === undefined ? {} : { maps: mapTypes(maps) }),
  };
  parsed.set(id, entry);
  return entry;
}

/** The release that brought a helper: that of the last row before it that names one. */
function release(id: number): string {
  for (let at = id; at > 0; at--) {
    const found = / since=(\S+)/.exec(lines()[at] as string)?.[1];
    if (found !== undefined) return found;
  }
  return "";
}

/** One more than the greatest number of a helper. */
export function helperCount(): number {
  return lines().length;
}
